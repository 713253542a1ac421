/* HMAC-SHA-256 by OpenSSL's EVP_MAC: initialised with the key once, and again without it for every
 * message, which costs neither a lookup of the algorithm nor the key's two blocks. */
#include <px/hmac.h>

#include <px/mem.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct px_hmac {
    EVP_MAC_CTX *ctx; /* wipes its key when it is freed */
};

static EVP_MAC_CTX *open_ctx(struct px_str key) {
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context holds its own reference */
    if (ctx && EVP_MAC_init(ctx, (const void *)key.p, key.n, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

enum px_code px_hmac_new(struct px_str key, struct px_hmac **ret, struct px_err *reterr) {
    px_assert(key.n > 0); /* an empty key would read as "the key of before" */
    struct px_hmac *h = px_alloc(sizeof *h);
    if (h) {
        h->ctx = open_ctx(key);
    }
    if (!h || !h->ctx) {
        px_hmac_free(h);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a key");
    }
    *ret = h;
    return PX_OK;
}

void px_hmac_free(struct px_hmac *h) {
    if (h) {
        EVP_MAC_CTX_free(h->ctx);
        px_free(h);
    }
}

void px_hmac(struct px_hmac *h, const struct px_str *parts, size_t n, uint8_t out[PX_HMAC_BYTES]) {
    size_t got = 0;
    int ok = EVP_MAC_init(h->ctx, NULL, 0, NULL);
    px_assert(ok == 1);
    for (size_t i = 0; i < n; i++) {
        ok = parts[i].n == 0 || EVP_MAC_update(h->ctx, (const void *)parts[i].p, parts[i].n) == 1;
        px_assert(ok == 1);
    }
    ok = EVP_MAC_final(h->ctx, out, &got, PX_HMAC_BYTES);
    px_assert(ok == 1 && got == PX_HMAC_BYTES);
}

void px_hmac_hex(const uint8_t mac[PX_HMAC_BYTES], char out[PX_HMAC_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < PX_HMAC_BYTES; i++) {
        out[2 * i] = digits[mac[i] >> 4];
        out[2 * i + 1] = digits[mac[i] & 15];
    }
}

bool px_hmac_unhex(struct px_str s, uint8_t ret[PX_HMAC_BYTES]) {
    uint8_t mac[PX_HMAC_BYTES];
    if (s.n != PX_HMAC_TEXT) {
        return false;
    }
    for (size_t i = 0; i < PX_HMAC_BYTES; i++) {
        int hi = px_hex_digit(s.p[2 * i]), lo = px_hex_digit(s.p[2 * i + 1]);
        bool upper = (s.p[2 * i] >= 'A' && s.p[2 * i] <= 'F') ||
                     (s.p[2 * i + 1] >= 'A' && s.p[2 * i + 1] <= 'F');
        if (hi < 0 || lo < 0 || upper) {
            return false;
        }
        mac[i] = (uint8_t)(hi * 16 + lo);
    }
    memcpy(ret, mac, sizeof mac);
    return true;
}

bool px_hmac_same(const uint8_t a[PX_HMAC_BYTES], const uint8_t b[PX_HMAC_BYTES]) {
    return CRYPTO_memcmp(a, b, PX_HMAC_BYTES) == 0;
}
