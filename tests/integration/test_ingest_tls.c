/* TLS of the real programs: svc-ingest with several workers keeps every promise while certificates
 * change under load and while it drains; a bad certificate changes nothing, or ends the start; all
 * ports of all three programs by TLS. */
#include "ingest_rig.h"
#include "tls_rig.h"
#include "unit.h"

#include <openssl/err.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIXEL    "/api/pixel/visit?playerId=p-%u&bannerTag=b"
#define RENEWALS 6

static void set(char out[400], const char *key, const char *value) {
    (void)snprintf(out, 400, "%s=%s", key, value);
}

static void open_ingest(struct ingest_rig *r, const char *workers) {
    static char certificate[400];
    static char key[400];
    const char *const sets[] = {certificate, key, workers, "Http:Hsts=1d", NULL};
    tls_rig_cert(&(struct tls_rig_want){.name = "ingest", .cn = "first"});
    set(certificate, "Http:TlsCertificate", tls_rig_path("ingest", "pem"));
    set(key, "Http:TlsKey", tls_rig_path("ingest", "key"));
    ingest_rig_open(r, sets);
}

/* --- clients that never stop --------------------------------------------------------------------
 */

struct crowd {
    int port;
    atomic_bool over;
    atomic_uint acked, cut, wrong, asked;
};

/* The status of the next answer, 0 when the connection ended. */
static int answer(SSL *ssl) {
    char got[2048];
    int status = 0;
    int n = SSL_read(ssl, got, sizeof got - 1);
    if (n > 0) {
        got[n] = '\0'; /* an answer is one record here */
        (void)sscanf(got, "HTTP/1.1 %d", &status);
    }
    return status;
}

/* Up to 20 pixels on one connection; false when it ended before that. */
static bool pixels(struct crowd *c, SSL *ssl) {
    for (int i = 0; i < 20 && !atomic_load(&c->over); i++) {
        char request[256];
        int n = snprintf(request, sizeof request, "GET " PIXEL " HTTP/1.1\r\nHost: a\r\n\r\n",
                         atomic_fetch_add(&c->asked, 1));
        int status = SSL_write(ssl, request, n) == n ? answer(ssl) : 0;
        atomic_fetch_add(status == 200 ? &c->acked : status == 0 ? &c->cut : &c->wrong, 1);
        if (status != 200) {
            return false;
        }
    }
    return true;
}

static void *client(void *arg) {
    static const struct tls_rig_offer any = {.min = 0};
    struct crowd *c = arg;
    for (bool on = true; on && !atomic_load(&c->over);) {
        int fd;
        SSL *ssl = tls_rig_connect(c->port, &any, &fd);
        on = ssl && pixels(c, ssl);
        SSL_free(ssl);
        close(fd);
        ERR_clear_error();
    }
    return NULL;
}

static void shows(int port, const char *cn) {
    static const struct tls_rig_offer any = {.min = 0};
    char got[64];
    int fd;
    SSL *ssl = tls_rig_connect(port, &any, &fd);
    assert_non_null(ssl);
    assert_string_equal(tls_rig_subject(ssl, got, sizeof got), cn);
    SSL_free(ssl);
    close(fd);
}

static void said(struct ingest_rig *r, const char *event, size_t times) {
    long end = now_ms() + 10000;
    while (proc_log_count(&r->proc, event) < times) {
        if (now_ms() > end) {
            proc_log_show(&r->proc);
            fail_msg("%s was not said %zu times", event, times);
        }
        pause_ms(5);
    }
}

static void renew_under_load(struct ingest_rig *r, struct crowd *c) {
    for (size_t i = 1; i <= RENEWALS; i++) {
        char cn[16];
        unsigned before = atomic_load(&c->acked);
        (void)snprintf(cn, sizeof cn, "renewed-%zu", i);
        tls_rig_cert(&(struct tls_rig_want){.name = "ingest", .cn = cn});
        proc_signal(&r->proc, SIGHUP);
        said(r, "\"tls.renewed\"", 2 * i); /* message and event.name */
        shows(r->port, cn);
        while (atomic_load(&c->acked) < before + 30) {
            assert_int_equal(atomic_load(&c->cut) + atomic_load(&c->wrong), 0);
            pause_ms(1);
        }
    }
}

