/* The histogram of times: exact where it can be, within 1/128 elsewhere, and merging loses nothing.
 */
#include "histogram.h"

#include "unit.h"

#include <stdlib.h>

static struct histogram a, b, both;

static void fresh(void) {
    a = b = both = (struct histogram){.n = 0};
}

static void test_histogram_empty_is_zero(void **state PX_UNUSED) {
    fresh();
    assert_int_equal(histogram_at(&a, 500000), 0);
    assert_int_equal(histogram_at(&a, 1000000), 0);
    assert_true(histogram_mean(&a) == 0);
}

static void test_histogram_small_values_are_exact(void **state PX_UNUSED) {
    fresh();
    for (px_us v = 1; v <= 200; v++) {
        histogram_add(&a, v);
    }
    assert_int_equal(histogram_at(&a, 500000), 100);
    assert_int_equal(histogram_at(&a, 950000), 190);
    assert_int_equal(histogram_at(&a, 990000), 198);
    assert_int_equal(histogram_at(&a, 999000), 200);
    assert_int_equal(histogram_at(&a, 1000000), 200);
    assert_int_equal(histogram_at(&a, 0), 1);
    assert_true(histogram_mean(&a) == 100.5);
}

/* Of 100,000 values 1..100,000 us each percentile is known. */
static void test_histogram_percentiles_are_within_their_bound(void **state PX_UNUSED) {
    static const uint32_t per_million[] = {10000, 500000, 900000, 950000, 990000, 999000, 999900};
    fresh();
    for (px_us v = 100000; v >= 1; v--) {
        histogram_add(&a, v);
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(per_million); i++) {
        double want = per_million[i] / 10.0, got = (double)histogram_at(&a, per_million[i]);
        assert_true(got >= want && got <= want * (1 + 1.0 / 128) + 1);
    }
    assert_int_equal(histogram_at(&a, 1000000), 100000);
    assert_int_equal(a.max, 100000);
}

/* One stall of two seconds in a thousand fast answers shows at p99.9 and nowhere below. */
static void test_histogram_keeps_the_tail(void **state PX_UNUSED) {
    fresh();
    for (int i = 0; i < 998; i++) {
        histogram_add(&a, 700);
    }
    histogram_add(&a, 2000000);
    histogram_add(&a, 1900000);
    assert_true(histogram_at(&a, 990000) <= 706);
    assert_true(histogram_at(&a, 999000) >= 1900000 && histogram_at(&a, 999000) < 1915000);
    assert_int_equal(histogram_at(&a, 1000000), 2000000);
}

static void test_histogram_bounds(void **state PX_UNUSED) {
    fresh();
    histogram_add(&a, -5);
    assert_int_equal(histogram_at(&a, 1000000), 0);
    histogram_add(&a, INT64_MAX);
    assert_true(histogram_at(&a, 1000000) == INT64_MAX);
    assert_int_equal(histogram_at(&a, 500000), 0);
    fresh();
    for (unsigned bit = 0; bit < 40; bit++) { /* a slot's end is never below the value */
        for (int d = -1; d <= 1; d++) {
            px_us v = (INT64_C(1) << bit) + d;
            fresh();
            histogram_add(&a, v);
            histogram_add(&a, INT64_C(1) << 41);
            px_us got = histogram_at(&a, 500000);
            assert_true(got >= v && got - v <= v / 128);
        }
    }
}

static void test_histogram_merge_is_the_sum(void **state PX_UNUSED) {
    uint64_t x = 1;
    fresh();
    for (int i = 0; i < 20000; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        px_us v = (px_us)(x >> (30 + x % 30));
        histogram_add(i % 3 ? &a : &b, v);
        histogram_add(&both, v);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram_empty_is_zero),
        cmocka_unit_test(test_histogram_small_values_are_exact),
        cmocka_unit_test(test_histogram_percentiles_are_within_their_bound),
        cmocka_unit_test(test_histogram_keeps_the_tail),
        cmocka_unit_test(test_histogram_bounds),
        cmocka_unit_test(test_histogram_merge_is_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
