/* Aggregations from raw rows, compared with the stored ones. Three named sets carry every
 * statement: "fresh", what the raw rows of the window say; "stored", what the table says; "both",
 * one row per key with the two side by side. Joining by GROUP BY costs one pass whatever a planner
 * thinks. Pure; what is bound stands in
 * recount_bind.c. */
#include <px/recount.h>

#include "recount_priv.h"

#include <stdio.h>

#define SQL_MAX    (64 << 10)
#define COLUMN_MAX 256

struct render {
    struct px_recount_text *t;
    const struct px_recount *r;
    const struct px_recount_shape *shape;
    const struct px_dialect *d;
    struct px_buf *out;
};

static void param(const struct render *x, unsigned kind) {
    px_assert(x->t->nparams < PX_RECOUNT_PARAMS);
    x->t->params[x->t->nparams++] = (uint8_t)kind;
}

static void date(const struct render *x, unsigned kind) {
    px_buf_c(x->out, x->d->date_param);
    param(x, kind);
}

static void instant(const struct render *x, unsigned kind) {
    x->d->time_param(x->out);
    param(x, kind);
}

static void text(const struct render *x, unsigned kind) {
    px_buf_c(x->out, x->d->text_value);
    param(x, kind);
}

/* "k1", "k2": the key, each behind ${prefix} */
static void key_names(const struct render *x, const char *prefix) {
    for (size_t i = 0; i < x->r->nkeys; i++) {
        px_buf_c(x->out, i ? ", " : "");
        px_buf_c(x->out, prefix);
        px_render_ident(x->out, x->r->keys[i].column);
    }
}

static const enum px_column text_keys[PX_RECOUNT_KEYS] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT,
                                                          PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT};

/* The columns of the key; only what senders chose needs care as text. */
static void key_columns(const struct px_recount *r, const char **columns, enum px_column *types) {
    for (size_t i = 0; i < r->nkeys; i++) {
        columns[i] = r->keys[i].column;
        types[i] = r->keys[i].from == PX_RECOUNT_COLUMN ? PX_COL_TEXT : PX_COL_INT;
    }
}

/* --- fresh ------------------------------------------------------------------------------------ */
static void key_value(const struct render *x, const struct px_recount_key *k) {
    switch (k->from) {
    case PX_RECOUNT_DAY:
        date(x, P_FIRST);
        break;
    case PX_RECOUNT_BUCKET:
        x->d->bucket(x->out, "e.created_at", x->r->bucket);
        break;
    case PX_RECOUNT_COLUMN:
        px_buf_c(x->out, k->none ? "COALESCE(e." : "e.");
        px_render_ident(x->out, k->of);
        if (k->none) {
            px_buf_printf(x->out, ", '%s')", k->none);
        }
        break;
    case PX_RECOUNT_NAME:
        text(x, P_NAME);
        break;
    case PX_RECOUNT_CONSTANT:
        px_buf_c(x->out, x->d->empty_text);
        break;
    }
}

static void moved(const struct render *x, size_t i) {
    static const char *const levels[] = {
        [PX_ON_COUNTED] = "e.disposition = 'counted'",
        [PX_ON_DISTINCT] = "(e.disposition = 'counted' OR "
                           "(e.disposition = 'repeat' AND e.client_event_id IS NOT NULL))",
        [PX_ON_ACCEPTED] = "e.disposition IN ('counted', 'repeat', 'duplicate')",
    };
    const struct px_recount_measure *m = &x->r->measures[i];
    px_buf_printf(x->out, ",\n        CASE WHEN %s", levels[m->on]);
    if (m->when) {
        px_buf_c(x->out, " AND e.event_type = ");
        text(x, P_WHEN + (unsigned)i);
    }
    px_buf_printf(x->out, " THEN 1 ELSE 0 END AS px_c%zu", i);
}

