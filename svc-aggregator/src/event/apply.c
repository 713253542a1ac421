/* One attempt at one slice. The order of the steps is the point of this file: the fence first,
 * because it takes the row locks and stops a former owner before it does work; the claims, which
 * decide what every record is; the operators in their order; one commit. It knows operators, not
 * tables, and must neither retry nor reconnect. */
#include "apply.h"

#include "honour.h"

#include <px/defect.h>
#include <px/failpoint.h>
#include <px/mem.h>
#include <px/num.h>

/* Text grows when it is written as JSON: six bytes for a control character at worst. */
#define AGG_GROWTH     6
#define AGG_ROWS_SLACK (UINT64_C(64) << 20)

struct agg_apply {
    struct agg_apply_conf conf;
    struct px_sql *sql; /* NULL = detached */
    struct agg_claims claims;
    struct agg_table fence, client, client_lookup, natural;
    struct agg_honour honour;
    struct agg_ops ops;
    struct px_arena arena; /* scratch of one attempt */
};

static const char *const key_columns[] = {"h1", "h2"};
static const char *const client_columns[] = {"h1", "h2", "fingerprint", "seen_day"};
static const enum px_column client_types[] = {PX_COL_INT, PX_COL_INT, PX_COL_INT, PX_COL_DATE};
static const struct px_table_stmt client_claim = {.table = "dedupe_event",
                                                  .columns = client_columns,
                                                  .types = client_types,
                                                  .ncolumns = 4,
                                                  .nkeys = 2,
                                                  .returning = key_columns,
                                                  .nreturning = 2};
static const struct px_table_stmt client_lookup = {.table = "dedupe_event",
                                                   .columns = client_columns,
                                                   .types = client_types,
                                                   .ncolumns = 2,
                                                   .nkeys = 2,
                                                   .returning = client_columns,
                                                   .nreturning = 3};
static const char *const natural_columns[] = {"day", "h1", "h2"};
static const enum px_column natural_types[] = {PX_COL_DATE, PX_COL_INT, PX_COL_INT};
static const struct px_table_stmt natural_claim = {.table = "dedupe_day",
                                                   .columns = natural_columns,
                                                   .types = natural_types,
                                                   .ncolumns = 3,
                                                   .nkeys = 3,
                                                   .returning = key_columns,
                                                   .nreturning = 2};

static enum px_code init(struct agg_apply *a, struct px_err *reterr) {
    const struct agg_apply_conf *conf = &a->conf;
    const struct px_dialect *d = conf->dialect;
    size_t cap = AGG_GROWTH * conf->max_bytes + AGG_ROWS_SLACK;
    struct {
        struct agg_table *t;
        const struct px_table_stmt *def;
        px_render_set *render;
    } const tables[] = {{&a->fence, px_fence_rows(), NULL},
                        {&a->client, &client_claim, d->claim},
                        {&a->client_lookup, &client_lookup, d->lookup},
                        {&a->natural, &natural_claim, d->claim}};
    px_arena_init(&a->arena, cap);
    enum px_code rc = agg_claims_init(&a->claims, conf->max_events, reterr);
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(tables); i++) {
        tables[i].t->render = tables[i].render;
        rc = agg_table_init(tables[i].t, d, tables[i].def, cap, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    struct agg_ops_conf ops = {
        .rollups = conf->rollups, .dialect = d, .store_raw = conf->store_raw, .max_bytes = cap};
    return agg_ops_init(&a->ops, &ops, reterr);
}

enum px_code agg_apply_new(const struct agg_apply_conf *conf, struct agg_apply **ret,
                           struct px_err *reterr) {
    struct agg_apply *a = px_alloc(sizeof *a);
    if (!a) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the transaction");
    }
    a->conf = *conf;
    agg_honour_init(&a->honour, conf->key_file);
    enum px_code rc = init(a, reterr);
    if (rc != PX_OK) {
        agg_apply_free(a);
        return rc;
    }
    *ret = a;
    return PX_OK;
}

void agg_apply_free(struct agg_apply *a) {
    if (!a) {
        return;
    }
    agg_ops_fini(&a->ops);
    agg_honour_fini(&a->honour);
    agg_table_fini(&a->fence);
    agg_table_fini(&a->client);
    agg_table_fini(&a->client_lookup);
    agg_table_fini(&a->natural);
    agg_claims_fini(&a->claims);
    px_arena_fini(&a->arena);
    px_free(a);
}

enum px_code agg_apply_attach(struct agg_apply *a, struct px_sql *s, struct px_err *reterr) {
    enum px_code rc = agg_table_prepare_fence(&a->fence, s, reterr);
    struct agg_table *const tables[] = {&a->client, &a->client_lookup, &a->natural};
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(tables); i++) {
        rc = agg_table_prepare(tables[i], s, reterr);
    }
    rc = rc == PX_OK ? agg_honour_attach(&a->honour, s, reterr) : rc;
    if (rc == PX_OK) {
        rc = agg_ops_prepare(&a->ops, s, reterr);
    }
    if (rc == PX_OK) {
        a->sql = s;
    } else {
        agg_apply_detach(a);
    }
    return rc;
}

