/* Token buckets in a table of a fixed size: rates, debts, and a flood of sources. */
#include "unit.h"

#include "buckets.h"

#include <string.h>

#define S PX_US_PER_S

static int setup(void **state) {
    static struct ing_buckets b;

    *state = &b;
    return ing_buckets_init(&b, NULL);
}

static int teardown(void **state) {
    ing_buckets_fini(*state);
    return 0;
}

static uint64_t source(const struct ing_buckets *b, uint32_t n) {
    return ing_buckets_id(b, 1, (struct px_str){.p = (const char *)&n, .n = sizeof n});
}

static unsigned take_all(struct ing_buckets *b, uint64_t id, const struct ing_rate *r, px_us now) {
    unsigned n = 0;

    while (ing_buckets_take(b, id, r, &(struct ing_charge){.now = now, .cost = 1}) == 0) {
        n++;
        assert_true(n < 1000000);
    }
    return n;
}

static void test_buckets_give_the_burst_and_then_the_rate(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(10, S, 25, 1);
    uint64_t id = source(b, 1);

    assert_int_equal(take_all(b, id, &r, 1 * S), 25);
    assert_int_equal(take_all(b, id, &r, 1 * S + S / 10 - 1), 0);
    assert_int_equal(take_all(b, id, &r, 1 * S + S / 10), 1);
    assert_int_equal(take_all(b, id, &r, 2 * S + S / 10), 10);
    assert_int_equal(take_all(b, id, &r, 1000 * S), 25); /* and never more at once */
    assert_int_equal(take_all(b, source(b, 2), &r, 1000 * S), 25);
}

static void test_buckets_hold_the_rate_over_time(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(7, S, 7, 1);
    uint64_t id = source(b, 3);
    unsigned n = 0;

    for (px_us now = 0; now < 100 * S; now += 333) {
        n += ing_buckets_take(b, id, &r, &(struct ing_charge){.now = now, .cost = 1}) == 0;
    }
    assert_in_range(n, 7 * 100, 7 * 101 + 1);
}

static void test_buckets_are_shared_out_among_workers(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(100, S, 10, 4);
    uint64_t id = source(b, 4);

    assert_int_equal(take_all(b, id, &r, 1 * S), 3); /* a quarter of ten, rounded up */
    assert_int_equal(take_all(b, id, &r, 101 * S), 3);
    unsigned n = 0;
    for (px_us now = 200 * S; now < 300 * S; now += 1000) {
        n += ing_buckets_take(b, id, &r, &(struct ing_charge){.now = now, .cost = 1}) == 0;
    }
    assert_in_range(n, 25 * 100, 25 * 100 + 3);
}

static void test_buckets_say_how_long_to_wait(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(2, S, 10, 1);
    uint64_t id = source(b, 5);
    struct ing_charge c = {.now = 1 * S, .cost = 10};

    assert_int_equal(ing_buckets_take(b, id, &r, &c), 0);
    c.cost = 3;
    assert_int_equal(ing_buckets_take(b, id, &r, &c), INT64_C(1500000000));
    c.now += 1500000;
    assert_int_equal(ing_buckets_take(b, id, &r, &c), 0);
}

/* It would never fit: it waits for a full bucket, and everything after it for its debt. */
static void test_buckets_take_what_is_larger_than_they_are_when_full(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(10, S, 20, 1);
    uint64_t id = source(b, 6);
    struct ing_charge one = {.now = 1 * S, .cost = 1}, many = {.now = 1 * S, .cost = 500};

    assert_int_equal(ing_buckets_take(b, id, &r, &one), 0);
    assert_int_equal(ing_buckets_take(b, id, &r, &many), INT64_C(100000000)); /* until full */
    many.now += S / 10;
    assert_int_equal(ing_buckets_take(b, id, &r, &many), 0);
    one.now = many.now;
    assert_int_equal(ing_buckets_take(b, id, &r, &one), INT64_C(48100000000)); /* 481 of 10 a s */
}

