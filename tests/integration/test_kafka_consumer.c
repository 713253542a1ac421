/* The consumer against the mock cluster: it reads from the offsets it is given and from no others,
 * tells ends and gaps, shares partitions and gives them back. */
#include "kafka_bench.h"
#include "kafka_reader.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PATIENT (60 * PX_US_PER_S)

/* ${n} messages with keys a..z over the partitions of "t". */
static void fill(struct kafka_bench *b, size_t n) {
    size_t before = b->reported;
    for (size_t i = 0; i < n; i++) {
        char c = (char)('a' + i % 26);
        struct px_str key = {.p = &c, .n = 1};
        assert_int_equal(kafka_bench_send(b, key, PX_S("value")), PX_OK);
    }
    assert_true(kafka_bench_wait(b, before + n, 20 * PX_US_PER_S));
}

static int64_t end_of(const struct kafka_bench *b, int partition) {
    int64_t end = 0;
    for (size_t i = 0; i < b->sent; i++) {
        if (b->last[i].partition == partition && b->last[i].offset >= end) {
            end = b->last[i].offset + 1;
        }
    }
    return end;
}

/* Poll until all owned partitions are at their end (and ${n} partitions are owned). */
static bool read_to_end(struct kafka_reader *r, size_t n, px_us wait) {
    px_us deadline = kafka_bench_now() + wait;
    for (;;) {
        size_t ends = 0;
        for (int i = 0; i < KAFKA_READER_PARTITIONS; i++) {
            ends += r->owned[i] && r->eof[i];
        }
        if (ends == n && kafka_reader_owned(r) == n) {
            return true;
        }
        if (kafka_bench_now() > deadline) {
            return false;
        }
        struct px_err err = PX_ERR_INIT;
        if (kafka_reader_poll(r, 100 * PX_US_PER_MS, &err) != PX_OK) {
            fail_msg("poll: %s", err.msg);
        }
    }
}

static enum px_code poll_until_error(struct kafka_reader *r, px_us wait, struct px_err *reterr) {
    px_us deadline = kafka_bench_now() + wait;
    enum px_code rc = PX_OK;
    while (rc == PX_OK && kafka_bench_now() < deadline) {
        rc = kafka_reader_poll(r, 100 * PX_US_PER_MS, reterr);
    }
    return rc;
}

/* The brokers were asked, and partition ${p} ended at ${end}. */
static bool heard_end(struct kafka_reader *r, int p, int64_t end) {
    px_us deadline = kafka_bench_now() + 10 * PX_US_PER_S, age = 0;
    int64_t high = -1;
    while (kafka_bench_now() < deadline) {
        if (px_consumer_end(r->consumer, p, &high, &age) && high == end) {
            return age >= 0;
        }
        assert_int_equal(kafka_reader_poll(r, 10 * PX_US_PER_MS, NULL), PX_OK);
    }
    return false;
}

static void test_kafka_consumer_reads_from_given_offsets(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 2, 3, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 1000);
    kafka_reader_init(&r, b.conf.bootstrap);
    r.starts[0] = 5;
    r.starts[1] = end_of(&b, 1); /* at the end: nothing, and no gap */
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 3, 20 * PX_US_PER_S));
    assert_int_equal(r.messages, end_of(&b, 0) - 5 + end_of(&b, 2));
    assert_int_equal(r.disorder, 0);
    for (int i = 0; i < 3; i++) {
        int64_t low = -1, high = -1;
        assert_int_equal(r.low[i], 0);
        assert_int_equal(r.high[i], end_of(&b, i));
        assert_int_equal(r.next[i], end_of(&b, i));
        assert_true(heard_end(&r, i, end_of(&b, i)));
        assert_int_equal(px_consumer_query(r.consumer, i, 5 * PX_US_PER_S, &low, &high, NULL),
                         PX_OK);
        assert_int_equal(low, 0);
        assert_int_equal(high, end_of(&b, i));
    }
    char id[64] = "";
    assert_int_equal(px_consumer_cluster_id(r.consumer, 5 * PX_US_PER_S, id, NULL), PX_OK);
    assert_true(strlen(id) > 0);
    assert_false(px_consumer_lost(r.consumer));
    assert_false(px_consumer_brokers_down(r.consumer));

    /* what comes later is read as well, and the end told again */
    size_t before = r.messages;
    fill(&b, 30);
    px_us deadline = kafka_bench_now() + 10 * PX_US_PER_S;
    while (r.messages < before + 30 && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 100 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_int_equal(r.messages, before + 30);
    assert_int_equal(r.disorder, 0);
    kafka_reader_close(&r);
    assert_int_equal(r.revokes, 1);
    assert_int_equal(r.lost, 0);
    kafka_bench_close(&b);
}

