/* Folding: what each disposition moves, sorted unique keys, independence of order, limits. */
#include <px/rollup.h>

#include <stdio.h>
#include <px/mem.h>
#include <px/num.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

#define DAY 20778
#define T0  (DAY * PX_US_PER_DAY)

struct rig {
    struct px_catalog *cat;
    struct px_rollups *rollups;
    struct px_arena arena;
};

static int setup(void **state) {
    static struct rig g;
    g.cat = model_catalog(MODEL_EVENTS);
    g.rollups = model_rollups(MODEL_ROLLUPS, g.cat);
    px_arena_init(&g.arena, (size_t)64 << 20);
    *state = &g;
    return 0;
}

static int teardown(void **state) {
    struct rig *g = *state;
    px_arena_fini(&g->arena);
    px_rollups_free(g->rollups);
    px_catalog_free(g->cat);
    return 0;
}

static struct px_classified classify(const struct rig *g, const struct px_event *e,
                                     enum px_disposition d, bool own_new_id) {
    return (struct px_classified){
        .event = e,
        .type = px_catalog_find(g->cat, e->event_type),
        .day = px_day_of(px_event_time(e)),
        .disposition = d,
        .own_new_id = own_new_id,
    };
}

static struct px_deltas fold(struct rig *g, const char *rollup, const struct px_classified *v,
                             size_t n) {
    struct px_deltas d;
    const struct px_rollup *r = px_rollups_find(g->rollups, px_str_c(rollup));
    assert_non_null(r);
    assert_int_equal(px_fold(r, v, n, &g->arena, &d), PX_OK);
    assert_ptr_equal(d.rollup, r);
    return d;
}

/* Bits of `players`: first_seen 1, last_event_at 2, registration_at 4, deposit_at 8,
 * total_deposits 16. */
static void test_fold_moves_by_disposition(void **state) {
    static const struct {
        enum px_disposition d;
        bool own_new_id;
        uint32_t players; /* measures present; 0 = no row */
        size_t counts;    /* rows in the counting tables  */
    } rows[] = {
        {PX_COUNTED, false, 1 | 2 | 8 | 16, 1},
        {PX_COUNTED, true, 1 | 2 | 8 | 16, 1},
        {PX_REPEAT, true, 1 | 2 | 16, 0}, /* a second real deposit on one day */
        {PX_REPEAT, false, 1 | 2, 0},
        {PX_DUPLICATE, false, 1 | 2, 0},
        {PX_DUPLICATE, true, 1 | 2, 0},
        {PX_CONFLICT, true, 0, 0},
        {PX_EXCLUDED, true, 0, 0},
        {PX_LATE, true, 0, 0},
        {PX_ERASED, true, 0, 0},
        {PX_DEAD_LETTERED, true, 0, 0},
    };
    static const char *const counting[] = {"daily_metrics", "event_summary", "class_summary",
                                           "minute_summary"};
    struct rig *g = *state;
    struct px_event e = model_event("deposit", "p", "b", T0 + 61 * PX_US_PER_S);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_classified c = classify(g, &e, rows[i].d, rows[i].own_new_id);
        struct px_deltas d = fold(g, "players", &c, 1);
        assert_int_equal(d.n, rows[i].players ? 1 : 0);
        if (d.n) {
            assert_int_equal(d.v[0].present, rows[i].players);
        }
        for (size_t k = 0; k < PX_ARRAY_LEN(counting); k++) {
            assert_int_equal(fold(g, counting[k], &c, 1).n, rows[i].counts);
        }
    }
}

