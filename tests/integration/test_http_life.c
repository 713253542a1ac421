/* The life of connections on a real px_http server: order of answers, shapes of replies, clients
 * that leave, and draining. All of it twice: without TLS and by it. */
#include "http_rig.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void test_life_pipelines_are_answered_in_order(void **state) {
    struct rig g = {0};
    (void)state;
    rig_start(&g, NULL);
    for (int depth = 1; depth <= 50; depth++) {
        struct raw c;
        char text[64 * 50], want[16];
        size_t n = 0;
        for (int i = 0; i < depth; i++) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, GET("/query?%d"), i);
        }
        raw_open(&c, g.port);
        raw_send(&c, (struct px_str){.p = text, .n = n});
        for (int i = 0; i < depth; i++) {
            (void)snprintf(want, sizeof(want), "%d", i);
            raw_expect(&c, 200, want);
        }
        assert_int_equal(c.n, 0);
        raw_close(&c);
    }
    rig_stop(&g);
    assert_int_equal(g.handled, 50 * 51 / 2);
}

static void test_life_a_thousand_deep_pipeline_is_bounded_and_complete(void **state) {
    struct rig g = {0};
    struct raw c;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    for (int i = 0; i < 1000; i++) {
        raw_send(&c, PX_S(GET("/ok")));
    }
    for (int i = 0; i < 1000; i++) {
        raw_expect(&c, 200, "ok");
    }
    raw_close(&c);
    rig_stop(&g);
}

static bool two_tickets(struct rig *g) {
    return g->ntickets == 2;
}

static void test_life_deferred_answers_keep_the_order(void **state) {
    struct rig g = {0};
    struct raw c;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer") GET("/query?a") GET("/defer") GET("/query?b")));

    rig_until(&g, rig_one_ticket, "the first deferred request");
    rig_until(&g, rig_one_pending, "one pending request");
    rig_call(&g, rig_release);
    raw_expect(&c, 200, "late");
    raw_expect(&c, 200, "a");
    rig_until(&g, rig_one_ticket, "the second deferred request");
    rig_call(&g, rig_release);
    raw_expect(&c, 200, "late");
    raw_expect(&c, 200, "b");

    raw_close(&c);
    rig_stop(&g);
    assert_int_equal(g.answered, 2);
    assert_int_equal(g.gone, 0);
}

static void test_life_bytes_behind_a_deferred_request_do_not_disturb_it(void **state) {
    struct rig g = {0};
    struct raw c;
    char bulk[32768];
    (void)state;
    memset(bulk, 'x', sizeof(bulk));
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer")));
    raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 32768\r\n\r\n"));
    raw_send(&c, (struct px_str){.p = bulk, .n = sizeof(bulk)});

    rig_until(&g, rig_one_ticket, "the deferred request");
    rig_call(&g, rig_release);

    struct raw_answer a;
    raw_expect(&c, 200, "late");
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, sizeof(bulk));
    raw_close(&c);
    rig_stop(&g);
}

static void test_life_head_has_the_length_but_no_body(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S("HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n" GET("/query?after")));

    assert_true(raw_next(&c, true, &a, NULL));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.length, 2);
    raw_expect(&c, 200, "after");

    raw_close(&c);
    rig_stop(&g);
}

static void test_life_reply_has_date_and_server(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/ok")));

    assert_true(raw_next(&c, false, &a, NULL));

    struct tm tm = {0};
    const char *date = strstr(a.head, "\r\nDate: ");
    assert_non_null(date);
    assert_non_null(strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm));
    long long apart = (long long)time(NULL) - (long long)timegm(&tm);
    assert_in_range(apart + 2, 0, 4);
    assert_non_null(strstr(a.head, "\r\nServer: rig\r\n"));
    assert_null(strstr(a.head, "\r\nConnection:"));
    raw_close(&c);
    rig_stop(&g);
}

static void test_life_204_has_no_length(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/none")));

    assert_true(raw_next(&c, false, &a, NULL));

    assert_int_equal(a.status, 204);
    assert_null(strstr(a.head, "Content-Length"));
    raw_close(&c);
    rig_stop(&g);
}