/* What was heard ages while nobody answers, and is not mixed up with what is not held any more. */
static void test_kafka_consumer_ends_age(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 100);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 2, 20 * PX_US_PER_S));
    assert_true(heard_end(&r, 0, end_of(&b, 0)));
    assert_true(heard_end(&r, 1, end_of(&b, 1)));
    int64_t high = -1;
    px_us age = 0;
    assert_false(px_consumer_end(r.consumer, 2, &high, &age));
    px_us deadline = kafka_bench_now() + 10 * PX_US_PER_S;
    do { /* asked again and again */
        assert_int_equal(kafka_reader_poll(&r, 10 * PX_US_PER_MS, NULL), PX_OK);
        assert_true(px_consumer_end(r.consumer, 0, &high, &age));
    } while (age > 200 * PX_US_PER_MS && kafka_bench_now() < deadline);
    assert_true(age <= 200 * PX_US_PER_MS);

    mock_kafka_rtt(b.mock, -1, 5000); /* connected, and silent */
    deadline = kafka_bench_now() + 10 * PX_US_PER_S;
    while (age < 2 * PX_US_PER_S && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 10 * PX_US_PER_MS, NULL), PX_OK);
        assert_true(px_consumer_end(r.consumer, 0, &high, &age));
    }
    assert_true(age >= 2 * PX_US_PER_S);
    assert_false(px_consumer_brokers_down(r.consumer)); /* nobody else has noticed */
    mock_kafka_rtt(b.mock, -1, 0);
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_message_fields(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    struct px_header h[] = {{.name = "px-event-type", .value = PX_S_INIT("visit")},
                            {.name = "traceparent", .value = PX_S_INIT("00-0af7-b7ad-01")}};
    struct px_record rec = {.key = PX_S("k"),
                            .value = {.p = "v\0w", .n = 3},
                            .headers = h,
                            .nheaders = 2,
                            .tag = b.sent++};
    assert_int_equal(px_producer_send(b.producer, b.topic, &rec, NULL), PX_OK);
    rec = (struct px_record){.key = {.p = NULL, .n = 0}, .value = {.p = NULL, .n = 0}, .tag = 1};
    b.sent++;
    assert_true(kafka_bench_wait(&b, 1, 10 * PX_US_PER_S));
    assert_int_equal(px_producer_send(b.producer, b.topic, &rec, NULL), PX_OK);
    assert_true(kafka_bench_wait(&b, 2, 10 * PX_US_PER_S));
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "t", PATIENT);
    px_us deadline = kafka_bench_now() + 20 * PX_US_PER_S;
    for (int seen = 0; seen < 2 && kafka_bench_now() < deadline;) {
        enum px_polled kind;
        struct px_message m;
        assert_int_equal(px_consumer_poll(r.consumer, 100 * PX_US_PER_MS, &kind, &m, NULL), PX_OK);
        if (kind != PX_POLL_MESSAGE) {
            continue;
        }
        assert_int_equal(m.offset, seen);
        if (seen++ == 0) {
            assert_true(px_str_is(m.key, "k"));
            assert_true(px_str_eq(m.value, (struct px_str){.p = "v\0w", .n = 3}));
            assert_true(px_str_is(m.traceparent, "00-0af7-b7ad-01"));
            assert_true(m.timestamp > INT64_C(1700000000) * PX_US_PER_S);
        } else {
            assert_null(m.key.p);
            assert_null(m.value.p);
            assert_int_equal(m.traceparent.n, 0);
        }
        px_message_free(&m);
        px_message_free(&m); /* a second time is harmless */
    }
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

/* A stored offset that the log does not hold, on either side of it. */
static void test_kafka_consumer_gap_at_assign(void **state) {
    (void)state;
    static const struct {
        int64_t beyond; /* start = end + beyond */
        const char *says;
    } rows[] = {{1, "truncated"}, {1000000, "truncated"}};
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct kafka_bench b;
        struct kafka_reader r;
        struct px_err err = PX_ERR_INIT;
        kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
        fill(&b, 10);
        kafka_reader_init(&r, b.conf.bootstrap);
        r.starts[0] = 10 + rows[i].beyond;
        kafka_reader_open(&r, "g", "t", PATIENT);
        assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_GAP);
        assert_non_null(strstr(err.msg, "partition 0"));
        assert_non_null(strstr(err.msg, "[0, 10)"));
        assert_non_null(strstr(err.msg, rows[i].says));
        assert_int_equal(kafka_reader_poll(&r, 0, &err), PX_GAP); /* and stays so */
        assert_int_equal(r.messages, 0);
        kafka_reader_close(&r);
        kafka_bench_close(&b);
    }
}

