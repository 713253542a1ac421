/* Log lines: golden text, escaping, hashes of personal data, rate limit, lost readers. */
#include <px/log.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* 2026-11-21T10:00:00.000042Z */
#define T0 (INT64_C(1795255200) * PX_US_PER_S + 42)

struct rig {
    int fd[2];
    struct px_clock_fake clock;
    char text[256 * 1024];
};

static void rig_log_to(struct rig *r, int fd) {
    px_log_init(&(struct px_log_conf){.service = "svc-test",
                                      .version = "1.2.3",
                                      .instance = "i-1",
                                      .level = PX_LOG_INFO,
                                      .fd = fd,
                                      .clock = &r->clock.clock});
}

static int rig_up(void **state) {
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(pipe2(r->fd, O_CLOEXEC), 0);
    assert_int_equal(fcntl(r->fd[0], F_SETFL, O_NONBLOCK), 0);
    px_clock_fake_init(&r->clock, T0);
    rig_log_to(r, r->fd[1]);
    *state = r;
    return 0;
}

static int rig_down(void **state) {
    struct rig *r = *state;
    px_log_init(&(struct px_log_conf){.fd = STDERR_FILENO, .level = PX_LOG_INFO});
    close(r->fd[0]);
    if (r->fd[1] >= 0) {
        close(r->fd[1]);
    }
    free(r);
    return 0;
}

/* Everything written so far. */
static const char *rig_read(struct rig *r) {
    size_t n = 0;
    ssize_t k;

    while ((k = read(r->fd[0], r->text + n, sizeof r->text - 1 - n)) > 0) {
        n += (size_t)k;
    }
    r->text[n] = '\0';
    return r->text;
}

static size_t lines_in(const char *text) {
    size_t n = 0;
    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

#define HEAD(level, event)                                                                         \
    "{\"@timestamp\":\"2026-11-21T10:00:00.000042Z\",\"log.level\":\"" level                       \
    "\",\"message\":\"" event "\",\"ecs.version\":\"9.3.0\",\"service.name\":\"svc-test\","        \
    "\"service.version\":\"1.2.3\",\"service.instance.id\":\"i-1\",\"event.name\":\"" event "\""

static void test_log_writes_one_ecs_line(void **state) {
    struct rig *r = *state;

    px_log(PX_LOG_INFO, "kafka.ready", PX_F_C("kafka.broker", "a:9092"), PX_F_INT("n", -7),
           PX_F_BOOL("ok", true), PX_F_MS("took_ms", 1234567));

    assert_string_equal(
        rig_read(r),
        HEAD("info", "kafka.ready") ",\"kafka.broker\":\"a:9092\",\"n\":-7,\"ok\":true,"
                                    "\"took_ms\":1234.567}\n");
}

static void test_log_writes_an_event_without_fields(void **state) {
    struct rig *r = *state;

    px_log0(PX_LOG_WARN, "app.alone");

    assert_string_equal(rig_read(r), HEAD("warn", "app.alone") "}\n");
}

static void test_log_flattens_errors(void **state) {
    struct rig *r = *state;
    struct px_err err = PX_ERR_INIT;

    px_err_set(&err, PX_SQL, "f.c:1", "no \"table\"\n");
    memcpy(err.sqlstate, "42P01", 6);
    err.native = 7;
    px_log(PX_LOG_ERROR, "sql.failed", PX_F_ERR(&err));

    assert_string_equal(
        rig_read(r),
        HEAD("error",
             "sql.failed") ",\"error.type\":\"sql\",\"error.message\":\"no \\\"table\\\"\\n\","
                           "\"error.where\":\"f.c:1\",\"db.response.status_code\":\"42P01\","
                           "\"error.native\":7}\n");
}

static void test_log_replaces_invalid_utf8(void **state) {
    struct rig *r = *state;

    px_log(PX_LOG_INFO, "x", PX_F_STR("v", PX_S("a\xff\x01z")));

    assert_string_equal(rig_read(r), HEAD("info", "x") ",\"v\":\"a\xef\xbf\xbd\\u0001z\"}\n");
}

static void test_log_hashes_personal_data(void **state) {
    struct rig *r = *state;
    const char *text, *a, *b;

    px_log(PX_LOG_INFO, "x", PX_F_PII("player", PX_S("jane-4711")));
    px_log(PX_LOG_INFO, "x", PX_F_PII("player", PX_S("jane-4711")));
    px_log(PX_LOG_INFO, "x", PX_F_PII("player", PX_S("john-4712")));
    text = rig_read(r);

    assert_null(strstr(text, "4711"));
    a = strstr(text, "\"player\":\"");
    assert_non_null(a);
    a += 10;
    assert_int_equal(strspn(a, "0123456789abcdef"), 16);
    b = strstr(a, "\"player\":\"");
    assert_non_null(b);
    b += 10;
    assert_memory_equal(a, b, 16);
    b = strstr(b, "\"player\":\"");
    assert_non_null(b);
    assert_memory_not_equal(a, b + 10, 16);
}

static void test_log_keeps_below_its_level_silent(void **state) {
    struct rig *r = *state;

    px_log0(PX_LOG_DEBUG, "hidden");
    px_log_set_level(PX_LOG_ERROR);
    px_log0(PX_LOG_WARN, "hidden");
    assert_string_equal(rig_read(r), "");

    px_log_set_level(PX_LOG_DEBUG);
    px_log0(PX_LOG_DEBUG, "shown");
    assert_int_equal(lines_in(rig_read(r)), 1);
}

static void burst(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        px_log(PX_LOG_INFO, "burst", PX_F_INT("i", i));
    }
}

