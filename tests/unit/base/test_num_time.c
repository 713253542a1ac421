/* Dates and instants: the calendar against libc, the parsers against tables of hostile input. */
#include <px/num.h>

#include <time.h>

#include "unit.h"

struct date_row {
    const char *s;
    int64_t day; /* -1: refused */
};

static void test_num_date_table(void **state PX_UNUSED) {
    static const struct date_row rows[] = {
        {"1970-01-01", 0},
        {"1970-01-02", 1},
        {"2000-02-29", 11016},
        {"2024-02-29", 19782},
        {"2026-11-21", 20778},
        {"9999-12-31", 2932896},
        {"1969-12-31", -1},
        {"0000-01-01", -1},
        {"2023-02-29", -1},
        {"1900-02-29", -1},
        {"2100-02-29", -1},
        {"2026-00-10", -1},
        {"2026-13-10", -1},
        {"2026-04-31", -1},
        {"2026-01-00", -1},
        {"2026-01-32", -1},
        {"2026-1-1", -1},
        {"2026-01-1", -1},
        {"20260101", -1},
        {"2026/01/01", -1},
        {"2026-01-01 ", -1},
        {" 2026-01-01", -1},
        {"2026-01-01T", -1},
        {"+2026-01-1", -1},
        {"-026-01-01", -1},
        {"2026-01--1", -1},
        {"2026-0a-01", -1},
        {"10000-01-01", -1},
        {"", -1},
        {"now", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        px_day d = -1;
        bool good = px_parse_date(px_str_c(rows[i].s), &d);
        if (good != (rows[i].day >= 0) || d != rows[i].day) {
            fail_msg("%s gives %d", rows[i].s, d);
        }
    }
}

static const struct date_row instants[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.000001Z", 1},
    {"2026-11-21T10:00:00Z", INT64_C(1795255200000000)},
    {"2026-11-21t10:00:00z", INT64_C(1795255200000000)},
    {"2026-11-21T10:00:00.5Z", INT64_C(1795255200500000)},
    {"2026-11-21T10:00:00.123456Z", INT64_C(1795255200123456)},
    {"2026-11-21T10:00:00.123456999Z", INT64_C(1795255200123456)},
    {"2026-11-21T10:00:00.000000001Z", INT64_C(1795255200000000)},
    {"2026-11-21T11:00:00+01:00", INT64_C(1795255200000000)},
    {"2026-11-21T04:30:00-05:30", INT64_C(1795255200000000)},
    {"2026-11-21T10:00:00-00:00", INT64_C(1795255200000000)},
    {"2026-11-22T09:59:00+23:59", INT64_C(1795255200000000)},
    {"1969-12-31T23:30:00-01:00", INT64_C(1800000000)},
    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    {"1970-01-01T00:30:00+01:00", -1},
    {"9999-12-31T23:59:59-00:01", -1},
    {"1969-12-31T23:59:59Z", -1},
    {"2016-12-31T23:59:60Z", -1}, /* a leap second that took place */
    {"2026-11-21T24:00:00Z", -1},
    {"2026-11-21T10:60:00Z", -1},
    {"2026-11-21T10:00:61Z", -1},
    {"2026-02-29T10:00:00Z", -1},
    {"2026-11-21T10:00:00", -1},
    {"2026-11-21 10:00:00Z", -1},
    {"2026-11-21T10:00Z", -1},
    {"2026-11-21T10Z", -1},
    {"2026-11-21", -1},
    {"2026-11-21T10:00:00.Z", -1},
    {"2026-11-21T10:00:00,5Z", -1},
    {"2026-11-21T10:00:00.1234567890Z", -1},
    {"2026-11-21T10:00:00+01", -1},
    {"2026-11-21T10:00:00+0100", -1},
    {"2026-11-21T10:00:00+24:00", -1},
    {"2026-11-21T10:00:00+01:60", -1},
    {"2026-11-21T10:00:00 01:00", -1}, /* a plus sign that was decoded to a blank */
    {"2026-11-21T10:00:00ZZ", -1},
    {"2026-11-21T10:00:00Z ", -1},
    {"2026-11-21T-1:00:00Z", -1},
    {"2026-11-21T10:00:0xZ", -1},
    {"1795255200", -1},
    {"", -1},
};

static void test_num_instant_table(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(instants); i++) {
        px_us t = -1;
        bool good = px_parse_instant(px_str_c(instants[i].s), &t);
        if (good != (instants[i].day >= 0) || t != instants[i].day) {
            fail_msg("%s gives %lld", instants[i].s, (long long)t);
        }
    }
}

