/* The producer against the mock cluster: what each kind of trouble becomes in the reports, and that
 * every accepted message gets exactly one. */
#include "kafka_bench.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static void test_kafka_producer_persists(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 3, 4, NULL, 10 * PX_US_PER_S, 10000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(kafka_bench_send(&b, PX_S("player"), PX_S("value")), PX_OK);
    }
    assert_true(kafka_bench_wait(&b, 1000, 10 * PX_US_PER_S));
    assert_true(kafka_bench_exact(&b));
    assert_int_equal(b.by_delivery[PX_PERSISTED], 1000);
    for (int i = 0; i < 1000; i++) { /* one key, one partition, offsets in the order of sending */
        assert_int_equal(b.last[i].partition, b.last[0].partition);
        assert_int_equal(b.last[i].offset, i);
        assert_int_equal(b.last[i].code, PX_OK);
    }
    struct px_producer_state st;
    px_producer_get(b.producer, &st);
    assert_int_equal(st.in_flight, 0);
    assert_false(st.fatal);
    assert_false(st.brokers_down);
    kafka_bench_close(&b);
}

/* Without any timer: the fd alone must bring every report. */
static void test_kafka_producer_fd_alone(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 10000);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
        while (b.reported < i + 1) {
            struct pollfd p = {.fd = px_producer_fd(b.producer), .events = POLLIN};
            assert_int_equal(poll(&p, 1, 10000), 1);
            px_producer_dispatch(b.producer);
        }
    }
    assert_true(kafka_bench_exact(&b));
    kafka_bench_close(&b);
}

/* Keys land where Java's partitioner puts them (murmur2, vectors of Kafka's own tests mod 4). */
static void test_kafka_producer_partitions(void **state) {
    (void)state;
    static const struct {
        const char *key;
        uint32_t hash; /* positive part of murmur2 */
    } rows[] = {
        {"21", (uint32_t)-973932308 & 0x7fffffff},
        {"foobar", (uint32_t)-790332482 & 0x7fffffff},
        {"a-little-bit-long-string", (uint32_t)-985981536 & 0x7fffffff},
        {"a-little-bit-longer-string", (uint32_t)-1486304829 & 0x7fffffff},
    };
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 4, NULL, 10 * PX_US_PER_S, 100);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(kafka_bench_send(&b, px_str_c(rows[i].key), PX_S("v")), PX_OK);
    }
    assert_true(kafka_bench_wait(&b, PX_ARRAY_LEN(rows), 10 * PX_US_PER_S));
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(b.last[i].partition, rows[i].hash % 4);
    }
    kafka_bench_close(&b);
}

static void test_kafka_producer_all_down(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, NULL, 2 * PX_US_PER_S, 5);
    mock_kafka_down(b.mock, -1);
    assert_int_equal(kafka_bench_send_n(&b, 5), PX_OK);
    for (int i = 0; i < 3; i++) {
        px_us before = kafka_bench_now();
        assert_int_equal(kafka_bench_send_n(&b, 1), PX_BUSY);
        assert_true(kafka_bench_now() - before < 50 * PX_US_PER_MS);
    }
    px_us start = kafka_bench_now();
    assert_true(kafka_bench_wait(&b, 5, 10 * PX_US_PER_S));
    assert_true(kafka_bench_now() - start < 3600 * PX_US_PER_MS); /* timeout + 1.5 s and slack */
    assert_true(kafka_bench_exact(&b));
    assert_int_equal(b.by_delivery[PX_NOT_PERSISTED], 5);
    assert_int_equal(b.last[0].code, PX_TIMEOUT);
    kafka_bench_close(&b);
}

static bool bench_down(struct kafka_bench *b) {
    struct px_producer_state st;
    px_producer_get(b->producer, &st);
    return st.brokers_down;
}

static bool bench_not_down(struct kafka_bench *b) {
    return !bench_down(b);
}

/* An idle producer notices that brokers went, and that they are back, without a message. */
static void test_kafka_producer_idle_recovery(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 2, 1, NULL, 2 * PX_US_PER_S, 100);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
    mock_kafka_down(b.mock, -1);
    assert_true(kafka_bench_until(&b, bench_down, 15 * PX_US_PER_S));
    struct px_producer_state st;
    px_producer_get(b.producer, &st);
    assert_true(st.last_error[0] != 0);
    mock_kafka_up(b.mock, -1);
    assert_true(kafka_bench_until(&b, bench_not_down, 10 * PX_US_PER_S));
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 2, 10 * PX_US_PER_S));
    assert_int_equal(b.last[1].delivery, PX_PERSISTED);
    kafka_bench_close(&b);
}

