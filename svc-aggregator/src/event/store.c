/* The operators of today: raw events, one per rollup row, the ledger. Step 3 and 4 of the
 * transaction; must not decide dispositions (claim.c) nor the order of steps (apply.c). */
#include "store.h"

#include <px/defect.h>
#include <px/mem.h>

#include <stdio.h>

/* --- raw rows ------------------------------------------------------------------------------- */
static const char *const event_columns[] = {
    "id",         "player_id",    "event_type",      "banner_tag", "metadata_json", "source_ip",
    "user_agent", "created_at",   "client_event_id", "session_id", "received_at",   "disposition",
    "class",      "class_reason", "partition",       "offset"};
static const enum px_column event_types[] = {PX_COL_UUID, PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT,
                                             PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT, PX_COL_TIME,
                                             PX_COL_TEXT, PX_COL_TEXT, PX_COL_TIME, PX_COL_TEXT,
                                             PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT,  PX_COL_INT};
static_assert(PX_ARRAY_LEN(event_columns) == PX_ARRAY_LEN(event_types), "one type per column");
static const struct px_table_stmt event_table = {.table = "events",
                                                 .columns = event_columns,
                                                 .types = event_types,
                                                 .ncolumns = PX_ARRAY_LEN(event_columns),
                                                 .nkeys = 1};

#define AGG_METADATA_MAX (1 << 20)

static void optional(struct px_rows *r, struct px_str s) {
    if (s.n > 0) {
        px_rows_text(r, s);
    } else {
        px_rows_null(r);
    }
}

static void event_cells(struct px_rows *r, const struct agg_item *it, struct px_buf *text) {
    const struct px_event *e = &it->event;
    char id[PX_UUID_TEXT];
    px_uuid_fmt(&e->id, id);
    px_rows_text(r, (struct px_str){.p = id, .n = sizeof id});
    px_rows_text(r, e->player_id);
    px_rows_text(r, e->event_type);
    px_rows_text(r, e->banner_tag);
    px_buf_reset(text);
    px_event_metadata(e, text);
    px_rows_text(r, px_buf_view(text));
    optional(r, e->source_ip);
    optional(r, e->user_agent);
    px_rows_i64(r, px_event_time(e));
    optional(r, e->client_event_id);
    optional(r, e->session_id);
    px_rows_i64(r, e->received_at);
    px_rows_text(r, px_str_c(px_disposition_name(it->disposition)));
    optional(r, e->traffic_class);
    optional(r, e->traffic_reason);
    px_rows_i64(r, it->partition);
    px_rows_i64(r, it->offset);
}

