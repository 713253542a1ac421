/* svc-ingest when the log is in trouble: no request without an answer, no 200 without a stored
 * event, and the right word for each kind of trouble. */
#include "unit.h"

#include "ingest_rig.h"

#include <px/num.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TROUBLE_PIXEL "/visit?playerId=p&bannerTag=b&eid=e"

/* The message timeout of these tests is 2 s, the answer at most 1.5 s later, plus scheduling. */
#define TROUBLE_BOUND_MS 4500

static int trouble_send(const struct ingest_rig *r, const char *player);
static int trouble_status(int fd);

static void assert_busy(const struct ingest_said *s, const char *code) {
    assert_int_equal(s->status, 503);
    assert_string_equal(s->code, code);
    assert_true(strtol(s->retry, NULL, 10) > 0);
    assert_non_null(strstr(s->body, "\"retryable\":true"));
    assert_string_equal(s->client, "e");
    assert_string_equal(s->id, "");
}

/* The broker went while the event was on its way: it may or may not have taken it. */
static void assert_gone(const struct ingest_said *s) {
    assert_busy(s, strcmp(s->code, "log_unknown") == 0 ? "log_unknown" : "log_unavailable");
}

static void test_ingest_says_503_when_the_broker_is_gone_and_comes_back(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
    assert_true(ingest_rig_ready_until(&r, 200, 5) >= 0);

    mock_kafka_down(r.mock, -1);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_gone(&s);
    assert_true(s.ms < TROUBLE_BOUND_MS);
    assert_true(ingest_rig_ready_until(&r, 503, 10) >= 0);
    struct http_answer alive;
    http_get(r.admin, "/livez", &alive); /* no reason to restart it */
    assert_int_equal(alive.status, 200);
    http_answer_fini(&alive);

    mock_kafka_up(r.mock, -1);
    assert_true(ingest_rig_ready_until(&r, 200, 20) >= 0);
    s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_int_equal(s.status, 200);
    assert_true(ingest_rig_has(&r, s.id));
    ingest_rig_close(&r);
}

static void test_ingest_says_unknown_when_it_may_be_stored(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                      1000);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);

    assert_busy(&s, "log_unknown");
    assert_true(s.ms < TROUBLE_BOUND_MS);
    mock_kafka_errors_clear(r.mock, MOCK_KAFKA_PRODUCE);
    ingest_rig_close(&r);
}

static void test_ingest_says_unavailable_when_too_few_replicas(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_NOT_ENOUGH_REPLICAS, 1000);
    int others[] = {trouble_send(&r, "p1"), trouble_send(&r, "p2"), trouble_send(&r, "p3"),
                    trouble_send(&r, "p4"), trouble_send(&r, "p5"), trouble_send(&r, "p6")};
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);

    assert_busy(&s, "log_unavailable");
    for (size_t i = 0; i < PX_ARRAY_LEN(others); i++) {
        assert_int_equal(trouble_status(others[i]), 503);
    }
    /* the brokers are there, and yet nothing is stored: no place to send events to */
    assert_true(ingest_rig_ready_until(&r, 503, 5) >= 0);
    assert_true(ingest_rig_metric(&r, "px_kafka_not_storing") > 0);
    mock_kafka_errors_clear(r.mock, MOCK_KAFKA_PRODUCE);
    assert_true(ingest_rig_ready_until(&r, 200, 20) >= 0);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
    ingest_rig_close(&r);
}

static void test_ingest_says_refused_when_the_topic_is(void **state) {
    static const int errors[] = {MOCK_KAFKA_TOPIC_DENIED, MOCK_KAFKA_UNKNOWN_TOPIC,
                                 MOCK_KAFKA_INVALID_RECORD};
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(errors); i++) {
        struct ingest_rig r;
        ingest_rig_open(&r, NULL);
        assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
        mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, errors[i], 1000);

        struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);

        assert_int_equal(s.status, 503);
        if (errors[i] != MOCK_KAFKA_UNKNOWN_TOPIC) {
            assert_busy(&s, "log_refused");
        }
        mock_kafka_errors_clear(r.mock, MOCK_KAFKA_PRODUCE);
        ingest_rig_close(&r);
    }
}

static void test_ingest_says_413_when_the_log_finds_it_too_large(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_TOO_LARGE, 1);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL "&s=and-some-more");

    assert_int_equal(s.status, 413);
    assert_string_equal(s.code, "too_large_for_log");
    mock_kafka_errors_clear(r.mock, MOCK_KAFKA_PRODUCE);
    assert_true(ingest_rig_metric_until(
        &r, "px_events_rejected_total{reason=\"too_large_for_log\"}", 1, 10));
    assert_true(ingest_rig_metric_until(&r, "px_dlq_records_total{outcome=\"stored\"}", 1, 10));
    ingest_rig_close(&r);
}

/* The log refuses whole requests of the producer: one that was stored in that size before, and
 * travelled beside one that is too large, must not be given up by its sender. */
