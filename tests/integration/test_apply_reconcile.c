/* --reconcile and --rebuild by the real binary, on every database: a stream of everything that can
 * become of an event, folded by the aggregator, agrees with what the database counts again from the
 * raw rows; a row that is changed, lost or made up by hand is named, and mended to what it was. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <px/event_avro.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE     "Europe/Berlin"
#define DUMP_MAX (1 << 20)
#define OUT_MAX  (1 << 18)

/* The rollups of the product and some without a table: each op, each on, with and without when. */
static const char more_rollups[] =
    "  - name: player_hours\n"
    "    bucket: 1h\n"
    "    key: [{from: player_id}]\n"
    "    set: [{op: add, when: visit}]\n"
    "  - name: banner_deposits\n"
    "    key: [{from: banner_tag}]\n"
    "    set: [{op: add, on: distinct, when: deposit}]\n"
    "  - name: arrivals\n"
    "    bucket: 10s\n"
    "    set: [{op: add, on: accepted}]\n"
    "  - name: odds\n"
    "    bucket: 1500ms\n"
    "    key: [{from: event_type}, {from: banner_tag}, {from: player_id}]\n"
    "    set: [{op: add}]\n";

struct book {
    struct rig rig;
    struct service_rig env;
    uint64_t seed;
    bool no_copies;
    char out[OUT_MAX], first[DUMP_MAX], now[DUMP_MAX];
};

static void copy_file(const char *from, const char *to, const char *more) {
    char buf[1 << 16];
    FILE *in = fopen(from, "re");
    FILE *out = fopen(to, "we");
    assert_true(in && out);
    size_t n = fread(buf, 1, sizeof buf, in);
    assert_int_equal(fwrite(buf, 1, n, out), n);
    assert_true(fputs(more, out) >= 0);
    assert_true(fclose(in) == 0 && fclose(out) == 0);
}

/* A folder schemas/ with more rollups, and database/ beside it. */
static const char *schemas(void) {
    static char dir[300];
    char path[400], database[400];
    snprintf(dir, sizeof dir, "%s/schemas", proc_tmpdir());
    if (mkdir(dir, 0700) == 0) {
        snprintf(path, sizeof path, "%s/events.yaml", dir);
        copy_file("schemas/events.yaml", path, "");
        snprintf(path, sizeof path, "%s/rollups.yaml", dir);
        copy_file("schemas/rollups.yaml", path, more_rollups);
        snprintf(path, sizeof path, "%s/database", proc_tmpdir());
        char *cwd = getcwd(NULL, 0);
        snprintf(database, sizeof database, "%s/database", cwd);
        assert_int_equal(symlink(database, path), 0);
        free(cwd);
    }
    return dir;
}

static int setup(void **state) {
    struct book *b = calloc(1, sizeof *b);
    struct rig *r = &b->rig;
    char path[400];
    struct px_err e = PX_ERR_INIT;
    *state = b;
    rig_open(r, rig_dialect());
    agg_core_fini(&r->core);
    px_rollups_free(r->rollups);
    snprintf(path, sizeof path, "%s/rollups.yaml", schemas());
    if (px_rollups_load(path, r->catalog, &r->rollups, &e) != PX_OK) {
        fail_msg("%s", e.msg);
    }
    sql_do(r->db.s, "DELETE FROM px_settings");
    sql_do(r->db.s, "DELETE FROM consumer_offsets");
    sql_do(r->db.s, "DELETE FROM partition_ledger");
    r->conf.sql.zone = ZONE;
    assert_int_equal(px_zone_load(ZONE, &r->zone, &e), PX_OK);
    rig_core(r, &r->core, "first");
    assert_int_equal(rig_take(r, &r->core, 0, 0, &e), PX_OK);
    service_rig_sql(&b->env, &r->db);
    service_rig_set(&b->env, "PX_Schemas__Directory", schemas());
    return 0;
}

static int teardown(void **state) {
    struct book *b = *state;
    rig_close(&b->rig);
    free(b);
    return 0;
}

/* --- the stream ------------------------------------------------------------------------------- */
static size_t draw(struct book *b, size_t n) {
    b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(b->seed >> 33) % n;
}

