/* SQL of the erasures. A number is taken by whoever commits first; the other tries the next. */
#include "register.h"

#include "table.h"

#define AGG_NUMBER_TRIES 100

static enum px_code done(struct px_stmt *st, enum px_code rc) {
    px_stmt_free(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code out_of_shape(struct px_err *reterr) {
    return PX_FAIL(reterr, PX_SCHEMA, "erasures: a row that this program did not write");
}

static bool names_of(const struct px_stmt *st, unsigned kid, unsigned fingerprint,
                     struct agg_entry *e) {
    return px_str_copy(px_col_text(st, kid), e->kid, sizeof e->kid) &&
           px_str_copy(px_col_text(st, fingerprint), e->fingerprint, sizeof e->fingerprint);
}

enum px_code agg_register_get(struct px_sql *s, const char *fingerprint, struct agg_entry *ret,
                              struct px_buf *receipt, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    struct agg_entry e = {.number = 0};
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_GET, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(fingerprint), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    if (rc == PX_OK) {
        e.number = px_col_i64(st, 0);
        e.asked_at = px_col_i64(st, 2);
        e.finished_at = px_col_i64(st, 3);
        bool fits = px_str_copy(px_col_text(st, 1), e.kid, sizeof e.kid) &&
                    px_str_copy(px_str_c(fingerprint), e.fingerprint, sizeof e.fingerprint);
        rc = fits ? PX_OK : out_of_shape(reterr);
    }
    if (rc == PX_OK && receipt) {
        px_buf_str(receipt, px_col_text(st, 4));
    }
    px_stmt_free(st);
    if (rc == PX_OK) {
        *ret = e;
    }
    return rc;
}

struct adding {
    struct px_sql *sql;
    const struct agg_entry *e;
};

static enum px_code add_work(void *arg, struct px_err *reterr) {
    const struct adding *w = arg;
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(w->sql, PX_ST_ERASURE_ADD, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, px_str_c(w->e->kid), reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(st, 1, px_str_c(w->e->fingerprint), reterr) : rc;
    if (rc == PX_OK) {
        px_bind_i64(st, 2, w->e->asked_at);
        rc = px_stmt_run(st, reterr);
    }
    return done(st, rc);
}

enum px_code agg_register_add(const struct agg_beside *b, struct agg_entry *e,
                              struct px_err *reterr) {
    struct adding w = {.sql = b->sql, .e = e};
    px_us took = 0;
    for (int i = 0; i < AGG_NUMBER_TRIES; i++) {
        struct agg_entry there;
        enum px_code rc = agg_beside_tx(b, add_work, &w, &took, reterr);
        rc = rc == PX_OK ? agg_register_get(b->sql, e->fingerprint, &there, NULL, reterr) : rc;
        if (rc == PX_OK) {
            *e = there;
        }
        if (rc != PX_NO_ROW) {
            return rc;
        }
    }
    return PX_FAIL(reterr, PX_SQL_RETRY, "erasures: others take every number first");
}

enum px_code agg_register_list(struct px_sql *s, bool open, struct px_buf *out,
                               struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, open ? PX_ST_ERASURES_OPEN : PX_ST_ERASURES, &st, reterr);
    if (rc == PX_OK && !open) {
        px_bind_i64(st, 0, 0);
    }
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        struct agg_entry e = {.number = px_col_i64(st, 0)};
        rc = names_of(st, 1, 2, &e) ? PX_OK : out_of_shape(reterr);
        px_buf_add(out, (const char *)&e, sizeof e);
    }
    rc = done(st, rc);
    return rc == PX_OK ? px_buf_ok(out, reterr) : rc;
}

static enum px_code lock(struct px_sql *s, int64_t number, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_LOCK, &st, reterr);
    if (rc == PX_OK) {
        px_bind_i64(st, 0, number);
        rc = px_stmt_run(st, reterr);
    }
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    px_stmt_free(st);
    return rc;
}

enum px_code agg_register_lock(struct px_sql *s, int64_t number, struct px_err *reterr) {
    enum px_code rc = lock(s, number, reterr);
    return rc == PX_NO_ROW ? out_of_shape(reterr) : rc;
}

/* The row of the first number, which is there as soon as any is; whoever removed it by hand gave up
 * this and no more. */
enum px_code agg_register_lock_all(struct px_sql *s, struct px_err *reterr) {
    enum px_code rc = lock(s, 1, reterr);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

enum px_code agg_register_count(struct px_sql *s, int64_t number, const char *table, int64_t rows,
                                struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_COUNT, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 1, px_str_c(table), reterr) : rc;
    if (rc == PX_OK) {
        px_bind_i64(st, 0, number);
        px_bind_i64(st, 2, rows);
        rc = px_stmt_run(st, reterr);
    }
    return done(st, rc);
}

enum px_code agg_register_reopen(struct px_sql *s, int64_t number, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_REOPEN, &st, reterr);
    if (rc == PX_OK) {
        px_bind_i64(st, 0, number);
        rc = px_stmt_run(st, reterr);
    }
    return done(st, rc);
}

enum px_code agg_register_finish(struct px_sql *s, const struct agg_entry *e, struct px_str receipt,
                                 struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_FINISH, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, receipt, reterr) : rc;
    if (rc == PX_OK) {
        px_bind_i64(st, 1, e->finished_at);
        px_bind_i64(st, 2, e->number);
        rc = px_stmt_run(st, reterr);
    }
    return done(st, rc);
}

enum px_code agg_register_counts(struct px_sql *s, int64_t number, struct agg_touched *ret,
                                 struct px_err *reterr) {
    struct px_stmt *st = NULL;
    *ret = (struct agg_touched){.n = 0};
    enum px_code rc = agg_stmt(s, PX_ST_ERASURE_COUNTS, &st, reterr);
    if (rc == PX_OK) {
        px_bind_i64(st, 0, number);
        rc = px_stmt_run(st, reterr);
    }
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        bool fits = ret->n < AGG_TABLES_MAX &&
                    px_str_copy(px_col_text(st, 0), ret->v[ret->n].table, sizeof ret->v[0].table);
        if (fits) {
            ret->v[ret->n++].rows = px_col_i64(st, 1);
        }
        rc = fits ? PX_OK : out_of_shape(reterr);
    }
    return done(st, rc);
}
