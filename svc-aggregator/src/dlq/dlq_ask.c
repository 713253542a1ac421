/* The parameters of --dlq; pure. */
#include "dlq.h"

#include <px/num.h>
#include <px/validate.h>

#include <string.h>

const struct px_app_param agg_dlq_params[AGG_DLQ_PARAMS] = {
    {.name = "reason", .value = "CODE", .help = "only letters of this reason (docs/errors.md)"},
    {.name = "since", .value = "TIME", .help = "written at or after TIME: RFC 3339, a date, or 2h"},
    {.name = "until", .value = "TIME", .help = "written before TIME"},
    {.name = "type", .value = "EVENT_TYPE", .help = "of this event type, as far as the bytes tell"},
    {.name = "request", .value = "ID", .help = "of the request whose answer named this id"},
    {.name = "partition", .value = "P", .help = "whose record stood in partition P"},
    {.name = "offset", .value = "O", .help = "... at offset O"},
    {.name = "limit", .value = "N", .help = "N letters at most; replay: N that are written"},
    {.name = "json", .help = "one JSON object per line"},
    {.name = "dry-run", .help = "replay: say what would be done, write nothing"},
    {.name = "show-payload", .help = "show: print the values and all bytes (personal data!)"},
};

struct asking {
    agg_dlq_get *get;
    const void *arg;
    px_us now;
};

static struct px_str given(const struct asking *a, const char *name) {
    return px_str_c(a->get(a->arg, name));
}

static enum px_code reason_of(const struct asking *a, struct px_str *ret, struct px_err *reterr) {
    const char *codes[PX_REASON_COUNT];
    struct px_str v = given(a, "reason");
    char word[64];
    if (!v.p) {
        return PX_OK;
    }
    for (size_t i = 0; i < PX_REASON_COUNT; i++) {
        codes[i] = px_reason_code((enum px_reason)i);
        if (px_str_is(v, codes[i])) {
            *ret = v;
            return PX_OK;
        }
    }
    const char *near =
        px_str_copy(v, word, sizeof word) ? px_str_nearest(word, codes, PX_REASON_COUNT) : NULL;
    return PX_FAIL(reterr, PX_USAGE,
                   "--reason %.40s: no such reason%s%s; docs/errors.md lists them", v.p,
                   near ? ", did you mean " : "", near ? near : "");
}

static enum px_code time_of(const struct asking *a, const char *name, px_us *ret,
                            struct px_err *reterr) {
    struct px_str v = given(a, name);
    px_day day;
    px_us span;
    if (!v.p || px_parse_instant(v, ret)) {
        return PX_OK;
    }
    if (px_parse_date(v, &day)) {
        *ret = (px_us)day * PX_US_PER_DAY;
        return PX_OK;
    }
    if (px_parse_duration(v, &span) && span < a->now) {
        *ret = a->now - span;
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_USAGE,
                   "--%s %.40s: give a time as 2026-11-21T10:00:00Z, a date as 2026-11-21, or how "
                   "long ago as 30m, 2h, 3d",
                   name, v.p);
}

static enum px_code number_of(const struct asking *a, const char *name, int64_t min, int64_t max,
                              int64_t *ret, struct px_err *reterr) {
    struct px_str v = given(a, name);
    if (!v.p || px_parse_i64(v, min, max, ret)) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_USAGE, "--%s %.40s: give a number from %lld to %lld", name, v.p,
                   (long long)min, (long long)max);
}

static enum px_code flags_fit(const struct agg_dlq_ask *k, const char *what,
                              struct px_err *reterr) {
    if (k->dry && strcmp(what, "replay") != 0) {
        return PX_FAIL(reterr, PX_USAGE, "--dry-run goes with --dlq=replay; --dlq=%s only reads",
                       what);
    }
    if (k->payload && strcmp(what, "show") != 0) {
        return PX_FAIL(reterr, PX_USAGE, "--show-payload goes with --dlq=show");
    }
    if (k->filter.offset >= 0 && k->filter.partition < 0) {
        return PX_FAIL(reterr, PX_USAGE, "--offset needs --partition: offsets count by partition");
    }
    if (k->filter.until != 0 && k->filter.until <= k->filter.since) {
        return PX_FAIL(reterr, PX_USAGE, "--until is not after --since: nothing can match");
    }
    if (k->limit > 0 && strcmp(what, "stats") == 0) {
        return PX_FAIL(reterr, PX_USAGE, "--limit does not go with --dlq=stats, which counts all");
    }
    return PX_OK;
}

enum px_code agg_dlq_parse(agg_dlq_get *get, const void *arg, const char *what, px_us now,
                           struct agg_dlq_ask *ret, struct px_err *reterr) {
    struct asking a = {.get = get, .arg = arg, .now = now};
    struct agg_dlq_ask k = {.filter = {.partition = -1, .offset = -1},
                            .json = get(arg, "json") != NULL,
                            .dry = get(arg, "dry-run") != NULL,
                            .payload = get(arg, "show-payload") != NULL};
    k.filter.type = given(&a, "type");
    if (k.filter.type.p && k.filter.type.n == 0) {
        return PX_FAIL(reterr, PX_USAGE, "--type is empty: name an event type");
    }
    k.filter.request = given(&a, "request");
    if (k.filter.request.p && k.filter.request.n == 0) {
        return PX_FAIL(reterr, PX_USAGE, "--request is empty: give an X-Request-Id");
    }
    enum px_code rc = reason_of(&a, &k.filter.reason, reterr);
    rc = rc == PX_OK ? time_of(&a, "since", &k.filter.since, reterr) : rc;
    rc = rc == PX_OK ? time_of(&a, "until", &k.filter.until, reterr) : rc;
    rc = rc == PX_OK ? number_of(&a, "partition", 0, INT32_MAX, &k.filter.partition, reterr) : rc;
    rc = rc == PX_OK ? number_of(&a, "offset", 0, INT64_MAX, &k.filter.offset, reterr) : rc;
    rc = rc == PX_OK ? number_of(&a, "limit", 1, INT32_MAX, &k.limit, reterr) : rc;
    rc = rc == PX_OK ? flags_fit(&k, what, reterr) : rc;
    if (rc == PX_OK) {
        *ret = k;
    }
    return rc;
}
