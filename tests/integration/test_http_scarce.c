/* A px_http server that runs out of something: connections, descriptors, memory, its port; and the
 * addresses it listens on. */
#include "http_rig.h"
#include "torture.h"
#include "unit.h"

#include <px/mem.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static bool four_tickets(struct rig *g) {
    return g->ntickets == 4;
}

/* Nobody who waits for an answer gives way. Their answers say that the room is wanted. */
static void test_scarce_connection_cap_makes_the_rest_wait(void **state) {
    struct rig g = {0};
    struct raw c[6];
    struct raw_answer a;
    struct px_http_limits lim = px_http_default_limits;
    lim.connections = 4;
    (void)state;
    rig_start(&g, &lim);
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_open(&c[i], g.port);
        raw_send(&c[i], i < 4 ? PX_S(GET("/defer")) : PX_S(GET("/ok")));
    }
    rig_until(&g, four_tickets, "four requests at work");
    struct pollfd p[2] = {{.fd = c[4].fd, .events = POLLIN}, {.fd = c[5].fd, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 50), 0);
    rig_call(&g, rig_release);
    for (size_t i = 0; i < 4; i++) {
        assert_true(raw_next(&c[i], false, &a, NULL));
        assert_int_equal(a.status, 200);
        assert_non_null(strstr(a.head, "Connection: close\r\n"));
    }
    raw_expect(&c[4], 200, "ok");
    raw_expect(&c[5], 200, "ok");
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_close(&c[i]);
    }
    rig_stop(&g);
}

static bool four_connections(struct rig *g) {
    return px_http_connections(g->server) == 4;
}

static void test_scarce_longest_idle_gives_way(void **state) {
    struct rig g = {0};
    struct raw c[4], late[2];
    struct px_http_pressure p;
    struct px_http_limits lim = px_http_default_limits;
    lim.connections = 4;
    (void)state;
    rig_start(&g, &lim);
    for (size_t i = 0; i < 4; i++) {
        raw_open(&c[i], g.port);
    }
    rig_until(&g, four_connections, "four connections");
    raw_send(&c[0], PX_S(GET("/ok"))); /* was used last */
    raw_expect(&c[0], 200, "ok");

    for (size_t i = 0; i < 2; i++) {
        raw_open(&late[i], g.port);
        raw_send(&late[i], PX_S(GET("/ok")));
        raw_expect(&late[i], 200, "ok");
    }

    raw_ended(&c[1]);
    raw_ended(&c[2]);
    raw_send(&c[0], PX_S(GET("/ok")));
    raw_expect(&c[0], 200, "ok");
    raw_send(&c[3], PX_S(GET("/ok")));
    raw_expect(&c[3], 200, "ok");
    for (size_t i = 0; i < 4; i++) {
        raw_close(&c[i]);
    }
    raw_close(&late[0]);
    raw_close(&late[1]);
    rig_stop_pressure(&g, &p);
    assert_int_equal(p.gave_way, 2);
}

