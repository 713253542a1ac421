/* Turns of the loop of a real px_http server: what one connection may take of them, and what
 * becomes of those for whom it takes too long. */
#include "http_rig.h"
#include "unit.h"

#include <px/buf.h>

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void hold(void *arg) {
    sem_t *held = arg;
    while (sem_wait(held) != 0) {
        assert_int_equal(errno, EINTR);
    }
}

static bool much_memory(struct rig *g) {
    struct px_http_pressure p;
    px_http_get(g->server, &p);
    return p.memory > 200000;
}

/* A buffer that has grown for a body is full of small requests; another connection asks at the same
 * time. (The loop is held, so that both are there when it looks.) */
static void test_turns_pipeline_leaves_others_their_turn(void **state) {
    struct rig g = {0};
    struct raw deep, other;
    sem_t held;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(1 << 20);
    (void)state;
    for (int i = 0; i < 200000; i++) {
        px_buf_byte(&text, 'b');
    }
    struct px_str body = px_buf_view(&text);
    assert_int_equal(sem_init(&held, 0, 0), 0);
    rig_start(&g, NULL);
    raw_open(&other, g.port);
    raw_send(&other, PX_S(GET("/ok")));
    raw_expect(&other, 200, "ok");
    raw_open(&deep, g.port);
    raw_send(&deep, PX_S("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
    raw_send(&deep, (struct px_str){.p = body.p, .n = body.n - 1});
    rig_until(&g, much_memory, "the body but for its end");
    assert_int_equal(px_loop_post(g.loop, PX_CALL(hold, &held)), PX_OK);
    px_buf_reset(&text);
    px_buf_c(&text, "b");
    for (int i = 0; i < 1000; i++) {
        px_buf_c(&text, GET("/ok"));
    }
    raw_send(&deep, px_buf_view(&text)); /* the rest of the buffer has room for all of it */
    raw_send(&other, PX_S(GET("/defer")));
    sem_post(&held);

    rig_until(&g, rig_one_ticket, "the request of the other");
    for (int i = 0; i < 1001; i++) {
        raw_expect(&deep, 200, "ok");
    }

    rig_call(&g, rig_release);
    raw_expect(&other, 200, "late");
    raw_close(&deep);
    raw_close(&other);
    rig_stop(&g);
    sem_destroy(&held);
    assert_true(g.before_defer < 200);
}

static void test_turns_pipeline_of_a_half_closed_client_is_answered(void **state) {
    struct rig g = {0};
    struct raw c;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(1 << 20);
    (void)state;
    for (int i = 0; i < 100; i++) {
        px_buf_c(&text, GET("/ok"));
    }
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, px_buf_view(&text));
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    for (int i = 0; i < 100; i++) {
        raw_expect(&c, 200, "ok");
    }
    raw_ended(&c);
    raw_close(&c);
    rig_stop(&g);
}

static bool one_slow(struct rig *g) {
    return g->handled == 1;
}

/* What would have to wait for too long in one turn is told so; the connection stays. */
static void test_turns_rest_of_a_long_turn_is_told_to_come_back(void **state) {
    enum {
        CLIENTS = 40
    };
    struct rig g = {.slow_ms = 20};
    struct px_http_limits lim = px_http_default_limits;
    struct raw c[CLIENTS], first;
    struct raw_answer a;
    sem_t held;
    int served = 0, busy = 0;
    (void)state;
    lim.turn = 50 * PX_US_PER_MS;
    assert_int_equal(sem_init(&held, 0, 0), 0);
    rig_start(&g, &lim);
    for (int i = 0; i < CLIENTS; i++) {
        raw_open(&c[i], g.port);
    }
    raw_open(&first, g.port);
    raw_send(&first, PX_S(GET("/slow")));
    rig_until(&g, one_slow, "all connections to be open");
    assert_int_equal(px_loop_post(g.loop, PX_CALL(hold, &held)), PX_OK);
    for (int i = 0; i < CLIENTS; i++) {
        raw_send(&c[i], PX_S(GET("/slow")));
    }
    sem_post(&held);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(raw_next(&c[i], false, &a, NULL));
        served += a.status == 200;
        busy += a.status == 503;
        assert_int_equal(strstr(a.head, "\r\nRetry-After: 1\r\n") != NULL, a.status == 503);
        assert_null(strstr(a.head, "Connection: close"));
    }
    assert_int_equal(served + busy, CLIENTS);
    assert_true(served >= 3 && busy > 0);
    raw_send(&c[CLIENTS - 1], PX_S(GET("/ok")));
    raw_expect(&c[CLIENTS - 1], 200, "ok");
    for (int i = 0; i < CLIENTS; i++) {
        raw_close(&c[i]);
    }
    raw_close(&first);
    rig_stop(&g);
    sem_destroy(&held);
    assert_int_equal(g.refusals[PX_REFUSED_OVERLOADED], busy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_pipeline_leaves_others_their_turn),
        cmocka_unit_test(test_turns_pipeline_of_a_half_closed_client_is_answered),
        cmocka_unit_test(test_turns_rest_of_a_long_turn_is_told_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
