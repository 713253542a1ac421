/* What only a real PostgreSQL can show: commits that drivers call successful though nothing was
 * stored, commits whose outcome is unknown, sessions that die, passwords, deadlocks, time-outs. */
#include "pg_user.h"
#include "postgres.h"
#include "sql_fixture.h"
#include "tcp_cut.h"

#include <px/num.h>
#include <px/sql_durable.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PUT(name) "INSERT INTO px_settings (name, value) VALUES ('" name "', 'v')"
#define COUNT     "SELECT COUNT(*) FROM px_settings"

static void begin(struct px_sql *s) {
    struct px_err e = PX_ERR_INIT;
    if (px_tx_begin(s, &e)) {
        fail_msg("%s", e.msg);
    }
}

/* Ends the session of ${s} from another connection. */
static void kill_session(const struct sql_fixture *f, struct px_sql *s) {
    char sql[96];
    int64_t pid = sql_int(s, "SELECT pg_backend_pid()");
    struct px_sql *other = sql_fixture_connect(f, PX_SQL_WRITE);
    (void)snprintf(sql, sizeof sql, "SELECT CAST(pg_terminate_backend(%lld, 5000) AS integer)",
                   (long long)pid);
    assert_int_equal(sql_int(other, sql), 1);
    px_sql_close(other);
}

static int64_t stored(const struct sql_fixture *f) {
    struct px_sql *other = sql_fixture_connect(f, PX_SQL_READ);
    int64_t n = sql_int(other, COUNT);
    px_sql_close(other);
    return n;
}

/* Insert, error, insert: the driver would report a successful COMMIT of nothing (or of half). */
static void test_error_between_two_inserts(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    begin(f->s);
    sql_do(f->s, PUT("a"));
    assert_int_equal(px_sql_exec(f->s, PX_S(PUT("a")), &e), PX_SQL_DATA);
    assert_int_equal(px_sql_exec(f->s, PX_S(PUT("b")), &e), PX_SQL); /* 25P02: refused */
    assert_string_equal(e.sqlstate, "25P02");
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_SQL_DATA);
    assert_string_equal(e.sqlstate, "23505");
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_int_equal(stored(f), 0);
}

static void test_error_as_the_last_statement(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    begin(f->s);
    sql_do(f->s, PUT("a"));
    assert_int_equal(px_sql_exec(f->s, PX_S("SELECT 1/0"), &e), PX_SQL_DATA);
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_SQL_DATA);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_int_equal(stored(f), 0);
}

static void test_session_killed_before_commit(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    begin(f->s);
    sql_do(f->s, PUT("a"));
    kill_session(f, f->s);
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_UNKNOWN_OUTCOME);
    assert_int_equal(outcome, PX_OUTCOME_UNKNOWN);
    assert_false(px_sql_alive(f->s));
    /* a second COMMIT would be called a success by the driver */
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_INTERNAL);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_int_equal(px_tx_begin(f->s, &e), PX_SQL_LOST);
    assert_int_equal(stored(f), 0);
}

static void test_session_killed_before_a_statement(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    begin(f->s);
    sql_do(f->s, PUT("a"));
    kill_session(f, f->s);
    assert_int_equal(px_sql_exec(f->s, PX_S(PUT("b")), &e), PX_SQL_LOST);
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_SQL_LOST);
    assert_int_equal(outcome, PX_ROLLED_BACK); /* COMMIT was never sent */
    assert_false(px_sql_alive(f->s));
    assert_int_equal(px_sql_exec(f->s, PX_S("SELECT 1"), &e), PX_SQL_LOST);
    assert_int_equal(stored(f), 0);
}

/* The driver finds out where no statement fails: when it gives a prepared statement back to the
 * server. From then on it calls COMMIT a success; that the connection is dead is the only sign. */
static void test_session_killed_before_a_statement_is_freed(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    char out[64];
    struct px_stmt *st = sql_prepare(f->s, COUNT);
    begin(f->s);
    sql_do(f->s, PUT("a"));
    sql_run(st, out, sizeof out);
    kill_session(f, f->s);
    px_stmt_free(st);
    assert_false(px_tx_failed(f->s));
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_UNKNOWN_OUTCOME);
    assert_int_equal(outcome, PX_OUTCOME_UNKNOWN);
    assert_false(px_sql_alive(f->s));
    assert_int_equal(stored(f), 0);
}

