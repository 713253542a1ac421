/* One table: pick old keys without a lock, remove them in a short transaction, pause for as long as
 * that took. The size of the transactions follows the time they take. */
#include "retain_priv.h"

#include <px/failpoint.h>
#include <px/hash.h>
#include <px/num.h>

#define AGG_FIRST_ROWS 500 /* of a table: how slow its disk is shows then */
#define AGG_SQL_MAX    (64 << 10)
#define AGG_ROWS_MAX   (64 << 20)
#define AGG_CELL_MAX   4096 /* of a key */

/* --- bound values -------------------------------------------------------------------------------
 */

struct bound { /* the parameters <bound> of px/expiry.h, as text or instant */
    char text[PX_UUID_TEXT];
    size_t n; /* 0: it is `at` */
    px_us at, guard;
    bool guarded;
};

/* The least id that is made at ${t} or later. */
static void id_from(px_us t, struct bound *b) {
    struct px_uuid id = {.b = {0}};
    uint64_t ms = (uint64_t)(t / PX_US_PER_MS);
    for (unsigned i = 0; i < 6; i++) {
        id.b[i] = (uint8_t)(ms >> (8 * (5 - i)));
    }
    px_uuid_fmt(&id, b->text);
    b->n = sizeof b->text;
}

static struct bound bound_of(const struct agg_bounds *bounds, const struct agg_old *o) {
    struct bound b = {.guarded = o->x.guard != NULL, .guard = bounds->raw_at};
    if (o->x.bound_type == PX_COL_DATE) {
        char day[PX_TIME_TEXT];
        b.n = px_fmt_date(agg_old_below(bounds, o->by), day);
        memcpy(b.text, day, b.n);
    } else if (o->x.bound_type == PX_COL_UUID) {
        id_from(bounds->raw_at, &b);
    } else {
        b.at = o->by == AGG_BOUND_MINUTES ? bounds->minutes_at : bounds->aggregates_at;
    }
    return b;
}

/* Bind from *at on, and move it on. */
static enum px_code bind_bound(struct px_stmt *st, const struct bound *b, unsigned *at,
                               struct px_err *reterr) {
    enum px_code rc = PX_OK;
    if (b->n > 0) {
        rc = px_bind_text(st, (*at)++, (struct px_str){.p = b->text, .n = b->n}, reterr);
    } else {
        px_bind_i64(st, (*at)++, b->at);
    }
    if (b->guarded) {
        px_bind_i64(st, (*at)++, b->guard);
    }
    return rc;
}

/* --- one table -----------------------------------------------------------------------------------
 */

struct sweep {
    const struct agg_retain *r;
    const struct agg_old *old;
    struct bound bound;
    struct px_table_stmt rows_def;
    struct px_rows *rows;
    struct px_stmt *pick, *remove;
    /* the key picked last, and the one before that was picked from */
    struct px_buf last[PX_ROLLUP_MAX_KEYS], from[PX_ROLLUP_MAX_KEYS];
};

static enum px_code prepare(struct px_sql *s, const struct px_expiry *x,
                            void (*render)(const struct px_dialect *, const struct px_expiry *,
                                           struct px_buf *),
                            struct px_stmt **ret, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(AGG_SQL_MAX);
    render(px_sql_dialect(s), x, &text);
    return agg_prepare(s, &text, x->table, ret, reterr);
}

static enum px_code sweep_open(struct sweep *w, struct px_err *reterr) {
    static const char *const least[] = {[PX_COL_INT] = "",
                                        [PX_COL_TEXT] = "",
                                        [PX_COL_DATE] = "1970-01-01",
                                        [PX_COL_TIME] = "",
                                        [PX_COL_UUID] = "00000000-0000-0000-0000-000000000000"};
    const struct px_expiry *x = &w->old->x;
    w->rows_def = px_expiry_rows(x);
    for (size_t k = 0; k < x->nkeys; k++) {
        px_buf_init(&w->last[k], AGG_CELL_MAX);
        px_buf_init(&w->from[k], AGG_CELL_MAX);
        px_buf_c(&w->last[k], least[x->types[k]]);
    }
    enum px_code rc =
        px_rows_new(px_sql_dialect(w->r->sql), x->types, x->nkeys, AGG_ROWS_MAX, &w->rows);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no memory for the keys of %s", x->table);
    }
    rc = prepare(w->r->sql, x, px_expiry_pick, &w->pick, reterr);
    return rc == PX_OK ? prepare(w->r->sql, x, px_expiry_remove, &w->remove, reterr) : rc;
}

static void sweep_close(struct sweep *w) {
    for (size_t k = 0; k < w->old->x.nkeys; k++) {
        px_buf_fini(&w->last[k]);
        px_buf_fini(&w->from[k]);
    }
    px_rows_free(w->rows);
    px_stmt_free(w->pick);
    px_stmt_free(w->remove);
}

static enum px_code bind_key(const struct sweep *w, struct px_stmt *st, const struct px_buf *key,
                             unsigned *at, struct px_err *reterr) {
    const struct px_expiry *x = &w->old->x;
    enum px_code rc = PX_OK;
    for (size_t k = 0; rc == PX_OK && x->walks && k < x->nkeys; k++, (*at)++) {
        struct px_str v = px_buf_view(&key[k]);
        int64_t i = x->types[k] == PX_COL_INT ? INT64_MIN : 0;
        if (x->types[k] == PX_COL_INT || x->types[k] == PX_COL_TIME) {
            px_assert(v.n == 0 || px_parse_i64(v, INT64_MIN, INT64_MAX, &i));
            px_bind_i64(st, *at, i);
        } else {
            rc = px_bind_text(st, *at, v, reterr);
        }
    }
    return rc;
}

