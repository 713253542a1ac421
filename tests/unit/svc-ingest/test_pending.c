/* The table of waiting requests: deadlines in order, slots found by generation, given back by
 * report. */
#include "unit.h"

#include "pending.h"

static void test_pending_is_full_at_its_limit(void **state) {
    (void)state;
    struct ing_pending p;
    assert_int_equal(ing_pending_init(&p, 3, NULL), PX_OK);

    assert_non_null(ing_pending_take(&p, 1));
    assert_non_null(ing_pending_take(&p, 2));
    struct ing_slot *last = ing_pending_take(&p, 3);
    assert_non_null(last);
    assert_null(ing_pending_take(&p, 4));

    ing_pending_answered(&p, last);
    assert_null(ing_pending_take(&p, 4)); /* the log still owes its report */
    ing_pending_release(&p, last);
    assert_non_null(ing_pending_take(&p, 4));
    ing_pending_fini(&p);
}

static void test_pending_forgets_a_released_tag(void **state) {
    (void)state;
    struct ing_pending p;
    assert_int_equal(ing_pending_init(&p, 1, NULL), PX_OK);

    struct ing_slot *s = ing_pending_take(&p, 1);
    uint64_t tag = ing_pending_tag(&p, s);
    assert_ptr_equal(ing_pending_find(&p, tag), s);
    ing_pending_answered(&p, s);
    ing_pending_release(&p, s);
    assert_null(ing_pending_find(&p, tag));

    assert_ptr_equal(ing_pending_take(&p, 2), s);
    assert_null(ing_pending_find(&p, tag)); /* same slot, another request */
    assert_ptr_equal(ing_pending_find(&p, ing_pending_tag(&p, s)), s);
    assert_null(ing_pending_find(&p, 0));
    assert_null(ing_pending_find(&p, UINT64_MAX));
    ing_pending_fini(&p);
}

static void test_pending_expires_in_order_of_deadlines(void **state) {
    (void)state;
    struct ing_pending p;
    struct ing_slot *s[4];
    assert_int_equal(ing_pending_init(&p, 4, NULL), PX_OK);
    for (int i = 0; i < 4; i++) {
        s[i] = ing_pending_take(&p, 10 * (i + 1));
    }

    assert_null(ing_pending_expired(&p, 9));
    ing_pending_answered(&p, s[1]); /* from the middle of the list */
    ing_pending_release(&p, s[1]);
    assert_ptr_equal(ing_pending_expired(&p, 35), s[0]);
    ing_pending_answered(&p, s[0]);
    assert_ptr_equal(ing_pending_expired(&p, 35), s[2]);
    ing_pending_answered(&p, s[2]);
    assert_null(ing_pending_expired(&p, 35));
    assert_ptr_equal(ing_pending_expired(&p, INT64_MAX), s[3]);
    ing_pending_answered(&p, s[3]);
    assert_null(ing_pending_expired(&p, INT64_MAX));
    assert_int_equal(p.owed, 0);
    assert_int_equal(p.used, 3);
    ing_pending_fini(&p);
}

/* Against a plain model: random takes, answers and reports never lose or mix up a slot. */
static void test_pending_agrees_with_a_model(void **state) {
    (void)state;
    enum {
        CAP = 17,
        STEPS = 20000
    };
    struct ing_pending p;
    struct ing_slot *held[CAP] = {0};
    uint64_t tags[CAP] = {0};
    bool owed[CAP] = {0};
    uint64_t seed = 42;
    uint32_t used = 0, owing = 0;
    assert_int_equal(ing_pending_init(&p, CAP, NULL), PX_OK);

    for (int step = 0; step < STEPS; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t i = (seed >> 33) % CAP;
        if (!held[i]) {
            held[i] = ing_pending_take(&p, step);
            assert_non_null(held[i]);
            tags[i] = ing_pending_tag(&p, held[i]);
            owed[i] = true;
            used++, owing++;
        } else if (owed[i]) {
            assert_ptr_equal(ing_pending_find(&p, tags[i]), held[i]);
            ing_pending_answered(&p, held[i]);
            owed[i] = false;
            owing--;
        } else {
            ing_pending_release(&p, held[i]);
            assert_null(ing_pending_find(&p, tags[i]));
            held[i] = NULL;
            used--;
        }
        assert_int_equal(p.used, used);
        assert_int_equal(p.owed, owing);
    }
    ing_pending_fini(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_is_full_at_its_limit),
        cmocka_unit_test(test_pending_forgets_a_released_tag),
        cmocka_unit_test(test_pending_expires_in_order_of_deadlines),
        cmocka_unit_test(test_pending_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
