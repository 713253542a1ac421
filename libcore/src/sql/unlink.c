/* A player's rows of an aggregation become nobody's. Pure. */
#include <px/unlink.h>

#include "internal.h"

#include <string.h>

const char *px_unlink_column(const struct px_recount *r) {
    for (size_t i = 0; i < r->nkeys; i++) {
        const struct px_recount_key *k = &r->keys[i];
        if (k->from == PX_RECOUNT_COLUMN && strcmp(k->of, "player_id") == 0) {
            return k->column;
        }
    }
    return NULL;
}

static const char *name_column(const struct px_recount *r) {
    for (size_t i = 0; i < r->nkeys; i++) {
        if (r->keys[i].from == PX_RECOUNT_NAME) {
            return r->keys[i].column;
        }
    }
    return NULL;
}

bool px_unlink_shared(const struct px_recount *r) {
    return name_column(r) != NULL;
}

static void of_table(const struct px_recount *r, struct px_buf *out) {
    px_buf_c(out, "\nFROM ");
    px_render_ident(out, r->table);
}

static void equals(const struct px_dialect *d, const char *column, struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf quoted = PX_BUF_INIT(256);
    px_render_ident(&quoted, column);
    if (d->text_size) { /* to the last blank */
        px_render_is(d, px_buf_cstr(&quoted), out);
    } else {
        px_buf_printf(out, "%s = %s", px_buf_cstr(&quoted), d->text_param);
    }
}

static void of_player(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out) {
    px_buf_c(out, "\nWHERE ");
    equals(d, px_unlink_column(r), out);
    if (px_unlink_shared(r)) {
        px_buf_c(out, " AND ");
        equals(d, name_column(r), out);
    }
}

void px_unlink_merge(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out) {
    const char *columns[PX_RECOUNT_KEYS + PX_RECOUNT_MEASURES], *player = px_unlink_column(r);
    enum px_column types[PX_RECOUNT_KEYS + PX_RECOUNT_MEASURES];
    enum px_op ops[PX_RECOUNT_MEASURES];
    struct px_table_stmt t = {.table = r->table,
                              .columns = columns,
                              .types = types,
                              .ncolumns = r->nkeys + r->nmeasures,
                              .nkeys = r->nkeys,
                              .ops = ops};
    px_assert(player);
    for (size_t i = 0; i < t.ncolumns; i++) {
        bool key = i < r->nkeys;
        columns[i] = key ? r->keys[i].column : r->measures[i - r->nkeys].column;
        types[i] = PX_COL_TEXT; /* nothing is bound by it */
        if (!key) {
            ops[i - r->nkeys] = r->measures[i - r->nkeys].op;
        }
    }
    px_buf_c(out, "WITH v(");
    for (size_t i = 0; i < t.ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        px_render_ident(out, columns[i]);
    }
    px_buf_c(out, ") AS (SELECT ");
    for (size_t i = 0; i < t.ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        if (columns[i] == player) {
            px_buf_c(out, d->empty_text);
        } else {
            px_render_ident(out, columns[i]);
        }
    }
    of_table(r, out);
    of_player(d, r, out);
    px_buf_byte(out, ')');
    d->upsert_from(d, &t, out);
}

void px_unlink_remove(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out) {
    px_buf_c(out, d->dml);
    px_buf_c(out, "DELETE");
    if (d->narrow) {
        px_buf_byte(out, ' ');
        px_render_ident(out, r->table);
        px_buf_c(out, "\nOUTPUT 1");
    }
    of_table(r, out);
    of_player(d, r, out);
    px_buf_c(out, d->narrow ? "" : "\nRETURNING 1");
}

void px_unlink_count(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out) {
    px_buf_c(out, "SELECT COUNT(*)");
    of_table(r, out);
    of_player(d, r, out);
}

void px_unlink_ids(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out) {
    const char *player = px_unlink_column(r);
    px_buf_c(out, d->text_size ? "SELECT " : "SELECT DISTINCT ");
    px_render_ident(out, player);
    of_table(r, out);
    if (px_unlink_shared(r)) {
        px_buf_c(out, "\nWHERE ");
        equals(d, name_column(r), out);
    }
    if (d->text_size) { /* DISTINCT would take ids that end in blanks for one */
        px_buf_printf(out, "\nGROUP BY \"%s\", %s(\"%s\")", player, d->text_size, player);
    }
}
