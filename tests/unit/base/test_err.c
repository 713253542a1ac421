/* The error object and the table of codes. */
#include <px/err.h>

#include <errno.h>
#include <string.h>

#include "unit.h"

static void test_err_set_fills_the_object(void **state PX_UNUSED) {
    struct px_err err = {.native = 7, .sqlstate = "HY000"};

    enum px_code rc = PX_FAIL(&err, PX_BUSY, "queue %s holds %d", "q", 3);

    assert_int_equal(rc, PX_BUSY);
    assert_int_equal(err.code, PX_BUSY);
    assert_int_equal(err.flags, PX_RETRY);
    assert_int_equal(err.native, 0);
    assert_string_equal(err.sqlstate, "");
    assert_string_equal(err.msg, "queue q holds 3");
    assert_non_null(strstr(err.where, "test_err.c:"));
}

static void test_err_set_accepts_no_object(void **state PX_UNUSED) {
    assert_int_equal(PX_FAIL(NULL, PX_GAP, "x"), PX_GAP);
    assert_int_equal(px_err_context(NULL, "x"), PX_INTERNAL);
}

static void test_err_message_is_cut_not_overrun(void **state PX_UNUSED) {
    char text[1000];
    struct px_err err = PX_ERR_INIT;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    assert_int_equal(PX_FAIL(&err, PX_INVALID, "%s", text), PX_INVALID);
    assert_int_equal(strlen(err.msg), PX_ERR_MSG_MAX - 1);
    assert_int_equal(px_err_context(&err, "%s", text), PX_INVALID);
    assert_int_equal(strlen(err.msg), PX_ERR_MSG_MAX - 1);
}

static void test_err_may_be_rewritten_from_its_own_message(void **state PX_UNUSED) {
    struct px_err err = PX_ERR_INIT;
    PX_IGNORE(PX_FAIL(&err, PX_IO, "inner")); /* only the message matters */

    assert_int_equal(PX_FAIL(&err, PX_CONFIG, "outer (%s)", err.msg), PX_CONFIG);
    assert_string_equal(err.msg, "outer (inner)");
}

static void test_err_context_goes_in_front(void **state PX_UNUSED) {
    struct px_err err = PX_ERR_INIT;
    PX_IGNORE(PX_FAIL(&err, PX_SQL_LOST, "gone")); /* the code is asked for below */

    assert_int_equal(px_err_context(&err, "batch %d", 9), PX_SQL_LOST);
    assert_string_equal(err.msg, "batch 9: gone");
    assert_int_equal(err.flags, PX_ABORT_TX | PX_RETRY);
}

static void test_err_errno_keeps_the_number(void **state PX_UNUSED) {
    struct px_err err = PX_ERR_INIT;

    errno = ENOENT;
    assert_int_equal(px_err_errno(&err, PX_IO, PX_HERE, "/no/file"), PX_IO);
    assert_int_equal(err.native, ENOENT);
    assert_string_equal(err.msg, "/no/file: No such file or directory");
}

static void test_err_table_has_one_row_per_code(void **state PX_UNUSED) {
    static const enum px_code codes[] = {
#define PX_CODE(name, text, http, exit, flags, doc) PX_##name,
#include <px/err.def>
#undef PX_CODE
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(codes); i++) {
        assert_int_equal(codes[i], -(int)i - 1);
        assert_true(px_code_http(codes[i]) >= 400 && px_code_http(codes[i]) <= 599);
        assert_true(strlen(px_code_doc(codes[i])) > 5);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(px_code_name(codes[i]), px_code_name(codes[j]));
        }
    }
    assert_string_equal(px_code_name(PX_OK), "ok");
    assert_int_equal(px_code_exit(PX_OK), 0);
    assert_int_equal(px_code_http(PX_OK), 200);
    assert_string_equal(px_code_name((enum px_code) - 9999), "internal");
    assert_string_equal(px_code_name((enum px_code)5), "internal");
    assert_int_equal(px_code_exit(PX_CONFIG), 78);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_fills_the_object),
        cmocka_unit_test(test_err_set_accepts_no_object),
        cmocka_unit_test(test_err_message_is_cut_not_overrun),
        cmocka_unit_test(test_err_may_be_rewritten_from_its_own_message),
        cmocka_unit_test(test_err_context_goes_in_front),
        cmocka_unit_test(test_err_errno_keeps_the_number),
        cmocka_unit_test(test_err_table_has_one_row_per_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
