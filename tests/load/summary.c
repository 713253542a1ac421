/* What a run measured, for people and as JSON; and whether all of it was answered. */
#include "load.h"

#include <px/jsonw.h>

#include <stdio.h>

static const struct {
    const char *name, *member;
    uint32_t per_million;
} summary_points[] = {{"p50", "p50", 500000},
                      {"p95", "p95", 950000},
                      {"p99", "p99", 990000},
                      {"p99.9", "p999", 999000},
                      {"max", "max", 1000000}};

static struct histogram summary_service(const struct load_run *run) {
    struct histogram all = {.n = 0};

    for (uint32_t i = 0; i < run->conf.ntargets; i++) {
        histogram_merge(&all, &run->targets[i].service);
    }
    return all;
}

/* Per request that was sent: what only waited in vain cost next to nothing. */
static double summary_cpu(const struct load_run *run) {
    uint64_t sent = run->lag.n;
    return sent ? (double)run->cpu / (double)sent : 0;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void write_times(struct px_jsonw *w, const char *name, const struct histogram *h) {
    px_jw_key(w, name);
    px_jw_obj(w);
    for (size_t i = 0; i < PX_ARRAY_LEN(summary_points); i++) {
        px_jw_key(w, summary_points[i].member);
        px_jw_fixed(w, histogram_at(h, summary_points[i].per_million), 3);
    }
    px_jw_key(w, "mean");
    px_jw_fixed(w, (int64_t)histogram_mean(h), 3);
    px_jw_ki64(w, "n", (int64_t)h->n);
    px_jw_obj_end(w);
}

static void write_target(const struct load_run *run, struct px_jsonw *w, uint32_t i) {
    const struct load_target *t = &run->conf.targets[i];
    const struct load_target_stats *s = &run->targets[i];
    char text[sizeof t->host + sizeof t->port + 1];

    (void)snprintf(text, sizeof text, "%s:%s", t->host, t->port);
    px_jw_obj(w);
    px_jw_kc(w, "url", text);
    px_jw_ki64(w, "sent", (int64_t)s->sent);
    px_jw_ki64(w, "acked", (int64_t)s->acked);
    px_jw_ki64(w, "unanswered", (int64_t)s->unanswered);
    write_times(w, "serviceMs", &s->service);
    px_jw_obj_end(w);
}

void load_measures_write(const struct load_run *run, struct px_jsonw *w) {
    struct histogram service = summary_service(run);

    px_jw_key(w, "seconds");
    px_jw_fixed(w, run->took, 6);
    px_jw_ki64(w, "late", (int64_t)run->late);
    px_jw_ki64(w, "ordered", (int64_t)run->ordered);
    write_times(w, "latencyMs", &run->latency);
    write_times(w, "serviceMs", &service);
    write_times(w, "sendLagMs", &run->lag);
    write_times(w, "ownLagMs", &run->asleep);
    px_jw_key(w, "cpuUsPerRequest");
    px_jw_fixed(w, (int64_t)(summary_cpu(run) * 1000), 3);
    px_jw_key(w, "targets");
    px_jw_arr(w);
    for (uint32_t i = 0; i < run->conf.ntargets; i++) {
        write_target(run, w, i);
    }
    px_jw_arr_end(w);
}

/* --- text ---------------------------------------------------------------------------------------
 */

static void print_times(const char *name, const struct histogram *h) {
    printf("%s ms:", name);
    for (size_t i = 0; i < PX_ARRAY_LEN(summary_points); i++) {
        printf(" %s %.2f", summary_points[i].name,
               (double)histogram_at(h, summary_points[i].per_million) / 1000);
    }
    printf("\n");
}

void load_summary_print(const struct load_run *run) {
    unsigned long long s[LOAD_STATES] = {0};
    struct histogram service = summary_service(run);
    double seconds = (double)run->took / 1e6;

    for (uint32_t i = 0; i < run->n; i++) {
        s[run->v[i].state]++;
    }
    printf("requests %u in %.1f s (%.0f sent/s), acked %llu, refused %llu, unavailable %llu, "
           "unknown %llu, "
           "unreachable %llu, unanswered %llu, unsent %llu, unexpected %llu, late %llu, retries "
           "%llu\n",
           run->n, seconds, seconds > 0 ? (double)run->lag.n / seconds : 0, s[LOAD_ACKED],
           s[LOAD_REFUSED], s[LOAD_BUSY], s[LOAD_UNKNOWN], s[LOAD_UNREACHABLE],
           s[LOAD_UNANSWERED] + s[LOAD_SENT], s[LOAD_UNSENT], (unsigned long long)run->unexpected,
           (unsigned long long)run->late, (unsigned long long)run->retries);
    print_times("ack", &run->latency);
    print_times("service", &service);
    print_times("send lag", &run->lag);
    print_times("own lag", &run->asleep);
    printf("cpu of px-load: %.2f us per request\n", summary_cpu(run));
    if (run->full) {
        printf("ended early: one run holds %u requests\n", run->cap);
    }
    if (run->first_strange[0]) {
        printf("first unexpected answer: %s\n", run->first_strange);
    }
}

bool load_all_answered(const struct load_run *run) {
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->v[i].retried) {
            continue;
        }
        switch ((enum load_state)run->v[i].state) {
        case LOAD_UNSENT:
        case LOAD_SENT:
        case LOAD_UNREACHABLE:
        case LOAD_UNANSWERED:
            return false;
        case LOAD_ACKED:
        case LOAD_REFUSED:
        case LOAD_BUSY:
        case LOAD_UNKNOWN:
        case LOAD_STRANGE:
            break;
        }
    }
    return run->unexpected == 0;
}
