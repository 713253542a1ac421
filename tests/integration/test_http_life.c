/* The life of connections on a real px_http server: order of answers, limits, deadlines, clients
 * that leave, draining, and what happens when connections or descriptors run out. */
#include "http_rig.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <px/buf.h>
#include <px/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct px_http_limits short_limits(void) {
    struct px_http_limits lim = px_http_default_limits;
    lim.header_deadline = lim.body_deadline = 200 * PX_US_PER_MS;
    lim.write_deadline = lim.idle_deadline = 200 * PX_US_PER_MS;
    return lim;
}

static void expect(struct raw *c, int status, const char *body) {
    struct raw_answer a;
    if (!raw_next(c, false, &a, NULL)) {
        fail_msg("wanted %d %s, but the connection ended", status, body ? body : "");
    }
    assert_int_equal(a.status, status);
    if (body) {
        assert_string_equal(a.body, body);
    }
}

/* --- order ---------------------------------------------------------------------------------------
 */

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
            expect(&c, 200, want);
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
        expect(&c, 200, "ok");
    }
    raw_close(&c);
    rig_stop(&g);
}

static bool two_tickets(struct rig *g) {
    return g->ntickets == 2;
}

static bool one_ticket(struct rig *g) {
    return g->ntickets == 1;
}

static bool one_pending(struct rig *g) {
    return px_http_pending(g->server) == 1;
}

static void test_life_deferred_answers_keep_the_order(void **state) {
    struct rig g = {0};
    struct raw c;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer") GET("/query?a") GET("/defer") GET("/query?b")));

    rig_until(&g, one_ticket, "the first deferred request");
    rig_until(&g, one_pending, "one pending request");
    rig_call(&g, rig_release);
    expect(&c, 200, "late");
    expect(&c, 200, "a");
    rig_until(&g, one_ticket, "the second deferred request");
    rig_call(&g, rig_release);
    expect(&c, 200, "late");
    expect(&c, 200, "b");

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

    rig_until(&g, one_ticket, "the deferred request");
    rig_call(&g, rig_release);

    struct raw_answer a;
    expect(&c, 200, "late");
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, sizeof(bulk));
    raw_close(&c);
    rig_stop(&g);
}

/* --- shapes of replies ---------------------------------------------------------------------------
 */

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
    expect(&c, 200, "after");

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
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/big?20000000") GET("/big?5000") GET("/big?4000") GET("/query?end")));

    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 20000000);
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 5000);
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.length, 4000);
    expect(&c, 200, "end");

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

/* --- limits --------------------------------------------------------------------------------------
 */

struct limit_row {
    const char *name;
    size_t target, field, fields, body; /* sizes of what is sent */
    int status;
};

static const struct limit_row limits[] = {
    {"query at the limit", 4096 + 7, 0, 0, 0, 200},
    {"query over the limit", 4097 + 7, 0, 0, 0, 414},
    {"line over the limit", 8192, 0, 0, 0, 414},
    {"line far over the limit", 200000, 0, 0, 0, 414},
    {"large field", 8, 16000, 0, 0, 200},
    {"field over the limit", 8, 16384, 0, 0, 431},
    {"field far over the limit", 8, 200000, 0, 0, 431},
    {"63 more fields", 8, 0, 63, 0, 200},
    {"64 more fields", 8, 0, 64, 0, 431},
    {"20,000 fields", 8, 0, 20000, 0, 431},
};

static void send_sized(struct raw *c, const struct limit_row *row) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    px_buf_c(&b, "GET /query?");
    for (size_t i = 7; i < row->target; i++) {
        px_buf_byte(&b, 'q');
    }
    px_buf_c(&b, " HTTP/1.1\r\nHost: a\r\n");
    if (row->field) {
        px_buf_c(&b, "X: ");
        for (size_t i = 0; i < row->field; i++) {
            px_buf_byte(&b, 'v');
        }
        px_buf_c(&b, "\r\n");
    }
    for (size_t i = 0; i < row->fields; i++) {
        px_buf_c(&b, "Y: y\r\n");
    }
    px_buf_c(&b, "\r\n");
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    raw_send(c, px_buf_view(&b));
}