/* No prefix of a good instant is one, and reading stops at the end of the view. */
static void test_num_instant_prefixes(void **state PX_UNUSED) {
    struct px_str whole = PX_S("2026-11-21T11:00:00.123+01:00");
    for (size_t n = 0; n < whole.n; n++) {
        px_us t;
        assert_false(px_parse_instant((struct px_str){.p = whole.p, .n = n}, &t));
    }
    px_day d;
    assert_true(px_parse_date((struct px_str){.p = whole.p, .n = 10}, &d));
}

static void check_day(px_day d) {
    time_t s = (time_t)d * 86400;
    struct tm tm;
    assert_non_null(gmtime_r(&s, &tm));
    struct px_civil c = px_civil_of(d * PX_US_PER_DAY);
    assert_int_equal(c.year, tm.tm_year + 1900);
    assert_int_equal(c.month, tm.tm_mon + 1);
    assert_int_equal(c.day, tm.tm_mday);
    assert_int_equal(px_day_of_civil(c.year, c.month, c.day), d);
}

static void test_num_calendar_agrees_with_libc(void **state PX_UNUSED) {
    for (px_day d = -719528; d < 2932896; d += 61) {
        check_day(d);
    }
    for (px_day d = 10000; d < 25000; d++) {
        check_day(d);
    }
}

static void test_num_civil_splits_the_day(void **state PX_UNUSED) {
    struct px_civil c = px_civil_of(INT64_C(1795255200123456) + 59 * PX_US_PER_S);
    assert_int_equal(c.hour, 10);
    assert_int_equal(c.minute, 0);
    assert_int_equal(c.second, 59);
    assert_int_equal(c.us, 123456);
    c = px_civil_of(-1);
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.hour, 23);
    assert_int_equal(c.us, 999999);
    assert_int_equal(px_day_of(-1), -1);
    assert_int_equal(px_day_of(PX_US_PER_DAY - 1), 0);
    assert_int_equal(px_day_of(PX_US_PER_DAY), 1);
}

static void test_num_formats(void **state PX_UNUSED) {
    char out[PX_TIME_TEXT];
    assert_int_equal(px_fmt_date(20778, out), 10);
    assert_string_equal(out, "2026-11-21");
    assert_int_equal(px_fmt_instant(INT64_C(1795255200123456), out), 27);
    assert_string_equal(out, "2026-11-21T10:00:00.123456Z");
    px_fmt_date(INT32_MAX, out);
    assert_string_equal(out, "9999-12-31");
    px_fmt_date(INT32_MIN, out);
    assert_string_equal(out, "0000-01-01");
    px_fmt_instant(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999999Z");
    px_fmt_instant(INT64_MIN, out);
    assert_string_equal(out, "0000-01-01T00:00:00.000000Z");
}

static void test_num_format_and_parse_are_inverse(void **state PX_UNUSED) {
    char out[PX_TIME_TEXT];
    for (px_us t = 0; t <= INT64_C(253402300799999999) - INT64_C(9876543210123);
         t += INT64_C(9876543210123)) {
        px_us back = -1;
        size_t n = px_fmt_instant(t, out);
        assert_true(px_parse_instant((struct px_str){.p = out, .n = n}, &back));
        assert_int_equal(back, t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_num_date_table),
        cmocka_unit_test(test_num_instant_table),
        cmocka_unit_test(test_num_instant_prefixes),
        cmocka_unit_test(test_num_calendar_agrees_with_libc),
        cmocka_unit_test(test_num_civil_splits_the_day),
        cmocka_unit_test(test_num_formats),
        cmocka_unit_test(test_num_format_and_parse_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
