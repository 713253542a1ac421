/* The edge of svc-ingest: what is taken, what is refused and with which code, and that what was
 * taken is in the log as it was sent. */
#include "unit.h"

#include "http_rig.h"
#include "ingest_rig.h"

#include <px/clock.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int edge_setup(void **state) {
    static const char *const sets[] = {"Events:ClientTime=any", NULL};
    static struct ingest_rig rig;

    ingest_rig_open(&rig, sets);
    *state = &rig;
    return 0;
}

static int edge_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

static bool is(struct px_str s, const char *text) {
    return px_str_is(s, text);
}

static void test_ingest_stores_a_pixel_as_it_was_sent(void **state) {
    struct px_arena arena;
    struct px_event e;
    struct ingest_ask a = {
        .target = "/api/pixel/deposit?playerId=p%201&bannerTag=b+%C3%A9&eid=e-1&sid=s-1&s=x%2541"
                  "&amountMinor=1250&utm=dropped",
        .fields = "User-Agent: Test/1\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n"
                  "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"};
    px_arena_init(&arena, 1 << 20);

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 200);
    assert_true(s.gif);
    assert_string_equal(s.type, "image/gif");
    assert_string_equal(s.client, "e-1");
    assert_non_null(strstr(s.head, "Cache-Control: no-store, no-cache, must-revalidate\r\n"));
    assert_non_null(strstr(s.head, "Pragma: no-cache\r\n"));
    assert_non_null(strstr(s.head, "Access-Control-Allow-Origin: *\r\n"));
    assert_non_null(strstr(s.head, "Cross-Origin-Resource-Policy: cross-origin\r\n"));
    ingest_rig_event(*state, s.id, &arena, &e);
    assert_true(is(e.event_type, "deposit") && is(e.player_id, "p 1") &&
                is(e.banner_tag, "b \xc3\xa9"));
    assert_true(is(e.client_event_id, "e-1") && is(e.session_id, "s-1"));
    assert_true(is(e.source_ip, "127.0.0.0/24") && is(e.user_agent, "Test/1"));
    assert_true(is(e.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_int_equal(e.occurred_at, 0);
    assert_true(is(e.traffic_class, "human") && e.traffic_reason.n == 0);
    assert_int_equal(e.nattrs, 2);
    assert_true(is(e.attrs[0].name, "amountMinor") && e.attrs[0].i == 1250);
    assert_true(is(e.attrs[1].name, "s") && is(e.attrs[1].text, "x%41"));
    char at[PX_TIME_TEXT];
    size_t n = px_fmt_instant(e.received_at, at);
    assert_int_equal(n, strlen(s.received));
    assert_memory_equal(at, s.received, n);
    assert_int_equal(ingest_rig_metric(*state, "px_metadata_dropped_total{type=\"deposit\"}"), 1);
    px_arena_fini(&arena);
}

/* Whatever its class, an event is answered and stored like any other. */
static void test_ingest_says_what_kind_of_traffic_it_is(void **state) {
    static const struct {
        const char *fields, *class, *reason;
    } rows[] = {
        {"User-Agent: Mozilla/5.0 (compatible; bingbot/2.0)\r\n", "bot", "ua:bingbot"},
        {"User-Agent: curl/8.5.0\r\nSec-Purpose: prefetch\r\n", "bot", "ua:curl"},
        {"User-Agent: Mozilla/5.0\r\n", "email_proxy", "ua:Mozilla/5.0"},
        {"User-Agent: sqlmap/1.2\r\n", "scanner", "ua:sqlmap"},
        {"User-Agent: Test/1\r\nsec-purpose: prefetch;prerender\r\n", "prefetch", "sec-purpose"},
        {"User-Agent: Test/1\r\nX-Moz: prefetch\r\n", "prefetch", "x-moz"},
        {"User-Agent: Test/1\r\nSec-GPC: 1\r\nDNT: 1\r\n", "opt_out", "gpc"},
        {"User-Agent: Test/1\r\nDNT: 1\r\n", "opt_out", "dnt"},
        {"", "unknown", "no-user-agent"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char metric[80];
        struct px_arena arena;
        struct px_event e;
        struct ingest_ask a = {.target = "/visit?playerId=p&bannerTag=b", .fields = rows[i].fields};
        px_arena_init(&arena, 1 << 20);
        snprintf(metric, sizeof metric, "px_events_by_class_total{class=\"%s\"}", rows[i].class);
        int64_t before = ingest_rig_metric(*state, metric);

        struct ingest_said s = ingest_rig_ask(*state, &a);

        assert_int_equal(s.status, 200);
        ingest_rig_event(*state, s.id, &arena, &e);
        assert_true(is(e.traffic_class, rows[i].class) && is(e.traffic_reason, rows[i].reason));
        assert_int_equal(ingest_rig_metric(*state, metric), before + 1);
        px_arena_fini(&arena);
    }
}

static void test_ingest_aliases_are_the_same(void **state) {
    static const char *const paths[] = {"/visit", "/registration", "/deposit"};

    for (size_t i = 0; i < PX_ARRAY_LEN(paths); i++) {
        char target[100];
        snprintf(target, sizeof target, "%s?playerId=p&bannerTag=b", paths[i]);
        struct ingest_said s = ingest_rig_get(*state, target);
        assert_int_equal(s.status, 200);
        assert_true(s.gif);
        assert_true(ingest_rig_has(*state, s.id));
    }
}

static char *edge_long(size_t n) {
    char *p = calloc(1, n + 1);
    assert_non_null(p);
    memset(p, 'x', n);
    return p;
}

static void test_ingest_refuses_each_fault_by_its_code(void **state) {
    static const struct {
        const char *query;
        int status;
        const char *code, *field;
    } rows[] = {
        {"bannerTag=b", 400, "missing_field", "playerId"},
        {"playerId=p", 400, "missing_field", "bannerTag"},
        {"", 400, "missing_field", "playerId"},
        {"playerId=&bannerTag=b", 400, "empty_value", "playerId"},
        {"playerId&bannerTag=b", 400, "empty_value", "playerId"},
        {"playerId=%00x&bannerTag=b", 400, "nul_byte", "playerId"},
        {"playerId=%zz&bannerTag=b", 400, "bad_escape", "playerId"},
        {"playerId=%&bannerTag=b", 400, "bad_escape", "playerId"},
        {"playerId=%ff%fe&bannerTag=b", 400, "bad_utf8", "playerId"},
        {"playerId=%ed%a0%80&bannerTag=b", 400, "bad_utf8", "playerId"},
        {"playerId=a%0ab&bannerTag=b", 400, "control_character", "playerId"},
        {"playerId=null&bannerTag=b", 400, "junk_value", "playerId"},
        {"playerId=%5Bobject%20Object%5D&bannerTag=b", 400, "junk_value", "playerId"},
        {"playerId=p&bannerTag=UNDEFINED", 400, "junk_value", "bannerTag"},
        {"playerId=p&playerId=q&bannerTag=b", 400, "duplicate_parameter", "playerId"},
        {"playerId=p&bannerTag=b&s=a%40b.example", 400, "email_address", "\"s\""},
        {"playerId=p&bannerTag=b&s=4111%201111%201111%201111", 400, "card_number", "\"s\""},
        {"playerId=p&bannerTag=b&eid=", 400, "empty_value", "eid"},
        {"playerId=p&bannerTag=b&sid=%01", 400, "control_character", "sid"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char target[400], series[100];
        snprintf(target, sizeof target, "/api/pixel/visit?%s", rows[i].query);
        snprintf(series, sizeof series, "px_events_rejected_total{reason=\"%s\"}", rows[i].code);
        long before = ingest_rig_metric(*state, series);
        struct ingest_said s = ingest_rig_get(*state, target);
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
        assert_string_equal(s.type, "application/problem+json");
        assert_non_null(strstr(s.body, rows[i].field));
        assert_non_null(strstr(s.body, "\"retryable\":false"));
        assert_string_equal(s.id, "");
        assert_int_equal(ingest_rig_metric(*state, series), before + 1);
    }
}

static void test_ingest_counts_bytes_of_ids(void **state) {
    char *x = edge_long(129), target[400];
    snprintf(target, sizeof target, "/visit?playerId=%.128s&bannerTag=b", x);
    assert_int_equal(ingest_rig_get(*state, target).status, 200);
    snprintf(target, sizeof target, "/visit?playerId=%s&bannerTag=b", x);
    struct ingest_said s = ingest_rig_get(*state, target);
    assert_int_equal(s.status, 400);
    assert_string_equal(s.code, "too_long");
    free(x);
}

static void test_ingest_answers_an_image_with_an_image(void **state) {
    struct ingest_ask a = {.target = "/api/pixel/visit?playerId=p",
                           .fields = "Accept: image/*\r\n"};

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 400);
    assert_string_equal(s.code, "missing_field");
    assert_true(s.gif);
}

static void test_ingest_methods_and_paths(void **state) {
    static const struct {
        const char *method, *target;
        int status;
        const char *code, *allow;
    } rows[] = {
        {"GET", "/api/pixel/purchase?playerId=p&bannerTag=b", 404, "unknown_event_type", ""},
        {"HEAD", "/api/pixel/purchase", 404, "unknown_event_type", ""},
        {"GET", "/nowhere", 404, "not_found", ""},
        {"POST", "/api/pixel/visit?playerId=p&bannerTag=b", 405, "method_not_allowed",
         "GET, HEAD, OPTIONS"},
        {"PUT", "/visit", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
        {"DELETE", "/visit", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
        {"GET", "/api/events", 405, "method_not_allowed", "POST, OPTIONS"},
        {"HEAD", "/api/pixel/visit?playerId=p&bannerTag=b", 200, "", ""},
        {"OPTIONS", "/api/pixel/visit", 204, "", "GET, HEAD, OPTIONS"},
        {"GET", "/", 404, "not_found", ""},
        {"HEAD", "/", 404, "not_found", ""},
        {"GET", "/robots.txt", 200, "", ""},
        {"HEAD", "/robots.txt", 200, "", ""},
        {"POST", "/robots.txt", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
        {"GET", "/favicon.ico", 404, "", ""},
        {"GET", "/api/events/schema", 200, "", ""},
        {"HEAD", "/api/events/schema", 200, "", ""},
        {"PUT", "/api/events/schema", 405, "method_not_allowed", "GET, HEAD, OPTIONS"},
        {"OPTIONS", "/api/events/schema", 204, "", "GET, HEAD, OPTIONS"},
        {"OPTIONS", "/api/events", 204, "", "POST, OPTIONS"},
    };
    long before = ingest_rig_metric(*state, "px_kafka_deliveries_total{outcome=\"persisted\"}");

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_ask a = {.method = rows[i].method, .target = rows[i].target};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
        assert_string_equal(s.allow, rows[i].allow);
        if (strcmp(rows[i].method, "HEAD") == 0) {
            assert_int_equal(s.body_n, 0);
        }
        if (s.status == 204) {
            assert_non_null(strstr(s.head, "Access-Control-Allow-Methods: "));
        }
    }
    assert_int_equal(ingest_rig_metric(*state, "px_kafka_deliveries_total{outcome=\"persisted\"}"),
                     before);
}

static void test_ingest_sizes(void **state) {
    char *x = edge_long(300 * 1024), *target = calloc(1, 6000);
    assert_non_null(target);
    snprintf(target, 6000, "/visit?playerId=p&bannerTag=b&x=%.4100s", x);
    struct ingest_said s = ingest_rig_get(*state, target);
    assert_int_equal(s.status, 414);
    assert_string_equal(s.code, "query_too_long");
    assert_int_equal(
        ingest_rig_metric(*state, "px_events_rejected_total{reason=\"query_too_long\"}"), 1);

    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = "Content-Type: application/json\r\n",
                           .body = x};
    s = ingest_rig_ask(*state, &a);
    assert_int_equal(s.status, 413);
    assert_string_equal(s.code, "body_too_large");
    assert_int_equal(
        ingest_rig_metric(*state, "px_events_rejected_total{reason=\"body_too_large\"}"), 1);
    free(x);
    free(target);
}

static void test_ingest_takes_a_json_event(void **state) {
    struct px_arena arena;
    struct px_event e;
    char body[400], when[PX_TIME_TEXT];
    px_us at = px_wall(&px_clock_system) - PX_US_PER_HOUR;
    when[px_fmt_instant(at, when)] = '\0';
    snprintf(
        body, sizeof body,
        "{\"eventType\":\"deposit\",\"playerId\":\"p\",\"bannerTag\":\"b\",\"timestamp\":\"%s\","
        "\"sessionId\":\"s\",\"attributes\":{\"amountMinor\":99,\"other\":1}}",
        when);
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields =
                               "Content-Type: text/plain;charset=UTF-8\r\nIdempotency-Key: k-1\r\n",
                           .body = body};
    px_arena_init(&arena, 1 << 20);

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 200);
    assert_string_equal(s.type, "application/json");
    assert_non_null(strstr(s.body, "\"status\":\"accepted\""));
    assert_non_null(strstr(s.body, "\"clientEventId\":\"k-1\""));
    assert_non_null(strstr(s.body, s.id));
    assert_non_null(strstr(s.body, s.received));
    ingest_rig_event(*state, s.id, &arena, &e);
    assert_int_equal(e.occurred_at, at);
    assert_true(is(e.client_event_id, "k-1") && is(e.session_id, "s"));
    assert_int_equal(e.nattrs, 1);
    px_arena_fini(&arena);
}

#define EDGE_JSON  "Content-Type: application/json\r\n"
#define EDGE_EVENT "\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\""

static void test_ingest_refuses_json_by_its_code(void **state) {
    static const struct {
        const char *fields, *body;
        int status;
        const char *code, *field;
    } rows[] = {
        {EDGE_JSON, "{" EDGE_EVENT ",\"surprise\":1}", 400, "unknown_member", "surprise"},
        {EDGE_JSON, "{\"eventType\":\"visit\",\"playerId\":7,\"bannerTag\":\"b\"}", 400, "bad_type",
         "playerId"},
        {EDGE_JSON, "{\"playerId\":\"p\",\"bannerTag\":\"b\"}", 400, "missing_field", "eventType"},
        {EDGE_JSON, "{\"eventType\":\"purchase\",\"playerId\":\"p\",\"bannerTag\":\"b\"}", 404,
         "unknown_event_type", "eventType"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"timestamp\":\"yesterday\"}", 400, "bad_timestamp",
         "timestamp"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"timestamp\":1795255200}", 400, "bad_timestamp", "timestamp"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"timestamp\":\"1795255200000\"}", 400, "bad_timestamp",
         "timestamp"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"timestamp\":9223372036854775808}", 400, "bad_json",
         "outside +-2^53"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"sentAt\":\"2026-11-21T10:00:00Z\"}", 400, "unknown_member",
         "sentAt"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"attributes\":{\"s\":\"a@b.example\"}}", 400, "email_address",
         "attributes.s"},
        {EDGE_JSON, "{" EDGE_EVENT ",\"playerId\":\"q\"}", 400, "bad_json", "body"},
        {EDGE_JSON, "{" EDGE_EVENT "} x", 400, "bad_json", "body"},
        {EDGE_JSON, "{\"playerId\":\"\\u0000\"}", 400, "bad_json", "a string holds \\\\u0000"},
        {EDGE_JSON, "{\"playerId\":\"\\ud83d\"}", 400, "bad_json", "surrogate stands alone"},
        {EDGE_JSON, "{\"playerId\":\"\xff\"}", 400, "bad_json", "byte 13: not valid UTF-8"},
        {EDGE_JSON, "", 400, "bad_json", "body"},
        {EDGE_JSON, "7", 400, "bad_type", "event"},
        {EDGE_JSON "Idempotency-Key: a\r\n", "{" EDGE_EVENT ",\"eventId\":\"b\"}", 400,
         "conflicting_ids", "Idempotency-Key"},
        {EDGE_JSON "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "{" EDGE_EVENT "}", 400,
         "duplicate_parameter", "Idempotency-Key"},
        {"Content-Type: application/xml\r\n", "{" EDGE_EVENT "}", 415, "bad_content_type",
         "Content-Type"},
        {"Content-Type: application/x-www-form-urlencoded\r\n", "{" EDGE_EVENT "}", 415,
         "bad_content_type", "Content-Type"},
        {EDGE_JSON, "[]", 400, "batch_size", "events"},
        {EDGE_JSON, "{\"events\":[],\"x\":1}", 400, "unknown_member", "x"},
        {EDGE_JSON, "{\"events\":7}", 400, "bad_type", "events"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_ask a = {.method = "POST",
                               .target = "/api/events",
                               .fields = rows[i].fields,
                               .body = rows[i].body};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
        assert_string_equal(s.type, "application/problem+json");
        assert_non_null(strstr(s.body, rows[i].field));
    }
}

static void test_ingest_shows_no_stranger_the_log(void **state) {
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = EDGE_JSON "X-Event-Ack: 1\r\n",
                           .body = "{" EDGE_EVENT "}"};

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 200);
    assert_null(strstr(s.head, "X-Event-Ack: "));
    assert_null(strstr(s.body, "ack"));
}

