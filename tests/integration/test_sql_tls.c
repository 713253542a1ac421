/* TLS to a real PostgreSQL with certificates of an authority of our own: the right one connects,
 * and each way of being wrong has a message of its own that says what to do. */
#include "postgres.h"
#include "proc.h"
#include "sql_fixture.h"

#include <px/dialect.h>
#include <px/sql_tls.h>

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "db.test" /* reached at 127.0.0.1 by hostaddr: another machine by its name */

static char dir[256]; /* ca.pem other.pem empty.pem; <name>.crt and <name>.key */

/* --- certificates -------------------------------------------------------------------------------
 */

static void shell(const char *script) {
    char out[4096];
    const char *argv[] = {"/bin/sh", "-euc", script, "sh", dir, NULL};
    const char *env[] = {NULL};
    if (proc_run(argv, env, out, sizeof out) != 0) {
        fail_msg("%s", out);
    }
}

static int make_certificates(void **state) {
    (void)state;
    if (sql_fixture_why_not(px_dialect_find(PX_S("postgresql"))) || test_pg_port() == 0) {
        return 0;
    }
    (void)snprintf(dir, sizeof dir, "%s/tls", proc_tmpdir());
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(chmod(proc_tmpdir(), 0755), 0); /* the server is another user */
    shell("cd \"$1\"\n"
          "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
          "for a in ca other; do\n"
          "  openssl req -x509 $ec -keyout $a.key -out $a.pem -days 30 -subj \"/CN=$a\"; done\n"
          "leaf() { # name host days\n"
          "  openssl req $ec -keyout $1.key -out $1.csr -subj \"/CN=$2\"\n"
          "  echo \"subjectAltName=DNS:$2\" >$1.ext\n"
          "  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.crt \\\n"
          "    -extfile $1.ext -days $3; }\n"
          "leaf right " HOST " 100; leaf short " HOST " 3; leaf expired " HOST " -1\n"
          "leaf named elsewhere.test 100\n"
          "echo nothing >empty.pem; chmod 600 *.key\n"
          "if [ \"$(id -u)\" = 0 ]; then chown postgres *.key; fi\n");
    return 0;
}

/* The server shows that certificate from now on; NULL = it offers no TLS. New sessions tell when it
 * has obeyed. */
static void serve(const struct sql_fixture *f, const char *name) {
    char sql[400], shows[300];
    long until = now_ms() + 20000;
    (void)snprintf(sql, sizeof sql, "ALTER SYSTEM SET ssl_cert_file = '%s/%s.crt'", dir,
                   name ? name : "right");
    sql_do(f->s, sql);
    (void)snprintf(sql, sizeof sql, "ALTER SYSTEM SET ssl_key_file = '%s/%s.key'", dir,
                   name ? name : "right");
    sql_do(f->s, sql);
    sql_do(f->s, name ? "ALTER SYSTEM SET ssl = on" : "ALTER SYSTEM SET ssl = off");
    sql_do(f->s, "SELECT pg_reload_conf()");
    (void)snprintf(sql, sizeof sql, "%s %s/%s.crt", name ? "on" : "off", dir,
                   name ? name : "right");
    do {
        struct px_sql *s = sql_fixture_connect(f, PX_SQL_READ);
        sql_text(s, "SELECT current_setting('ssl') || ' ' || current_setting('ssl_cert_file')",
                 shows, sizeof shows);
        px_sql_close(s);
    } while (strcmp(shows, sql) != 0 && now_ms() < until);
    assert_string_equal(shows, sql);
}

/* --- connecting ---------------------------------------------------------------------------------
 */

struct way {
    char connection[800];
    struct px_sql_conf conf;
};

/* ${more}: e.g. "SSLmode=require;"; ${ca}: file of the authority. */
static void way_to(const struct sql_fixture *f, const char *more, const char *ca, struct way *w) {
    const char *database = strstr(f->conf.connection, "Database=");
    assert_non_null(database);
    (void)snprintf(w->connection, sizeof w->connection,
                   "Driver={PostgreSQL Unicode};Servername=" HOST ";Port=%d;Username=" TEST_PG_USER
                   ";%s%s;pqopt={hostaddr=127.0.0.1 sslrootcert=%s/%s}",
                   test_pg_port(), more, database, dir, ca);
    w->conf = f->conf;
    w->conf.connection = w->connection;
}

static void says(const char *text, const char *what) {
    if (!strstr(text, what)) {
        fail_msg("'%s' does not say '%s'", text, what);
    }
}

static void refused(const struct way *w, enum px_code want, const char *what) {
    struct px_sql *s = NULL;
    struct px_err e = PX_ERR_INIT;
    enum px_code code = px_sql_open(&w->conf, PX_SQL_WRITE, &s, &e);
    px_sql_close(s);
    says(e.msg, what);
    assert_int_equal(code, want);
}

static void connects(const struct way *w, bool warns, const char *what) {
    struct px_sql *s = NULL;
    struct px_err e = PX_ERR_INIT;
    struct px_tls_verdict v;
    if (px_sql_open(&w->conf, PX_SQL_WRITE, &s, &e) || px_tls_check(s, &w->conf, &v, &e)) {
        fail_msg("%s", e.msg);
    }
    px_sql_close(s);
    says(v.detail, what);
    assert_int_equal(v.warn, warns);
}

