/* Shared by offsets.c and take.c only. */
#ifndef AGG_OFFSETS_PRIV_H
#define AGG_OFFSETS_PRIV_H

#include "offsets.h"
#include "store.h"

struct agg_offsets {
    struct agg_offsets_conf conf;
    struct px_sql *sql; /* NULL = detached */
    struct agg_table seed, ledger_seed, take, touch, fence, ledger;
    struct px_stmt *load, *others, *gap_add, *ledger_load;
};

/* Bind (log_id, topic) as parameters 0 and 1. */
PX_MUST_USE enum px_code agg_offsets_bind_log(const struct agg_offsets *o, struct px_stmt *st,
                                              const char *log_id, struct px_err *reterr);

#endif
