/* Batches: what is taken, skipped and cut, how holes arise, and that splitting loses no offset. */
#include "batch.h"
#include "ledger.h"
#include "unit.h"

#include <string.h>

static const struct agg_batch_limits limits = {
    .max_events = 8, .max_bytes = 1000, .max_delay = 200 * PX_US_PER_MS};

static int setup(void **state) {
    static struct agg_batch b;
    *state = &b;
    return agg_batch_init(&b, &limits, NULL) == PX_OK ? 0 : -1;
}

static int teardown(void **state) {
    agg_batch_fini(*state);
    return 0;
}

static struct agg_item *add(struct agg_batch *b, int32_t partition, int64_t offset, px_us mono) {
    struct agg_record r = {.partition = partition,
                           .offset = offset,
                           .key = PX_S("key"),
                           .value = PX_S("some bytes of a value")};
    struct agg_item *it = NULL;
    assert_int_equal(agg_batch_add(b, 10, &r, mono, &it, NULL), PX_OK);
    return it;
}

static void test_batch_keeps_its_own_bytes(void **state) {
    struct agg_batch *b = *state;
    char bytes[] = "abc";
    struct agg_record r = {.partition = 1, .offset = 10, .value = {.p = bytes, .n = 3}};
    struct agg_item *it = NULL;

    assert_int_equal(agg_batch_add(b, 10, &r, 1, &it, NULL), PX_OK);
    memset(bytes, 'x', 3);

    assert_memory_equal(it->value.p, "abc", 3);
    assert_null(it->key.p);
    assert_int_equal(agg_batch_next(b, 1, 10), 11);
    assert_int_equal(agg_batch_next(b, 2, 10), 10);
}

static void test_batch_skips_what_was_folded_in(void **state) {
    struct agg_batch *b = *state;

    assert_null(add(b, 0, 9, 1));
    assert_true(agg_batch_empty(b));
    assert_non_null(add(b, 0, 10, 1));
    assert_null(add(b, 0, 10, 1));
    assert_int_equal(b->n, 1);
}

static void test_batch_is_full_by_count(void **state) {
    struct agg_batch *b = *state;
    for (int64_t i = 0; i < 8; i++) {
        assert_false(agg_batch_full(b));
        add(b, 0, 10 + i, 1);
    }
    assert_true(agg_batch_full(b));
    assert_false(agg_batch_due(b, 1));
}

static void test_batch_is_due_by_age_and_full_by_bytes(void **state) {
    struct agg_batch *b = *state;
    add(b, 0, 10, 1000);
    assert_false(agg_batch_due(b, 1000 + 200 * PX_US_PER_MS - 1));
    assert_true(agg_batch_due(b, 1000 + 200 * PX_US_PER_MS));

    agg_batch_reset(b);
    assert_false(agg_batch_due(b, INT64_MAX));
    char big[1000] = {0};
    struct agg_record r = {.partition = 0, .offset = 10, .value = {.p = big, .n = sizeof big}};
    struct agg_item *it = NULL;
    assert_int_equal(agg_batch_add(b, 10, &r, 1, &it, NULL), PX_OK);
    assert_true(agg_batch_full(b));
}

/* What a record waited behind a transaction counts, and a due batch takes what is waiting. */
static void test_batch_waits_from_when_nothing_was_waiting(void **state) {
    const px_us delay = 200 * PX_US_PER_MS, at_once = 10;
    static const struct {
        bool nothing;
        px_us asked, took, empty_at;
    } rows[] = {
        {false, 5000, at_once, 1000}, /* it was there: since the cut      */
        {false, 5000, 2 * PX_US_PER_MS, 5000 + 2 * PX_US_PER_MS}, /* the poll waited for it    */
        {true, 5000, at_once, 5000 + at_once}, /* nothing: until now nobody waited */
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_pace p = {.empty = true};
        agg_pace_cut(&p, 1000);
        assert_false(p.empty);
        agg_pace_polled(&p, rows[i].nothing, rows[i].asked, rows[i].asked + rows[i].took);
        assert_int_equal(p.empty_at, rows[i].empty_at);
        assert_int_equal(p.empty, rows[i].nothing);
    }
    struct agg_batch *b = *state;
    struct agg_pace p = {0};
    agg_pace_cut(&p, 1000);
    px_us later = 1000 + delay + 1; /* the transaction was slow */
    agg_pace_polled(&p, false, later, later + at_once);
    add(b, 0, 10, p.empty_at);
    assert_true(agg_batch_due(b, later));
    assert_false(agg_batch_ready(b, &p, later)); /* more may be waiting */
    agg_pace_polled(&p, true, later, later + at_once);
    assert_true(agg_batch_ready(b, &p, later));
}

