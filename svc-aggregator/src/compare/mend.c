/* Transactions of --rebuild. The lock on the progress rows is the point: every batch begins with
 * its fence on them, so while it is held no batch has stored anything that is not committed, and
 * none can begin. What is recomputed then is what all batches together have made. */
#include "mend.h"

#include "retry.h"

#include <px/failpoint.h>
#include <px/unlink.h>

#define AGG_MEND_PATIENCE (2 * PX_US_PER_MIN)
#define AGG_MEND_ROUNDS   20
#define KEYS_MAX          (16 << 20)

typedef enum px_code work_fn(struct agg_audit *a, struct agg_mend *m, const struct agg_keys *keys,
                             struct px_err *reterr);

struct job {
    struct agg_audit *a;
    struct agg_mend *m;
    work_fn *work; /* NULL: fill ${found}, without a lock */
    const struct agg_keys *keys;
    struct agg_keys *found;
};

static enum px_code locked(const struct job *j, struct px_err *reterr) {
    struct px_sql *s = j->a->s;
    enum px_code rc = px_tx_begin(s, reterr);
    rc = rc == PX_OK ? px_tx_lock_progress(s, reterr) : rc;
    if (rc == PX_OK) {
        PX_FAILPOINT("agg.rebuild_locked");
        rc = j->work(j->a, j->m, j->keys, reterr);
    }
    if (rc != PX_OK) {
        px_tx_rollback(s);
        return rc == PX_NO_ROW ? PX_OK : rc; /* nothing to change, nothing changed */
    }
    PX_FAILPOINT("agg.rebuild_before_commit");
    enum px_outcome outcome = PX_ROLLED_BACK;
    return px_tx_commit(s, &outcome, reterr);
}

