/* Who may say that the raw rows of a day are all there, by the real binary on every database: a
 * table that was added later, that some programs did not keep, or that has lost rows must neither
 * make --rebuild take numbers away nor keep it from its work. */
#include "reconcile_rig.h"
#include "unit.h"

#define DAY_27                                                                                     \
    "created_at >= '2024-10-26 22:00:00' AND created_at < '2024-10-27 23:00:00'" /* Berlin */

/* Somebody's own table by day, added when the day was over: that it has counted nothing of it does
 * not make the raw rows complete. */
static void test_a_table_that_was_added_later_does_not_vouch(void **state) {
    struct book *b = *state;
    b->seed = 43;
    book_stream(b, 200);
    sql_do(b->rig.db.s, "DELETE FROM events WHERE disposition = 'counted' AND " DAY_27
                        " AND created_at < '2024-10-27 12:00:00'");
    book_add_table(b);
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    book_says(b, "2024-10-27 cannot be rebuilt: raw rows are missing");
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing");
    book_same(b);
    assert_int_equal(sql_int(b->rig.db.s, "SELECT count(*) FROM banner_days WHERE event_date = "
                                          "'2024-10-27'"),
                     0);
    EXPECT_RUN(b, 0, "--reconcile"); /* its other days are filled in */
}

/* While programs of before and of now counted side by side, only these knew the table. */
static void test_a_table_that_half_of_the_programs_kept_does_not_vouch(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 47;
    book_stream(b, 200);
    book_add_table(b);
    sql_do(s, "INSERT INTO banner_days SELECT event_date, banner_tag, SUM(count) / 2 FROM "
              "event_summary GROUP BY event_date, banner_tag HAVING SUM(count) > 1");
    sql_do(s, "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE disposition = 'counted' "
              "AND " DAY_27 " ORDER BY id LIMIT 5)");
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);
}

/* What such a table lacks of days whose raw rows retention removed is not missing anywhere. */
static void test_a_table_that_was_added_later_takes_nothing_from_players(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 53;
    book_stream(b, 200);
    sql_do(s, "INSERT INTO px_settings VALUES ('raw_complete_from', '2024-10-27')");
    sql_do(s, "DELETE FROM events WHERE created_at < '2024-10-26 22:00:00'");
    book_add_table(b);
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "ok        rollup.players: ");
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "ok        rollup.players: ");
    book_says(b, "ok        rollup.banner_days: ");

    /* and neither is what retention removed of all tables by day, the oldest days first */
    sql_do(s, "INSERT INTO px_settings VALUES ('daily_metrics_complete_from', '2024-10-26'), "
              "('event_summary_complete_from', '2024-10-26'), ('class_summary_complete_from', "
              "'2024-10-26'), ('minute_summary_complete_from', '2024-10-26')");
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date < '2024-10-26'");
    sql_do(s, "DELETE FROM event_summary WHERE event_date < '2024-10-26'");
    sql_do(s, "DELETE FROM class_summary WHERE event_date < '2024-10-26'");
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start < '2024-10-25 22:00:00'");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "ok        rollup.players: ");
    sql_do(s, "UPDATE event_summary SET count = count + 5 WHERE event_date = '2024-10-28' AND "
              "event_type = 'visit'");
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date = '2024-10-27'");
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 0, "--reconcile");
    book_says(b, "ok        rollup.players: ");

    /* but raw rows that are missing since then are */
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND " DAY_27);
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing");
    book_says(b, "unchecked rollup.players: not checked: raw rows of counted events are missing");
    book_same(b);
}

/* A table whose rows of the day were removed says nothing of it; when that is so of all, nobody
 * does, and what others have counted stays. */
static void test_a_table_that_lost_the_day_does_not_vouch(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 59;
    book_stream(b, 200);
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND created_at < '2024-10-26 "
              "22:00:00'");
    sql_do(s, "INSERT INTO px_settings VALUES ('event_summary_complete_from', '2024-10-27')");
    sql_do(s, "DELETE FROM event_summary WHERE event_date < '2024-10-27'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-26");
    book_says(b, "2024-10-26 cannot be rebuilt: raw rows are missing");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);

    sql_do(s, "INSERT INTO px_settings VALUES ('daily_metrics_complete_from', '2024-10-27'), "
              "('minute_summary_complete_from', '2024-10-27')");
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date < '2024-10-27'");
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start < '2024-10-26 22:00:00'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild"); /* class_summary still knows that there was more */
    book_says(b, "unchecked days 2024-10-26 to 2024-10-26: not checked: raw rows are missing");
    book_same(b);
    sql_do(s, "DELETE FROM class_summary WHERE event_date < '2024-10-27'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-26");
    book_says(
        b, "2024-10-26 cannot be rebuilt: nobody can say if raw rows are complete: daily_metrics, "
           "event_summary, minute_summary are not in rollups.yaml or have no rows of then; "
           "put one back, or ask for later days\n");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);
}

