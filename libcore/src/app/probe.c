/* Runs named probes in list order with the `needs` rule. One list serves --check, /readyz and the
 * start-up gate; what a probe asks lies in the programs. Must not print or log. */
#include <px/probe.h>

#include <stdio.h>
#include <string.h>

static const struct px_probe_result *result_of(const struct px_probe_result *results, size_t n,
                                               const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(results[i].probe->name, name) == 0) {
            return &results[i];
        }
    }
    return NULL;
}

/* The probe whose failure stands in the way of ${p}, directly or through others; NULL = none.
 * `needs` names an earlier probe only, so the walk ends. */
static const char *blocked_by(const struct px_probe *p, const struct px_probe_result *results,
                              size_t n) {
    while (p->needs) {
        const struct px_probe_result *r = result_of(results, n, p->needs);
        if (!r || (r->state != PX_PROBE_FAILED && r->state != PX_PROBE_SKIPPED)) {
            return NULL;
        }
        if (r->state == PX_PROBE_FAILED) {
            return r->probe->name;
        }
        n = (size_t)(r - results);
        p = r->probe;
    }
    return NULL;
}

static enum px_probe_state failure_state(const struct px_probe *p, unsigned mask) {
    bool at_start = (mask & PX_PROBE_START) && (p->flags & PX_PROBE_START);
    return (p->flags & PX_PROBE_WARN) && !at_start ? PX_PROBE_WARNED : PX_PROBE_FAILED;
}

static void run_one(const struct px_probe *p, unsigned mask, void *svc,
                    struct px_probe_result *ret) {
    struct px_probe_out out = {.detail = ""};
    struct px_err err = PX_ERR_INIT;

    ret->code = p->run(svc, &out, &err);
    if (ret->code != PX_OK || out.warn) {
        memcpy(ret->remedy, out.remedy, sizeof ret->remedy);
        ret->remedy[sizeof ret->remedy - 1] = '\0';
    }
    if (ret->code == PX_OK) {
        ret->state = out.skip ? PX_PROBE_SKIPPED : out.warn ? PX_PROBE_WARNED : PX_PROBE_OK;
        snprintf(ret->detail, sizeof ret->detail, "%.*s", (int)sizeof ret->detail - 1, out.detail);
        return;
    }
    ret->state = failure_state(p, mask);
    snprintf(ret->detail, sizeof ret->detail, "%s", err.msg[0] ? err.msg : px_code_doc(ret->code));
}

size_t px_probes_run(const struct px_probe *list, size_t n, unsigned mask, void *svc,
                     const struct px_clock *clock, struct px_probe_result *results) {
    size_t done = 0;

    for (size_t i = 0; i < n; i++) {
        const struct px_probe *p = &list[i];
        struct px_probe_result *r = &results[done];
        const char *blocker;
        px_us from = px_mono(clock);
        if (mask && !(p->flags & mask)) {
            continue;
        }
        *r = (struct px_probe_result){.probe = p};
        blocker = blocked_by(p, results, done);
        if (blocker) {
            r->state = PX_PROBE_SKIPPED;
            snprintf(r->detail, sizeof r->detail, "needs %s", blocker);
        } else {
            run_one(p, mask, svc, r);
        }
        r->took = px_mono(clock) - from;
        done++;
    }
    return done;
}

bool px_probes_failed(const struct px_probe_result *results, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (results[i].state == PX_PROBE_FAILED) {
            return true;
        }
    }
    return false;
}