static struct sql_fixture *served(void **state, const char *name) {
    struct sql_fixture *f = sql_fixture_get(state);
    if (test_pg_port() == 0) {
        skip(); /* a server that is not ours to configure */
    }
    serve(f, name);
    return f;
}

static void test_tls_right_authority_and_name(void **state) {
    struct sql_fixture *f = served(state, "right");
    struct way w;
    way_to(f, "", "ca.pem", &w); /* verify-full is the default for another machine */
    connects(&w, false, "verified as " HOST " until 2");
    way_to(f, "SSLmode=verify-full;", "ca.pem", &w);
    connects(&w, false, "TLSv1.3, TLS_AES_256_GCM_SHA384, verified as " HOST);
    connects(&(struct way){.conf = f->conf}, false, "TLSv1.3, on this machine");
}

static void test_tls_wrong_authority(void **state) {
    struct sql_fixture *f = served(state, "right");
    struct way w;
    way_to(f, "", "other.pem", &w);
    refused(&w, PX_CONFIG,
            "other.pem signed the certificate of " HOST ": name the right one in "
            "pqopt={sslrootcert=");
    way_to(f, "", "absent.pem", &w);
    refused(&w, PX_CONFIG, "absent.pem is missing or holds no certificate");
    way_to(f, "", "empty.pem", &w);
    refused(&w, PX_CONFIG, "empty.pem is missing or holds no certificate");
}

static void test_tls_wrong_name(void **state) {
    struct sql_fixture *f = served(state, "named");
    struct way w;
    way_to(f, "", "ca.pem", &w);
    refused(&w, PX_CONFIG, "made out to \"elsewhere.test\", not to " HOST ": use its name");
}

static void test_tls_expired(void **state) {
    struct sql_fixture *f = served(state, "expired");
    struct way w;
    way_to(f, "", "ca.pem", &w);
    refused(&w, PX_SQL_LOST, "the certificate of " HOST " expired on 2");
    serve(f, "short");
    way_to(f, "", "ca.pem", &w);
    connects(&w, true, ": renew it on the server"); /* it was renewed, not for long */
}

static void test_tls_not_verified_is_refused_or_told(void **state) {
    struct sql_fixture *f = served(state, "right");
    struct way w;
    way_to(f, "SSLmode=require;", "ca.pem", &w);
    refused(&w, PX_CONFIG, "SSLmode=require does not check who answers as " HOST);
    w.conf.tls = PX_SQL_TLS_ANY;
    connects(&w, true, "TLSv1.3, not verified: who stands between may pose as " HOST);
    way_to(f, "SSLmode=disable;", "ca.pem", &w);
    w.conf.tls = PX_SQL_TLS_ANY;
    connects(&w, true, "not encrypted: who stands between");
}

static void test_tls_not_offered(void **state) {
    struct sql_fixture *f = served(state, NULL);
    struct way w;
    way_to(f, "", "ca.pem", &w);
    refused(&w, PX_CONFIG, HOST " offers no TLS: switch it on there (ssl=on)");
    connects(&(struct way){.conf = f->conf}, false, "not encrypted, on this machine");
}

/* --check of a program, with the same words. */
static int check(const struct way *w, char *out, size_t cap) {
    char connection[900], password[200];
    const char *argv[] = {proc_bin("svc-metrics-api"), "--check", NULL};
    const char *env[] = {"PX_Sql__Dialect=postgresql",
                         "PX_Api__Port=0",
                         "PX_Admin__Port=0",
                         connection,
                         password,
                         NULL};
    (void)snprintf(connection, sizeof connection, "PX_Sql__ConnectionString=%s", w->connection);
    (void)snprintf(password, sizeof password, "PX_Sql__Password=%s", w->conf.password);
    return proc_run(argv, env, out, cap);
}

static void test_tls_checked_by_a_program(void **state) {
    struct sql_fixture *f = served(state, "expired");
    struct way w;
    char out[8192];
    way_to(f, "", "ca.pem", &w);
    assert_int_equal(check(&w, out, sizeof out), 1);
    says(out, "FAIL  sql.connect");
    says(out, "expired on 2");
    serve(f, "right");
    if (check(&w, out, sizeof out) != 0) {
        fail_msg("%s", out);
    }
    says(out, "ok    sql.tls");
    says(out, "verified as " HOST);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_tls_right_authority_and_name),
        SQL_TEST(test_tls_wrong_authority),
        SQL_TEST(test_tls_wrong_name),
        SQL_TEST(test_tls_expired),
        SQL_TEST(test_tls_not_verified_is_refused_or_told),
        SQL_TEST(test_tls_not_offered),
        SQL_TEST(test_tls_checked_by_a_program),
    };
    sql_fixture_use(px_dialect_find(PX_S("postgresql")));
    return cmocka_run_group_tests_name("postgresql", tests, make_certificates, NULL);
}
