/* What becomes of events that svc-ingest refuses: each is counted once by its reason, and has a
 * dead letter of its own that tells what it was, found by the id that its sender was told. */
#include "unit.h"

#include "http_rig.h"
#include "ingest_rig.h"

#include <px/clock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON    "Content-Type: application/json\r\n"
#define LETTERS 40

struct kept {
    struct px_dead_letter d; /* views into text */
    char text[2048];
};

static struct {
    struct ingest_rig rig;
    long refused; /* so far */
    struct kept letters[LETTERS];
    size_t n;
} t;

static int rejects_setup(void **state) {
    (void)state;
    ingest_rig_open(&t.rig, NULL);
    return 0;
}

static int rejects_teardown(void **state) {
    (void)state;
    ingest_rig_close(&t.rig);
    return 0;
}

/* --- letters and counts -------------------------------------------------------------------------
 */

/* Refusals counted so far, whatever their reason. */
static long rejects_counted(void) {
    struct http_answer a;
    long sum = 0;

    http_get(t.rig.admin, "/metrics", &a);
    for (const char *line = a.body; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "px_events_rejected_total{", 25) == 0) {
            sum += strtol(strchr(line, ' '), NULL, 10);
        }
    }
    http_answer_fini(&a);
    return sum;
}

static void rejects_keep(void *arg, struct px_str key, struct px_str value,
                         struct px_str traceparent) {
    (void)arg;
    (void)key;
    (void)traceparent;

    assert_true(t.n < LETTERS && value.n <= sizeof t.letters[0].text);
    struct kept *k = &t.letters[t.n++];
    memcpy(k->text, value.p, value.n);
    assert_int_equal(
        px_dead_letter_from_avro((struct px_str){.p = k->text, .n = value.n}, &k->d, NULL), PX_OK);
}

/* The letter about what the answer called ${id}; there is one, and one for each refusal. */
static const struct px_dead_letter *rejects_letter(const char *id) {
    const struct px_dead_letter *found = NULL;

    assert_int_equal(rejects_counted(), t.refused);
    assert_true(
        ingest_rig_metric_until(&t.rig, "px_dlq_records_total{outcome=\"stored\"}", t.refused, 10));
    t.n = 0;
    ingest_rig_read(mock_kafka_bootstrap(t.rig.mock), INGEST_RIG_DLQ, rejects_keep, NULL);
    assert_int_equal(t.n, t.refused);
    for (size_t i = 0; i < t.n; i++) {
        if (px_str_is(t.letters[i].d.request_id, id)) {
            assert_null(found);
            found = &t.letters[i].d;
        }
    }
    if (!found) {
        fail_msg("no letter about %s", id);
    }
    assert_true(px_str_is(found->service, "svc-ingest") && found->topic.n == 0);
    assert_true(found->received_at > 0 && found->received_at <= found->at);
    assert_true(px_wall(&px_clock_system) - found->received_at < PX_US_PER_HOUR);
    return found;
}

static void rejects_field(const char *head, const char *name, char out[64]) {
    const char *at = strstr(head, name);

    assert_non_null(at);
    at += strlen(name);
    size_t n = strcspn(at, "\r");
    assert_true(n < 64);
    memcpy(out, at, n);
    out[n] = '\0';
}

/* --- one request, one event ---------------------------------------------------------------------
 */

struct row {
    struct ingest_ask ask;
    int status;
    struct px_dead_letter want; /* payload: what it begins with */
};

static void rejects_row(const struct row *r) {
    struct ingest_said s = ingest_rig_ask(&t.rig, &r->ask);
    char id[64];

    assert_int_equal(s.status, r->status);
    rejects_field(s.head, "X-Request-Id: ", id);
    t.refused++;
    const struct px_dead_letter *d = rejects_letter(id);
    assert_true(px_str_is(r->want.reason, s.code));
    if (!px_str_eq(d->reason, r->want.reason) || !px_str_eq(d->field, r->want.field) ||
        !px_str_eq(d->event_type, r->want.event_type) || !px_str_eq(d->source, r->want.source) ||
        d->broken_limit != r->want.broken_limit || d->payload_bytes != r->want.payload_bytes ||
        !px_str_starts(d->payload, r->want.payload)) {
        fail_msg("%s: %.*s %.*s %.*s %.*s limit %lld, %zu of %lld bytes: %.*s", r->ask.target,
                 PX_S_ARG(d->reason), PX_S_ARG(d->field), PX_S_ARG(d->event_type),
                 PX_S_ARG(d->source), (long long)d->broken_limit, d->payload.n,
                 (long long)d->payload_bytes, PX_S_ARG(d->payload));
    }
}

