/* A set-based statement with the rows it takes: rendered by the dialect once per connection, filled
 * and run once per transaction. Below apply.c and offsets.c; knows columns, not what they mean. */
#ifndef AGG_TABLE_H
#define AGG_TABLE_H

#include <px/dialect.h>
#include <px/statements.h>

struct agg_table {
    const struct px_table_stmt *def; /* kept */
    px_render_set *render;
    struct px_rows *rows;
    struct px_stmt *st; /* of the open connection; NULL = not prepared */
};

/* agg_table_init(t, d, def, max_bytes, reterr): room for the rows of ${def}; set t->render before
 * agg_table_prepare. Errors: PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code agg_table_init(struct agg_table *t, const struct px_dialect *d,
                                        const struct px_table_stmt *def, size_t max_bytes,
                                        struct px_err *reterr);
void agg_table_fini(struct agg_table *t);

/* agg_table_prepare(t, s, reterr): render and prepare on ${s}. Errors: PX_SQL*, PX_NOMEM. */
PX_MUST_USE enum px_code agg_table_prepare(struct agg_table *t, struct px_sql *s,
                                           struct px_err *reterr);
/* agg_table_prepare_fence(t, s, reterr): the same with the statement of the fence. */
PX_MUST_USE enum px_code agg_table_prepare_fence(struct agg_table *t, struct px_sql *s,
                                                 struct px_err *reterr);
/* agg_table_forget(t): the connection is gone, and its statements with it. */
void agg_table_forget(struct agg_table *t);
/* agg_table_run(t, reterr): bind the rows and execute; without rows nothing is executed. Read what
 * it returns with px_stmt_next(t->st), to the end. */
PX_MUST_USE enum px_code agg_table_run(struct agg_table *t, struct px_err *reterr);
/* agg_table_store(t, reterr): run, and leave what it returns. */
PX_MUST_USE enum px_code agg_table_store(struct agg_table *t, struct px_err *reterr);

/* agg_table_try(t, reterr): execute without rows: the table, its columns and the rights to it are
 * there, or the error says what is missing. Errors: PX_SQL*, PX_SCHEMA, PX_DENIED. */
PX_MUST_USE enum px_code agg_table_try(struct agg_table *t, struct px_err *reterr);

/* agg_prepare(s, text, what, ret, reterr): prepare what was rendered into ${text}; ${what} is named
 * when that fails. Errors: PX_SQL*, PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_prepare(struct px_sql *s, struct px_buf *text, const char *what,
                                     struct px_stmt **ret, struct px_err *reterr);
/* agg_stmt(s, which, ret, reterr): prepare one of px/statements.h. */
PX_MUST_USE enum px_code agg_stmt(struct px_sql *s, enum px_statement which, struct px_stmt **ret,
                                  struct px_err *reterr);

#endif
