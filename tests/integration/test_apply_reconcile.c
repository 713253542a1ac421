/* --reconcile and --rebuild by the real binary, on every database: a stream of everything that can
 * become of an event, folded by the aggregator, agrees with what the database counts again from the
 * raw rows; a row that is changed, lost or made up by hand is named, and mended to what it was. */
#include "accounts.h"
#include "reconcile_rig.h"
#include "torture.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* The fold of the aggregator and the SQL of the comparison were written apart: here they meet. */
static void test_reconcile_agrees_with_the_fold(void **state) {
    struct book *b = *state;
    for (b->seed = 1; b->seed < 3; b->seed++) {
        uint64_t seed = b->seed;
        book_stream(b, 700);
        b->seed = seed;
    }
    struct px_sql *s = b->rig.db.s;
    assert_int_equal(sql_int(s, "SELECT count(DISTINCT disposition) FROM events"), 4);
    assert_true(sql_int(s, "SELECT count(*) FROM events WHERE disposition = 'repeat' AND "
                           "client_event_id IS NOT NULL") > 20);
    assert_true(sql_int(s, "SELECT SUM(next_offset) FROM consumer_offsets") >
                sql_int(s, "SELECT count(*) FROM events") + 20);
    assert_int_equal(sql_int(s, "SELECT count(DISTINCT rollup) FROM rollup_values"), 4);
    assert_true(sql_int(s, "SELECT count(DISTINCT event_date) FROM daily_metrics") >= 5);

    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "reconcile: exact\n");
    book_says(b, "ok        rollup.odds: ");
    book_says(b, "unchecked rollup.arrivals: not checked: it adds up accepted events");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "rebuild: nothing to change\n");
    book_same(b);
}

static void test_every_event_of_a_log_without_copies_is_seen(void **state) {
    struct book *b = *state;
    b->seed = 5;
    b->no_copies = true;
    book_stream(b, 500);
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "ok        rollup.arrivals: ");
}

struct wound {
    const char *sql, *named;
};
static const struct wound wounds[] = {
    {"UPDATE event_summary SET count = count + 5 WHERE event_date = '2024-10-27' AND event_type = "
     "'visit' AND banner_tag = 'b1'",
     "row event_summary event_date=\"2024-10-27\" event_type=\"visit\" banner_tag=\"b1\": count "
     "stored "},
    {"DELETE FROM event_summary WHERE event_date = '2024-10-28' AND event_type = 'deposit' AND "
     "banner_tag = 'b2'",
     "row event_summary event_date=\"2024-10-28\" event_type=\"deposit\" banner_tag=\"b2\": is "
     "missing, count recomputed "},
    {"INSERT INTO event_summary VALUES ('2024-10-27', 'visit', 'nobody', 3)",
     "row event_summary event_date=\"2024-10-27\" event_type=\"visit\" banner_tag=\"nobody\": is "
     "too many, count stored 3"},
    {"UPDATE daily_metrics SET count = 1 WHERE event_date = '2024-10-26' AND event_type = 'visit'",
     "row daily_metrics event_date=\"2024-10-26\" event_type=\"visit\": count stored 1 "
     "recomputed "},
    {"DELETE FROM daily_metrics WHERE event_date = '2024-10-28'",
     "row daily_metrics event_date=\"2024-10-28\" event_type=\"visit\": is missing"},
    {"INSERT INTO daily_metrics VALUES ('1999-12-31', 'visit', 7)",
     "row daily_metrics event_date=\"1999-12-31\" event_type=\"visit\": is too many"},
    {"UPDATE class_summary SET traffic_reason = 'ua:x' WHERE event_date = '2024-10-26' AND "
     "traffic_class = 'human'",
     "traffic_class=\"human\" traffic_reason=\"ua:x\": is too many"},
    {"UPDATE class_summary SET count = count + 1 WHERE event_date = '2024-10-27'",
     "row class_summary event_date=\"2024-10-27\""},
    {"UPDATE minute_summary SET count = 77 WHERE bucket_start = (SELECT MIN(bucket_start) FROM "
     "minute_summary)",
     "row minute_summary bucket_start=2024-10-2"},
    {"DELETE FROM minute_summary WHERE bucket_start = (SELECT MAX(bucket_start) FROM "
     "minute_summary)",
     ": is missing, count recomputed 1"},
    {"INSERT INTO minute_summary SELECT bucket_start, 'visit', 'made-up', 2 FROM minute_summary "
     "WHERE bucket_start = (SELECT MIN(bucket_start) FROM minute_summary) GROUP BY bucket_start",
     "banner_tag=\"made-up\": is too many, count stored 2"},
    {"UPDATE players SET last_event_at = first_seen, total_deposits = 40, deposit_at = NULL WHERE "
     "player_id = 'player-3'",
     "row players player_id=\"player-3\": last_event_at stored 2024-10-2"},
    {"DELETE FROM players WHERE player_id = 'player-4'",
     "row players player_id=\"player-4\": is missing, first_seen recomputed 2024-10-2"},
    {"INSERT INTO players (player_id, total_deposits) VALUES ('ghost', 1)",
     "row players player_id=\"ghost\": is too many"},
    {"UPDATE rollup_values SET value = value + 1 WHERE rollup = 'player_hours' AND dim1 = "
     "'player-1'",
     "row rollup_values rollup=\"player_hours\" bucket_start=2024-10-2"},
    {"DELETE FROM rollup_values WHERE rollup = 'banner_deposits'",
     "row rollup_values rollup=\"banner_deposits\" bucket_start=2024-10-2"},
    {"UPDATE partition_ledger SET counted = counted + 1 WHERE partition_id = 1",
     "partition_id=1: counted stored "},
    {"UPDATE partition_ledger SET next_offset = next_offset - 2 WHERE partition_id = 2",
     "partition_id=2: next_offset stored "},
    {"INSERT INTO partition_ledger (log_id, topic, partition_id, first_offset, next_offset) VALUES "
     "('log-9', 'EVT_TEST', 77, 0, 0)",
     "row partition_ledger log_id=\"log-9\" topic=\"EVT_TEST\" partition_id=77: is too many"},
};

