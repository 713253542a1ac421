/* SIGTERM under load: every request is answered, and every event that was acknowledged is in the
 * log, once. Also what px-load believes about a run, held against the log itself. */
#include "unit.h"

#include "ingest_rig.h"

#include <px/json.h>
#include <px/map.h>
#include <px/mem.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drain_log { /* ids of the log */
    struct px_map ids;
    struct px_arena arena;
    size_t twice;
};

static void drain_collect(void *arg, struct px_str key, struct px_str value,
                          struct px_str traceparent) {
    struct drain_log *l = arg;
    struct px_event e;
    struct px_arena scratch;
    struct px_err err = PX_ERR_INIT;
    int reason;
    char id[PX_UUID_TEXT];
    uint64_t *place;
    bool fresh;
    (void)key;
    (void)traceparent;

    px_arena_init(&scratch, 1 << 20);
    assert_int_equal(px_event_from_avro(value, &scratch, &e, &reason, &err), PX_OK);
    px_uuid_fmt(&e.id, id);
    struct px_str kept = px_arena_dup(&l->arena, (struct px_str){.p = id, .n = sizeof id});
    assert_non_null(kept.p);
    assert_int_equal(px_map_put(&l->ids, kept, 0, &place, &fresh), PX_OK);
    l->twice += !fresh;
    px_arena_fini(&scratch);
}

static void drain_read(const struct ingest_rig *r, struct drain_log *l) {
    memset(l, 0, sizeof *l);
    px_map_init(&l->ids, 1 << 20);
    px_arena_init(&l->arena, (size_t)1 << 28);
    ingest_rig_read(mock_kafka_bootstrap(r->mock), INGEST_RIG_TOPIC, drain_collect, l);
}

static void drain_free(struct drain_log *l) {
    px_map_fini(&l->ids);
    px_arena_fini(&l->arena);
}

/* Every acknowledged id stands in the log; returns how many there are. */
static size_t drain_compare(const struct drain_log *l, const char *ids_file) {
    char line[100];
    size_t n = 0, missing = 0;
    FILE *f = fopen(ids_file, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        struct px_str id = {.p = line, .n = strcspn(line, "\n")};
        missing += px_map_get(&l->ids, id) == NULL;
        n++;
    }
    fclose(f);
    assert_int_equal(missing, 0);
    return n;
}

struct drain_load {
    struct proc proc;
    char ids[300], truth[300];
};

static void drain_start(struct drain_load *l, const struct ingest_rig *r, const char *rate,
                        const char *duration) {
    char url[40];

    snprintf(url, sizeof url, "127.0.0.1:%d", r->port);
    snprintf(l->ids, sizeof l->ids, "%s/ids-%d", proc_tmpdir(), r->port);
    snprintf(l->truth, sizeof l->truth, "%s/truth-%d", proc_tmpdir(), r->port);
    const char *const argv[] = {
        proc_bin("px-load"), "--url", url,     "--rate", rate,      "--duration", duration,
        "--connections",     "16",    "--ids", l->ids,   "--truth", l->truth,     NULL};
    proc_start(&l->proc, argv, NULL);
}

static struct px_json *drain_truth(const struct drain_load *l) {
    char *text = calloc(1, 4u << 20);
    struct px_json *doc = NULL;
    struct px_err err = PX_ERR_INIT;
    FILE *f = fopen(l->truth, "r");
    assert_non_null(f);
    assert_non_null(text);
    size_t n = fread(text, 1, (4u << 20) - 1, f);
    fclose(f);
    while (n && text[n - 1] == '\n') {
        n--;
    }
    if (px_json_parse((struct px_str){.p = text, .n = n}, 4u << 20, &doc, &err)) {
        fail_msg("%s", err.msg);
    }
    free(text);
    return doc;
}

static int64_t drain_number(const struct px_json *doc, const char *name) {
    int64_t v = -1;
    assert_true(px_json_int(px_json_get(px_json_root(doc), name), &v));
    return v;
}

