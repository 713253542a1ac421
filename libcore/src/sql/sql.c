/* A connection: open with the dialect's settings, check that the driver is the dialect's, run plain
 * statements, close in the order that drivers survive. Must not log and never prints a password. */
#include <px/conf.h>
#include <px/mem.h>
#include <px/num.h>

#include "internal.h"

#include <stdio.h>

#define CONNECT_TIMEOUT_S 5
#define CONNSTR_MAX       8192
#define PASSWORD_MAX      4096

static enum px_code alloc_handles(struct px_sql *s, struct px_err *reterr) {
    /* Pooling in the driver manager has crashed too often; one thread owns one connection. */
    if (!px_sql_ok(SQLSetEnvAttr(SQL_NULL_HANDLE, SQL_ATTR_CONNECTION_POOLING,
                                 (SQLPOINTER)SQL_CP_OFF, 0)) ||
        !px_sql_ok(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &s->env)) ||
        !px_sql_ok(
            SQLSetEnvAttr(s->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)(uintptr_t)SQL_OV_ODBC3, 0)) ||
        !px_sql_ok(SQLAllocHandle(SQL_HANDLE_DBC, s->env, &s->dbc))) {
        return PX_FAIL(reterr, PX_NOMEM, "the ODBC driver manager gives no handle");
    }
    return PX_OK;
}

/* What went wrong before there was a session; the driver manager's own states come first. */
static enum px_code connect_failed(struct px_sql *s, const struct px_sql_conf *conf,
                                   struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    enum px_code code = px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "connect", &e);
    enum px_code known = s->dialect->explain ? s->dialect->explain(conf, e.msg, reterr) : PX_OK;
    if (known) {
        return known;
    }
    const char *db = s->dialect->name;
    if (strstr(e.msg, "Can't open lib") || strcmp(e.sqlstate, "IM002") == 0 ||
        strcmp(e.sqlstate, "IM003") == 0 || strcmp(e.sqlstate, "IM004") == 0) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s: no such ODBC driver; install the package %s and name its driver in "
                       "Sql:ConnectionString (%.60s)",
                       db, s->dialect->package, e.msg);
    }
    if (reterr) {
        *reterr = e;
    }
    if (code == PX_TIMEOUT) { /* of the login: nobody answers */
        code = PX_SQL_LOST;
        if (reterr) {
            reterr->code = code;
        }
    }
    if (code == PX_DENIED) {
        return px_err_context(reterr, "%s: check user, Sql:PasswordFile and rights", db);
    }
    if (code == PX_CONFIG) {
        return px_err_context(reterr, "%s: check Sql:Dialect and Sql:ConnectionString", db);
    }
    return px_err_context(reterr, "%s: %s", db, s->dialect->unreachable);
}

/* A password from a file is read anew: it may have changed since. */
static enum px_code read_word(const struct px_sql_conf *conf, struct px_buf *word,
                              struct px_err *reterr) {
    struct px_err e = PX_ERR_INIT;
    PX_IGNORE(px_buf_reserve(word, PASSWORD_MAX) == NULL); /* no copies of it behind */
    enum px_code code = px_conf_word(conf->password_file, word, &e);
    return code ? PX_FAIL(reterr, code == PX_NOMEM ? code : PX_SQL_LOST, "Sql:PasswordFile: %s",
                          e.msg)
                : PX_OK;
}

/* What the user left open. */
static enum px_code add_ours(const struct px_sql *s, const struct px_sql_conf *conf,
                             struct px_buf *cs, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf word = PX_BUF_INIT(PASSWORD_MAX);
    struct px_sql_conf now = *conf;
    enum px_code code = conf->password_file ? read_word(conf, &word, reterr) : PX_OK;
    if (!code) {
        now.password = conf->password_file ? px_buf_cstr(&word) : conf->password;
        s->dialect->connect_string(&now, s->use, cs);
    }
    if (word.p) {
        explicit_bzero(word.p, word.n);
    }
    return code;
}

