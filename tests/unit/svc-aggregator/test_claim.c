/* Claims and dispositions: what counts, for tables of events that come in one batch or in several.
 * The database is played by two small sets that answer like insert-ignore does. */
#include "claim.h"
#include "ledger.h"
#include "unit.h"

#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define MAX  64
#define DAY1 (INT64_C(20000) * PX_US_PER_DAY)
#define NOON (12 * PX_US_PER_HOUR)

static const struct px_family family = {.name = "pixel", .topic = "PIXEL_EVENTS", .partitions = 1};
static const struct px_event_type types[] = {
    {.name = "visit", .index = 0, .family = &family, .pixel = true, .dedupe = PX_DEDUPE_DAY},
    {.name = "deposit", .index = 1, .family = &family, .pixel = true, .dedupe = PX_DEDUPE_DAY},
    {.name = "click", .index = 2, .family = &family, .dedupe = PX_DEDUPE_EVENT_ID},
};

/* What the two claim tables hold. */
struct world {
    struct px_key128 client[MAX], natural[MAX];
    int64_t fingerprint[MAX];
    px_day day[MAX];
    size_t nclient, nnatural;
    px_day floor; /* events of days before it are late */
};

/* One row of a table: an event and what must become of it. */
struct row {
    int type;
    const char *player, *banner, *eid;
    px_us at;
    enum px_disposition want;
    bool own;
    bool new_batch; /* this row starts a new transaction */
};

static void fill(struct agg_item *it, const struct row *r, int64_t offset) {
    *it = (struct agg_item){.partition = 0, .offset = offset, .type = &types[r->type]};
    it->event.id.b[15] = (uint8_t)(offset + 1);
    it->event.event_type = px_str_c(types[r->type].name);
    it->event.player_id = px_str_c(r->player);
    it->event.banner_tag = px_str_c(r->banner);
    it->event.client_event_id = px_str_c(r->eid);
    it->event.received_at = r->at;
    it->day = px_day_of(r->at);
    it->natural = px_dedupe_natural_key(&it->event, it->type, it->day);
    if (r->eid) {
        it->client = px_dedupe_client_key(&it->event);
        it->fingerprint = px_dedupe_fingerprint(&it->event);
    }
}

static void ask_client(struct world *w, struct agg_claims *c) {
    for (size_t i = 0; i < c->n; i++) {
        const struct agg_item *it = c->v[c->sorted[i]].holder;
        size_t k = 0;
        while (k < w->nclient && !px_key_eq(w->client[k], it->client)) {
            k++;
        }
        if (k < w->nclient) {
            assert_true(agg_claim_stored(c, it->client, w->fingerprint[k]));
            continue;
        }
        w->client[w->nclient] = it->client;
        w->fingerprint[w->nclient++] = it->fingerprint;
        assert_true(agg_claim_won(c, it->client));
    }
}

static void ask_natural(struct world *w, struct agg_claims *c) {
    for (size_t i = 0; i < c->n; i++) {
        const struct agg_item *it = c->v[c->sorted[i]].holder;
        size_t k = 0;
        while (k < w->nnatural &&
               !(w->day[k] == it->day && px_key_eq(w->natural[k], it->natural))) {
            k++;
        }
        if (k == w->nnatural) {
            w->day[w->nnatural] = it->day;
            w->natural[w->nnatural++] = it->natural;
            assert_true(agg_claim_won(c, it->natural));
        }
    }
}

static void classify(struct world *w, const struct agg_slice *s) {
    struct agg_claims c;
    assert_int_equal(agg_claims_init(&c, MAX, NULL), PX_OK);
    assert_int_equal(agg_claim_client_begin(&c, s, w->floor, NULL), PX_OK);
    ask_client(w, &c);
    assert_int_equal(agg_claim_client_end(&c, s, NULL), PX_OK);
    assert_int_equal(agg_claim_natural_begin(&c, s, NULL), PX_OK);
    ask_natural(w, &c);
    agg_claim_natural_end(&c, s);
    agg_claims_fini(&c);
}

/* Runs the rows twice: cut into batches as they say, and each in a batch of its own. The outcome
 * may not depend on where batches are cut. */
static void check(const struct row *rows, size_t n, bool singly) {
    struct world w = {0};
    struct agg_item items[MAX];
    struct agg_item *order[MAX];
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        fill(&items[i], &rows[i], (int64_t)i);
        order[i] = &items[i];
        if (i + 1 == n || singly || rows[i + 1].new_batch) {
            struct agg_slice s = {.items = order + from, .n = i + 1 - from};
            classify(&w, &s);
            from = i + 1;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i].disposition != rows[i].want || items[i].own_new_id != rows[i].own) {
            fail_msg("row %zu%s: %s, own %d; wanted %s, own %d", i, singly ? " (singly)" : "",
                     px_disposition_name(items[i].disposition), items[i].own_new_id,
                     px_disposition_name(rows[i].want), rows[i].own);
        }
    }
}

