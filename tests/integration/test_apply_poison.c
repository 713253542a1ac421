/* Dead letters of the aggregator on a mock cluster: what the dead-letter topic refuses must not
 * stop a partition for good. */
#include "mock_kafka.h"
#include "poison.h"
#include "unit.h"

#include <px/app.h>
#include <px/event_avro.h>
#include <px/mem.h>

#include <string.h>

#define LARGE 999990 /* fits a message of the default limit, its letter does not */

struct fixture {
    struct mock_kafka *mock;
    struct px_kafka_conf kafka;
    struct agg_status status;
    struct agg_poison *poison;
    char *bytes;
};

static int setup(void **state) {
    struct fixture *f = px_alloc(sizeof *f);
    assert_non_null(f);
    f->mock = mock_kafka_start(1);
    mock_kafka_topic(f->mock, "dlq", 1);
    f->kafka = (struct px_kafka_conf){.bootstrap = mock_kafka_bootstrap(f->mock),
                                      .properties = "",
                                      .security_password = "",
                                      .key_password = ""};
    agg_status_init(&f->status);
    struct agg_poison_conf conf = {.kafka = &f->kafka,
                                   .client_id = "test",
                                   .log_id = "log-1",
                                   .topic = "events",
                                   .dlq = "dlq",
                                   .timeout = 2 * PX_US_PER_S,
                                   .clock = &px_clock_system,
                                   .status = &f->status};
    assert_int_equal(agg_poison_open(&conf, &f->poison, NULL), PX_OK);
    f->bytes = px_alloc(LARGE);
    assert_non_null(f->bytes);
    memset(f->bytes, 'x', LARGE);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    agg_poison_close(f->poison);
    agg_status_fini(&f->status);
    mock_kafka_stop(f->mock);
    px_free(f->bytes);
    px_free(f);
    return 0;
}

static struct agg_item letter(const struct fixture *f, int32_t partition, size_t n) {
    return (struct agg_item){.partition = partition,
                             .offset = 7,
                             .key = PX_S("k"),
                             .value = {.p = f->bytes, .n = n},
                             .dead = true,
                             .reason = PX_REASON_BAD_AVRO,
                             .field = PX_S("player_id"),
                             .detail = PX_S("why")};
}

static enum px_code assigned(void *arg, struct px_assigned *v, size_t n, struct px_err *reterr) {
    (void)arg, (void)reterr;
    for (size_t i = 0; i < n; i++) {
        v[i].start = PX_OFFSET_BEGINNING;
    }
    return PX_OK;
}

static void revoked(void *arg, const int32_t *partitions, size_t n, bool lost) {
    (void)arg, (void)partitions, (void)n, (void)lost;
}

/* The next letter of the topic must be of ${payload} bytes, of ${whole} where it was cut. */
static void expect_letter(const struct fixture *f, size_t payload, int64_t whole) {
    struct px_consumer_conf conf = {.kafka = &f->kafka,
                                    .client_id = "test",
                                    .group = "g",
                                    .topic = "dlq",
                                    .instance_id = "",
                                    .session_timeout = 6 * PX_US_PER_S,
                                    .max_poll_interval = 60 * PX_US_PER_S,
                                    .fetch_queue_bytes = 16 << 20,
                                    .assigned = assigned,
                                    .revoked = revoked};
    struct px_consumer *c = NULL;
    assert_int_equal(px_consumer_open(&conf, &c, NULL), PX_OK);
    enum px_polled kind = PX_POLL_NOTHING;
    struct px_message m = {0};
    px_us until = px_mono(&px_clock_system) + 30 * PX_US_PER_S;
    while (kind != PX_POLL_MESSAGE && px_mono(&px_clock_system) < until) {
        assert_int_equal(px_consumer_poll(c, 100 * PX_US_PER_MS, &kind, &m, NULL), PX_OK);
    }
    assert_int_equal(kind, PX_POLL_MESSAGE);
    struct px_dead_letter d;
    assert_int_equal(px_dead_letter_from_avro(m.value, &d, NULL), PX_OK);
    assert_int_equal(d.payload.n, payload);
    assert_int_equal(d.offset, 7);
    assert_int_equal(d.payload_bytes, whole);
    assert_int_equal(d.key_bytes, 0);
    assert_int_equal(d.partition, 0);
    assert_true(px_str_is(d.reason, "bad_avro") && px_str_is(d.field, "player_id"));
    assert_true(px_str_is(d.detail, "why") && px_str_is(d.key, "k"));
    assert_true(px_str_is(d.log_id, "log-1") && px_str_is(d.topic, "events"));
    assert_true(px_str_is(d.service, "svc-aggregator") && px_str_is(d.version, px_version()));
    assert_true(d.at > 0);
    px_message_free(&m);
    px_consumer_close(c);
}

