/* What counts, checked in SQL on every database: the dispositions and what each of them moves. */
#include "apply_rig.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char dispositions[] =
    "SELECT disposition, count(*) FROM events GROUP BY disposition ORDER BY disposition";

static void test_apply_two_identical_pixels_count_once(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_settle(r);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_settle(r);

    rig_expect(r, dispositions, "counted|1\nrepeat|2");
    rig_expect(r, "SELECT event_type, count FROM daily_metrics", "visit|1");
    rig_expect(r, "SELECT event_type, banner_tag, count FROM event_summary", "visit|b1|1");
    rig_expect(r,
               "SELECT counted, repeated, next_offset FROM partition_ledger WHERE partition_id = 0",
               "1|2|3");
    rig_ledger_holds(r);
}

static void test_apply_duplicate_moves_last_event_at_only(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_settle(r);
    px_clock_fake_advance(&r->clock, PX_US_PER_MIN);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_settle(r);

    rig_expect(r, dispositions, "counted|1\nduplicate|1");
    rig_expect(r, "SELECT count FROM daily_metrics", "1");
    rig_expect(r, "SELECT count(*) FROM minute_summary", "1");
    rig_expect(r, "SELECT count(*) FROM players WHERE last_event_at > first_seen", "1");
    rig_ledger_holds(r);
}

/* The retry of the evening's visit arrives after midnight: nobody is counted twice, and the real
 * visit of the new day still counts. */
static void test_apply_retry_after_midnight(void **state) {
    struct rig *r = *state;
    px_clock_fake_advance(&r->clock, 12 * PX_US_PER_HOUR - 1);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_settle(r);
    px_clock_fake_advance(&r->clock, 2);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e2"});
    rig_settle(r);

    rig_expect(r, "SELECT event_date, count FROM daily_metrics ORDER BY event_date",
               "2024-10-04|1\n2024-10-05|1");
    rig_expect(r, "SELECT disposition FROM events ORDER BY \"offset\"",
               "counted\nduplicate\ncounted\nrepeat");
    rig_ledger_holds(r);
}

static void test_apply_same_id_other_banner_is_conflict(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_settle(r);
    px_clock_fake_advance(&r->clock, PX_US_PER_MIN);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b2", "e1"});
    rig_settle(r);

    rig_expect(r, dispositions, "conflict|1\ncounted|1");
    rig_expect(r, "SELECT banner_tag, count FROM event_summary", "b1|1");
    rig_expect(r, "SELECT count(*) FROM players WHERE last_event_at = first_seen", "1");
    rig_expect(r, "SELECT count(*) FROM dedupe_day", "1");
    rig_ledger_holds(r);
}

static void test_apply_two_deposits_of_one_day(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d1"});
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d2"});
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d2"});
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", NULL});
    rig_settle(r);
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d1"});
    rig_settle(r);

    rig_expect(r, "SELECT disposition FROM events ORDER BY \"offset\"",
               "counted\nrepeat\nduplicate\nrepeat\nduplicate");
    rig_expect(r, "SELECT count FROM daily_metrics", "1");
    rig_expect(r, "SELECT total_deposits FROM players", "2");
    rig_expect(
        r, "SELECT count(*) FROM players WHERE deposit_at IS NOT NULL AND registration_at IS NULL",
        "1");
    rig_ledger_holds(r);
}

static void test_apply_banners_add_up_to_days(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b2", NULL});
    rig_add(r, &(struct rig_event){1, "visit", "p2", "b1", "e1"});
    rig_add(r, &(struct rig_event){1, "visit", "p3", "b1", "e1"}); /* ids belong to a player */
    rig_add(r, &(struct rig_event){1, "registration", "p3", "b1", "e1"});
    rig_settle(r);

    rig_expect(r, "SELECT event_type, count FROM daily_metrics ORDER BY 1",
               "registration|1\nvisit|4");
    rig_expect(r, "SELECT event_type, SUM(count) FROM event_summary GROUP BY event_type ORDER BY 1",
               "registration|1\nvisit|4");
    rig_expect(r, "SELECT count(*) FROM players WHERE registration_at IS NOT NULL", "1");
    rig_ledger_holds(r);
}

static void test_apply_players_keep_first_and_last(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_settle(r);
    px_clock_fake_advance(&r->clock, -PX_US_PER_HOUR); /* an older event comes later */
    rig_add(r, &(struct rig_event){0, "registration", "p1", "b1", NULL});
    rig_settle(r);

    rig_expect(
        r,
        "SELECT count(*) FROM players p WHERE first_seen = registration_at AND last_event_at = "
        "(SELECT max(created_at) FROM events)",
        "1");
    rig_expect(
        r,
        "SELECT count(*) FROM consumer_offsets WHERE max_event_at = (SELECT max(received_at) FROM "
        "events)",
        "1");
}

static void test_apply_poison_and_holes_are_accounted_for(void **state) {
    struct rig *r = *state;
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    assert_true(rig_raw(r, 0, PX_S("no avro at all"))->dead);
    rig_hole(r, 0);
    rig_hole(r, 0);
    assert_int_equal(rig_raw(r, 0, (struct px_str){0})->reason, PX_REASON_NULL_MESSAGE);
    assert_int_equal(rig_add(r, &(struct rig_event){0, "no_such_type", "p1", "b1", NULL})->reason,
                     PX_REASON_UNKNOWN_TYPE);
    assert_true(rig_add(r, &(struct rig_event){0, "visit", "", "b1", NULL})->dead);
    rig_add(r, &(struct rig_event){0, "visit", "p2", "b1", NULL});
    rig_settle(r);

    rig_expect(r,
               "SELECT counted, dead_lettered, hole, next_offset FROM partition_ledger WHERE "
               "partition_id = 0",
               "2|4|2|8");
    rig_expect(r, "SELECT count(*) FROM events", "2");
    rig_ledger_holds(r);
}

