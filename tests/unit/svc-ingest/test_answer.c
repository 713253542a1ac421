/* Replies as bytes: the GIF, receipts, problem documents, batch results. */
#include "unit.h"

#include "batch.h"

#include <px/json.h>

#include <string.h>

static const struct px_uuid an_id = {{1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};
#define AN_ID "01020304-0506-7708-890a-0b0c0d0e0f10"

static bool holds(struct px_str s, const char *text) {
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void test_answer_pixel_is_the_gif_that_nobody_keeps(void **state) {
    (void)state;
    struct ing_answer a;
    ing_answer_init(&a);
    ing_answer_for(&a, &(struct ing_cors){.any = true});
    struct ing_receipt r = {
        .id = &an_id, .received = INT64_C(1700000000123456), .client_id = PX_S("a b%\xc3\xa9")};

    struct px_http_reply reply = ing_answer_pixel(&a, &r);

    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.type, "image/gif");
    assert_int_equal(reply.body.n, 43);
    assert_memory_equal(reply.body.p, "GIF89a", 6);
    assert_int_equal((uint8_t)reply.body.p[42], 0x3b);
    assert_true(holds(reply.fields, "Cache-Control: no-store, no-cache, must-revalidate\r\n"));
    assert_true(holds(reply.fields, "Pragma: no-cache\r\n"));
    assert_true(holds(reply.fields, "Expires: "));
    assert_true(holds(reply.fields, "Cross-Origin-Resource-Policy: cross-origin\r\n"));
    assert_true(holds(reply.fields, "Access-Control-Allow-Origin: *\r\n"));
    assert_true(holds(reply.fields, "X-Event-Id: " AN_ID "\r\n"));
    assert_true(holds(reply.fields, "X-Received-At: 2023-11-14T22:13:20.123456Z\r\n"));
    assert_true(holds(reply.fields, "X-Client-Event-Id: a%20b%25%C3%A9\r\n"));
    assert_memory_equal(reply.fields.p + reply.fields.n - 2, "\r\n", 2);
    ing_answer_fini(&a);
}

static void test_answer_event_is_json(void **state) {
    (void)state;
    struct ing_answer a;
    struct px_json *doc = NULL;
    ing_answer_init(&a);
    struct ing_receipt r = {
        .id = &an_id, .received = INT64_C(1700000000123456), .client_id = PX_S("q\"\\x")};

    struct px_http_reply reply = ing_answer_event(&a, &r);

    assert_int_equal(reply.status, 200);
    assert_int_equal(px_json_parse(reply.body, 4096, &doc, NULL), PX_OK);
    const struct px_jnode *root = px_json_root(doc);
    assert_true(px_str_is(px_json_text(px_json_get(root, "eventId")), AN_ID));
    assert_true(px_str_is(px_json_text(px_json_get(root, "status")), "accepted"));
    assert_true(px_str_is(px_json_text(px_json_get(root, "clientEventId")), "q\"\\x"));
    assert_true(
        px_str_is(px_json_text(px_json_get(root, "receivedAt")), "2023-11-14T22:13:20.123456Z"));
    px_json_free(doc);
    ing_answer_fini(&a);
}

static void test_answer_refusal_says_what_and_who(void **state) {
    (void)state;
    struct ing_answer a;
    struct px_json *doc = NULL;
    struct px_verdict v = {.nissues = 0};
    ing_answer_init(&a);
    px_verdict_add(&v, PX_REASON_MISSING_FIELD, "playerId");
    px_verdict_add(&v, PX_REASON_EMAIL_ADDRESS, "s");
    struct ing_refusal r = ing_refusal_of(&v);
    r.request_id = &an_id;

    struct px_http_reply reply = ing_answer_refusal(&a, &r);

    assert_int_equal(reply.status, 400);
    assert_string_equal(reply.type, "application/problem+json");
    assert_true(holds(reply.fields, "X-Error-Code: missing_field\r\n"));
    assert_true(holds(reply.fields, "X-Request-Id: " AN_ID "\r\n"));
    assert_int_equal(px_json_parse(reply.body, 8192, &doc, NULL), PX_OK);
    const struct px_jnode *root = px_json_root(doc),
                          *e = px_json_first(px_json_get(root, "errors"));
    assert_true(px_str_is(px_json_text(px_json_get(root, "instance")), AN_ID));
    assert_false(px_json_bool(px_json_get(root, "retryable")));
    assert_true(px_str_is(px_json_text(px_json_get(e, "field")), "playerId"));
    assert_true(px_str_is(px_json_text(px_json_get(px_json_next(e), "code")), "email_address"));
    px_json_free(doc);

    ing_answer_fini(&a);
}

/* A page sees an image's size, not its status. */
static void test_answer_gif_shows_the_fate_by_its_size(void **state) {
    (void)state;
    struct ing_answer a;
    struct px_verdict v = {.nissues = 0};
    ing_answer_init(&a);
    px_verdict_add(&v, PX_REASON_MISSING_FIELD, "playerId");
    struct ing_refusal r = ing_refusal_of(&v), busy = ing_refusal_busy(ING_BUSY_UNKNOWN);
    r.request_id = busy.request_id = &an_id;
    r.image = busy.image = true;

    struct px_http_reply reply = ing_answer_refusal(&a, &r);
    assert_int_equal(reply.status, 400);
    assert_string_equal(reply.type, "image/gif");
    assert_int_equal(reply.body.n, ING_GIF_BYTES);
    assert_memory_equal(reply.body.p, "GIF89a\x02\x00\x01\x00", 10);
    assert_memory_equal(reply.body.p + 10, ing_gif + 10, ING_GIF_BYTES - 10);

    reply = ing_answer_refusal(&a, &busy);
    assert_int_equal(reply.status, 503);
    assert_memory_equal(reply.body.p, "GIF89a\x01\x00\x02\x00", 10);
    assert_memory_equal(reply.body.p + 10, ing_gif + 10, ING_GIF_BYTES - 10);
    assert_memory_equal(ing_gif, "GIF89a\x01\x00\x01\x00", 10);
    ing_answer_fini(&a);
}

static void test_answer_busy_can_be_tried_again(void **state) {
    (void)state;
    struct ing_answer a;
    ing_answer_init(&a);
    for (int b = 0; b < ING_BUSY_COUNT; b++) {
        struct ing_refusal r = ing_refusal_busy((enum ing_busy)b);
        r.request_id = &an_id;
        struct px_http_reply reply = ing_answer_refusal(&a, &r);

        assert_int_equal(reply.status, 503);
        assert_true(holds(reply.fields, "Retry-After: "));
        assert_true(holds(reply.fields, ing_busy_code((enum ing_busy)b)));
        assert_true(holds(reply.body, "\"retryable\":true"));
    }
    ing_answer_fini(&a);
}

static void test_answer_spreads_those_who_come_again(void **state) {
    (void)state;
    struct px_uuid id = an_id;
    unsigned seen[3] = {0};

    for (unsigned i = 0; i < 256; i++) {
        id.b[15] = (uint8_t)i;
        assert_in_range(ing_retry_after(30, &id), 30, 60);
        unsigned s = ing_retry_after(2, &id);
        assert_in_range(s, 2, 4);
        seen[s - 2]++;
    }
    assert_true(seen[0] > 80 && seen[1] > 80 && seen[2] > 80);
}

static bool retryable(const struct px_http_reply *reply) {
    struct px_json *doc = NULL;

    assert_int_equal(px_json_parse(reply->body, 8192, &doc, NULL), PX_OK);
    bool is = px_json_bool(px_json_get(px_json_root(doc), "retryable"));
    px_json_free(doc);
    return is;
}

/* Whoever keeps events until they are answered for must never be told to repeat what will be
 * refused again, nor to give up what will not. */
static void test_answer_every_reason_is_final_and_no_503_is(void **state) {
    (void)state;
    struct ing_answer a;
    ing_answer_init(&a);

    for (int i = 0; i < PX_REASON_COUNT; i++) {
        struct px_verdict v = {.nissues = 0};
        px_verdict_add(&v, (enum px_reason)i, "playerId");
        struct ing_refusal r = ing_refusal_of(&v);
        r.request_id = &an_id;
        struct px_http_reply reply = ing_answer_refusal(&a, &r);
        assert_true(reply.status >= 400 && reply.status < 500);
        assert_true(reply.status != 408 && reply.status != 425 && reply.status != 429);
        assert_false(retryable(&reply));
        assert_false(holds(reply.fields, "Retry-After: "));
    }
    for (int i = 0; i < ING_BUSY_COUNT; i++) {
        struct ing_refusal r = ing_refusal_busy((enum ing_busy)i);
        r.request_id = &an_id;
        struct px_http_reply reply = ing_answer_refusal(&a, &r);
        assert_int_equal(reply.status, 503);
        assert_true(retryable(&reply));
        assert_true(holds(reply.fields, "Retry-After: "));
    }
    ing_answer_fini(&a);
}

static void test_answer_says_that_a_time_was_replaced(void **state) {
    (void)state;
    struct ing_answer a;
    ing_answer_init(&a);
    struct ing_receipt r = {.id = &an_id, .received = INT64_C(1700000000123456)};

    assert_false(holds(ing_answer_event(&a, &r).body, "timestampReplaced"));
    r.retimed = true;
    assert_true(holds(ing_answer_event(&a, &r).body, ",\"timestampReplaced\":true"));

    struct ing_batch *b = ing_batch_new(4, r.received);
    assert_non_null(b);
    b->items[0].retimed = b->items[2].retimed = true;
    assert_false(ing_batch_duplicate(b, 1, 0));
    assert_false(ing_batch_retry(b, 2, ING_BUSY_UNKNOWN)); /* not stored: nothing to tell */
    assert_false(ing_batch_accept(b, 3, &(struct ing_ack){.topic = NULL}));
    assert_true(ing_batch_accept(b, 0, &(struct ing_ack){.topic = NULL}));
    struct px_str body = ing_batch_answer(b, &a).body;
    assert_true(holds(body, "\"status\":\"accepted\",\"timestampReplaced\":true},{\"index\":1,"));
    assert_true(holds(body, "\"status\":\"duplicate\",\"timestampReplaced\":true},{\"index\":2,"));
    const char *third = memmem(body.p, body.n, "\"index\":2,", 10);
    assert_non_null(third);
    assert_false(holds((struct px_str){.p = third, .n = body.n - (size_t)(third - body.p)},
                       "timestampReplaced"));
    ing_batch_unref(b);
    ing_answer_fini(&a);
}

static void test_batch_answer_tells_every_item(void **state) {
    (void)state;
    static const char *const want[] = {"accepted", "duplicate", "rejected", "retry", "retry"};
    struct ing_answer a;
    struct px_json *doc = NULL;
    ing_answer_init(&a);
    struct ing_batch *b = ing_batch_new(5, INT64_C(1700000000123456));
    assert_non_null(b);

    assert_false(ing_batch_duplicate(b, 1, 0));
    assert_false(ing_batch_reject(b, 2, PX_REASON_MISSING_FIELD, "playerId"));
    assert_false(ing_batch_retry(b, 3, ING_BUSY_UNKNOWN));
    assert_false(ing_batch_duplicate(b, 4, 3)); /* of one that must be sent again */
    assert_true(ing_batch_accept(b, 0, &(struct ing_ack){.topic = "T", .offset = 7}));
    struct px_http_reply reply = ing_batch_answer(b, &a);

    assert_int_equal(reply.status, 200);
    assert_true(holds(reply.fields, "Retry-After: "));
    assert_int_equal(px_json_parse(reply.body, 8192, &doc, NULL), PX_OK);
    const struct px_jnode *root = px_json_root(doc);
    int64_t n;
    assert_true(px_json_int(px_json_get(root, "accepted"), &n) && n == 1);
    assert_true(px_json_int(px_json_get(root, "rejected"), &n) && n == 1);
    size_t i = 0;
    for (const struct px_jnode *r = px_json_first(px_json_get(root, "results")); r;
         r = px_json_next(r), i++) {
        assert_true(px_json_int(px_json_get(r, "index"), &n) && n == (int64_t)i);
        assert_true(px_str_is(px_json_text(px_json_get(r, "status")), want[i]));
    }
    assert_int_equal(i, 5);
    px_json_free(doc);
    ing_batch_unref(b);
    ing_answer_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_pixel_is_the_gif_that_nobody_keeps),
        cmocka_unit_test(test_answer_event_is_json),
        cmocka_unit_test(test_answer_refusal_says_what_and_who),
        cmocka_unit_test(test_answer_gif_shows_the_fate_by_its_size),
        cmocka_unit_test(test_answer_busy_can_be_tried_again),
        cmocka_unit_test(test_answer_spreads_those_who_come_again),
        cmocka_unit_test(test_answer_every_reason_is_final_and_no_503_is),
        cmocka_unit_test(test_answer_says_that_a_time_was_replaced),
        cmocka_unit_test(test_batch_answer_tells_every_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
