/* What only the embedded database can show: its file, its journal, many connections in one process.
 */
#include "sql_fixture.h"

#include <px/mem.h>
#include <px/migrate.h>
#include <px/sql_durable.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

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

/* SQLite would take a file of its own making for each, and drop it with the connection. */
static void test_sqlite_wants_a_file(void **state) {
    const struct sql_fixture *f = *state;
    static const char *const unnamed[] = {
        "Driver={SQLite3}", "Driver={SQLite3};Database=", "Driver={SQLite3};Database={}"};
    for (size_t i = 0; i < PX_ARRAY_LEN(unnamed); i++) {
        struct px_err e = PX_ERR_INIT;
        struct px_sql *s = NULL;
        struct px_sql_conf c = f->conf;
        c.connection = unnamed[i];
        assert_int_equal(px_sql_open(&c, PX_SQL_WRITE, &s, &e), PX_CONFIG);
        assert_non_null(strstr(e.msg, "Sql:ConnectionString: name the file"));
    }
}

static void test_sqlite_refuses_a_file_of_something_else(void **state) {
    const struct sql_fixture *f = *state;
    char cs[160], path[96];
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = NULL;
    struct px_sql_conf c = f->conf;
    (void)snprintf(path, sizeof path, "%s/else.db", f->dir);
    (void)snprintf(cs, sizeof cs, "Driver={SQLite3};Database=%s", path);
    c.connection = cs;
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("PK, and no database at all, but long enough for a header of one hundred "
                      "bytes, which is what is looked at first\n",
                      file) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(px_sql_open(&c, PX_SQL_WRITE, &s, &e), PX_CONFIG);
    assert_non_null(strstr(e.msg, "Database= of Sql:ConnectionString is no SQLite file"));
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

/* --- every allocation fails once --- */

static enum px_code whole_round(const struct sql_fixture *f, struct px_err *reterr) {
    static const enum px_column types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT, PX_COL_TEXT};
    struct px_sql *s = NULL;
    struct px_stmt *st = NULL;
    struct px_rows *r = NULL;
    struct px_migration_state state;
    enum px_outcome outcome;
    PX_DEFER(px_buf_fini) struct px_buf sql = PX_BUF_INIT(65536);
    px_statement_render(PX_ST_OFFSETS_TAKE, f->dialect, &sql);
    enum px_code code = px_buf_ok(&sql, reterr);
    code = code ? code : px_sql_open(&f->conf, PX_SQL_WRITE, &s, reterr);
    code = code ? code : px_migrate_status(s, "database", &state, reterr);
    code = code ? code : px_tx_begin(s, reterr);
    code = code ? code : px_sql_prepare(s, px_buf_view(&sql), &st, reterr);
    code = code ? code : px_rows_new(f->dialect, types, 4, 1 << 20, &r);
    if (!code) {
        px_rows_text(r, PX_S("log"));
        px_rows_text(r, PX_S("topic"));
        px_rows_i64(r, 1);
        px_rows_text(r, PX_S("owner"));
        code = px_rows_bind(r, st, 0, reterr);
    }
    code = code ? code : px_stmt_run(st, reterr);
    while (!code) {
        code = px_stmt_next(st, reterr);
    }
    code = code == PX_NO_ROW ? px_tx_commit(s, &outcome, reterr) : code;
    px_rows_free(r);
    px_sql_close(s);
    return code;
}

static void test_sqlite_names_what_a_crash_can_lose(void **state) {
    const struct sql_fixture *f = *state;
    static const struct {
        const char *with, *detail;
        enum px_code code;
    } rows[] = {
        {"", "synchronous=FULL, journal_mode=wal", PX_OK},
        {";SyncPragma=EXTRA;JournalMode=DELETE", "synchronous=EXTRA, journal_mode=delete", PX_OK},
        {";SyncPragma=NORMAL", "acknowledged: synchronous=NORMAL", PX_CONFIG},
        {";SyncPragma=OFF;JournalMode=MEMORY", "acknowledged: synchronous=OFF, journal_mode=memory",
         PX_CONFIG},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char cs[256];
        struct px_err e = PX_ERR_INIT;
        struct px_sql *s = NULL;
        struct px_sql_conf c = f->conf;
        struct px_durable_verdict v;
        (void)snprintf(cs, sizeof cs, "Driver={SQLite3};Database=%s/durable%zu.db%s", f->dir, i,
                       rows[i].with);
        c.connection = cs;
        assert_int_equal(px_sql_open(&c, PX_SQL_WRITE, &s, &e), PX_OK);
        assert_int_equal(px_durable_check(s, true, &v, &e), rows[i].code);
        if (!strstr(v.detail, rows[i].detail)) {
            fail_msg("%s", v.detail);
        }
        assert_int_equal(v.warn, rows[i].code != PX_OK);
        assert_int_equal(v.remedy[0] != '\0', rows[i].code != PX_OK);
        px_sql_close(s);
        char path[200];
        (void)snprintf(path, sizeof path, "%s/durable%zu.db", f->dir, i);
        (void)unlink(path);
    }
}

static void test_sqlite_survives_failing_memory(void **state) {
    const struct sql_fixture *f = *state;
    enum px_code code = PX_NOMEM;
    unsigned n = 0;
    while (code && n < 1000) {
        struct px_err e = PX_ERR_INIT;
        px_mem_fail_at(++n);
        code = whole_round(f, &e);
        px_mem_fail_at(0);
        if (code != PX_OK && code != PX_NOMEM) {
            fail_msg("allocation %u: %s %s", n, px_code_name(code), e.msg);
        }
    }
    assert_int_equal(code, PX_OK);
    assert_true(n > 10);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_sqlite_reader_makes_no_file),
        SQL_TEST(test_sqlite_wants_a_file),
        SQL_TEST(test_sqlite_refuses_a_file_of_something_else),
        SQL_TEST(test_sqlite_session_settings),
        SQL_TEST(test_sqlite_statement_survives_a_failure),
        SQL_TEST(test_sqlite_readers_and_writer_at_once),
        SQL_TEST(test_sqlite_names_what_a_crash_can_lose),
        SQL_TEST(test_sqlite_survives_failing_memory),
    };
    sql_fixture_use(px_dialect_find(PX_S("sqlite")));
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