#define L(r, f, ty, so, limit, bytes, text)                                                        \
    {                                                                                              \
        .reason = PX_S_INIT(r), .field = PX_S_INIT(f), .event_type = PX_S_INIT(ty),                \
        .source = PX_S_INIT(so), .broken_limit = (limit), .payload_bytes = (bytes),                \
        .payload = PX_S_INIT(text)                                                                 \
    }
#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10
#define X150 X50 X50 X50

static void test_rejects_have_a_letter_each(void **state) {
    static const struct row rows[] = {
        {{.target = "/api/pixel/visit?bannerTag=b"},
         400,
         L("missing_field", "playerId", "visit", "pixel", 0, 0, "bannerTag=b")},
        {{.target = "/visit?bannerTag=b&playerId=" X150},
         400,
         L("too_long", "playerId", "visit", "pixel", 128, 171, "bannerTag=b&playerId=x")},
        {{.target = "/visit?bannerTag=b&playerId=p&s=" X150 X150},
         400,
         L("too_long", "attributes.s", "visit", "pixel", 256, 325, "bannerTag=b&playerId=p&s=x")},
        {{.target = "/visit?bannerTag=b&playerId=null&s=a%40b.example"},
         400,
         L("junk_value", "playerId", "visit", "pixel", 0, 41, "")},
        {{.target = "/api/pixel/nothing?playerId=p"},
         404,
         L("unknown_event_type", "eventType", "", "pixel", 0, 0, "/api/pixel/nothing")},
        {{.method = "POST",
          .target = "/api/events",
          .fields = JSON,
          .body = "{\"eventType\":\"visit\",\"playerId\":\"p\"}"},
         400,
         L("missing_field", "bannerTag", "visit", "json", 0, 0, "{\"eventType\":\"visit\"")},
        {{.method = "POST", .target = "/api/events", .fields = JSON, .body = "{\"a@b.example\":1}"},
         400,
         L("unknown_member", "", "", "json", 0, 17, "")},
        {{.method = "POST", .target = "/api/events", .fields = JSON, .body = "{\"eventType\":"},
         400,
         L("bad_json", "body", "", "events", 0, 0, "{\"eventType\":")},
        {{.method = "POST",
          .target = "/api/events",
          .fields = "Content-Type: application/xml\r\n",
          .body = "<event/>"},
         415,
         L("bad_content_type", "Content-Type", "", "events", 0, 0, "<event/>")},
        {{.method = "POST", .target = "/api/events", .fields = JSON, .body = "[]"},
         400,
         L("batch_size", "events", "", "batch", 500, 0, "[]")},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        rejects_row(&rows[i]);
    }
}

/* --- items of a batch ---------------------------------------------------------------------------
 */

/* The item of the answer ${body} behind ${index} has the letter ${w}. */
static void rejects_item(const char *body, const char *index, const struct px_dead_letter *w) {
    char id[37] = "";
    const char *at = strstr(body, index);

    assert_non_null(at);
    memcpy(id, at + strlen(index), 36);
    const struct px_dead_letter *d = rejects_letter(id);
    assert_true(px_str_eq(d->payload, w->payload));
    assert_int_equal(d->payload_bytes, w->payload_bytes);
    assert_true(px_str_eq(d->reason, w->reason) && px_str_eq(d->field, w->field));
    assert_true(px_str_eq(d->event_type, w->event_type) && px_str_eq(d->source, w->source));
}

static void test_rejects_of_a_batch_have_their_own_bytes(void **state) {
    (void)state;
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = JSON,
                           .body =
                               "{ \"events\": [ {\"eventType\":\"visit\",\"playerId\":\"first\"},"
                               "{\"eventType\":\"visit\",\"playerId\":\"good\",\"bannerTag\":"
                               "\"b\"}, [\"no event\"] , {\"eventType\":\"deposit\",\"playerId\":"
                               "\"null\",\"bannerTag\":\"] }\" } ] }"};
    static const struct {
        const char *index;
        struct px_dead_letter want;
    } rows[] = {
        {"\"index\":0,\"eventId\":\"", L("missing_field", "bannerTag", "visit", "batch", 0, 0,
                                         "{\"eventType\":\"visit\",\"playerId\":\"first\"}")},
        {"\"index\":2,\"eventId\":\"", L("bad_type", "event", "", "batch", 0, 0, "[\"no event\"]")},
        {"\"index\":3,\"eventId\":\"",
         L("junk_value", "playerId", "deposit", "batch", 0, 0,
           "{\"eventType\":\"deposit\",\"playerId\":\"null\",\"bannerTag\":\"] }\" }")},
    };

    struct ingest_said s = ingest_rig_ask(&t.rig, &a);

    assert_int_equal(s.status, 200);
    t.refused += 3;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        rejects_item(s.body, rows[i].index, &rows[i].want);
    }
}

