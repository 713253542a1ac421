/* A fatal error of the idempotent producer is routine: the handle is made anew, nothing is reported
 * twice or not at all, and later messages persist. */
#include "kafka_bench.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct px_producer_state rebuild_state(const struct kafka_bench *b) {
    struct px_producer_state st;
    px_producer_get(b->producer, &st);
    return st;
}

static bool rebuild_live(struct kafka_bench *b) {
    struct px_producer_state st = rebuild_state(b);
    return !st.fatal && st.rebuilds > 0;
}

static bool rebuild_fatal(struct kafka_bench *b) {
    struct px_producer_state st = rebuild_state(b);
    return st.fatal || st.rebuilds > 0;
}

static void test_kafka_rebuild_after_fatal(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 4, NULL, 5 * PX_US_PER_S, 1000);
    int fd = px_producer_fd(b.producer);
    assert_int_equal(kafka_bench_send_n(&b, 10), PX_OK);
    assert_true(kafka_bench_wait(&b, 10, 10 * PX_US_PER_S));

    mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 1);
    px_us start = kafka_bench_now();
    assert_int_equal(kafka_bench_send_n(&b, 10), PX_OK);
    assert_true(kafka_bench_wait(&b, 20, 10 * PX_US_PER_S));
    assert_true(kafka_bench_until(&b, rebuild_live, 10 * PX_US_PER_S));
    assert_true(kafka_bench_now() - start < 5 * PX_US_PER_S);
    assert_true(kafka_bench_exact(&b));
    assert_int_equal(rebuild_state(&b).rebuilds, 1);
    assert_non_null(strstr(rebuild_state(&b).last_error, "SEQUENCE"));
    assert_int_equal(px_producer_fd(b.producer), fd);

    /* the caller's topic handle is as good as before */
    assert_int_equal(kafka_bench_send_n(&b, 100), PX_OK);
    assert_true(kafka_bench_wait(&b, 120, 10 * PX_US_PER_S));
    assert_true(kafka_bench_exact(&b));
    for (int i = 20; i < 120; i++) {
        assert_int_equal(b.last[i].delivery, PX_PERSISTED);
    }
    kafka_bench_close(&b);
}

/* Requests in flight to a slow broker, and a queue behind them, when the error strikes. */
static void test_kafka_rebuild_with_messages_in_flight(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, "batch.num.messages=10", 30 * PX_US_PER_S, 2000);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
    mock_kafka_rtt(b.mock, -1, 300);
    mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, 0, 1);
    mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 1);
    assert_int_equal(kafka_bench_send_n(&b, 500), PX_OK);
    assert_true(kafka_bench_until(&b, rebuild_fatal, 10 * PX_US_PER_S));
    if (rebuild_state(&b).fatal) {
        assert_int_equal(kafka_bench_send_n(&b, 1), PX_UNAVAILABLE);
    }
    assert_true(kafka_bench_wait(&b, 501, 10 * PX_US_PER_S));
    assert_true(kafka_bench_until(&b, rebuild_live, 10 * PX_US_PER_S));
    assert_true(kafka_bench_exact(&b));
    mock_kafka_rtt(b.mock, -1, 0);
    assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
    assert_true(kafka_bench_wait(&b, 502, 10 * PX_US_PER_S));
    assert_int_equal(b.last[501].delivery, PX_PERSISTED);
    assert_true(kafka_bench_exact(&b));
    kafka_bench_close(&b);
}

static void rebuild_send_alphabet(struct kafka_bench *b) {
    for (char c = 'a'; c <= 'z'; c++) {
        struct px_str key = {.p = &c, .n = 1};
        enum px_code rc = kafka_bench_send(b, key, PX_S("v"));
        if (rc == PX_UNAVAILABLE && rebuild_state(b).fatal) {
            return; /* the error struck while we were sending */
        }
        assert_int_equal(rc, PX_OK);
    }
}

/* How many of the first alphabet went to ${partition}. */
static size_t rebuild_of_partition(const struct kafka_bench *b, int partition) {
    size_t n = 0;
    for (int i = 0; i < 26; i++) {
        n += b->last[i].partition == partition;
    }
    return n;
}

