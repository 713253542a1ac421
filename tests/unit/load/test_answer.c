/* Answers out of bytes: whole, in parts, and what no ingest says. */
#include "answer.h"

#include "unit.h"

#include <stdlib.h>

#define OK                                                                                         \
    "HTTP/1.1 200 OK\r\nX-Event-Id: 0190\r\nx-received-at:  2026-11-21T10:00:00Z \r\n"             \
    "Content-Length: 3\r\n\r\nabc"

static struct px_str text(const char *c) {
    return (struct px_str){.p = c, .n = strlen(c)};
}

static void test_answer_whole(void **state PX_UNUSED) {
    struct answer a;
    assert_int_equal(answer_read(text(OK), &a), ANSWER_WHOLE);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.n, strlen(OK));
    assert_true(px_str_is(a.event_id, "0190"));
    assert_true(px_str_is(a.received, "2026-11-21T10:00:00Z"));
    assert_int_equal(a.code.n, 0);
    assert_false(a.close);
}

/* Cut anywhere it is a part, and nothing behind the cut is looked at. */
static void test_answer_in_parts(void **state PX_UNUSED) {
    for (size_t n = 0; n < strlen(OK); n++) {
        char *exact = malloc(n + 1); /* so that a sanitizer sees a step too far */
        struct answer a = {.status = -1};
        assert_non_null(exact);
        memcpy(exact, OK, n);
        assert_int_equal(answer_read((struct px_str){.p = exact, .n = n}, &a), ANSWER_PART);
        assert_int_equal(a.status, -1);
        free(exact);
    }
}

static void test_answer_more_than_one(void **state PX_UNUSED) {
    struct answer a;
    assert_int_equal(answer_read(text(OK OK), &a), ANSWER_WHOLE);
    assert_int_equal(a.n, strlen(OK));
}

static void test_answer_rows(void **state PX_UNUSED) {
    static const struct {
        const char *bytes;
        enum answer_is is;
        int status;
        bool close;
    } rows[] = {
        {"HTTP/1.1 503 Service Unavailable\r\nX-Error-Code: log_unknown\r\n\r\n", ANSWER_WHOLE, 503,
         false},
        {"HTTP/1.1 400 \r\nConnection: Close\r\n\r\n", ANSWER_WHOLE, 400, true},
        {"HTTP/1.1 404\r\n\r\n", ANSWER_WHOLE, 404, false},
        {"HTTP/1.0 200 OK\r\n\r\n", ANSWER_WHOLE, 200, true},
        {"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", ANSWER_WHOLE, 200, false},
        {"HTTP/2.0 200 OK\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 2x0 OK\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 2000 OK\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", ANSWER_BROKEN, 0,
         false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n", ANSWER_BROKEN, 0, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ANSWER_BROKEN, 0, false},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct answer a = {.status = 0};
        if (answer_read(text(rows[i].bytes), &a) != rows[i].is || a.status != rows[i].status ||
            a.close != rows[i].close) {
            fail_msg("row %zu: status %d close %d", i, a.status, a.close);
        }
    }
}

static void test_answer_without_end(void **state PX_UNUSED) {
    struct answer a;
    char *endless = malloc(ANSWER_MAX);
    assert_non_null(endless);
    memset(endless, 'x', ANSWER_MAX);
    assert_int_equal(answer_read((struct px_str){.p = endless, .n = ANSWER_MAX - 1}, &a),
                     ANSWER_PART);
    assert_int_equal(answer_read((struct px_str){.p = endless, .n = ANSWER_MAX}, &a),
                     ANSWER_BROKEN);
    free(endless);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_whole),         cmocka_unit_test(test_answer_in_parts),
        cmocka_unit_test(test_answer_more_than_one), cmocka_unit_test(test_answer_rows),
        cmocka_unit_test(test_answer_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
