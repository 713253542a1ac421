/* The certificate of a program: files to a context, judged first, and a later context in the place
 * of an earlier one. Connections hold the context that they began with; it goes with the last of
 * them. Moves no bytes of a connection: wire.c does. */
#include "tls_priv.h"

#include <px/log.h>
#include <px/mem.h>
#include <px/num.h>

#include <pthread.h>
#include <stdio.h>

#define MINIMUM_13 1 /* of Http:TlsMinimum */
/* What is read at most, and room for the end of the file to be seen. */
#define ROOM (2 * (size_t)PX_CERT_FILE_MAX)

struct px_tls {
    const struct px_tls_conf *conf;
    BIO_METHOD *bio;
    pthread_mutex_t lock;
    SSL_CTX *ctx;        /* under the lock */
    struct px_cert cert; /* under the lock */
};

static const char *const versions[] = {"1.2", "1.3"};
static const char *const faults[] = {
#define PX_TLS_FAULT(name, label, doc) label,
#include <px/tls_fault.def>
#undef PX_TLS_FAULT
};
const struct px_labels px_tls_labels_version = {.v = versions, .n = PX_ARRAY_LEN(versions)};
const struct px_labels px_tls_labels_fault = {.v = faults, .n = PX_ARRAY_LEN(faults)};

bool px_tls_used(const struct px_tls_conf *c) {
    return c->certificate[0] != '\0';
}

/* --- files to a context -------------------------------------------------------------------------
 */

static enum px_code options_agree(const struct px_tls_conf *c, struct px_err *reterr) {
    if (px_tls_used(c) && !c->key[0]) {
        return PX_FAIL(reterr, PX_CONFIG, "Http:TlsCertificate is set: Http:TlsKey is missing");
    }
    if (!px_tls_used(c) && c->key[0]) {
        return PX_FAIL(reterr, PX_CONFIG, "Http:TlsKey is set: Http:TlsCertificate is missing");
    }
    if (!px_tls_used(c) && c->admin) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Admin:Tls is set: Http:TlsCertificate and Http:TlsKey are missing");
    }
    return PX_OK;
}

/* Every byte is read once: what was judged is what is shown. */
static enum px_code load(const struct px_tls_conf *c, px_us now, SSL_CTX **ret,
                         struct px_cert *ret_cert, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf chain = PX_BUF_INIT(ROOM);
    PX_DEFER(px_cert_file_wipe) struct px_buf secret = PX_BUF_INIT(ROOM);
    struct px_tls_pair p = {.certificate = {"Http:TlsCertificate", c->certificate},
                            .key = {"Http:TlsKey", c->key},
                            .only_13 = c->minimum == MINIMUM_13};
    enum px_code rc = px_cert_file_read(&p.certificate, &chain, reterr);
    rc = rc ? rc : px_cert_file_read(&p.key, &secret, reterr);
    if (rc) {
        return rc;
    }
    p.chain = px_buf_view(&chain);
    p.secret = px_buf_view(&secret);
    const struct px_cert_key key = {.pem = p.secret, .remedy = ": store it without a password"};
    rc = px_cert_file_judge(&p.certificate, p.chain, now, ret_cert, reterr);
    rc = rc ? rc : px_cert_file_key(&p.key, p.chain, &key, reterr);
    return rc ? rc : px_tls_ctx(&p, ret, reterr);
}

enum px_code px_tls_open(const struct px_tls_conf *c, px_us now, struct px_tls **ret,
                         struct px_err *reterr) {
    enum px_code rc = options_agree(c, reterr);
    *ret = NULL;
    if (rc || !px_tls_used(c)) {
        return rc;
    }
    struct px_tls *t = px_alloc(sizeof *t);
    if (!t) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for TLS");
    }
    t->conf = c;
    px_assert(pthread_mutex_init(&t->lock, NULL) == 0);
    t->bio = px_wire_method();
    rc = t->bio ? load(c, now, &t->ctx, &t->cert, reterr)
                : PX_FAIL(reterr, PX_NOMEM, "no memory for TLS");
    if (rc) {
        px_tls_close(t);
        return rc;
    }
    *ret = t;
    return PX_OK;
}

