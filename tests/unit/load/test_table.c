/* The table of numbers: what was put is found, what was dropped is not, whatever the order. */
#include "table.h"

#include "unit.h"

#define KEYS 5000

static uint64_t draw(uint64_t *x) {
    *x = *x * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *x >> 33;
}

static void test_table_empty(void **state PX_UNUSED) {
    PX_DEFER(table_fini) struct table t = TABLE_INIT;
    assert_null(table_get(&t, 0));
    table_drop(&t, 0);
}

static void test_table_keeps_what_it_was_given(void **state PX_UNUSED) {
    PX_DEFER(table_fini) struct table t = TABLE_INIT;
    bool fresh;
    for (uint64_t k = 0; k < KEYS; k++) {
        uint64_t *v = table_put(&t, k << 40 | k % 3, &fresh);
        assert_non_null(v);
        assert_true(fresh);
        *v = k;
    }
    for (uint64_t k = 0; k < KEYS; k++) {
        assert_int_equal(*table_put(&t, k << 40 | k % 3, &fresh), k);
        assert_false(fresh);
        assert_null(table_get(&t, (k << 40 | k % 3) + 1000));
    }
    assert_int_equal(t.n, KEYS);
}

/* Against a plain array, in a narrow range, so that probes collide and wrap around. */
static void test_table_put_and_drop_like_an_array(void **state PX_UNUSED) {
    PX_DEFER(table_fini) struct table t = TABLE_INIT;
    static uint64_t model[200];
    uint64_t x = 7;
    size_t n = 0;
    for (int step = 0; step < 200000; step++) {
        uint64_t key = draw(&x) % PX_ARRAY_LEN(model);
        if (draw(&x) % 2) {
            *table_put(&t, key, NULL) = (uint64_t)step + 1;
            n += model[key] == 0;
            model[key] = (uint64_t)step + 1;
        } else {
            table_drop(&t, key);
            n -= model[key] != 0;
            model[key] = 0;
        }
        key = draw(&x) % PX_ARRAY_LEN(model);
        uint64_t *v = table_get(&t, key);
        assert_int_equal(v ? *v : 0, model[key]);
        assert_int_equal(t.n, n);
    }
}

static void test_table_reserve_avoids_growth(void **state PX_UNUSED) {
    PX_DEFER(table_fini) struct table t = TABLE_INIT;
    assert_int_equal(table_reserve(&t, KEYS), PX_OK);
    size_t cap = t.cap;
    for (uint64_t k = 0; k < KEYS; k++) {
        assert_non_null(table_put(&t, k, NULL));
    }
    assert_int_equal(t.cap, cap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_empty),
        cmocka_unit_test(test_table_keeps_what_it_was_given),
        cmocka_unit_test(test_table_put_and_drop_like_an_array),
        cmocka_unit_test(test_table_reserve_avoids_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