static void test_life_sizes_are_limited(void **state) {
    struct rig g = {0};
    (void)state;
    rig_start(&g, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(limits); i++) {
        struct raw c;
        struct raw_answer a;
        raw_open(&c, g.port);
        send_sized(&c, &limits[i]);
        if (!raw_next(&c, false, &a, NULL) || a.status != limits[i].status) {
            fail_msg("%s", limits[i].name);
        }
        if (a.status != 200) {
            raw_ended(&c);
        }
        raw_close(&c);
    }
    rig_stop(&g);
}

static void test_life_body_at_the_limit_passes_and_repeats(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    size_t n = px_http_default_limits.body;
    char *body = px_alloc(n);
    (void)state;
    memset(body, 'b', n);
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    for (int i = 0; i < 20; i++) {
        raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n"));
        raw_send(&c, (struct px_str){.p = body, .n = n});
        assert_true(raw_next(&c, false, &a, NULL));
        assert_int_equal(a.length, n);
    }
    raw_close(&c);
    rig_stop(&g);
    px_free(body);
}

static void test_life_small_chunks_fill_a_body_to_the_limit(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4 << 20);
    for (size_t i = 0; i < px_http_default_limits.body; i++) {
        px_buf_c(&b, "1\r\nz\r\n");
    }
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    raw_send(&c, px_buf_view(&b));
    raw_send(&c, PX_S("0\r\n\r\n" GET("/query?next")));
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.length, px_http_default_limits.body);
    expect(&c, 200, "next");

    raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    raw_send(&c, px_buf_view(&b));
    raw_send(&c, PX_S("1\r\nz\r\n"));
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.status, 413);
    raw_ended(&c);
    raw_close(&c);
    rig_stop(&g);
}

