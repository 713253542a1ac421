/* The allocator's promises and its hook. */
#include <px/mem.h>

#include <string.h>

#include "torture.h"
#include "unit.h"

static void test_mem_gives_zeroes(void **state PX_UNUSED) {
    char *p = px_alloc(100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    px_free(p);
    px_free(NULL);
}

static void test_mem_nothing_is_still_a_place(void **state PX_UNUSED) {
    void *a = px_alloc(0), *b = px_calloc2(0, 8), *c = px_realloc(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    px_free(a);
    px_free(b);
    px_free(c);
}

static void test_mem_product_is_checked(void **state PX_UNUSED) {
    volatile size_t half = SIZE_MAX / 2;
    assert_null(px_calloc2(half, 3));
}

static void test_mem_strdup_n(void **state PX_UNUSED) {
    char *s = px_strdup_n("abcdef", 3);
    assert_string_equal(s, "abc");
    px_free(s);
    s = px_strdup_n(NULL, 0);
    assert_string_equal(s, "");
    px_free(s);
    assert_null(px_strdup_n("", SIZE_MAX));
}

static void test_mem_take_empties_the_variable(void **state PX_UNUSED) {
    char *p = px_alloc(1);
    char *q = PX_TAKE(p);
    assert_null(p);
    assert_non_null(q);
    px_free(q);
}

static void test_mem_fails_once_at_the_nth(void **state PX_UNUSED) {
    px_mem_fail_at(3);
    void *a = px_alloc(1), *b = px_strdup_n("x", 1), *c = px_realloc(NULL, 9), *d = px_alloc(1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(c);
    assert_non_null(d);
    assert_int_equal(px_mem_fail_left(), 0);
    px_free(a);
    px_free(b);
    px_free(d);
}

static enum px_code two_allocations(void *arg) {
    unsigned *runs = arg;
    ++*runs;
    void *a = px_alloc(1);
    if (!a) {
        return PX_NOMEM;
    }
    void *b = px_alloc(1);
    px_free(a);
    if (!b) {
        return PX_NOMEM;
    }
    px_free(b);
    return PX_OK;
}

static void test_mem_torture_reaches_every_allocation(void **state PX_UNUSED) {
    unsigned runs = 0;
    assert_int_equal(torture(two_allocations, &runs), 2);
    assert_int_equal(runs, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem_gives_zeroes),
        cmocka_unit_test(test_mem_nothing_is_still_a_place),
        cmocka_unit_test(test_mem_product_is_checked),
        cmocka_unit_test(test_mem_strdup_n),
        cmocka_unit_test(test_mem_take_empties_the_variable),
        cmocka_unit_test(test_mem_fails_once_at_the_nth),
        cmocka_unit_test(test_mem_torture_reaches_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