static void test_ingest_takes_a_time_it_can_use_only(void **state) {
    static const char *const times[] = {"1999-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
                                        "2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"};
    for (size_t i = 0; i < PX_ARRAY_LEN(times); i++) {
        struct px_arena arena;
        struct px_event e;
        char body[300];
        snprintf(body, sizeof body, "{" EDGE_EVENT ",\"timestamp\":\"%s\"}", times[i]);
        px_arena_init(&arena, 1 << 20);

        struct ingest_said s = ingest_rig_post(*state, EDGE_JSON, body);

        assert_int_equal(s.status, 200);
        ingest_rig_holds(s.body, "\"timestampReplaced\":true");
        ingest_rig_event(*state, s.id, &arena, &e);
        assert_int_equal(e.occurred_at, 0);
        assert_int_equal(ingest_rig_metric(*state, "px_timestamps_replaced_total"), i + 1);
        px_arena_fini(&arena);
    }
}

static void test_ingest_answers_a_batch_item_by_item(void **state) {
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = EDGE_JSON,
                           .body =
                               "{\"events\":[{" EDGE_EVENT ",\"eventId\":\"i1\"},{" EDGE_EVENT
                               ",\"eventId\":\"i1\"},"
                               "{\"eventType\":\"visit\",\"playerId\":\"p\",\"eventId\":\"i2\"},"
                               "{" EDGE_EVENT ",\"eventId\":\"i2\"},7]}"};

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 200);
    assert_non_null(strstr(s.body, "\"accepted\":2,\"rejected\":2,"));
    assert_non_null(strstr(s.body, "\"index\":1,"));
    assert_non_null(strstr(s.body, "\"status\":\"duplicate\",\"clientEventId\":\"i1\""));
    assert_non_null(strstr(s.body, "\"status\":\"rejected\",\"clientEventId\":\"i2\",\"code\":"
                                   "\"missing_field\",\"field\":\"bannerTag\""));
    assert_non_null(strstr(
        s.body, "\"status\":\"accepted\",\"clientEventId\":\"i2\"")); /* a mended one may follow */
    const char *id = strstr(s.body, "\"eventId\":\"");
    assert_non_null(id);
    char first[37] = "";
    memcpy(first, id + 11, 36);
    assert_true(ingest_rig_has(*state, first));
}