static enum px_code fold_events(struct agg_op *op, const struct agg_applied *a,
                                struct px_err *reterr) {
    for (size_t i = 0; i < a->slice->n; i++) {
        const struct agg_item *it = a->slice->items[i];
        if (it->dead || it->disposition == PX_LATE || it->disposition == PX_ERASED ||
            (i == 0 && PX_DEFECT("agg.drop_row"))) {
            continue; /* a late event's row may just have been removed, an erased one's must be */
        }
        event_cells(op->table.rows, it, &op->text);
        enum px_code rc = px_buf_ok(&op->text, reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_OK;
}

/* --- columns that add up ---------------------------------------------------------------------- */
static void rollup_cells(struct px_rows *r, const struct px_rollup *rollup,
                         const struct px_delta *d) {
    for (size_t k = 0; k < rollup->nkeys; k++) {
        if (rollup->keys[k].type == PX_COL_TEXT) {
            px_rows_text(r, d->key[k].s);
        } else {
            px_rows_i64(r, d->key[k].i);
        }
    }
    for (size_t m = 0; m < rollup->nmeasures; m++) {
        if (d->present & (UINT32_C(1) << m)) {
            px_rows_i64(r, d->value[m]);
        } else {
            px_rows_null(r);
        }
    }
}

static enum px_code fold_rollup(struct agg_op *op, const struct agg_applied *a,
                                struct px_err *reterr) {
    struct px_deltas deltas;
    enum px_code rc = px_fold(op->rollup, a->classified, a->nclassified, a->arena, &deltas);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no memory to fold %zu events", a->nclassified);
    }
    for (size_t i = 0; i < deltas.n; i++) {
        rollup_cells(op->table.rows, op->rollup, &deltas.v[i]);
    }
    return PX_OK;
}

static void rollup_def(struct agg_op *op, const struct px_rollup *r) {
    for (size_t k = 0; k < r->nkeys; k++) {
        op->columns[k] = r->keys[k].column;
        op->types[k] = r->keys[k].type;
    }
    for (size_t m = 0; m < r->nmeasures; m++) {
        op->columns[r->nkeys + m] = r->measures[m].column;
        op->types[r->nkeys + m] = r->measures[m].of_time ? PX_COL_TIME : PX_COL_INT;
        op->ops[m] = r->measures[m].op;
    }
    op->rollup = r;
    op->def = (struct px_table_stmt){.table = r->table,
                                     .columns = op->columns,
                                     .types = op->types,
                                     .ncolumns = r->nkeys + r->nmeasures,
                                     .nkeys = r->nkeys,
                                     .ops = op->ops};
}

/* --- the ledger --------------------------------------------------------------------------------
 */
/* first_offset is written when a partition is first seen and never moves: max(stored, 0) keeps it.
 */
static const char *const ledger_columns[] = {
    "log_id",  "topic",         "partition_id", "first_offset", "next_offset", "rewound",
    "counted", "repeated",      "duplicate",    "conflict",     "excluded",    "late",
    "erased",  "dead_lettered", "hole",         "gap"};
static const enum px_column ledger_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT, PX_COL_INT,
                                              PX_COL_INT,  PX_COL_INT,  PX_COL_INT, PX_COL_INT,
                                              PX_COL_INT,  PX_COL_INT,  PX_COL_INT, PX_COL_INT,
                                              PX_COL_INT,  PX_COL_INT,  PX_COL_INT, PX_COL_INT};
static const enum px_op ledger_ops[] = {PX_OP_MAX, PX_OP_ADD, PX_OP_ADD, PX_OP_ADD, PX_OP_ADD,
                                        PX_OP_ADD, PX_OP_ADD, PX_OP_ADD, PX_OP_ADD, PX_OP_ADD,
                                        PX_OP_ADD, PX_OP_ADD, PX_OP_ADD};
static_assert(PX_ARRAY_LEN(ledger_columns) == PX_ARRAY_LEN(ledger_types), "one type per column");
static_assert(PX_ARRAY_LEN(ledger_columns) == PX_ARRAY_LEN(ledger_ops) + 3, "one op per measure");
const struct px_table_stmt agg_ledger_table = {.table = "partition_ledger",
                                               .columns = ledger_columns,
                                               .types = ledger_types,
                                               .ncolumns = PX_ARRAY_LEN(ledger_columns),
                                               .nkeys = 3,
                                               .ops = ledger_ops};

void agg_ledger_cells(struct px_rows *rows, const char *log_id, const char *topic,
                      const struct agg_ledger_row *row, struct agg_ledger_extra extra) {
    static const enum px_disposition order[] = {PX_COUNTED,  PX_REPEAT,       PX_DUPLICATE,
                                                PX_CONFLICT, PX_EXCLUDED,     PX_LATE,
                                                PX_ERASED,   PX_DEAD_LETTERED};
    static_assert(PX_ARRAY_LEN(order) == PX_DISPOSITIONS, "one column per disposition");
    px_rows_text(rows, px_str_c(log_id));
    px_rows_text(rows, px_str_c(topic));
    px_rows_i64(rows, row->partition);
    px_rows_i64(rows, 0);
    px_rows_i64(rows, row->advance);
    px_rows_i64(rows, extra.rewound);
    for (size_t i = 0; i < PX_ARRAY_LEN(order); i++) {
        px_rows_i64(rows, row->moved[order[i]]);
    }
    px_rows_i64(rows, row->hole);
    px_rows_i64(rows, extra.gap);
}