static void test_deferred_constraint_fails_at_commit(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    sql_do(f->s, "CREATE TABLE d (x integer UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    begin(f->s);
    sql_do(f->s, "INSERT INTO d VALUES (1), (1)");
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_SQL_DATA);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_true(px_sql_alive(f->s));
    assert_int_equal(sql_int(f->s, "SELECT COUNT(*) FROM d"), 0);
}

/* The connection is cut while COMMIT is on its way: the client sees the same in both cases. */
static void cut_commit(struct sql_fixture *f, enum tcp_cut mode, int64_t want) {
    char cs[320];
    char port[32];
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    struct px_sql_conf c = f->conf;
    if (test_pg_port() == 0) {
        skip();
    }
    struct tcp_relay *relay = tcp_relay_start(test_pg_port());
    (void)snprintf(port, sizeof port, "Port=%d;", test_pg_port());
    const char *at = strstr(f->conf.connection, port);
    assert_non_null(at);
    (void)snprintf(cs, sizeof cs, "%.*sPort=%d;%s", (int)(at - f->conf.connection),
                   f->conf.connection, tcp_relay_port(relay), at + strlen(port));
    c.connection = cs;
    struct px_sql *s = NULL;
    assert_int_equal(px_sql_open(&c, PX_SQL_WRITE, &s, &e), PX_OK);
    begin(s);
    sql_do(s, PUT("a"));
    tcp_relay_mode(relay, mode);
    assert_int_equal(px_tx_commit(s, &outcome, &e), PX_UNKNOWN_OUTCOME);
    assert_int_equal(outcome, PX_OUTCOME_UNKNOWN);
    px_sql_close(s);
    tcp_relay_stop(relay);
    assert_int_equal(stored(f), want);
}

static void test_unknown_commit_that_was_stored(void **state) {
    cut_commit(sql_fixture_get(state), TCP_CUT_ANSWER, 1);
}

static void test_unknown_commit_that_was_not(void **state) {
    cut_commit(sql_fixture_get(state), TCP_CUT_REQUEST, 0);
}

static void test_time_out_of_a_statement(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    f->conf.statement_timeout = 100 * PX_US_PER_MS;
    struct px_sql *s = sql_fixture_connect(f, PX_SQL_READ);
    assert_int_equal(px_sql_exec(s, PX_S("SELECT pg_sleep(10)"), &e), PX_TIMEOUT);
    assert_string_equal(e.sqlstate, "57014");
    assert_true(px_sql_alive(s));
    px_sql_close(s);
}

static void test_what_a_server_says_has_its_class(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static const struct {
        const char *sqlstate;
        enum px_code code;
    } rows[] = {
        {"40001", PX_SQL_RETRY}, {"40P01", PX_SQL_RETRY}, {"55P03", PX_SQL_RETRY},
        {"53100", PX_SQL_RETRY}, {"53300", PX_SQL_RETRY}, {"57P01", PX_SQL_LOST},
        {"57P03", PX_SQL_LOST},  {"08006", PX_SQL_LOST},  {"25006", PX_SQL_LOST},
        {"42501", PX_DENIED},    {"22021", PX_SQL_DATA},  {"23514", PX_SQL_DATA},
        {"42P01", PX_SCHEMA},    {"57014", PX_TIMEOUT},   {"XX000", PX_SQL},
        {"P0001", PX_SQL_DATA},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char sql[128];
        struct px_err e = PX_ERR_INIT;
        struct px_sql *s = sql_fixture_connect(f, PX_SQL_WRITE);
        (void)snprintf(sql, sizeof sql,
                       "DO $$ BEGIN RAISE EXCEPTION 'told' USING ERRCODE = '%s'; END $$",
                       rows[i].sqlstate);
        assert_int_equal(px_sql_exec(s, px_str_c(sql), &e), rows[i].code);
        assert_string_equal(e.sqlstate, rows[i].sqlstate);
        assert_int_equal(px_sql_alive(s), rows[i].code != PX_SQL_LOST);
        px_sql_close(s);
    }
}

static void test_a_table_changed_under_a_statement(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    char out[64];
    struct px_stmt *st = sql_prepare(f->s, "SELECT * FROM px_settings");
    sql_run(st, out, sizeof out);
    struct px_sql *other = sql_fixture_connect(f, PX_SQL_WRITE);
    sql_do(other, "ALTER TABLE px_settings ADD COLUMN more text");
    px_sql_close(other);
    assert_int_equal(px_stmt_run(st, &e), PX_SQL_LOST); /* reconnecting mends it */
}

