/* One player out of all tables. Raw rows are picked without a lock, in the order of their ids, and
 * rewritten by id in transactions whose size follows the time they take; the table has no index by
 * player, so that is one pass over it. An aggregation's rows are few: one transaction each. Must
 * not be run before every batch knows of the erasure (agg_unlink_wait). */
#include "unlink.h"

#include "bounds.h"
#include "recount.h"
#include "table.h"

#include <px/failpoint.h>
#include <px/hash.h>

/* Rewriting costs more than removing: a lock is held for less than 200 ms. */
#define MOST_ROWS   1000
#define FIRST_ROWS  200 /* how slow the disk is shows then */
#define ROWS_MAX    (64 << 20)
#define SQL_MAX     (64 << 10)
#define NOBODY_META PX_S("{}")
#define LEAST_ID    "00000000-0000-0000-0000-000000000000"

enum px_code agg_unlink_wait(const struct agg_unlink *u, struct px_err *reterr) {
    return agg_beside_wait(&u->beside, reterr);
}

/* Rows of RETURNING, to the end. */
static enum px_code count_rows(struct px_stmt *st, int64_t *ret, struct px_err *reterr) {
    int64_t n = 0;
    enum px_code rc = px_stmt_run(st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        n++;
    }
    px_stmt_end(st);
    if (rc == PX_NO_ROW) {
        *ret = n;
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* --- raw rows ----------------------------------------------------------------------------------
 */
struct raw {
    const struct agg_unlink *u;
    int64_t number, touched;
    struct px_str player;
    struct px_stmt *pick, *unlink;
    struct px_rows *ids;
    char last[PX_UUID_TEXT + 1];
};

static enum px_code raw_open(struct raw *w, struct px_err *reterr) {
    struct px_sql *s = w->u->beside.sql;
    const struct px_table_stmt *t = px_statement_rows(PX_ST_EVENTS_UNLINK);
    enum px_code rc = px_rows_new(px_sql_dialect(s), t->types, t->ncolumns, ROWS_MAX, &w->ids);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no memory for the ids of events");
    }
    memcpy(w->last, LEAST_ID, sizeof w->last);
    rc = agg_stmt(s, PX_ST_EVENTS_OF_PLAYER, &w->pick, reterr);
    return rc == PX_OK ? agg_stmt(s, PX_ST_EVENTS_UNLINK, &w->unlink, reterr) : rc;
}

static void raw_close(struct raw *w) {
    px_rows_free(w->ids);
    px_stmt_free(w->pick);
    px_stmt_free(w->unlink);
}

static enum px_code raw_pick(struct raw *w, int64_t n, struct px_err *reterr) {
    char last[PX_UUID_TEXT + 1];
    memcpy(last, w->last, sizeof last);
    px_rows_reset(w->ids);
    enum px_code rc = px_bind_text(w->pick, 0, px_str_c(last), reterr);
    rc = rc == PX_OK ? px_bind_text(w->pick, 1, w->player, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    px_bind_i64(w->pick, 2, n);
    rc = px_stmt_run(w->pick, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(w->pick, reterr)) == PX_OK) {
        struct px_str id = px_col_text(w->pick, 0);
        px_rows_text(w->ids, id);
        if (!px_str_copy(id, w->last, sizeof w->last)) {
            rc = PX_FAIL(reterr, PX_SCHEMA, "events.id holds no UUID");
        }
    }
    px_stmt_end(w->pick);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code raw_work(void *arg, struct px_err *reterr) {
    struct raw *w = arg;
    struct px_sql *s = w->u->beside.sql;
    unsigned at = 1; /* one array or one JSON text */
    enum px_code rc = agg_register_lock(s, w->number, reterr);
    rc = rc == PX_OK ? px_rows_bind(w->ids, w->unlink, 0, reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(w->unlink, at, NOBODY_META, reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(w->unlink, at + 1, w->player, reterr) : rc;
    rc = rc == PX_OK ? count_rows(w->unlink, &w->touched, reterr) : rc;
    rc = rc == PX_OK ? agg_register_count(s, w->number, "events", w->touched, reterr) : rc;
    PX_FAILPOINT("agg.erase_before_commit");
    return rc;
}

static enum px_code raw_rows(struct raw *w, px_us *ret_longest, struct px_err *reterr) {
    const struct agg_beside *b = &w->u->beside;
    struct agg_stride stride = {.max = w->u->max_rows < MOST_ROWS ? w->u->max_rows : MOST_ROWS};
    stride.rows = stride.max < FIRST_ROWS ? stride.max : FIRST_ROWS;
    for (bool first = true;; first = false) { /* a table without a row is counted too */
        px_us from = px_mono(b->clock), took = 0;
        enum px_code rc = raw_pick(w, stride.rows, reterr);
        if (rc != PX_OK || (px_rows_count(w->ids) == 0 && !first)) {
            return rc;
        }
        rc = agg_beside_tx(b, raw_work, w, &took, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        PX_FAILPOINT("agg.erase_after_batch");
        *ret_longest = took > *ret_longest ? took : *ret_longest;
        agg_stride_took(&stride, took);
        if (b->pause(b->arg, px_mono(b->clock) - from)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop; the next run goes on");
        }
    }
}

static enum px_code raw_all(const struct agg_unlink *u, int64_t number, struct px_str player,
                            px_us *ret_longest, struct px_err *reterr) {
    struct raw w = {.u = u, .number = number, .player = player};
    enum px_code rc = raw_open(&w, reterr);
    rc = rc == PX_OK ? raw_rows(&w, ret_longest, reterr) : rc;
    raw_close(&w);
    return rc;
}

/* --- aggregations ------------------------------------------------------------------------------
 */
typedef void render_fn(const struct px_dialect *d, const struct px_recount *r, struct px_buf *out);

static enum px_code prepare(struct px_sql *s, const struct px_recount *r, render_fn *render,
                            struct px_stmt **ret, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(SQL_MAX);
    render(px_sql_dialect(s), r, &text);
    return agg_prepare(s, &text, r->name, ret, reterr);
}

static enum px_code bind_player(struct px_stmt *st, const struct px_recount *r,
                                struct px_str player, struct px_err *reterr) {
    enum px_code rc = px_bind_text(st, 0, player, reterr);
    return rc == PX_OK && px_unlink_shared(r) ? px_bind_text(st, 1, px_str_c(r->name), reterr) : rc;
}

struct sums {
    const struct agg_unlink *u;
    const struct px_recount *r;
    int64_t number;
    struct px_str player;
    struct px_stmt *merge, *remove;
};

/* One erasure after the other: two may be of one player, by two keys, and both would add what is
 * there before either removes it. */
static enum px_code sums_work(void *arg, struct px_err *reterr) {
    struct sums *w = arg;
    struct px_sql *s = w->u->beside.sql;
    int64_t n = 0;
    enum px_code rc = agg_register_lock_all(s, reterr);
    rc = rc == PX_OK ? agg_register_lock(s, w->number, reterr) : rc;
    rc = rc == PX_OK ? bind_player(w->merge, w->r, w->player, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(w->merge, reterr) : rc;
    px_stmt_end(w->merge);
    rc = rc == PX_OK ? bind_player(w->remove, w->r, w->player, reterr) : rc;
    rc = rc == PX_OK ? count_rows(w->remove, &n, reterr) : rc;
    rc = rc == PX_OK ? agg_register_count(s, w->number, w->r->name, n, reterr) : rc;
    PX_FAILPOINT("agg.erase_before_sums_commit");
    return rc;
}

static enum px_code sums_of(struct sums *w, px_us *ret_longest, struct px_err *reterr) {
    const struct agg_beside *b = &w->u->beside;
    px_us took = 0;
    enum px_code rc = prepare(b->sql, w->r, px_unlink_merge, &w->merge, reterr);
    rc = rc == PX_OK ? prepare(b->sql, w->r, px_unlink_remove, &w->remove, reterr) : rc;
    rc = rc == PX_OK ? agg_beside_tx(b, sums_work, w, &took, reterr) : rc;
    *ret_longest = took > *ret_longest ? took : *ret_longest;
    px_stmt_free(w->merge);
    px_stmt_free(w->remove);
    PX_FAILPOINT("agg.erase_after_sums");
    return rc;
}

/* The next aggregation from *i on that is kept per player; false: there is none. */
static bool next_kept(const struct px_rollups *rollups, size_t *i, struct agg_recount *ret) {
    for (; *i < px_rollups_count(rollups); (*i)++) {
        agg_recount_init(ret, px_rollups_get(rollups, *i));
        if (px_unlink_column(&ret->def)) {
            (*i)++;
            return true;
        }
        agg_recount_close(ret);
    }
    return false;
}

enum px_code agg_unlink_player(const struct agg_unlink *u, int64_t number, struct px_str player,
                               px_us *ret_longest, struct px_err *reterr) {
    struct agg_recount kept;
    size_t i = 0;
    enum px_code rc = raw_all(u, number, player, ret_longest, reterr);
    while (rc == PX_OK && next_kept(u->rollups, &i, &kept)) {
        struct sums w = {.u = u, .r = &kept.def, .number = number, .player = player};
        rc = sums_of(&w, ret_longest, reterr);
        agg_recount_close(&kept);
    }
    return rc;
}

/* --- looking -----------------------------------------------------------------------------------
 */
static enum px_code count_one(struct px_stmt *st, struct agg_touched *to, const char *name,
                              struct px_err *reterr) {
    enum px_code rc = px_stmt_run(st, reterr);
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK && to->n < AGG_TABLES_MAX &&
        px_str_copy(px_str_c(name), to->v[to->n].table, sizeof to->v[0].table)) {
        to->v[to->n++].rows = px_col_i64(st, 0);
    }
    px_stmt_end(st);
    return rc;
}

enum px_code agg_unlink_count(struct px_sql *s, const struct px_rollups *rollups,
                              struct px_str player, struct agg_touched *ret,
                              struct px_err *reterr) {
    struct px_stmt *st = NULL;
    struct agg_recount kept;
    size_t i = 0;
    *ret = (struct agg_touched){.n = 0};
    enum px_code rc = agg_stmt(s, PX_ST_EVENTS_COUNT, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, player, reterr) : rc;
    rc = rc == PX_OK ? count_one(st, ret, "events", reterr) : rc;
    px_stmt_free(st);
    while (rc == PX_OK && next_kept(rollups, &i, &kept)) {
        st = NULL;
        rc = prepare(s, &kept.def, px_unlink_count, &st, reterr);
        rc = rc == PX_OK ? bind_player(st, &kept.def, player, reterr) : rc;
        rc = rc == PX_OK ? count_one(st, ret, kept.def.name, reterr) : rc;
        px_stmt_free(st);
        agg_recount_close(&kept);
    }
    return rc;
}

typedef enum px_code each_fn(void *arg, const char *table, struct px_str player,
                             struct px_err *reterr);

static enum px_code each_row(struct px_stmt *st, const char *table, each_fn *each, void *arg,
                             struct px_err *reterr) {
    enum px_code rc = px_stmt_run(st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        struct px_str player = px_col_text(st, 0);
        rc = player.n > 0 ? each(arg, table, player, reterr) : PX_OK;
    }
    px_stmt_end(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code agg_unlink_each(struct px_sql *s, const struct px_rollups *rollups, each_fn *each,
                             void *arg, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    struct agg_recount kept;
    size_t i = 0;
    enum px_code rc = agg_stmt(s, PX_ST_EVENTS_PLAYERS, &st, reterr);
    rc = rc == PX_OK ? each_row(st, "events", each, arg, reterr) : rc;
    px_stmt_free(st);
    while (rc == PX_OK && next_kept(rollups, &i, &kept)) {
        st = NULL;
        rc = prepare(s, &kept.def, px_unlink_ids, &st, reterr);
        if (rc == PX_OK && px_unlink_shared(&kept.def)) {
            rc = px_bind_text(st, 0, px_str_c(kept.def.name), reterr);
        }
        rc = rc == PX_OK ? each_row(st, kept.def.name, each, arg, reterr) : rc;
        px_stmt_free(st);
        agg_recount_close(&kept);
    }
    return rc;
}
