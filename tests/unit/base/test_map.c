/* The hash map: presence, growth, colliding keys, cap, reset, lack of memory. */
#include <px/map.h>

#include <px/arena.h>
#include <px/hash.h>
#include <px/mem.h>

#include <stdio.h>

#include "torture.h"
#include "unit.h"

static struct px_str key_of(struct px_arena *a, unsigned i) {
    char text[24];
    int n = snprintf(text, sizeof text, "player-%u", i);
    return px_arena_dup(a, (struct px_str){.p = text, .n = (size_t)n});
}

static void test_map_finds_what_was_put(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    PX_DEFER(px_map_fini) struct px_map m;
    px_arena_init(&a, 8 << 20);
    px_map_init(&m, 20000);
    uint64_t *place;
    bool fresh;

    assert_null(px_map_get(&m, PX_S("x")));
    for (unsigned i = 0; i < 20000; i++) {
        assert_int_equal(px_map_put(&m, key_of(&a, i), i, &place, &fresh), PX_OK);
        assert_true(fresh);
        assert_int_equal(*place, i);
    }
    assert_int_equal(m.n, 20000);
    for (unsigned i = 0; i < 20000; i++) {
        place = px_map_get(&m, key_of(&a, i));
        assert_non_null(place);
        assert_int_equal(*place, i);
    }
    assert_null(px_map_get(&m, PX_S("player-20000")));
}

static void test_map_put_keeps_the_first_value(void **state PX_UNUSED) {
    PX_DEFER(px_map_fini) struct px_map m;
    px_map_init(&m, 10);
    uint64_t *place = NULL;
    bool fresh = false;

    assert_int_equal(px_map_put(&m, PX_S("k"), 1, NULL, NULL), PX_OK);
    assert_int_equal(px_map_put(&m, PX_S("k"), 2, &place, &fresh), PX_OK);
    assert_false(fresh);
    assert_int_equal(*place, 1);
    *place = 5;
    assert_int_equal(*px_map_get(&m, PX_S("k")), 5);
    assert_int_equal(m.n, 1);
}

static void test_map_keys_are_bytes(void **state PX_UNUSED) {
    PX_DEFER(px_map_fini) struct px_map m;
    px_map_init(&m, 10);
    struct px_str keys[] = {{.p = NULL, .n = 0}, PX_S("\0"), PX_S("\0\0"), PX_S("a\0b"), PX_S("a")};

    for (size_t i = 0; i < PX_ARRAY_LEN(keys); i++) {
        bool fresh = false;
        assert_int_equal(px_map_put(&m, keys[i], i, NULL, &fresh), PX_OK);
        assert_true(fresh);
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(keys); i++) {
        assert_int_equal(*px_map_get(&m, keys[i]), i);
    }
    assert_int_equal(*px_map_get(&m, PX_S("")), 0);
}

/* Keys that all want one slot of the first table, also the last one, so that probing wraps. */
static void test_map_colliding_keys(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    PX_DEFER(px_map_fini) struct px_map m;
    px_arena_init(&a, 8 << 20);
    px_map_init(&m, 1000);
    struct px_str keys[40];
    size_t n = 0;
    for (unsigned i = 0; n < PX_ARRAY_LEN(keys); i++) {
        struct px_str k = key_of(&a, i);
        if ((px_siphash(m.k0, m.k1, k) & 63) == 63) {
            keys[n++] = k;
        }
    }

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(px_map_put(&m, keys[i], i, NULL, NULL), PX_OK);
        for (size_t j = 0; j < n; j++) {
            const uint64_t *place = px_map_get(&m, keys[j]);
            assert_true(j <= i ? place && *place == j : !place);
        }
    }
}

static void test_map_refuses_more_than_max(void **state PX_UNUSED) {
    PX_DEFER(px_map_fini) struct px_map m;
    px_map_init(&m, 2);
    bool fresh = true;

    assert_int_equal(px_map_put(&m, PX_S("a"), 1, NULL, NULL), PX_OK);
    assert_int_equal(px_map_put(&m, PX_S("b"), 2, NULL, NULL), PX_OK);
    assert_int_equal(px_map_put(&m, PX_S("c"), 3, NULL, NULL), PX_TOO_LARGE);
    assert_int_equal(px_map_put(&m, PX_S("a"), 4, NULL, &fresh), PX_OK);
    assert_false(fresh);
    assert_int_equal(m.n, 2);
}

static void test_map_reset_forgets_and_keeps_memory(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena a;
    PX_DEFER(px_map_fini) struct px_map m;
    px_arena_init(&a, 8 << 20);
    px_map_init(&m, 5000);
    for (unsigned i = 0; i < 5000; i++) {
        assert_int_equal(px_map_put(&m, key_of(&a, i), i, NULL, NULL), PX_OK);
    }

    px_map_reset(&m);

    assert_int_equal(m.n, 0);
    assert_null(px_map_get(&m, key_of(&a, 1)));
    static const char bytes[5000];
    px_mem_fail_at(1);
    for (unsigned i = 0; i < 5000; i++) {
        bool fresh = false; /* keys of different lengths are different keys */
        struct px_str k = {.p = bytes, .n = i};
        assert_int_equal(px_map_put(&m, k, i, NULL, &fresh), PX_OK);
        assert_true(fresh);
    }
    assert_int_equal(px_mem_fail_left(), 1);
    px_mem_fail_at(0);
}

static void test_map_survives_the_wrap_of_generations(void **state PX_UNUSED) {
    PX_DEFER(px_map_fini) struct px_map m;
    px_map_init(&m, 10);
    assert_int_equal(px_map_put(&m, PX_S("old"), 1, NULL, NULL), PX_OK); /* in generation 1 */

    m.gen = UINT32_MAX;
    px_map_reset(&m);
    assert_int_not_equal(m.gen, 0);
    assert_int_equal(px_map_put(&m, PX_S("new"), 2, NULL, NULL), PX_OK);

    assert_null(px_map_get(&m, PX_S("old")));
    assert_int_equal(*px_map_get(&m, PX_S("new")), 2);
}

static enum px_code group(void *arg) {
    struct px_arena *keys = arg;
    PX_DEFER(px_map_fini) struct px_map m;
    px_map_init(&m, 2000);
    px_arena_reset(keys);
    for (unsigned i = 0; i < 1000; i++) {
        struct px_str k = key_of(keys, i % 700);
        enum px_code rc = k.p ? px_map_put(&m, k, i, NULL, NULL) : PX_NOMEM;
        if (rc != PX_OK) {
            return rc;
        }
    }
    return m.n == 700 ? PX_OK : PX_INTERNAL;
}

static void test_map_torture(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena keys;
    px_arena_init(&keys, 1 << 20);
    assert_true(torture(group, &keys) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_finds_what_was_put),
        cmocka_unit_test(test_map_put_keeps_the_first_value),
        cmocka_unit_test(test_map_keys_are_bytes),
        cmocka_unit_test(test_map_colliding_keys),
        cmocka_unit_test(test_map_refuses_more_than_max),
        cmocka_unit_test(test_map_reset_forgets_and_keeps_memory),
        cmocka_unit_test(test_map_survives_the_wrap_of_generations),
        cmocka_unit_test(test_map_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
