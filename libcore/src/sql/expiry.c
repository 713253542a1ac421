/* Statements that find and remove old rows. Keys are picked without a lock and removed in a short
 * transaction of their own; the bound stands in both, so that a key which somebody made anew in
 * between stays. Pure. */
#include <px/expiry.h>

#include "internal.h"

static void param(const struct px_dialect *d, enum px_column type, struct px_buf *out) {
    switch (type) {
    case PX_COL_INT:
        px_buf_c(out, d->int_param);
        break;
    case PX_COL_TEXT:
        px_buf_c(out, d->text_param);
        break;
    case PX_COL_DATE:
        px_buf_c(out, d->date_param);
        break;
    case PX_COL_TIME:
        d->time_param(out);
        break;
    case PX_COL_UUID:
        px_buf_c(out, d->uuid_param);
        break;
    }
}

/* ${of}: "t." where a result has a column of the same name, which ORDER BY would take. */
static void key_list(const struct px_expiry *x, const char *of, struct px_buf *out) {
    for (size_t i = 0; i < x->nkeys; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, of);
        px_render_ident(out, x->keys[i]);
    }
}

static void old(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    px_render_ident(out, x->bound);
    px_buf_c(out, " < ");
    param(d, x->bound_type, out);
    if (x->guard) {
        px_buf_c(out, " AND ");
        px_render_ident(out, x->guard);
        px_buf_c(out, " < ");
        param(d, PX_COL_TIME, out);
    }
}

static void selected(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    for (size_t i = 0; i < x->nkeys; i++) {
        PX_DEFER(px_buf_fini) struct px_buf column = PX_BUF_INIT(256);
        px_render_ident(&column, x->keys[i]);
        px_buf_c(out, i ? ", " : "");
        if (x->types[i] == PX_COL_DATE) {
            d->date_text(out, px_buf_cstr(&column));
        } else if (x->types[i] == PX_COL_TIME) {
            d->time_us(out, px_buf_cstr(&column));
        } else if (x->types[i] == PX_COL_UUID && !d->narrow) {
            px_buf_printf(out, "CAST(%s AS text)", px_buf_cstr(&column));
        } else {
            px_buf_str(out, px_buf_view(&column));
        }
    }
}

/* Key by key: each parameter is bound once and gets a name, the first key limits by itself so that
 * an index can be sought. ${op} is ">" or "<=". */
static void key_against_narrow(const struct px_dialect *d, const struct px_expiry *x,
                               const char *of, const char *op, struct px_buf *out) {
    const char strict[] = {op[0], '\0'};
    px_buf_c(out, "EXISTS (SELECT 1 FROM (SELECT ");
    for (size_t i = 0; i < x->nkeys; i++) {
        px_buf_c(out, i ? ", " : "");
        param(d, x->types[i], out);
        px_buf_printf(out, " AS k%zu", i);
    }
    px_buf_printf(out, ") AS p\n    WHERE %s\"%s\" %s= p.k0 AND (", of, x->keys[0], strict);
    for (size_t i = 0; i < x->nkeys; i++) {
        bool last = i + 1 == x->nkeys;
        px_buf_printf(out, "%s\"%s\" %s p.k%zu", of, x->keys[i], last ? op : strict, i);
        if (!last) {
            px_buf_printf(out, " OR (%s\"%s\" = p.k%zu AND (", of, x->keys[i], i);
        }
    }
    for (size_t i = 1; i < x->nkeys; i++) {
        px_buf_c(out, "))");
    }
    px_buf_c(out, "))\n    AND ");
}

/* (keys) > (parameters) AND: before the bound, because SQLite takes the first that limits a column.
 */
static void key_against(const struct px_dialect *d, const struct px_expiry *x, const char *of,
                        const char *op, struct px_buf *out) {
    if (d->narrow) {
        key_against_narrow(d, x, of, op, out);
        return;
    }
    px_buf_byte(out, '(');
    key_list(x, of, out);
    px_buf_printf(out, ") %s (", op);
    for (size_t i = 0; i < x->nkeys; i++) {
        px_buf_c(out, i ? ", " : "");
        param(d, x->types[i], out);
    }
    px_buf_c(out, ")\n    AND ");
}

void px_expiry_pick(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    px_buf_c(out, "SELECT ");
    selected(d, x, out);
    px_buf_c(out, "\nFROM ");
    px_render_ident(out, x->table);
    px_buf_c(out, " AS t\nWHERE ");
    if (x->walks) {
        key_against(d, x, "t.", ">", out);
    }
    old(d, x, out);
    px_buf_c(out, "\nORDER BY ");
    if (x->walks) {
        key_list(x, "t.", out);
    } else {
        px_buf_c(out, "t.");
        px_render_ident(out, x->bound);
    }
    px_render_limit(d, d->int_param, out);
}

static void remove_span(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    px_buf_c(out, d->dml);
    px_buf_c(out, "DELETE FROM ");
    px_render_ident(out, x->table);
    px_buf_c(out, "\nWHERE ");
    key_against(d, x, "", ">", out);
    key_against(d, x, "", "<=", out);
    old(d, x, out);
}

static void remove_keys(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    struct px_table_stmt t = px_expiry_rows(x);
    d->rows(&t, out);
    px_buf_c(out, "\nDELETE FROM ");
    px_render_ident(out, x->table);
    px_buf_c(out, "\nWHERE ");
    const struct px_in in = {.left_of = "",
                             .left = x->keys,
                             .table = x->table,
                             .right_of = "",
                             .right = x->keys,
                             .from = "v",
                             .types = x->types,
                             .n = x->nkeys};
    px_render_in(d, &in, out);
    px_buf_c(out, "\n    AND ");
    old(d, x, out);
}

/* A span of the key where there is one: databases look up a list of keys of several columns by the
 * first column alone at times. */
void px_expiry_remove(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    (x->walks ? remove_span : remove_keys)(d, x, out);
}

void px_expiry_count(const struct px_dialect *d, const struct px_expiry *x, struct px_buf *out) {
    px_buf_c(out, "SELECT count(*)\nFROM ");
    px_render_ident(out, x->table);
    px_buf_c(out, "\nWHERE ");
    old(d, x, out);
}

struct px_table_stmt px_expiry_rows(const struct px_expiry *x) {
    return (struct px_table_stmt){.table = x->table,
                                  .columns = x->keys,
                                  .types = x->types,
                                  .ncolumns = x->nkeys,
                                  .nkeys = x->nkeys};
}
