/* What a sender may ask of the collector beyond one plain event: bodies of every kind, batches that
 * may be sent again, answers to other origins, proofs. One service for all. */
#include "unit.h"

#include "ingest_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define JSON  "Content-Type: application/json\r\n"
#define LINES "Content-Type: application/x-ndjson\r\n"
#define GZIP  "Content-Encoding: gzip\r\n"
#define EVENT "\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\""

static int collector_setup(void **state) {
    static struct ingest_rig rig;
    static const char *const sets[] = {"Ack:Proof=any", NULL};

    ingest_rig_open(&rig, sets);
    *state = &rig;
    return 0;
}

static int collector_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

/* --- pixels ----------------------------------------------------------------------------------- */

/* Nothing that a browser, a cache or a mail gateway adds makes another event, or none, of it. */
static void test_collector_takes_a_pixel_however_it_is_asked_for(void **state) {
    static const struct {
        const char *query, *fields, *player;
    } rows[] = {
        {"",
         "If-None-Match: \"x\"\r\nIf-Modified-Since: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
         "Cache-Control: max-age=0\r\n",
         "p q"},
        {"&rnd=0.5&_=1795255200000&utm_source=%zz", "", "p q"},
        {"", "Referer: https://shop.example/sale?off=20%-off&x=%zz\r\n", "p q"},
        {"", "Cookie: a; =; b=\"; \xff=\xfe; c=d=e\r\nCookie: \r\n", "p q"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_arena arena;
        struct px_event e;
        char target[200];
        snprintf(target, sizeof target, "/visit?playerId=p+q&bannerTag=b%s", rows[i].query);
        struct ingest_ask a = {.target = target, .fields = rows[i].fields};
        px_arena_init(&arena, 1 << 20);

        struct ingest_said s = ingest_rig_ask(*state, &a);

        assert_int_equal(s.status, 200);
        assert_true(s.gif);
        ingest_rig_lacks(s.head, "ETag: ");
        ingest_rig_lacks(s.head, "Last-Modified: ");
        ingest_rig_lacks(s.head, "Set-Cookie: ");
        ingest_rig_event(*state, s.id, &arena, &e);
        assert_true(px_str_is(e.player_id, rows[i].player));
        px_arena_fini(&arena);
    }
}

/* Characters of every length, by both ways. */
static void test_collector_keeps_every_character(void **state) {
    static const char text[] = "\xf0\x9f\x98\x80 \xc3\xa9 \xe2\x82\xac \xf4\x8f\xbf\xbf";
    struct ingest_said both[] = {
        ingest_rig_get(*state, "/visit?playerId=%F0%9F%98%80+%C3%A9%20%E2%82%AC+%F4%8F%BF%BF"
                               "&bannerTag=b&eid=%F0%9F%98%80"),
        ingest_rig_post(*state, JSON,
                        "{\"eventType\":\"visit\",\"playerId\":\"\\ud83d\\ude00 \xc3\xa9 "
                        "\\u20ac \xf4\x8f\xbf\xbf\",\"bannerTag\":\"b\","
                        "\"eventId\":\"\xf0\x9f\x98\x80\"}"),
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(both); i++) {
        struct px_arena arena;
        struct px_event e;
        px_arena_init(&arena, 1 << 20);
        assert_int_equal(both[i].status, 200);
        assert_string_equal(both[i].client, "%F0%9F%98%80");
        ingest_rig_event(*state, both[i].id, &arena, &e);
        assert_true(px_str_is(e.player_id, text));
        px_arena_fini(&arena);
    }
}

/* --- bodies --------------------------------------------------------------------------------------
 */

static void test_collector_takes_lines_as_a_batch(void **state) {
    struct ingest_said s =
        ingest_rig_post(*state, LINES,
                        "{" EVENT ",\"eventId\":\"l-0\"}\r\n"
                        "\n"
                        "{\"eventType\":\"visit\"\n"
                        "{" EVENT ",\"eventId\":\"l-2\",\"attributes\":{\"s\":\"x\"}}\n"
                        "{\"eventType\":\"visit\",\"playerId\":\"p\"}");

    assert_int_equal(s.status, 200);
    ingest_rig_holds(s.body, "\"accepted\":2,\"rejected\":2,");
    ingest_rig_holds(s.body, "\"status\":\"accepted\",\"clientEventId\":\"l-0\"}");
    ingest_rig_holds(s.body, "\"code\":\"bad_json\",\"field\":\"event\","
                             "\"message\":\"is not acceptable JSON\"}");
    ingest_rig_holds(s.body, "\"status\":\"accepted\",\"clientEventId\":\"l-2\"}");
    ingest_rig_holds(s.body, "{\"index\":3,");
    ingest_rig_holds(s.body, "\"code\":\"missing_field\",\"field\":\"bannerTag\","
                             "\"message\":\"is required\"}");
}

static void test_collector_bounds_lines_like_arrays(void **state) {
    for (int n = 500; n <= 501; n++) {
        PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(65536);
        for (int i = 0; i < n; i++) {
            px_buf_c(&body, "{" EVENT "}\n");
        }
        struct ingest_said s = ingest_rig_post(*state, LINES, px_buf_cstr(&body));
        assert_int_equal(s.status, n == 500 ? 200 : 400);
        ingest_rig_holds(s.body, n == 500 ? "\"accepted\":500," : "batch_size");
    }
    assert_string_equal(ingest_rig_post(*state, LINES, "\n\r\n").code, "batch_size");
}

static void test_collector_takes_json_without_a_type(void **state) {
    assert_int_equal(ingest_rig_post(*state, NULL, "{" EVENT "}").status, 200);
    assert_string_equal(ingest_rig_post(*state, NULL, "{" EVENT "}\n{" EVENT "}").code, "bad_json");
}

/* ${text} as one gzip member. */
static struct px_buf gzipped(struct px_str text) {
    struct px_buf b = PX_BUF_INIT((size_t)64 << 20);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)text.n};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n);
    z.next_out = (Bytef *)px_buf_reserve(&b, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = room - z.avail_out;
    deflateEnd(&z);
    return b;
}

