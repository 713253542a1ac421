/* Where a PostgreSQL connection leads, by its connection string, and which certificate the server
 * shows there. libpq says only that verification failed; why it did takes a handshake of our own.
 */
#include "tls_priv.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LOOK_TIMEOUT_S 5

/* --- the connection string ---------------------------------------------------------------------
 */

static size_t skip_blanks(struct px_str s, size_t i) {
    while (i < s.n && s.p[i] == ' ') {
        i++;
    }
    return i;
}

/* One option from *at on: key and value as written, quotes kept off. */
static bool next_option(struct px_str s, size_t *at, struct px_str *key, struct px_str *value) {
    size_t i = skip_blanks(s, *at);
    size_t from = i;
    while (i < s.n && s.p[i] != '=' && s.p[i] != ' ') {
        i++;
    }
    *key = (struct px_str){.p = s.p + from, .n = i - from};
    i = skip_blanks(s, i);
    if (key->n == 0 || i >= s.n || s.p[i] != '=') {
        return false;
    }
    i = skip_blanks(s, i + 1);
    char end = i < s.n && s.p[i] == '\'' ? '\'' : ' ';
    from = end == '\'' ? ++i : i;
    while (i < s.n && s.p[i] != end) {
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    }
    *value = (struct px_str){.p = s.p + from, .n = i - from};
    *at = i < s.n ? i + 1 : s.n;
    return true;
}

bool px_pqopt_get(struct px_str opts, const char *key, struct px_str *ret) {
    struct px_str k, v;
    size_t at = 0;
    while (next_option(opts, &at, &k, &v)) {
        if (px_str_ieq(k, px_str_c(key))) {
            *ret = v;
            return true;
        }
    }
    return false;
}

/* What libpq takes when the string is silent. */
static struct px_str from_environment(const char *name) {
    const char *v = getenv(name);
    return v ? px_str_c(v) : PX_S("");
}

static void keep(struct px_str s, char *out, size_t cap) {
    (void)snprintf(out, cap, "%.*s", (int)s.n, s.n ? s.p : "");
}

/* A socket in the file system, or an address that never leaves the machine; of several hosts all.
 */
static bool is_local(const char *host) {
    static const char *const local[] = {"localhost", "::1"};
    struct px_str rest = px_str_c(host);
    while (rest.n > 0) {
        struct px_str one = px_str_part(&rest, ',');
        bool yes =
            one.n == 0 || one.p[0] == '/' || one.p[0] == '@' ||
            (one.n > 4 && memcmp(one.p, "127.", 4) == 0 && strspn(one.p, "0123456789.") >= one.n);
        for (size_t i = 0; i < PX_ARRAY_LEN(local); i++) {
            yes = yes || px_str_ieq(one, px_str_c(local[i]));
        }
        if (!yes) {
            return false;
        }
    }
    return true;
}

/* The name of a data source or of libpq's service: what it holds stands in a file of its own and
 * may lead anywhere, whatever host is named beside it. */
static struct px_str elsewhere(struct px_str cs, struct px_str opts) {
    struct px_str v = PX_S("");
    if (px_connstr_get(cs, "DSN", &v) || px_connstr_get(cs, "FILEDSN", &v) ||
        px_pqopt_get(opts, "service", &v)) {
        return v;
    }
    return from_environment("PGSERVICE");
}

static struct px_str host_of(struct px_str cs, struct px_str opts) {
    struct px_str v = PX_S("");
    bool named = px_connstr_get(cs, "Servername", &v) || px_connstr_get(cs, "Server", &v);
    if (!named || v.n == 0) {
        v = px_pqopt_get(opts, "host", &v) ? v : from_environment("PGHOST");
    }
    return v;
}