static enum px_code attempt(const struct job *j, struct px_err *reterr) {
    struct agg_audit *a = j->a;
    enum px_code rc = a->s ? PX_OK : agg_audit_connect(a, PX_SQL_WRITE, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    j->m->rc = &a->v[j->m->rollup];
    rc = j->work ? locked(j, reterr) : agg_recount_keys(j->m->rc, j->m->w, j->found, reterr);
    if (rc != PX_OK && (rc != PX_SQL_RETRY || !px_sql_alive(a->s))) {
        agg_audit_disconnect(a);
    }
    return rc;
}

/* A commit of unknown outcome is harmless: the next attempt finds nothing to do. */
static enum px_code insist(const struct job *j, struct px_err *reterr) {
    const struct px_clock *clock = &px_clock_system;
    px_us until = px_mono(clock) + AGG_MEND_PATIENCE;
    for (unsigned n = 0;; n++) {
        struct agg_tally before = j->m->before;
        enum px_code rc = attempt(j, reterr);
        if (rc == PX_OK && j->work) {
            PX_FAILPOINT("agg.rebuild_after_commit");
        }
        if (rc == PX_OK) {
            return PX_OK;
        }
        j->m->before = before;
        if (rc == PX_BUSY || !(px_code_flags(rc) & PX_RETRY)) {
            return rc;
        }
        if (px_mono(clock) >= until) {
            return px_err_context(reterr, "gave up after two minutes (what was mended stays so, "
                                          "run --rebuild again)");
        }
        (void)agg_status_sleep(&j->a->agg->status, agg_retry_pause(n, (uint64_t)px_mono(clock)));
    }
}

static enum px_code revise(struct px_sql *s, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(s, PX_ST_REVISE, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    px_stmt_free(st);
    return rc;
}

/* --- aggregates ------------------------------------------------------------------------------- */
/* Batches move stored and recomputed sums alike, so their difference must still be the planned one:
 * else somebody counts without raw rows, or writes by hand. */
static bool as_planned(const struct agg_mend *m, const struct agg_tally *t) {
    for (size_t i = 0; i < PX_RECOUNT_MEASURES; i++) {
        if (t->sum_stored[i] - t->sum_computed[i] != m->planned[i]) {
            return false;
        }
    }
    return true;
}

/* An erasure is noted before it waits for whoever holds the progress rows, as we do: one that is
 * not noted by now touches nothing until we are done. */
static enum px_code nobody_leaves(struct agg_audit *a, const struct agg_mend *m,
                                  struct px_err *reterr) {
    bool erasing = false;
    enum px_code rc = agg_audit_erasing(a->s, &erasing, reterr);
    if (rc == PX_OK && erasing) {
        return PX_FAIL(reterr, PX_INVALID,
                       "%s: a player is being erased; run --rebuild again when that is finished",
                       m->rc->def.name);
    }
    return rc;
}

static enum px_code still_complete(struct agg_audit *a, const struct agg_mend *m,
                                   struct px_err *reterr) {
    px_day from = 0;
    enum px_code rc = agg_complete_from(a->s, "raw", &from, reterr);
    bool changed = m->whole ? from != a->complete_from : m->w->first < from;
    if (rc == PX_OK && changed) {
        return PX_FAIL(reterr, PX_INVALID,
                       "%s: raw rows were removed meanwhile; run --rebuild again", m->rc->def.name);
    }
    return rc == PX_OK && px_unlink_column(&m->rc->def) ? nobody_leaves(a, m, reterr) : rc;
}

static enum px_code work_window(struct agg_audit *a, struct agg_mend *m,
                                const struct agg_keys *keys, struct px_err *reterr) {
    (void)keys;
    struct agg_tally t = {0};
    enum px_code rc = still_complete(a, m, reterr);
    rc = rc == PX_OK ? agg_recount_tally(m->rc, m->w, &t, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (agg_tally_differences(&t) == 0) {
        return PX_NO_ROW;
    }
    if (!as_planned(m, &t)) {
        return PX_FAIL(reterr, PX_BUSY,
                       "%s: its rows changed while it was looked at, and not by batches with raw "
                       "rows; run --rebuild again",
                       m->rc->def.name);
    }
    struct agg_change c = {.w = m->w, .remove = t.extra > 0, .store = t.changed + t.missing > 0};
    rc = agg_recount_change(m->rc, &c, reterr);
    agg_tally_add(&m->before, &t);
    return rc == PX_OK ? revise(a->s, reterr) : rc;
}

/* Finding the keys and mending them would read the raw rows three times under the lock: they are
 * found before it, and looked for again afterwards until none differs. */
static enum px_code work_keys(struct agg_audit *a, struct agg_mend *m, const struct agg_keys *keys,
                              struct px_err *reterr) {
    struct agg_change c = {.w = m->w,
                           .remove = keys->extra > 0,
                           .store = keys->wrong > 0,
                           .partial = keys->partial,
                           .keys = keys->rows};
    enum px_code rc = still_complete(a, m, reterr);
    rc = rc == PX_OK ? agg_recount_change(m->rc, &c, reterr) : rc;
    return rc == PX_OK ? revise(a->s, reterr) : rc;
}

static enum px_code mend_keys(struct agg_audit *a, struct agg_mend *m, struct agg_keys *keys,
                              struct px_err *reterr) {
    struct job look = {.a = a, .m = m, .found = keys};
    struct job j = {.a = a, .m = m, .work = work_keys, .keys = keys};
    for (int64_t round = 0; round < m->planned_rows / AGG_MEND_KEYS + AGG_MEND_ROUNDS; round++) {
        enum px_code rc = insist(&look, reterr);
        if (rc != PX_OK || px_rows_count(keys->rows) == 0) {
            return rc;
        }
        rc = insist(&j, reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_FAIL(reterr, PX_BUSY,
                   "%s: rows go wrong as fast as they are mended: who writes them?",
                   m->rc->def.name);
}

enum px_code agg_mend_window(struct agg_audit *a, struct agg_mend *m, struct px_err *reterr) {
    if (!m->whole) {
        struct job j = {.a = a, .m = m, .work = work_window};
        return insist(&j, reterr);
    }
    const char *columns[PX_RECOUNT_KEYS];
    struct px_table_stmt shape;
    struct agg_keys keys = {.limit = AGG_MEND_KEYS, .partial = agg_audit_partial(a)};
    px_recount_keys(&m->rc->def, columns, &shape);
    enum px_code rc =
        px_rows_new(px_sql_dialect(a->s), shape.types, shape.ncolumns, KEYS_MAX, &keys.rows);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no memory for keys");
    }
    rc = mend_keys(a, m, &keys, reterr);
    px_rows_free(keys.rows);
    return rc;
}

/* --- the ledger ------------------------------------------------------------------------------- */
static enum px_code put_account(struct px_sql *s, const struct agg_account *right,
                                struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc =
        agg_stmt(s, right->has_book ? PX_ST_LEDGER_PUT : PX_ST_LEDGER_DROP, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, right->log_id, reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(st, 1, right->topic, reterr) : rc;
    if (rc == PX_OK) {
        px_bind_i64(st, 2, right->partition);
        for (unsigned i = 0; right->has_book && i < AGG_BOOK_COLUMNS; i++) {
            px_bind_i64(st, 3 + i, right->book[i]);
        }
        rc = px_stmt_run(st, reterr);
    }
    px_stmt_free(st);
    return rc;
}

static void count_change(struct agg_tally *t, const struct agg_account *was,
                         const struct agg_account *right) {
    t->extra += right->has_book ? 0 : 1;
    t->missing += was->has_book ? 0 : 1;
    t->changed += was->has_book && right->has_book ? 1 : 0;
    t->sum_stored[0] += was->book[AGG_BOOK_COUNTED];
    t->sum_computed[0] += right->has_book ? right->book[AGG_BOOK_COUNTED] : 0;
}

static enum px_code work_ledger(struct agg_audit *a, struct agg_mend *m,
                                const struct agg_keys *keys, struct px_err *reterr) {
    (void)keys;
    struct agg_accounts accounts = {0};
    px_day from = 0;
    enum px_code rc = agg_accounts_load(a->s, &accounts, reterr);
    rc = rc == PX_OK ? agg_complete_from(a->s, "raw", &from, reterr) : rc;
    m->unmended = 0;
    int64_t before = agg_tally_differences(&m->before);
    for (size_t i = 0; rc == PX_OK && i < accounts.n; i++) {
        struct agg_account right;
        enum agg_verdict v = agg_account_judge(&accounts.v[i], from == 0, &right);
        m->unmended += v == AGG_UNPROVEN ? 1 : 0;
        if (v == AGG_PROVEN) {
            rc = put_account(a->s, &right, reterr);
            count_change(&m->before, &accounts.v[i], &right);
        }
    }
    agg_accounts_fini(&accounts);
    bool nothing = agg_tally_differences(&m->before) == before;
    if (rc == PX_OK && nothing) {
        return PX_NO_ROW;
    }
    return rc == PX_OK ? revise(a->s, reterr) : rc;
}

enum px_code agg_mend_ledger(struct agg_audit *a, struct agg_mend *m, struct px_err *reterr) {
    struct job j = {.a = a, .m = m, .work = work_ledger};
    return insist(&j, reterr);
}