static void add_event(struct book *b, px_us at) {
    static const char *const types[] = {"visit", "visit", "deposit", "registration"};
    static const char *const banners[] = {"b1", "b2", "ünïcode \"b\""};
    struct rig *r = &b->rig;
    char player[32], eid[32];
    size_t who = draw(b, 12);
    snprintf(player, sizeof player, "player-%zu", who);
    snprintf(eid, sizeof eid, "e%zu", draw(b, 40));
    struct px_event ev = {.event_type = px_str_c(types[draw(b, 4)]),
                          .player_id = px_str_c(player),
                          .banner_tag = px_str_c(banners[draw(b, 3)]),
                          .client_event_id = draw(b, 2) ? px_str_c(eid) : (struct px_str){0},
                          .received_at = at,
                          .occurred_at =
                              draw(b, 5) ? 0 : at - (px_us)draw(b, 30) * PX_US_PER_HOUR - 1};
    ev.id = px_uuid_next(&r->ids, at);
    PX_DEFER(px_buf_fini) struct px_buf bytes = PX_BUF_INIT(1 << 16);
    px_event_to_avro(&ev, &bytes);
    int32_t partition = (int32_t)(who % RIG_PARTITIONS);
    rig_raw(r, partition, px_buf_view(&bytes));
    if (draw(b, 20) == 0 && !b->no_copies) { /* a copy of the record, under the same event id */
        rig_raw(r, partition, px_buf_view(&bytes));
    }
    if (draw(b, 40) == 0) {
        rig_raw(r, partition, PX_S("poison"));
    }
    if (draw(b, 60) == 0) {
        rig_hole(r, partition);
        rig_add(r, &(struct rig_event){partition, "visit", player, "b1", NULL});
    }
}

/* Three days and a half around the end of summer time, whose night has 25 hours. */
static void stream(struct book *b, size_t n) {
    struct rig *r = &b->rig;
    px_us start = INT64_C(20021) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR; /* 2024-10-25 */
    px_clock_fake_advance(&r->clock, start - px_wall(&r->clock.clock));
    for (size_t i = 0; i < n; i++) {
        px_clock_fake_advance(&r->clock, 84 * PX_US_PER_HOUR / (px_us)n + (px_us)draw(b, 999));
        add_event(b, px_wall(&r->clock.clock));
        if (draw(b, 50) == 0) {
            rig_settle(r);
        }
    }
    if (!agg_batch_empty(&r->batch)) {
        rig_settle(r);
    }
    rig_ledger_holds(r);
}

/* --- the command ------------------------------------------------------------------------------ */
static int command(struct book *b, const char *a, const char *c, const char *d) {
    const char *argv[] = {proc_bin("svc-aggregator"), a, c, d, NULL};
    return proc_run(argv, b->env.env, b->out, sizeof b->out);
}

#define EXPECT_RUN(b, status, ...) expect_run(b, status, (const char *const[3]){__VA_ARGS__})
static void expect_run(struct book *b, int status, const char *const args[3]) {
    int got = command(b, args[0], args[1], args[2]);
    if (got != status) {
        (void)fputs(b->out, stderr); /* fail_msg cuts */
        fail_msg("%s %s %s: exit %d, wanted %d", args[0], args[1] ? args[1] : "",
                 args[2] ? args[2] : "", got, status);
    }
}

static void says(struct book *b, const char *text) {
    if (!strstr(b->out, text)) {
        (void)fputs(b->out, stderr);
        fail_msg("nothing of \"%s\"", text);
    }
}

static void dump(struct book *b, char *out) {
    rig_dump(&b->rig, out, DUMP_MAX - 65536);
    size_t n = strlen(out);
    sql_text(b->rig.db.s, "SELECT * FROM rollup_values ORDER BY 1, 2, 3, 4, 5", out + n,
             DUMP_MAX - n);
}

static void same(struct book *b) {
    const char *x = b->first, *y = b->now;
    dump(b, b->now);
    if (strcmp(x, y) == 0) {
        return;
    }
    size_t line = 0;
    for (size_t i = 0; x[i] == y[i]; i++) {
        line = x[i] == '\n' ? i + 1 : line;
    }
    fail_msg("was    %.200s\nbut is %.200s", x + line, y + line);
}