static void test_life_large_replies_arrive_whole(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    struct px_http_limits lim = px_http_default_limits;
    (void)state;
    lim.write_deadline = 120 * PX_US_PER_S; /* by TLS, under a sanitizer, on a busy machine */
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/big?20000000") GET("/big?5000") GET("/big?4000") GET("/query?end")));

    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 20000000);
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 5000);
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 4000);
    raw_expect(&c, 200, "end");

    raw_close(&c);
    rig_stop(&g);
}

static void test_life_continue_is_sent_once_and_only_when_waited_for(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    int continues = 0;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 2\r\n\r\n"));
    struct pollfd p = {.fd = c.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1); /* before any byte of the body */
    raw_send(&c, PX_S("a"));
    raw_send(&c, PX_S("b"));
    assert_true(raw_next(&c, false, &a, &continues));
    assert_int_equal(continues, 1);
    assert_string_equal(a.body, "ab");

    raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 2\r\n\r\ncd"));
    assert_true(raw_next(&c, false, &a, &continues));
    assert_int_equal(continues, 1);
    assert_string_equal(a.body, "cd");
    raw_close(&c);
    rig_stop(&g);
}

static void test_life_program_may_answer_a_refusal(void **state) {
    struct rig g = {.gif_on_refusal = true};
    struct raw c;
    struct raw_answer a;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S("GET /ok HTTP/1.1\r\nAccept: text/html, IMAGE/gif;q=0.5\r\n\r\n"));
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.status, 400);
    assert_string_equal(a.body, "GIF");
    raw_ended(&c);
    raw_close(&c);

    raw_open(&c, g.port);
    raw_send(&c, PX_S("GET /ok HTTP/1.1\r\nAccept: image/gif;q=0.0\r\n\r\n"));
    assert_true(raw_next(&c, false, &a, NULL));
    assert_non_null(strstr(a.head, "\r\nContent-Type: application/problem+json\r\n"));
    assert_non_null(strstr(a.head, "\r\nX-Error-Code: bad_host\r\n"));
    raw_ended(&c);
    raw_close(&c);
    rig_stop(&g);
    assert_int_equal(g.refusals[PX_REFUSED_HOST], 2);
    assert_int_equal(g.refused, 2);
}

static void test_life_half_closed_client_still_gets_its_answers(void **state) {
    struct rig g = {0};
    struct raw c;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/query?1") GET("/defer") GET("/query?2")));
    raw_half_close(&c);
    raw_expect(&c, 200, "1");
    rig_until(&g, rig_one_ticket, "the deferred request");
    rig_call(&g, rig_release);
    raw_expect(&c, 200, "late");
    raw_expect(&c, 200, "2");
    raw_ended(&c);
    raw_close(&c);
    rig_stop(&g);
}

static void test_life_incomplete_request_and_end_is_no_request(void **state) {
    static const char *const parts[] = {
        "G",
        "GET /ok HTTP/1.1\r\nHost: a\r\n",
        "\r",
        "\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"};
    struct rig g = {0};
    (void)state;
    rig_start(&g, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(parts); i++) {
        struct raw c;
        raw_open(&c, g.port);
        raw_send(&c, px_str_c(parts[i]));
        raw_half_close(&c);
        raw_ended(&c);
        raw_close(&c);
    }
    rig_stop(&g);
    assert_int_equal(g.handled, 0);
}

static void reset_on_close(const struct raw *c) {
    struct linger l = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
}

static void answer_first_wrongly(struct rig *g) {
    const struct px_http_reply wrong = {.status = 500, .body = PX_S("for somebody else")};
    assert_false(px_http_answer(g->server, g->tickets[0], &wrong));
    assert_int_equal(g->tickets[0].slot, g->tickets[1].slot);
}

