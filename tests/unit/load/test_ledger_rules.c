/* The checker's own rules, by a table of small logs: what each record must count as, and the sums
 * that follow. Written from the description of the rules, not from the aggregator. */
#include <ledger_rules.h>

#include <stdio.h>

#include "unit.h"

#define DAY PX_US_PER_DAY
#define MAX 6
enum {
    VISIT = 1,
    REGISTRATION,
    DEPOSIT
};
enum {
    ANA = 10,
    BOB
};
enum {
    SPRING = 20,
    SUMMER
};
#define E1 30
#define E2 31

static const struct lg_kept all_kept = {.unseen = false};

struct record {
    uint32_t type, player, banner, eid;
    px_us received, occurred;
    uint64_t content;
    int32_t partition;
    enum lg_disposition want, got;
    unsigned flags; /* besides LG_APPLIED */
};
struct log {
    const char *says;
    struct record v[MAX];
};

static const struct log logs[] = {
    {"the first counts, the next of its day repeats",
     {{VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 0, LG_REPEAT, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, DAY + 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"type, banner and player make keys of their own",
     {{VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SUMMER, 0, 2, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, 0, 3, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, BOB, SPRING, 0, 4, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"the day is that of the sender's time, when there is one",
     {{VISIT, ANA, SPRING, 0, DAY + 5, 7, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 9, 0, 0, 0, LG_REPEAT, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, DAY + 6, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"the same id and content is a duplicate, other content a conflict",
     {{DEPOSIT, ANA, SPRING, E1, 1, 0, 5, 0, LG_COUNTED, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E1, 2, 0, 5, 0, LG_DUPLICATE, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E1, 3, 0, 6, 0, LG_CONFLICT, LG_NONE, 0},
      {DEPOSIT, ANA, SUMMER, E1, 4, 0, 5, 0, LG_CONFLICT, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E1, 5, 4, 5, 0, LG_CONFLICT, LG_NONE, 0}}},
    {"everybody is measured against the holder, not against a loser",
     {{VISIT, ANA, SPRING, E1, 1, 0, 5, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, E1, 2, 0, 6, 0, LG_CONFLICT, LG_NONE, 0},
      {VISIT, ANA, SPRING, E1, 3, 0, 6, 0, LG_CONFLICT, LG_NONE, 0},
      {VISIT, ANA, SPRING, E1, 4, 0, 5, 0, LG_DUPLICATE, LG_NONE, 0}}},
    {"an id is scoped to player and type",
     {{VISIT, ANA, SPRING, E1, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E1, 2, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, BOB, SPRING, E1, 3, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"a second real deposit repeats, and holds its own id",
     {{DEPOSIT, ANA, SPRING, E1, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E2, 2, 0, 0, 0, LG_REPEAT, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E2, 3, 0, 0, 0, LG_DUPLICATE, LG_NONE, 0}}},
    {"a retry across midnight does not use up the new day",
     {{VISIT, ANA, SPRING, E1, DAY - 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, E1, DAY + 1, 0, 0, 0, LG_DUPLICATE, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, DAY + 2, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"a conflict does not use up a key either",
     {{VISIT, ANA, SPRING, E1, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SUMMER, E1, 2, 0, 0, 0, LG_CONFLICT, LG_NONE, 0},
      {VISIT, ANA, SUMMER, 0, 3, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"a type that counts every event id never repeats",
     {{VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_COUNTED, LG_NONE, LG_BY_ID},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 0, LG_COUNTED, LG_NONE, LG_BY_ID},
      {VISIT, ANA, SPRING, E1, 3, 0, 0, 0, LG_COUNTED, LG_NONE, LG_BY_ID},
      {VISIT, ANA, SPRING, E1, 4, 0, 0, 0, LG_DUPLICATE, LG_NONE, LG_BY_ID}}},
    {"the order is the log's, not the time of arrival",
     {{VISIT, ANA, SPRING, 0, 9, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_REPEAT, LG_NONE, 0}}},
    {"rows of another log hold what they won, and stand as they are stored",
     {{VISIT, ANA, SPRING, 0, 9, 0, 0, 0, LG_REPEAT, LG_NONE, 0},
      {DEPOSIT, ANA, SPRING, E1, 9, 0, 0, 0, LG_DUPLICATE, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 1, 0, 0, 3, LG_COUNTED, LG_COUNTED, LG_FOREIGN},
      {DEPOSIT, ANA, SPRING, E1, 1, 0, 0, 3, LG_REPEAT, LG_REPEAT, LG_FOREIGN},
      {DEPOSIT, ANA, SUMMER, E2, 1, 0, 0, 3, LG_CONFLICT, LG_CONFLICT, LG_FOREIGN},
      {DEPOSIT, ANA, SUMMER, 0, 1, 0, 0, 0, LG_COUNTED, LG_NONE, 0}}},
    {"rows below the log's start come first in their own partition only",
     {{VISIT, ANA, SPRING, 0, 9, 0, 0, 1, LG_REPEAT, LG_REPEAT, LG_FOREIGN | LG_BELOW},
      {VISIT, ANA, SPRING, 0, 10, 0, 0, 1, LG_REPEAT, LG_REPEAT, 0},
      {VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0}}},
    {"and stand as they are stored, also when nothing explains them",
     {{VISIT, ANA, SPRING, 0, 1, 0, 0, 0, LG_REPEAT, LG_REPEAT, LG_FOREIGN | LG_BELOW},
      {VISIT, ANA, SPRING, 0, 0, 0, 0, 1, LG_REPEAT, LG_REPEAT, 0},
      {VISIT, ANA, SUMMER, 0, 3, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0}}},
    {"a player in two partitions: by time of arrival when SQL says nothing",
     {{VISIT, ANA, SPRING, 0, 5, 0, 0, 0, LG_REPEAT, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 1, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, 0, 9, 0, 0, 1, LG_REPEAT, LG_NONE, 0}}},
    {"a player in two partitions: any order that explains SQL is right",
     {{VISIT, ANA, SPRING, 0, 5, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 1, LG_REPEAT, LG_REPEAT, 0}}},
    {"a player in two partitions: a retry may have been read before its original",
     {{DEPOSIT, ANA, SPRING, E1, 1, 0, 0, 0, LG_DUPLICATE, LG_DUPLICATE, 0},
      {DEPOSIT, ANA, SPRING, E1, 2, 0, 0, 1, LG_COUNTED, LG_COUNTED, 0}}},
    {"a player in two partitions: twice counted is explained by no order",
     {{VISIT, ANA, SPRING, 0, 5, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 1, LG_REPEAT, LG_COUNTED, 0}}},
    {"a player in two partitions: never counted neither",
     {{VISIT, ANA, SPRING, 0, 5, 0, 0, 0, LG_REPEAT, LG_REPEAT, 0},
      {VISIT, ANA, SPRING, 0, 2, 0, 0, 1, LG_COUNTED, LG_REPEAT, 0}}},
    {"a player in two partitions: inside each the log's order holds",
     {{VISIT, ANA, SPRING, 0, 5, 0, 0, 0, LG_COUNTED, LG_REPEAT, 0},
      {VISIT, ANA, SPRING, 0, 6, 0, 0, 0, LG_REPEAT, LG_COUNTED, 0},
      {VISIT, ANA, SUMMER, 0, 7, 0, 0, 1, LG_COUNTED, LG_COUNTED, 0}}},
};

static size_t lay_out(const struct log *log, struct lg_event *e, struct lg_event **v) {
    size_t n = 0;
    for (; n < MAX && log->v[n].type; n++) {
        const struct record *r = &log->v[n];
        e[n] = (struct lg_event){.id.b = {(uint8_t)n, 1},
                                 .offset = (int64_t)n,
                                 .received = r->received,
                                 .occurred = r->occurred,
                                 .content = r->content,
                                 .player = r->player,
                                 .type = r->type,
                                 .banner = r->banner,
                                 .eid = r->eid,
                                 .partition = r->partition,
                                 .got = (uint8_t)r->got,
                                 .flags = (uint16_t)(LG_APPLIED | r->flags)};
        v[n] = &e[n];
    }
    return n;
}

static void test_ledger_rules_decide(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(logs); i++) {
        struct lg_event e[MAX], *v[MAX];
        size_t n = lay_out(&logs[i], e, v);
        assert_true(n > 0);
        lg_decide(v, n, NULL, &all_kept);
        for (size_t k = 0; k < n; k++) {
            if (e[k].want != logs[i].v[k].want) {
                fail_msg("%s: record %zu is %s", logs[i].says, k,
                         lg_disposition_name((enum lg_disposition)e[k].want));
            }
        }
    }
}

/* --- what retention has taken -------------------------------------------------------------------
 */

#define OLD (LG_OLD)
/* Claims are kept from day 5 on, raw rows from day 8 on. */
static const struct log taken[] = {
    {"old events with a row stand as they are stored",
     {{VISIT, ANA, SPRING, 0, DAY, 0, 0, 0, LG_REPEAT, LG_REPEAT, OLD},
      {VISIT, ANA, SPRING, 0, DAY + 1, 0, 0, 0, LG_COUNTED, LG_COUNTED, OLD}}},
    {"an id whose holder is old may count again, if SQL says so",
     {{VISIT, ANA, SPRING, E1, DAY, 0, 0, 0, LG_COUNTED, LG_NONE, OLD},
      {VISIT, ANA, SPRING, E1, 9 * DAY, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0},
      {VISIT, ANA, SPRING, E1, 9 * DAY + 1, 0, 0, 0, LG_DUPLICATE, LG_COUNTED, 0}}},
    {"or may not",
     {{VISIT, ANA, SPRING, E1, DAY, 0, 0, 0, LG_COUNTED, LG_NONE, OLD},
      {VISIT, ANA, SPRING, E1, 9 * DAY, 0, 0, 0, LG_DUPLICATE, LG_DUPLICATE, 0}}},
    {"an id whose holder is young may not count again",
     {{VISIT, ANA, SPRING, E1, 6 * DAY, 0, 0, 0, LG_COUNTED, LG_NONE, 0},
      {VISIT, ANA, SPRING, E1, 9 * DAY, 0, 0, 0, LG_DUPLICATE, LG_COUNTED, 0}}},
    {"a day's key is not forgotten within its day",
     {{VISIT, ANA, SPRING, 0, 9 * DAY, 0, 0, 0, LG_COUNTED, LG_COUNTED, 0},
      {VISIT, ANA, SPRING, 0, 9 * DAY + 1, 0, 0, 0, LG_REPEAT, LG_COUNTED, 0}}},
};
static const struct log unseen[] = {
    {"who lost to an event that nothing shows stands as stored",
     {{VISIT, ANA, SPRING, E1, 9 * DAY, 0, 0, 0, LG_DUPLICATE, LG_DUPLICATE, 0},
      {VISIT, ANA, SPRING, 0, 9 * DAY + 1, 7 * DAY, 0, 0, LG_REPEAT, LG_REPEAT, 0}}},
    {"but not to one whose row would be there",
     {{VISIT, ANA, SPRING, 0, 9 * DAY, 0, 0, 0, LG_COUNTED, LG_REPEAT, 0}}},
};

static void check_kept(const struct log *log, const struct lg_kept *kept) {
    struct lg_event e[MAX], *v[MAX];
    size_t n = lay_out(log, e, v);
    lg_decide(v, n, NULL, kept);
    for (size_t k = 0; k < n; k++) {
        if (e[k].want != log->v[k].want) {
            fail_msg("%s: record %zu is %s", log->says, k,
                     lg_disposition_name((enum lg_disposition)e[k].want));
        }
    }
}

static void test_ledger_rules_know_what_retention_takes(void **state PX_UNUSED) {
    struct lg_kept kept = {.claims_from = 5, .raw_from = 8};
    for (size_t i = 0; i < PX_ARRAY_LEN(taken); i++) {
        check_kept(&taken[i], &kept);
    }
    kept.unseen = true;
    for (size_t i = 0; i < PX_ARRAY_LEN(unseen); i++) {
        check_kept(&unseen[i], &kept);
    }
}

/* --- sums ---------------------------------------------------------------------------------------
 */

static int64_t sum_at(const struct lg_table *t, int64_t a, int64_t b, int64_t c) {
    const struct lg_row *row = lg_row_find(t, (struct lg_key){.v = {a, b, c}});
    return row ? row->want : 0;
}

static const struct lg_names texts = {.registration = REGISTRATION, .deposit = DEPOSIT};

static void test_ledger_rules_sums_count_the_counted(void **state PX_UNUSED) {
    static const struct log log = {
        "",
        {{VISIT, ANA, SPRING, 0, DAY + 61000000, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {VISIT, ANA, SPRING, 0, DAY + 62000000, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {VISIT, BOB, SPRING, 0, DAY + 63000000, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {VISIT, BOB, SUMMER, 0, DAY + 200000000, 0, 0, 0, LG_NONE, LG_NONE, 0}}};
    struct lg_event e[MAX], *v[MAX];
    struct lg_sums s = {.counted = 0};
    size_t n = lay_out(&log, e, v);
    lg_decide(v, n, NULL, &all_kept);
    lg_sum(v, n, NULL, texts, &s);

    assert_int_equal(s.counted, 3);
    assert_int_equal(sum_at(&s.daily, 1, VISIT, 0), 3);
    assert_int_equal(sum_at(&s.banners, 1, VISIT, SPRING), 2);
    assert_int_equal(sum_at(&s.banners, 1, VISIT, SUMMER), 1);
    assert_int_equal(sum_at(&s.minutes, DAY + PX_US_PER_MIN, VISIT, SPRING), 2);
    assert_int_equal(sum_at(&s.minutes, DAY + 3 * PX_US_PER_MIN, VISIT, SUMMER), 1);
    lg_sums_fini(&s);
}

static void test_ledger_rules_sums_players(void **state PX_UNUSED) {
    static const struct log log = {
        "",
        {{REGISTRATION, ANA, SPRING, 0, 100, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {DEPOSIT, ANA, SPRING, E1, 200, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {DEPOSIT, ANA, SPRING, E2, 300, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {DEPOSIT, ANA, SPRING, 0, 400, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {DEPOSIT, ANA, SPRING, E2, 500, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {DEPOSIT, ANA, SUMMER, E2, 50, 0, 0, 0, LG_NONE, LG_NONE, 0}}};
    struct lg_event e[MAX], *v[MAX];
    struct lg_sums s = {.counted = 0};
    size_t n = lay_out(&log, e, v);
    lg_decide(v, n, NULL, &all_kept);
    lg_sum(v, n, NULL, texts, &s);
    const struct lg_player *p = lg_player_of(&s, ANA, false);

    assert_non_null(p);
    assert_true(p->registration_at == 100 && p->deposit_at == 200);
    assert_true(p->first_seen == 100);      /* not 50: a conflict moves nothing */
    assert_true(p->last_event_at == 500);   /* a duplicate moves it */
    assert_int_equal(p->total_deposits, 2); /* with ids of their own; the plain repeat is none */
    assert_null(lg_player_of(&s, BOB, false));
    lg_sums_fini(&s);
}

static void test_ledger_rules_day_zone(void **state PX_UNUSED) {
    static const struct log log = {
        "",
        {{VISIT, ANA, SPRING, 0, DAY - 1, 0, 0, 0, LG_NONE, LG_NONE, 0},
         {VISIT, ANA, SPRING, 0, DAY + 1, 0, 0, 0, LG_NONE, LG_NONE, 0}}};
    struct lg_event e[MAX], *v[MAX];
    struct px_zone *zone = NULL;
    size_t n = lay_out(&log, e, v);
    assert_int_equal(px_zone_load("Europe/Berlin", &zone, NULL), PX_OK);
    lg_decide(v, n, zone, &all_kept);
    assert_int_equal(e[1].want, LG_REPEAT); /* both after midnight there */
    px_zone_free(zone);
}

static void test_ledger_rules_who_takes_part(void **state PX_UNUSED) {
    struct lg_event e = {.flags = LG_APPLIED};
    assert_true(lg_takes_part(&e));
    e.flags = 0;
    assert_false(lg_takes_part(&e));
    e.flags = LG_APPLIED | LG_GAP;
    assert_false(lg_takes_part(&e));
    e = (struct lg_event){.flags = LG_APPLIED, .want = LG_DEAD};
    assert_false(lg_takes_part(&e));
    e = (struct lg_event){.flags = LG_FOREIGN};
    assert_true(lg_takes_part(&e));
}

/* --- memory -------------------------------------------------------------------------------------
 */

static void test_ledger_store_finds_what_it_keeps(void **state PX_UNUSED) {
    struct lg_texts t = {.left = 0};
    struct lg_table rows = {.index = {0}};
    char name[32];
    for (int64_t i = 0; i < 20000; i++) {
        struct px_str s = {.p = name,
                           .n = (size_t)snprintf(name, sizeof name, "p%lld", (long long)i)};
        assert_int_equal(lg_text_find(&t, s), LG_NOWHERE);
        assert_int_equal(lg_text(&t, s), i + 1);
        lg_row(&rows, (struct lg_key){.v = {i, -i}}, NULL)->want = i;
    }
    assert_int_equal(lg_text(&t, PX_S("p77")), 78);
    assert_true(px_str_is(lg_text_of(&t, 78), "p77"));
    assert_int_equal(lg_text(&t, PX_S("")), 0);
    assert_int_equal(lg_row_find(&rows, (struct lg_key){.v = {19999, -19999}})->want, 19999);
    assert_null(lg_row_find(&rows, (struct lg_key){.v = {5, 5}}));
    lg_texts_fini(&t);
    lg_table_fini(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_rules_decide),
        cmocka_unit_test(test_ledger_rules_know_what_retention_takes),
        cmocka_unit_test(test_ledger_rules_sums_count_the_counted),
        cmocka_unit_test(test_ledger_rules_sums_players),
        cmocka_unit_test(test_ledger_rules_day_zone),
        cmocka_unit_test(test_ledger_rules_who_takes_part),
        cmocka_unit_test(test_ledger_store_finds_what_it_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
