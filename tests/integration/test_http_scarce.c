/* A px_http server that runs out of something: connections, descriptors, memory, its port; and the
 * addresses it listens on. */
#include "http_rig.h"
#include "torture.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void test_scarce_connection_cap_makes_the_rest_wait(void **state) {
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
        raw_expect(&c[i], 200, "ok");
    }
    struct pollfd p[2] = {{.fd = c[4].fd, .events = POLLIN}, {.fd = c[5].fd, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 50), 0);
    raw_close(&c[0]);
    raw_close(&c[1]);
    raw_expect(&c[4], 200, "ok");
    raw_expect(&c[5], 200, "ok");
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

static void test_scarce_no_spin_when_descriptors_run_out(void **state) {
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
    raw_expect(&c[0], 200, "ok");
    raw_expect(&c[1], 200, "ok");
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

static void test_scarce_service_returns_when_descriptors_do(void **state) {
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
        raw_expect(&c[i], 200, "ok");
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
    raw_expect(&late, 200, "ok");
    raw_close(&late);
    raw_close(&c[0]);
    raw_close(&c[1]);
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
        cmocka_unit_test(test_scarce_no_spin_when_descriptors_run_out),
        cmocka_unit_test(test_scarce_service_returns_when_descriptors_do),
        cmocka_unit_test(test_scarce_port_in_use_is_named),
        cmocka_unit_test(test_scarce_peer_is_shown_without_port_and_unmapped),
        cmocka_unit_test(test_scarce_workers_share_a_port_when_asked),
        cmocka_unit_test(test_scarce_opening_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