static void test_ingest_blames_only_what_may_be_too_large(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_TOO_LARGE, 1);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);

    assert_int_equal(s.status, 503);
    assert_busy(&s, "log_unavailable");
    mock_kafka_errors_clear(r.mock, MOCK_KAFKA_PRODUCE);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
    ingest_rig_close(&r);
}

/* One out-of-order answer makes an idempotent producer useless for good: it must be made anew. */
static void test_ingest_outlives_a_fatal_producer(void **state) {
    (void)state;
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_errors(r.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE, 1);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_int_equal(s.status, 503);

    long begin = now_ms(), end = begin + 5000; /* rebuilt within 5 s */
    while ((s = ingest_rig_get(&r, TROUBLE_PIXEL)).status != 200) {
        assert_int_equal(s.status, 503);
        assert_true(now_ms() < end);
        pause_ms(20);
    }
    printf("# first 200 after %ld ms\n", now_ms() - begin);
    assert_true(ingest_rig_has(&r, s.id));
    assert_true(ingest_rig_metric_until(&r, "px_kafka_producer_rebuilds_total", 1, 5));
    assert_true(ingest_rig_ready_until(&r, 200, 10) >= 0);
    ingest_rig_close(&r);
}

/* --- several at a time -------------------------------------------------------------------------
 */

static int trouble_connect(const struct ingest_rig *r) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static int trouble_send(const struct ingest_rig *r, const char *player) {
    char text[300];
    int fd = trouble_connect(r);
    int n = snprintf(
        text, sizeof text,
        "GET /visit?playerId=%s&bannerTag=b HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        player);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static int trouble_status(int fd) {
    char text[4096];
    size_t n = 0;
    ssize_t got;

    while (n < sizeof text - 1 && (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    text[n] = '\0';
    close(fd);
    return n > 12 ? (int)strtol(text + 9, NULL, 10) : 0;
}

static void test_ingest_is_overloaded_at_once(void **state) {
    (void)state;
    const char *const sets[] = {"Ingest:MaxInFlight=5", "Kafka:MessageTimeout=4s", NULL};
    int fd[5];
    struct ingest_rig r;
    ingest_rig_open(&r, sets);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_down(r.mock, -1);
    for (int i = 0; i < 5; i++) {
        fd[i] = trouble_send(&r, "p");
    }
    assert_true(ingest_rig_metric_until(&r, "px_requests_pending", 5, 3));
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_busy(&s, "overloaded");
    assert_true(s.ms < 500);
    assert_true(ingest_rig_ready_until(&r, 503, 5) >= 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(trouble_status(fd[i]), 503);
    }

    mock_kafka_up(r.mock, -1);
    assert_true(ingest_rig_ready_until(&r, 200, 20) >= 0);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
    ingest_rig_close(&r);
}

/* Nobody has looked at such an event: it must be sent again, and the sender told so. */
static void test_ingest_says_later_when_there_is_no_room_for_a_body(void **state) {
    enum {
        BODIES = 12, /* begun, 128 KiB for each */
        BEGUN = 100 * 1024
    };
    const char *const sets[] = {"Http:InputMemory=1MiB", NULL};
    static const char head[] =
        "POST /api/events HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n";
    static char body[BEGUN];
    char said[4096] = "";
    struct pollfd p[BODIES];
    struct ingest_rig r;
    (void)state;
    ingest_rig_open(&r, sets);
    memset(body, ' ', sizeof body);

    for (int i = 0; i < BODIES; i++) {
        p[i] = (struct pollfd){.fd = trouble_connect(&r), .events = POLLIN};
        assert_int_equal(send(p[i].fd, head, sizeof head - 1, MSG_NOSIGNAL), sizeof head - 1);
        PX_IGNORE(send(p[i].fd, body, sizeof body, MSG_NOSIGNAL) <
                  0); /* it may be refused by now */
    }
    assert_true(poll(p, BODIES, 10000) > 0);
    for (int i = 0; i < BODIES && !said[0]; i++) {
        for (ssize_t n = 0, got = 1; p[i].revents && got > 0; n += got) {
            got = recv(p[i].fd, said + n, sizeof said - 1 - (size_t)n, 0);
            said[n + (got > 0 ? got : 0)] = '\0';
        }
    }
    ingest_rig_holds(said, "HTTP/1.1 503 ");
    ingest_rig_holds(said, "\r\nX-Error-Code: overloaded\r\n");
    ingest_rig_holds(said, "\r\nRetry-After: ");
    ingest_rig_holds(said, "\"retryable\":true");
    for (int i = 0; i < BODIES; i++) {
        close(p[i].fd);
    }
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);
    ingest_rig_close(&r);
}

static void test_ingest_outlives_clients_that_leave(void **state) {
    (void)state;
    enum {
        CLIENTS = 50
    };
    int fd[CLIENTS];
    struct ingest_rig r;
    ingest_rig_open(&r, NULL);
    assert_int_equal(ingest_rig_get(&r, TROUBLE_PIXEL).status, 200);

    mock_kafka_rtt(r.mock, -1, 500);
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = trouble_send(&r, "gone");
    }
    assert_true(ingest_rig_metric_until(&r, "px_requests_pending", CLIENTS, 5));
    for (int i = 0; i < CLIENTS; i++) { /* every other one with a reset */
        struct linger hard = {.l_onoff = i % 2, .l_linger = 0};
        setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd[i]);
    }
    assert_true(ingest_rig_metric_until(&r, "px_kafka_deliveries_total{outcome=\"persisted\"}",
                                        CLIENTS + 1, 10));
    mock_kafka_rtt(r.mock, -1, 0);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_int_equal(s.status, 200);
    assert_true(ingest_rig_metric_until(&r, "px_kafka_deliveries_total{outcome=\"persisted\"}",
                                        CLIENTS + 2, 5));
    long end = now_ms() + 5000; /* nothing of them is left */
    while (ingest_rig_metric(&r, "px_http_connections") ||
           ingest_rig_metric(&r, "px_requests_pending")) {
        assert_true(now_ms() < end);
        pause_ms(20);
    }
    ingest_rig_close(&r);
}

