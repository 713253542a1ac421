/* The writing half of --rebuild: short transactions that keep every batch out, one per table and
 * day. Each can be run again at any time; a process that dies leaves whole ones behind. */
#ifndef AGG_MEND_H
#define AGG_MEND_H

#include "audit.h"

/* How many keys of an aggregation without days one transaction mends. */
#define AGG_MEND_KEYS 20000

struct agg_mend {           /* what is to be mended, and what was */
    struct agg_recount *rc; /* NULL = the ledger */
    size_t rollup;          /* its place in audit->v: a new connection prepares it anew */
    const struct px_window *w;
    bool whole;                           /* no days: by keys                           */
    int64_t planned[PX_RECOUNT_MEASURES]; /* stored - recomputed, of counts, as planned */
    int64_t planned_rows;                 /* that differ, as planned                    */
    struct agg_tally before;              /* found inside the transactions              */
    int64_t unmended;                     /* rows of the ledger that nothing proves     */
};

/* agg_mend_window, agg_mend_ledger(a, m, reterr): lock, look again, change, commit; again and again
 * for as long as others hold the locks or the database is away, two minutes at most. With
 * ${m}->whole until no key differs. Errors: PX_BUSY (the rows changed in another way than by
 * batches that store raw rows: plan again), PX_INVALID (raw rows are no longer complete), PX_SQL*.
 */
PX_MUST_USE enum px_code agg_mend_window(struct agg_audit *a, struct agg_mend *m,
                                         struct px_err *reterr);
PX_MUST_USE enum px_code agg_mend_ledger(struct agg_audit *a, struct agg_mend *m,
                                         struct px_err *reterr);

#endif