void agg_apply_detach(struct agg_apply *a) {
    agg_table_forget(&a->fence);
    agg_table_forget(&a->client);
    agg_table_forget(&a->client_lookup);
    agg_table_forget(&a->natural);
    agg_ops_forget(&a->ops);
    agg_honour_detach(&a->honour);
    a->sql = NULL;
}

/* --- step 1: the fence ------------------------------------------------------------------------ */
static void fence_cells(struct px_rows *r, const char *log_id, const char *topic,
                        const struct agg_range *g) {
    px_rows_text(r, px_str_c(log_id));
    px_rows_text(r, px_str_c(topic));
    px_rows_i64(r, g->partition);
    px_rows_i64(r, g->lo);
    px_rows_i64(r, g->hi);
    px_rows_i64(r, g->epoch);
    px_rows_i64(r, g->high_watermark > g->hi ? g->high_watermark : g->hi);
    px_rows_i64(r, g->looked_at);
    if (g->max_event_at) {
        px_rows_i64(r, g->max_event_at);
    } else {
        px_rows_null(r);
    }
}

/* The rows that come back must be the partitions of the slice, all of them: row counts are not
 * believed, and a partition that is missing has another owner by now. */
static enum px_code fence(struct agg_apply *a, const char *log_id, const struct agg_slice *s,
                          struct px_err *reterr) {
    px_rows_reset(a->fence.rows);
    for (size_t i = 0; i < s->nranges; i++) {
        fence_cells(a->fence.rows, log_id, a->conf.topic, &s->ranges[i]);
    }
    enum px_code rc = agg_table_run(&a->fence, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    size_t advanced = 0;
    while ((rc = px_stmt_next(a->fence.st, reterr)) == PX_OK) {
        advanced++;
    }
    if (rc != PX_NO_ROW) {
        return rc;
    }
    if (advanced != s->nranges && !PX_DEFECT("agg.fence_ignored")) {
        return PX_FAIL(reterr, PX_FENCED, "%zu of %zu partitions have moved on with another owner",
                       s->nranges - advanced, s->nranges);
    }
    return PX_OK;
}

/* Behind the fence: retention raises the floor, and an erasure notes its player, then both wait for
 * everybody who is past the fence, and only then change rows. So whoever reads an old state here
 * still finds everything that belongs to it. */
static enum px_code read_bounds(struct agg_apply *a, px_day *ret_floor, struct px_err *reterr) {
    return agg_honour_read(&a->honour, ret_floor, reterr);
}

enum px_code agg_apply_try(struct agg_apply *a, struct px_err *reterr) {
    struct agg_table *const tables[] = {&a->fence, &a->client, &a->client_lookup, &a->natural};
    enum px_code rc = px_tx_begin(a->sql, reterr);
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(tables); i++) {
        rc = agg_table_try(tables[i], reterr);
    }
    px_day floor = 0;
    rc = rc == PX_OK ? read_bounds(a, &floor, reterr) : rc;
    rc = rc == PX_OK ? agg_ops_try(&a->ops, reterr) : rc;
    px_tx_rollback(a->sql);
    return rc;
}

