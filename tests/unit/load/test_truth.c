/* What a correct pipeline has counted, worked out by hand for small runs: repeats, ids, midnight,
 * and what may be stored without an answer. */
#include "load.h"

#include <px/json.h>
#include <px/mem.h>
#include <px/num.h>

#include "unit.h"

#include <stdlib.h>

#define DAY   20000
#define NOON  (DAY * (px_us)PX_US_PER_DAY + 12 * 60 * (px_us)PX_US_PER_MIN)
#define NIGHT ((DAY + 1) * (px_us)PX_US_PER_DAY)
#define S     ((px_us)PX_US_PER_S)

static struct load_run *run_of(const struct load_request *v, uint32_t n) {
    struct load_run *run = px_alloc(sizeof *run);
    assert_non_null(run);
    run->conf = (struct load_conf){.prefix = "t", .ntargets = 1, .midnight = NIGHT};
    run->v = px_calloc2(n + 1, sizeof *v);
    assert_non_null(run->v);
    memcpy(run->v, v, n * sizeof *v);
    run->n = run->cap = n;
    run->ended = 0;
    for (uint32_t i = 0; i < n; i++) {
        run->ended = v[i].at > run->ended ? v[i].at : run->ended;
    }
    return run;
}

static struct px_json *truth(const struct load_request *v, uint32_t n) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1u << 20);
    struct load_run *run = run_of(v, n);
    struct px_json *doc = NULL;
    assert_int_equal(load_truth_write(run, &b, NULL), PX_OK);
    assert_int_equal(b.p[b.n - 1], '\n');
    assert_int_equal(px_json_parse((struct px_str){.p = b.p, .n = b.n - 1}, 1u << 20, &doc, NULL),
                     PX_OK);
    px_free(run->v);
    px_free(run);
    return doc;
}

static const struct px_jnode *at(const struct px_json *doc, const char *a, const char *b) {
    const struct px_jnode *n = px_json_get(px_json_root(doc), a);
    n = b ? px_json_get(n, b) : n;
    assert_non_null(n);
    return n;
}

static int64_t number(const struct px_jnode *n, const char *name) {
    int64_t v = -1;
    assert_true(px_json_int(px_json_get(n, name), &v));
    return v;
}

struct want {
    int64_t acked, counted, max, repeats, duplicates, conflicts;
};

static void check(const struct px_json *doc, const char *type, struct want w) {
    const struct px_jnode *t = at(doc, "types", type);
    assert_int_equal(number(t, "acked"), w.acked);
    assert_int_equal(number(t, "counted"), w.counted);
    assert_int_equal(number(t, "countedMax"), w.max);
    assert_int_equal(number(t, "repeats"), w.repeats);
    assert_int_equal(number(t, "duplicates"), w.duplicates);
    assert_int_equal(number(t, "conflicts"), w.conflicts);
}

static const struct px_jnode *nth(const struct px_jnode *list, size_t n, size_t want_n) {
    const struct px_jnode *child = px_json_first(list), *found = NULL;
    size_t i = 0;
    for (; child; child = px_json_next(child)) {
        found = i++ == n ? child : found;
    }
    assert_int_equal(i, want_n);
    return found;
}

#define ACK(time)      .at = (time), .state = LOAD_ACKED
#define ID(o)          .with_id = true, .origin = (o)
#define TRUTH(rows)    truth((rows), (uint32_t)PX_ARRAY_LEN(rows))
#define IS_TRUE(d, m)  assert_true(px_json_bool(at((d), (m), NULL)))
#define IS_FALSE(d, m) assert_false(px_json_bool(at((d), (m), NULL)))