static void measure(const struct render *x, size_t i) {
    const struct px_recount_measure *m = &x->r->measures[i];
    if (!m->of_time) {
        px_buf_printf(x->out, ", SUM(e.px_c%zu)", i);
    } else {
        px_buf_printf(x->out, ", %s(CASE WHEN e.px_c%zu = 1 THEN e.px_at END)",
                      m->op == PX_OP_MIN ? "MIN" : "MAX", i);
    }
    px_buf_printf(x->out, " AS px_f%zu", i);
}

/* Only the keys that were given: their rows are v(...). */
static void among_given(const struct render *x, const char *prefix, bool of_events) {
    const char *left[PX_RECOUNT_KEYS];
    const char *right[PX_RECOUNT_KEYS];
    if (!x->shape->given) {
        return;
    }
    for (size_t i = 0; i < x->r->nkeys; i++) {
        const struct px_recount_key *k = &x->r->keys[i];
        left[i] = of_events ? k->of : k->column;
        right[i] = k->column;
    }
    const struct px_in in = {.left_of = prefix,
                             .left = left,
                             .right_of = "v.",
                             .right = right,
                             .from = "v",
                             .types = text_keys,
                             .n = x->r->nkeys};
    px_buf_c(x->out, "\n    AND ");
    px_render_in(x->d, &in, x->out);
}

/* GROUP BY the key, to the last blank of a sender's text. */
static void group_by(const struct render *x, const char *prefix) {
    px_buf_c(x->out, "\n    GROUP BY ");
    key_names(x, prefix);
    for (size_t i = 0; x->d->text_size && i < x->r->nkeys; i++) {
        if (x->r->keys[i].from == PX_RECOUNT_COLUMN) {
            px_buf_printf(x->out, ", %s(%s\"%s\")", x->d->text_size, prefix, x->r->keys[i].column);
        }
    }
}

static void fresh(const struct render *x) {
    const struct px_recount *r = x->r;
    px_buf_c(x->out, "fresh AS (SELECT ");
    key_names(x, "e.");
    for (size_t i = 0; i < r->nmeasures; i++) {
        measure(x, i);
    }
    px_buf_c(x->out, "\n    FROM (SELECT ");
    for (size_t i = 0; i < r->nkeys; i++) {
        key_value(x, &r->keys[i]);
        px_buf_c(x->out, " AS ");
        px_render_ident(x->out, r->keys[i].column);
        px_buf_c(x->out, ", ");
    }
    px_buf_c(x->out, "e.created_at AS px_at");
    for (size_t i = 0; i < r->nmeasures; i++) {
        moved(x, i);
    }
    px_buf_c(x->out, "\n    FROM events AS e WHERE ");
    if (x->shape->all_time) { /* no condition: a plain scan, whatever a planner thinks */
        px_buf_c(x->out, px_render_true(x->d));
    } else {
        px_buf_c(x->out, "e.created_at >= ");
        instant(x, P_LO);
        px_buf_c(x->out, " AND e.created_at < ");
        instant(x, P_HI);
    }
    among_given(x, "e.", true);
    px_buf_c(x->out, ") AS e\n    WHERE ");
    for (size_t i = 0; i < r->nmeasures; i++) {
        px_buf_printf(x->out, "%se.px_c%zu = 1", i ? " OR " : "", i);
    }
    group_by(x, "e.");
    px_buf_c(x->out, "),\n");
}