static enum px_code driver_connect(struct px_sql *s, const struct px_sql_conf *conf,
                                   struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf cs = PX_BUF_INIT(CONNSTR_MAX);
    struct px_str user = px_str_c(conf->connection);
    PX_IGNORE(px_buf_reserve(&cs, CONNSTR_MAX - 1) == NULL); /* no copies of a password behind */
    if (s->dialect->rewrites) {
        px_connstr_without(&cs, user, s->dialect->rewrites);
    } else {
        px_buf_str(&cs, user);
    }
    enum px_code code = add_ours(s, conf, &cs, reterr);
    const SQLCHAR *text = (const SQLCHAR *)px_buf_cstr(&cs);
    code = code ? code : px_buf_ok(&cs, reterr);
    if (code == PX_TOO_LARGE) {
        return PX_FAIL(reterr, PX_CONFIG, "Sql:ConnectionString is longer than %d", CONNSTR_MAX);
    }
    if (code) {
        return code;
    }
    if (!px_sql_ok(SQLSetConnectAttr(s->dbc, SQL_ATTR_LOGIN_TIMEOUT,
                                     (SQLPOINTER)(uintptr_t)CONNECT_TIMEOUT_S, 0))) {
        return px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "login timeout", reterr);
    }
    SQLRETURN rc = SQLDriverConnect(s->dbc, NULL, (SQLCHAR *)(uintptr_t)text, SQL_NTS, NULL, 0,
                                    NULL, SQL_DRIVER_NOPROMPT);
    explicit_bzero(cs.p, cs.n); /* it may hold the password */
    if (!px_sql_ok(rc)) {
        return connect_failed(s, conf, reterr);
    }
    s->connected = true;
    return PX_OK;
}

static enum px_code check_driver(struct px_sql *s, struct px_err *reterr) {
    SQLCHAR name[64] = "";
    SQLSMALLINT len = 0;
    if (!px_sql_ok(SQLGetInfo(s->dbc, SQL_DBMS_NAME, name, sizeof name, &len))) {
        return px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "driver information", reterr);
    }
    if (!strstr((const char *)name, s->dialect->driver_hint)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Sql:Dialect is %s, but the driver of Sql:ConnectionString speaks %s",
                       s->dialect->name, (const char *)name);
    }
    return PX_OK;
}

enum px_code px_sql_open(const struct px_sql_conf *conf, enum px_sql_use use, struct px_sql **ret,
                         struct px_err *reterr) {
    const struct px_dialect *d = conf->dialect < 0 ? NULL : px_dialect_get((size_t)conf->dialect);
    if (!d) {
        return PX_FAIL(reterr, PX_CONFIG, "Sql:Dialect: no dialect %d", conf->dialect);
    }
    struct px_sql *s = px_alloc(sizeof *s);
    if (!s) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a connection");
    }
    s->env = SQL_NULL_HANDLE;
    s->dbc = SQL_NULL_HANDLE;
    s->dialect = d;
    s->use = use;
    enum px_code code = d->connectable ? d->connectable(conf, reterr) : PX_OK;
    code = code ? code : alloc_handles(s, reterr);
    code = code ? code : driver_connect(s, conf, reterr);
    code = code ? code : check_driver(s, reterr);
    code = code ? code : d->session(s, conf, use, reterr);
    if (code) {
        px_sql_close(s);
        return code;
    }
    *ret = s;
    return PX_OK;
}

bool px_sql_absent(const struct px_sql_conf *conf) {
    const struct px_dialect *d = conf->dialect < 0 ? NULL : px_dialect_get((size_t)conf->dialect);
    return d && d->absent && d->absent(conf);
}

void px_sql_close(struct px_sql *s) {
    if (!s) {
        return;
    }
    px_tx_rollback(s);
    /* Drivers crash when a statement outlives its connection. */
    while (s->stmts) {
        px_stmt_free(s->stmts);
    }
    if (s->connected) {
        (void)SQLDisconnect(s->dbc);
    }
    if (s->dbc != SQL_NULL_HANDLE) {
        (void)SQLFreeHandle(SQL_HANDLE_DBC, s->dbc);
    }
    if (s->env != SQL_NULL_HANDLE) {
        (void)SQLFreeHandle(SQL_HANDLE_ENV, s->env);
    }
    px_free(s);
}

