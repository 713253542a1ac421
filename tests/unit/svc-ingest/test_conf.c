/* What follows from single options of svc-ingest. */
#include "conf.h"
#include "unit.h"

static void test_conf_workers_follow_the_cores(void **state) {
    static const struct {
        long cores;
        size_t workers;
    } rows[] = {{-1, 1}, {0, 1}, {1, 1}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {7, 4}, {8, 4}, {96, 4}};
    const struct ing_conf automatic = {.workers = 0};
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_conf_workers(&automatic, rows[i].cores), rows[i].workers);
    }
}

static void test_conf_workers_that_were_asked_for_do_not(void **state) {
    const struct ing_conf asked = {.workers = 7};
    (void)state;

    assert_int_equal(ing_conf_workers(&asked, 1), 7);
    assert_int_equal(ing_conf_workers(&asked, 96), 7);
}

static void test_conf_compression_is_the_librarys_name(void **state) {
    const struct ing_conf conf = {.compression = 2};
    (void)state;

    assert_string_equal(ing_conf_compression(&conf), "zstd");
}

static void test_conf_connections_leave_descriptors_for_the_log(void **state) {
    const struct ing_conf c = {.max_connections = 10000};
    (void)state;
    assert_int_equal(ing_conf_connections(&c, 20000, 2), 10000);
    assert_int_equal(ing_conf_connections(&c, 1024, 2), 1024 - 56);
    assert_int_equal(ing_conf_connections(&c, 64, 1), 32);
    assert_int_equal(ing_conf_connections(&c, 10, 1), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_connections_leave_descriptors_for_the_log),
        cmocka_unit_test(test_conf_workers_follow_the_cores),
        cmocka_unit_test(test_conf_workers_that_were_asked_for_do_not),
        cmocka_unit_test(test_conf_compression_is_the_librarys_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
