/* SipHash and murmur2 against published vectors; the kernel's randomness. */
#include <px/hash.h>

#include "unit.h"

struct sip_row {
    size_t n;
    uint64_t v;
};

/* Key 00 01 .. 0f, message 00 01 .. n-1: the authors' vectors; n = 15 is the paper's appendix A. */
static void test_hash_siphash_vectors(void **state PX_UNUSED) {
    static const struct sip_row rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)},  {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)},  {9, UINT64_C(0x9e0082df0ba9e4b0)},
        {15, UINT64_C(0xa129ca6149be45e5)}, {16, UINT64_C(0x3f2acc7f57c29bdb)},
        {63, UINT64_C(0x958a324ceb064572)},
    };
    char message[64];
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (char)i;
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        uint64_t v = px_siphash(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
                                (struct px_str){.p = message, .n = rows[i].n});
        assert_int_equal(v, rows[i].v);
    }
    assert_int_not_equal(px_siphash(1, 2, PX_S("x")), px_siphash(2, 1, PX_S("x")));
}

struct murmur_row {
    struct px_str s;
    int32_t v;
};

/* The values of the Kafka client's own UtilsTest. */
static void test_hash_murmur2_vectors(void **state PX_UNUSED) {
    static const struct murmur_row rows[] = {
        {PX_S_INIT("21"), -973932308},
        {PX_S_INIT("foobar"), -790332482},
        {PX_S_INIT("a-little-bit-long-string"), -985981536},
        {PX_S_INIT("a-little-bit-longer-string"), -1486304829},
        {PX_S_INIT("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971},
        {PX_S_INIT("abc"), 479470107},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(px_murmur2(rows[i].s), (uint32_t)rows[i].v);
    }
    struct px_str none = {.p = NULL, .n = 0};
    assert_int_equal(px_murmur2(none), px_murmur2(PX_S("")));
}

static void test_hash_random_fills_every_byte(void **state PX_UNUSED) {
    uint8_t seen[1000] = {0};
    for (int round = 0; round < 20; round++) {
        uint8_t bytes[sizeof seen + 1] = {0};
        px_random(bytes, sizeof seen);
        assert_int_equal(bytes[sizeof seen], 0);
        for (size_t i = 0; i < sizeof seen; i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_int_not_equal(seen[i], 0);
    }
    px_random(seen, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_siphash_vectors),
        cmocka_unit_test(test_hash_murmur2_vectors),
        cmocka_unit_test(test_hash_random_fills_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