static struct ingest_said post_bytes(const struct ingest_rig *r, const char *fields,
                                     const struct px_buf *b, size_t n) {
    struct ingest_ask a = {
        .method = "POST", .target = "/api/events", .fields = fields, .body = b->p, .body_n = n};

    return ingest_rig_ask(r, &a);
}

static void test_collector_inflates_gzip(void **state) {
    PX_DEFER(px_buf_fini) struct px_buf one = gzipped(PX_S("{" EVENT ",\"eventId\":\"z-1\"}"));
    PX_DEFER(px_buf_fini) struct px_buf two = gzipped(PX_S("{" EVENT "}\n{" EVENT "}\n"));

    struct ingest_said s = post_bytes(*state, JSON GZIP, &one, one.n);
    assert_int_equal(s.status, 200);
    ingest_rig_holds(s.body, "\"clientEventId\":\"z-1\"");
    assert_true(ingest_rig_has(*state, s.id));
    s = post_bytes(*state, LINES GZIP, &two, two.n);
    assert_int_equal(s.status, 200);
    ingest_rig_holds(s.body, "\"accepted\":2,");
    for (size_t n = 1; n < one.n; n += 7) { /* cut short */
        s = post_bytes(*state, JSON GZIP, &one, n);
        assert_int_equal(s.status, 400);
        assert_string_equal(s.code, "bad_compression");
    }
    px_buf_byte(&one, '!');
    assert_string_equal(post_bytes(*state, JSON GZIP, &one, one.n).code, "bad_compression");
    assert_string_equal(ingest_rig_post(*state, JSON GZIP, "{" EVENT "}").code, "bad_compression");
}

static void test_collector_refuses_a_bomb(void **state) {
    char *p = calloc(1, (size_t)32 << 20);
    assert_non_null(p);
    memset(p, ' ', (size_t)32 << 20);
    PX_DEFER(px_buf_fini)
    struct px_buf bomb = gzipped((struct px_str){.p = p, .n = (size_t)32 << 20});
    free(p);

    struct ingest_said s = post_bytes(*state, JSON GZIP, &bomb, bomb.n);

    assert_int_equal(s.status, 413);
    assert_string_equal(s.code, "body_too_large");
}