/* What an event says of its client's address is cut or hashed on its way; a record must not hold it
 * whole, whatever the event was refused for. */
static void test_rejects_hold_no_address(void **state) {
    (void)state;
    static const char event[] =
        "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\",\"ip\":\"203.0.113.9\"}";
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = JSON,
                           .body = "[{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":"
                                   "\"b\",\"ip\":\"203.0.113.9\"},"
                                   "{\"eventType\":\"visit\",\"playerId\":\"null\",\"bannerTag\":"
                                   "\"b\",\"ip\":\"2001:db8::9\"},"
                                   "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":"
                                   "\"b\",\"ip\":\"203.0.113\"}]"};
    static const struct {
        const char *index;
        struct px_dead_letter want;
    } rows[] = {
        {"\"index\":0,\"eventId\":\"",
         L("needs_key", "ip", "visit", "batch", 0, sizeof event - 1, "")},
        {"\"index\":1,\"eventId\":\"",
         L("needs_key", "ip", "visit", "batch", 0, sizeof event + 2, "")},
        {"\"index\":2,\"eventId\":\"",
         L("needs_key", "ip", "visit", "batch", 0, sizeof event - 3, "")},
    };

    struct ingest_said s = ingest_rig_ask(&t.rig, &a);

    assert_int_equal(s.status, 200);
    t.refused += 3;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        rejects_item(s.body, rows[i].index, &rows[i].want);
    }
    a.body = "[{\"ip\":\"203.0.113.9\"}";
    s = ingest_rig_ask(&t.rig, &a);
    assert_int_equal(s.status, 400);
    char id[64];
    rejects_field(s.head, "X-Request-Id: ", id);
    t.refused++;
    assert_int_equal(rejects_letter(id)->payload.n, 0);
}

static void test_rejects_of_lines_have_their_own_bytes(void **state) {
    (void)state;
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = "Content-Type: application/x-ndjson\r\n",
                           .body = "{\"eventType\":\"visit\",\n"
                                   "{\"eventType\":\"visit\",\"playerId\":\"g\",\"bannerTag\":"
                                   "\"b\"}\r\n\n{\"eventType\":\"visit\",\"playerId\":\"last\"}"};
    static const struct {
        const char *index;
        struct px_dead_letter want;
    } rows[] = {
        {"\"index\":0,\"eventId\":\"",
         L("bad_json", "event", "", "ndjson", 0, 0, "{\"eventType\":\"visit\",")},
        {"\"index\":2,\"eventId\":\"", L("missing_field", "bannerTag", "visit", "ndjson", 0, 0,
                                         "{\"eventType\":\"visit\",\"playerId\":\"last\"}")},
    };

    struct ingest_said s = ingest_rig_ask(&t.rig, &a);

    assert_int_equal(s.status, 200);
    t.refused += 2;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        rejects_item(s.body, rows[i].index, &rows[i].want);
    }
}

/* --- too large ----------------------------------------------------------------------------------
 */

