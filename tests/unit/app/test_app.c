/* The life cycle end to end: this program runs itself as a tiny service and watches it start,
 * drain, stop and fail, by its log and its exit status. */
#include <px/app.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proc.h"
#include "tiny_app.h"
#include "unit.h"

#define SELF "/proc/self/exe"
#define WAIT 20
/* A stop signal that follows another so soon is the same wish; a later one means: now. */
#define AGAIN_MS 300

static char out[65536];

/* The log of a process that ended. */
static const char *log_of(const struct proc *p) {
    FILE *f = fopen(p->log, "r");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, sizeof out - 1, f);
    fclose(f);
    out[n] = '\0';
    return out;
}

/* The texts appear in the log in this order; NULL ends the list. */
static void assert_order(const char *log, const char *const *texts) {
    const char *at = log;

    for (; *texts; texts++) {
        const char *next = strstr(at, *texts);
        if (!next) {
            fail_msg("\"%s\" is missing or out of order in:\n%s", *texts, log);
        }
        at = next + strlen(*texts);
    }
}
#define ASSERT_ORDER(log, ...) assert_order((log), (const char *const[]){__VA_ARGS__, NULL})

static void launch(struct proc *p, const char *a, const char *b) {
    const char *argv[] = {SELF, TINY, "--set", a, b ? "--set" : NULL, b, NULL};
    proc_start(p, argv, NULL);
}

static void launch_ready(struct proc *p, const char *a, const char *b) {
    launch(p, a, b);
    if (!proc_log_wait(p, "\"app.ready\"", WAIT)) {
        proc_log_show(p);
        fail_msg("did not become ready");
    }
}

/* What it opens must not take the place of a closed stream, which the log is written to. */
static void test_app_keeps_closed_streams_free(void **state PX_UNUSED) {
    char self[512], path[64], to[64] = "";
    ssize_t n = readlink(SELF, self, sizeof self - 1);
    struct proc p;

    assert_true(n > 0);
    self[n] = '\0';
    const char *argv[] = {"/bin/sh", "-c", "exec \"$0\" " TINY " <&- >&- 2>&-", self, NULL};
    proc_start(&p, argv, NULL);
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)p.pid, fd);
        long end = now_ms() + WAIT * 1000;
        do {
            pause_ms(10);
            n = readlink(path, to, sizeof to - 1);
            to[n > 0 ? n : 0] = '\0';
        } while (strcmp(to, "/dev/null") != 0 && now_ms() < end);
        assert_string_equal(to, "/dev/null");
    }
    assert_int_equal(proc_stop(&p), 0);
}

static void test_app_sigterm_drains_in_order(void **state PX_UNUSED) {
    struct proc p;

    launch_ready(&p, "Shutdown:Delay=50ms", NULL);
    proc_signal(&p, SIGTERM);
    assert_int_equal(proc_wait(&p, WAIT), 0);

    ASSERT_ORDER(log_of(&p), "\"app.start\"", "\"tiny.init\"", "\"tiny.start\"",
                 "\"started\":false,\"ready\":false", "\"app.ready\"", "\"app.draining\"",
                 "\"stop.reason\":\"TERM\"", "\"tiny.drain\"",
                 "\"ready\":false,\"started\":true,\"draining\":true", "\"tiny.stop\"",
                 "\"app.stopped\"", "\"stop.cut_short\":false", "\"process.exit_code\":0",
                 "\"tiny.fini\"");
    assert_true(proc_log_int(&p, "\"app.stopped\"", "stop.drain_ms", 0) >= 50);
}

static void test_app_sigint_drains_too(void **state PX_UNUSED) {
    struct proc p;

    launch_ready(&p, "Log:Level=info", NULL);
    proc_signal(&p, SIGINT);
    assert_int_equal(proc_wait(&p, WAIT), 0);
    ASSERT_ORDER(log_of(&p), "\"stop.reason\":\"INT\"", "\"tiny.drain\"", "\"tiny.fini\"");
}

static void test_app_second_signal_leaves_now(void **state PX_UNUSED) {
    static const char *const when[][2] = {{"Tiny:Drain=1h", "\"tiny.drain\""},
                                          {"Shutdown:Delay=60s", "\"app.draining\""}};

    for (size_t i = 0; i < PX_ARRAY_LEN(when); i++) {
        struct proc p;
        launch_ready(&p, when[i][0], NULL);
        proc_signal(&p, SIGTERM);
        assert_true(proc_log_wait(&p, when[i][1], WAIT));
        pause_ms(AGAIN_MS);
        proc_signal(&p, SIGINT);
        assert_int_equal(proc_wait(&p, WAIT), 0);
        ASSERT_ORDER(log_of(&p), when[i][1], "\"app.stopped\"",
                     "\"stop.reason\":\"second signal\",\"stop.cut_short\":true");
        assert_null(strstr(out, "tiny.fini"));
    }
}