static void test_collector_names_what_it_takes(void **state) {
    static const char *const codings[] = {"Content-Encoding: br\r\n",
                                          "Content-Encoding: gzip, gzip\r\n", GZIP GZIP,
                                          "Content-Encoding: \r\n"};

    for (size_t i = 0; i < PX_ARRAY_LEN(codings); i++) {
        char fields[200];
        snprintf(fields, sizeof fields, JSON "%s", codings[i]);
        struct ingest_said s = ingest_rig_post(*state, fields, "{" EVENT "}");
        assert_int_equal(s.status, 415);
        assert_string_equal(s.code, "bad_content_encoding");
        ingest_rig_holds(s.head, "\r\nAccept-Encoding: gzip\r\n");
    }
    struct ingest_said s = ingest_rig_post(*state, "Content-Type: application/xml\r\n", "<a/>");
    assert_int_equal(s.status, 415);
    ingest_rig_holds(s.head, "\r\nAccept: application/json, application/x-ndjson, ");
    assert_string_equal(ingest_rig_post(*state, JSON JSON, "{" EVENT "}").code, "bad_content_type");
}

/* --- a batch that is sent again ------------------------------------------------------------------
 */

struct ids {
    struct px_str prefix;
    size_t n;
    char seen[16][40];
};

static void ids_of(void *arg, struct px_str key, struct px_str value, struct px_str traceparent) {
    struct ids *x = arg;
    struct px_arena arena;
    struct px_event e;
    int reason;
    (void)key;
    (void)traceparent;

    px_arena_init(&arena, 1 << 20);
    assert_int_equal(px_event_from_avro(value, &arena, &e, &reason, NULL), PX_OK);
    if (px_str_starts(e.client_event_id, x->prefix)) {
        assert_true(x->n < PX_ARRAY_LEN(x->seen));
        assert_true(px_str_copy(e.client_event_id, x->seen[x->n++], sizeof x->seen[0]));
    }
    px_arena_fini(&arena);
}

static size_t times(const struct ids *x, const char *id) {
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++) {
        n += strcmp(x->seen[i], id) == 0;
    }
    return n;
}

static void test_collector_gives_each_item_a_part_of_the_key(void **state) {
    static const char body[] = "[{" EVENT "},{" EVENT ",\"eventId\":\"order-7-own\"},"
                               "{\"eventType\":\"visit\"},{" EVENT "}]";
    static const char *const ids[] = {"order-7/0", "order-7-own", "order-7/3"};
    struct ingest_rig *r = *state;
    struct ids x = {.prefix = PX_S_INIT("order-7")};

    for (int i = 0; i < 2; i++) {
        struct ingest_said s = ingest_rig_post(r, JSON "Idempotency-Key: order-7\r\n", body);
        assert_int_equal(s.status, 200);
        ingest_rig_holds(s.body, "\"accepted\":3,\"rejected\":1,");
        ingest_rig_holds(s.body, "\"status\":\"rejected\",\"clientEventId\":\"order-7/2\"");
    }

    ingest_rig_read(mock_kafka_bootstrap(r->mock), INGEST_RIG_TOPIC, ids_of, &x);
    assert_int_equal(x.n, 6);
    for (size_t i = 0; i < PX_ARRAY_LEN(ids); i++) {
        assert_int_equal(times(&x, ids[i]), 2); /* one id each: SQL counts it once */
    }
}

