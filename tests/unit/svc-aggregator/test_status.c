/* The view that threads share, and the watchdog's judgement. Meant to be run under SAN=thread too.
 */
#include "unit.h"
#include "watchdog.h"

#include <pthread.h>
#include <string.h>

#define TURNS 20000

static void test_status_overdue_needs_an_open_transaction(void **state) {
    (void)state;
    static const struct {
        px_us since, now, budget;
        bool want;
    } rows[] = {
        {0, 1000000, 10, false},
        {100, 110, 10, false},
        {100, 111, 10, true},
        {100, 50, 10, false},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_view v = {.tx_since = rows[i].since};
        assert_int_equal(agg_watchdog_overdue(&v, rows[i].now, rows[i].budget), rows[i].want);
    }
}

/* The aggregator thread: it tells, until it is asked to stop. */
static void *teller(void *arg) {
    struct agg_status *s = arg;
    struct px_err e = PX_ERR_INIT;
    PX_IGNORE(PX_FAIL(&e, PX_SQL_LOST, "away")); /* only its text is wanted */
    for (px_us i = 1; i <= TURNS; i++) {
        agg_status_beat(s, i);
        agg_status_tx(s, i);
        agg_status_sql(s, i % 2, i % 2 ? NULL : &e);
        agg_status_kafka(s, true, (size_t)i, (size_t)i);
        agg_status_tx(s, 0);
    }
    while (!agg_status_sleep(s, 10 * PX_US_PER_S)) {
    }
    agg_status_set_done(s);
    return NULL;
}

static void test_status_is_consistent_between_threads(void **state) {
    (void)state;
    struct agg_status s;
    pthread_t thread;
    agg_status_init(&s);
    assert_int_equal(pthread_create(&thread, NULL, teller, &s), 0);
    struct agg_view v = {0};
    while (v.beat < TURNS) {
        v = agg_status_get(&s);
        assert_int_equal(v.owned, v.paused);
        assert_true(v.sql_up ? v.trouble[0] == '\0' : true);
    }
    assert_false(agg_status_wait_done(&s, PX_US_PER_MS));
    assert_false(agg_status_stopping(&s));

    agg_status_ask_stop(&s);

    assert_true(agg_status_wait_done(&s, 20 * PX_US_PER_S));
    assert_true(agg_status_stopping(&s));
    assert_int_equal(pthread_join(thread, NULL), 0);
    v = agg_status_get(&s);
    assert_false(v.sql_up);
    assert_string_equal(v.trouble, "away");
    agg_status_fini(&s);
}

/* It watches quietly and ends with the thread that it watches. */
static void test_status_watchdog_ends_when_the_work_is_done(void **state) {
    (void)state;
    struct agg_status s;
    agg_status_init(&s);
    struct agg_watchdog w = {.status = &s, .clock = &px_clock_system, .budget = 3600 * PX_US_PER_S};
    agg_status_tx(&s, px_mono(&px_clock_system));
    assert_int_equal(agg_watchdog_start(&w, NULL), PX_OK);

    agg_status_set_done(&s);

    agg_watchdog_join(&w);
    assert_false(w.running);
    agg_watchdog_join(&w); /* harmless */
    agg_status_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_overdue_needs_an_open_transaction),
        cmocka_unit_test(test_status_is_consistent_between_threads),
        cmocka_unit_test(test_status_watchdog_ends_when_the_work_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
