/* A prepared statement: bind, run, fetch. Text travels as UTF-8 characters, integers as int64;
 * results are fetched as text into bound buffers that grow with what comes. Must not interpret
 * errors. */
#include <px/mem.h>
#include <px/num.h>

#include "internal.h"

#define COLBUF_START 128
#define WIDE_SHORT   4000 /* characters that a column of SQL Server's wide type holds */

static struct px_stmt *stmt_new(struct px_sql *s) {
    struct px_stmt *st = px_alloc(sizeof *st);
    bool *badint = px_alloc(sizeof *badint);
    if (!st || !badint) {
        px_free(st);
        px_free(badint);
        return NULL;
    }
    st->s = s;
    st->badint = badint;
    st->h = SQL_NULL_HANDLE;
    st->next = s->stmts;
    if (st->next) {
        st->next->prev = st;
    }
    s->stmts = st;
    return st;
}

void px_stmt_free(struct px_stmt *st) {
    if (!st) {
        return;
    }
    if (st->prev) {
        st->prev->next = st->next;
    } else {
        st->s->stmts = st->next;
    }
    if (st->next) {
        st->next->prev = st->prev;
    }
    if (st->h != SQL_NULL_HANDLE) {
        (void)SQLFreeHandle(SQL_HANDLE_STMT, st->h);
    }
    for (size_t i = 0; i < st->allocated; i++) {
        px_free(st->cols[i].p);
    }
    px_free(st->cols);
    px_free(st->badint);
    px_free(st);
}

static enum px_code prepare(struct px_stmt *st, SQLCHAR *sql, struct px_err *reterr) {
    struct px_sql *s = st->s;
    SQLSMALLINT n = 0;
    if (!px_sql_ok(SQLAllocHandle(SQL_HANDLE_STMT, s->dbc, &st->h))) {
        return px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "statement handle", reterr);
    }
    if (!px_sql_ok(SQLPrepare(st->h, sql, SQL_NTS)) || !px_sql_ok(SQLNumParams(st->h, &n))) {
        return px_sql_diag(s, SQL_HANDLE_STMT, st->h, "prepare", reterr);
    }
    if (n < 0 || n > PX_SQL_MAX_PARAMS) {
        return PX_FAIL(reterr, PX_INTERNAL, "a statement with %d parameters", (int)n);
    }
    st->nparams = (unsigned)n;
    return PX_OK;
}

enum px_code px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret,
                            struct px_err *reterr) {
    if (s->lost) {
        return PX_FAIL(reterr, PX_SQL_LOST, "the connection was lost before");
    }
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *st = stmt_new(s);
    SQLCHAR *sql = st ? px_sql_text(text, &e) : NULL;
    enum px_code code = PX_OK;
    if (!st) {
        code = PX_FAIL(&e, PX_NOMEM, "no memory for a statement");
    } else {
        code = sql ? prepare(st, sql, &e) : e.code;
    }
    px_free(sql);
    if (code) {
        px_stmt_free(st);
        px_sql_note(s, &e);
        if (reterr) {
            *reterr = e;
        }
        return code;
    }
    *ret = st;
    return PX_OK;
}

/* --- parameters ------------------------------------------------------------------------------ */

static struct px_param *param(struct px_stmt *st, unsigned i) {
    px_assert(i < st->nparams);
    return &st->params[i];
}

void px_bind_i64(struct px_stmt *st, unsigned i, int64_t v) {
    *param(st, i) = (struct px_param){.kind = PX_PARAM_I64, .i = v};
}

void px_bind_null(struct px_stmt *st, unsigned i) {
    *param(st, i) = (struct px_param){.kind = PX_PARAM_NULL, .ind = SQL_NULL_DATA};
}

void px_bind_raw(struct px_stmt *st, unsigned i, struct px_str v) {
    *param(st, i) = (struct px_param){.kind = PX_PARAM_TEXT, .s = v, .ind = (SQLLEN)v.n};
}

enum px_code px_bind_text(struct px_stmt *st, unsigned i, struct px_str v, struct px_err *reterr) {
    if (px_str_find(v, '\0') != v.n || !px_utf8_valid(v)) {
        param(st, i)->kind = PX_PARAM_UNSET;
        return PX_FAIL(reterr, PX_SQL_DATA, "parameter %u holds a NUL or is no valid UTF-8", i);
    }
    px_bind_raw(st, i, v);
    return PX_OK;
}

