/* Problem documents: members, order, escaping, and what is left out. */
#include "unit.h"

#include <px/buf.h>
#include <px/http.h>

#include <string.h>

static void test_problem_writes_every_member(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    const struct px_problem_field fields[] = {
        {.field = "playerId", .code = "required", .message = PX_S("give a \"playerId\"")},
        {.field = "bannerTag", .code = "too_long", .message = PX_S("at most 128 bytes")},
    };
    const struct px_problem p = {.status = 400,
                                 .code = "invalid_event",
                                 .title = "Bad Request",
                                 .detail = PX_S("2 fields\n"),
                                 .instance = PX_S("0192-abc"),
                                 .retryable = false,
                                 .errors = fields,
                                 .nerrors = 2};

    px_problem_write(&p, &b);

    assert_string_equal(
        px_buf_cstr(&b),
        "{\"type\":\"urn:pixel-analytics:problem:invalid_event\",\"title\":\"Bad Request\","
        "\"status\":400,\"code\":\"invalid_event\",\"detail\":\"2 fields\\n\","
        "\"instance\":\"0192-abc\",\"retryable\":false,\"errors\":["
        "{\"field\":\"playerId\",\"code\":\"required\",\"message\":\"give a \\\"playerId\\\"\"},"
        "{\"field\":\"bannerTag\",\"code\":\"too_long\",\"message\":\"at most 128 bytes\"}]}");
}

static void test_problem_leaves_out_what_is_empty(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    const struct px_problem p = {
        .status = 503, .code = "busy", .title = "Service Unavailable", .retryable = true};

    px_problem_write(&p, &b);

    assert_string_equal(px_buf_cstr(&b),
                        "{\"type\":\"urn:pixel-analytics:problem:busy\",\"title\":\"Service "
                        "Unavailable\",\"status\":503,\"code\":\"busy\",\"retryable\":true}");
}

static void test_problem_over_the_cap_is_reported_by_the_buffer(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(20);
    const struct px_problem p = {.status = 503, .code = "busy", .title = "Service Unavailable"};

    px_problem_write(&p, &b);

    assert_int_equal(px_buf_ok(&b, NULL), PX_TOO_LARGE);
}

static void test_problem_every_refusal_has_a_status_text(void **state) {
    (void)state;
    for (int i = 0; i < PX_REFUSALS; i++) {
        int status = px_http_refusal_status((enum px_http_refusal)i);
        assert_in_range(status, 400, 505);
        assert_int_equal(px_http_refusal_retryable((enum px_http_refusal)i),
                         status == 408 || status == 503);
        assert_string_not_equal(px_http_status_text(status), "Status");
        assert_true(strlen(px_http_refusal_code((enum px_http_refusal)i)) < 40);
        assert_true(strlen(px_http_refusal_text((enum px_http_refusal)i)) > 10);
    }
    assert_string_equal(px_http_status_text(299), "Status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problem_writes_every_member),
        cmocka_unit_test(test_problem_leaves_out_what_is_empty),
        cmocka_unit_test(test_problem_over_the_cap_is_reported_by_the_buffer),
        cmocka_unit_test(test_problem_every_refusal_has_a_status_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
