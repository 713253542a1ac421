/* ODBC diagnostics -> px_err: SQLSTATE and native code are classified by the dialect, the text is
 * cut down to what holds no values of rows. Must not decide what the caller does about it. */
#include "internal.h"

#include <stdio.h>

bool px_sql_ok(SQLRETURN rc) {
    return rc == SQL_SUCCESS || rc == SQL_SUCCESS_WITH_INFO;
}

enum px_code px_sqlstate_code(const struct px_sqlstate *table, size_t n, const char sqlstate[6]) {
    for (size_t i = 0; i < n; i++) {
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0) {
            return table[i].code;
        }
    }
    return PX_SQL;
}

/* "[unixODBC][Driver Manager]text" -> "text" */
static const char *skip_origins(const char *m) {
    while (*m == '[') {
        const char *end = strchr(m, ']');
        if (!end) {
            break;
        }
        m = end + 1;
    }
    return m;
}

/* The first line says what is wrong; what follows (DETAIL, CONTEXT) and the tail of a data error
 * may quote a row's values, which are personal data. */
static void clean(char *m, const char *sqlstate) {
    char *nl = strpbrk(m, "\r\n");
    if (nl) {
        *nl = '\0';
    }
    char *quote = strncmp(sqlstate, "22", 2) == 0 ? strstr(m, ": \"") : NULL;
    if (quote) {
        *quote = '\0';
    }
    size_t n = strlen(m);
    while (n > 0 && (m[n - 1] == ';' || m[n - 1] == ' ')) {
        m[--n] = '\0';
    }
}

static bool driver_says_dead(const struct px_sql *s) {
    SQLUINTEGER dead = SQL_CD_FALSE;
    if (!s->connected) {
        return false;
    }
    if (!px_sql_ok(SQLGetConnectAttr(s->dbc, SQL_ATTR_CONNECTION_DEAD, &dead, 0, NULL))) {
        return false;
    }
    return dead == SQL_CD_TRUE;
}

bool px_sql_alive(const struct px_sql *s) {
    return s->connected && !s->lost && !driver_says_dead(s);
}

bool px_sql_login_refused(const struct px_err *err) {
    return err->code == PX_DENIED &&
           (strncmp(err->sqlstate, "08", 2) == 0 || strncmp(err->sqlstate, "28", 2) == 0);
}

enum px_code px_sql_as(enum px_code rc, const char *who, struct px_err *reterr) {
    bool right = rc == PX_DENIED && reterr && strncmp(reterr->sqlstate, "42", 2) == 0;
    return right ? px_err_context(reterr, "%s", who) : rc;
}

void px_sql_note(struct px_sql *s, const struct px_err *err) {
    if (err->code == PX_SQL_LOST) {
        s->lost = true;
    }
    if (s->in_tx && !s->tx_failed) {
        s->tx_failed = true;
        s->tx_err = *err;
    }
}

enum px_code px_sql_diag(struct px_sql *s, SQLSMALLINT type, SQLHANDLE handle, const char *what,
                         struct px_err *reterr) {
    SQLCHAR state[6] = "";
    SQLCHAR text[1024] = "";
    SQLINTEGER native = 0;
    SQLSMALLINT len = 0;
    if (!px_sql_ok(SQLGetDiagRec(type, handle, 1, state, &native, text, sizeof text, &len))) {
        state[0] = '\0';
        (void)snprintf((char *)text, sizeof text, "the driver gives no reason");
    }
    char *raw = (char *)text;
    enum px_code code = s->dialect->classify((const char *)state, (int)native, raw);
    if (code != PX_SQL_LOST && driver_says_dead(s)) {
        code = PX_SQL_LOST;
    }
    char msg[sizeof text];
    (void)snprintf(msg, sizeof msg, "%s", skip_origins(raw));
    clean(msg, (const char *)state);
    struct px_err e = PX_ERR_INIT;
    PX_IGNORE(PX_FAIL(&e, code, "%s: %s [%s %d]", what, msg, (const char *)state, (int)native));
    e.native = (int)native;
    memcpy(e.sqlstate, state, sizeof e.sqlstate);
    e.sqlstate[5] = '\0';
    px_sql_note(s, &e);
    if (reterr) {
        *reterr = e;
    }
    return code;
}
