/* The conformance suite of the dialects: every test runs on every row of the registry, so a new
 * dialect is tested without a new test (SQL Server where the environment names one). Set-based
 * statements, statements of px/statements.h, values there and back. */
#include "sql_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OUT 8192
#define T0  INT64_C(1795253696123457) /* 2026-11-21 09:34:56.123457 */
#define D0  20778                     /* 2026-11-21 */

/* --- tables used below --- */
static const char *const day_columns[] = {"day", "h1", "h2"};
static const enum px_column day_types[] = {PX_COL_DATE, PX_COL_INT, PX_COL_INT};
static const struct px_table_stmt day_table = {.table = "dedupe_day",
                                               .columns = day_columns,
                                               .types = day_types,
                                               .ncolumns = 3,
                                               .nkeys = 3,
                                               .returning = day_columns,
                                               .nreturning = 3};

static const char *const event_key_columns[] = {"h1", "h2", "fingerprint", "seen_day"};
static const enum px_column event_key_types[] = {PX_COL_INT, PX_COL_INT, PX_COL_INT, PX_COL_DATE};
static const struct px_table_stmt event_key_table = {.table = "dedupe_event",
                                                     .columns = event_key_columns,
                                                     .types = event_key_types,
                                                     .ncolumns = 4,
                                                     .nkeys = 2,
                                                     .returning = event_key_columns,
                                                     .nreturning = 4};

static const char *const player_columns[] = {"player_id",       "first_seen", "last_event_at",
                                             "registration_at", "deposit_at", "total_deposits"};
static const enum px_column player_types[] = {PX_COL_TEXT, PX_COL_TIME, PX_COL_TIME,
                                              PX_COL_TIME, PX_COL_TIME, PX_COL_INT};
static const enum px_op player_ops[] = {PX_OP_MIN, PX_OP_MAX, PX_OP_MIN, PX_OP_MIN, PX_OP_ADD};
static const struct px_table_stmt player_table = {.table = "players",
                                                  .columns = player_columns,
                                                  .types = player_types,
                                                  .ncolumns = 6,
                                                  .nkeys = 1,
                                                  .ops = player_ops,
                                                  .returning = player_columns,
                                                  .nreturning = 6};

static const char *const events_columns[] = {
    "id",          "player_id",   "event_type", "banner_tag",      "metadata_json",
    "source_ip",   "user_agent",  "created_at", "client_event_id", "session_id",
    "received_at", "disposition", "class",      "partition",       "offset"};
static const enum px_column events_types[] = {PX_COL_UUID, PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT,
                                              PX_COL_TEXT, PX_COL_TEXT, PX_COL_TEXT, PX_COL_TIME,
                                              PX_COL_TEXT, PX_COL_TEXT, PX_COL_TIME, PX_COL_TEXT,
                                              PX_COL_TEXT, PX_COL_INT,  PX_COL_INT};
static const struct px_table_stmt events_table = {.table = "events",
                                                  .columns = events_columns,
                                                  .types = events_types,
                                                  .ncolumns = 15,
                                                  .nkeys = 1,
                                                  .returning = events_columns,
                                                  .nreturning = 15};

static void day_row(struct px_rows *r, int64_t day, int64_t h1, int64_t h2) {
    px_rows_i64(r, day);
    px_rows_i64(r, h1);
    px_rows_i64(r, h2);
}

static void test_claim_returns_what_is_new(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[OUT];
    struct px_stmt *st = sql_prepare_set(f->s, f->dialect->claim, &day_table);
    struct px_rows *r = sql_rows(f->s, &day_table);

    day_row(r, D0, INT64_MAX, INT64_MIN);
    day_row(r, D0, INT64_MAX, INT64_MIN); /* the same key twice in one batch */
    day_row(r, 0, -1, 0);
    assert_int_equal(px_rows_count(r), 3);
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "2026-11-21|9223372036854775807|-9223372036854775808\n"
                       "1970-01-01|-1|0");

    day_row(r, 0, -1, 0);
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "");
    day_row(r, 0, -1, 0);
    day_row(r, 0, -1, 7);
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "1970-01-01|-1|7");
    sql_run_rows(st, r, out, sizeof out); /* no rows at all */
    sql_same_rows(out, "");
    px_rows_free(r);
}

static void test_lookup_gives_the_rows_of_the_keys(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[OUT];
    struct px_stmt *append = sql_prepare_set(f->s, f->dialect->append, &event_key_table);
    struct px_stmt *lookup = sql_prepare_set(f->s, f->dialect->lookup, &event_key_table);
    struct px_rows *r = sql_rows(f->s, &event_key_table);
    for (int64_t i = 0; i < 5; i++) {
        day_row(r, i, i * 10, i * 100);
        px_rows_i64(r, D0 + i);
    }
    sql_run_rows(append, r, out, sizeof out);

    day_row(r, 3, 30, 0);
    px_rows_i64(r, 0);
    day_row(r, 9, 90, 0);
    px_rows_i64(r, 0);
    sql_run_rows(lookup, r, out, sizeof out);

    sql_same_rows(out, "3|30|300|2026-11-24");
    px_rows_free(r);
}

