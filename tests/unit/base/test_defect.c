/* Planted defects: nothing in a release; in a test build, on by name, and no other name passes. */
#include <px/defect.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include <px/base.h>

#ifdef PX_DEFECTS

/* In a child with PX_DEFECT=${spec}: its exit status tells which of three are on, or its signal. */
static int run_child(const char *spec) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int quiet = dup2(STDIN_FILENO, STDERR_FILENO); /* refusals are expected below */
        setenv("PX_DEFECT", spec, 1);
        int on = PX_DEFECT("agg.drop_event") * 1 + PX_DEFECT("agg.no_fence") * 2 +
                 PX_DEFECT("ing.ack_any_report") * 4;
        _exit(quiet < 0 ? 99 : on);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_defect_is_on_by_name(void **state PX_UNUSED) {
    assert_int_equal(run_child(""), 0);
    assert_int_equal(run_child("agg.drop_event"), 1);
    assert_int_equal(run_child("ing.ack_any_report,agg.drop_event"), 5);
    assert_int_equal(run_child("agg.no_fence,"), 2);
    assert_int_equal(run_child("sql.commit_again"), 0);
}

static void test_defect_refuses_a_name_without_a_row(void **state PX_UNUSED) {
    static const char *const bad[] = {"agg.drop", "agg.drop_event;x", ",", "1"};
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        assert_int_equal(run_child(bad[i]), -SIGABRT);
    }
}

#else

static void test_defect_is_nothing_in_a_release(void **state PX_UNUSED) {
    setenv("PX_DEFECT", "agg.drop_event", 1);
    assert_false(PX_DEFECT("agg.drop_event"));
    unsetenv("PX_DEFECT");
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef PX_DEFECTS
        cmocka_unit_test(test_defect_is_on_by_name),
        cmocka_unit_test(test_defect_refuses_a_name_without_a_row),
#else
        cmocka_unit_test(test_defect_is_nothing_in_a_release),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
