/* An http_rig by TLS that counts, for the tests of TLS itself. */
#ifndef TEST_TLS_SERVER_H
#define TEST_TLS_SERVER_H

#include "http_rig.h"
#include "tls_rig.h"

struct tls_server {
    struct rig g;
    struct px_tls_conf conf; /* the certificate "server" unless set before the start */
    struct px_metrics *metrics;
};
/* tls_server_start(s, lim): ${lim} may be NULL. tls_server_stop: also waits for its connections. */
void tls_server_start(struct tls_server *s, const struct px_http_limits *lim);
void tls_server_stop(struct tls_server *s);
/* tls_server_failures(s, why): counted so far; waits until it is at least ${want}. */
int64_t tls_server_failures(struct tls_server *s, enum px_tls_fault why, int64_t want);
int64_t tls_server_all_failures(const struct tls_server *s);
int64_t tls_server_handshakes(const struct tls_server *s, bool version_13);

/* A client of it, after the handshake; fails the test when there is none. */
struct tls_client {
    int fd;
    SSL *ssl;
};
void tls_client_open(struct tls_client *c, const struct tls_server *s,
                     const struct tls_rig_offer *o);
void tls_client_close(struct tls_client *c); /* without a word to the peer */
/* tls_client_refused(s, o): the handshake fails. */
void tls_client_refused(const struct tls_server *s, const struct tls_rig_offer *o);
void tls_client_send(struct tls_client *c, struct px_str bytes);
/* tls_client_expect(c, status, body): the next answer; ${body} NULL: any. */
void tls_client_expect(struct tls_client *c, int status, const char *body);
/* tls_client_ended(c): the end comes next, with close_notify. */
void tls_client_ended(struct tls_client *c);

#endif