static void player_row(struct px_rows *r, const char *id, const int64_t *v) {
    px_rows_text(r, px_str_c(id));
    for (size_t i = 0; i < 5; i++) {
        if (v[i] < 0) {
            px_rows_null(r);
        } else {
            px_rows_i64(r, v[i]);
        }
    }
}

static void test_upsert_combines_by_operator(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[OUT];
    struct px_stmt *st = sql_prepare_set(f->s, f->dialect->upsert, &player_table);
    struct px_stmt *get = sql_prepare_set(f->s, f->dialect->lookup, &player_table);
    struct px_rows *r = sql_rows(f->s, &player_table);

    player_row(r, "p1", (int64_t[]){T0, T0, -1, 5, -1});
    player_row(r, "p2", (int64_t[]){T0, T0, 1, -1, 3});
    sql_run_rows(st, r, out, sizeof out);
    player_row(r, "p1", (int64_t[]){T0 + 1, T0 + 1, 77, 4, 2});
    player_row(r, "p2", (int64_t[]){T0 - 1, T0 - 1, -1, -1, -1});
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "");

    player_row(r, "p1", (int64_t[]){-1, -1, -1, -1, -1});
    sql_run_rows(get, r, out, sizeof out);
    sql_same_rows(out, "p1|1795253696123457|1795253696123458|77|4|2");
    player_row(r, "p2", (int64_t[]){-1, -1, -1, -1, -1});
    sql_run_rows(get, r, out, sizeof out);
    sql_same_rows(out, "p2|1795253696123456|1795253696123457|1|NULL|3");
    px_rows_free(r);
}

/* Texts that some layer on the way could misread. */
static const char *const hard_texts[] = {
    "",
    "plain",
    "NULL",
    "null",
    "{a,b}",
    "\"quoted\"",
    "back\\slash\\",
    "it's; DROP TABLE events; --",
    "? $1 {oops} :x @y %s",
    "tab\tnewline\nreturn\r",
    "\x01\x1f\x7f",
    "\xf0\x9f\x98\x80 \xc3\xbc \xe2\x82\xac \xef\xbf\xbd",
    "[1,\"x\"]",
    " blanks around ",
};

static void event_row(struct px_rows *r, const char *id, const char *text, int64_t t) {
    px_rows_text(r, px_str_c(id));
    for (int i = 0; i < 4; i++) {
        px_rows_text(r, px_str_c(text));
    }
    px_rows_null(r);
    px_rows_text(r, px_str_c(text));
    px_rows_i64(r, t);
    px_rows_null(r);
    px_rows_text(r, px_str_c(text));
    px_rows_i64(r, t + 1);
    px_rows_text(r, PX_S("counted"));
    px_rows_null(r);
    px_rows_i64(r, 9);
    px_rows_i64(r, INT64_MAX);
}

static void test_values_come_back_as_sent(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static const int64_t times[] = {0,
                                    1,
                                    999999,
                                    T0,
                                    INT64_C(951782400000000) - 1,
                                    INT64_C(4102444799999999),
                                    (INT64_C(1) << 53) - 1};
    char out[OUT];
    char want[OUT];
    char id[40];
    struct px_stmt *append = sql_prepare_set(f->s, f->dialect->append, &events_table);
    struct px_stmt *get = sql_prepare_set(f->s, f->dialect->lookup, &events_table);
    struct px_rows *r = sql_rows(f->s, &events_table);
    for (size_t i = 0; i < PX_ARRAY_LEN(hard_texts); i++) {
        const char *x = hard_texts[i];
        int64_t t = times[i % PX_ARRAY_LEN(times)];
        t -= t == times[6] ? 1 : 0; /* received_at is one later */
        (void)snprintf(id, sizeof id, "019329ab-0000-7000-8000-0000000000%02zu", i);
        event_row(r, id, x, t);
        sql_run_rows(append, r, out, sizeof out);
        event_row(r, id, "not stored: the key exists", 0);
        sql_run_rows(append, r, out, sizeof out);
        event_row(r, id, "", 0);
        sql_run_rows(get, r, out, sizeof out);
        (void)snprintf(want, sizeof want,
                       "%s|%s|%s|%s|%s|NULL|%s|%lld|NULL|%s|%lld|counted|NULL|9|%lld", id, x, x, x,
                       x, x, (long long)t, x, (long long)t + 1, (long long)INT64_MAX);
        sql_same_rows(out, want);
    }
    px_rows_free(r);
}

