/* Which days a comparison looks at, where they begin in a zone, and how --from and --to go wrong.
 */
#include "days.h"
#include "unit.h"

#include <px/num.h>

#include <string.h>

static px_day day(const char *text) {
    px_day d = 0;
    assert_true(px_parse_date(px_str_c(text), &d));
    return d;
}

static px_us at(const char *text) {
    px_us t = 0;
    assert_true(px_parse_instant(px_str_c(text), &t));
    return t;
}

static struct agg_days make(const struct agg_days_conf *c) {
    struct agg_days d;
    struct px_err e = PX_ERR_INIT;
    if (agg_days_make(c, &d, &e) != PX_OK) {
        fail_msg("%s", e.msg);
    }
    for (size_t i = 1; i < d.n; i++) { /* without a gap */
        assert_int_equal(d.v[i].w.lo, d.v[i - 1].w.hi);
        assert_int_equal(d.v[i].w.first, d.v[i - 1].w.last + 1);
    }
    return d;
}

static void test_days_follow_summer_time(void **state) {
    (void)state;
    struct px_zone *zone = NULL;
    assert_int_equal(px_zone_load("Europe/Berlin", &zone, NULL), PX_OK);
    struct agg_days_conf c = {.span = {.from = day("2024-10-26"), .to = day("2024-10-28")},
                              .zone = zone,
                              .complete_from = day("2024-10-27"),
                              .raw_min = -1,
                              .raw_max = -1};
    struct agg_days d = make(&c);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.v[1].w.lo, at("2024-10-26T22:00:00Z"));
    assert_int_equal(d.v[1].w.hi - d.v[1].w.lo, 25 * PX_US_PER_HOUR);
    assert_int_equal(d.v[0].state, AGG_DAY_BEFORE);
    assert_int_equal(d.v[1].state, AGG_DAY_COMPLETE);
    agg_days_fini(&d);
    px_zone_free(zone);
}

/* Days with raw rows one by one, all others in one piece each, split where raw rows begin. */
static void test_days_cover_all_of_time(void **state) {
    (void)state;
    struct agg_days_conf c = {.span = {.from = -1, .to = -1},
                              .raw_min = at("2026-03-01T10:00:00Z"),
                              .raw_max = at("2026-03-03T10:00:00Z")};
    struct agg_days d = make(&c);
    assert_int_equal(d.n, 5);
    assert_int_equal(d.v[0].w.lo, 0);
    assert_int_equal(d.v[0].w.last, day("2026-02-28"));
    assert_int_equal(d.v[4].w.last, day("9999-12-31"));
    assert_int_equal(d.v[4].w.hi, PX_COL_TIME_MAX);
    agg_days_fini(&d);

    c.complete_from = day("2026-03-02");
    d = make(&c);
    assert_int_equal(d.n, 4);
    assert_int_equal(d.v[0].state, AGG_DAY_BEFORE);
    assert_int_equal(d.v[0].w.last, day("2026-03-01"));
    assert_int_equal(d.v[1].state, AGG_DAY_COMPLETE);
    agg_days_fini(&d);

    c = (struct agg_days_conf){.span = {.from = -1, .to = -1}, .raw_min = -1, .raw_max = -1};
    d = make(&c);
    assert_int_equal(d.n, 1);
    agg_days_fini(&d);
}

static void test_days_with_one_bound(void **state) {
    (void)state;
    struct agg_days_conf c = {.span = {.from = day("2026-03-02"), .to = -1},
                              .raw_min = at("2026-03-01T10:00:00Z"),
                              .raw_max = at("2026-03-04T10:00:00Z")};
    struct agg_days d = make(&c);
    assert_int_equal(d.n, 3);
    agg_days_fini(&d);
    c.span = (struct agg_span){.from = -1, .to = day("2026-03-02")};
    d = make(&c);
    assert_int_equal(d.n, 2);
    agg_days_fini(&d);
    c.span = (struct agg_span){.from = day("2020-01-01"), .to = -1};
    assert_int_equal(agg_days_make(&c, &d, NULL), PX_USAGE);
}

/* Buckets of an hour in a zone that is half an hour off: they belong to the day they begin in, and
 * the last one needs raw rows of the next day. */
static void test_days_buckets_across_midnight(void **state) {
    (void)state;
    struct px_zone *zone = NULL;
    struct px_window w;
    assert_int_equal(px_zone_load("Asia/Kolkata", &zone, NULL), PX_OK);
    struct agg_days_conf c = {.span = {.from = day("2026-03-02"), .to = day("2026-03-03")},
                              .zone = zone,
                              .raw_min = -1,
                              .raw_max = -1};
    struct agg_days d = make(&c);
    assert_int_equal(d.v[0].w.lo, at("2026-03-01T18:30:00Z"));
    assert_true(agg_days_bucket(&d, 0, PX_US_PER_HOUR, &w));
    assert_int_equal(w.lo, at("2026-03-01T19:00:00Z"));
    assert_int_equal(w.hi, at("2026-03-02T19:00:00Z"));
    d.v[1].state = AGG_DAY_MISSING;
    assert_false(agg_days_bucket(&d, 0, PX_US_PER_HOUR, &w));
    assert_true(agg_days_bucket(&d, 0, PX_US_PER_MIN, &w));
    d.v[1].state = AGG_DAY_COMPLETE;
    assert_true(agg_days_bucket(&d, 1, PX_US_PER_HOUR, &w));
    d.after.state = AGG_DAY_MISSING; /* nobody asked for that day, and the bucket needs it */
    assert_int_equal(d.after.w.first, day("2026-03-04"));
    assert_int_equal(d.after.w.lo, d.v[1].w.hi);
    assert_false(agg_days_bucket(&d, 1, PX_US_PER_HOUR, &w));
    assert_true(agg_days_bucket(&d, 1, PX_US_PER_MIN, &w));
    agg_days_fini(&d);
    px_zone_free(zone);
}

static void test_days_refuse_bad_spans(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"2026-02-30", NULL, "--from: \"2026-02-30\" is no date since 1970; write YYYY-MM-DD"},
        {NULL, "", "--to: \"\" is no date"},
        {"2026-02-02", "2026-02-01", "--from 2026-02-02 lies after --to 2026-02-01: swap them"},
        {"2024-01-01", "2025-07-04", "551 days, at most 550 at once"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err e = PX_ERR_INIT;
        struct agg_span s;
        assert_int_equal(agg_span_parse(rows[i].from, rows[i].to, &s, &e), PX_USAGE);
        if (!strstr(e.msg, rows[i].says)) {
            fail_msg("row %zu: %s", i, e.msg);
        }
    }
    struct agg_span s;
    assert_int_equal(agg_span_parse("2024-01-01", "2025-07-03", &s, NULL), PX_OK);
    assert_int_equal(agg_span_parse(NULL, NULL, &s, NULL), PX_OK);
    assert_true(s.from < 0 && s.to < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_follow_summer_time),
        cmocka_unit_test(test_days_cover_all_of_time),
        cmocka_unit_test(test_days_with_one_bound),
        cmocka_unit_test(test_days_buckets_across_midnight),
        cmocka_unit_test(test_days_refuse_bad_spans),
    };
    return cmocka_run_group_tests_name("days", tests, NULL, NULL);
}