const struct px_dialect *px_sql_dialect(const struct px_sql *s) {
    return s->dialect;
}

/* No server keeps this one: the driver cuts the statement off. */
void px_sql_timed(const struct px_sql *s, SQLHSTMT h) {
    if (s->query_timeout > 0) {
        SQLULEN seconds = (SQLULEN)((s->query_timeout + PX_US_PER_S - 1) / PX_US_PER_S);
        (void)SQLSetStmtAttr(h, SQL_ATTR_QUERY_TIMEOUT, (SQLPOINTER)(uintptr_t)seconds, 0);
    }
}

SQLRETURN px_sql_drain(SQLHSTMT h) {
    SQLRETURN rc;
    do {
        rc = SQLMoreResults(h);
    } while (px_sql_ok(rc));
    return rc;
}

static enum px_code exec_text(struct px_sql *s, SQLCHAR *text, struct px_err *reterr) {
    SQLHSTMT h = SQL_NULL_HANDLE;
    if (!px_sql_ok(SQLAllocHandle(SQL_HANDLE_STMT, s->dbc, &h))) {
        return px_sql_diag(s, SQL_HANDLE_DBC, s->dbc, "statement handle", reterr);
    }
    px_sql_timed(s, h);
    SQLRETURN rc = SQLExecDirect(h, text, SQL_NTS);
    enum px_code code = PX_OK;
    if (px_sql_ok(rc) && s->dialect->drains) {
        rc = px_sql_drain(h);
    }
    if (!px_sql_ok(rc) && rc != SQL_NO_DATA) {
        code = px_sql_diag(s, SQL_HANDLE_STMT, h, "execute", reterr);
    }
    (void)SQLFreeHandle(SQL_HANDLE_STMT, h);
    return code;
}

SQLCHAR *px_sql_text(struct px_str text, struct px_err *reterr) {
    if (text.n > PX_SQL_TEXT_MAX) {
        PX_IGNORE(PX_FAIL(reterr, PX_TOO_LARGE, "a statement of %zu bytes", text.n));
        return NULL;
    }
    char *copy = px_strdup_n(text.p, text.n);
    if (!copy) {
        PX_IGNORE(PX_FAIL(reterr, PX_NOMEM, "no memory for a statement's text"));
    }
    return (SQLCHAR *)copy;
}

enum px_code px_sql_exec(struct px_sql *s, struct px_str text, struct px_err *reterr) {
    if (s->lost) {
        return PX_FAIL(reterr, PX_SQL_LOST, "the connection was lost before");
    }
    struct px_err e = PX_ERR_INIT;
    SQLCHAR *copy = px_sql_text(text, &e);
    enum px_code code = copy ? exec_text(s, copy, &e) : e.code;
    px_free(copy);
    if (code) {
        px_sql_note(s, &e);
        if (reterr) {
            *reterr = e;
        }
    }
    return code;
}

enum px_code px_sql_patient(struct px_sql *s, struct px_err *reterr) {
    s->query_timeout = 0;
    return px_sql_exec(s, px_str_c(s->dialect->patient), reterr);
}

static void add_info(const struct px_sql *s, SQLUSMALLINT what, const char *before,
                     struct px_buf *out) {
    SQLCHAR text[128] = "";
    SQLSMALLINT len = 0;
    if (px_sql_ok(SQLGetInfo(s->dbc, what, text, sizeof text, &len))) {
        px_buf_printf(out, "%s%s", before, (const char *)text);
    }
}

void px_sql_versions(const struct px_sql *s, struct px_buf *out) {
    add_info(s, SQL_DM_VER, "driver manager ", out);
    add_info(s, SQL_DRIVER_NAME, ", ", out);
    add_info(s, SQL_DRIVER_VER, " ", out);
    add_info(s, SQL_DBMS_NAME, ", ", out);
    add_info(s, SQL_DBMS_VER, " ", out);
}
