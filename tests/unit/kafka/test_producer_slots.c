/* The producer's table of accepted messages: full is full, a slot is given back once, none is lost.
 */
#include "../../../libcore/src/kafka/producer_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_producer_slots_bounds(void **state) {
    (void)state;
    struct px_slots s = {.tags = NULL};
    struct px_err err = PX_ERR_INIT;
    static const int64_t refused[] = {0, -1, 10000001, INT64_MAX};
    for (size_t i = 0; i < PX_ARRAY_LEN(refused); i++) {
        assert_int_equal(px_slots_init(&s, refused[i], &err), PX_CONFIG);
    }
    assert_int_equal(px_slots_init(&s, 3, NULL), PX_OK);
    uint32_t slot = 99;
    for (uint64_t tag = 10; tag < 13; tag++) {
        assert_true(px_slots_take(&s, tag, &slot));
        assert_int_equal(slot, tag - 10);
    }
    assert_false(px_slots_take(&s, 13, &slot));
    px_slots_fini(&s);
    px_slots_fini(&s);
}

static void test_producer_slots_once(void **state) {
    (void)state;
    struct px_slots s;
    uint32_t slot;
    uint64_t tag = 0;
    assert_int_equal(px_slots_init(&s, 4, NULL), PX_OK);
    assert_false(px_slots_give(&s, 0, &tag)); /* never taken */
    assert_true(px_slots_take(&s, UINT64_MAX, &slot));
    assert_true(px_slots_give(&s, slot, &tag));
    assert_true(tag == UINT64_MAX);
    assert_false(px_slots_give(&s, slot, &tag)); /* a second report */
    assert_false(px_slots_give(&s, 4, &tag));
    assert_false(px_slots_give(&s, PX_SLOT_NONE, &tag));
    px_slots_fini(&s);
}

/* Taken and given in a scattered order for long: what is out is always known, nothing else. */
static void test_producer_slots_churn(void **state) {
    (void)state;
    enum {
        CAP = 64
    };
    struct px_slots s;
    uint64_t held[CAP] = {0}, tag;
    uint32_t slot;
    size_t out = 0, next = 1;
    assert_int_equal(px_slots_init(&s, CAP, NULL), PX_OK);
    for (size_t i = 0; i < 20000; i++) {
        uint32_t pick = (uint32_t)((i * 2654435761u) >> 7) % CAP;
        if (held[pick]) {
            assert_true(px_slots_give(&s, pick, &tag));
            assert_true(tag == held[pick]);
            held[pick] = 0;
            out--;
        } else if (px_slots_take(&s, next, &slot)) {
            assert_true(slot < CAP && !held[slot]);
            held[slot] = next++;
            out++;
        } else {
            assert_int_equal(out, CAP);
        }
    }
    for (uint32_t i = 0; i < CAP; i++) {
        assert_true(px_slots_give(&s, i, &tag) == (held[i] != 0));
    }
    px_slots_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_producer_slots_bounds),
        cmocka_unit_test(test_producer_slots_once),
        cmocka_unit_test(test_producer_slots_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