void px_tls_close(struct px_tls *t) {
    if (!t) {
        return;
    }
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    pthread_mutex_destroy(&t->lock);
    px_free(t);
}

/* --- in use -------------------------------------------------------------------------------------
 */

static void log_renewed(const struct px_cert *cert) {
    char at[PX_TIME_TEXT + 1];
    at[px_fmt_instant(cert->not_after, at)] = '\0';
    px_log(PX_LOG_INFO, "tls.renewed", PX_F_C("tls.server.subject", cert->subject),
           PX_F_C("tls.server.not_after", at));
}

void px_tls_renew(struct px_tls *t, px_us now) {
    struct px_err err = PX_ERR_INIT;
    struct px_cert cert;
    SSL_CTX *ctx = NULL;
    if (!t) {
        return;
    }
    if (load(t->conf, now, &ctx, &cert, &err)) {
        px_log(PX_LOG_ERROR, "tls.renew_failed", PX_F_ERR(&err),
               PX_F_C("remedy",
                      "mend the files and send SIGHUP again; the certificate before stays "
                      "in use"));
        return;
    }
    pthread_mutex_lock(&t->lock);
    SSL_CTX *before = t->ctx;
    t->ctx = ctx;
    t->cert = cert;
    pthread_mutex_unlock(&t->lock);
    SSL_CTX_free(before);
    log_renewed(&cert);
}

px_us px_tls_not_after(struct px_tls *t) {
    if (!t) {
        return 0;
    }
    pthread_mutex_lock(&t->lock);
    px_us at = t->cert.not_after;
    pthread_mutex_unlock(&t->lock);
    return at;
}

SSL *px_tls_session(struct px_tls *t) {
    pthread_mutex_lock(&t->lock);
    SSL_CTX *ctx = t->ctx;
    int held = SSL_CTX_up_ref(ctx);
    pthread_mutex_unlock(&t->lock);
    px_assert(held == 1);
    SSL *ssl = SSL_new(ctx); /* holds the context itself from here */
    SSL_CTX_free(ctx);
    return ssl;
}

const BIO_METHOD *px_tls_bio(const struct px_tls *t) {
    return t->bio;
}

px_us px_tls_hsts(const struct px_tls *t) {
    return t ? t->conf->hsts : 0;
}

/* --- the probe ----------------------------------------------------------------------------------
 */

enum px_code px_tls_probe(const struct px_tls_conf *c, px_us now, struct px_probe_out *out,
                          struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf advice = PX_BUF_INIT(sizeof out->detail);
    const struct px_cert_file certificate = {"Http:TlsCertificate", c->certificate};
    const struct px_cert_file key = {"Http:TlsKey", c->key};
    struct px_tls *t = NULL;
    enum px_code rc = px_tls_open(c, now, &t, reterr);
    if (rc) {
        return rc;
    }
    if (!t) {
        out->skip = true;
        (void)snprintf(out->detail, sizeof out->detail, "Http:TlsCertificate is empty: no TLS");
        return PX_OK;
    }
    px_cert_file_soon(&certificate, &t->cert, now, &advice);
    px_cert_file_open(&key, &advice);
    out->warn = advice.n > 0;
    (void)snprintf(out->detail, sizeof out->detail, "%.80s, for %.100s: %lld days left",
                   t->cert.subject, t->cert.names[0] ? t->cert.names : "no names",
                   (long long)((t->cert.not_after - now) / PX_US_PER_DAY));
    if (out->warn) {
        (void)snprintf(out->detail, sizeof out->detail, "%s", px_buf_cstr(&advice));
    }
    px_tls_close(t);
    return PX_OK;
}