static void test_fold_players_row(void **state) {
    struct rig *g = *state;
    struct px_event e[] = {
        model_event("deposit", "p", "b", T0 + 50), model_event("registration", "p", "b", T0 + 20),
        model_event("visit", "p", "b", T0 + 10),   model_event("visit", "p", "b", T0 + 90),
        model_event("deposit", "p", "b", T0 + 60), model_event("deposit", "p", "b", T0 + 5),
    };
    struct px_classified c[] = {
        classify(g, &e[0], PX_COUNTED, true),  classify(g, &e[1], PX_COUNTED, false),
        classify(g, &e[2], PX_COUNTED, false), classify(g, &e[3], PX_DUPLICATE, false),
        classify(g, &e[4], PX_REPEAT, true),   classify(g, &e[5], PX_CONFLICT, true),
    };

    struct px_deltas d = fold(g, "players", c, PX_ARRAY_LEN(c));
    assert_int_equal(d.n, 1);
    assert_true(px_str_is(d.v[0].key[0].s, "p"));
    assert_int_equal(d.v[0].present, 31);
    assert_true(d.v[0].value[0] == T0 + 10); /* first_seen      */
    assert_true(d.v[0].value[1] == T0 + 90); /* last_event_at   */
    assert_true(d.v[0].value[2] == T0 + 20); /* registration_at */
    assert_true(d.v[0].value[3] == T0 + 50); /* deposit_at      */
    assert_true(d.v[0].value[4] == 2);       /* total_deposits  */
}

static void test_fold_uses_the_event_time(void **state) {
    struct rig *g = *state;
    struct px_event e = model_event("visit", "p", "b", T0 + PX_US_PER_DAY);
    e.occurred_at = T0 + 3 * PX_US_PER_MIN + 59 * PX_US_PER_S;
    struct px_classified c = classify(g, &e, PX_COUNTED, false);

    struct px_deltas d = fold(g, "minute_summary", &c, 1);
    assert_true(d.v[0].key[0].i == T0 + 3 * PX_US_PER_MIN);
    d = fold(g, "daily_metrics", &c, 1);
    assert_true(d.v[0].key[0].i == DAY);
}

/* Two banners on one day: two counted visits, so the sum over banners is the day's figure. */
static void test_fold_two_banners_add_up(void **state) {
    struct rig *g = *state;
    struct px_event e[] = {
        model_event("visit", "p", "summer", T0),
        model_event("visit", "p", "spring", T0 + 1),
        model_event("visit", "p", "spring", T0 + 2),
        model_event("deposit", "p", "spring", T0 + 3),
    };
    struct px_classified c[] = {
        classify(g, &e[0], PX_COUNTED, false),
        classify(g, &e[1], PX_COUNTED, false),
        classify(g, &e[2], PX_REPEAT, false),
        classify(g, &e[3], PX_COUNTED, false),
    };

    struct px_deltas s = fold(g, "event_summary", c, 4);
    assert_int_equal(s.n, 3);
    static const char *const want[][2] = {
        {"deposit", "spring"}, {"visit", "spring"}, {"visit", "summer"}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(px_str_is(s.v[i].key[1].s, want[i][0]));
        assert_true(px_str_is(s.v[i].key[2].s, want[i][1]));
        assert_true(s.v[i].value[0] == 1);
    }
    struct px_deltas d = fold(g, "daily_metrics", c, 4);
    assert_int_equal(d.n, 2);
    assert_true(px_str_is(d.v[1].key[1].s, "visit") && d.v[1].value[0] == 2);
}

static int64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(*seed >> 33);
}

#define MANY 3000
static void make_many(const struct rig *g, uint64_t seed, struct px_event *e,
                      struct px_classified *c) {
    static const char *const types[] = {"visit", "registration", "deposit"};
    static char names[400][16];
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        snprintf(names[i], sizeof names[i], "%s%zu", i % 7 ? "player_" : "p", i);
    }
    for (size_t i = 0; i < MANY; i++) {
        e[i] = model_event(types[next(&seed) % 3], names[next(&seed) % 400], names[next(&seed) % 9],
                           T0 + next(&seed) % (2 * PX_US_PER_DAY));
        c[i] = classify(g, &e[i], (enum px_disposition)(next(&seed) % 5), next(&seed) % 2);
    }
}

