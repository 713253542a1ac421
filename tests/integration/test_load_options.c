/* px-load's command line: each wrong value is refused with its option and what the option takes. */
#include <px/base.h>

#include "proc.h"
#include "unit.h"

#include <string.h>

static void test_load_options_names_the_one_that_is_wrong(void **state PX_UNUSED) {
    static const char *const rows[][3] = {
        {"--rate", "0", "--rate 0: give a whole number"},
        {"--rate", "1e3", "--rate 1e3: give"},
        {"--url", "localhost", "--url localhost: give HOST:PORT"},
        {"--url", "a:1,b", "--url a:1,b: give"},
        {"--url", "a:65536", "--url a:65536: give"},
        {"--duration", "5", "--duration 5: give a time"},
        {"--connections", "10001", "--connections 10001: give"},
        {"--keep-alive", "1", "--keep-alive 1: give yes or no"},
        {"--retry=0", NULL, "--retry 0: give"},
        {"--retry=251", NULL, "--retry 251: give"},
        {"--timeout", "0s", "--timeout 0s: give"},
        {"--grace", "-1s", "--grace -1s: give"},
        {"--players", "0", "--players 0: give"},
        {"--banners", "1001", "--banners 1001: give"},
        {"--midnight", "2020-01-01", "--midnight 2020-01-01: give a date"},
        {"--midnight", "today", "--midnight today: give a date"},
        {"--seed", "-1", "--seed -1: give"},
        {"--prefix", "a b", "--prefix a b: give"},
        {"--prefix", "", "--prefix : give"},
        {"--book", "", "--book : give"},
        {"--faster", NULL, "see --help"},
        {"faster", NULL, "faster: unexpected"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        const char *const argv[] = {proc_bin("px-load"), rows[i][0], rows[i][1], NULL};
        char said[4096] = "";
        int status = proc_run(argv, NULL, said, sizeof said);
        if (status != 64 || !strstr(said, rows[i][2])) {
            fail_msg("%s %s: status %d, %s", rows[i][0], rows[i][1] ? rows[i][1] : "", status,
                     said);
        }
    }
}

static void test_load_options_help_tells_the_exit_statuses(void **state PX_UNUSED) {
    const char *const argv[] = {proc_bin("px-load"), "--help", NULL};
    char said[8192] = "";
    assert_int_equal(proc_run(argv, NULL, said, sizeof said), 0);
    assert_non_null(strstr(said, "Exit status: 0 "));
    assert_non_null(strstr(said, "--book FILE"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_options_names_the_one_that_is_wrong),
        cmocka_unit_test(test_load_options_help_tells_the_exit_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