static void test_rows_refuse_what_databases_misread(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *st = sql_prepare_set(f->s, f->dialect->append, &events_table);
    struct px_rows *r = sql_rows(f->s, &events_table);
    static const struct px_str bad[] = {PX_S_INIT("ab\0cd"), PX_S_INIT("\xff\xfe"),
                                        PX_S_INIT("\xc0\xaf"), PX_S_INIT("\xed\xa0\x80")};
    struct px_stmt *plain = sql_prepare_statement(f->s, PX_ST_SETTING_GET);
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        event_row(r, "019329ab-0000-7000-8000-000000000000", "x", T0);
        px_rows_text(r, PX_S("019329ab-0000-7000-8000-000000000001"));
        px_rows_text(r, bad[i]);
        for (int k = 2; k < 15; k++) {
            px_rows_null(r);
        }
        assert_int_equal(px_rows_bind(r, st, 0, &e), PX_SQL_DATA);
        assert_non_null(strstr(e.msg, "row 1 "));
        px_rows_reset(r);
        assert_int_equal(px_bind_text(plain, 0, bad[i], &e), PX_SQL_DATA);
    }
    event_row(r, "019329ab-0000-7000-8000-000000000000", "x", -1);
    assert_int_equal(px_rows_bind(r, st, 0, &e), PX_SQL_DATA);
    px_rows_reset(r);
    event_row(r, "019329ab-0000-7000-8000-000000000000", "x", INT64_MAX - 1);
    assert_int_equal(px_rows_bind(r, st, 0, &e), PX_SQL_DATA);
    px_rows_free(r);
    assert_int_equal(px_stmt_run(plain, &e), PX_INTERNAL); /* the parameter was never bound */
}

static void test_rows_keep_their_cap(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_rows *r = NULL;
    struct px_stmt *st = sql_prepare_set(f->s, f->dialect->claim, &day_table);
    assert_int_equal(px_rows_new(f->dialect, day_types, 3, 512, &r), PX_OK);
    for (int i = 0; i < 200; i++) {
        day_row(r, D0, i, i);
    }
    assert_int_equal(px_rows_bind(r, st, 0, &e), PX_TOO_LARGE);
    px_rows_free(r);
}

/* --- progress --- */

static void seed(struct sql_fixture *f, enum px_statement which, const char *want) {
    char out[OUT];
    struct px_stmt *st = sql_prepare_statement(f->s, which);
    struct px_rows *r = sql_rows(f->s, px_statement_rows(which));
    for (int64_t p = 0; p < 3; p++) {
        px_rows_text(r, PX_S("log\"1"));
        px_rows_text(r, PX_S("topic"));
        px_rows_i64(r, p);
        px_rows_i64(r, 100 * p);
        px_rows_i64(r, T0);
    }
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, want);
    px_rows_free(r);
    px_stmt_free(st);
}

static void take(struct sql_fixture *f, const char *owner, int64_t from, const char *want) {
    char out[OUT];
    struct px_stmt *st = sql_prepare_statement(f->s, PX_ST_OFFSETS_TAKE);
    struct px_rows *r = sql_rows(f->s, px_statement_rows(PX_ST_OFFSETS_TAKE));
    for (int64_t p = from; p < 3; p++) {
        px_rows_text(r, PX_S("log\"1"));
        px_rows_text(r, PX_S("topic"));
        px_rows_i64(r, p);
        px_rows_text(r, px_str_c(owner));
    }
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, want);
    px_rows_free(r);
    px_stmt_free(st);
}

static void fence_row(struct px_rows *r, int64_t p, int64_t lo, int64_t epoch, int64_t max) {
    px_rows_text(r, PX_S("log\"1"));
    px_rows_text(r, PX_S("topic"));
    px_rows_i64(r, p);
    px_rows_i64(r, lo);
    px_rows_i64(r, lo + 10);
    px_rows_i64(r, epoch);
    px_rows_i64(r, 1000 + p);
    px_rows_i64(r, T0 + 5);
    if (max < 0) {
        px_rows_null(r);
    } else {
        px_rows_i64(r, max);
    }
}