/* The mock drops its oldest batches past 5 MiB: retention overtakes a stored offset. */
static void test_kafka_consumer_gap_by_retention(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    static char big[200000];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 40; i++) {
        struct px_str v = {.p = big, .n = sizeof big};
        assert_int_equal(kafka_bench_send(&b, PX_S("k"), v), PX_OK);
        assert_true(kafka_bench_wait(&b, b.sent, 10 * PX_US_PER_S));
    }
    kafka_reader_init(&r, b.conf.bootstrap);
    r.starts[0] = 2;
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_GAP);
    assert_non_null(strstr(err.msg, "offset 2 "));
    assert_non_null(strstr(err.msg, "retention"));
    assert_true(r.low[0] > 2 && r.high[0] == 40);
    int64_t low = r.low[0];
    kafka_reader_close(&r);

    kafka_reader_init(&r, b.conf.bootstrap); /* the owner decides to go on: from the log's start */
    r.starts[0] = low;
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 1, 20 * PX_US_PER_S));
    assert_int_equal(r.messages, 40 - low);
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

/* The log says "out of range" while reading, though it holds the offset: make the consumer anew.
 * And with the offset really gone, name the gap. */
static void test_kafka_consumer_out_of_range_while_reading(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    fill(&b, 10);
    kafka_reader_init(&r, b.conf.bootstrap);
    r.starts[0] = 3;
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 1, 20 * PX_US_PER_S));
    mock_kafka_errors(b.mock, MOCK_KAFKA_FETCH, MOCK_KAFKA_OFFSET_OUT_OF_RANGE, 2);
    assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_DEAD);
    assert_non_null(strstr(err.msg, "partition 0"));
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_two_share(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r[2];
    kafka_bench_open(&b, 1, 4, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 400);
    for (int i = 0; i < 2; i++) {
        kafka_reader_init(&r[i], b.conf.bootstrap);
    }
    kafka_reader_open(&r[0], "g", "t", PATIENT);
    assert_true(read_to_end(&r[0], 4, 20 * PX_US_PER_S));
    assert_int_equal(r[0].messages, 400);
    kafka_reader_open(&r[1], "g", "t", PATIENT);
    px_us deadline = kafka_bench_now() + 30 * PX_US_PER_S;
    while ((kafka_reader_owned(&r[0]) != 2 || kafka_reader_owned(&r[1]) != 2) &&
           kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r[0], 50 * PX_US_PER_MS, NULL), PX_OK);
        assert_int_equal(kafka_reader_poll(&r[1], 50 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_int_equal(kafka_reader_owned(&r[0]), 2);
    assert_int_equal(kafka_reader_owned(&r[1]), 2);
    for (int i = 0; i < 4; i++) {
        assert_true(r[0].owned[i] != r[1].owned[i]);
    }
    assert_true(r[0].revokes >= 1);
    assert_int_equal(r[0].lost, 0);
    kafka_reader_close(&r[0]); /* leaves: the other takes over */
    assert_true(read_to_end(&r[1], 4, 30 * PX_US_PER_S));
    kafka_reader_close(&r[1]);
    kafka_bench_close(&b);
}

/* Not polling for too long: the group gives the partitions away, and revoked tells that they are
 * lost. */
static void test_kafka_consumer_lost(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 100);
    fill(&b, 10);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "t", 6 * PX_US_PER_S);
    assert_true(read_to_end(&r, 2, 20 * PX_US_PER_S));
    px_us deadline = kafka_bench_now() + 15 * PX_US_PER_S;
    while (!px_consumer_lost(r.consumer) && kafka_bench_now() < deadline) {
        kafka_bench_wait(&b, b.sent + 1, 100 * PX_US_PER_MS); /* anything but polling */
    }
    assert_true(px_consumer_lost(r.consumer));
    while (r.revokes == 0 && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 50 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_int_equal(r.lost, 1);
    assert_true(read_to_end(&r, 2, 30 * PX_US_PER_S)); /* and it joins again */
    assert_int_equal(r.disorder, 0);
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_pause(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 1000);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "t", PATIENT);
    px_us deadline = kafka_bench_now() + 30 * PX_US_PER_S;
    while (kafka_reader_owned(&r) < 2 && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 10 * PX_US_PER_MS, NULL), PX_OK);
    }
    /* pause before and between messages, many times: nothing is skipped or read twice */
    for (int round = 0; round < 20; round++) {
        assert_int_equal(px_consumer_pause(r.consumer, 0, true, NULL), PX_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(kafka_reader_poll(&r, PX_US_PER_MS, NULL), PX_OK);
        }
        size_t at = (size_t)r.next[0];
        assert_int_equal(kafka_reader_poll(&r, PX_US_PER_MS, NULL), PX_OK);
        assert_int_equal((size_t)r.next[0], at);
        assert_int_equal(px_consumer_pause(r.consumer, 0, false, NULL), PX_OK);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(kafka_reader_poll(&r, 5 * PX_US_PER_MS, NULL), PX_OK);
        }
    }
    assert_true(read_to_end(&r, 2, 20 * PX_US_PER_S));
    assert_int_equal(r.messages, 1000);
    assert_int_equal(r.disorder, 0);
    assert_int_equal(px_consumer_pause(r.consumer, 9, true, NULL), PX_NOT_FOUND);
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_outage(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    kafka_bench_open(&b, 2, 2, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 100);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 2, 20 * PX_US_PER_S));
    mock_kafka_down(b.mock, -1);
    px_us deadline = kafka_bench_now() + 15 * PX_US_PER_S;
    while (!px_consumer_brokers_down(r.consumer) && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 100 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_true(px_consumer_brokers_down(r.consumer));
    mock_kafka_up(b.mock, -1);
    while (px_consumer_brokers_down(r.consumer) && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 100 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_false(px_consumer_brokers_down(r.consumer));
    fill(&b, 50);
    deadline = kafka_bench_now() + 20 * PX_US_PER_S;
    while (r.messages < 150 && kafka_bench_now() < deadline) {
        assert_int_equal(kafka_reader_poll(&r, 100 * PX_US_PER_MS, NULL), PX_OK);
    }
    assert_int_equal(r.messages, 150);
    assert_int_equal(r.disorder, 0);
    mock_kafka_down(b.mock, -1); /* a close with nobody there must end as well */
    px_us start = kafka_bench_now();
    kafka_reader_close(&r);
    assert_true(kafka_bench_now() - start < 8 * PX_US_PER_S);
    mock_kafka_up(b.mock, -1);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_callback_fails(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    kafka_reader_init(&r, b.conf.bootstrap);
    r.assign_fails = PX_NEW_LOG;
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_NEW_LOG);
    assert_string_equal(err.msg, "as told");
    kafka_reader_close(&r);
    assert_int_equal(r.revokes, 0); /* it never accepted */
    kafka_bench_close(&b);
}

static void test_kafka_consumer_missing_topic(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    mock_kafka_topic_error(b.mock, "missing", MOCK_KAFKA_UNKNOWN_TOPIC);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "missing", PATIENT);
    px_us start = kafka_bench_now();
    assert_int_equal(poll_until_error(&r, 30 * PX_US_PER_S, &err), PX_NOT_FOUND);
    assert_true(kafka_bench_now() - start > 8 * PX_US_PER_S); /* it may yet appear */
    assert_non_null(strstr(err.msg, "missing"));
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

static void test_kafka_consumer_denied_topic(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 100);
    mock_kafka_topic_error(b.mock, "secret", MOCK_KAFKA_TOPIC_DENIED);
    kafka_reader_init(&r, b.conf.bootstrap);
    kafka_reader_open(&r, "g", "secret", PATIENT);
    assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_DENIED);
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

