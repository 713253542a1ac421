/* The bound on waiting events, driven by a model of the log: a queue that is served at a pace. */
#include "unit.h"

#include "overload.h"

#define TICK (100 * PX_US_PER_MS)
#define CAP  20000

/* In each tick ${offered} events come and the log stores ${served} of those that wait. */
struct model {
    struct ing_overload o;
    px_us now, born[CAP];
    uint32_t head, n, bound;
    uint64_t accepted, refused, stored;
    px_us longest; /* that a stored event waited */
};

static void model_init(struct model *m, px_us most) {
    *m = (struct model){.now = 1, .bound = CAP};
    ing_overload_init(&m->o, most, CAP, m->now);
}

static void model_run(struct model *m, int ticks, uint32_t offered, uint32_t served) {
    for (int t = 0; t < ticks; t++) {
        for (uint32_t i = 0; i < offered || i < served; i++) {
            if (i < offered && m->n < m->bound) {
                m->born[(m->head + m->n++) % CAP] = m->now;
                m->accepted++;
            } else if (i < offered) {
                m->refused++;
            }
            if (i < served && m->n) {
                px_us waited = m->now - m->born[m->head] + 5 * PX_US_PER_MS;
                m->longest = waited > m->longest ? waited : m->longest;
                m->head = (m->head + 1) % CAP;
                m->n--;
                m->stored++;
                ing_overload_report(&m->o, waited);
            }
        }
        m->now += TICK;
        m->bound = ing_overload_look(&m->o, m->now, m->n);
    }
}

static void test_overload_ten_times_too_much_stays_at_full_pace(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    model_run(m, 50, 200, 200); /* 2,000 a second: just what it takes */
    assert_false(m->o.active);
    assert_int_equal(m->refused, 0);
    model_run(m, 100, 2000, 200);
    assert_true(m->o.active);
    assert_true(m->longest < 5 * PX_US_PER_S); /* what came before it was seen */
    uint64_t stored = m->stored;
    m->longest = 0;

    model_run(m, 300, 2000, 200);

    assert_int_equal(m->stored - stored, 300 * 200); /* never idle */
    assert_true(m->longest < 700 * PX_US_PER_MS);
    assert_true(m->bound > 800 && m->bound < 1200);
    test_free(m);
}

static void test_overload_ends_when_it_is_over(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    model_run(m, 200, 2000, 200);
    assert_true(m->o.active);

    model_run(m, 30, 100, 200);

    assert_false(m->o.active);
    assert_int_equal(m->bound, CAP);
    test_free(m);
}

/* A little too much is seen by the age of the reports. */
static void test_overload_a_tenth_too_much_is_seen(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    model_run(m, 600, 220, 200);
    assert_true(m->o.active);
    assert_true(m->longest < 1500 * PX_US_PER_MS);
    test_free(m);
}

/* Ten times the usual, at once, but less than the log takes: nothing to refuse. */
static void test_overload_a_burst_is_none(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    for (int i = 0; i < 10; i++) {
        model_run(m, 20, 10, 2000);
        model_run(m, 1, 3000, 2000);
    }
    assert_false(m->o.active);
    assert_int_equal(m->refused, 0);
    test_free(m);
}

/* A log that stood still for three seconds: everything that came meanwhile is stored. */
static void test_overload_a_pause_is_none(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    model_run(m, 20, 200, 200);
    for (int i = 0; i < 10; i++) {
        model_run(m, 30, 200, 0);
        model_run(m, 30, 200, 2000);
    }
    assert_false(m->o.active);
    assert_int_equal(m->refused, 0);
    test_free(m);
}

/* One partition of ten waits: the others say that the log is well. */
static void test_overload_some_late_are_none(void **state) {
    struct ing_overload o;
    (void)state;
    ing_overload_init(&o, 500 * PX_US_PER_MS, CAP, 0);
    for (px_us now = TICK; now < 20 * PX_US_PER_S; now += TICK) {
        ing_overload_report(&o, 3 * PX_US_PER_S);
        ing_overload_report(&o, 8 * PX_US_PER_MS);
        assert_int_equal(ing_overload_look(&o, now, 5000), CAP);
    }
}

static void test_overload_zero_is_never(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 0);
    model_run(m, 200, 2000, 200);
    assert_false(m->o.active);
    assert_int_equal(m->bound, CAP);
    test_free(m);
}

static void test_overload_never_below_the_floor(void **state) {
    struct model *m = test_calloc(1, sizeof *m);
    (void)state;
    model_init(m, 500 * PX_US_PER_MS);
    model_run(m, 300, 200, 1);
    assert_true(m->o.active);
    assert_int_equal(m->bound, ING_OVERLOAD_FLOOR);
    test_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overload_ten_times_too_much_stays_at_full_pace),
        cmocka_unit_test(test_overload_ends_when_it_is_over),
        cmocka_unit_test(test_overload_a_tenth_too_much_is_seen),
        cmocka_unit_test(test_overload_a_burst_is_none),
        cmocka_unit_test(test_overload_a_pause_is_none),
        cmocka_unit_test(test_overload_some_late_are_none),
        cmocka_unit_test(test_overload_zero_is_never),
        cmocka_unit_test(test_overload_never_below_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