static void test_every_wound_is_named_and_mended(void **state) {
    struct book *b = *state;
    b->seed = 7;
    book_stream(b, 500);
    book_dump(b, b->first);
    int64_t revision = sql_int(b->rig.db.s, "SELECT SUM(revision) FROM consumer_offsets");
    for (size_t i = 0; i < PX_ARRAY_LEN(wounds); i++) {
        sql_do(b->rig.db.s, wounds[i].sql);
    }
    EXPECT_RUN(b, 1, "--reconcile");
    for (size_t i = 0; i < PX_ARRAY_LEN(wounds); i++) {
        book_says(b, wounds[i].named);
    }
    book_says(b, " differences\n");
    EXPECT_RUN(b, 1, "--reconcile", "--json");
    book_says(b,
              "{\"check\":\"rollup.players\",\"status\":\"differs\",\"table\":\"players\",\"kind\":"
              "\"missing\",\"key\":{\"player_id\":\"player-4\"}");
    book_says(b, "{\"check\":\"sum.banners\",\"status\":\"differs\",\"facts\":");

    book_dump(b, b->now);
    size_t before = strlen(b->now);
    EXPECT_RUN(b, 0, "--rebuild", "--dry-run");
    book_says(b, " rows would change\n");
    book_dump(b, b->now);
    assert_int_equal(strlen(b->now), before);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, " rows changed\n");
    book_same(b);
    assert_true(sql_int(b->rig.db.s, "SELECT SUM(revision) FROM consumer_offsets") > revision);
    EXPECT_RUN(b, 0, "--reconcile");
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "rebuild: nothing to change\n");
}

