/* Splitting of migration files into statements, and reading of connection strings. */
#include "../../../libcore/src/sql/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_split_finds_the_ends_of_statements(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* statements joined by '|' */
    } rows[] = {
        {"", ""},
        {" ;; ; \n", ""},
        {"-- only a comment", ""},
        {"/* never closed", ""},
        {"a", "a"},
        {"a;b", "a|b"},
        {" a \n;\n b ; ", "a|b"},
        {"a 'x;y' b;c", "a 'x;y' b|c"},
        {"a 'it''s; so';c", "a 'it''s; so'|c"},
        {"a \"x;y\";c", "a \"x;y\"|c"},
        {"a -- ; ' ? \n b;c", "a \n b|c"},
        {"a /* ; ' */ b;c", "a  b|c"},
        {"a /* x /* ; */ y */ b;c", "a  b|c"},
        {"a '-- no comment' b;c", "a '-- no comment' b|c"},
        {"a $$ x; y $$ b;c", "a $$ x; y $$ b|c"},
        {"a $t$ x; $$ ; $t$ b;c", "a $t$ x; $$ ; $t$ b|c"},
        {"a $1 b;c", "a $1 b|c"},
        {"a 'open; b", "a 'open; b"},
        {"a $$ open; b", "a $$ open; b"},
        {"a - b / c;d", "a - b / c|d"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf one = PX_BUF_INIT(1024);
        PX_DEFER(px_buf_fini) struct px_buf got = PX_BUF_INIT(1024);
        size_t at = 0;
        while (px_split_next(px_str_c(rows[i].text), &at, &one)) {
            px_buf_c(&got, got.n ? "|" : "");
            px_buf_str(&got, px_buf_view(&one));
        }
        assert_string_equal(px_buf_cstr(&got), rows[i].want);
    }
}

static void test_connstr_finds_keywords(void **state) {
    (void)state;
    static const struct {
        const char *text, *key, *want; /* NULL = not there */
    } rows[] = {
        {"Driver={PostgreSQL Unicode};Server=h", "driver", "PostgreSQL Unicode"},
        {"Driver={PostgreSQL Unicode};Server=h", "SERVER", "h"},
        {"Driver={A;Server=x};Port=1", "Server", NULL},
        {"Driver={A;Server=x};Port=1", "Port", "1"},
        {"pqopt={a=1 b=2};SSLmode=require", "SSLmode", "require"},
        {"PWD={a}};SSLmode=off}", "SSLmode", NULL},
        {"PWD={a}};b};SSLmode=on", "SSLmode", "on"},
        {" Timeout = 5 ; X = ", "Timeout", "5"},
        {" Timeout = 5 ; X = ", "X", ""},
        {"A=1;A=2", "A", "1"},
        {"", "A", NULL},
        {";;;", "A", NULL},
        {"A", "A", ""},
        {"A={open", "A", "{open"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_str v = {.p = NULL};
        bool found = px_connstr_get(px_str_c(rows[i].text), rows[i].key, &v);
        assert_int_equal(found, rows[i].want != NULL);
        assert_true(!found || px_str_is(v, rows[i].want));
    }
}

static const char *connect_string(int dialect, const char *user, const char *password,
                                  enum px_sql_use use, struct px_buf *out) {
    struct px_sql_conf c = {.dialect = dialect,
                            .connection = user,
                            .password = password,
                            .statement_timeout = PX_US_PER_S,
                            .lock_timeout = 1500 * PX_US_PER_MS};
    px_buf_reset(out);
    px_dialect_get((size_t)dialect)->connect_string(&c, use, out);
    return px_buf_cstr(out);
}

static void test_connstr_adds_only_what_the_user_left_open(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(8192);
    assert_string_equal(connect_string(0, "Database=x", "", PX_SQL_WRITE, &b),
                        ";Timeout=1500;JournalMode=WAL;SyncPragma=FULL");
    assert_string_equal(connect_string(0, "timeout=7;syncpragma=OFF", "", PX_SQL_WRITE, &b),
                        ";JournalMode=WAL");
    assert_string_equal(connect_string(0, "Database=x", "", PX_SQL_READ, &b),
                        ";Timeout=1500;NoCreat=1");
    const char *pg = connect_string(1, "SSLMODE=verify-full", "a}b;c", PX_SQL_WRITE, &b);
    assert_null(strstr(pg, "SSLmode"));
    assert_non_null(strstr(pg, ";Protocol=7.4-0;UseServerSidePrepare=1"));
    assert_non_null(strstr(pg, ";PWD={a}}b;c}"));
    assert_non_null(strstr(pg, "target_session_attrs=read-write"));
    pg = connect_string(1, "pwd=mine;pqopt={x=1}", "other", PX_SQL_READ, &b);
    assert_null(strstr(pg, "other"));
    assert_null(strstr(pg, "pqopt"));
    assert_non_null(strstr(pg, ";SSLmode=prefer"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_finds_the_ends_of_statements),
        cmocka_unit_test(test_connstr_finds_keywords),
        cmocka_unit_test(test_connstr_adds_only_what_the_user_left_open),
    };
    return cmocka_run_group_tests_name("migrate_files", tests, NULL, NULL);
}