/* --- stored, both ----------------------------------------------------------------------------- */
static void stored(const struct render *x) {
    px_buf_c(x->out, "stored AS (SELECT ");
    key_names(x, "t.");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_c(x->out, ", t.");
        px_render_ident(x->out, x->r->measures[i].column);
        px_buf_printf(x->out, " AS px_s%zu", i);
    }
    px_buf_c(x->out, "\n    FROM ");
    px_render_ident(x->out, x->r->table);
    px_buf_printf(x->out, " AS t WHERE %s", px_render_true(x->d));
    bool by_day = false;
    for (size_t i = 0; i < x->r->nkeys; i++) {
        by_day = by_day || x->r->keys[i].from == PX_RECOUNT_DAY;
    }
    for (size_t i = 0; i < x->r->nkeys; i++) {
        const struct px_recount_key *k = &x->r->keys[i];
        bool day = k->from == PX_RECOUNT_DAY;
        if (k->from == PX_RECOUNT_NAME) {
            px_buf_printf(x->out, " AND t.\"%s\" = ", k->column);
            text(x, P_NAME);
        } else if (day || (k->from == PX_RECOUNT_BUCKET && !by_day)) {
            px_buf_printf(x->out, " AND t.\"%s\" >= ", k->column);
            (day ? date : instant)(x, day ? P_FIRST : P_LO);
            px_buf_printf(x->out, " AND t.\"%s\" %s ", k->column, day ? "<=" : "<");
            (day ? date : instant)(x, day ? P_LAST : P_HI);
        }
    }
    among_given(x, "t.", false);
    px_buf_c(x->out, "),\n");
}

static void sides(const struct render *x, bool is_stored) {
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        const char *none = x->r->measures[i].of_time ? x->d->null_time : "NULL";
        if (is_stored) {
            px_buf_printf(x->out, ", px_s%zu, %s AS px_f%zu", i, none, i);
        } else {
            px_buf_printf(x->out, ", %s, px_f%zu", none, i);
        }
    }
    px_buf_c(x->out, is_stored ? ", 1 AS px_s, 0 AS px_f FROM stored" : ", 0, 1 FROM fresh");
}

static void both(const struct render *x) {
    px_buf_c(x->out, "both_ AS (SELECT ");
    key_names(x, "u.");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_printf(x->out, ", MAX(u.px_s%zu) AS px_s%zu, MAX(u.px_f%zu) AS px_f%zu", i, i, i, i);
    }
    px_buf_c(x->out, ", MAX(u.px_s) AS px_s, MAX(u.px_f) AS px_f\n    FROM (SELECT ");
    key_names(x, "");
    sides(x, true);
    px_buf_c(x->out, "\n    UNION ALL SELECT ");
    key_names(x, "");
    sides(x, false);
    px_buf_c(x->out, ") AS u");
    group_by(x, "u.");
    if (x->shape->by_since) {
        px_assert(x->r->since >= 0);
        char seen[96];
        (void)snprintf(seen, sizeof seen, "COALESCE(MAX(u.px_s%d), MAX(u.px_f%d))", x->r->since,
                       x->r->since);
        px_buf_printf(x->out, "\n    HAVING %s >= ", seen);
        instant(x, P_SINCE_LO);
        px_buf_printf(x->out, " AND %s < ", seen);
        instant(x, P_SINCE_HI);
    }
    px_buf_c(x->out, ")\n");
}

static void differs(const struct render *x) {
    px_buf_byte(x->out, '(');
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        char a[32], b[32];
        (void)snprintf(a, sizeof a, "px_s%zu", i);
        (void)snprintf(b, sizeof b, "px_f%zu", i);
        px_buf_c(x->out, i ? " OR " : "");
        px_render_differ(x->d, a, b, x->out);
    }
    px_buf_byte(x->out, ')');
}

/* --- the four statements ---------------------------------------------------------------------- */
#define COUNT(condition)                                                                           \
    "CAST(COALESCE(SUM(CASE WHEN " condition " THEN 1 ELSE 0 END), 0) AS bigint)"

