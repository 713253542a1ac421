/* Strict numbers, booleans, durations and sizes: tables of hostile input. */
#include <px/num.h>

#include "unit.h"

struct i64_row {
    struct px_str s;
    int64_t min, max;
    bool good;
    int64_t v;
};

static void test_num_i64_table(void **state PX_UNUSED) {
    static const struct i64_row rows[] = {
        {PX_S_INIT("0"), 0, 9, true, 0},
        {PX_S_INIT("42"), 0, 100, true, 42},
        {PX_S_INIT("-42"), -100, 100, true, -42},
        {PX_S_INIT("9223372036854775807"), INT64_MIN, INT64_MAX, true, INT64_MAX},
        {PX_S_INIT("-9223372036854775808"), INT64_MIN, INT64_MAX, true, INT64_MIN},
        {PX_S_INIT("-9223372036854775807"), INT64_MIN, INT64_MAX, true, -INT64_MAX},
        {PX_S_INIT("9223372036854775808"), INT64_MIN, INT64_MAX, false, 0},
        {PX_S_INIT("-9223372036854775809"), INT64_MIN, INT64_MAX, false, 0},
        {PX_S_INIT("18446744073709551616"), INT64_MIN, INT64_MAX, false, 0},
        {PX_S_INIT("99999999999999999999999999"), INT64_MIN, INT64_MAX, false, 0},
        {PX_S_INIT("10"), 0, 9, false, 0},
        {PX_S_INIT("-1"), 0, 9, false, 0},
        {PX_S_INIT(""), 0, 9, false, 0},
        {PX_S_INIT("-"), -9, 9, false, 0},
        {PX_S_INIT("--1"), -9, 9, false, 0},
        {PX_S_INIT("+1"), 0, 9, false, 0},
        {PX_S_INIT("-0"), -9, 9, false, 0},
        {PX_S_INIT("007"), 0, 9, false, 0},
        {PX_S_INIT("00"), 0, 9, false, 0},
        {PX_S_INIT("0x7"), 0, 9, false, 0},
        {PX_S_INIT(" 7"), 0, 9, false, 0},
        {PX_S_INIT("7 "), 0, 9, false, 0},
        {PX_S_INIT("7\n"), 0, 9, false, 0},
        {PX_S_INIT("7\0"), 0, 9, false, 0},
        {PX_S_INIT("1e3"), 0, 9999, false, 0},
        {PX_S_INIT("1.0"), 0, 9, false, 0},
        {PX_S_INIT("1_000"), 0, 9999, false, 0},
        {PX_S_INIT("\xd9\xa1"), 0, 9, false, 0}, /* ARABIC-INDIC DIGIT ONE */
        {{.p = NULL, .n = 0}, 0, 9, false, 0},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        int64_t v = 777;
        if (px_parse_i64(rows[i].s, rows[i].min, rows[i].max, &v) != rows[i].good) {
            fail_msg("row %zu: %.*s", i, PX_S_ARG(rows[i].s));
        }
        assert_int_equal(v, rows[i].good ? rows[i].v : 777); /* untouched on failure */
    }
}

static void test_num_bool(void **state PX_UNUSED) {
    static const char *const bad[] = {"", "True", "TRUE", "1", "0", "yes", "on", "ture", "true "};
    bool v = false;

    assert_true(px_parse_bool(PX_S("true"), &v) && v);
    assert_true(px_parse_bool(PX_S("false"), &v) && !v);
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        assert_false(px_parse_bool(px_str_c(bad[i]), &v));
    }
}

struct unit_row {
    const char *s;
    int64_t v; /* -1: refused */
};

static void test_num_duration_table(void **state PX_UNUSED) {
    static const struct unit_row rows[] = {
        {"250ms", 250000},
        {"0s", 0},
        {"5s", 5000000},
        {"10m", 600000000},
        {"24h", INT64_C(86400000000)},
        {"3d", INT64_C(259200000000)},
        {"106751991d", INT64_C(106751991) * PX_US_PER_DAY},
        {"106751992d", -1},
        {"9223372036854775807ms", -1},
        {"5", -1},
        {"", -1},
        {"s", -1},
        {"5 s", -1},
        {" 5s", -1},
        {"5s ", -1},
        {"5S", -1},
        {"5sec", -1},
        {"5us", -1},
        {"-5s", -1},
        {"+5s", -1},
        {"05s", -1},
        {"1.5s", -1},
        {"1h30m", -1},
        {"5w", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        px_us v = -1;
        bool good = px_parse_duration(px_str_c(rows[i].s), &v);
        if (good != (rows[i].v >= 0) || v != rows[i].v) {
            fail_msg("%s gives %lld", rows[i].s, (long long)v);
        }
    }
}

static void test_num_size_table(void **state PX_UNUSED) {
    static const struct unit_row rows[] = {
        {"0", 0},
        {"512", 512},
        {"4KiB", 4096},
        {"16MiB", 16777216},
        {"1GiB", 1073741824},
        {"8589934591GiB", INT64_C(8589934591) * 1073741824},
        {"8589934592GiB", -1},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", -1},
        {"", -1},
        {"KiB", -1},
        {"4kB", -1},
        {"4KB", -1},
        {"4kib", -1},
        {"4K", -1},
        {"4 KiB", -1},
        {"-4KiB", -1},
        {"4.5KiB", -1},
        {"04KiB", -1},
        {"4B", -1},
        {"4TiB", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        int64_t v = -1;
        bool good = px_parse_size(px_str_c(rows[i].s), &v);
        if (good != (rows[i].v >= 0) || v != rows[i].v) {
            fail_msg("%s gives %lld", rows[i].s, (long long)v);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_num_i64_table),
        cmocka_unit_test(test_num_bool),
        cmocka_unit_test(test_num_duration_table),
        cmocka_unit_test(test_num_size_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