static SQLRETURN bind_one(struct px_stmt *st, unsigned i) {
    static const char nothing = '\0';
    struct px_param *p = &st->params[i];
    SQLUSMALLINT at = (SQLUSMALLINT)(i + 1);
    if (p->kind == PX_PARAM_I64) {
        return SQLBindParameter(st->h, at, SQL_PARAM_INPUT, SQL_C_SBIGINT, SQL_BIGINT, 0, 0, &p->i,
                                0, &p->ind);
    }
    const char *text = p->s.n ? p->s.p : &nothing;
    SQLULEN size = p->s.n ? p->s.n : 1;
    SQLSMALLINT type = SQL_LONGVARCHAR;
    if (st->s->dialect->wide) { /* of one declared type while it is short: the plan stays */
        type = size > WIDE_SHORT ? SQL_WLONGVARCHAR : SQL_WVARCHAR;
        size = size > WIDE_SHORT ? size : WIDE_SHORT;
    }
    return SQLBindParameter(st->h, at, SQL_PARAM_INPUT, SQL_C_CHAR, type, size, 0,
                            (SQLPOINTER)(uintptr_t)text, (SQLLEN)p->s.n, &p->ind);
}

static enum px_code bind_params(struct px_stmt *st, struct px_err *reterr) {
    for (unsigned i = 0; i < st->nparams; i++) {
        if (st->params[i].kind == PX_PARAM_UNSET) {
            return PX_FAIL(reterr, PX_INTERNAL, "parameter %u of %u is not bound", i, st->nparams);
        }
        if (!px_sql_ok(bind_one(st, i))) {
            return px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "bind", reterr);
        }
    }
    return PX_OK;
}

/* --- result columns -------------------------------------------------------------------------- */

static bool grow(struct px_colbuf *c, size_t cap) {
    char *p = px_realloc(c->p, cap);
    if (!p) {
        return false;
    }
    c->p = p;
    c->cap = cap;
    return true;
}

static bool alloc_cols(struct px_stmt *st, size_t n) {
    if (n <= st->allocated) {
        return true;
    }
    struct px_colbuf *v = px_realloc(st->cols, n * sizeof *v);
    if (!v) {
        return false;
    }
    st->cols = v;
    size_t room = st->s->dialect->column_bytes;
    for (; st->allocated < n; st->allocated++) {
        v[st->allocated] = (struct px_colbuf){.p = NULL};
        if (!grow(&v[st->allocated], room ? room : COLBUF_START)) {
            return false;
        }
    }
    return true;
}

static SQLRETURN bind_col(struct px_stmt *st, size_t i) {
    struct px_colbuf *c = &st->cols[i];
    return SQLBindCol(st->h, (SQLUSMALLINT)(i + 1), SQL_C_CHAR, c->p, (SQLLEN)c->cap, &c->ind);
}

static enum px_code bind_cols(struct px_stmt *st, struct px_err *reterr) {
    SQLSMALLINT n = 0;
    if (!px_sql_ok(SQLNumResultCols(st->h, &n))) {
        return px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "result", reterr);
    }
    if (!alloc_cols(st, (size_t)n)) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %d result columns", (int)n);
    }
    st->ncols = (size_t)n;
    for (size_t i = 0; i < st->ncols; i++) {
        if (!px_sql_ok(bind_col(st, i))) {
            return px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "result column", reterr);
        }
    }
    return PX_OK;
}

/* The value was longer than its buffer: make room and read it again as a whole. */
static enum px_code read_long(struct px_stmt *st, size_t i, struct px_err *reterr) {
    struct px_colbuf *c = &st->cols[i];
    if (c->ind < 0 || c->ind > PX_SQL_MAX_TEXT) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "column %zu holds %lld bytes", i, (long long)c->ind);
    }
    size_t want = (size_t)c->ind;
    if (!grow(c, want + want / 2 + 1)) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu bytes of a column", want);
    }
    SQLRETURN rc =
        SQLGetData(st->h, (SQLUSMALLINT)(i + 1), SQL_C_CHAR, c->p, (SQLLEN)c->cap, &c->ind);
    if (rc != SQL_SUCCESS || c->ind != (SQLLEN)want) {
        return px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "long column", reterr);
    }
    rc = bind_col(st, i);
    c->ind = (SQLLEN)want; /* a driver may clear it when it binds */
    if (!px_sql_ok(rc)) {
        return px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "result column", reterr);
    }
    return PX_OK;
}

static enum px_code read_row(struct px_stmt *st, struct px_err *reterr) {
    for (size_t i = 0; i < st->ncols; i++) {
        struct px_colbuf *c = &st->cols[i];
        if (c->ind == SQL_NULL_DATA || (c->ind >= 0 && (size_t)c->ind < c->cap)) {
            continue;
        }
        enum px_code code = read_long(st, i, reterr);
        if (code) {
            return code;
        }
    }
    return PX_OK;
}

