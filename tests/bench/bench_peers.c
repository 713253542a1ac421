/* svc-ingest beside what others would take for the same task: one client, one broker, one run, in
 * turn, repetition by repetition. CPU is that of the whole server, all threads; broker and client
 * do not count. Those that write to the log must have written what they acknowledged: the log is
 * asked after each turn. */
#include "bench.h"
#include "floor.h"
#include "load.h"
#include "peers.h"
#include "stack.h"
#include "target.h"

#include <librdkafka/rdkafka.h>

#define SPAN       INT64_C(1500000000)
#define PARTITIONS 10
/* Aim: at most this part of what the same contract costs with axum and rdkafka. */
#define AIM_OF_AXUM 0.6

enum {
    NGINX,
    EVHTTP,
    NULL_SINK,
    INGEST,
    AXUM,
    FASTAPI,
    TARGETS
};

/* Records in the topic, all partitions. */
static int64_t stored(rd_kafka_t *rk) {
    int64_t sum = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t e =
            rd_kafka_query_watermark_offsets(rk, STACK_TOPIC, i, &low, &high, 10000);
        if (e) {
            bench_die("the log's end", rd_kafka_err2str(e));
        }
        sum += high;
    }
    return sum;
}

static rd_kafka_t *reader(const char *brokers) {
    char why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    if (rd_kafka_conf_set(c, "bootstrap.servers", brokers, why, sizeof why)) {
        bench_die("bootstrap.servers", why);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, why, sizeof why);
    if (!rk) {
        bench_die("a reader of the log", why);
    }
    return rk;
}

static void once(struct target *t, size_t connections, const struct px_str *requests,
                 rd_kafka_t *rk) {
    int64_t before = t->logs ? stored(rk) : 0;
    uint64_t ok = target_ask(t, connections, SPAN, requests);
    if (t->logs && stored(rk) - before < (int64_t)ok) {
        bench_die(t->name, "acknowledged more than the log has");
    }
}

static void measure(struct target *t, size_t connections, const struct px_str *requests,
                    rd_kafka_t *rk) {
    for (size_t i = 0; i < TARGETS; i++) {
        once(&t[i], connections, requests, rk); /* warm: does not count */
        target_forget(&t[i]);
    }
    for (size_t rep = 0; rep < bench_reps(5); rep++) {
        for (size_t i = 0; i < TARGETS; i++) {
            once(&t[i], connections, requests, rk);
        }
    }
    for (size_t i = 0; i < TARGETS; i++) {
        target_report(&t[i],
                      &(struct target_report){
                          .bench = "peers",
                          .connections = connections,
                          .reference = &t[AXUM],
                          .aim = i == INGEST ? AIM_OF_AXUM * bench_median(&t[AXUM].cpu) : 0});
    }
}

int main(void) {
    struct floor evhttp = floor_evhttp(); /* forks: before any thread */
    static struct stack s;
    static struct peer nginx, null, axum, fastapi;
    stack_broker(&s);
    stack_ingest(&s, NULL);
    peer_null_sink(&null, s.bootstrap);
    peer_nginx(&nginx);
    peer_axum(&axum, s.bootstrap, STACK_TOPIC);
    peer_fastapi(&fastapi, s.bootstrap, STACK_TOPIC);
    struct target t[TARGETS] = {
        [NGINX] = {.name = "nginx, a constant", .pid = nginx.cpu, .port = nginx.port},
        [EVHTTP] = {.name = "evhttp, a constant", .pid = evhttp.pid, .port = evhttp.port},
        [NULL_SINK] = {.name = "svc-ingest, null sink", .pid = null.cpu, .port = null.port},
        [INGEST] = {.name = "svc-ingest", .pid = s.ingest.pid, .port = s.ingest_port, .logs = true},
        [AXUM] = {.name = "axum + rdkafka", .pid = axum.cpu, .port = axum.port, .logs = true},
        [FASTAPI] = {.name = "FastAPI + confluent-kafka",
                     .pid = fastapi.cpu,
                     .port = fastapi.port,
                     .logs = true}};
    rd_kafka_t *rk = reader(s.bootstrap);
    const struct px_str *requests = load_pixels(TARGET_REQUESTS);
    const size_t connections[] = {256, 32};
    for (size_t k = 0; k < PX_ARRAY_LEN(connections); k++) {
        measure(t, connections[k], requests, rk);
    }
    rd_kafka_destroy(rk);
    struct peer *const all[] = {&nginx, &null, &axum, &fastapi};
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        peer_stop(all[i]);
    }
    floor_stop(&evhttp);
    stack_stop(&s);
    return 0;
}
