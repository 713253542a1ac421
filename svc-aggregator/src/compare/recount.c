/* From a rollup's row to the statements that compute it again. Holds no SQL text: libcore renders.
 */
#include "recount.h"

#include "witness.h"

#include <stdio.h>

static_assert(PX_RECOUNT_KEYS == PX_ROLLUP_MAX_KEYS, "every key fits");
static_assert(PX_RECOUNT_MEASURES == PX_ROLLUP_MAX_MEASURES, "every measure fits");
static_assert(PX_RECOUNT_KEYS <= AGG_REPORT_CELLS && PX_RECOUNT_MEASURES <= AGG_REPORT_CELLS,
              "every row can be named");

#define TALLY_ROWS 5 /* columns before the sums */

int64_t agg_tally_differences(const struct agg_tally *t) {
    return t->changed + t->missing + t->extra;
}

void agg_tally_add(struct agg_tally *to, const struct agg_tally *t) {
    to->stored += t->stored;
    to->computed += t->computed;
    to->changed += t->changed;
    to->missing += t->missing;
    to->extra += t->extra;
    for (size_t i = 0; i < PX_RECOUNT_MEASURES; i++) {
        to->sum_stored[i] += t->sum_stored[i];
        to->sum_computed[i] += t->sum_computed[i];
    }
}

/* --- what it is ------------------------------------------------------------------------------- */
static struct px_recount_key key_of(const struct px_rollup_key *k) {
    struct px_recount_key to = {.column = k->column, .from = PX_RECOUNT_COLUMN};
    switch (k->dim) {
    case PX_DIM_DAY:
        to.from = PX_RECOUNT_DAY;
        break;
    case PX_DIM_BUCKET:
        to.from = PX_RECOUNT_BUCKET;
        break;
    case PX_DIM_TYPE:
        to.of = "event_type";
        break;
    case PX_DIM_BANNER:
        to.of = "banner_tag";
        break;
    case PX_DIM_PLAYER:
        to.of = "player_id";
        break;
    case PX_DIM_CLASS:
        to.of = "class";
        to.none = PX_TRAFFIC_NONE;
        break;
    case PX_DIM_REASON:
        to.of = "class_reason";
        to.none = "";
        break;
    case PX_DIM_NAME:
        to.from = PX_RECOUNT_NAME;
        break;
    case PX_DIM_EMPTY:
        to.from = PX_RECOUNT_CONSTANT;
        break;
    }
    return to;
}

void agg_recount_init(struct agg_recount *rc, const struct px_rollup *rollup) {
    *rc = (struct agg_recount){.def = {.name = rollup->name,
                                       .table = rollup->table,
                                       .bucket = rollup->bucket,
                                       .nkeys = rollup->nkeys,
                                       .nmeasures = rollup->nmeasures,
                                       .since = -1}};
    snprintf(rc->id, sizeof rc->id, "rollup.%s", rollup->name);
    px_recount_init(&rc->tally.text);
    for (size_t i = 0; i < rollup->nkeys; i++) {
        rc->def.keys[i] = key_of(&rollup->keys[i]);
        rc->by_day = rc->by_day || rc->def.keys[i].from == PX_RECOUNT_DAY;
        rc->by_bucket = rc->by_bucket || rc->def.keys[i].from == PX_RECOUNT_BUCKET;
    }
    rc->by_bucket = rc->by_bucket && !rc->by_day;
    for (size_t i = 0; i < rollup->nmeasures; i++) {
        const struct px_measure *m = &rollup->measures[i];
        rc->def.measures[i] = (struct px_recount_measure){.column = m->column,
                                                          .op = m->op,
                                                          .of_time = m->of_time,
                                                          .on = m->on,
                                                          .when = m->when ? m->when->name : NULL};
        rc->adds_accepted = rc->adds_accepted || (!m->of_time && m->on == PX_ON_ACCEPTED);
        if (m->of_time && m->op == PX_OP_MIN && m->on == PX_ON_ACCEPTED && !m->when) {
            rc->def.since = (int)i;
        }
    }
    const struct px_recount_measure *first = &rc->def.measures[0];
    rc->counts_all = (rc->by_day || rc->by_bucket) && !first->of_time &&
                     first->on == PX_ON_COUNTED && !first->when;
    rc->witness = agg_witness_is(rollup, rc->counts_all);
}

