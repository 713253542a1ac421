/* The admin port of a real px_app that runs on a thread of this program: health before, during and
 * after service, probes and their cache, metrics, aliases, and errors. */
#include <px/admin.h>
#include <px/mem.h>

#include "http_client.h"
#include "http_rig.h"
#include "proc.h"
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct conf {
#include <px/option_fields.h>
#include <px/options_app.def>
#include <px/option_end.h>
};
#define PX_OPTION_STRUCT struct conf
static const struct px_option rows[] = {
#include <px/option_rows.h>
#include <px/options_app.def>
#include <px/option_end.h>
};

enum {
    STARTS
};
static const struct px_metric_def defs[] = {
    {.kind = PX_METRIC_COUNTER, .name = "px_test_starts_total", .help = "Starts."},
};

/* The service under test; shared with its admin thread, hence the atomics. */
static struct {
    struct px_app *app;
    struct px_admin *admin;
    struct px_metrics *metrics;
    atomic_bool broken, dead, slow;
    atomic_int looks;
    long serving_since; /* ms */
    sem_t starting, go_on, serving, draining, drained;
    pthread_t thread;
    int status;
} t;

static void wait_for(sem_t *s) {
    while (sem_wait(s) != 0) {
    }
}

static enum px_code probe_broker(void *svc PX_UNUSED, struct px_probe_out *out,
                                 struct px_err *reterr) {
    atomic_fetch_add(&t.looks, 1);
    if (atomic_load(&t.broken)) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "no \"broker\"; start one");
    }
    (void)snprintf(out->detail, sizeof(out->detail), "10 partitions");
    return PX_OK;
}

static enum px_code probe_other(void *svc PX_UNUSED, struct px_probe_out *out PX_UNUSED,
                                struct px_err *reterr PX_UNUSED) {
    fail_msg("only READY probes belong to /readyz");
    return PX_OK;
}

static const struct px_probe probes[] = {
    {.name = "test.broker",
     .asks = "a broker answers",
     .flags = PX_PROBE_READY | PX_PROBE_FATAL,
     .run = probe_broker},
    {.name = "test.other", .asks = "nothing", .flags = PX_PROBE_WARN, .run = probe_other},
};

static bool alive(void *svc PX_UNUSED) {
    if (atomic_exchange(&t.slow, false)) {
        usleep(400 * 1000);
    }
    return !atomic_load(&t.dead);
}

static enum px_code on_init(struct px_app *app, const void *conf PX_UNUSED, void **ret_svc,
                            struct px_err *reterr) {
    t.app = app;
    *ret_svc = &t;
    return px_metrics_new(defs, PX_ARRAY_LEN(defs), 1, &t.metrics, reterr);
}

static enum px_code on_start(void *svc PX_UNUSED, struct px_err *reterr) {
    const struct px_admin_conf conf = {
        .app = t.app, .port_option = "Admin:Port", .metrics = t.metrics, .alive = alive};
    enum px_code code = px_admin_start(&conf, &t.admin, reterr);
    px_count(px_metrics_shard(t.metrics, 0), STARTS, 0, 0, 1);
    sem_post(&t.starting);
    wait_for(&t.go_on);
    return code;
}

static void on_drain(void *svc PX_UNUSED, px_us deadline PX_UNUSED) {
    sem_post(&t.draining);
    wait_for(&t.drained);
}

static void on_stop(void *svc PX_UNUSED) {
    px_admin_stop(t.admin);
    t.admin = NULL;
}

static void on_fini(void *svc PX_UNUSED) {
    px_metrics_free(t.metrics);
}

static const struct px_app_def def = {
    .name = "svc-test",
    .summary = "a test",
    .options = {.v = rows, .n = PX_ARRAY_LEN(rows), .conf_size = sizeof(struct conf)},
    .probes = probes,
    .nprobes = PX_ARRAY_LEN(probes),
    .init = on_init,
    .start = on_start,
    .drain = on_drain,
    .stop = on_stop,
    .fini = on_fini,
};

static void *run(void *arg PX_UNUSED) {
    char name[] = "svc-test", set[] = "--set", level[] = "Log:Level=error";
    char *argv[] = {name, set, level, NULL};
    t.status = px_app_main(&def, 3, argv);
    return NULL;
}

static void ask(const char *method, const char *target, struct http_answer *a) {
    const struct http_request r = {.method = method, .target = target};
    http_ask(px_admin_port(t.admin), &r, a);
}

static void expect(const char *target, int status, const char *body) {
    struct http_answer a;
    ask("GET", target, &a);
    if (a.status != status || strcmp(a.body, body) != 0) {
        fail_msg("%s: wanted %d %s, got %d %s", target, status, body, a.status, a.body);
    }
    http_answer_fini(&a);
}

static void start_app(void) {
    sem_init(&t.starting, 0, 0);
    sem_init(&t.go_on, 0, 0);
    sem_init(&t.draining, 0, 0);
    sem_init(&t.drained, 0, 0);
    assert_int_equal(pthread_create(&t.thread, NULL, run, NULL), 0);
    wait_for(&t.starting);
    assert_non_null(t.admin);
}

static void check_starting(void) {
    expect("/livez", 200, "ok\n");
    expect("/startupz", 503, "starting\n");
    expect("/readyz", 503, "starting\n");
    assert_int_equal(atomic_load(&t.looks), 0);
}

static void until_ready(void) {
    struct http_answer a = {0};
    for (int i = 0; i < 5000 && a.status != 200; i++) {
        http_answer_fini(&a);
        ask("GET", "/startupz", &a);
    }
    assert_int_equal(a.status, 200);
    http_answer_fini(&a);
}