#define CHECK(rows)                                                                                \
    do {                                                                                           \
        check(rows, PX_ARRAY_LEN(rows), false);                                                    \
        check(rows, PX_ARRAY_LEN(rows), true);                                                     \
    } while (0)

static void test_claim_two_identical_pixels(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", NULL, DAY1, PX_COUNTED, false, false},
        {0, "p1", "b1", NULL, DAY1 + 1, PX_REPEAT, false, false},
        {0, "p1", "b1", NULL, DAY1 + NOON, PX_REPEAT, false, true},
        {0, "p1", "b1", NULL, DAY1 + PX_US_PER_DAY, PX_COUNTED, false, false},
    };
    CHECK(rows);
}

static void test_claim_same_eid_again(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {0, "p1", "b1", "e1", DAY1 + 5, PX_DUPLICATE, false, false},
        {0, "p1", "b1", "e1", DAY1 + 6, PX_DUPLICATE, false, true},
    };
    CHECK(rows);
}

/* A retry that arrives after midnight is a duplicate and leaves the new day's key for the real
 * visit. */
static void test_claim_same_eid_after_midnight(void **state) {
    (void)state;
    const px_us next = DAY1 + PX_US_PER_DAY;
    const struct row rows[] = {
        {0, "p1", "b1", "e1", next - 1, PX_COUNTED, true, false},
        {0, "p1", "b1", "e1", next + 1, PX_DUPLICATE, false, false},
        {0, "p1", "b1", "e2", next + 2, PX_COUNTED, true, false},
        {0, "p1", "b1", NULL, next + 3, PX_REPEAT, false, false},
    };
    CHECK(rows);
}

static void test_claim_same_eid_other_banner_is_conflict(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {0, "p1", "b2", "e1", DAY1 + 1, PX_CONFLICT, false, false},
        {0, "p1", "b2", NULL, DAY1 + 2, PX_COUNTED, false, false}, /* the conflict used no key up */
        {0, "p1", "b1", "e1", DAY1 + 3, PX_DUPLICATE, false, true},
        {0, "p1", "b2", "e1", DAY1 + 4, PX_CONFLICT, false, false},
        {0, "p1", "b1", "e1", DAY1 + 5, PX_DUPLICATE, false, false}, /* against the true holder */
    };
    CHECK(rows);
}

static void test_claim_two_deposits_one_day(void **state) {
    (void)state;
    static const struct row rows[] = {
        {1, "p1", "b1", "d1", DAY1, PX_COUNTED, true, false},
        {1, "p1", "b1", "d2", DAY1 + 1, PX_REPEAT, true, false},
        {1, "p1", "b1", "d2", DAY1 + 2, PX_DUPLICATE, false, false},
        {1, "p1", "b1", NULL, DAY1 + 3, PX_REPEAT, false, true},
    };
    CHECK(rows);
}

static void test_claim_banner_is_part_of_the_key(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", NULL, DAY1, PX_COUNTED, false, false},
        {0, "p1", "b2", NULL, DAY1, PX_COUNTED, false, false},
        {0, "p1", "b2", NULL, DAY1, PX_REPEAT, false, true},
    };
    CHECK(rows);
}

static void test_claim_ids_belong_to_player_and_type(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {0, "p2", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {1, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
    };
    CHECK(rows);
}

static void test_claim_event_id_rule_counts_every_event(void **state) {
    (void)state;
    static const struct row rows[] = {
        {2, "p1", "b1", NULL, DAY1, PX_COUNTED, false, false},
        {2, "p1", "b1", NULL, DAY1, PX_COUNTED, false, false},
        {2, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {2, "p1", "b1", "e1", DAY1, PX_DUPLICATE, false, false},
    };
    CHECK(rows);
}

static void test_claim_dead_records_claim_nothing(void **state) {
    (void)state;
    const struct row row = {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false};
    struct world w = {0};
    struct agg_item items[2];
    struct agg_item *order[2] = {&items[0], &items[1]};
    fill(&items[0], &row, 0);
    fill(&items[1], &row, 1);
    items[0].dead = true;

    classify(&w, &(struct agg_slice){.items = order, .n = 2});

    assert_int_equal(items[0].disposition, PX_DEAD_LETTERED);
    assert_int_equal(items[1].disposition, PX_COUNTED);
}

/* Events of days whose claims may be gone make none, whatever they carry. */
static void test_claim_late_events_claim_nothing(void **state) {
    (void)state;
    const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1 - 1, PX_LATE, false, false},
        {0, "p1", "b1", NULL, DAY1 - 1, PX_LATE, false, false},
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
    };
    struct world w = {.floor = 20000};
    struct agg_item items[3];
    struct agg_item *order[3];
    for (size_t i = 0; i < 3; i++) {
        fill(&items[i], &rows[i], (int64_t)i);
        order[i] = &items[i];
    }

    classify(&w, &(struct agg_slice){.items = order, .n = 3});

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(items[i].disposition, rows[i].want);
        assert_int_equal(items[i].own_new_id, rows[i].own);
    }
    assert_int_equal(w.nclient, 1);
    assert_int_equal(w.nnatural, 1);
}