/* Errors that brokers answer with: what they become. */
static void test_kafka_producer_refusals(void **state) {
    (void)state;
    static const struct {
        int error;
        unsigned times;
        enum px_delivery delivery;
        enum px_code code;
    } rows[] = {
        {MOCK_KAFKA_NOT_ENOUGH_REPLICAS, 200, PX_NOT_PERSISTED, PX_TIMEOUT},
        {MOCK_KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND, 200, PX_MAYBE_PERSISTED, PX_TIMEOUT},
        {MOCK_KAFKA_TOO_LARGE, 1, PX_NOT_PERSISTED, PX_TOO_LARGE},
        {MOCK_KAFKA_INVALID_RECORD, 1, PX_NOT_PERSISTED, PX_INVALID},
        {MOCK_KAFKA_TOPIC_DENIED, 1, PX_NOT_PERSISTED, PX_DENIED},
        {MOCK_KAFKA_NOT_LEADER, 2, PX_PERSISTED, PX_OK},
        {MOCK_KAFKA_NOT_ENOUGH_REPLICAS, 2, PX_PERSISTED, PX_OK},
        {MOCK_KAFKA_DISCONNECT, 1, PX_PERSISTED, PX_OK},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct kafka_bench b;
        kafka_bench_open(&b, 1, 1, NULL, 2 * PX_US_PER_S, 100);
        mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, rows[i].error, rows[i].times);
        assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
        assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
        print_message("# error %d: delivery %d, %s\n", rows[i].error, b.last[0].delivery,
                      b.last[0].code ? px_code_name(b.last[0].code) : "ok");
        assert_int_equal(b.last[0].delivery, rows[i].delivery);
        assert_int_equal(b.last[0].code, rows[i].code);
        assert_true(kafka_bench_exact(&b));
        kafka_bench_close(&b);
    }
}

/* An acknowledgement later than the message timeout: the broker may have it. */
static void test_kafka_producer_late_ack(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, NULL, 2 * PX_US_PER_S, 100);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
    mock_kafka_rtt(b.mock, -1, 6000);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 2, 8 * PX_US_PER_S));
    assert_int_equal(b.last[1].delivery, PX_MAYBE_PERSISTED);
    assert_int_equal(b.last[1].code, PX_TIMEOUT);
    mock_kafka_rtt(b.mock, -1, 0);
    assert_true(kafka_bench_exact(&b));
    kafka_bench_close(&b);
}

static void test_kafka_producer_too_large(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, "message.max.bytes=2000", 2 * PX_US_PER_S, 100);
    static char big[4000];
    memset(big, 'x', sizeof big);
    struct px_str v = {.p = big, .n = sizeof big};
    assert_int_equal(kafka_bench_send(&b, PX_S("k"), v), PX_TOO_LARGE);
    assert_int_equal(kafka_bench_send_n(&b, 1),
                     PX_OK); /* the slot of the refused one is free again */
    assert_true(kafka_bench_wait(&b, 1, 5 * PX_US_PER_S));
    assert_true(kafka_bench_exact(&b));
    kafka_bench_close(&b);
}

static void test_kafka_producer_unknown_topic(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, "topic.metadata.propagation.max.ms=0", 5 * PX_US_PER_S, 100);
    mock_kafka_topic_error(b.mock, "missing", MOCK_KAFKA_UNKNOWN_TOPIC);
    assert_int_equal(px_producer_topic(b.producer, "missing", &b.topic, NULL), PX_OK);
    enum px_code rc = kafka_bench_send_n(&b, 1);
    if (rc == PX_OK) { /* queued before the broker told */
        assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
        assert_int_equal(b.last[0].delivery, PX_NOT_PERSISTED);
        rc = b.last[0].code;
    }
    assert_int_equal(rc, PX_NOT_FOUND);
    assert_true(kafka_bench_exact(&b));
    kafka_bench_close(&b);
}