/* The slow twin: for every delta, what all events together say. */
static void check_delta(const struct rig *g, const struct px_rollup *r, const struct px_delta *d,
                        const struct px_classified *c, int64_t *ret_moves) {
    int64_t adds = 0;
    px_us first = INT64_MAX;
    px_us last = INT64_MIN;
    (void)g;
    for (size_t i = 0; i < MANY; i++) {
        bool mine = px_str_eq(d->key[0].s, c[i].event->player_id);
        bool accepted = c[i].disposition <= PX_DUPLICATE;
        if (!mine || !accepted) {
            continue;
        }
        px_us t = px_event_time(c[i].event);
        first = t < first ? t : first;
        last = t > last ? t : last;
        bool distinct =
            c[i].disposition == PX_COUNTED || (c[i].disposition == PX_REPEAT && c[i].own_new_id);
        adds += distinct && px_str_is(c[i].event->event_type, "deposit");
        ++*ret_moves;
    }
    assert_int_equal(r->nmeasures, 5);
    assert_true(d->value[0] == first && d->value[1] == last);
    assert_true(d->value[4] == adds && ((d->present & 16) != 0) == (adds > 0));
}

static void test_fold_agrees_with_a_slow_twin(void **state) {
    struct rig *g = *state;
    static struct px_event e[MANY];
    static struct px_classified c[MANY];
    make_many(g, 42, e, c);
    const struct px_rollup *r = px_rollups_find(g->rollups, PX_S("players"));

    struct px_deltas d = fold(g, "players", c, MANY);
    int64_t moves = 0;
    int64_t accepted = 0;
    for (size_t i = 0; i < d.n; i++) {
        check_delta(g, r, &d.v[i], c, &moves);
        assert_true(i == 0 || px_str_cmp(d.v[i - 1].key[0].s, d.v[i].key[0].s) < 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        accepted += c[i].disposition <= PX_DUPLICATE;
    }
    assert_true(moves == accepted);
}

static void expect_same(const struct px_rollup *r, const struct px_deltas *a,
                        const struct px_deltas *b) {
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < r->nkeys; k++) {
            if (r->keys[k].type == PX_COL_TEXT) {
                assert_true(px_str_eq(a->v[i].key[k].s, b->v[i].key[k].s));
            } else {
                assert_true(a->v[i].key[k].i == b->v[i].key[k].i);
            }
        }
        assert_int_equal(a->v[i].present, b->v[i].present);
        assert_memory_equal(a->v[i].value, b->v[i].value, sizeof a->v[i].value);
    }
}

static void test_fold_does_not_depend_on_order(void **state) {
    struct rig *g = *state;
    static struct px_event e[MANY];
    static struct px_classified c[MANY], shuffled[MANY];
    make_many(g, 7, e, c);
    memcpy(shuffled, c, sizeof c);
    uint64_t seed = 9;
    for (size_t i = MANY - 1; i > 0; i--) {
        size_t j = (size_t)next(&seed) % (i + 1);
        struct px_classified swap = shuffled[i];
        shuffled[i] = shuffled[j];
        shuffled[j] = swap;
    }
    for (size_t i = 0; i < px_rollups_count(g->rollups); i++) {
        const struct px_rollup *r = px_rollups_get(g->rollups, i);
        struct px_deltas a = fold(g, r->name, c, MANY);
        struct px_deltas b = fold(g, r->name, shuffled, MANY);
        assert_true(a.n > 0);
        expect_same(r, &a, &b);
    }
}