/* Events of erased players make none either, of whatever day; a rollback later it may be otherwise.
 */
static void test_claim_erased_players_claim_nothing(void **state) {
    (void)state;
    const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1, PX_ERASED, false, false},
        {0, "p1", "b1", NULL, DAY1 - 1, PX_ERASED, false, false},
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
    };
    struct world w = {.floor = 20000};
    struct agg_item items[3];
    struct agg_item *order[3];
    for (size_t i = 0; i < 3; i++) {
        fill(&items[i], &rows[i], (int64_t)i);
        items[i].erased = rows[i].want == PX_ERASED;
        order[i] = &items[i];
    }

    classify(&w, &(struct agg_slice){.items = order, .n = 3});

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(items[i].disposition, rows[i].want);
        assert_int_equal(items[i].own_new_id, rows[i].own);
    }
    assert_int_equal(w.nclient, 1);
    assert_int_equal(w.nnatural, 1);
}

/* A redo after a rollback sees the same records and must come to the same result. */
static void test_claim_redo_is_identical(void **state) {
    (void)state;
    static const struct row rows[] = {
        {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false},
        {0, "p1", "b1", "e1", DAY1, PX_DUPLICATE, false, false},
        {0, "p1", "b1", NULL, DAY1, PX_REPEAT, false, false},
        {0, "p1", "b2", "e1", DAY1, PX_CONFLICT, false, false},
    };
    struct agg_item items[4];
    struct agg_item *order[4];
    for (size_t i = 0; i < 4; i++) {
        fill(&items[i], &rows[i], (int64_t)i);
        order[i] = &items[i];
    }
    struct agg_slice s = {.items = order, .n = 4};
    for (int round = 0; round < 3; round++) {
        struct world w = {0}; /* rolled back: nothing was stored */
        classify(&w, &s);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(items[i].disposition, rows[i].want);
            assert_int_equal(items[i].own_new_id, rows[i].own);
        }
    }
}

static void test_claim_loser_without_holder_is_a_defect(void **state) {
    (void)state;
    const struct row row = {0, "p1", "b1", "e1", DAY1, PX_COUNTED, true, false};
    struct agg_item item;
    struct agg_item *order[1] = {&item};
    fill(&item, &row, 0);
    struct agg_slice s = {.items = order, .n = 1};
    struct agg_claims c;
    assert_int_equal(agg_claims_init(&c, MAX, NULL), PX_OK);
    assert_int_equal(agg_claim_client_begin(&c, &s, 0, NULL), PX_OK);

    assert_int_equal(agg_claims_lost(&c), 1);
    assert_int_equal(agg_claim_client_end(&c, &s, NULL), PX_INTERNAL);
    assert_false(agg_claim_won(&c, (struct px_key128){1, 2}));

    agg_claims_fini(&c);
}

/* Candidates go to the database in key order, whatever order the log has. */
static void test_claim_candidates_are_sorted(void **state) {
    (void)state;
    struct agg_item items[MAX];
    struct agg_item *order[MAX];
    char players[MAX][8];
    for (size_t i = 0; i < MAX; i++) {
        snprintf(players[i], sizeof players[i], "p%zu", i * 7 % MAX);
        struct row row = {0, players[i], "b", "e", DAY1, PX_COUNTED, true, false};
        fill(&items[i], &row, (int64_t)i);
        order[i] = &items[i];
    }
    struct agg_claims c;
    assert_int_equal(agg_claims_init(&c, MAX, NULL), PX_OK);
    assert_int_equal(
        agg_claim_client_begin(&c, &(struct agg_slice){.items = order, .n = MAX}, 0, NULL), PX_OK);
    assert_int_equal(c.n, MAX);
    for (size_t i = 1; i < MAX; i++) {
        assert_true(c.v[c.sorted[i - 1]].holder->client.h1 < c.v[c.sorted[i]].holder->client.h1);
    }
    agg_claims_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_two_identical_pixels),
        cmocka_unit_test(test_claim_same_eid_again),
        cmocka_unit_test(test_claim_same_eid_after_midnight),
        cmocka_unit_test(test_claim_same_eid_other_banner_is_conflict),
        cmocka_unit_test(test_claim_two_deposits_one_day),
        cmocka_unit_test(test_claim_banner_is_part_of_the_key),
        cmocka_unit_test(test_claim_ids_belong_to_player_and_type),
        cmocka_unit_test(test_claim_event_id_rule_counts_every_event),
        cmocka_unit_test(test_claim_dead_records_claim_nothing),
        cmocka_unit_test(test_claim_late_events_claim_nothing),
        cmocka_unit_test(test_claim_erased_players_claim_nothing),
        cmocka_unit_test(test_claim_redo_is_identical),
        cmocka_unit_test(test_claim_loser_without_holder_is_a_defect),
        cmocka_unit_test(test_claim_candidates_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