static void test_ingest_tells_a_batch_to_retry(void **state) {
    (void)state;
    struct ingest_rig r;
    struct ingest_ask a = {
        .method = "POST",
        .target = "/api/events",
        .fields = "Content-Type: application/json\r\n",
        .body =
            "[{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\",\"eventId\":\"1\"},"
            "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\",\"eventId\":\"1\"},"
            "{\"eventType\":\"visit\",\"playerId\":\"p\"}]"};
    ingest_rig_open(&r, NULL);
    mock_kafka_down(r.mock, -1);

    struct ingest_said s = ingest_rig_ask(&r, &a);

    assert_int_equal(s.status, 200);
    assert_true(strtol(s.retry, NULL, 10) > 0);
    assert_non_null(strstr(s.body, "\"accepted\":0,\"rejected\":1,"));
    assert_non_null(strstr(s.body, "\"index\":0"));
    assert_non_null(strstr(s.body, "\"code\":\"log_un")); /* unavailable or unknown */
    assert_non_null(strstr(s.body, "\"status\":\"retry\""));
    assert_null(strstr(s.body, "\"status\":\"duplicate\"")); /* it shares the fate of the first */
    assert_true(s.ms < TROUBLE_BOUND_MS);
    mock_kafka_up(r.mock, -1);
    ingest_rig_close(&r);
}

/* --- start
 * ---------------------------------------------------------------------------------------- */

static void test_ingest_starts_without_a_broker_and_is_not_ready(void **state) {
    (void)state;
    const char *const sets[] = {"Kafka:BootstrapServers=127.0.0.1:1", NULL};
    struct ingest_rig r;
    ingest_rig_open(&r, sets);

    assert_true(ingest_rig_ready_until(&r, 503, 10) >= 0);
    struct ingest_said s = ingest_rig_get(&r, TROUBLE_PIXEL);
    assert_busy(&s, "log_unavailable");
    ingest_rig_close(&r);
}

static void test_ingest_names_the_port_that_is_taken(void **state) {
    (void)state;
    struct ingest_rig r;
    char set[40], text[4096], port[16];
    ingest_rig_open(&r, NULL);
    snprintf(set, sizeof set, "Ingest:Port=%d", r.port);
    snprintf(port, sizeof port, "%d", r.port);
    const char *const workers[] = {"Ingest:Workers=1", "Ingest:Workers=2"};

    for (size_t i = 0; i < PX_ARRAY_LEN(workers); i++) {
        const char *const argv[] = {proc_bin("svc-ingest"), "--set", set,        "--set",
                                    "Admin:Port=0",         "--set", workers[i], NULL};
        int status = proc_run(argv, NULL, text, sizeof text);
        assert_int_not_equal(status, 0);
        assert_non_null(strstr(text, "Ingest:Port"));
        assert_non_null(strstr(text, port));
    }
    ingest_rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_says_503_when_the_broker_is_gone_and_comes_back),
        cmocka_unit_test(test_ingest_says_unknown_when_it_may_be_stored),
        cmocka_unit_test(test_ingest_says_unavailable_when_too_few_replicas),
        cmocka_unit_test(test_ingest_says_refused_when_the_topic_is),
        cmocka_unit_test(test_ingest_says_413_when_the_log_finds_it_too_large),
        cmocka_unit_test(test_ingest_blames_only_what_may_be_too_large),
        cmocka_unit_test(test_ingest_outlives_a_fatal_producer),
        cmocka_unit_test(test_ingest_is_overloaded_at_once),
        cmocka_unit_test(test_ingest_says_later_when_there_is_no_room_for_a_body),
        cmocka_unit_test(test_ingest_outlives_clients_that_leave),
        cmocka_unit_test(test_ingest_tells_a_batch_to_retry),
        cmocka_unit_test(test_ingest_starts_without_a_broker_and_is_not_ready),
        cmocka_unit_test(test_ingest_names_the_port_that_is_taken),
    };
    cmocka_set_test_filter(getenv("PX_TEST_ONLY")); /* one of them, for tests/chaos */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