static void test_fence_moves_only_what_is_ours(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[OUT];
    seed(f, PX_ST_OFFSETS_SEED, "0\n1\n2");
    seed(f, PX_ST_OFFSETS_SEED, "");
    seed(f, PX_ST_LEDGER_SEED, "0\n1\n2");
    take(f, "a", 0, "0|0|1\n1|100|1\n2|200|1");
    take(f, "b", 2, "2|200|2");
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    f->dialect->fence(f->dialect, &b);
    struct px_stmt *st = sql_prepare(f->s, px_buf_cstr(&b));
    struct px_rows *r = sql_rows(f->s, px_fence_rows());

    fence_row(r, 0, 0, 1, T0);
    fence_row(r, 1, 101, 1, T0); /* somebody moved on */
    fence_row(r, 2, 200, 1, T0); /* a former owner    */
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "0");
    fence_row(r, 0, 10, 1, T0 - 1); /* the highest event time never goes back */
    fence_row(r, 1, 100, 1, -1);
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "0\n1");

    EXPECT(f, PX_ST_OFFSETS_LOAD, "0|20|1|1000|a\n1|110|1|1001|a\n2|200|2|200|b", "tlog\"1",
           "ttopic");
    EXPECT(f, PX_ST_FRESHNESS,
           "log\"1|topic|0|20|1000|1795253696123462|1795253696123457|2\n"
           "log\"1|topic|1|110|1001|1795253696123462|NULL|1\n"
           "log\"1|topic|2|200|200|1795253696123457|NULL|0",
           "");
    px_rows_free(r);
}

static void test_touch_notes_only_what_is_ours(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[OUT];
    seed(f, PX_ST_OFFSETS_SEED, "0\n1\n2");
    take(f, "a", 1, "1|100|1\n2|200|1");
    struct px_stmt *st = sql_prepare_statement(f->s, PX_ST_OFFSETS_TOUCH);
    struct px_rows *r = sql_rows(f->s, px_statement_rows(PX_ST_OFFSETS_TOUCH));
    for (int64_t p = 0; p < 3; p++) {
        px_rows_text(r, PX_S("log\"1"));
        px_rows_text(r, PX_S("topic"));
        px_rows_i64(r, p);
        px_rows_i64(r, 1);
        px_rows_i64(r, 5000);
        px_rows_i64(r, T0 + 9);
    }
    sql_run_rows(st, r, out, sizeof out);
    sql_same_rows(out, "1\n2");
    EXPECT(f, PX_ST_OFFSETS_LOAD, "0|0|0|0|\n1|100|1|5000|a\n2|200|1|5000|a", "tlog\"1", "ttopic");
    px_rows_free(r);
}

static void test_logs_gaps_and_settings(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    seed(f, PX_ST_OFFSETS_SEED, "0\n1\n2");
    seed(f, PX_ST_LEDGER_SEED, "0\n1\n2");

    EXPECT(f, PX_ST_PING, "1", "");
    EXPECT(f, PX_ST_LOGS_OTHER, "log\"1", "ttopic", "tlog2");
    EXPECT(f, PX_ST_LOGS_OTHER, "", "ttopic", "tlog\"1");
    EXPECT(f, PX_ST_LOGS_OTHER, "", "tother", "tlog2");
    EXPECT(f, PX_ST_GAP_ADD, "", "tl", "tt", "i3", "i10", "i20", "i1795253696123457");
    EXPECT(f, PX_ST_GAP_ADD, "", "tl", "tt", "i3", "i10", "i21", "i1795253696123458");
    EXPECT(f, PX_ST_GAP_ADD, "", "tl", "tt", "i3", "i10", "i19", "i1795253696123459");
    assert_int_equal(sql_int(f->s, "SELECT SUM(to_offset) FROM ingest_gaps"), 21);
    EXPECT(f, PX_ST_LEDGER_LOAD,
           "0|0|0|0|0|0|0|0|0|0|0|0|0|0\n1|100|100|0|0|0|0|0|0|0|0|0|0|0\n"
           "2|200|200|0|0|0|0|0|0|0|0|0|0|0",
           "tlog\"1", "ttopic");
    EXPECT(f, PX_ST_SETTING_GET, "", "tzone");
    EXPECT(f, PX_ST_SETTING_ADD, "", "tzone", "tUTC");
    EXPECT(f, PX_ST_SETTING_ADD, "", "tzone", "tEurope/Berlin");
    EXPECT(f, PX_ST_SETTING_GET, "UTC", "tzone");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_claim_returns_what_is_new),
        SQL_TEST(test_lookup_gives_the_rows_of_the_keys),
        SQL_TEST(test_upsert_combines_by_operator),
        SQL_TEST(test_values_come_back_as_sent),
        SQL_TEST(test_rows_refuse_what_databases_misread),
        SQL_TEST(test_rows_keep_their_cap),
        SQL_TEST(test_fence_moves_only_what_is_ours),
        SQL_TEST(test_touch_notes_only_what_is_ours),
        SQL_TEST(test_logs_gaps_and_settings),
    };
    int failed = 0;
    SQL_TEST_EACH_DIALECT(tests, failed)
    const struct px_dialect *server = px_dialect_find(PX_S("sqlserver"));
    if (sql_fixture_why_not(server)) { /* one line for all tests that would run there */
        printf("ok - nothing has run on a SQL Server # SKIP %s\n", sql_fixture_why_not(server));
    }
    return failed;
}