/* Without dead letters and holes every row of the ledger follows from the raw rows. */
static void test_a_lost_ledger_row_is_made_again_when_it_is_proven(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    for (size_t i = 0; i < 40; i++) {
        rig_add(&b->rig, &(struct rig_event){(int32_t)(i % 4), "visit", i % 3 ? "p1" : "p2", "b1",
                                             i % 5 ? NULL : "e1"});
    }
    rig_settle(&b->rig);
    book_dump(b, b->first);
    sql_do(s, "DELETE FROM partition_ledger WHERE partition_id = 3");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b,
              "partition_id=3: is missing, first_offset recomputed 0, next_offset recomputed 10");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);

    /* a number that leaves no trace in SQL is named, and left alone */
    sql_do(s, "UPDATE partition_ledger SET dead_lettered = 2 WHERE partition_id = 0");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "partition_id=0: sum of the columns from counted on stored 12 recomputed 10");
    EXPECT_RUN(b, 1, "--rebuild");
    book_says(b, "1 wrong and not proven by raw rows");
    assert_int_equal(
        sql_int(s, "SELECT dead_lettered FROM partition_ledger WHERE partition_id = 0"), 2);
}

static void test_days_can_be_named(void **state) {
    struct book *b = *state;
    b->seed = 11;
    book_stream(b, 300);
    sql_do(b->rig.db.s, "UPDATE event_summary SET count = count + 1 WHERE event_date = "
                        "'2024-10-27' AND event_type = 'visit'");
    EXPECT_RUN(b, 0, "--reconcile", "--to=2024-10-26");
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-28");
    EXPECT_RUN(b, 1, "--reconcile", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-28", "--to=2024-10-29");
    book_says(b, "nothing to change");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--reconcile");

    EXPECT_RUN(b, 64, "--reconcile", "--from=2024-13-01");
    book_says(b, "--from: \"2024-13-01\" is no date since 1970; write YYYY-MM-DD");
    EXPECT_RUN(b, 64, "--rebuild", "--to=yesterday");
    book_says(b, "--to: \"yesterday\" is no date");
    EXPECT_RUN(b, 64, "--reconcile", "--from=2024-10-28", "--to=2024-10-27");
    book_says(b, "--from 2024-10-28 lies after --to 2024-10-27: swap them");
    EXPECT_RUN(b, 64, "--rebuild", "--from=2020-01-01", "--to=2024-10-27");
    book_says(b, "at most 550 at once: ask in parts");
}

/* What retention will do: record the day, remove the raw rows before it. */
static void test_days_without_all_raw_rows_are_listed_and_left_alone(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 13;
    book_stream(b, 400);
    sql_do(s, "INSERT INTO px_settings VALUES ('raw_complete_from', '2024-10-27')");
    /* 27 October begins at 22:00 UTC of the 26th in Berlin */
    sql_do(s, "DELETE FROM events WHERE created_at < '2024-10-26 22:00:00.000000'");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "unchecked days 1970-01-01 to 2024-10-26: not checked: raw rows are complete from "
                 "2024-10-27 on");
    book_says(b, "reconcile: exact\n");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "nothing to change");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-28");
    book_says(b, "2024-10-26 cannot be rebuilt: raw rows are complete from 2024-10-27 on");
    book_same(b);

    sql_do(s, "UPDATE daily_metrics SET count = count + 2 WHERE event_type = 'visit' AND "
              "event_date >= '2024-10-26'");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "row daily_metrics event_date=\"2024-10-27\" event_type=\"visit\": count stored ");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-27");
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-27");
    EXPECT_RUN(b, 1, "--reconcile"); /* the day before can only be compared with its banners */
    book_says(b,
              "row daily_metrics event_date=\"2024-10-26\" event_type=\"visit\": count against the "
              "sum of event_summary stored ");
}

/* Raw:Store was off for a while, and nobody recorded it: the counts tell. */
static void test_missing_raw_rows_are_found_by_the_counts(void **state) {
    struct book *b = *state;
    b->seed = 17;
    book_stream(b, 300);
    sql_do(b->rig.db.s, "DELETE FROM events WHERE disposition = 'counted' AND created_at >= "
                        "'2024-10-27 00:00:00' AND created_at < '2024-10-27 12:00:00'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(
        b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing: Raw:Store "
           "was off");
    book_says(b, "unchecked rollup.players: not checked: raw rows of counted events are missing");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);

    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-28", "--to=2024-10-28");
    sql_do(b->rig.db.s, "DELETE FROM events");
    EXPECT_RUN(b, 0, "--reconcile");
    EXPECT_RUN(b, 0, "--rebuild");
    book_dump(b, b->now);
    assert_string_equal(strstr(b->first, "\n2024-10-2"), strstr(b->now, "\n2024-10-2"));
}