/* --- statements ------------------------------------------------------------------------------- */
static enum px_code prepare(const struct agg_recount *rc, const struct px_recount_shape *shape,
                            struct agg_recount_stmt *to, struct px_err *reterr) {
    px_recount_render(&to->text, &rc->def, shape, px_sql_dialect(rc->s));
    enum px_code code = px_buf_ok(&to->text.sql, reterr);
    if (code == PX_OK) {
        code = px_sql_prepare(rc->s, px_buf_view(&to->text.sql), &to->st, reterr);
    }
    if (code != PX_OK) {
        PX_IGNORE(px_err_context(reterr, "%s", rc->def.name)); /* the code is already in code */
    }
    return code;
}

static void forget(struct agg_recount_stmt *s) {
    px_stmt_free(s->st);
    s->st = NULL;
    px_recount_fini(&s->text);
}

static enum px_code run(struct agg_recount_stmt *s, const struct agg_change *c,
                        struct px_err *reterr) {
    enum px_code rc = c->keys ? px_rows_bind(c->keys, s->st, 0, reterr) : PX_OK;
    rc = rc == PX_OK ? px_recount_bind(&s->text, c->w, s->st, reterr) : rc;
    return rc == PX_OK ? px_stmt_run(s->st, reterr) : rc;
}

enum px_code agg_recount_open(struct agg_recount *rc, struct px_sql *s, struct px_err *reterr) {
    rc->s = s;
    struct px_recount_shape shape = {
        .what = PX_RECOUNT_TALLY, .all_time = rc->all_time, .by_since = rc->by_since};
    return prepare(rc, &shape, &rc->tally, reterr);
}

void agg_recount_close(struct agg_recount *rc) {
    forget(&rc->tally);
    rc->s = NULL;
}

static enum px_code tally(const struct agg_recount *rc, struct agg_recount_stmt *s,
                          const struct agg_change *c, struct agg_tally *ret,
                          struct px_err *reterr) {
    enum px_code code = run(s, c, reterr);
    code = code == PX_OK ? px_stmt_next(s->st, reterr) : code;
    if (code != PX_OK) {
        return code;
    }
    *ret = (struct agg_tally){.stored = px_col_i64(s->st, 0),
                              .computed = px_col_i64(s->st, 1),
                              .changed = px_col_i64(s->st, 2),
                              .missing = px_col_i64(s->st, 3),
                              .extra = px_col_i64(s->st, 4)};
    for (size_t i = 0; i < rc->def.nmeasures; i++) {
        ret->sum_stored[i] = px_col_i64(s->st, TALLY_ROWS + 2 * (unsigned)i);
        ret->sum_computed[i] = px_col_i64(s->st, TALLY_ROWS + 2 * (unsigned)i + 1);
    }
    code = px_stmt_next(s->st, reterr); /* also tells of a column that is no number */
    return code == PX_NO_ROW ? PX_OK : code;
}

enum px_code agg_recount_tally(struct agg_recount *rc, const struct px_window *w,
                               struct agg_tally *ret, struct px_err *reterr) {
    struct agg_change c = {.w = w};
    return tally(rc, &rc->tally, &c, ret, reterr);
}

static enum px_code change(struct agg_recount *rc, const struct agg_change *c,
                           enum px_recount_what what, struct px_err *reterr) {
    struct px_recount_shape shape = {.what = what,
                                     .all_time = rc->all_time,
                                     .by_since = rc->by_since,
                                     .partial = c->partial,
                                     .given = c->keys != NULL};
    struct agg_recount_stmt s = {0};
    px_recount_init(&s.text);
    enum px_code code = prepare(rc, &shape, &s, reterr);
    code = code == PX_OK ? run(&s, c, reterr) : code;
    forget(&s);
    return code;
}