static void refuse_open(const struct px_sql_conf *c, enum px_code code, const char *says) {
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = NULL;
    assert_int_equal(px_sql_open(c, PX_SQL_WRITE, &s, &e), code);
    if (!strstr(e.msg, says) || strstr(e.msg, "not-the-password")) {
        fail_msg("'%s' does not name '%s'", e.msg, says);
    }
}

static void test_refused_and_unreachable(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char cs[320];
    struct px_sql_conf c = f->conf;
    if (test_pg_port() == 0) {
        skip();
    }
    c.password = "not-the-password";
    refuse_open(&c, PX_DENIED, "Sql:PasswordFile");
    c.password = "";
    refuse_open(&c, PX_DENIED, "Sql:PasswordFile");
    c = f->conf;
    (void)snprintf(cs, sizeof cs, "%s", f->conf.connection);
    *strstr(cs, "px_test") = 'n';
    c.connection = cs;
    refuse_open(&c, PX_CONFIG, "does not exist");
    c.connection = "Driver={PostgreSQL Unicode};Servername=127.0.0.1;Port=1;Database=x;Username=y";
    refuse_open(&c, PX_SQL_LOST, "is the server up");
}

/* A role that may log in and nothing else. */
static void test_a_missing_right_is_denied(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    sql_do(f->s, "DO $$ BEGIN CREATE ROLE px_nobody; EXCEPTION WHEN duplicate_object THEN END $$");
    sql_do(f->s, "SET ROLE px_nobody");
    assert_int_equal(px_sql_exec(f->s, PX_S(COUNT), &e), PX_DENIED);
}

static void test_session_settings(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    char out[256];
#define SHOW(x) "current_setting('" x "')"
    static const char query[] = "SELECT " SHOW("client_encoding") ", " SHOW("TimeZone") ", " SHOW(
        "statement_timeout") ", " SHOW("lock_timeout") ", " SHOW("idle_in_transaction_session_"
                                                                 "timeout") ", " SHOW("transact"
                                                                                      "ion_"
                                                                                      "isolatio"
                                                                                      "n") ","
                                                                                           " " SHOW(
                                                                                               "tra"
                                                                                               "nsa"
                                                                                               "cti"
                                                                                               "on_"
                                                                                               "rea"
                                                                                               "d_"
                                                                                               "onl"
                                                                                               "y");
    sql_text(f->s, query, out, sizeof out);
    assert_string_equal(out, "UTF8|UTC|20s|5s|5s|read committed|off");
    struct px_sql *r = sql_fixture_connect(f, PX_SQL_READ);
    begin(r);
    sql_text(r, query, out, sizeof out);
    assert_string_equal(out, "UTF8|UTC|20s|5s|5s|repeatable read|on");
    px_sql_close(r);

    /* What is read behind the fence must be what is committed then, whatever the server prefers. */
    sql_do(f->s, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation "
                 "= %L', current_database(), 'repeatable read'); END $$");
    r = sql_fixture_connect(f, PX_SQL_WRITE);
    begin(r);
    sql_text(r, query, out, sizeof out);
    px_sql_close(r);
    assert_string_equal(out, "UTF8|UTC|20s|5s|5s|read committed|off");
}

/* --- deadlock: two threads take two rows in opposite order --- */

struct half {
    const struct sql_fixture *f;
    const char *first, *second;
    pthread_barrier_t *both;
    enum px_code code;
};

static void *lock_both(void *arg) {
    struct half *h = arg;
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_ROLLED_BACK;
    struct px_sql *s = NULL;
    h->code = px_sql_open(&h->f->conf, PX_SQL_WRITE, &s, &e);
    if (h->code) {
        (void)pthread_barrier_wait(h->both);
        return NULL;
    }
    h->code = px_tx_begin(s, &e);
    h->code = h->code ? h->code : px_sql_exec(s, px_str_c(h->first), &e);
    (void)pthread_barrier_wait(h->both);
    h->code = h->code ? h->code : px_sql_exec(s, px_str_c(h->second), &e);
    h->code = h->code ? h->code : px_tx_commit(s, &outcome, &e);
    px_sql_close(s);
    return NULL;
}

