/* The transaction guard. Drivers report success for commits that stored nothing, so a transaction
 * counts as committed only if COMMIT succeeded, no statement of it had failed, and the connection
 * is still alive afterwards. COMMIT is sent once at most, and never after a failure. */
#include "internal.h"

#include <px/defect.h>

static const char *begin_text(const struct px_sql *s) {
    return s->use == PX_SQL_READ ? s->dialect->begin_read : s->dialect->begin_write;
}

static enum px_code autocommit(struct px_sql *s, bool on, struct px_err *reterr) {
    SQLULEN v = on ? SQL_AUTOCOMMIT_ON : SQL_AUTOCOMMIT_OFF;
    if (!px_sql_ok(SQLSetConnectAttr(s->dbc, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)(uintptr_t)v, 0))) {
        return px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "autocommit", reterr);
    }
    return PX_OK;
}

static void end_results(struct px_sql *s) {
    for (struct px_stmt *st = s->stmts; st; st = st->next) {
        px_stmt_end(st);
    }
}

/* The transaction is over for us, whatever became of it. */
static void leave(struct px_sql *s) {
    s->in_tx = false;
    s->tx_failed = false;
    if (!begin_text(s) && !s->lost && autocommit(s, true, NULL)) {
        s->lost = true;
    }
}

enum px_code px_tx_begin(struct px_sql *s, struct px_err *reterr) {
    if (s->in_tx) {
        return PX_FAIL(reterr, PX_INTERNAL, "a transaction is open already");
    }
    if (!px_sql_alive(s)) {
        s->lost = true;
        return PX_FAIL(reterr, PX_SQL_LOST, "the connection was lost before");
    }
    const char *text = begin_text(s);
    enum px_code code =
        text ? px_sql_exec(s, px_str_c(text), reterr) : autocommit(s, false, reterr);
    if (code) {
        return code;
    }
    s->in_tx = true;
    s->tx_failed = false;
    return PX_OK;
}

enum px_code px_tx_lock_progress(struct px_sql *s, struct px_err *reterr) {
    const char *text = s->dialect->lock_progress;
    px_assert(s->in_tx && s->use == PX_SQL_WRITE);
    return text ? px_sql_exec(s, px_str_c(text), reterr) : PX_OK;
}

bool px_tx_failed(const struct px_sql *s) {
    return s->in_tx && s->tx_failed;
}

/* Sends one statement that ends the transaction and keeps what the driver said. */
static SQLRETURN end_by_text(struct px_sql *s, const char *text, struct px_err *reterr) {
    SQLHSTMT h = SQL_NULL_HANDLE;
    SQLRETURN rc = SQLAllocHandle(SQL_HANDLE_STMT, s->dbc, &h);
    if (!px_sql_ok(rc)) {
        PX_IGNORE(px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, text, reterr));
        return rc;
    }
    rc = SQLExecDirect(h, (SQLCHAR *)(uintptr_t)text, SQL_NTS);
    if (rc == SQL_SUCCESS && s->dialect->drains && px_sql_drain(h) == SQL_ERROR) {
        rc = SQL_ERROR;
    }
    if (rc != SQL_SUCCESS) {
        PX_IGNORE(px_sql_diag(s, SQL_HANDLE_STMT, h, text, reterr));
    }
    (void)SQLFreeHandle(SQL_HANDLE_STMT, h);
    return rc;
}

static SQLRETURN end_tx(struct px_sql *s, bool commit, struct px_err *reterr) {
    if (begin_text(s)) {
        return end_by_text(s, commit ? "COMMIT" : s->dialect->rollback, reterr);
    }
    SQLRETURN rc = SQLEndTran(SQL_HANDLE_DBC, s->dbc, commit ? SQL_COMMIT : SQL_ROLLBACK);
    if (rc != SQL_SUCCESS) {
        PX_IGNORE(px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, commit ? "COMMIT" : "ROLLBACK", reterr));
    }
    return rc;
}

void px_tx_rollback(struct px_sql *s) {
    if (!s->in_tx) {
        return;
    }
    end_results(s);
    struct px_err e = PX_ERR_INIT;
    if (px_sql_alive(s) && end_tx(s, false, &e) != SQL_SUCCESS) {
        s->lost = true; /* a connection that cannot roll back is of no more use */
    }
    leave(s);
}

/* COMMIT did not say success. Only a plain refusal by a server that still answers is a rollback. */
static enum px_code commit_refused(struct px_sql *s, SQLRETURN rc, const struct px_err *e,
                                   enum px_outcome *ret_outcome, struct px_err *reterr) {
    if (rc == SQL_ERROR && px_sql_alive(s) && s->dialect->refused(e->sqlstate, e->native)) {
        px_tx_rollback(s);
        *ret_outcome = PX_ROLLED_BACK;
        if (reterr) {
            *reterr = *e;
        }
        return e->code;
    }
    s->lost = true;
    leave(s);
    if (PX_DEFECT("sql.assume_committed")) {
        *ret_outcome = PX_COMMITTED;
        return PX_OK;
    }
    *ret_outcome = PX_OUTCOME_UNKNOWN;
    return PX_FAIL(reterr, PX_UNKNOWN_OUTCOME, "COMMIT was sent, its outcome is not known (%.150s)",
                   e->code ? e->msg : "the connection died");
}

enum px_code px_tx_commit(struct px_sql *s, enum px_outcome *ret_outcome, struct px_err *reterr) {
    *ret_outcome = PX_ROLLED_BACK;
    if (!s->in_tx) {
        return PX_FAIL(reterr, PX_INTERNAL, "no transaction is open");
    }
    end_results(s);
    if (s->tx_failed && !PX_DEFECT("sql.no_sticky_flag")) {
        struct px_err first = s->tx_err;
        px_tx_rollback(s);
        if (reterr) {
            *reterr = first;
        }
        return first.code;
    }
    struct px_err e = PX_ERR_INIT;
    SQLRETURN rc = end_tx(s, true, &e);
    if (rc != SQL_SUCCESS && PX_DEFECT("sql.commit_again")) {
        rc = end_tx(s, true, &e);
    }
    if (rc == SQL_SUCCESS && (px_sql_alive(s) || PX_DEFECT("sql.no_alive_check"))) {
        leave(s);
        *ret_outcome = PX_COMMITTED;
        return PX_OK;
    }
    return commit_refused(s, rc, &e, ret_outcome, reterr);
}