/* Closing with messages that nobody can take: each is reported before close returns. */
static void test_kafka_producer_close_reports(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, NULL, 60 * PX_US_PER_S, 1000);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
    mock_kafka_rtt(b.mock, -1, 3000);
    assert_int_equal(kafka_bench_send_n(&b, 500), PX_OK);
    px_us start = kafka_bench_now();
    px_producer_close(b.producer, 200 * PX_US_PER_MS);
    assert_true(kafka_bench_now() - start < 6 * PX_US_PER_S);
    assert_true(kafka_bench_exact(&b));
    assert_int_equal(b.by_delivery[PX_PERSISTED], 1);
    mock_kafka_stop(b.mock);
}

static void test_kafka_producer_open_refuses(void **state) {
    (void)state;
    static const struct {
        const char *bootstrap, *properties, *compression, *names;
        int64_t queue;
    } rows[] = {
        {"", "", "none", "Kafka:BootstrapServers", 10},
        {"127.0.0.1:1", "acks=0", "none", "acks", 10},
        {"127.0.0.1:1", "enable.idempotence=false", "none", "enable.idempotence", 10},
        {"127.0.0.1:1", "topic.acks=0", "none", "topic.acks", 10},
        {"127.0.0.1:1", "ENABLE.IDEMPOTENCE=false", "none", "IDEMPOTENCE", 10},
        {"127.0.0.1:1", "linger.ms=1;no.such=1", "none", "linger.ms", 10},
        {"127.0.0.1:1", "no.such=1", "none", "no.such", 10},
        {"127.0.0.1:1", "socket.nagle.disable", "none", "name=value", 10},
        {"127.0.0.1:1", "=1", "none", "name=value", 10},
        {"127.0.0.1:1", "sasl.password=x", "none", "Kafka:Password", 10},
        {"127.0.0.1:1", "socket.timeout.ms=abc", "none", "socket.timeout.ms", 10},
        {"127.0.0.1:1", "", "middling", "compression", 10},
        {"127.0.0.1:1", "", "none", "queue", 0},
        {"127.0.0.1:1", "", "none", "queue", INT64_C(1) << 40},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_kafka_conf k = {.bootstrap = rows[i].bootstrap, .properties = rows[i].properties};
        struct px_producer_conf c = {.kafka = &k,
                                     .client_id = "x",
                                     .message_timeout = PX_US_PER_S,
                                     .linger = 500,
                                     .compression = rows[i].compression,
                                     .queue_messages = rows[i].queue};
        struct px_producer *p = NULL;
        struct px_err err = PX_ERR_INIT;
        assert_int_equal(px_producer_open(&c, &p, &err), PX_CONFIG);
        assert_null(p);
        if (!strstr(err.msg, rows[i].names)) {
            fail_msg("row %zu: \"%s\" does not name %s", i, err.msg, rows[i].names);
        }
        assert_null(strstr(err.msg, "password=x"));
    }
}

static void test_kafka_producer_headers(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, " socket.keepalive.enable = false ; ; ", 5 * PX_US_PER_S, 100);
    struct px_header h[17] = {{.name = "traceparent", .value = PX_S_INIT("00-ab-cd-01")},
                              {.name = "empty", .value = {.p = "", .n = 0}}};
    struct px_record r = {.key = PX_S("k"), .value = PX_S("v"), .headers = h, .nheaders = 2};
    assert_int_equal(px_producer_send(b.producer, b.topic, &r, NULL), PX_OK);
    b.sent++;
    assert_true(kafka_bench_wait(&b, 1, 5 * PX_US_PER_S));
    assert_int_equal(b.last[0].delivery, PX_PERSISTED);
    r.nheaders = 17;
    assert_int_equal(px_producer_send(b.producer, b.topic, &r, NULL), PX_TOO_LARGE);
    kafka_bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_producer_persists),
        cmocka_unit_test(test_kafka_producer_fd_alone),
        cmocka_unit_test(test_kafka_producer_partitions),
        cmocka_unit_test(test_kafka_producer_all_down),
        cmocka_unit_test(test_kafka_producer_idle_recovery),
        cmocka_unit_test(test_kafka_producer_refusals),
        cmocka_unit_test(test_kafka_producer_late_ack),
        cmocka_unit_test(test_kafka_producer_too_large),
        cmocka_unit_test(test_kafka_producer_unknown_topic),
        cmocka_unit_test(test_kafka_producer_close_reports),
        cmocka_unit_test(test_kafka_producer_open_refuses),
        cmocka_unit_test(test_kafka_producer_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