static void test_poison_keeps_the_bytes(void **state) {
    struct fixture *f = *state;
    struct agg_item it = letter(f, 0, 100);
    struct agg_item *items[] = {&it};

    assert_int_equal(agg_poison_put(f->poison, items, 1, NULL), PX_OK);

    assert_true(it.dead_acked);
    expect_letter(f, 100, 0);
}

static void test_poison_too_large_for_a_letter_is_cut(void **state) {
    struct fixture *f = *state;
    struct agg_item it = letter(f, 0, LARGE);
    struct agg_item *items[] = {&it};

    assert_int_equal(agg_poison_put(f->poison, items, 1, NULL), PX_OK);

    assert_true(it.dead_acked);
    assert_int_equal(agg_poison_blocked(f->poison), 0);
    expect_letter(f, 4096, LARGE);
}

/* The broker's own limit may be lower than the producer's. */
static void test_poison_refused_by_the_broker_is_cut(void **state) {
    struct fixture *f = *state;
    struct agg_item it = letter(f, 0, 50000);
    struct agg_item *items[] = {&it};
    mock_kafka_errors(f->mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_TOO_LARGE, 1);

    assert_int_equal(agg_poison_put(f->poison, items, 1, NULL), PX_OK);

    assert_true(it.dead_acked);
    expect_letter(f, 4096, 50000);
}

/* A letter that waited for the topic turns out to be too large: its partition is read again, and
 * the letter is cut then. */
static void test_poison_too_large_does_not_wait_for_ever(void **state) {
    struct fixture *f = *state;
    struct agg_item it = letter(f, 3, LARGE);
    struct agg_item *items[] = {&it};
    struct agg_item small = letter(f, 4, 10);
    struct agg_item *first[] = {&small};
    mock_kafka_down(f->mock, -1);
    assert_int_equal(agg_poison_put(f->poison, first, 1, NULL), PX_UNAVAILABLE);
    assert_int_equal(agg_poison_put(f->poison, items, 1, NULL), PX_UNAVAILABLE);
    assert_int_equal(agg_poison_blocked(f->poison), 2);

    mock_kafka_up(f->mock, -1);
    px_us until = px_mono(&px_clock_system) + 30 * PX_US_PER_S;
    bool back = false;
    while (!back && px_mono(&px_clock_system) < until) {
        back = agg_poison_retry(f->poison);
        (void)agg_status_sleep(&f->status, 50 * PX_US_PER_MS);
    }
    assert_true(back);
    agg_poison_forget(f->poison);

    assert_int_equal(agg_poison_put(f->poison, items, 1, NULL), PX_OK);
    assert_true(it.dead_acked);
}

/* Partitions come and go for years; the memory of stored letters is bounded. */
static void test_poison_forgets_the_oldest_stored(void **state) {
    struct fixture *f = *state;
    static struct agg_item all[AGG_MAX_RANGES + 1];
    static struct agg_item *items[AGG_MAX_RANGES + 1];
    for (int32_t i = 0; i <= AGG_MAX_RANGES; i++) {
        all[i] = letter(f, i, 1);
        items[i] = &all[i];
    }
    mock_kafka_down(f->mock, -1);
    assert_int_equal(agg_poison_put(f->poison, items, AGG_MAX_RANGES, NULL), PX_UNAVAILABLE);
    mock_kafka_up(f->mock, -1);
    px_us until = px_mono(&px_clock_system) + 30 * PX_US_PER_S;
    while (!agg_poison_retry(f->poison) && px_mono(&px_clock_system) < until) {
        (void)agg_status_sleep(&f->status, 50 * PX_US_PER_MS);
    }
    agg_poison_forget(f->poison);
    mock_kafka_down(f->mock, -1);

    assert_int_equal(agg_poison_put(f->poison, items + AGG_MAX_RANGES, 1, NULL), PX_UNAVAILABLE);

    assert_int_equal(agg_poison_blocked(f->poison), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_poison_keeps_the_bytes),
        TEST(test_poison_too_large_for_a_letter_is_cut),
        TEST(test_poison_refused_by_the_broker_is_cut),
        TEST(test_poison_too_large_does_not_wait_for_ever),
        TEST(test_poison_forgets_the_oldest_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