/* A head, then a body that takes longer than any honest client's gives way before its deadline. */
static void test_scarce_slow_ones_give_way(void **state) {
    struct rig g = {0};
    struct raw head, body, held, last;
    struct px_http_limits lim = px_http_default_limits;
    lim.connections = 2;
    lim.header_deadline = lim.body_deadline = 60 * PX_US_PER_S;
    (void)state;
    rig_start(&g, &lim);
    raw_open(&head, g.port);
    raw_send(&head, PX_S("GET /ok HTTP/1.1\r\nX: "));
    raw_open(&body, g.port);
    raw_send(&body, PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"));

    raw_open(&held, g.port);
    raw_send(&held, PX_S(GET("/defer")));
    raw_expect(&head, 408, NULL);
    raw_ended(&head);
    rig_until(&g, rig_one_ticket, "its place to be taken");
    raw_open(&last, g.port);
    raw_send(&last, PX_S(GET("/ok")));
    raw_expect(&body, 408, NULL);
    raw_expect(&last, 200, "ok");

    rig_call(&g, rig_release);
    raw_expect(&held, 200, "late");
    raw_close(&head);
    raw_close(&body);
    raw_close(&held);
    raw_close(&last);
    rig_stop(&g);
}

/* Who connects from 127.0.0.${last}. */
static bool from_address(struct raw *c, int port, uint32_t last) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(0x7f000000U + last);
    *c = (struct raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return c->fd >= 0 && bind(c->fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
           connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static void check_served(struct raw *c, bool served) {
    struct raw_answer a;
    raw_send(c, PX_S(GET("/ok")));
    assert_int_equal(raw_next(c, false, &a, NULL), served);
}

static bool no_connection(struct rig *g) {
    return px_http_connections(g->server) == 0;
}

static void test_scarce_one_address_has_its_share(void **state) {
    struct rig g = {0};
    struct raw c[8];
    struct px_http_pressure p;
    struct px_http_limits lim = px_http_default_limits;
    lim.per_address = 2;
    (void)state;
    rig_start(&g, &lim);
    for (int round = 1; round <= 3; round++) { /* the books balance */
        for (size_t i = 0; i < 8; i++) {
            assert_true(from_address(&c[i], g.port, 1 + (uint32_t)i % 2));
            check_served(&c[i], i < 4);
        }
        for (size_t i = 0; i < 8; i++) {
            raw_close(&c[i]);
        }
        rig_until(&g, no_connection, "all connections to end");
    }
    rig_stop_pressure(&g, &p);
    assert_int_equal(p.turned_away, 12);
    assert_int_equal(p.gave_way, 0);
}

/* Bodies that are announced, begun and never finished must not fill the memory. */
static void test_scarce_memory_of_bodies_is_bounded(void **state) {
    struct rig g = {0};
    struct raw c[8];
    struct raw_answer a;
    struct pollfd p[8];
    struct px_http_pressure after;
    struct px_http_limits lim = px_http_default_limits;
    size_t n = 100 * 1024, refused = 0;
    char *body = px_alloc(n);
    lim.memory = 512 * 1024;
    (void)state;
    memset(body, 'b', n);
    rig_start(&g, &lim);
    for (size_t i = 0; i < 8; i++) {
        raw_open(&c[i], g.port);
        raw_send(&c[i], PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
        raw_send(&c[i], (struct px_str){.p = body, .n = n});
    }
    for (size_t i = 0; i < 8; i++) {
        p[i] = (struct pollfd){.fd = c[i].fd, .events = POLLIN};
    }
    while (refused < 4) { /* each of the others holds 128 KiB */
        assert_true(poll(p, 8, RIG_WAIT_MS) > 0);
        for (size_t i = 0; i < 8; i++) {
            if (p[i].revents) {
                assert_true(raw_next(&c[i], false, &a, NULL));
                assert_int_equal(a.status, 503);
                assert_non_null(strstr(a.head, "X-Error-Code: overloaded\r\n"));
                p[i].fd = -1;
                refused++;
            }
        }
    }
    for (size_t i = 0; i < 8; i++) {
        raw_close(&c[i]);
    }
    rig_until(&g, no_connection, "all connections to end");
    raw_open(&c[0], g.port); /* and what they held is free again */
    raw_send(&c[0], PX_S("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 102400\r\n\r\n"));
    raw_send(&c[0], (struct px_str){.p = body, .n = n});
    raw_expect(&c[0], 200, NULL);
    raw_close(&c[0]);
    rig_until(&g, no_connection, "the last connection to end");
    rig_stop_pressure(&g, &after);
    assert_int_equal(after.memory, 0);
    px_free(body);
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

static void test_scarce_no_spin_when_descriptors_run_out(void **state) {
    int up[2], down[2], port = 0, status = 0;
    struct raw c[20];
    (void)state;
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(down[1]); /* it ends with its parent, whatever happens there */
        _exit(starve(up[1], down[0]));
    }
    assert_int_equal(read(up[0], &port, sizeof(port)), sizeof(port));
    for (size_t i = 0; i < PX_ARRAY_LEN(c); i++) {
        raw_open(&c[i], port);
        raw_send(&c[i], i < 2 ? PX_S(GET("/defer")) : PX_S(GET("/ok"))); /* two give no way */
    }
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

static bool two_tickets(struct rig *g) {
    return g->ntickets == 2;
}

static void connect_like(struct raw *late, const struct raw *other) {
    struct sockaddr_storage to;
    socklen_t n = sizeof(to);
    assert_int_equal(getpeername(other->fd, (struct sockaddr *)&to, &n), 0);
    assert_int_equal(connect(late->fd, (struct sockaddr *)&to, n), 0);
    raw_send(late, PX_S(GET("/ok")));
}

static void test_scarce_service_returns_when_descriptors_do(void **state) {
    struct rig g = {0};
    struct raw c[2];
    struct rlimit old, few;
    (void)state;
    rig_start(&g, NULL);
    for (size_t i = 0; i < 2; i++) {
        raw_open(&c[i], g.port);
        raw_send(&c[i], PX_S(GET("/defer")));
    }
    rig_until(&g, two_tickets, "two requests at work");
    struct raw late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    connect_like(&late, &c[0]);
    struct pollfd p = {.fd = late.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 250), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    raw_expect(&late, 200, "ok");
    raw_close(&late);
    rig_call(&g, rig_release);
    raw_close(&c[0]);
    raw_close(&c[1]);
    rig_stop(&g);
}

/* An idle connection gives its descriptor to a new one. (The lowest free one is what is looked at,
 * so the limit lies just above those that are open.) */
static void test_scarce_idle_gives_way_for_a_descriptor(void **state) {
    struct rig g = {0};
    struct raw idle, used;
    struct rlimit old, few;
    (void)state;
    rig_start(&g, NULL);
    raw_open(&idle, g.port);
    raw_open(&used, g.port);
    raw_send(&used, PX_S(GET("/ok")));
    raw_expect(&used, 200, "ok");
    struct raw late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    int next = dup(0);
    close(next);
    few.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    connect_like(&late, &used);
    raw_expect(&late, 200, "ok");
    raw_ended(&idle);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    raw_send(&used, PX_S(GET("/ok")));
    raw_expect(&used, 200, "ok");
    raw_close(&idle);
    raw_close(&used);
    raw_close(&late);
    rig_stop(&g);
}

static void test_scarce_port_in_use_is_named(void **state) {
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

static void check_peer(const char *address) {
    struct rig g = {.address = address};
    struct raw c;
    rig_start(&g, NULL);
    raw_open(&c, g.port);
    raw_send(&c, PX_S(GET("/peer")));
    raw_expect(&c, 200, "127.0.0.1");
    raw_close(&c);
    rig_stop(&g);
}

static void test_scarce_peer_is_shown_without_port_and_unmapped(void **state) {
    (void)state;
    check_peer("127.0.0.1");
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) { /* an IPv6 socket on the mapped loopback address */
        close(fd);
        check_peer("::ffff:127.0.0.1");
    }
}

static void test_scarce_workers_share_a_port_when_asked(void **state) {
    struct rig first = {.reuse_port = true}, second = {.reuse_port = true};
    (void)state;
    rig_start(&first, NULL);
    second.port = first.port;
    rig_start(&second, NULL);
    for (int i = 0; i < 64; i++) {
        struct raw c;
        raw_open(&c, first.port);
        raw_send(&c, PX_S(GET("/ok")));
        raw_expect(&c, 200, "ok");
        raw_close(&c);
    }
    rig_stop(&first);
    rig_stop(&second);
    assert_int_equal(first.handled + second.handled, 64);
    assert_true(first.handled > 0 && second.handled > 0);
}

static enum px_code open_and_close(void *arg) {
    struct px_loop *loop = NULL;
    struct px_http_server *s = NULL;
    const struct px_http_conf conf = {.address = "127.0.0.1"};
    (void)arg;
    enum px_code code = px_loop_new(&loop, NULL);
    code = code ? code : px_http_open(loop, &conf, &s, NULL);
    px_http_close(s);
    px_loop_free(loop);
    return code;
}

static void test_scarce_opening_survives_lack_of_memory(void **state) {
    (void)state;
    assert_true(torture(open_and_close, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scarce_connection_cap_makes_the_rest_wait),
        cmocka_unit_test(test_scarce_longest_idle_gives_way),
        cmocka_unit_test(test_scarce_slow_ones_give_way),
        cmocka_unit_test(test_scarce_one_address_has_its_share),
        cmocka_unit_test(test_scarce_memory_of_bodies_is_bounded),
        cmocka_unit_test(test_scarce_no_spin_when_descriptors_run_out),
        cmocka_unit_test(test_scarce_service_returns_when_descriptors_do),
        cmocka_unit_test(test_scarce_idle_gives_way_for_a_descriptor),
        cmocka_unit_test(test_scarce_port_in_use_is_named),
        cmocka_unit_test(test_scarce_peer_is_shown_without_port_and_unmapped),
        cmocka_unit_test(test_scarce_workers_share_a_port_when_asked),
        cmocka_unit_test(test_scarce_opening_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
