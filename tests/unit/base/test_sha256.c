/* SHA-256: published vectors, and threads that come and go. */
#include <px/hash.h>
#include <px/mem.h>

#include <pthread.h>

#include "unit.h"

struct row {
    struct px_str s;
    const char *hex;
};

/* FIPS 180-2 appendix B, and the empty message. */
static const struct row rows[] = {
    {PX_S_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {PX_S_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {PX_S_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void to_hex(const uint8_t in[32], char out[65]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[64] = '\0';
}

static bool is_right(const struct row *row) {
    uint8_t digest[32];
    char hex[65];
    px_sha256(row->s, digest);
    to_hex(digest, hex);
    return strcmp(hex, row->hex) == 0;
}

static void test_sha256_vectors(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_true(is_right(&rows[i]));
    }
    struct px_str none = {.p = NULL, .n = 0};
    assert_true(is_right(&(struct row){none, rows[0].hex}));
}

static void test_sha256_of_a_million_bytes(void **state PX_UNUSED) {
    size_t n = 1000000;
    char *p = px_alloc(n);
    assert_non_null(p);
    memset(p, 'a', n);
    struct row row = {{.p = p, .n = n},
                      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"};
    assert_true(is_right(&row));
    px_free(p);
}

static void *hash_many(void *arg) {
    size_t *right = arg;
    for (size_t i = 0; i < 3000; i++) {
        *right += is_right(&rows[i % PX_ARRAY_LEN(rows)]);
    }
    return NULL;
}

static void test_sha256_in_threads_that_end(void **state PX_UNUSED) {
    for (int round = 0; round < 3; round++) {
        pthread_t threads[4];
        size_t right[4] = {0};
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &right[i]), 0);
        }
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(right[i], 3000);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_vectors),
        cmocka_unit_test(test_sha256_of_a_million_bytes),
        cmocka_unit_test(test_sha256_in_threads_that_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