static void test_ingest_takes_500_and_refuses_501(void **state) {
    for (int n = 500; n <= 501; n++) {
        PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(65536);
        for (int i = 0; i < n; i++) {
            px_buf_c(&body, i ? ",{" EDGE_EVENT "}" : "[{" EDGE_EVENT "}");
        }
        px_buf_c(&body, "]");
        struct ingest_ask a = {.method = "POST",
                               .target = "/api/events",
                               .fields = EDGE_JSON,
                               .body = px_buf_cstr(&body)};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, n == 500 ? 200 : 400);
        assert_non_null(strstr(s.body, n == 500 ? "\"accepted\":500," : "batch_size"));
    }
}

struct edge_letters {
    size_t n, with_mail, without_bytes;
};

static void edge_letter(void *arg, struct px_str key, struct px_str value,
                        struct px_str traceparent) {
    struct edge_letters *x = arg;
    struct px_dead_letter d;
    assert_null(key.p); /* no key is not an empty one: that would send all to one partition */
    (void)traceparent;

    assert_int_equal(px_dead_letter_from_avro(value, &d, NULL), PX_OK);
    assert_true(is(d.service, "svc-ingest"));
    assert_true(d.payload.n <= 512);
    assert_int_equal(d.partition, -1);
    x->n++;
    x->with_mail += memmem(d.payload.p, d.payload.n, "b.example", 9) != NULL;
    x->without_bytes += is(d.reason, "email_address") && d.payload.n == 0;
}

