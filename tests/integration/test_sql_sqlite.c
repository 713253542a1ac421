/* What only the embedded database can show: its file, its journal, many connections in one process.
 */
#include "sql_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state) {
    struct sql_fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f) {
        return -1;
    }
    sql_fixture_open(f, px_dialect_find(PX_S("sqlite")));
    return 0;
}

static int teardown(void **state) {
    struct sql_fixture *f = *state;
    sql_fixture_close(f);
    free(f);
    return 0;
}

static void test_sqlite_reader_makes_no_file(void **state) {
    const struct sql_fixture *f = *state;
    char cs[160];
    char path[96];
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = NULL;
    struct px_sql_conf c = f->conf;
    (void)snprintf(path, sizeof path, "%s/none.db", f->dir);
    (void)snprintf(cs, sizeof cs, "Driver={SQLite3};Database=%s", path);
    c.connection = cs;
    assert_int_equal(px_sql_open(&c, PX_SQL_READ, &s, &e), PX_SQL_LOST);
    assert_non_null(strstr(e.msg, "does the file of Database= exist?"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(px_sql_open(&c, PX_SQL_WRITE, &s, &e), PX_OK);
    px_sql_close(s);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
}

static void test_sqlite_session_settings(void **state) {
    const struct sql_fixture *f = *state;
    char out[64];
    static const char *const rows[][3] = {
        /* pragma, writer, reader */
        {"PRAGMA journal_mode", "wal", "wal"},     {"PRAGMA synchronous", "2", NULL},
        {"PRAGMA cache_size", "-16384", "-16384"}, {"PRAGMA wal_autocheckpoint", "4000", "4000"},
        {"PRAGMA query_only", "0", "1"},
    };
    struct px_sql *r = sql_fixture_connect(f, PX_SQL_READ);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        sql_text(f->s, rows[i][0], out, sizeof out);
        assert_string_equal(out, rows[i][1]);
        sql_text(r, rows[i][0], out, sizeof out);
        assert_true(!rows[i][2] || strcmp(out, rows[i][2]) == 0);
    }
    px_sql_close(r);
}

/* A set-based statement is prepared once, returns rows, and may be run again after a failure. */
static void test_sqlite_statement_survives_a_failure(void **state) {
    const struct sql_fixture *f = *state;
    struct px_err e = PX_ERR_INIT;
    char out[64];
    struct px_stmt *st = sql_prepare(f->s, "WITH w(x) AS (SELECT 1) INSERT INTO px_settings (name, "
                                           "value) VALUES (CAST(? AS text), 'v') RETURNING name");
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(px_bind_text(st, 0, px_str_c(name), &e), PX_OK);
        sql_run(st, out, sizeof out);
        assert_string_equal(out, name);
        assert_int_equal(px_stmt_run(st, &e), PX_SQL_DATA);
        assert_int_equal(e.native, 19);
    }
    assert_int_equal(sql_int(f->s, "SELECT COUNT(*) FROM px_settings"), 3);
}

/* --- one writer, several readers, each with its own connection --- */

struct worker {
    const struct sql_fixture *f;
    int64_t seen;
    struct px_err err;
    enum px_code code;
};

static enum px_code count_in_tx(struct px_sql *s, int64_t *ret, struct px_err *reterr) {
    enum px_outcome outcome;
    struct px_stmt *st = NULL;
    enum px_code code = px_tx_begin(s, reterr);
    code = code ? code : px_sql_prepare(s, PX_S("SELECT COUNT(*) FROM px_settings"), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    code = code ? code : px_stmt_next(st, reterr);
    if (!code) {
        *ret = px_col_i64(st, 0);
        code = px_tx_commit(s, &outcome, reterr);
    }
    px_stmt_free(st);
    px_tx_rollback(s);
    return code;
}

#define ROWS 200

static void *read_until_all(void *arg) {
    struct worker *w = arg;
    struct px_sql *s = NULL;
    w->code = px_sql_open(&w->f->conf, PX_SQL_READ, &s, &w->err);
    while (!w->code && w->seen < ROWS) {
        int64_t n = 0;
        w->code = count_in_tx(s, &n, &w->err);
        if (!w->code && n < w->seen) {
            w->code = PX_FAIL(&w->err, PX_INTERNAL, "went back");
        }
        w->seen = n;
    }
    px_sql_close(s);
    return NULL;
}

static void test_sqlite_readers_and_writer_at_once(void **state) {
    const struct sql_fixture *f = *state;
    enum {
        READERS = 3
    };
    pthread_t t[READERS];
    struct worker w[READERS];
    for (int i = 0; i < READERS; i++) {
        w[i] = (struct worker){.f = f};
        assert_int_equal(pthread_create(&t[i], NULL, read_until_all, &w[i]), 0);
    }
    for (int i = 0; i < ROWS; i++) {
        char sql[96];
        struct px_err e = PX_ERR_INIT;
        enum px_outcome outcome;
        (void)snprintf(sql, sizeof sql, "INSERT INTO px_settings VALUES ('%d', '')", i);
        assert_int_equal(px_tx_begin(f->s, &e), PX_OK);
        sql_do(f->s, sql);
        assert_int_equal(px_tx_commit(f->s, &outcome, &e), PX_OK);
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        if (w[i].code) {
            fail_msg("%s", w[i].err.msg);
        }
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(test_sqlite_reader_makes_no_file),
        T(test_sqlite_session_settings),
        T(test_sqlite_statement_survives_a_failure),
        T(test_sqlite_readers_and_writer_at_once),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
