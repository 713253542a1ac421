/* The command line end to end: texts, checks, complaints and exit statuses of the tiny service. */
#include <px/app.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proc.h"
#include "tiny_app.h"
#include "unit.h"

#define SELF "/proc/self/exe"

static char out[65536];

struct row {
    const char *args[5];
    int status;
    const char *expect;
};

static void run_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *argv[8] = {SELF, TINY};
        int status;
        memcpy(argv + 2, rows[i].args, sizeof rows[i].args);
        status = proc_run(argv, NULL, out, sizeof out);
        if (status != rows[i].status || !strstr(out, rows[i].expect)) {
            fail_msg("row %zu (%s %s): status %d, expected %d and \"%s\":\n%s", i, rows[i].args[0],
                     rows[i].args[1] ? rows[i].args[1] : "", status, rows[i].status, rows[i].expect,
                     out);
        }
    }
}
#define RUN_ROWS(rows) run_rows((rows), PX_ARRAY_LEN(rows))

static void test_cli_misuse_is_64_with_a_remedy(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {{"--chekc"}, 64, "svc-tiny: unknown option --chekc, did you mean --check?\n"},
        {{"--onse"}, 64, "unknown option --onse, did you mean --once?"},
        {{"--zzzzzzzz"}, 64, "unknown option --zzzzzzzz; see --help"},
        {{"--"}, 64, "unknown option --; see --help"},
        {{"-x"}, 64, "unknown option -x; see --help"},
        {{"-Vh"}, 64, "unknown option -Vh"},
        {{"check"}, 64, "unexpected argument check"},
        {{""}, 64, "unexpected argument"},
        {{"--check=jsno"}, 64, "--check=jsno: write one of text|json|offline|list"},
        {{"--check="}, 64, "--check=: write one of"},
        {{"--tidy=down"}, 64, "--tidy=down: write one of status|plan|up"},
        {{"--once=1"}, 64, "--once takes no value"},
        {{"--version=1"}, 64, "--version takes no value"},
        {{"--check", "--once"}, 64, "--check and --once cannot be combined"},
        {{"--check", "--check"}, 64, "--check and --check cannot be combined"},
        {{"--config"}, 64, "--config needs a value: FILE"},
        {{"--config=a", "--config=b"}, 64, "--config was given twice"},
        {{"--set", "Log:Level"}, 64, "--set Log:Level: write Section:Key=Value"},
        {{"--set==x"}, 64, "write Section:Key=Value"},
        {{"--log-level=info", "--log-level=warn"}, 64, "--log-level was given twice"},
        {{"--room", "attic"}, 64, "--room goes with --tidy, --air\n"},
        {{"--once", "--quick"}, 64, "--quick goes with --tidy, not with --once\n"},
        {{"--check", "--room=x"}, 64, "--room goes with --tidy, --air, not with --check\n"},
        {{"--tidy", "--room"}, 64, "--room needs a value: NAME\n"},
        {{"--tidy", "--quick=1"}, 64, "--quick takes no value\n"},
        {{"--tidy", "--room=a", "--room", "b"}, 64, "--room was given twice\n"},
        {{"--tidy", "--quikc"}, 64, "unknown option --quikc, did you mean --quick?"},
        {{"--docs=all"}, 64, "--docs=all: write one of options|errors|metrics"},
    };
    RUN_ROWS(rows);
}

static void test_cli_prints_what_it_is(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {{"--version"}, 0, "svc-tiny "},
        {{"-V"}, 0, ", libtiny 1.0)\n"},
        {{"--help"}, 0, "svc-tiny - a service for tests\n"},
        {{"-h"}, 0, "  --tidy[=status|plan|up]\n      tidy up\n"},
        {{"-h"},
         0,
         "      tidy up\n      --room NAME: only there\n      --quick: not under the bed\n"},
        {{"--help"}, 0, "  --check[=text|json|offline|list]\n"},
        {{"--help"}, 0, "  Tiny:SecretFile\n"},
        {{"--docs"}, 0, "| `Tiny:Word` | `PX_Tiny__Word` | text | `first` | yes |"},
        {{"--docs=errors"}, 0, "| `configuration` | 500 | 78 | "},
        {{"--docs=metrics"}, 0, "| `px_tiny_total` | counter |  | Tiny things. |\n"},
        {{"--check=list"}, 0, "tiny.broker              is the broker there?\n"},
        /* none of these reads the configuration */
        {{"--version", "--config=/nonexistent"}, 0, "svc-tiny"},
    };
    RUN_ROWS(rows);
}

