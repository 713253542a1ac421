/* Set-based statements for databases that know ON CONFLICT, UPDATE ... FROM and RETURNING: the rows
 * arrive as v(...), rendered by the dialect; the rest is the same text. Pure. */
#include "internal.h"

#include <px/defect.h>

/* "a", "b": n names, each behind ${prefix} */
static void names(struct px_buf *out, const char *const *v, size_t n, const char *prefix) {
    for (size_t i = 0; i < n; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, prefix);
        px_render_ident(out, v[i]);
    }
}

static const enum px_column *type_of(const struct px_table_stmt *t, const char *column) {
    for (size_t i = 0; i < t->ncolumns; i++) {
        if (strcmp(t->columns[i], column) == 0) {
            return &t->types[i];
        }
    }
    return NULL;
}

/* Columns as they are returned: dates as text, times as microseconds. */
static void returned(const struct px_dialect *d, const struct px_table_stmt *t, const char *prefix,
                     struct px_buf *out) {
    for (size_t i = 0; i < t->nreturning; i++) {
        const enum px_column *type = type_of(t, t->returning[i]);
        PX_DEFER(px_buf_fini) struct px_buf column = PX_BUF_INIT(256);
        px_buf_c(&column, prefix);
        px_render_ident(&column, t->returning[i]);
        px_buf_c(out, i ? ", " : "");
        if (type && *type == PX_COL_DATE) {
            d->date_text(out, px_buf_cstr(&column));
        } else if (type && *type == PX_COL_TIME) {
            d->time_us(out, px_buf_cstr(&column));
        } else if (type && *type == PX_COL_UUID) { /* a driver would write it in capitals */
            px_buf_printf(out, "CAST(%s AS text)", px_buf_cstr(&column));
        } else {
            px_buf_str(out, px_buf_view(&column));
        }
    }
}

static bool is_add(const struct px_table_stmt *t, size_t i) {
    return t->ops && i >= t->nkeys && t->ops[i - t->nkeys] == PX_OP_ADD;
}

/* INSERT INTO t (...) SELECT ... FROM v, behind a WITH v(...); "WHERE true" keeps SQLite from
 * reading ON CONFLICT as a join's condition. */
static void insert_from(const struct px_table_stmt *t, struct px_buf *out) {
    px_buf_c(out, "\nINSERT INTO ");
    px_render_ident(out, t->table);
    px_buf_c(out, " (");
    names(out, t->columns, t->ncolumns, "");
    px_buf_c(out, ")\nSELECT ");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, is_add(t, i) ? "COALESCE(v." : "v.");
        px_render_ident(out, t->columns[i]);
        px_buf_c(out, is_add(t, i) ? ", 0)" : "");
    }
    px_buf_c(out, "\nFROM v WHERE true\nON CONFLICT ");
}

static void insert(const struct px_dialect *d, const struct px_table_stmt *t, struct px_buf *out) {
    d->rows(t, out);
    insert_from(t, out);
}

void px_render_append(const struct px_dialect *d, const struct px_table_stmt *t,
                      struct px_buf *out) {
    insert(d, t, out);
    px_buf_c(out, "DO NOTHING");
}

void px_render_claim(const struct px_dialect *d, const struct px_table_stmt *t,
                     struct px_buf *out) {
    px_render_append(d, t, out);
    px_buf_c(out, "\nRETURNING ");
    returned(d, t, "", out);
}

static void combine(const struct px_dialect *d, const struct px_table_stmt *t, size_t i,
                    struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf stored = PX_BUF_INIT(256);
    PX_DEFER(px_buf_fini) struct px_buf given = PX_BUF_INIT(256);
    names(&stored, &t->table, 1, "");
    px_buf_byte(&stored, '.');
    px_render_ident(&stored, t->columns[i]);
    px_buf_c(&given, "excluded.");
    px_render_ident(&given, t->columns[i]);
    px_render_ident(out, t->columns[i]);
    px_buf_c(out, " = ");
    if (is_add(t, i)) {
        px_buf_printf(out, "COALESCE(%s, 0) + %s", px_buf_cstr(&stored), px_buf_cstr(&given));
    } else {
        d->pick(out, t->ops[i - t->nkeys], px_buf_cstr(&stored), px_buf_cstr(&given));
    }
}

void px_render_upsert(const struct px_dialect *d, const struct px_table_stmt *t,
                      struct px_buf *out) {
    d->rows(t, out);
    px_render_upsert_from(d, t, out);
}

void px_render_upsert_from(const struct px_dialect *d, const struct px_table_stmt *t,
                           struct px_buf *out) {
    insert_from(t, out);
    px_buf_byte(out, '(');
    names(out, t->columns, t->nkeys, "");
    px_buf_c(out, ") DO UPDATE SET\n    ");
    for (size_t i = t->nkeys; i < t->ncolumns; i++) {
        px_buf_c(out, i > t->nkeys ? ",\n    " : "");
        combine(d, t, i, out);
    }
}

/* The rows lead: CROSS JOIN keeps SQLite from walking the table instead. */
void px_render_lookup(const struct px_dialect *d, const struct px_table_stmt *t,
                      struct px_buf *out) {
    d->rows(t, out);
    px_buf_c(out, "\nSELECT ");
    returned(d, t, "t.", out);
    px_buf_c(out, "\nFROM v CROSS JOIN ");
    px_render_ident(out, t->table);
    px_buf_c(out, " AS t\nWHERE ");
    for (size_t i = 0; i < t->nkeys; i++) {
        px_buf_c(out, i ? " AND t." : "t.");
        px_render_ident(out, t->columns[i]);
        px_buf_c(out, " = v.");
        px_render_ident(out, t->columns[i]);
    }
}

const struct px_table_stmt *px_fence_rows(void) {
    static const char *const columns[] = {"log_id",      "topic", "partition_id",   "lo",
                                          "hi",          "epoch", "high_watermark", "looked_at",
                                          "max_event_at"};
    static const enum px_column types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT,
                                           PX_COL_INT,  PX_COL_INT,  PX_COL_INT,
                                           PX_COL_INT,  PX_COL_TIME, PX_COL_TIME};
    static const struct px_table_stmt t = {.table = "consumer_offsets",
                                           .columns = columns,
                                           .types = types,
                                           .ncolumns = PX_ARRAY_LEN(columns),
                                           .nkeys = 3};
    return &t;
}

void px_render_fence(const struct px_dialect *d, struct px_buf *out) {
    d->rows(px_fence_rows(), out);
    px_buf_c(out, "\nUPDATE consumer_offsets SET next_offset = v.hi, revision = revision + 1,\n"
                  "    high_watermark = v.high_watermark, looked_at = v.looked_at,\n"
                  "    max_event_at = ");
    d->pick(out, PX_OP_MAX, "consumer_offsets.max_event_at", "v.max_event_at");
    px_buf_c(out, "\nFROM v\n"
                  "WHERE consumer_offsets.log_id = v.log_id AND consumer_offsets.topic = v.topic\n"
                  "    AND consumer_offsets.partition_id = v.partition_id\n");
    if (!PX_DEFECT("sql.fence_any_owner")) {
        px_buf_c(out, "    AND consumer_offsets.next_offset = v.lo");
        px_buf_c(out,
                 PX_DEFECT("sql.fence_any_epoch") ? "" : " AND consumer_offsets.epoch = v.epoch");
    }
    px_buf_c(out, "\nRETURNING consumer_offsets.partition_id");
}
