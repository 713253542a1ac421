/* The admin port of svc-ingest explains how it finds a client. What the walk says is held by
 * tests/e2e/test_addresses.sh. */
#include "unit.h"

#include "http_rig.h"
#include "ingest_rig.h"

static int explain_setup(void **state) {
    static const char *const sets[] = {NULL};
    static struct ingest_rig rig;

    ingest_rig_open(&rig, sets);
    *state = &rig;
    return 0;
}

static int explain_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

/* Whoever mistypes what is to be explained must not be told about something else. */
static void test_explain_takes_only_what_it_can_read(void **state) {
    const struct ingest_rig *r = *state;
    static const struct {
        const char *target;
        int status;
    } rows[] = {
        {"/explain-ip", 200},
        {"/explain-ip?peer=192.0.2.1&x-forwarded-for=", 200},
        {"/explain-ip?peer=%zz", 400},
        {"/explain-ip?peer=", 400},
        {"/explain-ip?peer=192.0.2.1&x-forwarded-for=%0", 400},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct http_answer a;
        http_get(r->admin, rows[i].target, &a);
        assert_int_equal(a.status, rows[i].status);
        http_answer_fini(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explain_takes_only_what_it_can_read),
    };
    return cmocka_run_group_tests(tests, explain_setup, explain_teardown);
}