static void test_cli_check_asks_the_probes(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {{"--check"}, 0, "2 ok, 0 warn, 0 failed, 0 skipped\n"},
        {{"--check=text"}, 0, "ok    tiny.self"},
        {{"--check", "--set", "Tiny:Wrong=probe"}, 1, "FAIL  tiny.broker"},
        {{"--check=json", "--set", "Tiny:Wrong=probe"},
         1,
         "{\"summary\":{\"ok\":1,\"warn\":0,\"failed\":1,\"skipped\":0}}\n"},
        {{"--check=offline", "--set", "Tiny:Wrong=probe"},
         0,
         "1 ok, 0 warn, 0 failed, 0 skipped\n"},
        {{"--check", "--set", "Tiny:Wrong=init"}, 78, "svc-tiny: Tiny:Wrong and Tiny:Word do not"},
        {{"--check=json", "--set", "Tiny:Wrong=init"},
         78,
         "{\"problem\":\"Tiny:Wrong and Tiny:Word do not fit together\",\"severity\":\"error\"}\n"},
    };
    RUN_ROWS(rows);
}

static void test_cli_bad_configuration_is_78_everywhere(void **state PX_UNUSED) {
    static const char *const modes[] = {"--check", "--check=offline", "--print-config",
                                        "--once",  "--tidy",          "--set=Tiny:Word=x"};

    for (size_t i = 0; i < PX_ARRAY_LEN(modes); i++) {
        const char *argv[] = {SELF,           TINY,    modes[i],      "--set",
                              "Tiny:Drain=1", "--set", "Tiny:Wrod=x", NULL};
        assert_int_equal(proc_run(argv, NULL, out, sizeof out), 78);
        assert_string_equal(out,
                            "svc-tiny: error: --set: Tiny:Drain: \"1\" is not a duration: write "
                            "digits and ms, s, m, h or d, from 0s to 1h\n"
                            "svc-tiny: error: --set: Tiny:Wrod: unknown option, did you mean "
                            "Tiny:Word?\n");
    }
}

static void test_cli_bad_configuration_as_json_lines(void **state PX_UNUSED) {
    const char *argv[] = {SELF,           TINY,    "--check=json", "--set",
                          "Tiny:Drain=1", "--set", "Tiny:Wrod=x",  NULL};
    const char *env[] = {"PX_Tyni__Word=1", NULL};

    assert_int_equal(proc_run(argv, env, out, sizeof out), 78);
    assert_int_equal(strncmp(out, "{\"problem\":\"--set: Tiny:Drain: \\\"1\\\" is not", 41), 0);
    assert_non_null(strstr(out, "{\"problem\":\"PX_Tyni__Word: unknown option, did you mean "
                                "PX_Tiny__Word?\",\"severity\":\"warning\"}\n"));
}

static void test_cli_prints_the_configuration(void **state PX_UNUSED) {
    const char *argv[] = {SELF, TINY, "--print-config", "--log-level", "warn", NULL};
    const char *env[] = {"PX_Tiny__Secret=hunter2", "PX_TINY__WORD=x y", NULL};

    assert_int_equal(proc_run(argv, env, out, sizeof out), 0);
    assert_non_null(strstr(out, "Log:Level = warn   # --set\n"));
    assert_non_null(strstr(out, "Tiny:Secret = (set)   # PX_Tiny__Secret\n"));
    assert_non_null(strstr(out, "Tiny:Word = x y   # PX_TINY__WORD\n"));
    assert_null(strstr(out, "hunter2"));
}

static void test_cli_runs_commands(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {{"--tidy"}, 0, "tidy status\n"},
        {{"--tidy=plan"}, 0, "tidy plan\n"},
        {{"--tidy=plan", "--room", "attic"}, 0, "tidy plan in attic\n"},
        {{"--quick", "--room=a b", "--tidy"}, 0, "tidy status in a b, quickly\n"},
        {{"--tidy", "--room="}, 0, "tidy status in \n"},
        {{"--tidy=up"}, 69, "svc-tiny: the database went away\n"},
    };
    RUN_ROWS(rows);
}

static void test_cli_a_closed_stdout_is_no_success(void **state PX_UNUSED) {
    const char *argv[] = {"/bin/sh", "-c", "exec \"$0\" " TINY " --help >/dev/full", NULL, NULL};
    char self[512];
    ssize_t n = readlink(SELF, self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    argv[3] = self;
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 74);
    assert_string_equal(out, "svc-tiny: stdout: No space left on device\n");
#ifndef __SANITIZE_THREAD__ /* which writes files of its own before main */
    argv[2] = "f=$(mktemp) && (ulimit -f 0 && exec \"$0\" " TINY
              " --help >\"$f\"); s=$?; rm \"$f\"; exit $s";
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 74);
#endif
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_misuse_is_64_with_a_remedy),
        cmocka_unit_test(test_cli_prints_what_it_is),
        cmocka_unit_test(test_cli_check_asks_the_probes),
        cmocka_unit_test(test_cli_bad_configuration_is_78_everywhere),
        cmocka_unit_test(test_cli_bad_configuration_as_json_lines),
        cmocka_unit_test(test_cli_prints_the_configuration),
        cmocka_unit_test(test_cli_runs_commands),
        cmocka_unit_test(test_cli_a_closed_stdout_is_no_success),
    };

    if (argc > 1 && strcmp(argv[1], TINY) == 0) {
        return tiny_main(argc, argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
