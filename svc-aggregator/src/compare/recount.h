/* One row of schemas/rollups.yaml as px_recount: its rows computed again from `events`, compared
 * with what is stored, and put right. Used by --reconcile and --rebuild; knows no days but those of
 * the window it is given. */
#ifndef AGG_RECOUNT_H
#define AGG_RECOUNT_H

#include "report.h"

#include <px/recount.h>
#include <px/rollup.h>

struct agg_tally {                   /* of a window */
    int64_t stored, computed;        /* rows                                */
    int64_t changed, missing, extra; /* rows that differ                    */
    int64_t sum_stored[PX_RECOUNT_MEASURES], sum_computed[PX_RECOUNT_MEASURES]; /* of counts */
};
int64_t agg_tally_differences(const struct agg_tally *t);
void agg_tally_add(struct agg_tally *to, const struct agg_tally *t);

struct agg_recount_stmt {
    struct px_recount_text text;
    struct px_stmt *st; /* NULL = not prepared */
};
struct agg_recount {
    struct px_recount def;
    char id[96];            /* of the check: "rollup.event_summary"                      */
    bool by_day, by_bucket; /* which windows it takes; neither: one for the whole table  */
    bool counts_all;        /* by day or bucket; its first measure counts every counted event */
    bool witness;           /* agg_witness_is                                             */
    px_day kept_from;       /* by day or bucket: agg_complete_from; set by agg_audit_days */
    bool adds_accepted;     /* a measure adds up accepted events                            */
    bool all_time;          /* as px_recount_shape                                             */
    bool by_since;          /* its window is limited to keys first seen in a span        */
    struct px_sql *s;
    struct agg_recount_stmt tally;
};

/* agg_recount_init(rc, rollup): describe ${rollup}, which is kept. */
void agg_recount_init(struct agg_recount *rc, const struct px_rollup *rollup);
/* agg_recount_open(rc, s, reterr): prepare on ${s}; set rc->all_time and rc->by_since before.
 * agg_recount_close: before it is closed. Errors: PX_SQL*, PX_SCHEMA. */
PX_MUST_USE enum px_code agg_recount_open(struct agg_recount *rc, struct px_sql *s,
                                          struct px_err *reterr);
void agg_recount_close(struct agg_recount *rc);

/* agg_recount_tally(rc, w, ret, reterr): how stored and computed rows compare. */
PX_MUST_USE enum px_code agg_recount_tally(struct agg_recount *rc, const struct px_window *w,
                                           struct agg_tally *ret, struct px_err *reterr);
/* agg_recount_name(rc, w, report, reterr): the rows that differ, as far as ${report} has room. */
PX_MUST_USE enum px_code agg_recount_name(struct agg_recount *rc, const struct px_window *w,
                                          struct agg_report *report, struct px_err *reterr);

struct agg_change {
    const struct px_window *w;
    bool remove, store;         /* rows that are too many; rows that are missing or differ */
    bool partial;               /* as px_recount_shape                                     */
    const struct px_rows *keys; /* only these; NULL = all of the window                    */
};
/* agg_recount_change(rc, c, reterr): inside the caller's transaction. Every step reads the raw rows
 * once. */
PX_MUST_USE enum px_code agg_recount_change(struct agg_recount *rc, const struct agg_change *c,
                                            struct px_err *reterr);

struct agg_keys {
    unsigned limit;
    bool partial;         /* as px_recount_shape                         */
    struct px_rows *rows; /* px_recount_keys of ${rc}                    */
    int64_t extra, wrong; /* how many of them are too many; all others   */
};
/* agg_recount_keys(rc, w, k, reterr): the keys of the rows that differ, at most k->limit, into
 * k->rows. Only for aggregations without day and bucket. */
PX_MUST_USE enum px_code agg_recount_keys(struct agg_recount *rc, const struct px_window *w,
                                          struct agg_keys *k, struct px_err *reterr);

#endif
