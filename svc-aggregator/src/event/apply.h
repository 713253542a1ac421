/* The transaction: one slice of the log becomes rows, dispositions and offsets, all or nothing.
 * One attempt on one connection; settle.c decides what follows a failure. */
#ifndef AGG_APPLY_H
#define AGG_APPLY_H

#include "claim.h"
#include "store.h"

struct agg_apply_conf {
    const struct px_rollups *rollups; /* kept */
    const struct px_dialect *dialect; /* kept */
    const char *topic;                /* kept */
    const char *key_file;             /* Erasure:KeyFile; kept; NULL = none */
    bool store_raw;
    size_t max_events, max_bytes; /* of a batch */
};

struct agg_apply;
PX_MUST_USE enum px_code agg_apply_new(const struct agg_apply_conf *conf, struct agg_apply **ret,
                                       struct px_err *reterr);
void agg_apply_free(struct agg_apply *a);

/* agg_apply_attach(a, s, reterr): prepare the statements on ${s}. agg_apply_detach: before ${s} is
 * closed. Errors: PX_SQL*, PX_SCHEMA (a table is missing). Threads: owner. */
PX_MUST_USE enum px_code agg_apply_attach(struct agg_apply *a, struct px_sql *s,
                                          struct px_err *reterr);
void agg_apply_detach(struct agg_apply *a);

/* agg_apply_try(a, reterr): every statement of the transaction once, without rows, and rolled back:
 * are the tables, their columns and the rights to them there? Errors: PX_SCHEMA, PX_DENIED,
 * PX_SQL*, naming the table. */
PX_MUST_USE enum px_code agg_apply_try(struct agg_apply *a, struct px_err *reterr);

/* agg_apply(a, log_id, slice, reterr): one transaction: fence, bounds, claims, fold, stores,
 * commit. Afterwards every record of ${slice} has its disposition. PX_OK only when it is committed.
 * Errors: PX_FENCED (another owner moved the offsets on; nothing was stored), PX_UNKNOWN_OUTCOME
 * (read the offsets back on a new connection), PX_SQL*, PX_NOMEM, PX_TOO_LARGE; nothing is stored
 * but with PX_UNKNOWN_OUTCOME, where that is not known. Source: DECISIONS on what counts,
 * ARCHITECTURE 5. */
PX_MUST_USE enum px_code agg_apply(struct agg_apply *a, const char *log_id,
                                   const struct agg_slice *slice, struct px_err *reterr);

#endif
