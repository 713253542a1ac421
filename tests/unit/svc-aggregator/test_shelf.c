/* The shelf of dead letters: whatever order they come in and however little fits, rounds over the
 * same letters give each origin once, in order, in bounded memory. */
#include "shelf.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define LETTERS 500

static struct px_str text_of(char *buf, size_t cap, int i) {
    int n = snprintf(buf, cap, "letter %d %.*s", i, i % 17, "xxxxxxxxxxxxxxxxx");
    return (struct px_str){.p = buf, .n = (size_t)n};
}

/* Letters of 3 logs and 5 partitions, every fourth stored twice, in an order that is none. */
static void fill(struct agg_shelf *s) {
    char buf[64];
    for (int i = 0; i < LETTERS; i++) {
        int k = (i * 211) % LETTERS;
        struct agg_origin o = {
            .log = (uint64_t)(k % 3), .partition = k % 5, .offset = (k * 7919) % 100003};
        assert_int_equal(agg_shelf_add(s, o, text_of(buf, sizeof buf, k), NULL), PX_OK);
        if (k % 4 == 0) {
            assert_int_equal(agg_shelf_add(s, o, PX_S("the same again"), NULL), PX_OK);
        }
    }
}

static void walk(size_t max_n, size_t max_bytes, size_t *ret_rounds) {
    struct agg_shelf s;
    struct agg_origin last = {.log = 0, .partition = -1};
    size_t seen = 0, rounds = 0;
    agg_shelf_init(&s, max_n, max_bytes);
    do {
        fill(&s);
        agg_shelf_close(&s);
        assert_true(s.n > 0);
        assert_true(s.n <= max_n && (s.bytes <= max_bytes || s.n == 1));
        for (size_t i = 0; i < s.n; i++) {
            assert_true(agg_origin_cmp(&last, &s.v[i].origin) < 0);
            assert_true(px_str_starts(s.v[i].bytes, PX_S("letter "))); /* the first that came */
            last = s.v[i].origin;
        }
        seen += s.n;
        rounds++;
    } while (agg_shelf_turn(&s));
    assert_int_equal(seen, LETTERS);
    assert_int_equal(s.copies, LETTERS / 4);
    *ret_rounds = rounds;
    agg_shelf_fini(&s);
}

static void test_shelf_gives_each_origin_once_in_order(void **state) {
    (void)state;
    size_t rounds = 0;
    walk(100000, 1 << 20, &rounds);
    assert_int_equal(rounds, 1);
    walk(60, 1 << 20, &rounds);
    assert_true(rounds > 5);
    walk(100000, 700, &rounds);
    assert_true(rounds > 10);
    walk(1, 1 << 20, &rounds);
    assert_int_equal(rounds, LETTERS);
    walk(100000, 1, &rounds); /* each is larger than all of the shelf */
    assert_int_equal(rounds, LETTERS);
}

static void test_shelf_of_nothing_has_one_round(void **state) {
    (void)state;
    struct agg_shelf s;
    agg_shelf_init(&s, 10, 10);
    agg_shelf_close(&s);
    assert_int_equal(s.n, 0);
    assert_false(agg_shelf_turn(&s));
    agg_shelf_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shelf_gives_each_origin_once_in_order),
        cmocka_unit_test(test_shelf_of_nothing_has_one_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