/* Names that only look alike are different people, on every database. */
static void test_apply_keeps_every_character(void **state) {
    static const char *const players[] = {
        "\xf0\x9f\x98\x80",
        "\xf0\x9f\x98\x81", /* differ beyond U+FFFF */
        "\xc3\xa9",
        "e\xcc\x81", /* composed or not */
        "ana",
        "Ana",
        "ana ",             /* letters and blanks */
        "\xf4\x8f\xbf\xbf", /* the last of all */
    };
    struct rig *r = *state;
    for (size_t i = 0; i < PX_ARRAY_LEN(players); i++) {
        rig_add(r, &(struct rig_event){0, "visit", players[i], "\xf0\x9f\x8e\xb0", players[i]});
    }
    rig_settle(r);

    rig_expect(r, dispositions, "counted|8");
    rig_expect(r, "SELECT banner_tag, count FROM event_summary", "\xf0\x9f\x8e\xb0|8");
    rig_expect(r, "SELECT count(*) FROM players", "8");
    for (size_t i = 0; i < PX_ARRAY_LEN(players); i++) {
        char query[200], want[100];
        snprintf(query, sizeof query,
                 "SELECT player_id, client_event_id FROM events WHERE \"offset\" = %zu", i);
        snprintf(want, sizeof want, "%s|%s", players[i], players[i]);
        rig_expect(r, query, want);
    }
    rig_ledger_holds(r);
}

static void test_apply_without_raw_rows(void **state) {
    struct rig *r = *state;
    agg_core_fini(&r->core);
    r->conf.raw_store = false;
    rig_core(r, &r->core, "first");
    assert_int_equal(rig_take(r, &r->core, 0, 0, NULL), PX_OK);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_settle(r);

    rig_expect(r, "SELECT count(*) FROM events", "0");
    rig_expect(r, "SELECT count FROM daily_metrics", "1");
    rig_ledger_holds(r);
}

/* A mixed stream; what the tables hold may not depend on where it is cut into batches. */
static void stream(struct rig *r, size_t cut) {
    static const char *const types[] = {"visit", "deposit", "registration"};
    static const char *const players[] = {"p1", "p2", "p3", "p4", "p5"};
    static const char *const eids[] = {NULL, "e1", "e2", NULL, "e3", "e1"};
    for (size_t i = 0; i < 240; i++) {
        if (i % 60 == 0) {
            px_clock_fake_advance(&r->clock, 4 * PX_US_PER_HOUR);
        }
        size_t player = i * 7 % 5;
        struct rig_event e = {(int32_t)(player % RIG_PARTITIONS), types[i * 5 % 3], players[player],
                              i % 4 ? "b1" : "b2", eids[i * 11 % 6]};
        rig_add(r, &e);
        if (i % 17 == 3) {
            rig_raw(r, e.partition, PX_S("poison"));
        }
        if (i % cut == cut - 1) {
            rig_settle(r);
        }
    }
    if (!agg_batch_empty(&r->batch)) {
        rig_settle(r);
    }
    rig_ledger_holds(r);
}

#define DUMP_MAX (1 << 19)
static void test_apply_does_not_depend_on_cuts(void **state) {
    struct rig *r = *state;
    static const size_t cuts[] = {240, 1, 7, 100};
    char *first = malloc(DUMP_MAX);
    char *other = malloc(DUMP_MAX);
    for (size_t i = 0; i < PX_ARRAY_LEN(cuts); i++) {
        if (i > 0) {
            rig_close(r);
            rig_open(r, rig_dialect());
        }
        r->ids = (struct px_uuid_gen){0};
        stream(r, cuts[i]);
        rig_expect(r,
                   "SELECT (SELECT count(*) FROM events WHERE disposition = 'counted') - (SELECT "
                   "SUM(count) FROM daily_metrics)",
                   "0");
        rig_expect(
            r,
            "SELECT count(*) FROM (SELECT event_type, SUM(count) AS n FROM event_summary GROUP BY "
            "event_type EXCEPT SELECT event_type, SUM(count) FROM daily_metrics GROUP BY "
            "event_type) AS d",
            "0");
        rig_dump(r, i == 0 ? first : other, DUMP_MAX);
        /* ids are drawn at random: compare everything behind the raw rows, and the raw rows by
         * count */
        if (i > 0) {
            assert_string_equal(strstr(first, "\n2024-10-0"), strstr(other, "\n2024-10-0"));
        }
    }
    free(first);
    free(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_apply_two_identical_pixels_count_once),
        TEST(test_apply_duplicate_moves_last_event_at_only),
        TEST(test_apply_retry_after_midnight),
        TEST(test_apply_same_id_other_banner_is_conflict),
        TEST(test_apply_two_deposits_of_one_day),
        TEST(test_apply_banners_add_up_to_days),
        TEST(test_apply_players_keep_first_and_last),
        TEST(test_apply_poison_and_holes_are_accounted_for),
        TEST(test_apply_keeps_every_character),
        TEST(test_apply_without_raw_rows),
        TEST(test_apply_does_not_depend_on_cuts),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