static void test_log_limits_each_call_site(void **state) {
    struct rig *r = *state;

    burst(25);
    assert_int_equal(lines_in(rig_read(r)), 10);

    px_clock_fake_advance(&r->clock, PX_US_PER_S);
    burst(1);
    assert_non_null(strstr(rig_read(r), ",\"log.suppressed\":15,"));
    burst(1);
    assert_null(strstr(rig_read(r), "log.suppressed"));
}

static void test_log_cuts_long_values_between_characters(void **state) {
    struct rig *r = *state;
    char text[3000];
    const char *v;

    /* 1023 bytes, then characters of three bytes: the cut must not fall inside one */
    memset(text, 'a', 1023);
    for (size_t i = 1023; i + 3 <= sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    px_log(PX_LOG_INFO, "x", PX_F_STR("v", ((struct px_str){.p = text, .n = 2900})));

    v = strstr(rig_read(r), "\"v\":\"");
    assert_non_null(v);
    assert_int_equal(strspn(v + 5, "a"), 1023);
    assert_string_equal(v + 5 + 1023, "\"}\n");
}

static void test_log_leaves_out_what_does_not_fit(void **state) {
    struct rig *r = *state;
    char text[1024];
    struct px_str s = {.p = text, .n = sizeof text};
    const char *line;

    memset(text, 'b', sizeof text);
    px_log(PX_LOG_INFO, "x", PX_F_STR("a", s), PX_F_STR("b", s), PX_F_STR("c", s), PX_F_STR("d", s),
           PX_F_STR("e", s), PX_F_INT("last", 1));
    line = rig_read(r);

    assert_true(strlen(line) <= PX_LOG_LINE_MAX);
    assert_null(strstr(line, "\"e\":"));
    assert_non_null(strstr(line, ",\"last\":1,\"log.truncated\":true}\n"));
}

static void test_log_counts_what_a_full_pipe_loses(void **state) {
    struct rig *r = *state;
    char fill[4096] = {0};
    uint64_t before = px_log_dropped();

    assert_int_equal(fcntl(r->fd[1], F_SETFL, O_NONBLOCK), 0);
    while (write(r->fd[1], fill, sizeof fill) > 0) {
    }
    assert_int_equal(fcntl(r->fd[1], F_SETFL, 0), 0); /* as a blocking stderr would be */
    for (int i = 0; i < 100; i++) {
        px_log_write(NULL, PX_LOG_INFO, "lost", NULL, 0);
    }
    assert_int_equal(px_log_dropped() - before, 100);

    rig_read(r);
    px_log0(PX_LOG_INFO, "back");
    assert_non_null(strstr(rig_read(r), ",\"log.dropped\":100}\n"));
    px_log0(PX_LOG_INFO, "back");
    assert_null(strstr(rig_read(r), "log.dropped"));
}

static void test_log_survives_a_reader_that_left(void **state) {
    struct rig *r = *state;
    int pair[2];
    uint64_t before = px_log_dropped();

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    close(pair[0]);
    rig_log_to(r, pair[1]);
    errno = 4242;
    px_log0(PX_LOG_INFO, "gone");
    assert_int_equal(errno, 4242);
    assert_int_equal(px_log_dropped() - before, 1);
    close(pair[1]);
}

static void test_log_counts_what_a_full_disk_loses(void **state) {
    struct rig *r = *state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint64_t before = px_log_dropped();

    assert_true(fd >= 0);
    rig_log_to(r, fd);
    px_log0(PX_LOG_INFO, "lost");
    assert_int_equal(px_log_dropped() - before, 1);
    close(fd);
}

static void test_log_never_waits_for_a_socket(void **state) {
    struct rig *r = *state;
    int pair[2], size = 4096;
    uint64_t before = px_log_dropped();

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    rig_log_to(r, pair[1]);
    for (int i = 0; i < 1000; i++) {
        px_log_write(NULL, PX_LOG_INFO, "much", NULL, 0);
    }
    assert_true(px_log_dropped() - before > 0);
    close(pair[0]);
    close(pair[1]);
}

static void test_log_starts_anew_after_a_torn_line(void **state) {
    struct rig *r = *state;
    FILE *f = tmpfile();
    struct rlimit old, small;
    ssize_t n;
    const char *line;

    assert_non_null(f);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 50, .rlim_max = old.rlim_max};
    rig_log_to(r, fileno(f));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    px_log0(PX_LOG_INFO, "torn");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    px_log0(PX_LOG_INFO, "whole");

    n = pread(fileno(f), r->text, sizeof r->text - 1, 0);
    assert_true(n > 51);
    r->text[n] = '\0';
    line = strchr(r->text, '\n');
    assert_ptr_equal(line, r->text + 50);
    assert_string_equal(line + 1, HEAD("info", "whole") ",\"log.dropped\":1}\n");
    fclose(f);
}

