/* Retention:Every: the running service removes old rows itself, on a thread and a connection of its
 * own. Several processes on one database: one at a time does it. A failure is logged and tried
 * again the next time; the aggregator goes on. */
#include "agg.h"

/* Time for the aggregator to learn how far the log reaches: what is not read yet holds claims. */
#define AGG_FIRST_AFTER (10 * PX_US_PER_S)

static bool pause_or_stop(void *arg, px_us span) {
    struct agg *a = arg;
    return agg_status_sleep(&a->status, span);
}

static void once(struct agg *a) {
    struct agg_retained ret = {.n = 0};
    struct agg_retain r = {.pause = pause_or_stop, .arg = a};
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = agg_retain_open(a, true, &r, &err);
    if (rc == PX_OK) {
        rc = agg_retain_run(&r, &ret, &err);
        px_sql_close(r.sql);
    }
    agg_retained_log(&ret, rc == PX_OK ? NULL : &err);
    struct px_shard *shard = px_metrics_shard(a->metrics, AGG_SHARD_RETENTION);
    px_count(shard, AGG_M_RETAINED, 0, 0, (uint64_t)agg_retained_rows(&ret));
    if (rc == PX_OK && !ret.stopped && !ret.busy) {
        px_gauge_us(shard, AGG_M_LAST_RETENTION, 0, 0, px_wall(&px_clock_system));
    }
}

void *agg_retain_thread(void *arg) {
    struct agg *a = arg;
    px_us first = a->conf->retain_every < AGG_FIRST_AFTER ? a->conf->retain_every : AGG_FIRST_AFTER;
    for (px_us wait = first; !agg_status_sleep(&a->status, wait); wait = a->conf->retain_every) {
        once(a);
    }
    return NULL;
}
