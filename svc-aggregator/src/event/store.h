/* The operators: how each table takes its share of a batch. apply.c walks the list and knows none
 * of them by name. An operator folds a classified slice into rows (pure), may load the state it
 * merges with, and stores set-based. Today there is one kind: columns that add up (add, min, max),
 * besides the raw rows and the ledger; sketches and keyed state machines will be further kinds. */
#ifndef AGG_STORE_H
#define AGG_STORE_H

#include "ledger.h"
#include "table.h"

#include <px/rollup.h>

/* What an operator folds. */
struct agg_applied {
    const char *log_id, *topic;
    const struct agg_slice *slice;          /* every record, classified            */
    const struct px_classified *classified; /* those that are not dead             */
    size_t nclassified;
    struct px_arena *arena; /* scratch of this attempt */
};

struct agg_op {
    const char *name; /* of the table or rollup: in errors and failpoints */
    char failpoint[64];
    struct agg_table table;
    /* fold: fill table.rows. Pure. Errors: PX_NOMEM, PX_TOO_LARGE. */
    enum px_code (*fold)(struct agg_op *op, const struct agg_applied *a, struct px_err *reterr);
    /* load: read inside the transaction what the fold merges with; NULL = nothing to read */
    enum px_code (*load)(struct agg_op *op, const struct agg_applied *a, struct px_err *reterr);
    /* private to the kinds in store.c */
    const struct px_rollup *rollup;
    struct px_table_stmt def;
    const char *columns[PX_ROLLUP_MAX_KEYS + PX_ROLLUP_MAX_MEASURES];
    enum px_column types[PX_ROLLUP_MAX_KEYS + PX_ROLLUP_MAX_MEASURES];
    enum px_op ops[PX_ROLLUP_MAX_MEASURES];
    struct px_buf text;
};

#define AGG_MAX_OPS 64
struct agg_ops {
    struct agg_op *v;
    size_t n;
};

struct agg_ops_conf {
    const struct px_rollups *rollups; /* kept */
    const struct px_dialect *dialect; /* kept */
    bool store_raw;
    size_t max_bytes; /* cap of one statement parameter */
};

/* agg_ops_init(o, conf, reterr): the list in the order of storing: raw rows, rollups, ledger, and
 * last the rollups with the hottest rows. Errors: PX_NOMEM, PX_CONFIG (more than AGG_MAX_OPS). */
PX_MUST_USE enum px_code agg_ops_init(struct agg_ops *o, const struct agg_ops_conf *conf,
                                      struct px_err *reterr);
void agg_ops_fini(struct agg_ops *o);
PX_MUST_USE enum px_code agg_ops_prepare(struct agg_ops *o, struct px_sql *s,
                                         struct px_err *reterr);
PX_MUST_USE enum px_code agg_ops_try(struct agg_ops *o, struct px_err *reterr);
void agg_ops_forget(struct agg_ops *o);

/* agg_ledger_table: partition_ledger as an upsert of agg_ledger_cells; the take of partitions uses
 * it too, for gaps and rewinds. */
extern const struct px_table_stmt agg_ledger_table;
struct agg_ledger_extra {
    int64_t gap, rewound;
};
void agg_ledger_cells(struct px_rows *rows, const char *log_id, const char *topic,
                      const struct agg_ledger_row *row, struct agg_ledger_extra extra);

#endif
