/* Connection strings of SQL Server: which driver, which host, how well TLS protects the way there,
 * and what a refusal for its sake means. Two drivers with different words: Microsoft's (Encrypt,
 * TrustServerCertificate) and FreeTDS (Encryption; whom to trust stands in freetds.conf alone). */
#include "internal.h"

#include <stdio.h>

struct way {
    struct px_str host;
    bool freetds, remote;
    bool encrypts; /* the string demands it, or is silent and we do */
    bool trusts;   /* any certificate is taken                      */
};

static bool one_of(struct px_str v, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (px_str_ieq(v, px_str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool says_yes(struct px_str v) {
    static const char *const words[] = {"yes", "true", "1", "mandatory", "strict", "require"};
    return one_of(v, words, PX_ARRAY_LEN(words));
}

static bool says_no(struct px_str v) {
    static const char *const words[] = {"no", "false", "0"};
    return one_of(v, words, PX_ARRAY_LEN(words));
}

static bool contains(struct px_str s, const char *word) {
    struct px_str w = px_str_c(word);
    for (size_t i = 0; i + w.n <= s.n; i++) {
        struct px_str part = {.p = s.p + i, .n = w.n};
        if (px_str_ieq(part, w)) {
            return true;
        }
    }
    return false;
}

/* "tcp:db.example,1433", "db.example\instance" -> "db.example" */
static struct px_str host_of(struct px_str server) {
    static const char *const protocols[] = {"tcp:", "np:", "lpc:", "admin:"};
    for (size_t i = 0; i < PX_ARRAY_LEN(protocols); i++) {
        size_t n = strlen(protocols[i]);
        struct px_str head = {.p = server.p, .n = server.n < n ? server.n : n};
        if (px_str_ieq(head, px_str_c(protocols[i]))) {
            server.p += n;
            server.n -= n;
        }
    }
    size_t comma = px_str_find(server, ',');
    size_t slash = px_str_find(server, '\\');
    server.n = comma < slash ? comma : slash;
    return px_str_trim(server);
}

static bool is_local(struct px_str host) {
    static const char *const names[] = {"localhost", "::1", ".", "(local)"};
    bool digits = host.n >= 4 && memcmp(host.p, "127.", 4) == 0;
    for (size_t i = 0; digits && i < host.n; i++) {
        digits = host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9');
    }
    return digits || one_of(host, names, PX_ARRAY_LEN(names));
}

static struct way way_of(const struct px_sql_conf *c) {
    struct px_str cs = px_str_c(c->connection);
    struct px_str v = PX_S(""), server = PX_S("");
    struct way w = {.freetds = false};
    if (px_connstr_get(cs, "Driver", &v)) {
        w.freetds = contains(v, "FreeTDS") || contains(v, "tdsodbc");
    }
    bool named = px_connstr_get(cs, "Server", &server) || px_connstr_get(cs, "Servername", &server);
    w.host = host_of(server);
    w.remote = !named || !is_local(w.host); /* a name of freetds.conf may lead anywhere */
    w.encrypts = !px_connstr_get(cs, w.freetds ? "Encryption" : "Encrypt", &v) || says_yes(v);
    bool told = px_connstr_get(cs, "TrustServerCertificate", &v);
    w.trusts = told ? !says_no(v) : !w.remote || c->tls == PX_SQL_TLS_ANY;
    return w;
}

void px_encrypt_connect_string(const struct px_sql_conf *c, enum px_sql_use use,
                               struct px_buf *out) {
    struct px_str user = px_str_c(c->connection);
    struct px_str had;
    struct way w = way_of(c);
    (void)use;
    if (w.freetds) {
        px_connstr_default(out, user, "TDS_Version", "7.4");
        px_connstr_default(out, user, "ClientCharset", "UTF-8");
        px_connstr_default(out, user, "Encryption", w.remote ? "require" : "request");
    } else {
        px_connstr_default(out, user, "Encrypt", "yes");
        px_connstr_default(out, user, "TrustServerCertificate", w.trusts ? "yes" : "no");
    }
    if (c->password && *c->password && !px_connstr_get(user, "PWD", &had) &&
        !px_connstr_get(user, "Password", &had)) {
        px_buf_c(out, ";PWD=");
        px_connstr_quoted(out, c->password);
    }
}

enum px_code px_encrypt_connectable(const struct px_sql_conf *c, struct px_err *reterr) {
    struct way w = way_of(c);
    if (c->tls == PX_SQL_TLS_ANY || !w.remote) {
        return PX_OK;
    }
    if (w.freetds) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Sql:ConnectionString: FreeTDS takes no authority here, so %.*s is not "
                       "verified: use ODBC Driver 18 for SQL Server, or set Sql:Tls=any and a ca "
                       "file in freetds.conf",
                       w.host.n < 60 ? (int)w.host.n : 60, w.host.p);
    }
    if (w.encrypts && !w.trusts) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "Sql:ConnectionString: this does not check who answers as %.*s: write "
                   "Encrypt=yes;TrustServerCertificate=no, or set Sql:Tls=any where the network "
                   "can be trusted",
                   w.host.n < 60 ? (int)w.host.n : 60, w.host.p);
}

enum px_code px_encrypt_explain(const struct px_sql_conf *c, const char *message,
                                struct px_err *reterr) {
    struct way w = way_of(c);
    int n = w.host.n < 60 ? (int)w.host.n : 60;
    if (strstr(message, "certificate verify failed") || strstr(message, "Certificate hostname")) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "the certificate of %.*s was refused: make its authority one of this "
                       "machine (update-ca-certificates), or name the file in ServerCertificate=; "
                       "the name must be the one in Server=",
                       n, w.host.p);
    }
    if (strstr(message, "Encryption not supported") ||
        strstr(message, "does not support encryption")) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%.*s offers no TLS: switch it on there, or set Sql:Tls=any where the "
                       "network can be trusted",
                       n, w.host.p);
    }
    return PX_OK;
}

void px_encrypt_asked(const struct px_sql_conf *c, bool *ret_warn, char *ret_text, size_t cap) {
    struct way w = way_of(c);
    int n = w.host.n < 60 ? (int)w.host.n : 60;
    bool verified = w.encrypts && !w.trusts && !w.freetds;
    *ret_warn = w.remote && !verified;
    if (!w.remote) {
        (void)snprintf(ret_text, cap, "on this machine");
    } else if (verified) {
        (void)snprintf(ret_text, cap,
                       "the driver must encrypt and verify %.*s; the server was not asked", n,
                       w.host.p);
    } else {
        (void)snprintf(ret_text, cap,
                       "who stands between may pose as %.*s: use ODBC Driver 18 with "
                       "Encrypt=yes;TrustServerCertificate=no",
                       n, w.host.p);
    }
}