static void test_collector_refuses_a_key_that_cannot_serve(void **state) {
    static const struct {
        const char *fields, *code;
    } rows[] = {
        {"Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "duplicate_parameter"},
        {"Idempotency-Key:\r\n", "empty_value"},
        {"Idempotency-Key: "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
         "too_long"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char fields[400];
        snprintf(fields, sizeof fields, JSON "%s", rows[i].fields);
        struct ingest_said s = ingest_rig_post(*state, fields, "[{" EVENT "}]");
        assert_int_equal(s.status, 400);
        assert_string_equal(s.code, rows[i].code);
        ingest_rig_holds(s.body, "\"field\":\"Idempotency-Key\"");
    }
    struct ingest_said s =
        ingest_rig_post(*state, JSON "Idempotency-Key: a@b.example\r\n", "[{" EVENT "}]");
    assert_int_equal(s.status, 200);
    ingest_rig_holds(s.body, "\"code\":\"email_address\",\"field\":\"Idempotency-Key\"");
}

/* --- other origins -------------------------------------------------------------------------------
 */

#define ORIGIN "Origin: https://shop.example:8443\r\n"

static void test_collector_names_the_origin_in_every_answer(void **state) {
    static const struct {
        const char *method, *target, *fields, *body;
        int status;
    } rows[] = {
        {"GET", "/visit?playerId=p&bannerTag=b", ORIGIN, NULL, 200},
        {"HEAD", "/visit", ORIGIN, NULL, 200},
        {"GET", "/visit?playerId=p", ORIGIN, NULL, 400},
        {"GET", "/api/pixel/nothing", ORIGIN, NULL, 404},
        {"GET", "/nowhere", ORIGIN, NULL, 404},
        {"PUT", "/visit", ORIGIN, NULL, 405},
        {"GET", "/visit?x=%zz y", ORIGIN, NULL, 400},
        {"GET", "/visit", ORIGIN "Content-Length: 5\r\n", NULL, 400},
        {"POST", "/api/events", ORIGIN JSON, "{" EVENT "}", 200},
        {"POST", "/api/events", ORIGIN JSON, "[{" EVENT "}]", 200},
        {"POST", "/api/events", ORIGIN JSON, "{}", 400},
        {"POST", "/api/events", ORIGIN "Content-Type: a/b\r\n", "{}", 415},
        {"OPTIONS", "/api/events", ORIGIN, NULL, 204},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_ask a = {.method = rows[i].method,
                               .target = rows[i].target,
                               .fields = rows[i].fields,
                               .body = rows[i].body};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, rows[i].status);
        if (i == 6) { /* no request line: no fields were read */
            ingest_rig_holds(s.head, "\r\nAccess-Control-Allow-Origin: *\r\n");
            continue;
        }
        ingest_rig_holds(s.head, "\r\nVary: Origin\r\n");
        ingest_rig_holds(s.head, "\r\nAccess-Control-Allow-Origin: https://shop.example:8443\r\n");
        ingest_rig_holds(s.head, "\r\nAccess-Control-Allow-Credentials: true\r\n");
    }
}

static void test_collector_never_joins_everybody_and_credentials(void **state) {
    static const char *const origins[] = {"", "Origin: null\r\n", "Origin: x\r\n", ORIGIN ORIGIN};

    for (size_t i = 0; i < PX_ARRAY_LEN(origins); i++) {
        struct ingest_ask a = {.target = "/visit?playerId=p&bannerTag=b", .fields = origins[i]};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, 200);
        ingest_rig_holds(s.head, "\r\nAccess-Control-Allow-Origin: *\r\n");
        ingest_rig_lacks(s.head, "Access-Control-Allow-Credentials");
    }
}

static void test_collector_answers_a_preflight(void **state) {
    static const char *const sent[] = {"content-type", "content-encoding", "idempotency-key",
                                       "traceparent",  "x-site-key",       "x-event-ack",
                                       "prefer"};
    struct ingest_ask a = {.method = "OPTIONS",
                           .target = "/api/events",
                           .fields = ORIGIN "Access-Control-Request-Method: POST\r\n"
                                            "Access-Control-Request-Headers: content-type\r\n"};
    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 204);
    ingest_rig_holds(s.head, "\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n");
    ingest_rig_holds(s.head, "\r\nAccess-Control-Max-Age: 600\r\n");
    const char *list = strstr(s.head, "\r\nAccess-Control-Allow-Headers: ");
    assert_non_null(list);
    for (size_t i = 0; i < PX_ARRAY_LEN(sent); i++) {
        if (!strcasestr(list, sent[i])) {
            fail_msg("a page may not send %s", sent[i]);
        }
    }
}

