/* What a connection needs of its server's certificate. Private to src/http. */
#ifndef PX_TLS_PRIV_H
#define PX_TLS_PRIV_H

#include <px/tls.h>

#include <openssl/ssl.h>

/* --- tls_ctx.c: a certificate and its key as OpenSSL wants them ----------------------------------
 */
struct px_tls_pair {
    struct px_cert_file certificate, key; /* names, for messages */
    struct px_str chain, secret;          /* what they hold */
    bool only_13;
};
/* px_tls_ctx(p, ret, reterr): an immutable context with every rule of this server: versions,
 * ciphers, ALPN, no tickets. Errors: PX_CONFIG, PX_NOMEM. Gives: SSL_CTX_free. Threads: any. */
PX_MUST_USE enum px_code px_tls_ctx(const struct px_tls_pair *p, SSL_CTX **ret,
                                    struct px_err *reterr);
/* px_tls_fault_of(reason): what a reason of OpenSSL's error queue means during a handshake. */
enum px_tls_fault px_tls_fault_of(unsigned long error);

/* --- tls.c ---------------------------------------------------------------------------------------
 */
/* px_tls_session(t): a connection's side of TLS under the certificate in use; NULL without memory.
 * px_tls_bio(t): how its bytes move (wire.c). Threads: any. */
SSL *px_tls_session(struct px_tls *t);
const BIO_METHOD *px_tls_bio(const struct px_tls *t);
px_us px_tls_hsts(const struct px_tls *t);

/* --- wire.c --------------------------------------------------------------------------------------
 */
BIO_METHOD *px_wire_method(void); /* NULL without memory; BIO_meth_free */

#endif