static void *many_lines(void *arg) {
    const struct px_str *s = arg;

    for (int i = 0; i < 50; i++) {
        struct px_field f = PX_F_STR("v", *s);
        px_log_write(NULL, PX_LOG_INFO, "thread", &f, 1);
        px_log0(PX_LOG_INFO, "limited");
    }
    return NULL;
}

static void test_log_lines_of_threads_stay_whole(void **state) {
    struct rig *r = *state;
    pthread_t t[4];
    static const struct px_str s = PX_S_INIT("vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
    size_t whole = 0;
    char *line, *rest = r->text;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, many_lines, (void *)(uintptr_t)&s), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    rig_read(r);
    while ((line = strsep(&rest, "\n")) && *line) {
        assert_int_equal(line[0], '{');
        assert_int_equal(line[strlen(line) - 1], '}');
        whole += strstr(line, "\"thread\"") != NULL;
    }
    assert_int_equal(whole, 200);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        T(test_log_writes_one_ecs_line),
        T(test_log_writes_an_event_without_fields),
        T(test_log_flattens_errors),
        T(test_log_replaces_invalid_utf8),
        T(test_log_hashes_personal_data),
        T(test_log_keeps_below_its_level_silent),
        T(test_log_limits_each_call_site),
        T(test_log_cuts_long_values_between_characters),
        T(test_log_leaves_out_what_does_not_fit),
        T(test_log_counts_what_a_full_pipe_loses),
        T(test_log_survives_a_reader_that_left),
        T(test_log_counts_what_a_full_disk_loses),
        T(test_log_never_waits_for_a_socket),
        T(test_log_starts_anew_after_a_torn_line),
        T(test_log_lines_of_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