static void bad_renewal(struct ingest_rig *r) {
    tls_rig_cert(&(struct tls_rig_want){.name = "ingest", .cn = "expired", .days = -2});
    proc_signal(&r->proc, SIGHUP);
    said(r, "\"tls.renew_failed\"", 2);
    shows(r->port, "renewed-6");
    assert_int_equal(proc_log_count(&r->proc, "Http:TlsCertificate: "), 1);
}

static void count(void *arg, struct px_str key, struct px_str value, struct px_str traceparent) {
    (void)arg, (void)key, (void)value, (void)traceparent;
}

/* Every pixel is answered while six certificates and a bad one come and go; then SIGTERM: whoever
 * was answered is in the log, and whoever was not is not. */
static void test_ingest_tls_loses_nothing(void **state PX_UNUSED) {
    struct ingest_rig r;
    pthread_t threads[4];
    open_ingest(&r, "Ingest:Workers=3");
    struct crowd c = {.port = r.port};
    for (size_t i = 0; i < PX_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, client, &c), 0);
    }
    renew_under_load(&r, &c);
    bad_renewal(&r);
    assert_int_equal(atomic_load(&c.cut) + atomic_load(&c.wrong), 0);
    assert_true(ingest_rig_metric(&r, "px_tls_handshakes_total{version=\"1.3\"}") > RENEWALS);

    proc_signal(&r.proc, SIGTERM);
    for (size_t i = 0; i < PX_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(proc_wait(&r.proc, 25), 0);
    assert_int_equal(atomic_load(&c.wrong), 0);
    size_t stored = ingest_rig_read(mock_kafka_bootstrap(r.mock), INGEST_RIG_TOPIC, count, NULL);
    assert_int_equal(stored, atomic_load(&c.acked));
    assert_true(stored >= 30 * RENEWALS);
    mock_kafka_stop(r.mock);
}

static void test_ingest_tls_answers(void **state PX_UNUSED) {
    struct ingest_rig r;
    char got[4096];
    open_ingest(&r, "Ingest:Workers=1");
    assert_int_equal(
        tls_rig_ask(r.port, "/api/pixel/visit?playerId=p&bannerTag=b", got, sizeof got), 200);
    assert_non_null(strstr(got, "\r\nStrict-Transport-Security: max-age=86400\r\n"));
    assert_non_null(strstr(got, "GIF89a"));
    struct ingest_said plain = ingest_rig_get(&r, "/api/pixel/visit?playerId=p&bannerTag=b");
    assert_int_equal(plain.status, 400);
    assert_string_equal(plain.code, "tls_required");
    assert_int_equal(ingest_rig_metric(&r, "px_tls_failures_total{reason=\"plain_http\"}"), 1);
    assert_int_equal(ingest_rig_metric(&r, "px_events_accepted_total{type=\"visit\"}"), 1);
    assert_int_equal(proc_log_count(&r.proc, "\"log.level\":\"warn\""), 0); /* counted, not said */
    assert_int_equal(proc_log_count(&r.proc, "\"log.level\":\"error\""), 0);
    long until = ingest_rig_metric(&r, "px_tls_certificate_not_after_timestamp_seconds");
    assert_in_range(until - time(NULL), 89L * 86400, 90L * 86400);
    ingest_rig_close(&r);
}

/* --- the other programs, and bad beginnings -----------------------------------------------------
 */

struct program {
    const char *name, *event; /* the event of its log that tells the ports */
    int root;                 /* what its main port answers to GET /; 0: it has none */
    const char *env[10];
};

