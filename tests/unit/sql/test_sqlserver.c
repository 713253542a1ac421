/* What of SQL Server needs no server: its connection strings, how well they protect the way to it,
 * and what its error numbers mean. */
#include "../../../libcore/src/sql/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS  "Driver={ODBC Driver 18 for SQL Server};"
#define TDS "Driver=FreeTDS;"

static struct px_sql_conf conf_of(const char *connection, int tls) {
    return (struct px_sql_conf){.connection = connection, .password = "", .tls = tls};
}

static void test_strings_get_what_they_leave_open(void **state) {
    (void)state;
    static const struct {
        const char *connection;
        int tls;
        const char *added;
    } rows[] = {
        {MS "Server=tcp:db.example,1433", PX_SQL_TLS_VERIFY,
         ";Encrypt=yes;TrustServerCertificate=no"},
        {MS "Server=db.example\\main", PX_SQL_TLS_ANY, ";Encrypt=yes;TrustServerCertificate=yes"},
        {MS "Server=127.0.0.1,14330", PX_SQL_TLS_VERIFY, ";Encrypt=yes;TrustServerCertificate=yes"},
        {MS "Server=(local)", PX_SQL_TLS_VERIFY, ";Encrypt=yes;TrustServerCertificate=yes"},
        {MS "Server=db.example;encrypt=strict;TRUSTSERVERCERTIFICATE=no", PX_SQL_TLS_VERIFY, ""},
        {TDS "Server=db.example;Port=1433", PX_SQL_TLS_ANY,
         ";TDS_Version=7.4;ClientCharset=UTF-8;Encryption=require"},
        {TDS "Server=localhost;TDS_Version=7.3", PX_SQL_TLS_VERIFY,
         ";ClientCharset=UTF-8;Encryption=request"},
        {"Driver=/usr/lib/libtdsodbc.so;Server=localhost", PX_SQL_TLS_VERIFY,
         ";TDS_Version=7.4;ClientCharset=UTF-8;Encryption=request"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_sql_conf c = conf_of(rows[i].connection, rows[i].tls);
        PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1024);
        px_dialect_sqlserver.connect_string(&c, PX_SQL_WRITE, &out);
        assert_string_equal(px_buf_cstr(&out), rows[i].added);
    }
}

static void test_the_password_is_quoted_and_never_given_twice(void **state) {
    (void)state;
    struct px_sql_conf c = conf_of(TDS "Server=localhost;TDS_Version=7.4;ClientCharset=UTF-8;"
                                       "Encryption=off;UID=svc",
                                   PX_SQL_TLS_VERIFY);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1024);
    c.password = "a;}b";
    px_dialect_sqlserver.connect_string(&c, PX_SQL_WRITE, &out);
    assert_string_equal(px_buf_cstr(&out), ";PWD={a;}}b}");
    px_buf_reset(&out);
    c.connection = TDS "Server=localhost;TDS_Version=7.4;ClientCharset=UTF-8;Encryption=off;PWD=x";
    px_dialect_sqlserver.connect_string(&c, PX_SQL_WRITE, &out);
    assert_int_equal(out.n, 0);
}

static void test_a_server_elsewhere_must_be_verified(void **state) {
    (void)state;
    static const struct {
        const char *connection;
        int tls;
        enum px_code code;
        const char *says;
    } rows[] = {
        {MS "Server=db.example", PX_SQL_TLS_VERIFY, PX_OK, NULL},
        {MS "Server=db.example;Encrypt=mandatory", PX_SQL_TLS_VERIFY, PX_OK, NULL},
        {MS "Server=db.example;Encrypt=no", PX_SQL_TLS_VERIFY, PX_CONFIG,
         "db.example: write Encrypt=yes;TrustServerCertificate=no"},
        {MS "Server=db.example;Encrypt=optional", PX_SQL_TLS_VERIFY, PX_CONFIG, "db.example"},
        {MS "Server=db.example;TrustServerCertificate=yes", PX_SQL_TLS_VERIFY, PX_CONFIG,
         "Sql:Tls=any"},
        {MS "Server=db.example;TrustServerCertificate=YES", PX_SQL_TLS_ANY, PX_OK, NULL},
        {MS "Server=127.0.0.1.evil.example;Encrypt=no", PX_SQL_TLS_VERIFY, PX_CONFIG, "evil"},
        {MS "Server=127.0.0.1,1433;Encrypt=no", PX_SQL_TLS_VERIFY, PX_OK, NULL},
        {MS "Database=analytics", PX_SQL_TLS_VERIFY, PX_OK, NULL},
        {TDS "Server=db.example;Encryption=require", PX_SQL_TLS_VERIFY, PX_CONFIG,
         "FreeTDS takes no authority here"},
        {TDS "Servername=section", PX_SQL_TLS_VERIFY, PX_CONFIG, "section"},
        {TDS "Server=db.example", PX_SQL_TLS_ANY, PX_OK, NULL},
        {TDS "Server=localhost", PX_SQL_TLS_VERIFY, PX_OK, NULL},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err e = PX_ERR_INIT;
        struct px_sql_conf c = conf_of(rows[i].connection, rows[i].tls);
        enum px_code got = px_dialect_sqlserver.connectable(&c, &e);
        if (got != rows[i].code || (rows[i].says && !strstr(e.msg, rows[i].says))) {
            fail_msg("%s: %s '%s'", rows[i].connection, px_code_name(got), e.msg);
        }
    }
}

