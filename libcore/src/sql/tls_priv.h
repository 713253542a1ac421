/* TLS of PostgreSQL connections: what the configuration asks for, and a look at the certificate
 * that the server shows. Shared by the dialect and tls.c; must not leave the folder. */
#ifndef PX_TLS_PRIV_H
#define PX_TLS_PRIV_H

#include "internal.h"

/* Where a connection string leads and how; texts are cut when too long. */
struct px_peer {
    char host[256];    /* the name that a certificate must bear */
    char address[256]; /* what is connected to                  */
    char port[16];
    char mode[16]; /* SSLmode as written; "" = left open */
    char ca[512];  /* sslrootcert, or libpq's own place  */
    bool remote;   /* not this machine                   */
};
void px_peer_of(const struct px_sql_conf *c, struct px_peer *ret);

/* px_pqopt_get(opts, key, ret): value of ${key} among libpq's options "a=b c='d e'", as written. */
bool px_pqopt_get(struct px_str opts, const char *key, struct px_str *ret);

/* px_peer_look(p, ret, reterr): shake hands as libpq does and keep what the server shows. Nothing
 * is sent but the request for TLS. Errors: PX_SQL_LOST, PX_CONFIG (the authorities cannot be read).
 */
struct px_certificate {
    bool trusted, expired, early; /* against p->ca, by this machine's clock */
    int64_t days_left;            /* until it ends; negative = it has       */
    char from[32], until[32];     /* UTC */
};
PX_MUST_USE enum px_code px_peer_look(const struct px_peer *p, struct px_certificate *ret,
                                      struct px_err *reterr);

/* px_tls_explain(c, message, reterr): what a refusal by libpq means and what mends it; PX_OK when
 * the message is not about TLS. */
enum px_code px_tls_explain(const struct px_sql_conf *c, const char *message,
                            struct px_err *reterr);

#endif