/* --- tests ------------------------------------------------------------------------------------ */
/* The fold of the aggregator and the SQL of the comparison were written apart: here they meet. */
static void test_reconcile_agrees_with_the_fold(void **state) {
    struct book *b = *state;
    for (b->seed = 1; b->seed < 3; b->seed++) {
        uint64_t seed = b->seed;
        stream(b, 700);
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
    says(b, "reconcile: exact\n");
    says(b, "ok        rollup.odds: ");
    says(b, "unchecked rollup.arrivals: not checked: it adds up accepted events");
    dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    says(b, "rebuild: nothing to change\n");
    same(b);
}

static void test_every_event_of_a_log_without_copies_is_seen(void **state) {
    struct book *b = *state;
    b->seed = 5;
    b->no_copies = true;
    stream(b, 500);
    EXPECT_RUN(b, 0, "--reconcile");
    says(b, "ok        rollup.arrivals: ");
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
    stream(b, 500);
    dump(b, b->first);
    int64_t revision = sql_int(b->rig.db.s, "SELECT SUM(revision) FROM consumer_offsets");
    for (size_t i = 0; i < PX_ARRAY_LEN(wounds); i++) {
        sql_do(b->rig.db.s, wounds[i].sql);
        EXPECT_RUN(b, 1, "--reconcile");
        says(b, wounds[i].named);
        says(b, " differences\n");
    }
    EXPECT_RUN(b, 1, "--reconcile", "--json");
    says(b, "{\"check\":\"rollup.players\",\"status\":\"differs\",\"table\":\"players\",\"kind\":"
            "\"missing\",\"key\":{\"player_id\":\"player-4\"}");
    says(b, "{\"check\":\"sum.banners\",\"status\":\"differs\",\"facts\":");

    dump(b, b->now);
    size_t before = strlen(b->now);
    EXPECT_RUN(b, 0, "--rebuild", "--dry-run");
    says(b, " rows would change\n");
    dump(b, b->now);
    assert_int_equal(strlen(b->now), before);
    EXPECT_RUN(b, 0, "--rebuild");
    says(b, " rows changed\n");
    same(b);
    assert_true(sql_int(b->rig.db.s, "SELECT SUM(revision) FROM consumer_offsets") > revision);
    EXPECT_RUN(b, 0, "--reconcile");
    EXPECT_RUN(b, 0, "--rebuild");
    says(b, "rebuild: nothing to change\n");
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
    dump(b, b->first);
    sql_do(s, "DELETE FROM partition_ledger WHERE partition_id = 3");
    EXPECT_RUN(b, 1, "--reconcile");
    says(b, "partition_id=3: is missing, first_offset recomputed 0, next_offset recomputed 10");
    EXPECT_RUN(b, 0, "--rebuild");
    same(b);

    /* a number that leaves no trace in SQL is named, and left alone */
    sql_do(s, "UPDATE partition_ledger SET dead_lettered = 2 WHERE partition_id = 0");
    EXPECT_RUN(b, 1, "--reconcile");
    says(b, "partition_id=0: sum of the columns from counted on stored 12 recomputed 10");
    EXPECT_RUN(b, 1, "--rebuild");
    says(b, "1 wrong and not proven by raw rows");
    assert_int_equal(
        sql_int(s, "SELECT dead_lettered FROM partition_ledger WHERE partition_id = 0"), 2);
}

static void test_days_can_be_named(void **state) {
    struct book *b = *state;
    b->seed = 11;
    stream(b, 300);
    sql_do(b->rig.db.s, "UPDATE event_summary SET count = count + 1 WHERE event_date = "
                        "'2024-10-27' AND event_type = 'visit'");
    EXPECT_RUN(b, 0, "--reconcile", "--to=2024-10-26");
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-28");
    EXPECT_RUN(b, 1, "--reconcile", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-28", "--to=2024-10-29");
    says(b, "nothing to change");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--reconcile");

    EXPECT_RUN(b, 64, "--reconcile", "--from=2024-13-01");
    says(b, "--from: \"2024-13-01\" is no date; write YYYY-MM-DD");
    EXPECT_RUN(b, 64, "--rebuild", "--to=yesterday");
    says(b, "--to: \"yesterday\" is no date");
    EXPECT_RUN(b, 64, "--reconcile", "--from=2024-10-28", "--to=2024-10-27");
    says(b, "--from 2024-10-28 lies after --to 2024-10-27: swap them");
    EXPECT_RUN(b, 64, "--rebuild", "--from=2020-01-01", "--to=2024-10-27");
    says(b, "at most 550 at once: ask in parts");
}

/* What retention will do: record the day, remove the raw rows before it. */
static void test_days_without_all_raw_rows_are_listed_and_left_alone(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 13;
    stream(b, 400);
    sql_do(s, "INSERT INTO px_settings VALUES ('raw_complete_from', '2024-10-27')");
    /* 27 October begins at 22:00 UTC of the 26th in Berlin */
    sql_do(s, "DELETE FROM events WHERE created_at < '2024-10-26 22:00:00.000000'");
    EXPECT_RUN(b, 0, "--reconcile");
    says(b, "unchecked days 1970-01-01 to 2024-10-26: not checked: raw rows are complete from "
            "2024-10-27 on");
    says(b, "reconcile: exact\n");
    dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    says(b, "nothing to change");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-26", "--to=2024-10-28");
    says(b, "2024-10-26 cannot be rebuilt: raw rows are complete from 2024-10-27 on");
    same(b);

    sql_do(s, "UPDATE daily_metrics SET count = count + 2 WHERE event_type = 'visit' AND "
              "event_date >= '2024-10-26'");
    EXPECT_RUN(b, 1, "--reconcile");
    says(b, "row daily_metrics event_date=\"2024-10-27\" event_type=\"visit\": count stored ");
    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-27");
    EXPECT_RUN(b, 0, "--reconcile", "--from=2024-10-27");
    EXPECT_RUN(b, 1, "--reconcile"); /* the day before can only be compared with its banners */
    says(b, "row daily_metrics event_date=\"2024-10-26\" event_type=\"visit\": count against the "
            "sum of event_summary stored ");
}

/* Raw:Store was off for a while, and nobody recorded it: the counts tell. */
static void test_missing_raw_rows_are_found_by_the_counts(void **state) {
    struct book *b = *state;
    b->seed = 17;
    stream(b, 300);
    sql_do(b->rig.db.s, "DELETE FROM events WHERE disposition = 'counted' AND created_at >= "
                        "'2024-10-27 00:00:00' AND created_at < '2024-10-27 12:00:00'");
    dump(b, b->first);
    EXPECT_RUN(b, 0, "--reconcile");
    says(b, "unchecked days 2024-10-27 to 2024-10-27: not checked: raw rows are missing: Raw:Store "
            "was off");
    says(b, "unchecked rollup.players: not checked: raw rows of counted events are missing");
    EXPECT_RUN(b, 65, "--rebuild", "--from=2024-10-27", "--to=2024-10-27");
    EXPECT_RUN(b, 0, "--rebuild");
    same(b);

    EXPECT_RUN(b, 0, "--rebuild", "--from=2024-10-28", "--to=2024-10-28");
    sql_do(b->rig.db.s, "DELETE FROM events");
    EXPECT_RUN(b, 0, "--reconcile");
    EXPECT_RUN(b, 0, "--rebuild");
    dump(b, b->now);
    assert_string_equal(strstr(b->first, "\n2024-10-2"), strstr(b->now, "\n2024-10-2"));
}

/* Minutes are kept for a shorter time than days. */
static void test_a_table_may_begin_later(void **state) {
    struct book *b = *state;
    struct px_sql *s = b->rig.db.s;
    b->seed = 19;
    stream(b, 200);
    sql_do(s, "DELETE FROM minute_summary WHERE bucket_start < '2024-10-26 22:00:00.000000'");
    EXPECT_RUN(b, 1, "--reconcile");
    sql_do(s, "INSERT INTO px_settings VALUES ('minute_summary_complete_from', '2024-10-27')");
    EXPECT_RUN(b, 0, "--reconcile");
    says(b, "unchecked rollup.minute_summary 1970-01-01 to 2024-10-26: not checked: its rows are "
            "complete from 2024-10-27 on");
    dump(b, b->first);
    EXPECT_RUN(b, 0, "--rebuild");
    says(b, "nothing to change");
    same(b);
    sql_do(s, "UPDATE px_settings SET value = 'soon' WHERE name = 'minute_summary_complete_from'");
    EXPECT_RUN(b, 78, "--reconcile");
    says(b, "px_settings: minute_summary_complete_from is \"soon\", which is no date YYYY-MM-DD");
}

static void test_exit_statuses(void **state) {
    struct book *b = *state;
    EXPECT_RUN(b, 0, "--reconcile"); /* an empty database agrees with itself */
    EXPECT_RUN(b, 0, "--rebuild");
    EXPECT_RUN(b, 64, "--reconcile", "--dry-run");
    sql_do(b->rig.db.s, "DELETE FROM px_schema_migrations WHERE version > 1");
    EXPECT_RUN(b, 78, "--reconcile");
    says(b, "run svc-aggregator --migrate=up");
    EXPECT_RUN(b, 78, "--rebuild");
    service_rig_set(&b->env, "PX_Sql__ConnectionString",
                    strcmp(rig_dialect()->name, "sqlite") == 0
                        ? "Driver={SQLite3};Database=/nonexistent/analytics.db"
                        : "Driver={PostgreSQL Unicode};Servername=127.0.0.1;Port=1;Database=x");
    EXPECT_RUN(b, 69, "--reconcile");
    EXPECT_RUN(b, 69, "--rebuild");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_reconcile_agrees_with_the_fold),
        TEST(test_every_event_of_a_log_without_copies_is_seen),
        TEST(test_every_wound_is_named_and_mended),
        TEST(test_a_lost_ledger_row_is_made_again_when_it_is_proven),
        TEST(test_days_can_be_named),
        TEST(test_days_without_all_raw_rows_are_listed_and_left_alone),
        TEST(test_missing_raw_rows_are_found_by_the_counts),
        TEST(test_a_table_may_begin_later),
        TEST(test_exit_statuses),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