static void tally(const struct render *x) {
    px_buf_c(x->out, "SELECT " COUNT("px_s = 1") ", " COUNT(
                         "px_f = 1") ",\n    "
                                     "CAST(COALESCE(SUM(CASE WHEN px_s = 1 AND px_f = 1 AND ");
    differs(x);
    px_buf_c(x->out,
             " THEN 1 ELSE 0 END), 0) AS bigint),\n    " COUNT("px_s = 0") ", " COUNT("px_f = 0"));
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        if (x->r->measures[i].of_time) {
            px_buf_c(x->out, ", NULL, NULL");
        } else {
            px_buf_printf(x->out,
                          ",\n    CAST(COALESCE(SUM(px_s%zu), 0) AS bigint), "
                          "CAST(COALESCE(SUM(px_f%zu), 0) AS bigint)",
                          i, i);
        }
    }
    px_buf_c(x->out, "\nFROM both_");
}

static void side(const struct render *x, size_t i, char which) {
    char column[16];
    (void)snprintf(column, sizeof column, "px_%c%zu", which, i);
    px_buf_c(x->out, ", ");
    if (x->r->measures[i].of_time) {
        x->d->time_us(x->out, column);
    } else {
        px_buf_c(x->out, column);
    }
}

static void rows(const struct render *x) {
    px_buf_c(x->out, "SELECT px_s, px_f");
    for (size_t i = 0; i < x->r->nkeys; i++) {
        const struct px_recount_key *k = &x->r->keys[i];
        PX_DEFER(px_buf_fini) struct px_buf column = PX_BUF_INIT(COLUMN_MAX);
        px_render_ident(&column, k->column);
        px_buf_c(x->out, ", ");
        if (k->from == PX_RECOUNT_DAY) {
            x->d->date_text(x->out, px_buf_cstr(&column));
        } else if (k->from == PX_RECOUNT_BUCKET) {
            x->d->time_us(x->out, px_buf_cstr(&column));
        } else {
            px_buf_str(x->out, px_buf_view(&column));
        }
    }
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        side(x, i, 's');
        side(x, i, 'f');
    }
    px_buf_c(x->out, "\nFROM both_ WHERE (px_s <> px_f OR ");
    differs(x);
    px_buf_c(x->out, x->shape->partial ? ") AND px_s = 1" : ")");
    px_buf_c(x->out, "\nORDER BY ");
    key_names(x, "");
    char n[16];
    (void)snprintf(n, sizeof n, "%u", x->shape->limit);
    px_render_limit(x->d, n, x->out);
}

static void remove_extra(const struct render *x) {
    const char *columns[PX_RECOUNT_KEYS];
    enum px_column types[PX_RECOUNT_KEYS];
    key_columns(x->r, columns, types);
    const struct px_in in = {.left_of = "",
                             .left = columns,
                             .table = x->r->table,
                             .right_of = "",
                             .right = columns,
                             .from = "both_",
                             .where = "px_f = 0",
                             .types = types,
                             .n = x->r->nkeys};
    px_buf_c(x->out, "DELETE FROM ");
    px_render_ident(x->out, x->r->table);
    px_buf_c(x->out, " WHERE ");
    px_render_in(x->d, &in, x->out);
}

/* What is to be stored: the rows of both_ that differ, key and computed values. */
static void to_store(const struct render *x) {
    px_buf_c(x->out, "SELECT ");
    key_names(x, "");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_printf(x->out, ", px_f%zu", i);
    }
    px_buf_c(x->out, "\nFROM both_ WHERE px_f = 1 AND ");
    px_buf_c(x->out, x->shape->partial ? "px_s = 1 AND " : "(px_s = 0 OR ");
    differs(x);
    px_buf_c(x->out, x->shape->partial ? "" : ")");
}

/* "k1", "m1": key and measures of the table. */
static void all_columns(const struct render *x) {
    key_names(x, "");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_c(x->out, ", ");
        px_render_ident(x->out, x->r->measures[i].column);
    }
}

