/* Connections, statements and transactions, on every dialect of the registry: outcomes, errors by
 * class, long values, read snapshots, locks. What only a server can do is in test_sql_postgres.c.
 */
#include "sql_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void begin(struct px_sql *s) {
    struct px_err e = PX_ERR_INIT;
    if (px_tx_begin(s, &e)) {
        fail_msg("%s", e.msg);
    }
}

static void commit(struct px_sql *s) {
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_OUTCOME_UNKNOWN;
    if (px_tx_commit(s, &outcome, &e)) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(outcome, PX_COMMITTED);
}

/* SQL Server keeps one open result per connection, and knows no session that cannot write. */
static bool sqlserver(const struct sql_fixture *f) {
    return strcmp(f->dialect->name, "sqlserver") == 0;
}

/* "SELECT <bound text>" in the words of the dialect. */
static struct px_stmt *select_text(struct sql_fixture *f, const char *before, const char *after) {
    char text[256];
    (void)snprintf(text, sizeof text, "SELECT %s%s%s", before, f->dialect->text_value, after);
    return sql_prepare(f->s, text);
}

#define PUT(name) "INSERT INTO px_settings (name, value) VALUES ('" name "', 'v')"
#define COUNT     "SELECT COUNT(*) FROM px_settings"

static void test_commit_stores_and_rollback_does_not(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_sql *other = sql_fixture_connect(f, PX_SQL_READ);

    begin(f->s);
    sql_do(f->s, PUT("a"));
    assert_int_equal(sql_int(other, COUNT), 0);
    commit(f->s);
    assert_int_equal(sql_int(other, COUNT), 1);
    begin(f->s);
    sql_do(f->s, PUT("b"));
    px_tx_rollback(f->s);
    px_tx_rollback(f->s);
    assert_int_equal(sql_int(other, COUNT), 1);
    begin(f->s);
    sql_do(f->s, PUT("c"));
    px_sql_close(f->s); /* an open transaction does not survive */
    f->s = NULL;
    assert_int_equal(sql_int(other, COUNT), 1);
    px_sql_close(other);
}

static void test_a_transaction_is_opened_and_ended_once(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;

    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_INTERNAL);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    begin(f->s);
    assert_int_equal(px_tx_begin(f->s, &e), PX_INTERNAL);
    sql_do(f->s, PUT("a"));
    commit(f->s);
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_INTERNAL);
    assert_int_equal(sql_int(f->s, COUNT), 1);
}

/* The heart of the guard: a failure anywhere, even one that the caller overlooks, and nothing is
 * stored. */
static void test_a_failed_statement_spoils_the_transaction(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;

    begin(f->s);
    sql_do(f->s, PUT("a"));
    assert_false(px_tx_failed(f->s));
    assert_int_equal(px_sql_exec(f->s, PX_S(PUT("a")), &e), PX_SQL_DATA);
    assert_true(px_tx_failed(f->s));
    PX_IGNORE(px_sql_exec(f->s, PX_S(PUT("b")), NULL)); /* whatever the database says to this */
    e = PX_ERR_INIT;
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_SQL_DATA);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_true(e.flags & PX_ABORT_TX);
    assert_int_equal(sql_int(f->s, COUNT), 0);

    begin(f->s); /* the connection is still good */
    sql_do(f->s, PUT("c"));
    commit(f->s);
    assert_int_equal(sql_int(f->s, COUNT), 1);
}

static void test_a_failed_bind_spoils_the_transaction(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    enum px_outcome outcome = PX_COMMITTED;
    struct px_stmt *st = select_text(f, "", "");
    begin(f->s);
    sql_do(f->s, PUT("a"));
    assert_int_equal(px_bind_text(st, 0, PX_S("a\0b"), &e), PX_SQL_DATA);
    assert_int_equal(px_stmt_run(st, &e), PX_INTERNAL);
    assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_INTERNAL);
    assert_int_equal(outcome, PX_ROLLED_BACK);
    assert_int_equal(sql_int(f->s, COUNT), 0);
}

static void test_matching_no_row_is_no_failure(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *update =
        sql_prepare(f->s, "UPDATE px_settings SET value = 'x' WHERE name = 'n'");
    struct px_stmt *query = sql_prepare(f->s, "SELECT value FROM px_settings");
    begin(f->s);
    assert_int_equal(px_stmt_run(update, &e), PX_OK);
    assert_int_equal(px_stmt_next(update, &e), PX_NO_ROW);
    assert_int_equal(px_stmt_run(query, &e), PX_OK);
    assert_int_equal(px_stmt_next(query, &e), PX_NO_ROW);
    assert_int_equal(px_stmt_next(query, &e), PX_NO_ROW);
    assert_false(px_tx_failed(f->s));
    commit(f->s);
}

