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

static void test_connstr_leaves_a_keyword_out(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"Server=h;pqopt={a=1; b=2};Port=1", "Server=h;Port=1"},
        {"PQOPT=a;Server=h", ";Server=h"},
        {"Server=h;PWD={a;pqopt=b};;pqopt=c", "Server=h;PWD={a;pqopt=b}"},
        {"Server=h;", "Server=h"},
        {"", ""},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);
        px_connstr_without(&b, px_str_c(rows[i].text), "pqopt");
        assert_string_equal(px_buf_cstr(&b), rows[i].want);
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
    assert_non_null(strstr(pg, ";pqopt={x=1 keepalives_idle=5 keepalives_interval=2 "
                               "keepalives_count=3 tcp_user_timeout=8000}"));
    assert_non_null(strstr(pg, ";SSLmode=prefer"));
    pg = connect_string(1, "pqopt={target_session_attrs=any tcp_user_timeout = '9 s'}", "",
                        PX_SQL_WRITE, &b);
    assert_non_null(strstr(pg, ";pqopt={target_session_attrs=any tcp_user_timeout = '9 s' "
                               "keepalives_idle=5 keepalives_interval=2 keepalives_count=3}"));
}

/* Another machine must prove who it is, this one need not. */
static void test_connstr_verifies_other_machines(void **state) {
    (void)state;
    static const struct {
        const char *user;
        bool remote;
    } rows[] = {
        {"Servername=db.example", true},
        {"Server=10.0.0.7;Port=5432", true},
        {"Servername=127.0.0.1", false},
        {"Servername=127.0.0.1.evil.example", true},
        {"Servername=LOCALHOST", false},
        {"Servername=::1", false},
        {"Servername=/run/postgresql", false},
        {"Servername=localhost,db.example", true},
        {"Servername=localhost,127.0.0.2", false},
        {"Servername=localhost;pqopt={hostaddr=10.0.0.7}", true},
        {"Servername=db.example;pqopt={hostaddr='127.0.0.1'}", true},
        {"Database=x", false},
        {"pqopt={host=db.example}", true},
        {"pqopt={host=/run/postgresql}", false},
        {"Servername=localhost;pqopt={host=localhost}", false},
        {"pqopt={service=main}", true}, /* what it leads to stands in another file */
        {"Servername=localhost;pqopt={service=main}", true},
        {"DSN=main;Database=x", true},
        {"filedsn=/etc/main.dsn;Servername=localhost", true},
    };
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(8192);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        const char *got = connect_string(1, rows[i].user, "", PX_SQL_READ, &b);
        if (!strstr(got, rows[i].remote ? ";SSLmode=verify-full" : ";SSLmode=prefer")) {
            fail_msg("%s: %s", rows[i].user, got);
        }
    }
}

static void test_connstr_refuses_unverified_machines(void **state) {
    (void)state;
    static const struct {
        const char *user;
        int tls;
        bool fine;
    } rows[] = {
        {"Servername=db.example", PX_SQL_TLS_VERIFY, true},
        {"Servername=db.example;SSLmode=verify-full", PX_SQL_TLS_VERIFY, true},
        {"Servername=db.example;SSLmode=verify-ca", PX_SQL_TLS_VERIFY, false},
        {"Servername=db.example;sslmode=require", PX_SQL_TLS_VERIFY, false},
        {"Servername=db.example;SSLmode=require", PX_SQL_TLS_ANY, true},
        {"pqopt={host=db.example};SSLmode=require", PX_SQL_TLS_VERIFY, false},
        {"DSN=main;SSLmode=require", PX_SQL_TLS_VERIFY, false},
        {"Servername=127.0.0.1;SSLmode=disable", PX_SQL_TLS_VERIFY, true},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_sql_conf c = {
            .dialect = 1, .connection = rows[i].user, .password = "", .tls = rows[i].tls};
        struct px_err e = PX_ERR_INIT;
        enum px_code code = px_dialect_get(1)->connectable(&c, &e);
        assert_int_equal(code, rows[i].fine ? PX_OK : PX_CONFIG);
        assert_true(rows[i].fine || strstr(e.msg, "write SSLmode=verify-full"));
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_finds_the_ends_of_statements),
        cmocka_unit_test(test_connstr_finds_keywords),
        cmocka_unit_test(test_connstr_leaves_a_keyword_out),
        cmocka_unit_test(test_connstr_adds_only_what_the_user_left_open),
        cmocka_unit_test(test_connstr_verifies_other_machines),
        cmocka_unit_test(test_connstr_refuses_unverified_machines),
    };
    return cmocka_run_group_tests_name("migrate_files", tests, NULL, NULL);
}