static void merge(const struct render *x) {
    const char *columns[PX_RECOUNT_KEYS];
    enum px_column types[PX_RECOUNT_KEYS];
    key_columns(x->r, columns, types);
    px_buf_c(x->out, "MERGE INTO ");
    px_render_ident(x->out, x->r->table);
    px_buf_c(x->out, " WITH (HOLDLOCK) AS t\nUSING (");
    to_store(x);
    px_buf_c(x->out, ") AS s\nON ");
    for (size_t i = 0; i < x->r->nkeys; i++) {
        char a[COLUMN_MAX], b[COLUMN_MAX];
        (void)snprintf(a, sizeof a, "t.\"%s\"", columns[i]);
        (void)snprintf(b, sizeof b, "s.\"%s\"", columns[i]);
        px_buf_c(x->out, i ? " AND " : "");
        px_render_same(x->d, a, b, types[i], x->out);
    }
    px_buf_c(x->out, "\nWHEN MATCHED THEN UPDATE SET ");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_printf(x->out, "%s\"%s\" = s.px_f%zu", i ? ", " : "", x->r->measures[i].column, i);
    }
    px_buf_c(x->out, "\nWHEN NOT MATCHED THEN INSERT (");
    all_columns(x);
    px_buf_c(x->out, ") VALUES (");
    key_names(x, "s.");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        px_buf_printf(x->out, ", s.px_f%zu", i);
    }
    px_buf_c(x->out, ");");
}

static void store(const struct render *x) {
    if (x->d->narrow) {
        merge(x);
        return;
    }
    px_buf_c(x->out, "INSERT INTO ");
    px_render_ident(x->out, x->r->table);
    px_buf_c(x->out, " (");
    all_columns(x);
    px_buf_c(x->out, ")\n");
    to_store(x);
    px_buf_c(x->out, "\nON CONFLICT (");
    key_names(x, "");
    px_buf_c(x->out, ") DO UPDATE SET ");
    for (size_t i = 0; i < x->r->nmeasures; i++) {
        const char *column = x->r->measures[i].column;
        px_buf_printf(x->out, "%s\"%s\" = excluded.\"%s\"", i ? ", " : "", column, column);
    }
}

void px_recount_init(struct px_recount_text *t) {
    *t = (struct px_recount_text){.nparams = 0};
    px_buf_init(&t->sql, SQL_MAX);
}

void px_recount_fini(struct px_recount_text *t) {
    px_buf_fini(&t->sql);
}

void px_recount_keys(const struct px_recount *r, const char **columns, struct px_table_stmt *ret) {
    for (size_t i = 0; i < r->nkeys; i++) {
        px_assert(r->keys[i].from == PX_RECOUNT_COLUMN);
        columns[i] = r->keys[i].column;
    }
    *ret = (struct px_table_stmt){.table = r->table,
                                  .columns = columns,
                                  .types = text_keys,
                                  .ncolumns = r->nkeys,
                                  .nkeys = r->nkeys};
}

void px_recount_render(struct px_recount_text *t, const struct px_recount *r,
                       const struct px_recount_shape *shape, const struct px_dialect *d) {
    struct render x = {.t = t, .r = r, .shape = shape, .d = d, .out = &t->sql};
    px_buf_reset(&t->sql);
    t->nparams = 0;
    t->r = r;
    t->first = !shape->given ? 0 : d->rows_as_columns ? (unsigned)r->nkeys : 1;
    if (shape->given) {
        const char *columns[PX_RECOUNT_KEYS];
        struct px_table_stmt keys;
        px_recount_keys(r, columns, &keys);
        d->rows(&keys, x.out);
        px_buf_c(x.out, ",\n");
    } else {
        px_buf_c(x.out, "WITH ");
    }
    fresh(&x);
    stored(&x);
    both(&x);
    switch (shape->what) {
    case PX_RECOUNT_TALLY:
        tally(&x);
        break;
    case PX_RECOUNT_ROWS:
        rows(&x);
        break;
    case PX_RECOUNT_REMOVE:
        remove_extra(&x);
        break;
    case PX_RECOUNT_STORE:
        store(&x);
        break;
    }
}
