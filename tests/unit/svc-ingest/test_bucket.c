/* The rate bound of dead letters. */
#include "unit.h"

#include "worker.h"

static unsigned take_all(struct ing_bucket *b, px_us now) {
    unsigned n = 0;
    while (ing_bucket_take(b, now)) {
        n++;
        assert_true(n < 1000000);
    }
    return n;
}

static void test_bucket_gives_one_second_at_once_and_no_more(void **state) {
    (void)state;
    struct ing_bucket b;
    ing_bucket_init(&b, 100, 5 * PX_US_PER_S);

    assert_int_equal(take_all(&b, 5 * PX_US_PER_S), 100);
    assert_int_equal(take_all(&b, 5 * PX_US_PER_S + 9999), 0);
    assert_int_equal(take_all(&b, 5 * PX_US_PER_S + 10000), 1);
    assert_int_equal(take_all(&b, 500 * PX_US_PER_S), 100);
}

static void test_bucket_holds_its_rate_over_time(void **state) {
    (void)state;
    struct ing_bucket b;
    unsigned n = 0;
    ing_bucket_init(&b, 7, 0);

    for (px_us now = 0; now < 100 * PX_US_PER_S; now += 333) {
        n += ing_bucket_take(&b, now);
    }
    assert_in_range(n, 7 * 99, 7 * 101 + 1);
}

static void test_bucket_of_rate_zero_gives_nothing(void **state) {
    (void)state;
    struct ing_bucket b;
    ing_bucket_init(&b, 0, 0);

    assert_int_equal(take_all(&b, 1000 * PX_US_PER_S), 0);
}

static void test_bucket_survives_a_clock_that_stands_still_or_steps_back(void **state) {
    (void)state;
    struct ing_bucket b;
    ing_bucket_init(&b, 10, 1000);

    assert_int_equal(take_all(&b, 1000), 10);
    assert_int_equal(take_all(&b, 0), 0);
    assert_int_equal(take_all(&b, INT64_MAX), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_gives_one_second_at_once_and_no_more),
        cmocka_unit_test(test_bucket_holds_its_rate_over_time),
        cmocka_unit_test(test_bucket_of_rate_zero_gives_nothing),
        cmocka_unit_test(test_bucket_survives_a_clock_that_stands_still_or_steps_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