/* A broker that stopped answering: the reports come from the purge, not from the broker. */
static void test_kafka_rebuild_without_answers(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 2, 2, "batch.num.messages=5", 60 * PX_US_PER_S, 2000);
    mock_kafka_leader(b.mock, "t", 0, 1);
    mock_kafka_leader(b.mock, "t", 1, 2);
    rebuild_send_alphabet(&b); /* both partitions know their leader and its connection */
    assert_true(kafka_bench_wait(&b, 26, 10 * PX_US_PER_S));
    assert_int_equal(b.by_delivery[PX_PERSISTED], 26);
    mock_kafka_rtt(b.mock, 2, 20000);
    rebuild_send_alphabet(&b);
    /* broker 1 answers as ever; partition 1's messages stay in flight */
    assert_true(kafka_bench_wait(&b, 26 + rebuild_of_partition(&b, 0), 10 * PX_US_PER_S));
    assert_int_equal(rebuild_state(&b).in_flight, rebuild_of_partition(&b, 1));
    mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 1);
    px_us start = kafka_bench_now(); /* the error may strike while we are sending */
    rebuild_send_alphabet(&b);
    assert_true(kafka_bench_until(&b, rebuild_live, 12 * PX_US_PER_S));
    assert_true(kafka_bench_now() - start > 1500 * PX_US_PER_MS); /* it waited for answers */
    assert_true(kafka_bench_now() - start < 8 * PX_US_PER_S);
    assert_true(kafka_bench_exact(&b));
    assert_true(b.by_delivery[PX_MAYBE_PERSISTED] > 0);
    mock_kafka_rtt(b.mock, 2, 0);
    kafka_bench_close(&b);
}

static void test_kafka_rebuild_again_and_again(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 1, NULL, 5 * PX_US_PER_S, 1000);
    mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 6);
    px_us deadline = kafka_bench_now() + 30 * PX_US_PER_S;
    while (b.by_delivery[PX_PERSISTED] < 50 && kafka_bench_now() < deadline) {
        enum px_code rc = kafka_bench_send_n(&b, 1);
        assert_true(rc == PX_OK || rc == PX_UNAVAILABLE);
        kafka_bench_wait(&b, b.sent + (rc != PX_OK), 20 * PX_US_PER_MS);
    }
    assert_true(kafka_bench_wait(&b, b.sent, 10 * PX_US_PER_S));
    assert_true(kafka_bench_exact(&b));
    assert_int_equal(b.by_delivery[PX_PERSISTED], 50);
    assert_true(rebuild_state(&b).rebuilds >= 2);
    kafka_bench_close(&b);
}

/* Closing in the middle of it, and a topic opened in the middle of it. */
static void test_kafka_rebuild_close_within(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct kafka_bench b;
        kafka_bench_open(&b, 1, 1, NULL, 20 * PX_US_PER_S, 1000);
        assert_int_equal(kafka_bench_send_n(&b, 1), PX_OK);
        assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
        mock_kafka_errors(b.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 1);
        assert_int_equal(kafka_bench_send_n(&b, 100), PX_OK);
        assert_true(kafka_bench_until(&b, rebuild_fatal, 10 * PX_US_PER_S));
        assert_int_equal(px_producer_topic(b.producer, "t", &b.topic, NULL), PX_OK);
        if (round == 1) {
            assert_true(kafka_bench_until(&b, rebuild_live, 10 * PX_US_PER_S));
            assert_int_equal(kafka_bench_send_n(&b, 100), PX_OK);
        }
        px_producer_close(b.producer, round == 2 ? 0 : PX_US_PER_S);
        assert_true(kafka_bench_exact(&b));
        mock_kafka_stop(b.mock);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_rebuild_after_fatal),
        cmocka_unit_test(test_kafka_rebuild_with_messages_in_flight),
        cmocka_unit_test(test_kafka_rebuild_without_answers),
        cmocka_unit_test(test_kafka_rebuild_again_and_again),
        cmocka_unit_test(test_kafka_rebuild_close_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