/* Integer keys sort as numbers, also below zero and across the sign. */
static void test_fold_sorts_days_as_numbers(void **state) {
    struct rig *g = *state;
    struct px_event e = model_event("visit", "p", "b", T0);
    static const px_day days[] = {10, 9, -1, 100, 0};
    static const px_day want[] = {-1, 0, 9, 10, 100};
    struct px_classified c[PX_ARRAY_LEN(days)];
    for (size_t i = 0; i < PX_ARRAY_LEN(days); i++) {
        c[i] = classify(g, &e, PX_COUNTED, false);
        c[i].day = days[i];
    }
    struct px_deltas d = fold(g, "daily_metrics", c, PX_ARRAY_LEN(c));
    assert_int_equal(d.n, PX_ARRAY_LEN(want));
    for (size_t i = 0; i < d.n; i++) {
        assert_true(d.v[i].key[0].i == want[i]);
    }
}

/* Summed over classes and reasons it is event_summary; who was not classified is so. */
static void test_fold_parts_by_class(void **state) {
    static const char *const traffic[][2] = {
        {"human", ""}, {"bot", "ua:curl"}, {"", ""}, {"bot", "ua:bingbot"}, {"bot", "ua:curl"}};
    static const char *const rows[][2] = {
        {"bot", "ua:bingbot"}, {"bot", "ua:curl"}, {"human", ""}, {"unclassified", ""}};
    static const int64_t counts[] = {1, 2, 1, 1};
    struct rig *g = *state;
    struct px_event e[PX_ARRAY_LEN(traffic)];
    struct px_classified v[PX_ARRAY_LEN(traffic)];

    for (size_t i = 0; i < PX_ARRAY_LEN(traffic); i++) {
        e[i] = (struct px_event){.event_type = PX_S("visit"),
                                 .player_id = PX_S("p"),
                                 .banner_tag = PX_S("b"),
                                 .received_at = T0,
                                 .traffic_class = px_str_c(traffic[i][0]),
                                 .traffic_reason = px_str_c(traffic[i][1])};
        v[i] = classify(g, &e[i], PX_COUNTED, false);
    }
    struct px_deltas d = fold(g, "class_summary", v, PX_ARRAY_LEN(v));
    assert_int_equal(d.n, PX_ARRAY_LEN(rows));
    for (size_t i = 0; i < d.n; i++) {
        assert_int_equal(d.v[i].key[0].i, DAY);
        assert_true(px_str_is(d.v[i].key[3].s, rows[i][0]) &&
                    px_str_is(d.v[i].key[4].s, rows[i][1]));
        assert_int_equal(d.v[i].value[0], counts[i]);
    }
    assert_int_equal(fold(g, "event_summary", v, PX_ARRAY_LEN(v)).v[0].value[0], 5);
}

static void test_fold_of_nothing(void **state) {
    struct rig *g = *state;
    assert_int_equal(fold(g, "players", NULL, 0).n, 0);
}

/* A new type and a new aggregation, each one row, work together at once. */
static void test_fold_takes_new_rows_of_yaml(void **state PX_UNUSED) {
    struct model_file fe;
    struct model_file fr;
    model_file_copy(&fe, MODEL_EVENTS, NULL,
                    "\n  - {type: level_up, family: pixel, pixel: true, dedupe: event_id}\n");
    model_file_copy(&fr, MODEL_ROLLUPS, NULL,
                    "\n  - name: levels\n    bucket: 1h\n    key: [{from: banner_tag}]\n"
                    "    set: [{op: add, when: level_up}]\n");
    struct rig g = {.cat = model_catalog(fe.path)};
    g.rollups = model_rollups(fr.path, g.cat);
    px_arena_init(&g.arena, 1 << 20);
    struct px_event e[] = {
        model_event("level_up", "p", "b", T0 + 30 * PX_US_PER_MIN),
        model_event("level_up", "q", "b", T0 + 59 * PX_US_PER_MIN),
        model_event("visit", "q", "b", T0),
        model_event("level_up", "q", "a", T0 + 60 * PX_US_PER_MIN),
    };
    struct px_classified c[4];
    for (size_t i = 0; i < 4; i++) {
        c[i] = classify(&g, &e[i], PX_COUNTED, false);
        assert_non_null(c[i].type);
    }

    struct px_deltas d = fold(&g, "levels", c, 4);
    assert_int_equal(d.n, 2);
    assert_true(px_str_is(d.v[0].key[0].s, "levels"));
    assert_true(d.v[0].key[1].i == T0 && px_str_is(d.v[0].key[2].s, "b"));
    assert_true(px_str_is(d.v[0].key[3].s, "") && d.v[0].value[0] == 2);
    assert_true(d.v[1].key[1].i == T0 + PX_US_PER_HOUR && d.v[1].value[0] == 1);

    px_arena_fini(&g.arena);
    px_rollups_free(g.rollups);
    px_catalog_free(g.cat);
    model_file_fini(&fe);
    model_file_fini(&fr);
}

