/* Drives a producer as a service's loop would: by its fd and a 100 ms timer. Books every report. */
#include "kafka_bench.h"
#include <px/clock.h>
#include <assert.h>
#include <poll.h>
#include <string.h>

px_us kafka_bench_now(void) {
    return px_mono(&px_clock_system);
}

static void kafka_bench_report(void *arg, const struct px_report *r) {
    struct kafka_bench *b = arg;
    assert(r->tag < KAFKA_BENCH_TAGS);
    b->count[r->tag]++;
    b->last[r->tag] = *r;
    b->by_delivery[r->delivery]++;
    b->reported++;
}

void kafka_bench_open(struct kafka_bench *b, int brokers, int partitions, const char *properties,
                      px_us message_timeout, int64_t queue) {
    memset(b, 0, sizeof *b);
    b->mock = mock_kafka_start(brokers);
    mock_kafka_topic(b->mock, "t", partitions);
    b->conf.bootstrap = mock_kafka_bootstrap(b->mock);
    b->conf.properties = properties ? properties : "";
    struct px_producer_conf pc = {.kafka = &b->conf,
                                  .client_id = "bench",
                                  .message_timeout = message_timeout,
                                  .linger = PX_US_PER_MS,
                                  .compression = "none",
                                  .queue_messages = queue,
                                  .report = kafka_bench_report,
                                  .arg = b};
    assert(px_producer_open(&pc, &b->producer, NULL) == PX_OK);
    assert(px_producer_topic(b->producer, "t", &b->topic, NULL) == PX_OK);
}

void kafka_bench_close(struct kafka_bench *b) {
    px_producer_close(b->producer, PX_US_PER_S);
    mock_kafka_stop(b->mock);
}

enum px_code kafka_bench_send(struct kafka_bench *b, struct px_str key, struct px_str value) {
    assert(b->sent < KAFKA_BENCH_TAGS);
    struct px_record r = {.key = key, .value = value, .tag = b->sent};
    enum px_code rc = px_producer_send(b->producer, b->topic, &r, NULL);
    b->sent += rc == PX_OK;
    return rc;
}

enum px_code kafka_bench_send_n(struct kafka_bench *b, size_t n) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; i < n && rc == PX_OK; i++) {
        rc = kafka_bench_send(b, PX_S("player"), PX_S("value"));
    }
    return rc;
}

bool kafka_bench_until(struct kafka_bench *b, bool (*cond)(struct kafka_bench *), px_us wait) {
    px_us deadline = kafka_bench_now() + wait;
    while (!cond(b)) {
        if (kafka_bench_now() >= deadline) {
            return false;
        }
        struct pollfd p = {.fd = px_producer_fd(b->producer), .events = POLLIN};
        poll(&p, 1, 100);
        px_producer_dispatch(b->producer);
    }
    return true;
}

bool kafka_bench_wait(struct kafka_bench *b, size_t n, px_us wait) {
    px_us deadline = kafka_bench_now() + wait;
    while (b->reported < n && kafka_bench_now() < deadline) {
        struct pollfd p = {.fd = px_producer_fd(b->producer), .events = POLLIN};
        poll(&p, 1, 100);
        px_producer_dispatch(b->producer);
    }
    return b->reported >= n;
}

bool kafka_bench_exact(const struct kafka_bench *b) {
    for (size_t i = 0; i < b->sent; i++) {
        if (b->count[i] != 1) {
            return false;
        }
    }
    return b->reported == b->sent;
}