static void test_errors_have_their_class(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    static const struct {
        const char *sql;
        enum px_code code;
    } rows[] = {
        {PUT("taken"), PX_SQL_DATA},
        {"INSERT INTO px_settings (name, value) VALUES ('x', NULL)", PX_SQL_DATA},
        {"SELECT 1 FROM no_such_table", PX_SCHEMA},
        {"SELECT no_such_column FROM px_settings", PX_SCHEMA},
        {"SELEKT 1", PX_SQL},
    };
    sql_do(f->s, PUT("taken"));
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err e = PX_ERR_INIT;
        assert_int_equal(px_sql_exec(f->s, px_str_c(rows[i].sql), &e), rows[i].code);
        assert_int_equal(e.code, rows[i].code);
        assert_true(strlen(e.sqlstate) == 5);
        assert_null(strstr(e.msg, "taken")); /* values are personal data */
        assert_true(px_sql_alive(f->s));
    }
}

static void test_long_and_short_values_alternate(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    static const size_t sizes[] = {0, 1, 127, 128, 129, 70000, 3, 1000000, 0, 255};
    struct px_stmt *st = select_text(f, "", ", 42, NULL");
    for (size_t i = 0; i < PX_ARRAY_LEN(sizes); i++) {
        char *text = malloc(sizes[i] + 1);
        assert_non_null(text);
        for (size_t k = 0; k < sizes[i]; k++) {
            text[k] = (char)('a' + (k + i) % 26);
        }
        struct px_str want = {.p = text, .n = sizes[i]};
        assert_int_equal(px_bind_text(st, 0, want, &e), PX_OK);
        assert_int_equal(px_stmt_run(st, &e), PX_OK);
        assert_int_equal(px_stmt_next(st, &e), PX_OK);
        assert_true(px_str_eq(px_col_text(st, 0), want));
        assert_false(px_col_null(st, 0));
        assert_int_equal(px_col_i64(st, 1), 42);
        assert_true(px_col_null(st, 2));
        assert_int_equal(px_col_i64(st, 2), 0);
        assert_int_equal(px_col_text(st, 2).n, 0);
        if (i % 2) {
            assert_int_equal(px_stmt_next(st, &e), PX_NO_ROW);
        } /* else the next run drops what is left */
        free(text);
    }
}

static void test_a_column_that_is_no_integer_is_told(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *st = sql_prepare(f->s, "SELECT 'twelve'");
    assert_int_equal(px_stmt_run(st, &e), PX_OK);
    assert_int_equal(px_stmt_next(st, &e), PX_OK);
    assert_int_equal(px_col_i64(st, 0), 0);
    assert_int_equal(px_stmt_next(st, &e), PX_SQL);
}

static void test_null_and_integers_bind(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    struct px_stmt *st = select_text(f, "CAST(? AS bigint), ", "");
    for (size_t i = 0; i < PX_ARRAY_LEN(values); i++) {
        px_bind_i64(st, 0, values[i]);
        px_bind_null(st, 1);
        assert_int_equal(px_stmt_run(st, &e), PX_OK);
        assert_int_equal(px_stmt_next(st, &e), PX_OK);
        assert_true(px_col_i64(st, 0) == values[i]);
        assert_true(px_col_null(st, 1));
    }
    px_bind_null(st, 0);
    assert_int_equal(px_stmt_run(st, &e), PX_OK);
    assert_int_equal(px_stmt_next(st, &e), PX_OK);
    assert_true(px_col_null(st, 0));
}

static void test_a_reader_cannot_write(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    if (sqlserver(f)) {
        skip();
    }
    struct px_err e = PX_ERR_INIT;
    struct px_sql *reader = sql_fixture_connect(f, PX_SQL_READ);
    assert_true(px_sql_exec(reader, PX_S(PUT("a")), &e) < 0);
    px_sql_close(reader);
    reader = sql_fixture_connect(f, PX_SQL_READ);
    begin(reader);
    assert_true(px_sql_exec(reader, PX_S("DROP TABLE px_settings"), &e) < 0);
    px_sql_close(reader);
    assert_int_equal(sql_int(f->s, COUNT), 0);
}

static void test_a_reader_sees_one_snapshot_and_blocks_nobody(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_sql *reader = sql_fixture_connect(f, PX_SQL_READ);
    sql_do(f->s, PUT("a"));
    begin(reader);
    assert_int_equal(sql_int(reader, COUNT), 1);
    begin(f->s);
    sql_do(f->s, PUT("b"));
    assert_int_equal(sql_int(reader, COUNT), 1);
    commit(f->s); /* did not wait for the reader */
    sql_do(f->s, PUT("c"));
    assert_int_equal(sql_int(reader, COUNT), 1);
    commit(reader);
    assert_int_equal(sql_int(reader, COUNT), 3);
    px_sql_close(reader);
}