/* The client is still sending when it is refused: it must read the answer, not a reset. */
static void test_life_early_refusal_reaches_a_client_that_still_sends(void **state) {
    struct rig g = {0};
    struct raw c;
    struct raw_answer a;
    size_t n = 900 * 1024;
    char *body = px_alloc(n);
    (void)state;
    rig_start(&g, NULL);
    for (int i = 0; i < 10; i++) {
        raw_open(&c, g.port);
        raw_send(&c, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 921600\r\n\r\n"));
        raw_send(&c, (struct px_str){.p = body, .n = n});
        assert_true(raw_next(&c, false, &a, NULL));
        assert_int_equal(a.status, 413);
        assert_false(c.reset);
        raw_ended(&c);
        assert_false(c.reset);
        raw_close(&c);
    }
    rig_stop(&g);
    px_free(body);
}

/* --- deadlines -----------------------------------------------------------------------------------
 */

static void test_life_idle_connections_close_without_an_answer(void **state) {
    struct rig g = {0};
    struct raw c, used;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_open(&used, g.port);
    raw_send(&used, PX_S(GET("/ok")));
    expect(&used, 200, "ok");

    raw_ended(&c);
    raw_ended(&used);

    assert_false(c.reset);
    raw_close(&c);
    raw_close(&used);
    rig_stop(&g);
    assert_int_equal(g.refused, 0);
}

/* A byte every few milliseconds must not extend the deadline: it is absolute. */
static void drip(struct rig *g, const char *head, const char *unit, int status) {
    struct raw c;
    struct raw_answer a;
    raw_open(&c, g->port);
    raw_send(&c, PX_S(GET("/query?first")));
    expect(&c, 200, "first"); /* the deadline is that of the second request */
    long long start = now_ms();
    raw_send(&c, px_str_c(head));
    while (true) {
        struct pollfd p = {.fd = c.fd, .events = POLLIN};
        assert_true(now_ms() - start < RIG_WAIT_MS);
        if (poll(&p, 1, 20) == 1) {
            break;
        }
        raw_send(&c, px_str_c(unit));
    }
    assert_true(raw_next(&c, false, &a, NULL));
    assert_int_equal(a.status, status);
    assert_true(now_ms() - start >= 195);
    assert_true(now_ms() - start < 2000);
    raw_close(&c);
}

static void test_life_slow_heads_and_bodies_are_cut(void **state) {
    struct rig g = {0};
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    drip(&g, "G", "E", 408);
    drip(&g, "GET /ok HTTP/1.1\r\n", "X: y\r\n", 408);
    drip(&g, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", 408);
    drip(&g, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n",
         408);
    rig_stop(&g);
    assert_int_equal(g.refusals[PX_REFUSED_TIMEOUT], 4);
}

static bool no_connections(struct rig *g) {
    return px_http_connections(g->server) == 0;
}

static void test_life_client_that_does_not_read_is_cut(void **state) {
    struct rig g = {0};
    struct raw c;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/big?60000000")));

    rig_until(&g, one_pending, "the reply being written");
    rig_until(&g, no_connections, "the write deadline");

    raw_close(&c);
    rig_stop(&g);
}

/* No deadline runs while the program holds the request: the answer is the program's duty. */
static void test_life_deferred_request_outlives_the_deadlines(void **state) {
    struct rig g = {0};
    struct raw c, idle;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer")));
    rig_until(&g, one_ticket, "the deferred request");
    for (int i = 0; i < 3; i++) {
        raw_open(&idle, g.port); /* three idle deadlines pass */
        raw_ended(&idle);
        raw_close(&idle);
    }
    rig_call(&g, rig_release);
    expect(&c, 200, "late");
    raw_close(&c);
    rig_stop(&g);
}

/* --- clients that leave
 * --------------------------------------------------------------------------- */

static void test_life_half_closed_client_still_gets_its_answers(void **state) {
    struct rig g = {0};
    struct raw c;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/query?1") GET("/defer") GET("/query?2")));
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    expect(&c, 200, "1");
    rig_until(&g, one_ticket, "the deferred request");
    rig_call(&g, rig_release);
    expect(&c, 200, "late");
    expect(&c, 200, "2");
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
        assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
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

static void test_life_answer_to_a_vanished_client_is_harmless(void **state) {
    struct rig g = {0};
    struct raw c, next;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer")));
    rig_until(&g, one_ticket, "the deferred request");
    reset_on_close(&c);
    raw_close(&c);
    rig_until(&g, no_connections, "the reset to be seen");
    /* The slot is in use again before the late answer: the generation keeps them apart. */
    raw_open(&next, g.port);
    raw_send(&next, PX_S(GET("/defer")));
    rig_until(&g, two_tickets, "the second deferred request");
    rig_call(&g, rig_release);
    expect(&next, 200, "late");
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
    rig_until(&g, no_connections, "both connections to end");
    rig_stop(&g);
}

/* --- draining
 * ------------------------------------------------------------------------------------- */

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
    expect(&part, 200, "ok");
    rig_until(&g, one_ticket, "the deferred request");

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
    rig_until(&g, no_connections, "all connections to end");
    rig_stop(&g);
}

/* --- connections and descriptors run out
 * ------------------------------------------------------------ */

static void test_life_connection_cap_makes_the_rest_wait(void **state) {
    struct rig g = {0};
    struct raw c[6];
    struct px_http_limits lim = px_http_default_limits;
    lim.connections = 4;
    (void)state;
    rig_start(&g, &lim);
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_open(&c[i], g.port);
        raw_send(&c[i], PX_S(GET("/ok")));
    }
    for (size_t i = 0; i < 4; i++) {
        expect(&c[i], 200, "ok");
    }
    struct pollfd p[2] = {{.fd = c[4].fd, .events = POLLIN}, {.fd = c[5].fd, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 50), 0);
    raw_close(&c[0]);
    raw_close(&c[1]);
    expect(&c[4], 200, "ok");
    expect(&c[5], 200, "ok");
    for (size_t i = 2; i < PX_ARRAY_LEN(c); i++) {
        raw_close(&c[i]);
    }
    rig_stop(&g);
}

static long long cpu_ms(void) {
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return (long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* In a child: a server that may open no further descriptor, and clients that keep knocking. */
static int starve(int to_parent, int from_parent) {
    struct rig g = {0};
    struct rlimit few = {.rlim_cur = 0, .rlim_max = 0};
    char byte = 0;
    rig_start(&g, NULL);
    int next = dup(0);
    close(next);
    few.rlim_cur = few.rlim_max = (rlim_t)next + 2; /* room for two connections */
    if (setrlimit(RLIMIT_NOFILE, &few) != 0 ||
        write(to_parent, &g.port, sizeof(g.port)) != (ssize_t)sizeof(g.port)) {
        return 2;
    }
    long long before = cpu_ms();
    if (read(from_parent, &byte, 1) != 1) { /* the flood lasts until then */
        return 3;
    }
    long long spent = cpu_ms() - before;
    return spent < 50 ? 0 : 4;
}

static void test_life_no_spin_when_descriptors_run_out(void **state) {
    int up[2], down[2], port = 0, status = 0;
    struct raw c[20];
    (void)state;
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(starve(up[1], down[0]));
    }
    assert_int_equal(read(up[0], &port, sizeof(port)), sizeof(port));
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_open(&c[i], port);
        raw_send(&c[i], PX_S(GET("/ok")));
    }
    expect(&c[0], 200, "ok");
    expect(&c[1], 200, "ok");
    struct pollfd rest = {.fd = c[2].fd, .events = POLLIN};
    assert_int_equal(poll(&rest, 1, 1000), 0); /* a second of starvation */
    assert_int_equal(write(down[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_close(&c[i]);
    }
    close(up[0]), close(up[1]), close(down[0]), close(down[1]);
}

static void test_life_service_returns_when_descriptors_do(void **state) {
    struct rig g = {0};
    struct raw c[3];
    struct rlimit old, few;
    (void)state;
    rig_start(&g, NULL);
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_open(&c[i], g.port);
    }
    for (size_t i = 0; i < 2; i++) {
        raw_send(&c[i], PX_S(GET("/ok")));
        expect(&c[i], 200, "ok");
    }
    raw_close(&c[2]);
    struct raw late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct sockaddr_storage to;
    socklen_t n = sizeof(to);
    assert_int_equal(getpeername(c[0].fd, (struct sockaddr *)&to, &n), 0);
    assert_int_equal(connect(late.fd, (struct sockaddr *)&to, n), 0);
    raw_send(&late, PX_S(GET("/ok")));
    struct pollfd p = {.fd = late.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 250), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    expect(&late, 200, "ok");
    raw_close(&late);
    raw_close(&c[0]);
    raw_close(&c[1]);
    rig_stop(&g);
}

static void test_life_port_in_use_is_named(void **state) {
    struct rig g = {0};
    struct px_loop *loop = NULL;
    struct px_http_server *s = NULL;
    struct px_err err = PX_ERR_INIT;
    char port[16];
    (void)state;
    rig_start(&g, NULL);
    assert_int_equal(px_loop_new(&loop, NULL), PX_OK);
    struct px_http_conf conf = {.address = "127.0.0.1", .port = (uint16_t)g.port};

    assert_int_equal(px_http_open(loop, &conf, &s, &err), PX_UNAVAILABLE);

    (void)snprintf(port, sizeof(port), "%d", g.port);
    assert_non_null(strstr(err.msg, port));
    assert_non_null(strstr(err.msg, "127.0.0.1"));
    assert_int_equal(err.native, EADDRINUSE);
    assert_null(s);
    px_loop_free(loop);
    rig_stop(&g);
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
        cmocka_unit_test(test_life_sizes_are_limited),
        cmocka_unit_test(test_life_body_at_the_limit_passes_and_repeats),
        cmocka_unit_test(test_life_small_chunks_fill_a_body_to_the_limit),
        cmocka_unit_test(test_life_early_refusal_reaches_a_client_that_still_sends),
        cmocka_unit_test(test_life_idle_connections_close_without_an_answer),
        cmocka_unit_test(test_life_slow_heads_and_bodies_are_cut),
        cmocka_unit_test(test_life_client_that_does_not_read_is_cut),
        cmocka_unit_test(test_life_deferred_request_outlives_the_deadlines),
        cmocka_unit_test(test_life_half_closed_client_still_gets_its_answers),
        cmocka_unit_test(test_life_incomplete_request_and_end_is_no_request),
        cmocka_unit_test(test_life_answer_to_a_vanished_client_is_harmless),
        cmocka_unit_test(test_life_closed_client_costs_nothing_but_its_answer),
        cmocka_unit_test(test_life_drain_answers_what_was_taken_and_closes),
        cmocka_unit_test(test_life_connection_cap_makes_the_rest_wait),
        cmocka_unit_test(test_life_no_spin_when_descriptors_run_out),
        cmocka_unit_test(test_life_service_returns_when_descriptors_do),
        cmocka_unit_test(test_life_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