/* --- proof ---------------------------------------------------------------------------------------
 */

#define PROOF "X-Event-Ack: 1\r\n"

struct place {
    long partition, offset;
};

static struct place place_of(const char *text) {
    struct place at = {-1, -1};
    const char *p = strstr(text, INGEST_RIG_TOPIC);

    assert_non_null(p);
    p += strlen(INGEST_RIG_TOPIC);
    if (sscanf(p, "/%ld/%ld", &at.partition, &at.offset) != 2 &&
        sscanf(p, "\",\"partition\":%ld,\"offset\":%ld}", &at.partition, &at.offset) != 2) {
        fail_msg("no place in: %s", p);
    }
    assert_true(at.partition >= 0 && at.partition < 4 && at.offset >= 0);
    return at;
}

static void test_collector_tells_where_the_log_has_it(void **state) {
    struct ingest_ask pixel = {.target = "/visit?playerId=proof&bannerTag=b", .fields = PROOF};
    struct ingest_said s = ingest_rig_ask(*state, &pixel);
    assert_int_equal(s.status, 200);
    ingest_rig_holds(s.head, "\r\nX-Event-Ack: ");
    struct place first = place_of(s.head);

    s = ingest_rig_post(*state, JSON PROOF,
                        "{\"eventType\":\"visit\",\"playerId\":\"proof\",\"bannerTag\":\"b\"}");
    assert_int_equal(s.status, 200);
    struct place second = place_of(s.body), head = place_of(s.head);
    assert_int_equal(second.partition, first.partition); /* one player, one partition */
    assert_int_equal(second.offset, first.offset + 1);
    assert_int_equal(head.offset, second.offset);

    s = ingest_rig_post(*state, JSON PROOF,
                        "[{" EVENT ",\"eventId\":\"a-1\"},{" EVENT ",\"eventId\":\"a-1\"},7]");
    const char *next = strstr(s.body, "\"index\":1,");
    assert_non_null(next);
    assert_int_equal(place_of(s.body).offset, place_of(next).offset); /* of what it repeats */
    next = strstr(s.body, "\"index\":2,");
    assert_non_null(next);
    ingest_rig_lacks(next, "ack");
}

static void test_collector_tells_it_only_when_asked(void **state) {
    static const char *const fields[] = {JSON, JSON "X-Event-Ack: 0\r\n",
                                         JSON "X-Event-Ack: yes\r\n"};

    for (size_t i = 0; i < PX_ARRAY_LEN(fields); i++) {
        struct ingest_said s = ingest_rig_post(*state, fields[i], "{" EVENT "}");
        assert_int_equal(s.status, 200);
        ingest_rig_lacks(s.head, "X-Event-Ack: ");
        ingest_rig_lacks(s.body, "\"ack\"");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collector_takes_a_pixel_however_it_is_asked_for),
        cmocka_unit_test(test_collector_keeps_every_character),
        cmocka_unit_test(test_collector_takes_lines_as_a_batch),
        cmocka_unit_test(test_collector_bounds_lines_like_arrays),
        cmocka_unit_test(test_collector_takes_json_without_a_type),
        cmocka_unit_test(test_collector_inflates_gzip),
        cmocka_unit_test(test_collector_refuses_a_bomb),
        cmocka_unit_test(test_collector_names_what_it_takes),
        cmocka_unit_test(test_collector_gives_each_item_a_part_of_the_key),
        cmocka_unit_test(test_collector_refuses_a_key_that_cannot_serve),
        cmocka_unit_test(test_collector_names_the_origin_in_every_answer),
        cmocka_unit_test(test_collector_never_joins_everybody_and_credentials),
        cmocka_unit_test(test_collector_answers_a_preflight),
        cmocka_unit_test(test_collector_tells_where_the_log_has_it),
        cmocka_unit_test(test_collector_tells_it_only_when_asked),
    };
    return cmocka_run_group_tests(tests, collector_setup, collector_teardown);
}