/* coreutils' timeout stops a process twice at once, and must not cut the draining short. (Two
 * different signals: the system may merge equal ones.) */
static void test_app_repeated_signal_is_one_wish(void **state PX_UNUSED) {
    struct proc p;

    launch_ready(&p, "Shutdown:Delay=500ms", NULL);
    proc_signal(&p, SIGTERM);
    proc_signal(&p, SIGINT);
    assert_int_equal(proc_wait(&p, WAIT), 0);

    ASSERT_ORDER(log_of(&p), "\"tiny.drain\"", "\"app.stopped\"", "\"stop.cut_short\":false",
                 "\"tiny.fini\"");
    assert_true(proc_log_int(&p, "\"app.stopped\"", "stop.drain_ms", 0) >= 500);
}

static void test_app_drain_is_bounded(void **state PX_UNUSED) {
    struct proc p;
    long from;

    launch_ready(&p, "Tiny:Wrong=stuck", "Shutdown:Timeout=1s");
    from = now_ms();
    proc_signal(&p, SIGTERM);
    assert_int_equal(proc_wait(&p, WAIT), 75);

    assert_in_range(now_ms() - from, 990, 5000);
    assert_in_range(proc_log_int(&p, "\"tiny.drain\"", "left_ms", 0), 500, 901);
    ASSERT_ORDER(log_of(&p), "\"tiny.drain\"", "\"stop.reason\":\"draining passed its bound\"",
                 "\"process.exit_code\":75");
}

static void test_app_signal_before_the_start_leaves_now(void **state PX_UNUSED) {
    struct proc p;

    launch(&p, "Tiny:Wrong=hang", NULL);
    assert_true(proc_log_wait(&p, "\"tiny.hangs\"", WAIT));
    proc_signal(&p, SIGTERM);
    assert_int_equal(proc_wait(&p, WAIT), 0);
    ASSERT_ORDER(log_of(&p), "\"tiny.hangs\"", "\"stop.reason\":\"signal before the start\"");
}

static const struct {
    const char *set;
    int status;
    const char *log[6];
} ends[] = {
    {"Tiny:Wrong=finish",
     0,
     {"\"app.ready\"", "\"stop.reason\":\"finished\"", "\"tiny.drain\"", "\"tiny.fini\""}},
    {"Tiny:Wrong=gap",
     65,
     {"\"app.ready\"", "\"stop.reason\":\"gap\"", "\"tiny.drain\"", "\"process.exit_code\":65",
      "\"tiny.fini\""}},
    {"Tiny:Wrong=start",
     69,
     {"\"tiny.stop\"", "\"app.start_failed\"", "\"app.step\":\"start\"",
      "\"error.message\":\"no broker\"", "\"tiny.fini\""}},
    {"Tiny:Wrong=init",
     78,
     {"\"tiny.init\"", "\"app.start_failed\"", "\"app.step\":\"init\"", "do not fit together"}},
    {"Tiny:Wrong=probe",
     69,
     {"\"app.probe_failed\"", "\"probe.name\":\"tiny.broker\"", "no broker; start one",
      "\"app.start_failed\"", "probe tiny.broker: ", "\"tiny.fini\""}},
};

static void test_app_exit_status_says_how_it_ended(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(ends); i++) {
        const char *argv[] = {SELF, TINY, "--set", ends[i].set, NULL};
        assert_int_equal(proc_run(argv, NULL, out, sizeof out), ends[i].status);
        for (size_t k = 0; k < 6 && ends[i].log[k]; k++) {
            assert_non_null(strstr(out, ends[i].log[k]));
        }
        assert_null(strstr(out, "internal"));
    }
    assert_null(strstr(out, "tiny.start")); /* the probe stood before it */
}

static void test_app_runs_a_special_mode(void **state PX_UNUSED) {
    const char *argv[] = {SELF, TINY, "--once", NULL};

    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    ASSERT_ORDER(out, "\"app.mode\":\"once\"", "\"app.ready\"", "\"stop.reason\":\"finished\"");
}