enum px_code agg_recount_change(struct agg_recount *rc, const struct agg_change *c,
                                struct px_err *reterr) {
    enum px_code code = c->remove ? change(rc, c, PX_RECOUNT_REMOVE, reterr) : PX_OK;
    return code == PX_OK && c->store ? change(rc, c, PX_RECOUNT_STORE, reterr) : code;
}

/* --- rows that differ ------------------------------------------------------------------------- */
struct walk {
    unsigned limit;
    bool partial;
    void (*row)(const struct agg_recount *rc, const struct px_stmt *st, void *arg);
    void *arg;
};

static enum px_code each_row(struct agg_recount *rc, const struct px_window *w,
                             const struct walk *walk, struct px_err *reterr) {
    struct px_recount_shape shape = {.what = PX_RECOUNT_ROWS,
                                     .all_time = rc->all_time,
                                     .by_since = rc->by_since,
                                     .partial = walk->partial,
                                     .limit = walk->limit};
    struct agg_recount_stmt s = {0};
    struct agg_change c = {.w = w};
    px_recount_init(&s.text);
    enum px_code code = prepare(rc, &shape, &s, reterr);
    code = code == PX_OK ? run(&s, &c, reterr) : code;
    while (code == PX_OK && (code = px_stmt_next(s.st, reterr)) == PX_OK) {
        walk->row(rc, s.st, walk->arg);
    }
    forget(&s);
    return code == PX_NO_ROW ? PX_OK : code;
}

static struct agg_cell cell(const struct px_stmt *st, unsigned i, enum agg_cell_kind kind) {
    if (px_col_null(st, i)) {
        return (struct agg_cell){.kind = AGG_CELL_NULL};
    }
    if (kind == AGG_CELL_TEXT) {
        return (struct agg_cell){.kind = kind, .s = px_col_text(st, i)};
    }
    return (struct agg_cell){.kind = kind, .i = px_col_i64(st, i)};
}

static void name_row(const struct agg_recount *rc, const struct px_stmt *st, void *arg) {
    const struct px_recount *def = &rc->def;
    struct agg_difference d = {.check = rc->id,
                               .table = def->table,
                               .stored = px_col_i64(st, 0) == 1,
                               .computed = px_col_i64(st, 1) == 1};
    unsigned at = 2;
    for (size_t i = 0; i < def->nkeys; i++, at++) {
        bool time = def->keys[i].from == PX_RECOUNT_BUCKET;
        d.key[d.nkeys++] = (struct agg_named_cell){
            .name = def->keys[i].column, .v = cell(st, at, time ? AGG_CELL_TIME : AGG_CELL_TEXT)};
    }
    for (size_t i = 0; i < def->nmeasures; i++, at += 2) {
        enum agg_cell_kind kind = def->measures[i].of_time ? AGG_CELL_TIME : AGG_CELL_INT;
        d.values[d.nvalues++] = (struct agg_two_cells){.name = def->measures[i].column,
                                                       .stored = cell(st, at, kind),
                                                       .computed = cell(st, at + 1, kind)};
    }
    agg_report_difference(arg, &d);
}

enum px_code agg_recount_name(struct agg_recount *rc, const struct px_window *w,
                              struct agg_report *report, struct px_err *reterr) {
    struct walk walk = {.limit = agg_report_room(report), .row = name_row, .arg = report};
    return walk.limit == 0 ? PX_OK : each_row(rc, w, &walk, reterr);
}

static void keep_key(const struct agg_recount *rc, const struct px_stmt *st, void *arg) {
    struct agg_keys *k = arg;
    bool extra = px_col_i64(st, 1) == 0;
    for (size_t i = 0; i < rc->def.nkeys; i++) {
        px_rows_text(k->rows, px_col_text(st, 2 + (unsigned)i));
    }
    k->extra += extra ? 1 : 0;
    k->wrong += extra ? 0 : 1;
}

enum px_code agg_recount_keys(struct agg_recount *rc, const struct px_window *w, struct agg_keys *k,
                              struct px_err *reterr) {
    struct walk walk = {.limit = k->limit, .partial = k->partial, .row = keep_key, .arg = k};
    px_rows_reset(k->rows);
    k->extra = 0;
    k->wrong = 0;
    return each_row(rc, w, &walk, reterr);
}
