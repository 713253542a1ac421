/* What TLS of a connection is worth: the verdict for --check, and what libpq's refusals mean. */
#include <px/sql_tls.h>

#include "tls_priv.h"

#include <stdio.h>

static const char authority[] = "pqopt={sslrootcert=/path/to/ca.pem}";

/* --- refusals ----------------------------------------------------------------------------------
 */

static enum px_code explain_refused(const struct px_peer *p, struct px_err *reterr) {
    struct px_certificate c;
    struct px_err e = PX_ERR_INIT;
    enum px_code code = px_peer_look(p, &c, &e);
    if (code) {
        return PX_FAIL(reterr, PX_CONFIG, "the certificate of %.60s was refused (%.90s): check %s",
                       p->host, e.msg, authority);
    }
    if (c.expired) {
        return PX_FAIL(reterr, PX_SQL_LOST,
                       "the certificate of %.60s expired on %s: renew it on the server", p->host,
                       c.until);
    }
    if (c.early) {
        return PX_FAIL(reterr, PX_SQL_LOST,
                       "the certificate of %.60s is valid from %s on: check the clocks", p->host,
                       c.from);
    }
    return PX_FAIL(
        reterr, PX_CONFIG,
        "no authority in %.70s signed the certificate of %.60s: name the right one in %s", p->ca,
        p->host, authority);
}

/* "server certificate for "a" does not match host name "b"" */
static enum px_code explain_name(const struct px_peer *p, const char *message,
                                 struct px_err *reterr) {
    const char *from = strchr(strstr(message, "certificate for"), '"');
    const char *to = from ? strchr(from + 1, '"') : NULL;
    int n = from && to ? (int)(to - from + 1) : 0;
    return PX_FAIL(reterr, PX_CONFIG,
                   "the certificate of the server is made out to %.*s, not to %.60s: use its name "
                   "as Servername, or have one made out to this name",
                   n > 80 ? 80 : n, n ? from : "", p->host);
}

enum px_code px_tls_explain(const struct px_sql_conf *c, const char *message,
                            struct px_err *reterr) {
    struct px_peer p;
    px_peer_of(c, &p);
    if (strstr(message, "certificate verify failed")) {
        return explain_refused(&p, reterr);
    }
    if (strstr(message, "certificate for") && strstr(message, "match host name")) {
        return explain_name(&p, message, reterr);
    }
    if (strstr(message, "root certificate file")) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%.90s is missing or holds no certificate: name the file with the authority "
                       "that signed the server's certificate in %s",
                       p.ca, authority);
    }
    if (strstr(message, "server does not support SSL")) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%.60s offers no TLS: switch it on there (ssl=on), or set Sql:Tls=any where "
                       "the network can be trusted",
                       p.host);
    }
    return PX_OK;
}

/* --- the verdict -------------------------------------------------------------------------------
 */

struct negotiated {
    bool on;
    char version[24], cipher[64];
};

static enum px_code read_negotiated(struct px_sql *s, struct negotiated *ret,
                                    struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(s->dialect->tls), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    code = code ? code : px_stmt_next(st, reterr);
    if (!code) {
        ret->on = px_col_i64(st, 0) != 0;
        (void)snprintf(ret->version, sizeof ret->version, "%.*s", PX_S_ARG(px_col_text(st, 1)));
        (void)snprintf(ret->cipher, sizeof ret->cipher, "%.*s", PX_S_ARG(px_col_text(st, 2)));
    }
    px_stmt_free(st);
    return code;
}

/* Verified and encrypted: how long will it last? Not being able to look is no fault. */
static void tell_verified(const struct px_peer *p, const struct negotiated *n,
                          struct px_tls_verdict *ret) {
    struct px_certificate c = {.days_left = 0};
    if (px_peer_look(p, &c, NULL)) {
        (void)snprintf(ret->detail, sizeof ret->detail, "%s, %s, verified as %.60s", n->version,
                       n->cipher, p->host);
        return;
    }
    ret->warn = c.days_left < PX_TLS_WARN_DAYS;
    (void)snprintf(ret->detail, sizeof ret->detail, "%s, %s, verified as %.60s until %s%s",
                   n->version, n->cipher, p->host, c.until,
                   ret->warn ? ": renew it on the server" : "");
}

enum px_code px_tls_check(struct px_sql *s, const struct px_sql_conf *conf,
                          struct px_tls_verdict *ret, struct px_err *reterr) {
    struct px_peer p;
    struct negotiated n = {.on = false};
    *ret = (struct px_tls_verdict){.warn = false};
    if (s->dialect->tls_asked) {
        s->dialect->tls_asked(conf, &ret->warn, ret->detail, sizeof ret->detail);
        return PX_OK;
    }
    if (!s->dialect->tls) {
        return PX_FAIL(reterr, PX_UNSUPPORTED, "%s needs no network", s->dialect->name);
    }
    px_peer_of(conf, &p);
    enum px_code code = read_negotiated(s, &n, reterr);
    if (code) {
        return code;
    }
    bool verified = strcmp(p.mode, "verify-full") == 0 ||
                    (!p.mode[0] && p.remote && conf->tls == PX_SQL_TLS_VERIFY);
    if (verified && !n.on) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "SSLmode is verify-full, but the server says that this "
                       "connection is not encrypted: what is between them?");
    }
    if (verified) {
        tell_verified(&p, &n, ret);
    } else if (p.remote) {
        ret->warn = true;
        (void)snprintf(ret->detail, sizeof ret->detail,
                       "%s%s: who stands between may pose as %.60s; use SSLmode=verify-full and %s",
                       n.on ? n.version : "not encrypted", n.on ? ", not verified" : "", p.host,
                       authority);
    } else {
        (void)snprintf(ret->detail, sizeof ret->detail, "%s, on this machine",
                       n.on ? n.version : "not encrypted");
    }
    return PX_OK;
}