static void test_truth_repeats_duplicates_conflicts(void **state PX_UNUSED) {
    const struct load_request v[] = {
        {ACK(NOON), .player = 1},
        {ACK(NOON + S), .player = 1},                             /* repeat */
        {ACK(NOON + S), .player = 1, .banner = 2},                /* another key */
        {ACK(NOON + S), .player = 2, ID(4)},                      /* counted */
        {ACK(NOON + 2 * S), .player = 2, ID(4)},                  /* duplicate */
        {ACK(NOON + 3 * S), .player = 2, ID(4), .variant = true}, /* conflict */
        {.at = NOON, .state = LOAD_BUSY, .player = 3},            /* nothing */
        {.at = NOON, .state = LOAD_REFUSED, .kind = LOAD_INVALID, .fault = LOAD_EMAIL},
        {ACK(NOON), .type = 2, .player = 5, ID(8)}, /* a deposit */
        {ACK(NOON), .type = 2, .player = 5, ID(9)}, /* a second real one */
        {ACK(NOON), .type = 2, .player = 5, ID(9)}, /* the same */
    };
    struct px_json *doc = TRUTH(v);
    check(doc, "visit", (struct want){6, 3, 3, 1, 1, 1});
    check(doc, "deposit", (struct want){3, 1, 1, 1, 1, 0});
    check(doc, "registration", (struct want){0, 0, 0, 0, 0, 0});
    assert_int_equal(number(px_json_root(doc), "totalDeposits"), 2);
    assert_int_equal(number(px_json_root(doc), "totalDepositsMax"), 2);
    assert_int_equal(number(at(doc, "refusedByCode", NULL), "email_address"), 1);
    assert_int_equal(number(px_json_root(doc), "unavailable"), 1);
    IS_TRUE(doc, "exact");
    IS_TRUE(doc, "countedExact");
    px_json_free(doc);
}

static void test_truth_around_midnight(void **state PX_UNUSED) {
    const struct load_request v[] = {
        {ACK(NIGHT - 1), .player = 1},        /* counts for its day */
        {ACK(NIGHT), .player = 1},            /* counts for the next */
        {ACK(NIGHT + S), .player = 1},        /* repeat */
        {ACK(NIGHT - S), .player = 2, ID(3)}, /* counted */
        {ACK(NIGHT + S), .player = 2, ID(3)}, /* a retry over midnight: duplicate, claims nothing */
        {ACK(NIGHT + 2 * S), .player = 2},    /* so this one counts */
        /* times of the sender: whatever the server's clock says */
        {ACK(NIGHT + 40 * S), .player = 9, .stamped = true, .midnight_ms = -1},
        {ACK(NIGHT + 41 * S), .player = 9, .stamped = true, .midnight_ms = 0},
        {ACK(NIGHT + 42 * S), .player = 9, .stamped = true, .midnight_ms = -2000},
    };
    struct px_json *doc = TRUTH(v);
    check(doc, "visit", (struct want){9, 6, 6, 2, 1, 0});
    const struct px_jnode *daily = at(doc, "daily", NULL);
    assert_int_equal(number(nth(daily, 0, 2), "count"), 3);
    assert_int_equal(number(nth(daily, 1, 2), "count"), 3);
    assert_true(px_str_is(px_json_text(px_json_get(nth(daily, 0, 2), "date")), "2024-10-04"));
    const struct px_jnode *minutes = at(doc, "minutes", NULL);
    assert_true(px_str_is(px_json_text(px_json_get(nth(minutes, 0, 2), "minute")),
                          "2024-10-04T23:59:00.000000Z"));
    px_json_free(doc);
}

static void test_truth_what_may_be_stored_is_a_range(void **state PX_UNUSED) {
    const struct load_request v[] = {
        {.at = NOON, .state = LOAD_UNKNOWN, .player = 1},    /* nobody else has its key */
        {.at = NOON, .state = LOAD_UNANSWERED, .player = 1}, /* the same key: still one */
        {.at = NOON, .state = LOAD_UNANSWERED, .player = 2},
        {ACK(NOON + S), .player = 2}, /* counted either way */
        {.at = NOON, .state = LOAD_STRANGE, .player = 3},
        {.at = NOON, .state = LOAD_UNANSWERED, .type = 2, .player = 4, ID(5)},
        {.at = NOON, .state = LOAD_UNREACHABLE, .player = 6}, /* nothing */
        {.at = NOON, .state = LOAD_UNSENT, .player = 7},      /* nothing */
        {.at = NOON, .state = LOAD_UNANSWERED, .kind = LOAD_INVALID, .player = 8},
    };
    struct px_json *doc = TRUTH(v);
    check(doc, "visit", (struct want){1, 1, 3, 0, 0, 0});
    check(doc, "deposit", (struct want){0, 0, 1, 0, 0, 0});
    assert_int_equal(number(px_json_root(doc), "totalDepositsMax"), 1);
    assert_int_equal(number(px_json_root(doc), "maybeStored"), 5);
    IS_FALSE(doc, "exact");
    IS_FALSE(doc, "countedExact");
    px_json_free(doc);
}