static void close_result(struct px_stmt *st) {
    st->on_row = false;
    if (st->open) {
        st->open = false;
        (void)SQLFreeStmt(st->h, SQL_CLOSE);
    }
}

/* A failure found on this side spoils the transaction as much as one of the database. */
static enum px_code spoil(struct px_stmt *st, enum px_code code, const struct px_err *e,
                          struct px_err *reterr) {
    close_result(st);
    px_sql_note(st->s, e);
    if (reterr) {
        *reterr = *e;
    }
    return code;
}

/* The result is read; an error may stand behind it. */
static enum px_code finish(struct px_stmt *st, struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    SQLRETURN rc = st->s->dialect->drains ? px_sql_drain(st->h) : SQL_NO_DATA;
    if (rc == SQL_NO_DATA) {
        close_result(st);
        return PX_OK;
    }
    return spoil(st, px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "result", &e), &e, reterr);
}

/* The first result that has columns: a procedure of the batch may come with one of its own. */
static enum px_code first_rows(struct px_stmt *st, struct px_err *reterr) {
    enum px_code code = bind_cols(st, reterr);
    while (!code && st->ncols == 0 && st->s->dialect->drains) {
        SQLRETURN rc = SQLMoreResults(st->h);
        if (rc == SQL_NO_DATA) {
            break;
        }
        code = px_sql_ok(rc) ? bind_cols(st, reterr)
                             : px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "execute", reterr);
    }
    return code;
}

enum px_code px_stmt_run(struct px_stmt *st, struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    px_stmt_end(st);
    *st->badint = false;
    st->ncols = 0;
    enum px_code code = PX_OK;
    if (st->s->lost) {
        code = PX_FAIL(&e, PX_SQL_LOST, "the connection was lost before");
    }
    code = code ? code : bind_params(st, &e);
    if (code) {
        return spoil(st, code, &e, reterr);
    }
    px_sql_timed(st->s, st->h);
    SQLRETURN rc = SQLExecute(st->h);
    st->open = true;
    if (rc == SQL_NO_DATA) { /* nothing matched: an outcome, not a failure */
        px_stmt_end(st);
        return PX_OK;
    }
    code = px_sql_ok(rc) ? first_rows(st, &e)
                         : px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "execute", &e);
    if (code) {
        return spoil(st, code, &e, reterr);
    }
    if (st->ncols == 0) {
        return finish(st, reterr);
    }
    return PX_OK;
}

enum px_code px_stmt_next(struct px_stmt *st, struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    if (*st->badint) {
        *st->badint = false;
        return spoil(st, PX_FAIL(&e, PX_SQL, "a column read as integer holds something else"), &e,
                     reterr);
    }
    if (!st->open) {
        return PX_NO_ROW;
    }
    enum px_code code = PX_OK;
    SQLRETURN rc = SQLFetch(st->h);
    if (rc == SQL_NO_DATA) {
        code = finish(st, reterr);
        return code ? code : PX_NO_ROW;
    }
    code =
        px_sql_ok(rc) ? read_row(st, &e) : px_sql_diag(st->s, SQL_HANDLE_STMT, st->h, "fetch", &e);
    if (code) {
        return spoil(st, code, &e, reterr);
    }
    st->on_row = true;
    return PX_OK;
}

/* Where results are read to their end, what is left is read: cutting it off could undo the
 * statement that made it. A failure behind it spoils the transaction. */
void px_stmt_end(struct px_stmt *st) {
    struct px_sql *s = st->s;
    if (st->open && s->dialect->drains && !s->lost && px_sql_drain(st->h) == SQL_ERROR) {
        PX_IGNORE(
            px_sql_diag(s, SQL_HANDLE_STMT, st->h, "result", NULL)); /* noted in the session */
    }
    close_result(st);
}

/* --- reading a row -----------------------------------------------------------------------------
 */

unsigned px_stmt_columns(const struct px_stmt *st) {
    return (unsigned)st->ncols;
}

bool px_col_null(const struct px_stmt *st, unsigned i) {
    px_assert(st->on_row && i < st->ncols);
    return st->cols[i].ind == SQL_NULL_DATA;
}

struct px_str px_col_text(const struct px_stmt *st, unsigned i) {
    if (px_col_null(st, i)) {
        return (struct px_str){.p = NULL, .n = 0};
    }
    return (struct px_str){.p = st->cols[i].p, .n = (size_t)st->cols[i].ind};
}

int64_t px_col_i64(const struct px_stmt *st, unsigned i) {
    int64_t v = 0;
    if (!px_col_null(st, i) && !px_parse_i64(px_col_text(st, i), INT64_MIN, INT64_MAX, &v)) {
        *st->badint = true;
        return 0;
    }
    return v;
}
