/* SQL Server's dialect through FreeTDS, the real driver, as far as one gets without a server: it is
 * loaded, it connects to what is no SQL Server, and what comes of that has a message that helps. */
#include "proc.h"
#include "sql_fixture.h"

#include <px/dialect.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- something that listens ------------------------------------------------------------------- */

enum manner {
    CLOSES,
    IS_SILENT,
    IS_ANOTHER
};
struct listener {
    int fd, port;
    enum manner manner;
    pthread_t thread;
};

static int listen_on(int *ret_port, int backlog) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    if (backlog > 0) {
        assert_int_equal(listen(fd, backlog), 0);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* One connection; ends when the peer closes. */
static void *serve(void *arg) {
    struct listener *l = arg;
    static const char words[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    char buf[512];
    int c = accept(l->fd, NULL, NULL);
    if (c >= 0 && l->manner == IS_ANOTHER && read(c, buf, sizeof buf) > 0) {
        PX_IGNORE(write(c, words, sizeof words - 1) < 0); /* the driver may be gone */
    }
    while (c >= 0 && l->manner == IS_SILENT && read(c, buf, sizeof buf) > 0) {
    }
    if (c >= 0) {
        (void)close(c);
    }
    return NULL;
}

static void listener_start(struct listener *l, enum manner manner) {
    l->manner = manner;
    l->fd = listen_on(&l->port, 1);
    assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
}

static void listener_end(struct listener *l) {
    assert_int_equal(pthread_join(l->thread, NULL), 0);
    (void)close(l->fd);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void refuse(const char *connection, enum px_code code, const char *says) {
    struct px_err e = PX_ERR_INIT;
    struct px_sql *s = NULL;
    struct px_sql_conf c = {.connection = connection,
                            .password = "se;}cret",
                            .statement_timeout = PX_US_PER_S,
                            .lock_timeout = PX_US_PER_S};
    while (px_dialect_get((size_t)c.dialect) != px_dialect_find(PX_S("sqlserver"))) {
        c.dialect++;
    }
    enum px_code got = px_sql_open(&c, PX_SQL_WRITE, &s, &e);
    if (got != code || !strstr(e.msg, says) || strstr(e.msg, "cret")) {
        fail_msg("%s: '%s'", px_code_name(got), e.msg);
    }
    px_sql_close(s);
}

static void refuse_port(int port, const char *says) {
    char cs[160];
    (void)snprintf(cs, sizeof cs, "Driver=FreeTDS;Server=127.0.0.1;Port=%d;Database=d;UID=u", port);
    refuse(cs, PX_SQL_LOST, says);
}

static void test_nobody_listens(void **state) {
    (void)state;
    int port = 0;
    int fd = listen_on(&port, 0); /* the port is ours, and nobody listens */
    refuse_port(port, "are Server, Port and Database right?");
    (void)close(fd);
}

static void test_what_listens_is_no_sql_server(void **state) {
    (void)state;
    static const enum manner manners[] = {CLOSES, IS_ANOTHER};
    for (size_t i = 0; i < PX_ARRAY_LEN(manners); i++) {
        struct listener l;
        listener_start(&l, manners[i]);
        refuse_port(l.port, "is the server up");
        listener_end(&l);
    }
}

/* The driver keeps the login timeout: a machine that swallows packets does not stop the program. */
static void test_a_silent_server_is_left(void **state) {
    (void)state;
    struct listener l;
    listener_start(&l, IS_SILENT);
    refuse_port(l.port, "Timeout expired");
    listener_end(&l);
}

static void test_what_is_wrong_with_the_string_is_named(void **state) {
    (void)state;
    refuse("Driver=FreeTDS;Server=db.example", PX_CONFIG, "Sql:Tls=any");
    refuse("Driver={ODBC Driver 18 for SQL Server};Server=db.example;Encrypt=no", PX_CONFIG,
           "TrustServerCertificate=no");
    refuse("Driver={SQLite3};Server=localhost;Database=:memory:", PX_CONFIG, "speaks SQLite");
    refuse("Driver=/nonexistent/libmsodbcsql-18.so;Server=db.example", PX_CONFIG,
           "no such ODBC driver; install the package tdsodbc");
}

/* --- the programs ----------------------------------------------------------------------------- */

static void check_says(const char *program, const char *how, int status, const char *const *says,
                       size_t n) {
    static const char connection[] =
        "PX_Sql__ConnectionString=Driver=FreeTDS;Server=127.0.0.1;Port=1;Database=d;UID=u";
    const char *argv[] = {proc_bin(program), how, NULL};
    const char *env[] = {"PX_Sql__Dialect=sqlserver", connection, "PX_Sql__Password=se;}cret",
                         NULL};
    char out[8192];
    assert_int_equal(proc_run(argv, env, out, sizeof out), status);
    for (size_t i = 0; i < n; i++) {
        if (!strstr(out, says[i])) {
            fail_msg("%s %s does not say '%s':\n%s", program, how, says[i], out);
        }
    }
    assert_null(strstr(out, "cret"));
}

static void test_check_says_that_the_dialect_is_unproven(void **state) {
    (void)state;
    static const char *const says[] = {"warn  config.valid", "never run on a server",
                                       "docs/SQL-SERVER.md", "FAIL  sql.connect"};
    check_says("svc-metrics-api", "--check", 1, says, 4);
    check_says("svc-aggregator", "--check=offline", 0, says, 3);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_what_listens_is_no_sql_server),
        cmocka_unit_test(test_a_silent_server_is_left),
        cmocka_unit_test(test_what_is_wrong_with_the_string_is_named),
        cmocka_unit_test(test_check_says_that_the_dialect_is_unproven),
    };
    return cmocka_run_group_tests_name("freetds", tests, NULL, NULL);
}
