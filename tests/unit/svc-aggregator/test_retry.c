/* Retry classes: what follows which error, and how long the pauses are. */
#include "retry.h"
#include "unit.h"

#include <string.h>

static void test_retry_decides_by_class(void **state) {
    (void)state;
    static const struct {
        enum px_code code;
        unsigned attempt;
        size_t items;
        enum agg_retry want;
    } rows[] = {
        {PX_SQL_RETRY, 0, 10, AGG_AGAIN},
        {PX_SQL_RETRY, 4, 10, AGG_AGAIN},
        {PX_SQL_RETRY, 5, 10, AGG_RECONNECT},
        {PX_TIMEOUT, 0, 10, AGG_AGAIN},
        {PX_NOMEM, 5, 10, AGG_RECONNECT},
        {PX_SQL_LOST, 0, 10, AGG_RECONNECT},
        {PX_SQL_LOST, 99, 0, AGG_RECONNECT},
        {PX_UNKNOWN_OUTCOME, 0, 1, AGG_RECONNECT},
        {PX_UNAVAILABLE, 0, 1, AGG_RECONNECT},
        {PX_SQL_DATA, 0, 5000, AGG_SPLIT},
        {PX_SQL_DATA, 0, 2, AGG_SPLIT},
        {PX_SQL_DATA, 0, 1, AGG_DEAD_LETTER},
        {PX_SQL_DATA, 0, 0, AGG_STOP},
        {PX_FENCED, 0, 10, AGG_REJOIN},
        {PX_SQL, 0, 10, AGG_STOP},
        {PX_DENIED, 0, 10, AGG_STOP},
        {PX_SCHEMA, 0, 10, AGG_STOP},
        {PX_INTERNAL, 0, 10, AGG_STOP},
        {PX_CANCELLED, 0, 10, AGG_STOP},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err err = {.code = rows[i].code};
        enum agg_retry got = agg_retry_decide(&err, rows[i].attempt, rows[i].items);
        if (got != rows[i].want) {
            fail_msg("row %zu: %s, wanted %s", i, agg_retry_name(got),
                     agg_retry_name(rows[i].want));
        }
    }
}

static void test_retry_pause_doubles_with_jitter_and_a_cap(void **state) {
    (void)state;
    assert_int_equal(agg_retry_pause(0, 0), 50 * PX_US_PER_MS);
    assert_int_equal(agg_retry_pause(0, 50 * PX_US_PER_MS), 100 * PX_US_PER_MS);
    assert_int_equal(agg_retry_pause(3, 0), 400 * PX_US_PER_MS);
    for (unsigned attempt = 0; attempt < 200; attempt++) {
        px_us p = agg_retry_pause(attempt, UINT64_MAX - attempt * 7919);
        assert_true(p >= 50 * PX_US_PER_MS && p <= 5 * PX_US_PER_S);
    }
    assert_int_equal(agg_retry_pause(100, 0), 2500 * PX_US_PER_MS);
}

static void test_retry_names_are_labels(void **state) {
    (void)state;
    for (int i = 0; i < AGG_RETRY_COUNT; i++) {
        assert_true(strlen(agg_retry_name((enum agg_retry)i)) > 3);
        assert_true(strlen(agg_retry_remedy((enum agg_retry)i)) > 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_decides_by_class),
        cmocka_unit_test(test_retry_pause_doubles_with_jitter_and_a_cap),
        cmocka_unit_test(test_retry_names_are_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