/* --- step 2: the claims ----------------------------------------------------------------------- */
static enum px_code read_winners(struct agg_apply *a, struct agg_table *t, struct px_err *reterr) {
    enum px_code rc;
    while ((rc = px_stmt_next(t->st, reterr)) == PX_OK) {
        struct px_key128 key = {.h1 = px_col_i64(t->st, 0), .h2 = px_col_i64(t->st, 1)};
        if (!agg_claim_won(&a->claims, key)) {
            return PX_FAIL(reterr, PX_INTERNAL, "%s returned a key nobody claimed", t->def->table);
        }
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code read_holders(struct agg_apply *a, struct px_err *reterr) {
    struct agg_table *t = &a->client_lookup;
    px_rows_reset(t->rows);
    for (size_t i = 0; i < a->claims.n; i++) {
        const struct agg_candidate *c = &a->claims.v[a->claims.sorted[i]];
        if (!c->won) {
            px_rows_i64(t->rows, c->holder->client.h1);
            px_rows_i64(t->rows, c->holder->client.h2);
        }
    }
    enum px_code rc = agg_table_run(t, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    while ((rc = px_stmt_next(t->st, reterr)) == PX_OK) {
        struct px_key128 key = {.h1 = px_col_i64(t->st, 0), .h2 = px_col_i64(t->st, 1)};
        if (!agg_claim_stored(&a->claims, key, px_col_i64(t->st, 2))) {
            return PX_FAIL(reterr, PX_INTERNAL, "%s returned a key nobody asked for",
                           t->def->table);
        }
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code claim_client_ids(struct agg_apply *a, const struct agg_slice *s, px_day floor,
                                     struct px_err *reterr) {
    enum px_code rc = agg_claim_client_begin(&a->claims, s, floor, reterr);
    if (rc != PX_OK || a->claims.n == 0) {
        return rc;
    }
    struct px_rows *rows = a->client.rows;
    px_rows_reset(rows);
    for (size_t i = 0; i < a->claims.n; i++) {
        const struct agg_item *it = a->claims.v[a->claims.sorted[i]].holder;
        px_rows_i64(rows, it->client.h1);
        px_rows_i64(rows, it->client.h2);
        px_rows_i64(rows, it->fingerprint);
        px_rows_i64(rows, px_day_of(it->event.received_at));
    }
    rc = agg_table_run(&a->client, reterr);
    if (rc == PX_OK) {
        rc = read_winners(a, &a->client, reterr);
    }
    if (rc == PX_OK && agg_claims_lost(&a->claims) > 0) {
        rc = read_holders(a, reterr);
    }
    return rc == PX_OK ? agg_claim_client_end(&a->claims, s, reterr) : rc;
}

static enum px_code claim_natural_keys(struct agg_apply *a, const struct agg_slice *s,
                                       struct px_err *reterr) {
    enum px_code rc = agg_claim_natural_begin(&a->claims, s, reterr);
    if (rc != PX_OK || a->claims.n == 0) {
        return rc;
    }
    struct px_rows *rows = a->natural.rows;
    px_rows_reset(rows);
    for (size_t i = 0; i < a->claims.n; i++) {
        const struct agg_item *it = a->claims.v[a->claims.sorted[i]].holder;
        px_rows_i64(rows, it->day);
        px_rows_i64(rows, it->natural.h1);
        px_rows_i64(rows, it->natural.h2);
    }
    rc = agg_table_run(&a->natural, reterr);
    if (rc == PX_OK) {
        rc = read_winners(a, &a->natural, reterr);
    }
    if (rc == PX_OK) {
        agg_claim_natural_end(&a->claims, s);
    }
    return rc;
}

/* --- steps 3 and 4: fold and store --------------------------------------------------------------
 */
static enum px_code classified(struct agg_apply *a, const struct agg_slice *s,
                               struct agg_applied *ret, struct px_err *reterr) {
    struct px_classified *v = px_arena_alloc(&a->arena, (s->n + 1) * sizeof *v);
    if (!v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory to classify %zu events", s->n);
    }
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct agg_item *it = s->items[i];
        if (!it->dead && !(i == 0 && PX_DEFECT("agg.drop_event"))) {
            v[n++] = (struct px_classified){.event = &it->event,
                                            .type = it->type,
                                            .day = it->day,
                                            .disposition = it->disposition,
                                            .own_new_id = it->own_new_id};
        }
    }
    if (n > 0 && PX_DEFECT("agg.count_twice")) {
        v[n++] = v[0];
    }
    ret->classified = v;
    ret->nclassified = n;
    return PX_OK;
}

static enum px_code store(struct agg_op *op, const struct agg_applied *in, struct px_err *reterr) {
    px_rows_reset(op->table.rows);
    enum px_code rc = op->load ? op->load(op, in, reterr) : PX_OK;
    if (rc == PX_OK) {
        rc = op->fold(op, in, reterr);
    }
    rc = rc == PX_OK ? agg_table_store(&op->table, reterr) : rc;
    PX_FAILPOINT(op->failpoint);
    return rc;
}

static enum px_code steps(struct agg_apply *a, struct agg_applied *in, struct px_err *reterr) {
    PX_FAILPOINT("agg.before_fence");
    enum px_code rc = PX_DEFECT("agg.no_fence") ? PX_OK : fence(a, in->log_id, in->slice, reterr);
    if (rc != PX_OK || PX_DEFECT("agg.offset_only")) {
        return rc;
    }
    PX_FAILPOINT("agg.after_fence");
    px_day floor = 0;
    rc = read_bounds(a, &floor, reterr);
    PX_FAILPOINT("agg.after_floor");
    agg_honour_mark(&a->honour, in->slice);
    rc = rc == PX_OK ? claim_client_ids(a, in->slice, floor, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    PX_FAILPOINT("agg.after_client_claims");
    rc = claim_natural_keys(a, in->slice, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    PX_FAILPOINT("agg.after_natural_claims");
    rc = classified(a, in->slice, in, reterr);
    for (size_t i = 0; rc == PX_OK && i < a->ops.n; i++) {
        rc = store(&a->ops.v[i], in, reterr);
    }
    return rc;
}

enum px_code agg_apply(struct agg_apply *a, const char *log_id, const struct agg_slice *slice,
                       struct px_err *reterr) {
    px_assert(a->sql && slice->nranges > 0);
    px_arena_reset(&a->arena);
    struct agg_applied in = {
        .log_id = log_id, .topic = a->conf.topic, .slice = slice, .arena = &a->arena};
    enum px_code rc = px_tx_begin(a->sql, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    PX_FAILPOINT("agg.after_begin");
    rc = steps(a, &in, reterr);
    if (rc != PX_OK) {
        px_tx_rollback(a->sql);
        return rc;
    }
    PX_FAILPOINT("agg.before_commit");
    enum px_outcome outcome = PX_ROLLED_BACK;
    rc = px_tx_commit(a->sql, &outcome, reterr);
    px_assert((rc == PX_OK) == (outcome == PX_COMMITTED));
    return rc;
}