static void drain_sigterm(const char *workers) {
    const char *const sets[] = {workers, NULL};
    struct ingest_rig r;
    struct drain_load l;
    struct drain_log log;
    ingest_rig_open(&r, sets);
    drain_start(&l, &r, "600", "3s");
    assert_true(ingest_rig_metric_until(&r, "px_events_accepted_total{type=\"visit\"}", 400, 20));

    long from = now_ms();
    proc_signal(&r.proc, SIGTERM);
    assert_int_equal(proc_wait(&r.proc, 25), 0);
    assert_true(now_ms() - from < 10000);
    proc_wait(&l.proc, 60);

    drain_read(&r, &log);
    assert_int_equal(log.twice, 0);
    size_t acked = drain_compare(&log, l.ids);
    assert_true(acked >= 400);
    struct px_json *truth = drain_truth(&l);
    assert_int_equal(drain_number(truth, "acked"), acked);
    assert_int_equal(drain_number(truth, "unexpected"), 0);
    /* Nothing stands in the log that was not acknowledged: who was taken was answered. */
    assert_int_equal(log.ids.n, acked);
    px_json_free(truth);
    drain_free(&log);
    mock_kafka_stop(r.mock);
}

static void test_ingest_drains_on_sigterm(void **state) {
    (void)state;
    drain_sigterm("Ingest:Workers=1");
}

static void test_ingest_drains_all_workers_on_sigterm(void **state) {
    (void)state;
    drain_sigterm("Ingest:Workers=3");
}

/* With the broker gone, draining waits for the reports and answers 503; it does not hang. */
static void test_ingest_drains_without_a_broker(void **state) {
    (void)state;
    struct ingest_rig r;
    struct drain_load l;
    ingest_rig_open(&r, NULL);
    mock_kafka_down(r.mock, -1);
    drain_start(&l, &r, "100", "1s");
    assert_true(ingest_rig_metric_until(&r, "px_requests_pending", 16, 10));

    proc_signal(&r.proc, SIGTERM);
    assert_int_equal(proc_wait(&r.proc, 25), 0);
    proc_signal(&l.proc, SIGTERM);
    proc_wait(&l.proc, 60);

    struct px_json *truth = drain_truth(&l);
    assert_int_equal(drain_number(truth, "acked"), 0);
    assert_true(drain_number(truth, "unavailable") + drain_number(truth, "unknown") >= 16);
    px_json_free(truth);
    mock_kafka_stop(r.mock);
}

/* What looks at the topics' copies after the start waits for a broker, up to three seconds; who
 * stops the service does not. */
static void test_ingest_stops_at_once_before_a_broker_was_found(void **state) {
    static const char *const sets[] = {"Kafka:BootstrapServers=127.0.0.1:1", NULL};
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, sets);
    long from = now_ms();
    assert_int_equal(proc_stop(&r.proc), 0);
    assert_true(now_ms() - from < 2000);
    mock_kafka_stop(r.mock);
}

static void test_ingest_and_load_agree_about_a_whole_run(void **state) {
    (void)state;
    struct ingest_rig r;
    struct drain_load l;
    struct drain_log log;
    ingest_rig_open(&r, NULL);
    drain_start(&l, &r, "500", "2s");
    assert_int_equal(proc_wait(&l.proc, 60), 0);

    drain_read(&r, &log);
    struct px_json *truth = drain_truth(&l);
    assert_int_equal(drain_number(truth, "requests"), 1000);
    assert_int_equal(drain_number(truth, "acked") + drain_number(truth, "refused"), 1000);
    assert_int_equal(drain_number(truth, "acked"), log.ids.n);
    assert_int_equal(drain_compare(&log, l.ids), log.ids.n);
    px_json_free(truth);
    drain_free(&log);
    ingest_rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_drains_on_sigterm),
        cmocka_unit_test(test_ingest_drains_all_workers_on_sigterm),
        cmocka_unit_test(test_ingest_drains_without_a_broker),
        cmocka_unit_test(test_ingest_stops_at_once_before_a_broker_was_found),
        cmocka_unit_test(test_ingest_and_load_agree_about_a_whole_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
