/* From a certificate and its key, as bytes, to OpenSSL's context with the rules of this server.
 * What a context says never changes: a new certificate is a new context. Opens no file. */
#include "tls_priv.h"

#include <px/mem.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <string.h>

/* Forward secrecy and authenticated encryption only. TLS 1.3 knows nothing else by itself. */
#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"
/* Keys of 112 bits of strength (RSA 2048, P-256) and no SHA-1. */
#define STRENGTH 2

static void free_bio(BIO **b) {
    BIO_free(*b);
}
static void free_x509(X509 **x) {
    X509_free(*x);
}
static void free_key(EVP_PKEY **k) {
    EVP_PKEY_free(*k);
}
static void free_ctx(SSL_CTX **c) {
    SSL_CTX_free(*c);
}

/* Why OpenSSL refused, in its own words; its queue is left empty. */
static enum px_code fail(const struct px_cert_file *f, struct px_err *reterr) {
    unsigned long e = ERR_get_error();
    const char *why = ERR_reason_error_string(e);
    bool memory = ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return memory ? PX_FAIL(reterr, PX_NOMEM, "no memory for TLS")
                  : PX_FAIL(reterr, PX_CONFIG, "%s: %.120s: %s", f->option, f->path,
                            why ? why : "cannot be used");
}

static int no_password(char *buf, int size, int writing, void *arg) {
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1; /* without this libcrypto would ask at the terminal */
}

/* Offered and none of them ours: a client that speaks HTTP/2 alone. One that offers nothing is
 * taken at its word that it speaks HTTP/1.1. */
static int choose_protocol(SSL *ssl, const uint8_t **out, uint8_t *n, const uint8_t *in,
                           unsigned size, void *arg) {
    static const char ours[] = "http/1.1";
    (void)ssl, (void)arg;
    for (unsigned at = 0; at < size && at + 1 + in[at] <= size; at += 1u + in[at]) {
        if (in[at] == sizeof ours - 1 && memcmp(in + at + 1, ours, sizeof ours - 1) == 0) {
            *out = in + at + 1;
            *n = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Resumption is off: its keys would have to be changed and shared, and a full handshake costs a
 * third of a millisecond. Buffers are given back between records, so that idle connections are
 * cheap; reading ahead takes a record with one call of the kernel. */
static bool set_rules(SSL_CTX *ctx, bool only_13) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_security_level(ctx, STRENGTH);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ctx, only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1;
}

/* The first certificate is the server's own; those behind it are sent along. */
static bool add_chain(SSL_CTX *ctx, struct px_str chain) {
    PX_DEFER(free_bio) BIO *b = BIO_new_mem_buf(chain.p, (int)chain.n);
    PX_DEFER(free_x509) X509 *own = b ? PEM_read_bio_X509(b, NULL, no_password, NULL) : NULL;
    if (!own || SSL_CTX_use_certificate(ctx, own) != 1) {
        return false;
    }
    for (X509 *x; (x = PEM_read_bio_X509(b, NULL, no_password, NULL)) != NULL;) {
        if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
            X509_free(x);
            return false;
        }
    }
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (end) {
        ERR_clear_error();
    }
    return end;
}

static bool add_key(SSL_CTX *ctx, struct px_str secret) {
    PX_DEFER(free_bio) BIO *b = BIO_new_mem_buf(secret.p, (int)secret.n);
    PX_DEFER(free_key)
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
    return k && SSL_CTX_use_PrivateKey(ctx, k) == 1 && SSL_CTX_check_private_key(ctx) == 1;
}

enum px_code px_tls_ctx(const struct px_tls_pair *p, SSL_CTX **ret, struct px_err *reterr) {
    ERR_clear_error();
    PX_DEFER(free_ctx) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !set_rules(ctx, p->only_13)) {
        ERR_clear_error();
        return PX_FAIL(reterr, PX_NOMEM, "no memory for TLS");
    }
    if (!add_chain(ctx, p->chain)) {
        return fail(&p->certificate, reterr);
    }
    if (!add_key(ctx, p->secret)) {
        return fail(&p->key, reterr);
    }
    *ret = PX_TAKE(ctx);
    return PX_OK;
}

enum px_tls_fault px_tls_fault_of(unsigned long error) {
    int reason = ERR_GET_REASON(error);
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return PX_TLS_PLAIN_HTTP;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
        return PX_TLS_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        return PX_TLS_CIPHER;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return PX_TLS_ALPN;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return PX_TLS_CLOSED;
    case ERR_R_MALLOC_FAILURE:
        return PX_TLS_MEMORY;
    default:
        return reason >= SSL_AD_REASON_OFFSET && reason < ERR_R_FATAL ? PX_TLS_ALERT
                                                                      : PX_TLS_PROTOCOL;
    }
}
