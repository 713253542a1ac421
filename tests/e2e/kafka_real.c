/* Producer, consumer and probes against a real Kafka, named by PX_TEST_KAFKA (host:port); skipped
 * without it. What the mock cannot show: admin requests, idempotence as brokers check it, full
 * batches. */
#include "kafka_bench.h"
#include "kafka_reader.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL_MESSAGES 200000

struct real {
    size_t persisted, other, reports;
};

static void real_report(void *arg, const struct px_report *r) {
    struct real *b = arg;
    b->reports++;
    b->persisted += r->delivery == PX_PERSISTED;
    b->other += r->delivery != PX_PERSISTED;
}

static void real_serve(struct px_producer *p) {
    struct pollfd fd = {.fd = px_producer_fd(p), .events = POLLIN};
    poll(&fd, 1, 100);
    px_producer_dispatch(p);
}

static const char *real_bootstrap(void) {
    const char *b = getenv("PX_TEST_KAFKA");
    if (!b || !*b) {
        skip();
    }
    return b;
}

static void real_topic(const struct px_kafka_conf *k, char *name, size_t cap, int partitions) {
    snprintf(name, cap, "px-test-%ld-%lld", (long)getpid(), (long long)kafka_bench_now());
    struct px_topic_spec spec = {
        .name = name, .partitions = partitions, .replication = 1, .retention_ms = 3600000};
    struct px_err err = PX_ERR_INIT;
    if (px_kafka_create_topic(k, &spec, 20 * PX_US_PER_S, &err)) {
        fail_msg("create: %s", err.msg);
    }
    assert_int_equal(px_kafka_create_topic(k, &spec, 20 * PX_US_PER_S, &err), PX_OK);
}

static void test_kafka_real_describe(void **state) {
    (void)state;
    struct px_kafka_conf k = {.bootstrap = real_bootstrap(), .properties = ""};
    struct px_topic_info info;
    struct px_err err = PX_ERR_INIT;
    char topic[64];
    real_topic(&k, topic, sizeof topic, 3);
    px_us start = kafka_bench_now();
    assert_int_equal(px_kafka_describe(&k, topic, 10 * PX_US_PER_S, &info, &err), PX_OK);
    assert_true(kafka_bench_now() - start < 5 * PX_US_PER_S);
    assert_int_equal(info.partitions, 3);
    assert_int_equal(info.min_isr, 1);
    assert_true(strlen(info.cluster_id) > 10);
    assert_int_equal(px_kafka_describe(&k, "no-such", 5 * PX_US_PER_S, &info, &err), PX_NOT_FOUND);
}

static void real_produce(const struct px_kafka_conf *k, const char *topic, struct real *b) {
    struct px_producer_conf pc = {.kafka = k,
                                  .client_id = "real",
                                  .message_timeout = 30 * PX_US_PER_S,
                                  .linger = 5 * PX_US_PER_MS,
                                  .compression = "lz4",
                                  .queue_messages = 20000,
                                  .report = real_report,
                                  .arg = b};
    struct px_producer *p;
    struct px_topic *t;
    assert_int_equal(px_producer_open(&pc, &p, NULL), PX_OK);
    assert_int_equal(px_producer_topic(p, topic, &t, NULL), PX_OK);
    char value[256], key[16];
    memset(value, 'v', sizeof value);
    px_us start = kafka_bench_now();
    for (uint64_t i = 0; i < REAL_MESSAGES;) {
        snprintf(key, sizeof key, "p%llu", (unsigned long long)(i % 1000));
        struct px_record r = {
            .key = px_str_c(key), .value = {.p = value, .n = sizeof value}, .tag = i};
        enum px_code rc = px_producer_send(p, t, &r, NULL);
        assert_true(rc == PX_OK || rc == PX_BUSY);
        i += rc == PX_OK;
        if (rc == PX_BUSY) {
            real_serve(p);
        }
    }
    while (b->reports < REAL_MESSAGES && kafka_bench_now() - start < 60 * PX_US_PER_S) {
        real_serve(p);
    }
    print_message("# produced %d in %lld ms\n", REAL_MESSAGES,
                  (long long)((kafka_bench_now() - start) / PX_US_PER_MS));
    px_producer_close(p, PX_US_PER_S);
}

static void test_kafka_real_round_trip(void **state) {
    (void)state;
    struct px_kafka_conf k = {.bootstrap = real_bootstrap(), .properties = ""};
    struct real b = {.reports = 0};
    static struct kafka_reader r;
    char topic[64];
    real_topic(&k, topic, sizeof topic, 4);
    real_produce(&k, topic, &b);
    assert_int_equal(b.persisted, REAL_MESSAGES);
    assert_int_equal(b.other, 0);

    kafka_reader_init(&r, k.bootstrap);
    kafka_reader_open(&r, topic, topic, 60 * PX_US_PER_S);
    px_us start = kafka_bench_now(), first = 0;
    while (r.messages < REAL_MESSAGES && kafka_bench_now() - start < 60 * PX_US_PER_S) {
        struct px_err err = PX_ERR_INIT;
        if (kafka_reader_poll(&r, 100 * PX_US_PER_MS, &err)) {
            fail_msg("poll: %s", err.msg);
        }
        first = first || !r.messages ? first : kafka_bench_now();
    }
    print_message("# consumed %zu in %lld ms after the first\n", r.messages,
                  (long long)((kafka_bench_now() - first) / PX_US_PER_MS));
    assert_int_equal(r.messages, REAL_MESSAGES);
    assert_int_equal(r.disorder, 0);
    kafka_reader_close(&r);
    kafka_reader_init(&r, k.bootstrap); /* a log that is shorter than remembered */
    r.starts[2] = INT64_C(1) << 40;
    kafka_reader_open(&r, topic, topic, 60 * PX_US_PER_S);
    struct px_err err = PX_ERR_INIT;
    start = kafka_bench_now();
    enum px_code rc = PX_OK;
    while (rc == PX_OK && kafka_bench_now() - start < 30 * PX_US_PER_S) {
        rc = kafka_reader_poll(&r, 100 * PX_US_PER_MS, &err);
    }
    assert_int_equal(rc, PX_GAP);
    assert_non_null(strstr(err.msg, "partition 2"));
    kafka_reader_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_real_describe),
        cmocka_unit_test(test_kafka_real_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