/* What the library hears by its own metadata; on a real broker it says nothing (test_secure.sh). */
static void test_kafka_consumer_denied_while_reading(void **state) {
    (void)state;
    struct kafka_bench b;
    struct kafka_reader r;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 100);
    kafka_reader_init(&r, b.conf.bootstrap);
    r.conf.properties = "topic.metadata.refresh.interval.ms=100";
    kafka_reader_open(&r, "g", "t", PATIENT);
    assert_true(read_to_end(&r, 2, 20 * PX_US_PER_S));
    mock_kafka_topic_error(b.mock, "t", MOCK_KAFKA_TOPIC_DENIED);
    assert_int_equal(poll_until_error(&r, 20 * PX_US_PER_S, &err), PX_DENIED);
    assert_string_equal(err.msg, "User:ANONYMOUS may not READ on topic t"
                                 ": grant it (svc-aggregator --topics=apply)");
    kafka_reader_close(&r);
    kafka_bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kafka_consumer_reads_from_given_offsets),
        cmocka_unit_test(test_kafka_consumer_ends_age),
        cmocka_unit_test(test_kafka_consumer_message_fields),
        cmocka_unit_test(test_kafka_consumer_gap_at_assign),
        cmocka_unit_test(test_kafka_consumer_gap_by_retention),
        cmocka_unit_test(test_kafka_consumer_out_of_range_while_reading),
        cmocka_unit_test(test_kafka_consumer_two_share),
        cmocka_unit_test(test_kafka_consumer_lost),
        cmocka_unit_test(test_kafka_consumer_pause),
        cmocka_unit_test(test_kafka_consumer_outage),
        cmocka_unit_test(test_kafka_consumer_callback_fails),
        cmocka_unit_test(test_kafka_consumer_missing_topic),
        cmocka_unit_test(test_kafka_consumer_denied_topic),
        cmocka_unit_test(test_kafka_consumer_denied_while_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