/* ${head}, then ${n} letters x; the answer must be ${status}. */
static const struct px_dead_letter *rejects_oversized(const char *head, size_t n, int status) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    struct raw c;
    struct raw_answer a;
    char id[64];

    px_buf_c(&b, head);
    for (size_t i = 0; i < n; i++) {
        px_buf_byte(&b, 'x');
    }
    if (strncmp(head, "GET", 3) == 0) {
        px_buf_c(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    raw_open(&c, t.rig.port);
    raw_send(&c, px_buf_view(&b));
    assert_true(raw_next(&c, false, &a, NULL));
    raw_close(&c);
    assert_int_equal(a.status, status);
    rejects_field(a.head, "X-Request-Id: ", id);
    t.refused++;
    return rejects_letter(id);
}

static void test_rejects_of_too_large_ones_say_how_large(void **state) {
    static const struct {
        const char *head;
        size_t n;
        int status;
        struct px_dead_letter want;
        size_t kept; /* bytes, at least */
    } rows[] = {
        {"GET /visit?playerId=p&s=", 4090, 414,
         L("query_too_long", "query", "visit", "pixel", 4096, 4103, "playerId=p&s=xxx"), 410},
        {"GET /api/pixel/visit?playerId=p&s=", 9000, 414,
         L("query_too_long", "query", "visit", "pixel", 8192, -1, "playerId=p&s=xxx"), 512},
        {"POST /api/events HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 1000000\r\n\r\n{\"a\":\"",
         2000, 413, L("body_too_large", "body", "", "events", 262144, 1000000, "{\"a\":\"xxx"),
         128},
        {"POST /api/events HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 1000000\r\n\r\n", 0, 413,
         L("body_too_large", "body", "", "events", 262144, 1000000, ""), 0},
        {"POST /api/events HTTP/1.1\r\nHost: a\r\n" JSON
         "Transfer-Encoding: chunked\r\n\r\n40001\r\n{\"a\":\"",
         2000, 413, L("body_too_large", "body", "", "events", 262144, -1, ""), 0},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        const struct px_dead_letter *w = &rows[i].want;
        const struct px_dead_letter *d = rejects_oversized(rows[i].head, rows[i].n, rows[i].status);
        if (!px_str_eq(d->reason, w->reason) || !px_str_eq(d->field, w->field) ||
            !px_str_eq(d->event_type, w->event_type) || !px_str_eq(d->source, w->source) ||
            d->broken_limit != w->broken_limit ||
            (w->payload_bytes >= 0 && d->payload_bytes != w->payload_bytes) ||
            !px_str_starts(d->payload, w->payload) || d->payload.n < rows[i].kept ||
            d->payload.n > 512) {
            fail_msg("row %zu: %.*s %.*s %.*s %.*s limit %lld, %zu of %lld bytes: %.*s", i,
                     PX_S_ARG(d->reason), PX_S_ARG(d->field), PX_S_ARG(d->event_type),
                     PX_S_ARG(d->source), (long long)d->broken_limit, d->payload.n,
                     (long long)d->payload_bytes, PX_S_ARG(d->payload));
        }
    }
}

/* Nobody can see what is in it, not even whether it is personal. */
static void test_rejects_hold_nothing_of_compressed_bodies(void **state) {
    static const char head[] = "POST /api/events HTTP/1.1\r\nHost: a\r\n" JSON
                               "Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n";
    (void)state;

    const struct px_dead_letter *d = rejects_oversized(head, 2000, 413);
    assert_true(px_str_is(d->reason, "body_too_large"));
    assert_int_equal(d->payload.n, 0);
    assert_int_equal(d->payload_bytes, 1000000);
}

/* What the log finds too large is known as its sender sees it, and as it would have stood there. */
static void test_rejects_of_the_log_say_what_it_was(void **state) {
    (void)state;
    assert_int_equal(ingest_rig_get(&t.rig, "/visit?playerId=p&bannerTag=b").status, 200);
    mock_kafka_errors(t.rig.mock, MOCK_KAFKA_PRODUCE, MOCK_KAFKA_TOO_LARGE, 1);

    struct ingest_said s =
        ingest_rig_get(&t.rig, "/visit?playerId=p-large&bannerTag=b&s=" X150 "&eid=mine");

    mock_kafka_errors_clear(t.rig.mock, MOCK_KAFKA_PRODUCE);
    char id[64];
    assert_int_equal(s.status, 413);
    rejects_field(s.head, "X-Request-Id: ", id);
    t.refused++;
    const struct px_dead_letter *d = rejects_letter(id);
    assert_true(px_str_is(d->reason, "too_large_for_log") && px_str_is(d->field, "event"));
    assert_true(px_str_is(d->event_type, "visit") && px_str_is(d->source, "pixel"));
    assert_int_equal(d->payload.n, 128);
    assert_true(d->payload_bytes > 200 && d->payload_bytes < 400);
    assert_non_null(memmem(d->payload.p, d->payload.n, "p-large", 7));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejects_have_a_letter_each),
        cmocka_unit_test(test_rejects_of_a_batch_have_their_own_bytes),
        cmocka_unit_test(test_rejects_hold_no_address),
        cmocka_unit_test(test_rejects_of_lines_have_their_own_bytes),
        cmocka_unit_test(test_rejects_of_too_large_ones_say_how_large),
        cmocka_unit_test(test_rejects_hold_nothing_of_compressed_bodies),
        cmocka_unit_test(test_rejects_of_the_log_say_what_it_was),
    };
    return cmocka_run_group_tests(tests, rejects_setup, rejects_teardown);
}