static void test_truth_a_retry_with_its_id_makes_it_exact(void **state PX_UNUSED) {
    const struct load_request v[] = {
        {.at = NOON, .state = LOAD_UNKNOWN, .player = 1, ID(0), .retried = true},
        {.at = NOON + S, .state = LOAD_UNANSWERED, .player = 1, ID(0), .retried = true},
        {ACK(NOON + 2 * S), .player = 1, ID(0), .attempt = 3},
        {.at = NOON, .state = LOAD_UNANSWERED, .type = 2, .player = 4, ID(3), .retried = true},
        {ACK(NOON + 2 * S), .type = 2, .player = 4, ID(3), .attempt = 2},
    };
    struct px_json *doc = TRUTH(v);
    check(doc, "visit", (struct want){1, 1, 1, 0, 0, 0});
    check(doc, "deposit", (struct want){1, 1, 1, 0, 0, 0});
    assert_int_equal(number(px_json_root(doc), "totalDepositsMax"), 1);
    IS_FALSE(doc, "exact"); /* how many duplicates there are is not known */
    IS_TRUE(doc, "countedExact");
    px_json_free(doc);
}

/* The first attempt may be stored on the day before: then its retry is a duplicate, and the day
 * after counts nothing of it. */
static void test_truth_an_unknown_fate_over_midnight_is_a_range(void **state PX_UNUSED) {
    const struct load_request v[] = {
        {.at = NIGHT - S, .state = LOAD_UNKNOWN, .player = 1, ID(0), .retried = true},
        {ACK(NIGHT + S), .player = 1, ID(0), .attempt = 2},
        {ACK(NIGHT - S), .player = 1}, /* its key of the day before is counted anyway */
    };
    struct px_json *doc = TRUTH(v);
    check(doc, "visit", (struct want){2, 1, 2, 0, 0, 0});
    IS_FALSE(doc, "countedExact");
    px_json_free(doc);
}

static void test_truth_answered_means_the_last_attempt(void **state PX_UNUSED) {
    struct load_request v[] = {
        {ACK(NOON)},
        {.state = LOAD_UNREACHABLE, .retried = true},
        {.state = LOAD_UNANSWERED, .retried = true},
        {.state = LOAD_BUSY},
        {.state = LOAD_REFUSED, .kind = LOAD_INVALID},
    };
    struct load_run *run = run_of(v, PX_ARRAY_LEN(v));
    assert_true(load_all_answered(run));
    run->unexpected = 1;
    assert_false(load_all_answered(run));
    run->unexpected = 0;
    for (int s = LOAD_UNSENT; s < LOAD_STATES; s++) {
        run->v[3].state = (uint8_t)s;
        bool missing =
            s == LOAD_UNSENT || s == LOAD_SENT || s == LOAD_UNREACHABLE || s == LOAD_UNANSWERED;
        assert_int_equal(load_all_answered(run), !missing);
    }
    px_free(run->v);
    px_free(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_repeats_duplicates_conflicts),
        cmocka_unit_test(test_truth_around_midnight),
        cmocka_unit_test(test_truth_what_may_be_stored_is_a_range),
        cmocka_unit_test(test_truth_a_retry_with_its_id_makes_it_exact),
        cmocka_unit_test(test_truth_an_unknown_fate_over_midnight_is_a_range),
        cmocka_unit_test(test_truth_answered_means_the_last_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