/* The day was counted by a program that does not know class_summary, and without raw rows: that the
 * one has as little as the other does not make the raw rows complete. */
static void test_missing_raw_rows_of_a_day_without_classes(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 41;
    book_stream(b, 300);
    sql_do(s, "DELETE FROM events WHERE created_at >= '2024-10-26 22:00:00' AND created_at < "
              "'2024-10-27 22:00:00'");
    sql_do(s, "DELETE FROM class_summary WHERE event_date = '2024-10-27'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);

    sql_do(s, "DELETE FROM class_summary WHERE event_date = '2024-10-28'");
    book_do_page(b, "docs/TRAFFIC.md", NULL);
    book_do_page(b, "docs/TRAFFIC.md", NULL); /* there is nothing left to say */
    assert_int_equal(sql_int(s, "SELECT count(DISTINCT traffic_class) FROM class_summary WHERE "
                                "event_date = '2024-10-27'"),
                     1);
    EXPECT_RUN(b, 1, "--reconcile"); /* the other day's classes are known */
    book_says(b, "ok        sum.classes: 0 days and types differ");
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 0, "--reconcile");
}

/* The account that could tell of missing raw rows is wrong itself, and raw rows do not say so. */
static void test_missing_raw_rows_of_a_wrong_account(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 37;
    b->no_copies = true;
    book_stream(b, 300);
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND \"partition\" = 2 AND "
              "created_at >= '2024-10-27 00:00:00' AND created_at < '2024-10-27 12:00:00'");
    book_dump(b, b->first);
    sql_do(s, "UPDATE partition_ledger SET next_offset = next_offset - 2 WHERE partition_id = 2");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing");
    book_says(b, "reconcile: 1 differences\n");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);
    EXPECT_RUN(b, 0, "--reconcile");
}

/* A bucket of a day in UTC ends two hours into the next day of Berlin, which nobody asked for. */
static void test_a_bucket_needs_the_day_that_it_reaches_into(void **state) {
    struct book *b = *state;
    b->seed = 31;
    book_stream(b, 300);
    sql_do(b->rig.db.s, "DELETE FROM events WHERE disposition IN ('counted', 'repeat') AND "
                        "created_at >= '2024-10-26 22:00:00' AND created_at < '2024-10-27'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-26", "--to=2024-10-26");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-26", "--to=2024-10-26");
    book_says(b, "rebuild: nothing to change\n");
    book_same(b);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-27");
}

/* The log begins at offset 5 by now, and an operator accepts that. */
static void test_gaps_agree_with_their_record(void **state) {
    struct book *b = *state;
    struct rig *r = &b->rig;
    struct px_err e = PX_ERR_INIT;
    r->conf.on_gap = AGG_GAP_RECORD;
    assert_int_equal(rig_take(r, &r->core, 5, 9, &e), PX_OK);
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        r->offset[i] = 5;
        rig_add(r, &(struct rig_event){i, "visit", "p1", "b1", NULL});
    }
    rig_settle(r);
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, ", 20 gap, 0 wrong");
    sql_do(r->db.s, "UPDATE partition_ledger SET gap = 4 WHERE partition_id = 2");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "partition_id=2: gap stored 4 recomputed 5");
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 0, "--reconcile");
    sql_do(r->db.s, "DELETE FROM ingest_gaps WHERE partition_id = 1");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "partition_id=1: gap stored 5 recomputed 0\n");
    EXPECT_RUN(b, 1, "--rebuild"); /* nothing says that there was none */
}

/* More rows than anybody wants to read. */
static void test_only_the_first_hundred_rows_are_named(void **state) {
    struct book *b = *state;
    b->seed = 23;
    book_stream(b, 250);
    int64_t rows = sql_int(b->rig.db.s, "SELECT count(*) FROM minute_summary");
    assert_true(rows > 110);
    sql_do(b->rig.db.s, "UPDATE minute_summary SET count = count + 1");
    EXPECT_RUN(b, 1, "--reconcile");
    char last[96];
    snprintf(last, sizeof last, "... and %lld more rows that differ\nreconcile: %lld differences\n",
             (long long)rows - 100, (long long)rows);
    book_says(b, last);
}

