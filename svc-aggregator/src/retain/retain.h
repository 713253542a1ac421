/* Retention on one connection: find out how far it may go, say so in px_settings, wait for batches
 * that do not know it yet, then remove what is old in short transactions. Whatever it is
 * interrupted by, the next run goes on. Knows no command line and no thread; retain_cmd.c and
 * retain_thread.c do. */
#ifndef AGG_RETAIN_H
#define AGG_RETAIN_H

#include "bounds.h"

#include <px/clock.h>

struct agg_retain {
    const struct agg_conf *conf;
    const struct px_rollups *rollups;
    const struct px_zone *zone;
    const struct px_clock *clock;
    struct px_sql *sql; /* WRITE for a run, READ for a plan */
    /* wait for ${span}; true = stop now. Called between transactions. */
    bool (*pause)(void *arg, px_us span);
    void *arg;
};

/* One table. */
struct agg_removed {
    const char *table;
    px_day below;
    int64_t rows; /* a plan: that would go */
    int64_t batches;
    px_us longest; /* transaction, from when it has its locks to the end of COMMIT */
};
struct agg_retained {
    struct agg_bounds bounds;
    /* what is true afterwards: the bounds, or a mark of px_settings that was above them */
    px_day late_before, raw_complete;
    struct agg_removed v[AGG_MAX_OLD];
    size_t n;
    px_us took;
    bool busy;    /* another session is at it: nothing was done      */
    bool stopped; /* pause said so: the rest is left to the next run */
};

/* agg_retain_plan(r, ret, reterr): what a run would remove now. Changes nothing.
 * agg_retain_run(r, ret, reterr): remove it. ${ret} says what was done also when it failed. Errors:
 * PX_CONFIG (this machine's clock and the database's are an hour apart), PX_SCHEMA (a mark is no
 * day), PX_SQL*. */
PX_MUST_USE enum px_code agg_retain_plan(const struct agg_retain *r, struct agg_retained *ret,
                                         struct px_err *reterr);
PX_MUST_USE enum px_code agg_retain_run(const struct agg_retain *r, struct agg_retained *ret,
                                        struct px_err *reterr);
int64_t agg_retained_rows(const struct agg_retained *ret);
px_us agg_retained_longest(const struct agg_retained *ret);

/* For people, for programs, for the log (one line; ${err} NULL = it went well). */
void agg_retained_text(const struct agg_retained *ret, bool plan, struct px_buf *out);
void agg_retained_json(const struct agg_retained *ret, bool plan, struct px_buf *out);
void agg_retained_log(const struct agg_retained *ret, const struct px_err *err);

#endif