static void test_a_deadlock_asks_for_a_retry(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    pthread_barrier_t both;
    pthread_t t[2];
    static const char a[] = "UPDATE px_settings SET value = value || 'x' WHERE name = 'a'";
    static const char b[] = "UPDATE px_settings SET value = value || 'x' WHERE name = 'b'";
    struct half h[2] = {{.f = f, .first = a, .second = b, .both = &both},
                        {.f = f, .first = b, .second = a, .both = &both}};
    sql_do(f->s, PUT("a"));
    sql_do(f->s, PUT("b"));
    assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, lock_both, &h[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&both);
    assert_true((h[0].code == PX_OK && h[1].code == PX_SQL_RETRY) ||
                (h[1].code == PX_OK && h[0].code == PX_SQL_RETRY));
    assert_int_equal(sql_int(f->s, "SELECT COUNT(*) FROM px_settings WHERE value = 'vx'"), 2);
}

/* --- durability ---------------------------------------------------------------------------------
 */

/* What the check says to the role of the aggregator; the test's own server has fsync off. */
static enum px_code durable(const struct pg_user *u, bool strict, struct px_durable_verdict *v) {
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = pg_user_open(u);
    enum px_code code = px_durable_check(s, strict, v, &e);
    px_sql_close(s);
    if (code) {
        assert_string_equal(e.msg, v->detail);
    }
    return code;
}

static void names(const struct pg_user *u, const char *what, const char *before, const char *by) {
    struct px_durable_verdict v;
    char remedy[200];
    assert_int_equal(durable(u, true, &v), PX_CONFIG);
    (void)snprintf(remedy, sizeof remedy, "%s%s%s", before, u->name, by);
    if (!strstr(v.detail, what) || !strstr(v.remedy, *before ? remedy : by)) {
        fail_msg("%s\n%s", v.detail, v.remedy);
    }
}

static void test_what_a_crash_can_lose_is_named(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct pg_user u;
    struct px_durable_verdict v;
    char database[64], by[480];
    sql_text(f->s, "SELECT current_database()", database, sizeof database);
    pg_user_make(f, "agg", "px_agg", &u);

    names(&u, "fsync=off", "", "-- start the server without fsync=off\n");
    assert_null(strstr(durable(&u, true, &v) ? v.detail : "", "synchronous_commit"));
    assert_non_null(strstr(v.remedy, "Sql:Durability=any"));
    assert_int_equal(durable(&u, false, &v), PX_OK);
    assert_true(v.warn);
    assert_non_null(strstr(v.detail, "fsync=off"));

    pg_user_do(f, "ALTER ROLE", &u, "SET synchronous_commit = off");
    names(&u, "fsync=off, synchronous_commit=off", "ALTER ROLE ", " RESET synchronous_commit;\n");
    pg_user_do(f, "ALTER ROLE", &u, "RESET synchronous_commit");
    (void)snprintf(by, sizeof by, "ALTER DATABASE %s SET synchronous_commit = off", database);
    sql_do(f->s, by);
    (void)snprintf(by, sizeof by, "ALTER DATABASE %s RESET synchronous_commit;\n", database);
    names(&u, "synchronous_commit=off", "", by);
    sql_do(f->s, by);
    (void)snprintf(by, sizeof by, "%s;pqopt={options=-csynchronous_commit=off}", u.connection);
    u.conf.connection = by;
    names(&u, "synchronous_commit=off", "",
          "-- take synchronous_commit out of Sql:ConnectionString\n");
    u.conf.connection = u.connection;
    sql_do(f->s, "ALTER TABLE players SET UNLOGGED");
    names(&u, "players is unlogged", "", "ALTER TABLE players SET LOGGED;\n");
    sql_do(f->s, "ALTER TABLE players SET LOGGED");
    pg_user_drop(f, &u);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_error_between_two_inserts),
        SQL_TEST(test_error_as_the_last_statement),
        SQL_TEST(test_session_killed_before_commit),
        SQL_TEST(test_session_killed_before_a_statement),
        SQL_TEST(test_session_killed_before_a_statement_is_freed),
        SQL_TEST(test_deferred_constraint_fails_at_commit),
        SQL_TEST(test_unknown_commit_that_was_stored),
        SQL_TEST(test_unknown_commit_that_was_not),
        SQL_TEST(test_time_out_of_a_statement),
        SQL_TEST(test_what_a_server_says_has_its_class),
        SQL_TEST(test_a_table_changed_under_a_statement),
        SQL_TEST(test_refused_and_unreachable),
        SQL_TEST(test_a_missing_right_is_denied),
        SQL_TEST(test_session_settings),
        SQL_TEST(test_a_deadlock_asks_for_a_retry),
        SQL_TEST(test_what_a_crash_can_lose_is_named),
    };
    sql_fixture_use(px_dialect_find(PX_S("postgresql")));
    return cmocka_run_group_tests_name("postgresql", tests, NULL, NULL);
}