/* An answer of the probes is kept for two seconds, however often it is asked for. */
static void looked_seldom(int at_least) {
    int looks = atomic_load(&t.looks);
    assert_true(looks >= at_least && looks <= 1 + (now_ms() - t.serving_since) / 2000);
}

static void check_serving(void) {
    static const char *const oks[] = {"/livez",   "/healthz",       "/health/live",  "/startupz",
                                      "/readyz",  "/readyz?x=1",    "/health/ready", "/readyz",
                                      "/livez?x", "/health/startup"};
    t.serving_since = now_ms();
    for (size_t i = 0; i < PX_ARRAY_LEN(oks); i++) {
        expect(oks[i], 200, "ok\n");
    }
    looked_seldom(1);
    atomic_store(&t.dead, true);
    expect("/livez", 503, "the main loop does not move\n");
    atomic_store(&t.dead, false);
}

static void check_verbose(void) {
    struct http_answer a;
    ask("GET", "/readyz?verbose", &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(a.body, "{\"ready\":true,\"draining\":false,\"probes\":[{\"probe\":"
                                   "\"test.broker\",\"state\":\"ok\",\"ms\":"));
    assert_non_null(
        strstr(a.body, "\"asks\":\"a broker answers\",\"detail\":\"10 partitions\"}]}"));
    http_answer_fini(&a);
}

static void check_broken(void) {
    struct http_answer a = {0};
    atomic_store(&t.broken, true);
    for (int i = 0; i < 100000 && a.status != 503; i++) { /* until the cache is two seconds old */
        http_answer_fini(&a);
        ask("GET", "/readyz", &a);
    }
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body, "test.broker: no \"broker\"; start one\n");
    http_answer_fini(&a);
    ask("GET", "/readyz?verbose", &a);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body, "\"state\":\"fail\""));
    http_answer_fini(&a);
    expect("/livez", 200, "ok\n"); /* a broken dependency is no reason to restart */
    looked_seldom(2);
}

static void check_metrics(void) {
    struct http_answer a;
    char field[128];
    ask("GET", "/metrics", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(http_field(&a, "Content-Type", field, sizeof(field)),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(a.body, "\npx_test_starts_total 1\n"));
    assert_non_null(strstr(a.body, "\npx_build_info{service=\""));
    http_answer_fini(&a);
    assert_int_equal(px_metrics_value(t.metrics, STARTS, 0, 0), 1);
}

static void check_errors(void) {
    struct http_answer a;
    char field[64];
    ask("GET", "/", &a);
    assert_int_equal(a.status, 404);
    assert_string_equal(http_field(&a, "Content-Type", field, sizeof(field)),
                        "application/problem+json");
    http_answer_fini(&a);
    ask("POST", "/livez", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(http_field(&a, "Allow", field, sizeof(field)), "GET, HEAD");
    http_answer_fini(&a);
    ask("HEAD", "/livez", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(http_field(&a, "Content-Length", field, sizeof(field)), "3");
    assert_int_equal(a.body_n, 0);
    http_answer_fini(&a);
}

/* Probes may take their time; whoever asked together with them is not sent away for that. Of 16
 * requests the server looks at the clock for one: the second time for another one. */
static void check_slow(void) {
    for (int round = 0; round < 2; round++) {
        struct raw c;
        raw_open(&c, px_admin_port(t.admin));
        atomic_store(&t.slow, true);
        PX_DEFER(px_buf_fini) struct px_buf all = PX_BUF_INIT(4096);
        for (int i = 0; i < 15 + round; i++) {
            px_buf_c(&all, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        raw_send(&c, px_buf_view(&all));
        for (int i = 0; i < 15 + round; i++) {
            raw_expect(&c, 200, "ok\n");
        }
        raw_close(&c);
    }
}

static void check_port_taken(void) {
    struct px_admin *second = NULL;
    struct px_err err = PX_ERR_INIT;
    char port[16];
    const struct px_admin_conf conf = {.app = t.app,
                                       .port = px_admin_port(t.admin),
                                       .port_option = "Admin:Port",
                                       .metrics = t.metrics};
    assert_int_equal(px_admin_start(&conf, &second, &err), PX_UNAVAILABLE);
    (void)snprintf(port, sizeof(port), "%u", (unsigned)conf.port);
    assert_non_null(strstr(err.msg, "Admin:Port"));
    assert_non_null(strstr(err.msg, port));
    assert_null(second);
}

/* Scrapers from several threads at once, for the race detector above all. */
static void *scrape(void *arg PX_UNUSED) {
    static const char *const targets[] = {"/metrics", "/readyz?verbose", "/livez", "/startupz"};
    for (size_t i = 0; i < 40; i++) {
        struct http_answer a;
        ask("GET", targets[i % PX_ARRAY_LEN(targets)], &a);
        assert_in_range(a.status, 200, 503);
        http_answer_fini(&a);
    }
    return NULL;
}

static void check_crowd(void) {
    pthread_t threads[3];
    for (size_t i = 0; i < PX_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, NULL), 0);
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void test_admin_tells_the_whole_life_of_a_program(void **state) {
    (void)state;
    start_app();
    check_starting();
    sem_post(&t.go_on);
    until_ready();
    check_serving();
    check_verbose();
    check_metrics();
    check_errors();
    check_slow();
    check_port_taken();
    check_crowd();
    check_broken();
    px_app_finish(t.app, PX_OK);
    wait_for(&t.draining);
    expect("/readyz", 503, "draining\n");
    expect("/health/ready", 503, "draining\n");
    expect("/livez", 200, "ok\n");
    expect("/startupz", 200, "ok\n");
    sem_post(&t.drained);
    assert_int_equal(pthread_join(t.thread, NULL), 0);
    assert_int_equal(t.status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admin_tells_the_whole_life_of_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
