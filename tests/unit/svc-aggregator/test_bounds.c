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

static void test_retain_rows_follow_the_time(void **state) {
    (void)state;
    const px_us ms = PX_US_PER_MS;
    assert_int_equal(agg_retain_rows(500, 10 * ms, 5000), 1000);
    assert_int_equal(agg_retain_rows(3000, 10 * ms, 5000), 5000);
    assert_int_equal(agg_retain_rows(5000, 10 * ms, 5000), 5000);
    assert_int_equal(agg_retain_rows(1000, 35 * ms, 5000), 1000);
    assert_int_equal(agg_retain_rows(1000, 51 * ms, 5000), 500);
    assert_int_equal(agg_retain_rows(1, 900 * ms, 5000), 1);
    assert_int_equal(agg_retain_rows(1, 1 * ms, 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_in_utc),
        cmocka_unit_test(test_bounds_where_clocks_change),
        cmocka_unit_test(test_bounds_hold_what_nobody_has_read),
        cmocka_unit_test(test_retain_rows_follow_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