static void test_life_answer_to_a_vanished_client_is_harmless(void **state) {
    struct rig g = {0};
    struct raw c, next;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer")));
    rig_until(&g, rig_one_ticket, "the deferred request");
    reset_on_close(&c);
    raw_close(&c);
    rig_until(&g, rig_no_connections, "the reset to be seen");
    /* The slot is in use again before the late answer: the generation keeps them apart. */
    raw_open(&next, g.port);
    raw_send(&next, PX_S(GET("/defer")));
    rig_until(&g, two_tickets, "the second deferred request");
    rig_call(&g, answer_first_wrongly);
    rig_call(&g, rig_release);
    raw_expect(&next, 200, "late");
    raw_close(&next);
    rig_stop(&g);
    assert_int_equal(g.answered, 1);
    assert_int_equal(g.gone, 1);
}

static void test_life_closed_client_costs_nothing_but_its_answer(void **state) {
    struct rig g = {0};
    (void)state;
    rig_start(&g, NULL);
    for (int i = 0; i < 2; i++) {
        struct raw c;
        raw_open(&c, g.port);
        raw_send(&c, PX_S(GET("/defer")));
        raw_close(&c);
    }
    rig_until(&g, two_tickets, "both requests");
    rig_call(&g, rig_release);
    rig_until(&g, rig_no_connections, "both connections to end");
    rig_stop(&g);
}

static void test_life_drain_answers_what_was_taken_and_closes(void **state) {
    struct rig g = {0};
    struct raw idle, part, held;
    struct raw_answer a;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&idle, g.port);
    raw_open(&part, g.port);
    raw_open(&held, g.port);
    raw_send(&held, PX_S(GET("/defer")));
    raw_send(&part, PX_S(GET("/ok") "GET /ok HTTP/1.1\r\n"));
    raw_expect(&part, 200, "ok");
    rig_until(&g, rig_one_ticket, "the deferred request");

    rig_call(&g, rig_drain);

    raw_ended(&idle);
    raw_send(&part, PX_S("Host: a\r\n\r\n"));
    assert_true(raw_next(&part, false, &a, NULL));
    assert_non_null(strstr(a.head, "\r\nConnection: close\r\n"));
    raw_ended(&part);
    rig_call(&g, rig_release);
    assert_true(raw_next(&held, false, &a, NULL));
    assert_non_null(strstr(a.head, "\r\nConnection: close\r\n"));
    raw_ended(&held);
    struct raw late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_storage to;
    socklen_t n = sizeof(to);
    assert_int_equal(getpeername(held.fd, (struct sockaddr *)&to, &n), 0);
    assert_int_equal(connect(late.fd, (struct sockaddr *)&to, n), -1);
    assert_int_equal(errno, ECONNREFUSED);
    raw_close(&late);
    raw_close(&idle);
    raw_close(&part);
    raw_close(&held);
    rig_until(&g, rig_no_connections, "all connections to end");
    rig_stop(&g);
}

static int tls_on(void **state PX_UNUSED) {
    rig_tls(true);
    return 0;
}

static int tls_off(void **state PX_UNUSED) {
    rig_tls(false);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_pipelines_are_answered_in_order),
        cmocka_unit_test(test_life_a_thousand_deep_pipeline_is_bounded_and_complete),
        cmocka_unit_test(test_life_deferred_answers_keep_the_order),
        cmocka_unit_test(test_life_bytes_behind_a_deferred_request_do_not_disturb_it),
        cmocka_unit_test(test_life_head_has_the_length_but_no_body),
        cmocka_unit_test(test_life_reply_has_date_and_server),
        cmocka_unit_test(test_life_204_has_no_length),
        cmocka_unit_test(test_life_large_replies_arrive_whole),
        cmocka_unit_test(test_life_continue_is_sent_once_and_only_when_waited_for),
        cmocka_unit_test(test_life_program_may_answer_a_refusal),
        cmocka_unit_test(test_life_half_closed_client_still_gets_its_answers),
        cmocka_unit_test(test_life_incomplete_request_and_end_is_no_request),
        cmocka_unit_test(test_life_answer_to_a_vanished_client_is_harmless),
        cmocka_unit_test(test_life_closed_client_costs_nothing_but_its_answer),
        cmocka_unit_test(test_life_drain_answers_what_was_taken_and_closes),
    };
    int failed = cmocka_run_group_tests_name("without TLS", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("by TLS", tests, tls_on, tls_off);
}