/* A batch of the same size again allocates nothing: the arena keeps its largest block. */
static void test_fold_is_free_of_allocation_when_warm(void **state) {
    struct rig *g = *state;
    static struct px_event e[MANY];
    static struct px_classified c[MANY];
    struct px_deltas d;
    const struct px_rollup *r = px_rollups_find(g->rollups, PX_S("players"));
    make_many(g, 3, e, c);
    for (int i = 0; i < 12; i++) {
        px_arena_reset(&g->arena);
        assert_int_equal(px_fold(r, c, MANY, &g->arena, &d), PX_OK);
    }
    px_arena_reset(&g->arena);
    px_mem_fail_at(1);
    enum px_code rc = px_fold(r, c, MANY, &g->arena, &d);
    px_mem_fail_at(0);
    assert_int_equal(rc, PX_OK);
}

struct work {
    struct rig *g;
    struct px_classified *c;
};

static enum px_code fold_once(void *arg) {
    struct work *w = arg;
    struct px_arena arena;
    struct px_deltas d;
    px_arena_init(&arena, (size_t)16 << 20);
    enum px_code rc = px_fold(px_rollups_get(w->g->rollups, 0), w->c, MANY, &arena, &d);
    px_arena_fini(&arena);
    return rc;
}

static void test_fold_torture(void **state) {
    static struct px_event e[MANY];
    static struct px_classified c[MANY];
    make_many(*state, 5, e, c);
    struct work w = {.g = *state, .c = c};
    assert_true(torture(fold_once, &w) >= 3);
}

static void test_fold_names_a_full_arena(void **state) {
    struct rig *g = *state;
    static struct px_event e[MANY];
    static struct px_classified c[MANY];
    make_many(g, 5, e, c);
    static const size_t caps[] = {100, 40000, 80000, 120000, 160000};
    for (size_t i = 0; i < PX_ARRAY_LEN(caps); i++) {
        struct px_arena small;
        struct px_deltas d = {.n = 77};
        px_arena_init(&small, caps[i]);
        enum px_code rc = px_fold(px_rollups_get(g->rollups, 0), c, MANY, &small, &d);
        assert_int_equal(rc, PX_TOO_LARGE);
        assert_int_equal(d.n, 77);
        px_arena_fini(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold_moves_by_disposition),
        cmocka_unit_test(test_fold_players_row),
        cmocka_unit_test(test_fold_uses_the_event_time),
        cmocka_unit_test(test_fold_two_banners_add_up),
        cmocka_unit_test(test_fold_agrees_with_a_slow_twin),
        cmocka_unit_test(test_fold_does_not_depend_on_order),
        cmocka_unit_test(test_fold_sorts_days_as_numbers),
        cmocka_unit_test(test_fold_parts_by_class),
        cmocka_unit_test(test_fold_of_nothing),
        cmocka_unit_test(test_fold_takes_new_rows_of_yaml),
        cmocka_unit_test(test_fold_is_free_of_allocation_when_warm),
        cmocka_unit_test(test_fold_torture),
        cmocka_unit_test(test_fold_names_a_full_arena),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
