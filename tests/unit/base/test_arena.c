/* The bump allocator: alignment, cap, reuse, lack of memory. */
#include <px/arena.h>

#include <px/err.h>
#include <px/mem.h>

#include "torture.h"
#include "unit.h"

static void test_arena_aligns_and_separates(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 1 << 20);
    unsigned char *places[300];

    for (size_t i = 0; i < PX_ARRAY_LEN(places); i++) {
        places[i] = px_arena_alloc(&a, i);
        assert_non_null(places[i]);
        assert_int_equal((uintptr_t)places[i] % 16, 0);
        memset(places[i], (int)(i & 0xff), i);
    }
    for (size_t i = 1; i < PX_ARRAY_LEN(places); i++) {
        assert_int_equal(places[i][0], i & 0xff);
        assert_int_equal(places[i][i - 1], i & 0xff);
    }
}

static void test_arena_keeps_to_its_cap(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 160);

    for (int i = 0; i < 10; i++) {
        assert_non_null(px_arena_alloc(&a, 16));
    }
    assert_null(px_arena_alloc(&a, 1));
    assert_null(px_arena_alloc(&a, 0));
    px_arena_reset(&a);
    assert_non_null(px_arena_alloc(&a, 160));
    px_arena_reset(&a);
    assert_null(px_arena_alloc(&a, 161));
    assert_null(px_arena_alloc(&a, SIZE_MAX));
    assert_null(px_arena_zalloc(&a, SIZE_MAX / 2, 3));
    assert_null(px_arena_dup(&a, (struct px_str){.p = "", .n = SIZE_MAX}).p);
}

static void test_arena_without_room_gives_nothing(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 0);
    assert_null(px_arena_alloc(&a, 1));
    px_arena_init(&a, SIZE_MAX);
    assert_null(px_arena_alloc(&a, SIZE_MAX - 3));
}

static void test_arena_dup_ends_with_nul(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 4096);

    struct px_str s = px_arena_dup(&a, PX_S("a\0b"));
    assert_true(px_str_eq(s, PX_S("a\0b")));
    assert_int_equal(s.p[3], '\0');
    struct px_str none = px_arena_dup(&a, (struct px_str){.p = NULL, .n = 0});
    assert_non_null(none.p);
    assert_int_equal(none.n, 0);
}

static void test_arena_zalloc_clears_reused_bytes(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 4096);
    memset(px_arena_alloc(&a, 100), 0xaa, 100);
    px_arena_reset(&a);

    const unsigned char *p = px_arena_zalloc(&a, 10, 10);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
}

static bool fill(struct px_arena *a, size_t events) {
    for (size_t i = 0; i < events; i++) {
        if (!px_arena_alloc(a, 40 + i % 300)) {
            return false;
        }
    }
    return true;
}

/* Batches of one size must stop allocating within a few rounds. */
static void test_arena_is_warm_after_a_few_rounds(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 64 << 20);
    for (int round = 0; round < 3; round++) {
        assert_true(fill(&a, 20000));
        px_arena_reset(&a);
    }

    px_mem_fail_at(1);
    assert_true(fill(&a, 20000));

    assert_int_equal(px_mem_fail_left(), 1);
    px_mem_fail_at(0);
}

static enum px_code batch(void *arg PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    px_arena_init(&a, 1 << 20);
    for (int round = 0; round < 2; round++) {
        px_arena_reset(&a);
        if (!fill(&a, 1000) || !px_arena_dup(&a, PX_S("x")).p) {
            return PX_NOMEM;
        }
    }
    return PX_OK;
}

static void test_arena_torture(void **state PX_UNUSED) {
    assert_true(torture(batch, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_aligns_and_separates),
        cmocka_unit_test(test_arena_keeps_to_its_cap),
        cmocka_unit_test(test_arena_without_room_gives_nothing),
        cmocka_unit_test(test_arena_dup_ends_with_nul),
        cmocka_unit_test(test_arena_zalloc_clears_reused_bytes),
        cmocka_unit_test(test_arena_is_warm_after_a_few_rounds),
        cmocka_unit_test(test_arena_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
