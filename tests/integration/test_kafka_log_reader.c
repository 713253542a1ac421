/* The reader from outside against the mock cluster: everything up to the ends of the moment it was
 * opened, once or again, and what it says when there is nothing to read. */
#include "kafka_bench.h"
#include <px/log_reader.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 1000

static void fill(struct kafka_bench *b, size_t n) {
    size_t before = b->reported;
    for (size_t i = 0; i < n; i++) {
        char c = (char)('a' + i % 26);
        assert_int_equal(kafka_bench_send(b, (struct px_str){.p = &c, .n = 1}, PX_S("value")),
                         PX_OK);
    }
    assert_true(kafka_bench_wait(b, before + n, 20 * PX_US_PER_S));
}

static struct px_log_reader *open_on(const struct kafka_bench *b, px_us since) {
    struct px_log_reader_conf conf = {.kafka = &b->conf,
                                      .client_id = "test",
                                      .topic = "t",
                                      .since = since,
                                      .timeout = 10 * PX_US_PER_S};
    struct px_log_reader *r = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_log_reader_open(&conf, &r, &err) != PX_OK) {
        fail_msg("open: %s", err.msg);
    }
    return r;
}

/* How many come until the end; each partition's in a row, by offset. */
static size_t read_all(struct px_log_reader *r) {
    size_t n = 0;
    int32_t partition = 0;
    int64_t next = 0;
    struct px_message m;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc;
    while ((rc = px_log_reader_next(r, &m, &err)) == PX_OK) {
        assert_true(m.partition >= partition);
        next = m.partition > partition ? 0 : next;
        partition = m.partition;
        assert_int_equal(m.offset, next++);
        assert_true(px_str_is(m.value, "value") && m.key.n == 1 && m.timestamp > 0);
        px_message_free(&m);
        n++;
    }
    if (rc != PX_NO_ROW) {
        fail_msg("after %zu: %s", n, err.msg);
    }
    assert_int_equal(px_log_reader_next(r, &m, NULL), PX_NO_ROW);
    return n;
}

static void test_log_reader_reads_what_was_there_when_it_was_opened(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 2, 3, NULL, 10 * PX_US_PER_S, 4096);
    struct px_log_reader *r = open_on(&b, 0);
    assert_int_equal(read_all(r), 0);
    px_log_reader_close(r);

    fill(&b, RECORDS);
    r = open_on(&b, 0);
    fill(&b, 30); /* behind the ends that it knows */
    assert_int_equal(read_all(r), RECORDS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(px_log_reader_rewind(r, NULL), PX_OK);
        assert_int_equal(read_all(r), RECORDS);
    }
    px_log_reader_close(r);
    kafka_bench_close(&b);
}

/* A rewind in the middle, and a close in the middle. */
static void test_log_reader_can_be_left_at_any_time(void **state) {
    (void)state;
    struct kafka_bench b;
    struct px_message m;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, RECORDS);
    struct px_log_reader *r = open_on(&b, 0);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(px_log_reader_next(r, &m, NULL), PX_OK);
        px_message_free(&m);
    }
    assert_int_equal(px_log_reader_rewind(r, NULL), PX_OK);
    assert_int_equal(px_log_reader_next(r, &m, NULL), PX_OK);
    assert_int_equal(m.offset, 0);
    px_message_free(&m);
    px_log_reader_close(r);
    px_log_reader_close(NULL);
    kafka_bench_close(&b);
}

/* The mock answers "end" to every time it is asked for: then all is read, and the owner sorts out.
 * (A broker that knows times is in tests/e2e/test_dead_letters.sh.) */
static void test_log_reader_reads_all_where_times_are_not_known(void **state) {
    (void)state;
    struct kafka_bench b;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 100);
    struct px_log_reader *r = open_on(&b, INT64_C(4000000000) * PX_US_PER_S);
    assert_int_equal(read_all(r), 100);
    px_log_reader_close(r);
    kafka_bench_close(&b);
}

static void test_log_reader_says_what_is_missing(void **state) {
    (void)state;
    struct kafka_bench b;
    struct px_err err = PX_ERR_INIT;
    struct px_log_reader *r = NULL;
    kafka_bench_open(&b, 1, 2, NULL, 10 * PX_US_PER_S, 4096);
    struct px_log_reader_conf conf = {
        .kafka = &b.conf, .client_id = "test", .topic = "t", .timeout = 2 * PX_US_PER_S};
    mock_kafka_topic_error(b.mock, "t", MOCK_KAFKA_UNKNOWN_TOPIC);
    assert_int_equal(px_log_reader_open(&conf, &r, &err), PX_NOT_FOUND);
    mock_kafka_topic_error(b.mock, "t", MOCK_KAFKA_TOPIC_DENIED);
    assert_int_equal(px_log_reader_open(&conf, &r, &err), PX_DENIED);
    mock_kafka_topic_error(b.mock, "t", 0);

    fill(&b, 10);
    r = open_on(&b, 0);
    mock_kafka_down(b.mock, -1);
    assert_int_equal(px_log_reader_open(&conf, &r, &err), PX_UNAVAILABLE);
    mock_kafka_up(b.mock, -1);
    assert_int_equal(read_all(r), 10); /* the outage was none of this one's business */
    px_log_reader_close(r);
    kafka_bench_close(&b);
}

static void test_log_reader_ends_when_nothing_comes(void **state) {
    (void)state;
    struct kafka_bench b;
    struct px_message m;
    struct px_err err = PX_ERR_INIT;
    kafka_bench_open(&b, 1, 1, NULL, 10 * PX_US_PER_S, 4096);
    fill(&b, 10);
    struct px_log_reader_conf conf = {
        .kafka = &b.conf, .client_id = "test", .topic = "t", .timeout = PX_US_PER_S};
    struct px_log_reader *r = NULL;
    assert_int_equal(px_log_reader_open(&conf, &r, NULL), PX_OK);
    mock_kafka_down(b.mock, -1);
    assert_int_equal(px_log_reader_next(r, &m, &err), PX_UNAVAILABLE);
    assert_non_null(strstr(err.msg, b.conf.bootstrap));
    px_log_reader_close(r);
    kafka_bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_reader_reads_what_was_there_when_it_was_opened),
        cmocka_unit_test(test_log_reader_can_be_left_at_any_time),
        cmocka_unit_test(test_log_reader_reads_all_where_times_are_not_known),
        cmocka_unit_test(test_log_reader_says_what_is_missing),
        cmocka_unit_test(test_log_reader_ends_when_nothing_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