/* Minutes are kept for a shorter time than days. */
static void test_a_table_may_begin_later(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 19;
    book_stream(b, 200);
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start < '2024-10-26 22:00:00.000000'");
    EXPECT_RUN(b, 1, "--reconcile");
    sql_do(s, "INSERT INTO px_settings VALUES ('minute_summary_complete_from', '2024-10-27')");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b,
              "unchecked rollup.minute_summary 1970-01-01 to 2024-10-26: not checked: its rows are "
              "complete from 2024-10-27 on");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "nothing to change");
    book_same(b);
    sql_do(s, "UPDATE px_settings SET value = 'soon' WHERE name = 'minute_summary_complete_from'");
    EXPECT_RUN(b, 78, "--reconcile");
    book_says(b,
              "px_settings: minute_summary_complete_from is \"soon\", which is no date YYYY-MM-DD");
}

/* Retention was ended when one of the tables by day had lost its old rows and the other had not. */
static void test_days_that_one_table_has_lost_are_not_added_up(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 29;
    book_stream(b, 200);
    sql_do(s, "INSERT INTO px_settings VALUES ('daily_metrics_complete_from', '2024-10-27'), "
              "('event_summary_complete_from', '2024-10-27')");
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date < '2024-10-27'");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "ok        sum.banners: 0 days and types differ");
    book_says(b, "ok        sum.classes: 0 days and types differ");
    EXPECT_RUN(b, 0, "--reconcile", "--to=2024-10-26");
    sql_do(s, "UPDATE daily_metrics SET count = count + 1 WHERE event_date = '2024-10-27'");
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "event_type=\"visit\": count against the sum of event_summary stored ");
}

static enum px_code load_accounts(void *arg) {
    struct agg_accounts accounts;
    enum px_code rc = agg_accounts_load(arg, &accounts, NULL);
    if (rc == PX_OK) {
        agg_accounts_fini(&accounts);
    }
    return rc;
}

/* An account that has lost its name would be mended under another one. */
static void test_accounts_without_memory(void **state) {
    struct book *b = *state;
    rig_add(&b->rig, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_settle(&b->rig);
    assert_true(torture(load_accounts, b->rig.db.s) > 5);
}

static void test_exit_statuses(void **state) {
    struct book *b = *state;
    EXPECT_RUN(b, 0, "--reconcile"); /* an empty database agrees with itself */
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 64, "--reconcile", "--dry-run");
    sql_do(b->rig.db.s, "DELETE FROM px_schema_migrations WHERE version > 1");
    EXPECT_RUN(b, 78, "--reconcile");
    book_says(b, "run svc-aggregator --migrate=up");
    EXPECT_RUN(b, 78, "--rebuild");
    service_rig_set(&b->env, "PX_Sql__ConnectionString",
                    strcmp(rig_dialect()->name, "sqlite") == 0
                        ? "Driver={SQLite3};Database=/nonexistent/analytics.db"
                        : "Driver={PostgreSQL Unicode};Servername=127.0.0.1;Port=1;Database=x");
    EXPECT_RUN(b, 69, "--reconcile");
    EXPECT_RUN(b, 69, "--rebuild");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_reconcile_agrees_with_the_fold),
        TEST(test_every_event_of_a_log_without_copies_is_seen),
        TEST(test_every_wound_is_named_and_mended),
        TEST(test_a_lost_ledger_row_is_made_again_when_it_is_proven),
        TEST(test_days_can_be_named),
        TEST(test_days_without_all_raw_rows_are_listed_and_left_alone),
        TEST(test_missing_raw_rows_are_found_by_the_counts),
        TEST(test_missing_raw_rows_of_a_day_without_classes),
        TEST(test_missing_raw_rows_of_a_wrong_account),
        TEST(test_a_bucket_needs_the_day_that_it_reaches_into),
        TEST(test_gaps_agree_with_their_record),
        TEST(test_only_the_first_hundred_rows_are_named),
        TEST(test_a_table_may_begin_later),
        TEST(test_days_that_one_table_has_lost_are_not_added_up),
        TEST(test_accounts_without_memory),
        TEST(test_exit_statuses),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