/* Runs last: everything refused above is recorded, but for personal data. */
static void test_ingest_records_refusals_without_personal_data(void **state) {
    struct ingest_rig *r = *state;
    struct edge_letters x = {0};
    long wanted = 20;

    assert_true(ingest_rig_metric_until(r, "px_dlq_records_total{outcome=\"stored\"}", wanted, 10));
    ingest_rig_read(mock_kafka_bootstrap(r->mock), INGEST_RIG_DLQ, edge_letter, &x);
    assert_true(x.n >= (size_t)wanted);
    assert_int_equal(x.with_mail, 0);
    assert_true(x.without_bytes >= 2);
    assert_int_equal(ingest_rig_metric(r, "px_dlq_records_total{outcome=\"failed\"}"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_stores_a_pixel_as_it_was_sent),
        cmocka_unit_test(test_ingest_says_what_kind_of_traffic_it_is),
        cmocka_unit_test(test_ingest_aliases_are_the_same),
        cmocka_unit_test(test_ingest_refuses_each_fault_by_its_code),
        cmocka_unit_test(test_ingest_counts_bytes_of_ids),
        cmocka_unit_test(test_ingest_answers_an_image_with_an_image),
        cmocka_unit_test(test_ingest_methods_and_paths),
        cmocka_unit_test(test_ingest_sizes),
        cmocka_unit_test(test_ingest_takes_a_json_event),
        cmocka_unit_test(test_ingest_refuses_json_by_its_code),
        cmocka_unit_test(test_ingest_shows_no_stranger_the_log),
        cmocka_unit_test(test_ingest_takes_a_time_it_can_use_only),
        cmocka_unit_test(test_ingest_answers_a_batch_item_by_item),
        cmocka_unit_test(test_ingest_takes_500_and_refuses_501),
        cmocka_unit_test(test_ingest_records_refusals_without_personal_data),
    };
    return cmocka_run_group_tests(tests, edge_setup, edge_teardown);
}
