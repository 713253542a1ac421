/* Failpoints: nothing in a release; in a test build, children that die, stop and sleep as told. */
#include <px/failpoint.h>

#include <px/clock.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#ifdef PX_FAILPOINTS

/* Passes two points four times in a child; exits with 0 when nothing happened. */
static int run_child(const char *spec) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int quiet = dup2(STDIN_FILENO, STDERR_FILENO); /* refusals are expected below */
        setenv("PX_FAILPOINTS_AT", spec, 1);
        for (int i = 0; i < 4; i++) {
            PX_FAILPOINT("test.one");
            PX_FAILPOINT("test.two");
        }
        _exit(quiet < 0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    if (WIFSTOPPED(status)) {
        int ended;
        kill(pid, SIGKILL);
        waitpid(pid, &ended, 0);
    }
    return status;
}

static int signal_of(const char *spec) {
    int status = run_child(spec);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

static void test_failpoint_actions(void **state PX_UNUSED) {
    assert_int_equal(signal_of(""), 0);
    assert_int_equal(signal_of("test.other=kill"), 0);
    assert_int_equal(signal_of("test.one=kill"), SIGKILL);
    assert_int_equal(signal_of("test.one=kill@4"), SIGKILL);
    assert_int_equal(signal_of("test.one=kill@5"), 0);
    assert_int_equal(signal_of("test.two=abort"), SIGABRT);
    assert_int_equal(signal_of("test.two=stop"), SIGSTOP);
    assert_int_equal(signal_of("test.two=stop@2;test.one=kill@2"), SIGKILL);
    assert_int_equal(signal_of("test.two=stop@2;test.one=kill@3"), SIGSTOP);
}

static void test_failpoint_sleeps(void **state PX_UNUSED) {
    px_us before = px_mono(&px_clock_system);
    assert_int_equal(signal_of("test.one=sleep:50@2"), 0);
    assert_true(px_mono(&px_clock_system) - before >= 50 * PX_US_PER_MS);
}

static void test_failpoint_refuses_what_it_cannot_read(void **state PX_UNUSED) {
    static const char *const bad[] = {"test.one",         "test.one=",       "=kill",
                                      "test.one=die",     "test.one=kill@0", "test.one=kill@x",
                                      "test.one=sleep",   "test.one=kill:3", "test.one=sleep:-1",
                                      "test.one=kill;;x", "test.one=stop:1"};
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        assert_int_equal(signal_of(bad[i]), SIGABRT);
    }
}

#else

static void test_failpoint_is_nothing_in_a_release(void **state PX_UNUSED) {
    setenv("PX_FAILPOINTS_AT", "test.one=kill", 1);
    PX_FAILPOINT("test.one");
    unsetenv("PX_FAILPOINTS_AT");
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef PX_FAILPOINTS
        cmocka_unit_test(test_failpoint_actions),
        cmocka_unit_test(test_failpoint_sleeps),
        cmocka_unit_test(test_failpoint_refuses_what_it_cannot_read),
#else
        cmocka_unit_test(test_failpoint_is_nothing_in_a_release),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
