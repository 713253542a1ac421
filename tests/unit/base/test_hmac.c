/* HMAC-SHA-256: published vectors, a key that is used again, parts. */
#include <px/hmac.h>

#include "unit.h"

#include <string.h>

struct row {
    struct px_str key, text;
    const char *hex;
};

/* RFC 4231, test cases 1, 2, 3, 6 (a key longer than a block) and 7. */
static char aa20[20], aa131[131], dd50[50], c0b[20];
static const char case7[] = "This is a test using a larger than block-size key and a larger than "
                            "block-size data. The key needs to be hashed before being used by the "
                            "HMAC algorithm.";

static void is(const struct row *r) {
    struct px_hmac *h = NULL;
    uint8_t mac[PX_HMAC_BYTES];
    char hex[PX_HMAC_TEXT];
    assert_int_equal(px_hmac_new(r->key, &h, NULL), PX_OK);
    for (size_t cut = 0; cut <= r->text.n; cut += 1 + r->text.n / 3) { /* the same key again */
        const struct px_str parts[] = {{.p = r->text.p, .n = cut},
                                       {.p = r->text.p + cut, .n = r->text.n - cut}};
        px_hmac(h, parts, 2, mac);
        px_hmac_hex(mac, hex);
        assert_memory_equal(hex, r->hex, sizeof hex);
    }
    px_hmac_free(h);
}

static void test_hmac_vectors(void **state PX_UNUSED) {
    memset(c0b, 0x0b, sizeof c0b);
    memset(aa20, 0xaa, sizeof aa20);
    memset(aa131, 0xaa, sizeof aa131);
    memset(dd50, 0xdd, sizeof dd50);
    const struct row rows[] = {
        {{.p = c0b, .n = 20},
         PX_S("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {PX_S("Jefe"), PX_S("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{.p = aa20, .n = 20},
         {.p = dd50, .n = 50},
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {{.p = aa131, .n = 131},
         PX_S("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{.p = aa131, .n = 131},
         {.p = case7, .n = sizeof case7 - 1},
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        is(&rows[i]);
    }
}

static void test_hmac_texts(void **state PX_UNUSED) {
    static const char good[] = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
    uint8_t mac[PX_HMAC_BYTES], other[PX_HMAC_BYTES];
    char bad[] = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", hex[64];
    assert_true(px_hmac_unhex(px_str_c(good), mac));
    px_hmac_hex(mac, hex);
    assert_memory_equal(hex, good, 64);
    memcpy(other, mac, sizeof other);
    assert_true(px_hmac_same(mac, other));
    other[31] ^= 1;
    assert_false(px_hmac_same(mac, other));
    assert_false(px_hmac_unhex((struct px_str){.p = good, .n = 63}, mac));
    bad[5] = 'g';
    assert_false(px_hmac_unhex(px_str_c(bad), mac));
    bad[5] = 'C'; /* one writing only: it is a key elsewhere */
    assert_false(px_hmac_unhex(px_str_c(bad), mac));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hmac_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
