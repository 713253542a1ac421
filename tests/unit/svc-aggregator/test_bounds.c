/* The bounds of retention, to the second, and the size of its transactions. */
#include "bounds.h"
#include "unit.h"

#include <px/num.h>

static struct agg_conf conf(void) {
    return (struct agg_conf){.raw_store = true,
                             .retain_raw = 3 * PX_US_PER_DAY,
                             .retain_dedupe = 7 * PX_US_PER_DAY,
                             .retain_minutes = 30 * PX_US_PER_DAY,
                             .retain_aggregates = 550 * PX_US_PER_DAY};
}

static px_us at(const char *text) {
    px_us t = 0;
    assert_true(px_parse_instant(px_str_c(text), &t));
    return t;
}

static px_day day(const char *text) {
    px_day d = 0;
    assert_true(px_parse_date(px_str_c(text), &d));
    return d;
}

static void test_bounds_in_utc(void **state) {
    (void)state;
    struct agg_conf c = conf();
    struct agg_bounds b = agg_bounds_of(&c, NULL, at("2026-11-26T00:00:00Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_from, day("2026-11-23"));
    assert_int_equal(b.raw_at, at("2026-11-23T00:00:00Z"));
    assert_int_equal(b.claims_from, day("2026-11-19"));
    assert_int_equal(b.claims_wanted, b.claims_from);
    assert_int_equal(b.seen_from, day("2026-11-17"));
    assert_int_equal(b.minutes_at, at("2026-10-27T00:00:00Z"));
    assert_int_equal(b.aggregates_from, day("2025-05-25"));
    b = agg_bounds_of(&c, NULL, at("2026-11-25T23:59:59.999999Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_from, day("2026-11-22"));
    assert_int_equal(b.raw_complete, b.raw_from);
    c.raw_store = false;
    b = agg_bounds_of(&c, NULL, at("2026-11-25T23:59:59.999999Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_from, day("2026-11-22"));
    assert_int_equal(b.raw_complete, day("2026-11-26"));
}

/* The 25 hours of 25 October 2026 in Berlin, and the 23 of 29 March. */
static void test_bounds_where_clocks_change(void **state) {
    (void)state;
    struct agg_conf c = conf();
    struct px_zone *berlin = NULL;
    assert_int_equal(px_zone_load("Europe/Berlin", &berlin, NULL), PX_OK);
    struct agg_bounds b = agg_bounds_of(&c, berlin, at("2026-10-28T22:59:59Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_from, day("2026-10-25"));
    assert_int_equal(b.raw_at, at("2026-10-24T22:00:00Z"));
    b = agg_bounds_of(&c, berlin, at("2026-10-28T23:00:00Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_at, at("2026-10-25T23:00:00Z"));
    b = agg_bounds_of(&c, berlin, at("2026-04-01T21:59:59Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_at, at("2026-03-28T23:00:00Z"));
    b = agg_bounds_of(&c, berlin, at("2026-04-01T22:00:00Z"), AGG_NOTHING_UNREAD);
    assert_int_equal(b.raw_at, at("2026-03-29T22:00:00Z"));
    px_zone_free(berlin);
}

static void test_bounds_hold_what_nobody_has_read(void **state) {
    (void)state;
    struct agg_conf c = conf();
    px_us now = at("2026-11-26T12:00:00Z");
    struct agg_bounds b = agg_bounds_of(&c, NULL, now, now - 4 * PX_US_PER_DAY);
    assert_int_equal(b.claims_from, b.claims_wanted); /* four and three days back: seven */
    b = agg_bounds_of(&c, NULL, now, now - 5 * PX_US_PER_DAY);
    assert_int_equal(b.claims_from, b.claims_wanted - 1);
    b = agg_bounds_of(&c, NULL, now, now - 40 * PX_US_PER_DAY);
    assert_int_equal(b.claims_from, day("2026-10-14"));
    assert_int_equal(b.minutes_from, b.claims_from);
    assert_int_equal(b.aggregates_from, day("2025-05-25"));
    b = agg_bounds_of(&c, NULL, now, 0);
    assert_int_equal(b.claims_from, 0);
    assert_int_equal(b.aggregates_from, 0);
    assert_int_equal(b.raw_from, day("2026-11-23"));
}

static void took(struct agg_stride *s, int ms, int64_t want) {
    agg_stride_took(s, ms * PX_US_PER_MS);
    assert_int_equal(s->rows, want);
}

static void test_stride_follows_the_time(void **state) {
    (void)state;
    struct agg_stride s = {.rows = 500, .max = 5000};
    took(&s, 5, 1000);
    took(&s, 8, 2000);
    took(&s, 14, 4000);
    took(&s, 14, 5000);
    took(&s, 10, 5000);
    took(&s, 60, 5000);
    took(&s, 61, 2500);
    took(&s, 32, 2500);
    took(&s, 400, 1250);
    took(&s, 200, 625);
    took(&s, 61, 312);
}

/* A disk that needs 150 ms for a sync: fewer rows would only take longer in all. */
static void test_stride_does_not_halve_in_vain(void **state) {
    (void)state;
    struct agg_stride s = {.rows = 500, .max = 5000};
    took(&s, 150, 500);
    took(&s, 199, 500);
    took(&s, 201, 250);
    took(&s, 250, 125);
    took(&s, 900, 100);
    took(&s, 900, 100);
    took(&s, 150, 100);
    took(&s, 59, 200);
    took(&s, 59, 400);
    took(&s, 59, 800);
    took(&s, 59, 800);
    s = (struct agg_stride){.rows = 1, .max = 1};
    took(&s, 900, 1);
    took(&s, 1, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_in_utc),
        cmocka_unit_test(test_bounds_where_clocks_change),
        cmocka_unit_test(test_bounds_hold_what_nobody_has_read),
        cmocka_unit_test(test_stride_follows_the_time),
        cmocka_unit_test(test_stride_does_not_halve_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