void px_peer_of(const struct px_sql_conf *c, struct px_peer *ret) {
    struct px_str cs = px_str_c(c->connection);
    struct px_str v = PX_S(""), opts = PX_S("");
    const char *home = getenv("HOME");
    *ret = (struct px_peer){.remote = false};
    PX_IGNORE(px_connstr_get(cs, "pqopt", &opts)); /* none is empty */
    struct px_str other = elsewhere(cs, opts);
    struct px_str host = host_of(cs, opts);
    keep(host.n > 0 ? host : other, ret->host, sizeof ret->host);
    keep(px_connstr_get(cs, "Port", &v) ? v : PX_S("5432"), ret->port, sizeof ret->port);
    if (px_connstr_get(cs, "SSLmode", &v)) {
        keep(v, ret->mode, sizeof ret->mode);
    }
    v = px_pqopt_get(opts, "sslrootcert", &v) ? v : from_environment("PGSSLROOTCERT");
    keep(v, ret->ca, sizeof ret->ca);
    if (v.n == 0) {
        (void)snprintf(ret->ca, sizeof ret->ca, "%s/.postgresql/root.crt", home ? home : "");
    }
    v = px_pqopt_get(opts, "hostaddr", &v) ? v : from_environment("PGHOSTADDR");
    keep(v.n > 0 ? v : px_str_c(ret->host), ret->address, sizeof ret->address);
    ret->remote = other.n > 0 || !is_local(ret->host) || !is_local(ret->address);
}

/* --- the certificate ---------------------------------------------------------------------------
 */

static void fd_close(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static int connect_to(const struct px_peer *p) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval limit = {.tv_sec = LOOK_TIMEOUT_S};
    struct addrinfo *list = NULL;
    int fd = -1;
    if (getaddrinfo(p->address, p->port, &hints, &list) != 0) {
        return -1;
    }
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) ||
                        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
                        connect(fd, a->ai_addr, a->ai_addrlen))) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* PostgreSQL's request for TLS; the server says S when it has it. */
static bool ask_tls(int fd) {
    static const unsigned char request[8] = {0, 0, 0, 8, 4, 210, 22, 47};
    char answer = 0;
    return send(fd, request, sizeof request, MSG_NOSIGNAL) == (ssize_t)sizeof request &&
           recv(fd, &answer, 1, 0) == 1 && answer == 'S';
}

static void print_time(const ASN1_TIME *t, char *out, size_t cap) {
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm) || strftime(out, cap, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        (void)snprintf(out, cap, "an unknown time");
    }
}

static bool read_certificate(const SSL *ssl, struct px_certificate *ret) {
    X509 *cert = SSL_get1_peer_certificate(ssl);
    int days = 0, seconds = 0;
    if (!cert) {
        return false;
    }
    long verdict = SSL_get_verify_result(ssl);
    const ASN1_TIME *from = X509_get0_notBefore(cert);
    const ASN1_TIME *until = X509_get0_notAfter(cert);
    *ret = (struct px_certificate){.trusted = verdict == X509_V_OK,
                                   .expired = X509_cmp_current_time(until) < 0,
                                   .early = X509_cmp_current_time(from) > 0};
    ret->trusted = ret->trusted || verdict == X509_V_ERR_CERT_HAS_EXPIRED ||
                   verdict == X509_V_ERR_CERT_NOT_YET_VALID;
    print_time(from, ret->from, sizeof ret->from);
    print_time(until, ret->until, sizeof ret->until);
    (void)ASN1_TIME_diff(&days, &seconds, NULL, until);
    ret->days_left = days;
    X509_free(cert);
    return true;
}

static enum px_code shake_hands(SSL_CTX *ctx, int fd, const struct px_peer *p,
                                struct px_certificate *ret, struct px_err *reterr) {
    enum px_code code = PX_OK;
    SSL *ssl = SSL_new(ctx);
    if (!ssl) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a handshake");
    }
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* to hear the verdict, not to trust */
    bool named = SSL_set_tlsext_host_name(ssl, p->host) == 1;
    if (!named || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1 ||
        !read_certificate(ssl, ret)) {
        code = PX_FAIL(reterr, PX_SQL_LOST, "no TLS handshake with %.100s port %s", p->address,
                       p->port);
    }
    SSL_free(ssl);
    return code;
}

enum px_code px_peer_look(const struct px_peer *p, struct px_certificate *ret,
                          struct px_err *reterr) {
    PX_DEFER(fd_close) int fd = connect_to(p);
    if (fd < 0 || !ask_tls(fd)) {
        return PX_FAIL(reterr, PX_SQL_LOST, "no TLS at %.100s port %s", p->address, p->port);
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a handshake");
    }
    enum px_code code = PX_OK;
    if (SSL_CTX_load_verify_locations(ctx, p->ca, NULL) != 1) {
        code = PX_FAIL(reterr, PX_CONFIG, "%.150s holds no certificates in PEM form", p->ca);
    }
    code = code ? code : shake_hands(ctx, fd, p, ret, reterr);
    SSL_CTX_free(ctx);
    ERR_clear_error(); /* libpq in this thread must not find ours */
    return code;
}