static enum px_code keep_key(struct sweep *w, struct px_err *reterr) {
    const struct px_expiry *x = &w->old->x;
    for (unsigned k = 0; k < x->nkeys; k++) {
        struct px_str v = px_col_text(w->pick, k);
        px_day day = 0;
        px_buf_reset(&w->last[k]);
        px_buf_str(&w->last[k], v);
        if (x->types[k] == PX_COL_TEXT || x->types[k] == PX_COL_UUID) {
            px_rows_text(w->rows, v);
        } else if (x->types[k] == PX_COL_DATE) {
            if (!px_parse_date(v, &day)) {
                return PX_FAIL(reterr, PX_SQL, "%s.%s holds no day", x->table, x->keys[k]);
            }
            px_rows_i64(w->rows, day);
        } else {
            px_rows_i64(w->rows, px_col_i64(w->pick, k));
        }
    }
    return PX_OK;
}

/* The next keys, oldest first. Takes no lock. */
static enum px_code pick(struct sweep *w, int64_t n, struct px_err *reterr) {
    unsigned at = 0;
    px_rows_reset(w->rows);
    for (size_t k = 0; k < w->old->x.nkeys; k++) {
        px_buf_reset(&w->from[k]);
        px_buf_str(&w->from[k], px_buf_view(&w->last[k]));
    }
    enum px_code rc = bind_key(w, w->pick, w->from, &at, reterr);
    rc = rc == PX_OK ? bind_bound(w->pick, &w->bound, &at, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    px_bind_i64(w->pick, at, n);
    rc = px_stmt_run(w->pick, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(w->pick, reterr)) == PX_OK) {
        rc = keep_key(w, reterr);
    }
    px_stmt_end(w->pick);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code bind_remove(struct sweep *w, struct px_err *reterr) {
    bool columns = px_sql_dialect(w->r->sql)->rows_as_columns;
    unsigned at = 0;
    enum px_code rc = PX_OK;
    if (!w->old->x.walks) {
        rc = px_rows_bind(w->rows, w->remove, 0, reterr);
        at = columns ? (unsigned)w->old->x.nkeys : 1;
    }
    rc = rc == PX_OK ? bind_key(w, w->remove, w->from, &at, reterr) : rc;
    rc = rc == PX_OK ? bind_key(w, w->remove, w->last, &at, reterr) : rc;
    return rc == PX_OK ? bind_bound(w->remove, &w->bound, &at, reterr) : rc;
}

static enum px_code remove_in_tx(struct sweep *w, struct px_err *reterr) {
    enum px_code rc = bind_remove(w, reterr);
    rc = rc == PX_OK ? px_stmt_run(w->remove, reterr) : rc;
    px_stmt_end(w->remove);
    return rc;
}

static enum px_code remove_work(void *arg, struct px_err *reterr) {
    struct sweep *w = arg;
    return remove_in_tx(w, reterr);
}

static enum px_code sweep_rows(struct sweep *w, struct agg_retained *ret, struct agg_removed *to,
                               struct px_err *reterr) {
    const struct agg_retain *r = w->r;
    struct agg_stride s = {.max = r->conf->retain_rows};
    s.rows = s.max < AGG_FIRST_ROWS ? s.max : AGG_FIRST_ROWS;
    while (!ret->stopped) {
        px_us from = px_mono(r->clock), took = 0;
        enum px_code rc = pick(w, s.rows, reterr);
        if (rc != PX_OK || px_rows_count(w->rows) == 0) {
            return rc;
        }
        rc = agg_retain_tx(r, remove_work, w, &took, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        to->rows += (int64_t)px_rows_count(w->rows);
        to->batches++;
        to->longest = took > to->longest ? took : to->longest;
        PX_FAILPOINT("agg.retain_after_batch");
        agg_stride_took(&s, took);
        ret->stopped = r->pause(r->arg, px_mono(r->clock) - from); /* half of the time is ours */
    }
    return PX_OK;
}

enum px_code agg_retain_any(const struct agg_retain *r, const struct agg_old *old,
                            const struct agg_bounds *b, bool *ret, struct px_err *reterr) {
    struct sweep w = {.r = r, .old = old, .bound = bound_of(b, old)};
    enum px_code rc = sweep_open(&w, reterr);
    rc = rc == PX_OK ? pick(&w, 1, reterr) : rc;
    *ret = rc == PX_OK && px_rows_count(w.rows) > 0;
    sweep_close(&w);
    return rc;
}

enum px_code agg_retain_sweep(const struct agg_retain *r, const struct agg_old *old,
                              struct agg_retained *ret, struct agg_removed *to,
                              struct px_err *reterr) {
    struct sweep w = {.r = r, .old = old, .bound = bound_of(&ret->bounds, old)};
    enum px_code rc = sweep_open(&w, reterr);
    rc = rc == PX_OK ? sweep_rows(&w, ret, to, reterr) : rc;
    sweep_close(&w);
    return rc;
}

enum px_code agg_retain_count(const struct agg_retain *r, const struct agg_old *old,
                              const struct agg_bounds *b, int64_t *ret, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    struct bound bound = bound_of(b, old);
    unsigned at = 0;
    enum px_code rc = prepare(r->sql, &old->x, px_expiry_count, &st, reterr);
    rc = rc == PX_OK ? bind_bound(st, &bound, &at, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK) {
        *ret = px_col_i64(st, 0);
    }
    px_stmt_free(st);
    return rc;
}