static void ports_by_tls(const struct program *p) {
    const char *argv[] = {proc_bin(p->name), NULL};
    struct proc proc;
    char got[65536];
    tls_rig_cert(&(struct tls_rig_want){.name = "admin", .cn = "before"});
    proc_start(&proc, argv, p->env);
    int port = (int)proc_log_int(&proc, p->event, "admin.port", 20);
    if (port <= 0) {
        proc_log_show(&proc);
        fail_msg("%s did not start", p->name);
    }
    assert_int_equal(tls_rig_ask(port, "/livez", got, sizeof got), 200);
    if (p->root) {
        int main_port = (int)proc_log_int(&proc, p->event, "server.port", 1);
        assert_int_equal(tls_rig_ask(main_port, "/", got, sizeof got), p->root);
    }
    tls_rig_cert(&(struct tls_rig_want){.name = "admin", .cn = "behind"});
    proc_signal(&proc, SIGHUP);
    assert_true(proc_log_wait(&proc, "tls.renewed", 10));
    shows(port, "behind");
    assert_int_equal(tls_rig_ask(port, "/metrics", got, sizeof got), 200);
    assert_non_null(strstr(got, p->root ? "\npx_tls_handshakes_total{version=\"1.3\"} 4\n"
                                        : "\npx_tls_handshakes_total{version=\"1.3\"} 3\n"));
    assert_null(strstr(got, "\npx_tls_certificate_not_after_timestamp_seconds 0\n"));
    assert_int_equal(proc_stop(&proc), 0);
}

static void test_every_port_by_tls(void **state PX_UNUSED) {
    static char certificate[400], key[400], sql[400], kafka[400];
    struct mock_kafka *mock = mock_kafka_start(1);
    mock_kafka_topic(mock, INGEST_RIG_TOPIC, 1);
    mock_kafka_topic(mock, INGEST_RIG_DLQ, 1);
    set(certificate, "PX_Http__TlsCertificate", tls_rig_path("admin", "pem"));
    set(key, "PX_Http__TlsKey", tls_rig_path("admin", "key"));
    set(kafka, "PX_Kafka__BootstrapServers", mock_kafka_bootstrap(mock));
    (void)snprintf(sql, sizeof sql, "PX_Sql__ConnectionString=Driver=SQLite3;Database=%s",
                   tls_rig_path("admin", "db"));
    const struct program all[] = {
        {"svc-aggregator",
         "aggregator.started",
         0,
         {certificate, key, sql, kafka, "PX_Admin__Port=0", "PX_Admin__Tls=true"}},
        {"svc-metrics-api",
         "http.listening",
         200,
         {certificate, key, sql, "PX_Api__Port=0", "PX_Admin__Port=0", "PX_Admin__Tls=true"}},
        {"svc-ingest",
         "ingest.listening",
         404,
         {certificate, key, kafka, "PX_Ingest__Port=0", "PX_Admin__Port=0", "PX_Admin__Tls=true"}},
    };
    char out[8192];
    const char *const migrate[] = {proc_bin("svc-aggregator"), "--migrate=up", NULL};
    const char *const env[] = {sql, NULL};
    assert_int_equal(proc_run(migrate, env, out, sizeof out), 0);
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        ports_by_tls(&all[i]);
    }
    mock_kafka_stop(mock);
}

static void test_ingest_tls_bad_certificate_ends_the_start(void **state PX_UNUSED) {
    static char certificate[400], key[400];
    char out[16384];
    tls_rig_cert(&(struct tls_rig_want){.name = "one"});
    tls_rig_cert(&(struct tls_rig_want){.name = "two"});
    set(certificate, "PX_Http__TlsCertificate", tls_rig_path("one", "pem"));
    set(key, "PX_Http__TlsKey", tls_rig_path("two", "key"));
    const char *const env[] = {certificate, key, "PX_Ingest__Port=0", "PX_Admin__Port=0", NULL};
    const char *const run[] = {proc_bin("svc-ingest"), NULL};
    assert_int_equal(proc_run(run, env, out, sizeof out), 78);
    assert_non_null(strstr(out, "is not the key of this certificate"));
    const char *const check[] = {proc_bin("svc-ingest"), "--check=offline", NULL};
    assert_int_equal(proc_run(check, env, out, sizeof out), 1);
    assert_non_null(strstr(out, "FAIL  http.tls"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_tls_loses_nothing),
        cmocka_unit_test(test_ingest_tls_answers),
        cmocka_unit_test(test_every_port_by_tls),
        cmocka_unit_test(test_ingest_tls_bad_certificate_ends_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
