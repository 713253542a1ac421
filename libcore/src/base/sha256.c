/* SHA-256 by OpenSSL. Looking up an algorithm costs far more than hashing a short key, so each
 * thread keeps one context that has looked it up; it is freed when the thread ends. */
#include <px/hash.h>

#include <openssl/evp.h>
#include <pthread.h>

static _Thread_local EVP_MD_CTX *thread_ctx;
static pthread_key_t ctx_key; /* only for its destructor */
static pthread_once_t ctx_key_once = PTHREAD_ONCE_INIT;

static void free_ctx(void *ctx) {
    thread_ctx = NULL;
    EVP_MD_CTX_free(ctx);
}

static void make_key(void) {
    int rc = pthread_key_create(&ctx_key, free_ctx);
    px_assert(rc == 0);
}

static EVP_MD_CTX *open_ctx(void) {
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    px_assert(md);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    px_assert(ctx);
    int ok = EVP_DigestInit_ex2(ctx, md, NULL);
    px_assert(ok == 1);
    EVP_MD_free(md); /* the context holds its own reference */
    int rc = pthread_once(&ctx_key_once, make_key);
    px_assert(rc == 0);
    rc = pthread_setspecific(ctx_key, ctx);
    px_assert(rc == 0);
    return ctx;
}

void px_sha256(struct px_str s, uint8_t out[32]) {
    if (!thread_ctx) {
        thread_ctx = open_ctx();
    }
    unsigned n = 0;
    int ok = EVP_DigestInit_ex2(thread_ctx, NULL, NULL);
    px_assert(ok == 1);
    ok = EVP_DigestUpdate(thread_ctx, s.p, s.n);
    px_assert(ok == 1);
    ok = EVP_DigestFinal_ex(thread_ctx, out, &n);
    px_assert(ok == 1 && n == 32);
}