/* A batch pays one when it comes and the rest when it was counted: together as at once. */
static void test_buckets_know_what_was_paid(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(10, S, 20, 1);
    uint64_t id = source(b, 7);

    struct ing_charge first = {.now = 1 * S, .cost = 1},
                      rest = {.now = 1 * S, .cost = 20, .paid = 1};
    assert_int_equal(ing_buckets_take(b, id, &r, &first), 0);
    assert_int_equal(ing_buckets_take(b, id, &r, &rest), 0);
    assert_int_equal(take_all(b, id, &r, 1 * S), 0);

    first.now = rest.now = 100 * S;
    rest.cost = 500; /* larger than the bucket, which was full when the request came */
    assert_int_equal(ing_buckets_take(b, id, &r, &first), 0);
    assert_int_equal(ing_buckets_take(b, id, &r, &rest), 0);
}

/* Whoever comes again after what it was told is let in: the one token that finding out cost is paid
 * once more. */
static void test_buckets_tell_a_batch_the_truth(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(10, S, 20, 1);
    static const unsigned batches[] = {6, 500};

    for (unsigned i = 0; i < PX_ARRAY_LEN(batches); i++) {
        uint64_t id = source(b, 8 + i);
        struct ing_charge first = {.now = 1 * S, .cost = 18}, rest = first;
        assert_int_equal(ing_buckets_take(b, id, &r, &first), 0);
        first.cost = rest.paid = 1;
        rest.cost = batches[i];
        assert_int_equal(ing_buckets_take(b, id, &r, &first), 0);
        int64_t wait = ing_buckets_take(b, id, &r, &rest);
        assert_true(wait > 0);
        first.now = rest.now = 1 * S + wait / 1000;
        assert_int_equal(ing_buckets_take(b, id, &r, &first), 0);
        assert_int_equal(ing_buckets_take(b, id, &r, &rest), 0);
    }
}

static void test_buckets_of_no_rate_are_no_limit(void **state) {
    struct ing_rate r = ing_rate_of(0, S, 20, 1);

    (void)state;
    assert_int_equal(r.step, 0);
}

/* A million sources: what they were given is what they may have, nobody's debt is forgotten for
 * somebody who owes less, and the table has room for nothing more afterwards than before. */
static void test_buckets_outlive_a_flood_of_sources(void **state) {
    struct ing_buckets *b = *state;
    struct ing_rate r = ing_rate_of(1, S, 10, 1);
    struct ing_charge c = {.now = 1 * S, .cost = 1};
    uint64_t offender = source(b, UINT32_MAX);
    unsigned given = 0;

    assert_int_equal(take_all(b, offender, &r, c.now), 10);
    for (uint32_t i = 0; i < 1000000; i++) {
        given += ing_buckets_take(b, source(b, i), &r, &c) == 0;
    }
    assert_int_equal(given, 1000000); /* each of them for the first time */
    assert_in_range(b->evicted, 1000000 - ING_BUCKETS, 1000000 - ING_BUCKETS / 2);
    assert_int_equal(take_all(b, offender, &r, c.now), 0);

    b->evicted = 0; /* once they are full again they make room without loss */
    c.now += 20 * S;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(ing_buckets_take(b, source(b, 5000000 + i), &r, &c), 0);
    }
    assert_int_equal(b->evicted, 0);
}

/* Sources that share a place under one key of the hash do not under another: nobody outside can
 * choose them. */
static void test_buckets_hash_with_a_key_of_their_own(void **state) {
    struct ing_buckets *b = *state;
    struct ing_buckets other;

    assert_int_equal(ing_buckets_init(&other, NULL), PX_OK);
    assert_true(b->k0 != other.k0 && b->k1 != other.k1);
    uint32_t same = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        same += (source(b, i) & 0x1fff) == (source(&other, i) & 0x1fff);
    }
    assert_true(same < 10);
    assert_true(source(b, 1) != ing_buckets_id(b, 2, PX_S("\1\0\0\0"))); /* kinds are apart */
    ing_buckets_fini(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_buckets_give_the_burst_and_then_the_rate, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_buckets_hold_the_rate_over_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_are_shared_out_among_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_say_how_long_to_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_take_what_is_larger_than_they_are_when_full,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_know_what_was_paid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_tell_a_batch_the_truth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_of_no_rate_are_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_outlive_a_flood_of_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_hash_with_a_key_of_their_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