static void test_check_tells_what_the_string_demands(void **state) {
    (void)state;
    static const struct {
        const char *connection;
        bool warn;
        const char *says;
    } rows[] = {
        {MS "Server=db.example", false, "must encrypt and verify db.example; the server was not"},
        {MS "Server=localhost", false, "on this machine"},
        {MS "Server=db.example;Encrypt=no", true, "may pose as db.example"},
        {TDS "Server=db.example;Encryption=require", true, "may pose as db.example"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_sql_conf c = conf_of(rows[i].connection, PX_SQL_TLS_VERIFY);
        bool warn = !rows[i].warn;
        char text[232];
        px_dialect_sqlserver.tls_asked(&c, &warn, text, sizeof text);
        assert_int_equal(warn, rows[i].warn);
        assert_non_null(strstr(text, rows[i].says));
    }
}

static void test_refusals_of_tls_have_a_remedy(void **state) {
    (void)state;
    struct px_err e = PX_ERR_INIT;
    struct px_sql_conf c = conf_of(MS "Server=db.example", PX_SQL_TLS_VERIFY);
    assert_int_equal(
        px_dialect_sqlserver.explain(
            &c, "SSL Provider: [error:0A000086:SSL routines::certificate verify failed", &e),
        PX_CONFIG);
    assert_non_null(strstr(e.msg, "db.example"));
    assert_non_null(strstr(e.msg, "ServerCertificate="));
    assert_int_equal(px_dialect_sqlserver.explain(&c, "Login failed for user 'x'", &e), PX_OK);
}

static void test_error_numbers_have_their_class(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        int native;
        enum px_code code;
    } rows[] = {
        {"40001", 1205, PX_SQL_RETRY},  {"42000", 1222, PX_SQL_RETRY},
        {"HYT00", 1222, PX_SQL_RETRY},  {"23000", 2627, PX_SQL_DATA},
        {"23000", 2601, PX_SQL_DATA},   {"42000", 13609, PX_SQL_DATA},
        {"22001", 2628, PX_SQL_DATA},   {"23000", 0, PX_SQL_DATA},
        {"42S02", 208, PX_SCHEMA},      {"42S22", 207, PX_SCHEMA},
        {"42S02", 0, PX_SCHEMA},        {"42000", 229, PX_DENIED},
        {"28000", 18456, PX_DENIED},    {"HY000", 4060, PX_DENIED},
        {"HY000", 3952, PX_CONFIG},     {"08S01", 0, PX_SQL_LOST},
        {"HY000", 10054, PX_SQL_LOST},  {"HY000", 40613, PX_SQL_LOST},
        {"HYT00", 0, PX_TIMEOUT},       {"42000", 3906, PX_SQL_LOST},
        {"HY000", 49919, PX_SQL_RETRY}, {"25000", 3902, PX_SQL_RETRY},
        {"42000", 51205, PX_SQL_RETRY}, {"42000", 102, PX_SQL},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        enum px_code got = px_dialect_sqlserver.classify(rows[i].sqlstate, rows[i].native, "");
        if (got != rows[i].code) {
            fail_msg("%s %d: %s", rows[i].sqlstate, rows[i].native, px_code_name(got));
        }
    }
    assert_int_equal(px_dialect_sqlserver.classify("HYT00", 0, "Login timeout expired"),
                     PX_SQL_LOST);
}

/* Only what certainly stored nothing; a lost connection is no refusal. */
static void test_a_refused_commit_is_certain(void **state) {
    (void)state;
    assert_true(px_dialect_sqlserver.refused("40001", 1205));
    assert_true(px_dialect_sqlserver.refused("25000", 3902)); /* the server had rolled back */
    assert_true(px_dialect_sqlserver.refused("23000", 547));
    assert_false(px_dialect_sqlserver.refused("08S01", 0));
    assert_false(px_dialect_sqlserver.refused("HYT00", 0));
    assert_false(px_dialect_sqlserver.refused("HY000", 40197));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_get_what_they_leave_open),
        cmocka_unit_test(test_the_password_is_quoted_and_never_given_twice),
        cmocka_unit_test(test_a_server_elsewhere_must_be_verified),
        cmocka_unit_test(test_check_tells_what_the_string_demands),
        cmocka_unit_test(test_refusals_of_tls_have_a_remedy),
        cmocka_unit_test(test_error_numbers_have_their_class),
        cmocka_unit_test(test_a_refused_commit_is_certain),
    };
    return cmocka_run_group_tests_name("sqlserver", tests, NULL, NULL);
}