static void test_batch_seal_sorts_and_counts_holes(void **state) {
    struct agg_batch *b = *state;
    add(b, 3, 10, 1);
    add(b, 1, 12, 1)->dead = true; /* offsets 10 and 11 hold no record */
    add(b, 3, 11, 1);
    add(b, 1, 13, 1)->event.received_at = 77;
    assert_int_equal(agg_batch_eof(b, 10, 1, 16, 1, NULL), PX_OK); /* 14 and 15 neither */
    assert_int_equal(agg_batch_eof(b, 10, 5, 10, 1, NULL), PX_OK); /* nothing new: no range */

    struct agg_slice s = agg_batch_seal(b);

    assert_int_equal(s.n, 4);
    assert_int_equal(s.nranges, 2);
    assert_int_equal(s.items[0]->partition, 1);
    assert_int_equal(s.items[1]->offset, 13);
    assert_int_equal(s.items[3]->offset, 11);
    assert_int_equal(s.ranges[0].lo, 10);
    assert_int_equal(s.ranges[0].hi, 16);
    assert_int_equal(s.ranges[0].max_event_at, 77);
    struct agg_ledger_row rows[2];
    agg_ledger_fold(&s, rows);
    assert_int_equal(rows[0].hole, 4);
    assert_int_equal(rows[1].hole, 0);
    assert_true(agg_ledger_holds(&rows[0]) && agg_ledger_holds(&rows[1]));
}

static void test_batch_cut_leaves_out_a_blocked_partition(void **state) {
    struct agg_batch *b = *state;
    add(b, 0, 10, 1);
    add(b, 0, 11, 1);
    add(b, 1, 10, 1);
    struct agg_slice s = agg_batch_seal(b);

    agg_slice_cut(&s, 0, 11);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.ranges[0].hi, 11);
    agg_slice_cut(&s, 1, 10);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.nranges, 1);
    agg_slice_cut(&s, 0, 10);
    assert_int_equal(s.nranges, 0);
}

/* Split down to single records: the leaves, in order, cover every offset exactly once. */
static int64_t walk(const struct agg_slice *s, struct px_arena *a, int64_t *next, size_t *leaves) {
    if (s->n < 2) {
        int64_t covered = 0;
        for (size_t i = 0; i < s->nranges; i++) {
            const struct agg_range *r = &s->ranges[i];
            assert_int_equal(r->lo, next[r->partition]);
            assert_true(r->hi > r->lo);
            next[r->partition] = r->hi;
            covered += r->hi - r->lo;
        }
        (*leaves)++;
        return covered;
    }
    struct agg_slice half[2];
    assert_int_equal(agg_slice_split(s, a, half, NULL), PX_OK);
    return walk(&half[0], a, next, leaves) + walk(&half[1], a, next, leaves);
}

static void test_batch_split_covers_every_offset_once(void **state) {
    struct agg_batch *b = *state;
    static const struct {
        int32_t partition;
        int64_t offset;
    } at[] = {{0, 10}, {0, 14}, {2, 10}, {0, 15}, {3, 12}, {3, 13}, {3, 20}};
    for (size_t i = 0; i < PX_ARRAY_LEN(at); i++) {
        add(b, at[i].partition, at[i].offset, 1);
    }
    assert_int_equal(agg_batch_eof(b, 10, 1, 13, 1, NULL), PX_OK); /* only holes */
    assert_int_equal(agg_batch_eof(b, 10, 0, 18, 1, NULL), PX_OK);
    struct agg_slice s = agg_batch_seal(b);
    int64_t next[4] = {10, 10, 10, 10};
    size_t leaves = 0;

    int64_t covered = walk(&s, &b->arena, next, &leaves);

    assert_int_equal(leaves, s.n);
    assert_int_equal(covered, 8 + 3 + 1 + 11);
    assert_int_equal(next[0], 18);
    assert_int_equal(next[1], 13);
    assert_int_equal(next[2], 11);
    assert_int_equal(next[3], 21);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_batch_keeps_its_own_bytes),
        TEST(test_batch_skips_what_was_folded_in),
        TEST(test_batch_is_full_by_count),
        TEST(test_batch_is_due_by_age_and_full_by_bytes),
        TEST(test_batch_waits_from_when_nothing_was_waiting),
        TEST(test_batch_seal_sorts_and_counts_holes),
        TEST(test_batch_cut_leaves_out_a_blocked_partition),
        TEST(test_batch_split_covers_every_offset_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
