/* Rows plus a prepared statement. Between the operators and libcore's sql layer; holds no SQL text.
 */
#include "table.h"

#define AGG_SQL_MAX (64 << 10) /* longest statement text that is rendered */

enum px_code agg_table_init(struct agg_table *t, const struct px_dialect *d,
                            const struct px_table_stmt *def, size_t max_bytes,
                            struct px_err *reterr) {
    t->def = def;
    enum px_code rc = px_rows_new(d, def->types, def->ncolumns, max_bytes, &t->rows);
    return rc == PX_OK ? PX_OK : PX_FAIL(reterr, rc, "no memory for the rows of %s", def->table);
}

void agg_table_fini(struct agg_table *t) {
    px_rows_free(t->rows);
    *t = (struct agg_table){0};
}

enum px_code agg_prepare(struct px_sql *s, struct px_buf *text, const char *what,
                         struct px_stmt **ret, struct px_err *reterr) {
    enum px_code rc = px_buf_ok(text, reterr);
    if (rc == PX_OK) {
        rc = px_sql_prepare(s, px_buf_view(text), ret, reterr);
    }
    if (rc != PX_OK) {
        PX_IGNORE(px_err_context(reterr, "%s", what)); /* the code is already in rc */
    }
    return rc;
}

enum px_code agg_table_prepare(struct agg_table *t, struct px_sql *s, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(AGG_SQL_MAX);
    t->render(px_sql_dialect(s), t->def, &text);
    return agg_prepare(s, &text, t->def->table, &t->st, reterr);
}

enum px_code agg_table_prepare_fence(struct agg_table *t, struct px_sql *s, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(AGG_SQL_MAX);
    const struct px_dialect *d = px_sql_dialect(s);
    d->fence(d, &text);
    return agg_prepare(s, &text, t->def->table, &t->st, reterr);
}

void agg_table_forget(struct agg_table *t) {
    t->st = NULL;
}

static enum px_code execute(struct agg_table *t, struct px_err *reterr) {
    enum px_code rc = px_rows_bind(t->rows, t->st, 0, reterr);
    if (rc == PX_OK) {
        rc = px_stmt_run(t->st, reterr);
    }
    if (rc != PX_OK) {
        PX_IGNORE(px_err_context(reterr, "%s", t->def->table)); /* the code is already in rc */
    }
    return rc;
}

enum px_code agg_table_run(struct agg_table *t, struct px_err *reterr) {
    return px_rows_count(t->rows) == 0 ? PX_OK : execute(t, reterr);
}

enum px_code agg_table_try(struct agg_table *t, struct px_err *reterr) {
    px_rows_reset(t->rows);
    enum px_code rc = execute(t, reterr);
    if (rc == PX_OK) {
        px_stmt_end(t->st);
    }
    return rc;
}

enum px_code agg_table_store(struct agg_table *t, struct px_err *reterr) {
    enum px_code rc = agg_table_run(t, reterr);
    if (rc == PX_OK && px_rows_count(t->rows) > 0) {
        px_stmt_end(t->st);
    }
    return rc;
}

enum px_code agg_stmt(struct px_sql *s, enum px_statement which, struct px_stmt **ret,
                      struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(AGG_SQL_MAX);
    px_statement_render(which, px_sql_dialect(s), &text);
    return agg_prepare(s, &text, px_statement_name(which), ret, reterr);
}
