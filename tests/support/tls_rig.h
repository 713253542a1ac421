/* Certificates made at test time, and the client's side of TLS on a connected socket. */
#ifndef TEST_TLS_RIG_H
#define TEST_TLS_RIG_H

#include <px/tls.h>

#include <openssl/ssl.h>

/* tls_rig_cert(w): a self-signed certificate in NAME.pem and its key in NAME.key (mode 600) below
 * proc_tmpdir(). NULL or 0: a key of P-256, CN=localhost with its names, from yesterday on, for 90
 * days more. */
struct tls_rig_want {
    const char *name;
    const char *cn, *names; /* "DNS:a.test,IP:127.0.0.1"; "" = none */
    int days;               /* until it expires from now on; below 0: it did */
    int begins;             /* in so many days */
    int rsa_bits;
    const char *password; /* of the key's file */
};
void tls_rig_cert(const struct tls_rig_want *w);
/* tls_rig_path(name, ext): "TMPDIR/name.ext"; lives as long as the program. */
const char *tls_rig_path(const char *name, const char *ext);
/* tls_rig_conf(name): the options that serve with that certificate. */
struct px_tls_conf tls_rig_conf(const char *name);

/* What a client offers. 0 and NULL: what OpenSSL offers by itself, no ALPN, no look at the server's
 * certificate. */
struct tls_rig_offer {
    int min, max;        /* TLS1_2_VERSION ... */
    const char *ciphers; /* of 1.2 and before; with "@SECLEVEL=0" also broken ones */
    const char *alpn;    /* "\x08http/1.1", in the form of the wire */
    const char *trust;   /* certificate that the server must show; its name must be localhost */
};
/* tls_rig_client(fd, o): the client's side on ${fd}, before the handshake. */
SSL *tls_rig_client(int fd, const struct tls_rig_offer *o);
int tls_rig_dial(int port); /* a socket that waits 10 s at most for anything; -1 = refused */
/* tls_rig_connect(port, o, ret_fd): connect and shake hands within 10 s; NULL when that failed,
 * with the reason in ERR_peek_error(). The caller frees and closes; *ret_fd is -1 when refused. */
SSL *tls_rig_connect(int port, const struct tls_rig_offer *o, int *ret_fd);
/* tls_rig_ask(port, target, out, cap): GET on a connection of its own; the status, 0 without an
 * answer; ${out}: the whole of it as text, cut. */
int tls_rig_ask(int port, const char *target, char *out, size_t cap);
/* tls_rig_subject(ssl, out, cap): CN of the certificate that was shown. */
const char *tls_rig_subject(const SSL *ssl, char *out, size_t cap);

#endif