/* The file of somebody who keeps other tables only. */
static void test_without_the_first_tables_nobody_vouches(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 61;
    book_stream(b, 200);
    book_add_table(b);
    book_forget_others(b);
    EXPECT_RUN(b, 0, "--rebuild"); /* the accounts say that all are there: no witness is needed */
    EXPECT_RUN(b, 0, "--reconcile");
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND " DAY_27);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-26");
    book_says(b, "2024-10-26 cannot be rebuilt: nobody can say");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    book_says(b, "2024-10-27 cannot be rebuilt: ");
    book_remember_others(b);
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-26", "--to=2024-10-26");
    book_says(b, "rebuild: nothing to change\n");
}

/* A row that was lost by hand, on a day that has lost raw rows too. */
static void test_a_table_that_lost_a_row_does_not_vouch_alone(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 67;
    book_stream(b, 200);
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND " DAY_27
              " AND created_at < '2024-10-27 12:00:00'");
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date = '2024-10-27'");
    sql_do(s, "UPDATE event_summary SET count = count + 5 WHERE event_date = '2024-10-28' AND "
              "event_type = 'visit'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    book_says(b, "2024-10-27 cannot be rebuilt: raw rows may be missing: event_summary has counted "
                 "more than there are, daily_metrics has not");
    book_same(b);
    EXPECT_RUN(b, 1, "--reconcile");
    book_says(b, "row event_summary event_date=\"2024-10-28\"");
    EXPECT_RUN(b, 0, "--rebuild"); /* two of the three agree with the raw rows of the other day */
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows may be missing: ");
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-28");

    /* two that have lost everything agree with raw rows that are all gone: that proves nothing */
    sql_do(s, "DELETE FROM events WHERE " DAY_27);
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start >= '2024-10-26 22:00:00' AND "
              "bucket_start < '2024-10-27 23:00:00'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_same(b);
    book_do_page(b, "docs/RECONCILE.md", "2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows may be missing: "
                 "event_summary has counted more than there are, minute_summary has not");
    assert_int_equal(
        sql_int(s, "SELECT SUM(count) FROM daily_metrics WHERE event_date = '2024-10-27'"),
        sql_int(s, "SELECT SUM(count) FROM event_summary WHERE event_date = '2024-10-27'"));

    /* nor do three that did not count the day, when another did */
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date = '2024-10-27'");
    sql_do(s, "DELETE FROM event_summary WHERE event_date = '2024-10-27'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "not checked: raw rows may be missing: class_summary has counted more");
    book_same(b);
}

/* Days are asked one by one also where raw rows of earlier days are gone: over all days together
 * two tables that have lost a day agree exactly with raw rows that have lost it too. */
static void test_a_day_that_two_tables_lost_is_not_made_up_for_by_others(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 71;
    book_stream(b, 200);
    sql_do(s, "INSERT INTO px_settings VALUES ('raw_complete_from', '2024-10-26')");
    sql_do(s, "DELETE FROM events WHERE created_at < '2024-10-25 22:00:00'");
    sql_do(s, "DELETE FROM events WHERE disposition = 'counted' AND " DAY_27);
    sql_do(s, "DELETE FROM daily_metrics WHERE event_date = '2024-10-27'");
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start >= '2024-10-26 22:00:00' AND "
              "bucket_start < '2024-10-27 23:00:00'");
    book_dump(b, b->first);
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    book_says(b, "2024-10-27 cannot be rebuilt: raw rows may be missing: event_summary has counted "
                 "more than there are, ");
    EXPECT_RUN(b, 0, "--rebuild");
    book_says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows may be missing: ");
    book_says(b, "unchecked rollup.players: not checked: raw rows of counted events are missing");
    book_same(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_table_that_was_added_later_does_not_vouch),
        TEST(test_a_table_that_half_of_the_programs_kept_does_not_vouch),
        TEST(test_a_table_that_was_added_later_takes_nothing_from_players),
        TEST(test_a_table_that_lost_the_day_does_not_vouch),
        TEST(test_without_the_first_tables_nobody_vouches),
        TEST(test_a_table_that_lost_a_row_does_not_vouch_alone),
        TEST(test_a_day_that_two_tables_lost_is_not_made_up_for_by_others),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