static void test_a_lock_is_waited_for_and_then_retried(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_sql *other = NULL;
    f->conf.lock_timeout = 200 * PX_US_PER_MS;
    sql_do(f->s, PUT("a"));
    other = sql_fixture_connect(f, PX_SQL_WRITE);
    begin(f->s);
    sql_do(f->s, "UPDATE px_settings SET value = '1'");
    enum px_code code = px_tx_begin(other, &e);
    code = code ? code : px_sql_exec(other, PX_S("UPDATE px_settings SET value = '2'"), &e);
    assert_int_equal(code, PX_SQL_RETRY);
    assert_true(e.flags & PX_RETRY);
    px_tx_rollback(other);
    commit(f->s);
    begin(other);
    sql_do(other, "UPDATE px_settings SET value = '3'");
    commit(other);
    assert_int_equal(sql_int(f->s, "SELECT CAST(value AS bigint) FROM px_settings"), 3);
    px_sql_close(other);
}

static void refuse_open(const struct px_sql_conf *conf, enum px_sql_use use, enum px_code code,
                        const char *says) {
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = NULL;
    assert_int_equal(px_sql_open(conf, use, &s, &e), code);
    assert_null(s);
    if (!strstr(e.msg, says)) {
        fail_msg("'%s' does not name '%s'", e.msg, says);
    }
    if (conf->password[0]) {
        assert_null(strstr(e.msg, conf->password));
    }
}

static void test_what_is_wrong_with_the_configuration_is_named(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    struct px_sql_conf c = f->conf;
    c.dialect = 77;
    refuse_open(&c, PX_SQL_WRITE, PX_CONFIG, "Sql:Dialect");
    c = f->conf;
    c.connection = "Driver={No Such Driver};Database=x";
    refuse_open(&c, PX_SQL_WRITE, PX_CONFIG, f->dialect->package);
    c.connection = "Database=x";
    refuse_open(&c, PX_SQL_WRITE, PX_CONFIG, f->dialect->package);
    c = f->conf;
    for (int i = 0; sql_fixture_each((size_t)i); i++) {
        if (i != f->conf.dialect) {
            c.dialect = i;
            refuse_open(&c, PX_SQL_WRITE, PX_CONFIG, "Sql:Dialect");
        }
    }
}

static void test_statements_end_with_their_connection(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    if (sqlserver(f)) {
        skip();
    }
    struct px_err e = PX_ERR_INIT;
    struct px_stmt *a = sql_prepare(f->s, "SELECT 1");
    struct px_stmt *b = sql_prepare(f->s, "SELECT 2");
    struct px_stmt *c = sql_prepare(f->s, "SELECT 3");
    assert_int_equal(px_stmt_run(a, &e), PX_OK);
    assert_int_equal(px_stmt_run(c, &e), PX_OK);
    px_stmt_free(b);
    px_sql_close(f->s); /* frees a and c, one of them in mid-result */
    f->s = sql_fixture_connect(f, PX_SQL_WRITE);
    assert_int_equal(sql_int(f->s, "SELECT 4"), 4);
    PX_DEFER(px_buf_fini) struct px_buf v = PX_BUF_INIT(1024);
    px_sql_versions(f->s, &v);
    assert_non_null(strstr(px_buf_cstr(&v), f->dialect->driver_hint));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_commit_stores_and_rollback_does_not),
        SQL_TEST(test_a_transaction_is_opened_and_ended_once),
        SQL_TEST(test_a_failed_statement_spoils_the_transaction),
        SQL_TEST(test_a_failed_bind_spoils_the_transaction),
        SQL_TEST(test_matching_no_row_is_no_failure),
        SQL_TEST(test_errors_have_their_class),
        SQL_TEST(test_long_and_short_values_alternate),
        SQL_TEST(test_a_column_that_is_no_integer_is_told),
        SQL_TEST(test_null_and_integers_bind),
        SQL_TEST(test_a_reader_cannot_write),
        SQL_TEST(test_a_reader_sees_one_snapshot_and_blocks_nobody),
        SQL_TEST(test_a_lock_is_waited_for_and_then_retried),
        SQL_TEST(test_what_is_wrong_with_the_configuration_is_named),
        SQL_TEST(test_statements_end_with_their_connection),
    };
    int failed = 0;
    SQL_TEST_EACH_DIALECT(tests, failed)
    return failed;
}
