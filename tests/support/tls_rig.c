/* See tls_rig.h. */
#include "tls_rig.h"

#include "proc.h"
#include "unit.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define DAY (24L * 60 * 60)

const char *tls_rig_path(const char *name, const char *ext) {
    static char path[64][300];
    static size_t n;
    char text[sizeof path[0]];
    (void)snprintf(text, sizeof text, "%s/%s.%s", proc_tmpdir(), name, ext);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(path[i], text) == 0) {
            return path[i];
        }
    }
    assert_true(n < PX_ARRAY_LEN(path));
    memcpy(path[n], text, sizeof text);
    return path[n++];
}

static EVP_PKEY *new_key(int rsa_bits) {
    EVP_PKEY *k = rsa_bits ? EVP_RSA_gen((unsigned)rsa_bits) : EVP_EC_gen("P-256");
    assert_non_null(k);
    return k;
}

static void add_names(X509 *x, const char *names) {
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *new_cert(const struct tls_rig_want *w, EVP_PKEY *k) {
    X509 *x = X509_new();
    const char *cn = w->cn ? w->cn : "localhost";
    const char *names = w->names ? w->names : "DNS:localhost,IP:127.0.0.1";
    union {
        const char *text;
        const uint8_t *bytes;
    } subject = {.text = cn};
    static long serial;
    assert_non_null(x);
    assert_int_equal(X509_set_version(x, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), w->begins ? w->begins * DAY : -400 * DAY);
    X509_gmtime_adj(X509_getm_notAfter(x), (w->days ? w->days : 90) * DAY);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, subject.bytes, -1, -1,
                               0);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(x)), 1);
    assert_int_equal(X509_set_pubkey(x, k), 1);
    if (names[0]) {
        add_names(x, names);
    }
    assert_true(X509_sign(x, k, EVP_sha256()) > 0);
    return x;
}

void tls_rig_cert(const struct tls_rig_want *w) {
    EVP_PKEY *k = new_key(w->rsa_bits);
    X509 *x = new_cert(w, k);
    const char *path = tls_rig_path(w->name, "key");
    union {
        const char *given;
        void *taken;
    } word = {.given = w->password};
    FILE *f = fopen(tls_rig_path(w->name, "pem"), "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    assert_int_equal(fclose(f), 0);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(f, k, w->password ? EVP_aes_128_cbc() : NULL, NULL, 0,
                                          NULL, word.taken),
                     1);
    assert_int_equal(fclose(f), 0);
    X509_free(x);
    EVP_PKEY_free(k);
}

struct px_tls_conf tls_rig_conf(const char *name) {
    return (struct px_tls_conf){.certificate = tls_rig_path(name, "pem"),
                                .key = tls_rig_path(name, "key")};
}

/* --- the client ---------------------------------------------------------------------------------
 */

static void trust(SSL *ssl, SSL_CTX *ctx, const char *name) {
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, tls_rig_path(name, "pem"), NULL), 1);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_set1_host(ssl, "localhost"), 1);
}

SSL *tls_rig_client(int fd, const struct tls_rig_offer *o) {
    const int on = 1;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, o->min), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, o->max), 1);
    if (o->ciphers) {
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, o->ciphers), 1);
    }
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    if (o->alpn) {
        union {
            const char *text;
            const uint8_t *bytes;
        } alpn = {.text = o->alpn};
        assert_int_equal(SSL_set_alpn_protos(ssl, alpn.bytes, (unsigned)strlen(o->alpn)), 0);
    }
    if (o->trust) {
        trust(ssl, ctx, o->trust);
    }
    SSL_CTX_free(ctx);
    /* Else the request waits until the last word of the handshake is acknowledged. */
    assert_true(fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    SSL_set_connect_state(ssl);
    return ssl;
}

int tls_rig_dial(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval limit = {.tv_sec = 10};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

SSL *tls_rig_connect(int port, const struct tls_rig_offer *o, int *ret_fd) {
    *ret_fd = tls_rig_dial(port);
    if (*ret_fd < 0) {
        return NULL;
    }
    SSL *ssl = tls_rig_client(*ret_fd, o);
    ERR_clear_error();
    if (SSL_do_handshake(ssl) == 1) {
        return ssl;
    }
    SSL_free(ssl);
    return NULL;
}

int tls_rig_ask(int port, const char *target, char *out, size_t cap) {
    static const struct tls_rig_offer any = {.min = 0};
    char request[512];
    size_t n = 0;
    int fd;
    int k;
    int status = 0;
    SSL *ssl = tls_rig_connect(port, &any, &fd);
    out[0] = '\0';
    if (ssl) {
        int len = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", target);
        (void)SSL_write(ssl, request, len);
        while (n + 1 < cap && (k = SSL_read(ssl, out + n, (int)(cap - n - 1))) > 0) {
            n += (size_t)k;
        }
        out[n] = '\0';
        (void)sscanf(out, "HTTP/1.1 %d", &status);
    }
    SSL_free(ssl);
    close(fd);
    ERR_clear_error();
    return status;
}

const char *tls_rig_subject(const SSL *ssl, char *out, size_t cap) {
    X509 *x = SSL_get1_peer_certificate(ssl);
    assert_non_null(x);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out, (int)cap) >
                0);
    X509_free(x);
    return out;
}