static const char *write_config(const char *text) {
    static char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/tiny.json", proc_tmpdir());
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void test_app_sighup_reloads_what_may_change(void **state PX_UNUSED) {
    const char *path = write_config("{\"Tiny\":{\"Word\":\"one\"}}");
    const char *argv[] = {SELF, TINY, "--config", path, NULL};
    struct proc p;

    proc_start(&p, argv, NULL);
    assert_true(proc_log_wait(&p, "\"app.ready\"", WAIT));

    write_config("{\"Tiny\":{\"Word\":\"two\",\"Drain\":\"1h\"}}");
    proc_signal(&p, SIGHUP);
    assert_true(proc_log_wait(&p, "\"tiny.reload\"", WAIT));

    write_config("{\"Tiny\":{\"Wrod\":\"three\"}}");
    proc_signal(&p, SIGHUP);
    assert_true(proc_log_wait(&p, "\"config.reload_failed\"", WAIT));

    write_config("{\"Log\":{\"Level\":\"error\"},\"Tiny\":{\"Word\":\"four\"}}");
    proc_signal(&p, SIGHUP);
    assert_true(proc_log_wait(&p, "\"word\":\"four\"", WAIT));

    assert_int_equal(proc_stop(&p), 0); /* at once: Tiny:Drain was not taken over */
    ASSERT_ORDER(log_of(&p), "\"config.needs_restart\"", "\"config.option\":\"Tiny:Drain\"",
                 "\"config.reloaded\"", "\"config.changed\":1",
                 "\"word\":\"two\",\"drain_ms\":0.000", "\"config.problem\"",
                 "did you mean Tiny:Word?", "\"config.reload_failed\"", "\"word\":\"four\"");
    assert_null(strstr(out, "three"));
    assert_null(strstr(out, "app.stopped")); /* the level is error by now */
}

static void test_app_finds_its_data(void **state PX_UNUSED) {
    char set[600], dir[512];
    const char *argv[] = {SELF, TINY, "--set", set, "--once", NULL};

    snprintf(dir, sizeof dir, "%s", proc_tmpdir());
    snprintf(set, sizeof set, "Schemas:Directory=%s", dir);
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    snprintf(set, sizeof set, "\"tiny.schemas\",\"dir\":\"%s\"", dir);
    assert_non_null(strstr(out, set));
}

static void shell(const char *script, const char *arg) {
    const char *argv[] = {"/bin/sh", "-euc", script, arg, NULL, NULL};
    char self[512];
    ssize_t n = readlink(SELF, self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    argv[4] = self;
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
}

static void test_app_finds_its_data_from_where_it_lies(void **state PX_UNUSED) {
    static const struct {
        const char *bin, *data, *shown;
    } rows[] = {
        {"a/build/bin", "a/schemas", "a/build/bin/../../schemas"},
        {"b/build/san/bin", "b/schemas", "b/build/san/bin/../../../schemas"},
        {"c/bin", "c/share/pixel-analytics/schemas", "c/bin/../share/pixel-analytics/schemas"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char script[1024], bin[600], shown[800];
        const char *argv[] = {bin, TINY, "--once", NULL};

        snprintf(script, sizeof script, "cd \"$0\"; mkdir -p %s %s; cp \"$1\" %s/svc-tiny",
                 rows[i].bin, rows[i].data, rows[i].bin);
        shell(script, proc_tmpdir());
        snprintf(bin, sizeof bin, "%s/%s/svc-tiny", proc_tmpdir(), rows[i].bin);
        snprintf(shown, sizeof shown, "\"dir\":\"%s/%s\"", proc_tmpdir(), rows[i].shown);
        assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
        assert_non_null(strstr(out, shown));
    }
}

static void test_app_names_its_instance(void **state PX_UNUSED) {
    const char *argv[] = {SELF, TINY, "--once", "--set", "Instance:Id=pod-7", NULL};

    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    assert_non_null(strstr(out, "\"service.name\":\"svc-tiny\""));
    assert_non_null(strstr(out, "\"service.instance.id\":\"pod-7\""));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_app_keeps_closed_streams_free),
        cmocka_unit_test(test_app_sigterm_drains_in_order),
        cmocka_unit_test(test_app_sigint_drains_too),
        cmocka_unit_test(test_app_second_signal_leaves_now),
        cmocka_unit_test(test_app_repeated_signal_is_one_wish),
        cmocka_unit_test(test_app_drain_is_bounded),
        cmocka_unit_test(test_app_signal_before_the_start_leaves_now),
        cmocka_unit_test(test_app_exit_status_says_how_it_ended),
        cmocka_unit_test(test_app_runs_a_special_mode),
        cmocka_unit_test(test_app_sighup_reloads_what_may_change),
        cmocka_unit_test(test_app_finds_its_data),
        cmocka_unit_test(test_app_finds_its_data_from_where_it_lies),
        cmocka_unit_test(test_app_names_its_instance),
    };

    if (argc > 1 && strcmp(argv[1], TINY) == 0) {
        return tiny_main(argc, argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
