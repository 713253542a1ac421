/* HMAC-SHA-256 with a key that is used often: the key's part is computed once. By OpenSSL; here is
 * only how long a key must be and that it is wiped. */
#ifndef PX_HMAC_H
#define PX_HMAC_H

#include <px/err.h>
#include <px/str.h>

#define PX_HMAC_BYTES 32
#define PX_HMAC_TEXT  (2 * PX_HMAC_BYTES) /* as hexadecimal digits, no NUL */

struct px_hmac;

/* px_hmac_new(key, ret, reterr): copies what it needs of ${key}. Errors: PX_NOMEM.
 * px_hmac_free: wipes it; NULL is fine. */
PX_MUST_USE enum px_code px_hmac_new(struct px_str key, struct px_hmac **ret,
                                     struct px_err *reterr);
void px_hmac_free(struct px_hmac *h);

/* px_hmac(h, parts, n, out): the code of the ${n} parts one behind the other. Asserts on failure of
 * the library (it only fails without memory). Threads: owner. */
void px_hmac(struct px_hmac *h, const struct px_str *parts, size_t n, uint8_t out[PX_HMAC_BYTES]);

/* px_hmac_hex(mac, out): lower case. px_hmac_unhex(s, ret): the other way round; false unless it is
 * 64 hexadecimal digits in lower case. px_hmac_same(a, b): in constant time. Threads: pure. */
void px_hmac_hex(const uint8_t mac[PX_HMAC_BYTES], char out[PX_HMAC_TEXT]);
PX_MUST_USE bool px_hmac_unhex(struct px_str s, uint8_t ret[PX_HMAC_BYTES]);
bool px_hmac_same(const uint8_t a[PX_HMAC_BYTES], const uint8_t b[PX_HMAC_BYTES]);

#endif
