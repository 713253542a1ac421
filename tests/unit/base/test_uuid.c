/* UUIDv7: layout, order within and across milliseconds, a clock that runs backwards, parsing. */
#include <px/hash.h>

#include "unit.h"

static int64_t ms_of(const struct px_uuid *u) {
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | u->b[i];
    }
    return ms;
}

static void test_uuid_layout(void **state PX_UNUSED) {
    struct px_uuid_gen g = {0};
    struct px_uuid u = px_uuid_next(&g, INT64_C(1795255200123456));
    char text[PX_UUID_TEXT];
    px_uuid_fmt(&u, text);

    assert_int_equal(ms_of(&u), INT64_C(1795255200123));
    assert_int_equal(u.b[6] >> 4, 7);
    assert_int_equal(u.b[8] >> 6, 2);
    assert_memory_equal(text, "01a1fd8c-697b-7", 15);
}

/* The clock stands, creeps, jumps and runs backwards: ids of one generator still only grow. */
static void test_uuid_only_grows(void **state PX_UNUSED) {
    struct px_uuid_gen g = {0};
    px_us wall = INT64_C(1795255200000000);
    struct px_uuid last = px_uuid_next(&g, wall);
    for (int i = 0; i < 100000; i++) {
        wall += i % 1000 == 999 ? -5000 : i % 7 == 0 ? 130 : 0;
        struct px_uuid u = px_uuid_next(&g, wall);
        assert_true(memcmp(last.b, u.b, sizeof u.b) < 0);
        assert_int_equal(u.b[6] >> 4, 7);
        assert_int_equal(u.b[8] >> 6, 2);
        last = u;
    }
}

static void test_uuid_carries_into_the_next_millisecond(void **state PX_UNUSED) {
    struct px_uuid_gen g = {0};
    px_us wall = INT64_C(1795255200000000);
    px_uuid_next(&g, wall);
    int64_t ms = g.last_ms;

    g.lo = (UINT64_C(1) << 62) - 1;
    g.hi = 5;
    struct px_uuid a = px_uuid_next(&g, wall);
    assert_int_equal(g.hi, 6);
    g.lo = (UINT64_C(1) << 62) - 1;
    g.hi = 4095;
    struct px_uuid b = px_uuid_next(&g, wall);

    assert_true(memcmp(a.b, b.b, sizeof a.b) < 0);
    assert_int_equal(ms_of(&a), ms);
    assert_int_equal(ms_of(&b), ms + 1);
}

static void test_uuid_generators_differ(void **state PX_UNUSED) {
    struct px_uuid_gen g = {0}, h = {0};
    struct px_uuid a = px_uuid_next(&g, 1000), b = px_uuid_next(&h, 1000);
    assert_memory_not_equal(a.b + 6, b.b + 6, 10);
    struct px_uuid_gen before_1970 = {0};
    struct px_uuid c = px_uuid_next(&before_1970, -5);
    assert_int_equal(ms_of(&c), 0);
}

static void test_uuid_parse(void **state PX_UNUSED) {
    static const char *const bad[] = {
        "",
        "01a1fd91-a57b-7000-8000-00000000000",
        "01a1fd91-a57b-7000-8000-0000000000000",
        "01a1fd91a57b700080000000000000000000",
        "01a1fd91-a57b-7000-8000-00000000000g",
        "01a1fd91-a57b-7000-8000_000000000000",
        "01a1fd91-a57b-7000-80000-00000000000",
        "{1a1fd91-a57b-7000-8000-00000000000}",
        " 1a1fd91-a57b-7000-8000-000000000000",
        "-1a1fd91-a57b-7000-8000-000000000000",
    };
    struct px_uuid u, v;
    char text[PX_UUID_TEXT];

    assert_true(px_uuid_parse(PX_S("01a1fd91-a57b-7cde-8f00-123456789abc"), &u));
    px_uuid_fmt(&u, text);
    assert_memory_equal(text, "01a1fd91-a57b-7cde-8f00-123456789abc", PX_UUID_TEXT);
    assert_true(px_uuid_parse(PX_S("01A1FD91-A57B-7CDE-8F00-123456789ABC"), &v));
    assert_memory_equal(u.b, v.b, 16);
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        assert_false(px_uuid_parse(px_str_c(bad[i]), &v));
    }
    assert_memory_equal(u.b, v.b, 16); /* untouched */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid_layout),
        cmocka_unit_test(test_uuid_only_grows),
        cmocka_unit_test(test_uuid_carries_into_the_next_millisecond),
        cmocka_unit_test(test_uuid_generators_differ),
        cmocka_unit_test(test_uuid_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
