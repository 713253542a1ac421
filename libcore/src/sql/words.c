/* Words of statements that databases spell differently: a limit, equality to the last blank,
 * differing with NULL as a value, membership in a set of rows. Pure. */
#include "internal.h"

void px_render_ident(struct px_buf *out, const char *name) {
    px_buf_byte(out, '"');
    px_buf_c(out, name);
    px_buf_byte(out, '"');
}

void px_render_limit(const struct px_dialect *d, const char *n, struct px_buf *out) {
    px_buf_c(out, d->narrow ? "\nOFFSET 0 ROWS FETCH NEXT " : "\nLIMIT ");
    px_buf_c(out, n);
    px_buf_c(out, d->narrow ? " ROWS ONLY" : "");
}

const char *px_render_true(const struct px_dialect *d) {
    return d->narrow ? "1 = 1" : "true";
}

void px_render_same(const struct px_dialect *d, const char *a, const char *b, enum px_column type,
                    struct px_buf *out) {
    px_buf_printf(out, "%s = %s", a, b);
    if (d->text_size && type == PX_COL_TEXT) {
        px_buf_printf(out, " AND %s(%s) = %s(%s)", d->text_size, a, d->text_size, b);
    }
}

/* The value is bound once, so it gets a name where it is looked at twice. */
void px_render_is(const struct px_dialect *d, const char *column, struct px_buf *out) {
    if (!d->text_size) {
        px_buf_printf(out, "%s = %s", column, d->text_value);
        return;
    }
    px_buf_printf(out, "EXISTS (SELECT 1 FROM (SELECT %s AS x) AS p WHERE ", d->text_value);
    px_render_same(d, column, "p.x", PX_COL_TEXT, out);
    px_buf_c(out, ")");
}

void px_render_differ(const struct px_dialect *d, const char *a, const char *b,
                      struct px_buf *out) {
    if (d->narrow) {
        px_buf_printf(out,
                      "%s <> %s OR (%s IS NULL AND %s IS NOT NULL) OR "
                      "(%s IS NOT NULL AND %s IS NULL)",
                      a, b, a, b, a, b);
    } else {
        px_buf_printf(out, "%s IS DISTINCT FROM %s", a, b);
    }
}

static void list(const char *of, const char *const *v, size_t n, struct px_buf *out) {
    for (size_t i = 0; i < n; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, of);
        px_render_ident(out, v[i]);
    }
}

static void in_narrow(const struct px_dialect *d, const struct px_in *in, struct px_buf *out) {
    px_buf_printf(out, "EXISTS (SELECT 1 FROM %s WHERE ", in->from);
    px_buf_printf(out, "%s%s", in->where ? in->where : "", in->where ? " AND " : "");
    for (size_t i = 0; i < in->n; i++) {
        PX_DEFER(px_buf_fini) struct px_buf a = PX_BUF_INIT(256);
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);
        if (in->left_of[0]) {
            px_buf_c(&a, in->left_of);
        } else {
            px_render_ident(&a, in->table);
            px_buf_byte(&a, '.');
        }
        px_render_ident(&a, in->left[i]);
        px_buf_printf(&b, "%s.", in->from);
        px_render_ident(&b, in->right[i]);
        px_buf_c(out, i ? " AND " : "");
        px_render_same(d, px_buf_cstr(&a), px_buf_cstr(&b), in->types[i], out);
    }
    px_buf_byte(out, ')');
}

void px_render_in(const struct px_dialect *d, const struct px_in *in, struct px_buf *out) {
    if (d->narrow) {
        in_narrow(d, in, out);
        return;
    }
    px_buf_byte(out, '(');
    list(in->left_of, in->left, in->n, out);
    px_buf_c(out, ") IN (SELECT ");
    list(in->right_of, in->right, in->n, out);
    px_buf_printf(out, " FROM %s%s%s)", in->from, in->where ? " WHERE " : "",
                  in->where ? in->where : "");
}
