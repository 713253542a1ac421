/* Ranges: what startDate, endDate and grain mean, and every way they can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "range.h"

static struct api_range_rules rules(void) {
    px_us now = 0;

    assert_true(px_parse_instant(PX_S("2026-11-21T10:00:00Z"), &now));
    return (struct api_range_rules){
        .now = now, .max_days = 550, .minute_retention = 30 * PX_US_PER_DAY};
}

static void test_range_good(void **state) {
    static const struct {
        const char *start, *end;
        enum api_grain grain;
        size_t buckets;
    } rows[] = {
        {"2026-11-21", "2026-11-21", API_GRAIN_DAY, 1},
        {"2026-11-01", "2026-11-30", API_GRAIN_DAY, 30},
        {"2024-02-28", "2024-03-01", API_GRAIN_DAY, 3},
        {"2025-05-21", "2026-11-21", API_GRAIN_DAY, 550},
        {"2026-11-21", "2026-11-21", API_GRAIN_HOUR, 24},
        {"2026-11-21", "2026-11-21", API_GRAIN_MINUTE, 1440},
        {"2026-11-21T08:00:00Z", "2026-11-21T10:00:00Z", API_GRAIN_MINUTE, 120},
        {"2026-11-21T08:00:00+01:00", "2026-11-21T10:00:00Z", API_GRAIN_HOUR, 3},
    };
    struct api_range_rules r = rules();

    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct api_range_text text = {
            .start = px_str_c(rows[i].start), .end = px_str_c(rows[i].end), .grain = rows[i].grain};
        struct api_range out;
        const char *field = NULL;
        struct px_err err = PX_ERR_INIT;

        if (api_range_parse(&r, &text, &out, &field, &err)) {
            fail_msg("row %zu: %s: %s", i, field, err.msg);
        }
        assert_int_equal(out.buckets, rows[i].buckets);
        assert_int_equal(out.to - out.from, (px_us)out.buckets * api_grain_span(out.grain));
    }
}

static void test_range_bad(void **state) {
    static const struct {
        const char *start, *end;
        enum api_grain grain;
        const char *field, *code;
    } rows[] = {
        {"2026-11-22", "2026-11-21", API_GRAIN_DAY, "startDate", "reversed_range:"},
        {"2026-02-29", "2026-03-01", API_GRAIN_DAY, "startDate", "bad_date:"},
        {"2026-11-01", "yesterday", API_GRAIN_DAY, "endDate", "bad_date:"},
        {"2026-1-1", "2026-01-02", API_GRAIN_DAY, "startDate", "bad_date:"},
        {"2006-01-01", "2026-01-01", API_GRAIN_DAY, "endDate", "range_too_long:"},
        {"2025-05-20", "2026-11-21", API_GRAIN_DAY, "endDate", "range_too_long:"},
        {"2026-11-21", "2026-11-21T10:00:00Z", API_GRAIN_DAY, "endDate", "bad_range:"},
        {"2026-11-21T08:00:00Z", "2026-11-21T10:00:00Z", API_GRAIN_DAY, "startDate", "bad_range:"},
        {"2026-11-21T08:00:30Z", "2026-11-21T10:00:00Z", API_GRAIN_MINUTE, "startDate",
         "bad_range:"},
        {"2026-11-21T08:00:00Z", "2026-11-21T09:30:00Z", API_GRAIN_HOUR, "endDate", "bad_range:"},
        {"2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", API_GRAIN_MINUTE, "startDate",
         "reversed_range:"},
        {"2026-09-01", "2026-09-02", API_GRAIN_MINUTE, "startDate", "out_of_retention:"},
        {"2026-11-01", "2026-12-31", API_GRAIN_MINUTE, "endDate", "range_too_long:"},
    };
    struct api_range_rules r = rules();

    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct api_range_text text = {
            .start = px_str_c(rows[i].start), .end = px_str_c(rows[i].end), .grain = rows[i].grain};
        struct api_range out = {.buckets = 77};
        const char *field = NULL;
        struct px_err err = PX_ERR_INIT;

        if (api_range_parse(&r, &text, &out, &field, &err) != PX_INVALID) {
            fail_msg("row %zu was accepted", i);
        }
        assert_string_equal(field, rows[i].field);
        if (strncmp(err.msg, rows[i].code, strlen(rows[i].code)) != 0) {
            fail_msg("row %zu: %s", i, err.msg);
        }
        assert_int_equal(out.buckets, 77);
    }
}

static void test_range_before_has_equal_length(void **state) {
    struct api_range_rules r = rules();
    struct api_range_text text = {
        .start = PX_S("2026-03-01"), .end = PX_S("2026-03-31"), .grain = API_GRAIN_DAY};
    struct api_range range;
    const char *field;
    px_day want = 0;

    (void)state;
    assert_int_equal(api_range_parse(&r, &text, &range, &field, NULL), PX_OK);
    struct api_range b = api_range_before(&range, NULL);
    assert_int_equal(b.buckets, 31);
    assert_true(px_parse_date(PX_S("2026-01-29"), &want));
    assert_int_equal(b.first, want);
    assert_int_equal(b.last + 1, range.first);
    assert_int_equal(b.to, range.from);
}

/* A day that is 23 or 25 hours long is one bucket of a day, and 23 or 25 of an hour. */
static void test_range_follows_the_zone(void **state) {
    struct api_range_rules r = rules();
    struct px_zone *zone = NULL;
    struct api_range range;
    const char *field;

    (void)state;
    assert_int_equal(px_zone_load("Europe/Berlin", &zone, NULL), PX_OK);
    assert_true(px_parse_instant(PX_S("2026-10-30T10:00:00Z"), &r.now));
    r.zone = zone;
    struct api_range_text text = {
        .start = PX_S("2026-10-25"), .end = PX_S("2026-10-25"), .grain = API_GRAIN_HOUR};
    assert_int_equal(api_range_parse(&r, &text, &range, &field, NULL), PX_OK);
    assert_int_equal(range.buckets, 25);
    text.grain = API_GRAIN_DAY;
    assert_int_equal(api_range_parse(&r, &text, &range, &field, NULL), PX_OK);
    assert_int_equal(range.buckets, 1);
    px_zone_free(zone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range_good),
        cmocka_unit_test(test_range_bad),
        cmocka_unit_test(test_range_before_has_equal_length),
        cmocka_unit_test(test_range_follows_the_zone),
    };

    return cmocka_run_group_tests_name("api.range", tests, NULL, NULL);
}
