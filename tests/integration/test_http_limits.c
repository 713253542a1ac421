/* Deadlines of a real px_http server, and bodies up to their limit: slow or deaf clients are cut at
 * an absolute time. What is beyond a size is in tests/http/raw.txt. */
#include "http_rig.h"
#include "unit.h"

#include <px/buf.h>
#include <px/mem.h>

#include <poll.h>
#include <string.h>
#include <time.h>

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

static void test_limits_body_at_the_limit_passes_and_repeats(void **state) {
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

static void test_limits_small_chunks_fill_a_body_to_the_limit(void **state) {
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
    raw_expect(&c, 200, "next");

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
static void test_limits_early_refusal_reaches_a_client_that_still_sends(void **state) {
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

static void test_limits_idle_connections_close_without_an_answer(void **state) {
    struct rig g = {0};
    struct raw c, used;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_open(&used, g.port);
    raw_send(&used, PX_S(GET("/ok")));
    raw_expect(&used, 200, "ok");

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
    raw_expect(&c, 200, "first"); /* the deadline is that of the second request */
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
    assert_non_null(strstr(a.head, "\r\nX-Error-Code: request_timeout\r\n"));
    assert_non_null(strstr(a.head, "\r\nContent-Type: application/problem+json\r\n"));
    assert_true(now_ms() - start >= 195);
    assert_true(now_ms() - start < 2000);
    raw_close(&c);
}

static void test_limits_slow_heads_and_bodies_are_cut(void **state) {
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

/* Its deadline is far, but it brings less than it must. The other is slow, and quick enough. */
static void test_limits_bodies_below_the_rate_are_cut(void **state) {
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    struct rig g = {0};
    struct raw slow, quick;
    char body[1000];
    struct px_http_limits lim = px_http_default_limits;
    (void)state;
    memset(body, 'b', sizeof(body));
    lim.body_deadline = 2 * PX_US_PER_S;
    lim.body_grace = 300 * PX_US_PER_MS;
    lim.body_rate = 300;
    rig_start(&g, &lim);
    raw_open(&slow, g.port);
    raw_open(&quick, g.port);
    raw_send(&slow, px_str_c(head));
    raw_send(&quick, px_str_c(head));
    raw_send(&slow, PX_S("12345678"));
    raw_send(&quick, (struct px_str){.p = body, .n = 900}); /* enough for three seconds */

    raw_expect(&slow, 408, NULL);
    raw_ended(&slow);
    raw_send(&quick, (struct px_str){.p = body, .n = 100});
    raw_expect(&quick, 200, NULL);

    raw_close(&slow);
    raw_close(&quick);
    rig_stop(&g);
}

static void test_limits_client_that_does_not_read_is_cut(void **state) {
    struct rig g = {0};
    struct raw c;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/big?60000000")));

    rig_until(&g, rig_one_pending, "the reply being written");
    rig_until(&g, rig_no_connections, "the write deadline");

    raw_close(&c);
    rig_stop(&g);
}

/* No deadline runs while the program holds the request: the answer is the program's duty. */
static void test_limits_deferred_request_outlives_the_deadlines(void **state) {
    struct rig g = {0};
    struct raw c, idle;
    struct px_http_limits lim = short_limits();
    (void)state;
    rig_start(&g, &lim);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/defer")));
    rig_until(&g, rig_one_ticket, "the deferred request");
    for (int i = 0; i < 3; i++) {
        raw_open(&idle, g.port); /* three idle deadlines pass */
        raw_ended(&idle);
        raw_close(&idle);
    }
    rig_call(&g, rig_release);
    raw_expect(&c, 200, "late");
    raw_close(&c);
    rig_stop(&g);
}

static void test_limits_limits_out_of_range_are_refused(void **state) {
    struct px_loop *loop = NULL;
    struct px_http_server *s = NULL;
    struct px_err err = PX_ERR_INIT;
    struct px_http_conf conf = {.address = "127.0.0.1", .limits = {.header_count = 129}};
    (void)state;
    assert_int_equal(px_loop_new(&loop, NULL), PX_OK);

    assert_int_equal(px_http_open(loop, &conf, &s, &err), PX_CONFIG);
    conf.limits = (struct px_http_limits){.body = (size_t)4 << 30};
    assert_int_equal(px_http_open(loop, &conf, &s, &err), PX_CONFIG);
    conf = (struct px_http_conf){.address = "no.such.address.invalid"};
    assert_int_equal(px_http_open(loop, &conf, &s, &err), PX_CONFIG);

    assert_non_null(strstr(err.msg, "no.such.address.invalid"));
    px_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_body_at_the_limit_passes_and_repeats),
        cmocka_unit_test(test_limits_small_chunks_fill_a_body_to_the_limit),
        cmocka_unit_test(test_limits_early_refusal_reaches_a_client_that_still_sends),
        cmocka_unit_test(test_limits_idle_connections_close_without_an_answer),
        cmocka_unit_test(test_limits_slow_heads_and_bodies_are_cut),
        cmocka_unit_test(test_limits_bodies_below_the_rate_are_cut),
        cmocka_unit_test(test_limits_client_that_does_not_read_is_cut),
        cmocka_unit_test(test_limits_deferred_request_outlives_the_deadlines),
        cmocka_unit_test(test_limits_limits_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