static enum px_code fold_ledger(struct agg_op *op, const struct agg_applied *a,
                                struct px_err *reterr) {
    size_t n = a->slice->nranges;
    struct agg_ledger_row *rows = px_arena_zalloc(a->arena, n, sizeof *rows);
    if (!rows) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the ledger of %zu partitions", n);
    }
    agg_ledger_fold(a->slice, rows);
    for (size_t i = 0; i < n; i++) {
        if (!agg_ledger_holds(&rows[i])) {
            return PX_FAIL(reterr, PX_INTERNAL, "partition %d: the ledger does not add up",
                           rows[i].partition);
        }
        agg_ledger_cells(op->table.rows, a->log_id, a->topic, &rows[i],
                         (struct agg_ledger_extra){0});
    }
    return PX_OK;
}

/* --- the list -----------------------------------------------------------------------------------
 */
static struct agg_op *op_add(struct agg_ops *o, const char *name) {
    struct agg_op *op = &o->v[o->n++];
    op->name = name;
    snprintf(op->failpoint, sizeof op->failpoint, "agg.after_store_%s", name);
    px_buf_init(&op->text, AGG_METADATA_MAX);
    return op;
}

static enum px_code op_open(struct agg_op *op, const struct agg_ops_conf *conf,
                            const struct px_table_stmt *def, struct px_err *reterr) {
    bool adds_up = def->ops != NULL;
    op->table.render = adds_up ? conf->dialect->upsert : conf->dialect->append;
    return agg_table_init(&op->table, conf->dialect, def, conf->max_bytes, reterr);
}

static enum px_code add_events(struct agg_ops *o, const struct agg_ops_conf *conf,
                               struct px_err *reterr) {
    if (!conf->store_raw) {
        return PX_OK;
    }
    struct agg_op *op = op_add(o, "events");
    op->fold = fold_events;
    return op_open(op, conf, &event_table, reterr);
}

static enum px_code add_rollups(struct agg_ops *o, const struct agg_ops_conf *conf, bool last,
                                struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < px_rollups_count(conf->rollups); i++) {
        const struct px_rollup *r = px_rollups_get(conf->rollups, i);
        if (r->last == last) {
            struct agg_op *op = op_add(o, r->name);
            rollup_def(op, r);
            op->fold = fold_rollup;
            rc = op_open(op, conf, &op->def, reterr);
        }
    }
    return rc;
}

static enum px_code add_ledger(struct agg_ops *o, const struct agg_ops_conf *conf,
                               struct px_err *reterr) {
    struct agg_op *op = op_add(o, "partition_ledger");
    op->fold = fold_ledger;
    return op_open(op, conf, &agg_ledger_table, reterr);
}

enum px_code agg_ops_init(struct agg_ops *o, const struct agg_ops_conf *conf,
                          struct px_err *reterr) {
    *o = (struct agg_ops){0};
    size_t want = px_rollups_count(conf->rollups) + 2;
    if (want > AGG_MAX_OPS) {
        return PX_FAIL(reterr, PX_CONFIG, "rollups.yaml: more than %d rollups", AGG_MAX_OPS - 2);
    }
    o->v = px_calloc2(want, sizeof *o->v);
    if (!o->v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu tables", want);
    }
    enum px_code rc = add_events(o, conf, reterr);
    if (rc == PX_OK) {
        rc = add_rollups(o, conf, false, reterr);
    }
    if (rc == PX_OK) {
        rc = add_ledger(o, conf, reterr);
    }
    if (rc == PX_OK) {
        rc = add_rollups(o, conf, true, reterr);
    }
    if (rc != PX_OK) {
        agg_ops_fini(o);
    }
    return rc;
}

void agg_ops_fini(struct agg_ops *o) {
    for (size_t i = 0; i < o->n; i++) {
        agg_table_fini(&o->v[i].table);
        px_buf_fini(&o->v[i].text);
    }
    px_free(o->v);
    *o = (struct agg_ops){0};
}

enum px_code agg_ops_prepare(struct agg_ops *o, struct px_sql *s, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < o->n; i++) {
        rc = agg_table_prepare(&o->v[i].table, s, reterr);
    }
    return rc;
}

enum px_code agg_ops_try(struct agg_ops *o, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < o->n; i++) {
        rc = agg_table_try(&o->v[i].table, reterr);
    }
    return rc;
}

void agg_ops_forget(struct agg_ops *o) {
    for (size_t i = 0; i < o->n; i++) {
        agg_table_forget(&o->v[i].table);
    }
}
