/* Dry runs: the verdict of an event that is not sent, and that nothing else happens. */
#include "unit.h"

#include "ingest_rig.h"

#include <string.h>

#define JSON  "Content-Type: application/json\r\n"
#define LINES "Content-Type: application/x-ndjson\r\n"
#define GZIP  "Content-Encoding: gzip\r\n"
#define EVENT "\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\""

static int dry_run_setup(void **state) {
    static const char *const sets[] = {"Events:ClientTime=any", NULL};
    static struct ingest_rig rig;

    ingest_rig_open(&rig, sets);
    *state = &rig;
    return 0;
}

static int dry_run_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

struct book {
    long accepted, rejected, letters, queued;
};

static struct book book_of(const struct ingest_rig *r) {
    return (struct book){
        .accepted = ingest_rig_metric(r, "px_events_accepted_total{type=\"visit\"}"),
        .rejected = ingest_rig_metric(r, "px_events_rejected_total{reason=\"missing_field\"}"),
        .letters = ingest_rig_metric(r, "px_dlq_records_total{outcome=\"stored\"}"),
        .queued = ingest_rig_metric(r, "px_kafka_deliveries_total{outcome=\"persisted\"}")};
}

static void test_dry_run_tries_an_event_without_sending_it(void **state) {
    static const struct {
        const char *method, *target, *fields, *body, *want;
    } rows[] = {
        {"GET", "/visit?playerId=p&bannerTag=b&utm%5Fx=1&%zz=2&dryRun=1", NULL, NULL,
         "{\"dryRun\":true,\"valid\":true,\"trafficClass\":\"unknown\",\"errors\":[],\"dropped\":["
         "\"utm_x\",\"%zz\"]}"},
        {"GET", "/visit?playerId=p&eid=e&dryRun=true", "Accept: image/*\r\n", NULL,
         "{\"dryRun\":true,\"valid\":false,\"clientEventId\":\"e\",\"trafficClass\":\"unknown\","
         "\"errors\":[{\"field\":"
         "\"bannerTag\",\"code\":\"missing_field\",\"message\":\"is required\"}],\"dropped\":[]}"},
        {"GET", "/visit?sid=null", "Prefer: respond-async\r\nPrefer: handling=dry-run\r\n", NULL,
         "\"field\":\"sid\",\"code\":\"junk_value\""},
        {"GET", "/visit?sid=none", "Prefer: handling=\"dry-run\"\r\n", NULL, "\"dryRun\":true"},
        {"POST", "/api/events?dry%52un=%31", JSON, "{" EVENT "}", "\"dryRun\":true"},
        {"GET", "/api/pixel/nothing?dryRun=1", NULL, NULL, "\"code\":\"unknown_event_type\""},
        {"POST", "/api/events?dryRun=1", JSON, "{" EVENT ",\"timestamp\":\"1999-01-01T00:00:00Z\"}",
         "{\"dryRun\":true,\"valid\":true,\"timestampReplaced\":true,"},
        {"POST", "/api/events", JSON "Prefer: handling=dry-run\r\n",
         "{" EVENT ",\"attributes\":{\"z\":1,\"s\":7},\"more\":1}",
         "\"errors\":[{\"field\":\"more\",\"code\":\"unknown_member\",\"message\":\"is not a known "
         "member\"},{\"field\":\"attributes.s\",\"code\":\"bad_type\",\"message\":\"has the wrong "
         "type\"}],\"dropped\":[\"z\"]}"},
    };
    struct book before = book_of(*state);
    long valid = ingest_rig_metric(*state, "px_events_dry_run_total{verdict=\"valid\"}");
    long invalid = ingest_rig_metric(*state, "px_events_dry_run_total{verdict=\"invalid\"}");

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_ask a = {.method = rows[i].method,
                               .target = rows[i].target,
                               .fields = rows[i].fields,
                               .body = rows[i].body};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, 200);
        assert_string_equal(s.type, "application/json");
        ingest_rig_holds(s.body, rows[i].want);
        assert_string_equal(s.id, "");
        bool preferred = rows[i].fields && strstr(rows[i].fields, "Prefer");
        assert_int_equal(strstr(s.head, "Preference-Applied: handling=dry-run") != NULL, preferred);
    }
    struct book after = book_of(*state);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(ingest_rig_metric(*state, "px_events_dry_run_total{verdict=\"valid\"}"),
                     valid + 3);
    assert_int_equal(ingest_rig_metric(*state, "px_events_dry_run_total{verdict=\"invalid\"}"),
                     invalid + 5);
}

static void test_dry_run_tries_a_batch(void **state) {
    struct book before = book_of(*state);
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events?dryRun=1",
                           .fields = LINES "Idempotency-Key: k\r\n",
                           .body = "{" EVENT "}\n{\"eventType\":\n{" EVENT
                                   ",\"eventId\":\"k/0\"}\n{\"eventType\":\"visit\"}"};

    struct ingest_said s = ingest_rig_ask(*state, &a);

    assert_int_equal(s.status, 200);
    ingest_rig_holds(
        s.body,
        "{\"dryRun\":true,\"results\":[{\"index\":0,\"valid\":true,"
        "\"clientEventId\":\"k/0\",\"trafficClass\":\"unknown\",\"errors\":[],\"dropped\":[]},");
    ingest_rig_holds(s.body, "{\"index\":1,\"valid\":false,\"trafficClass\":\"unknown\",\"errors\":"
                             "[{\"field\":\"event\",\"code\":"
                             "\"bad_json\",");
    ingest_rig_holds(s.body, "{\"index\":2,\"valid\":true,\"clientEventId\":\"k/"
                             "0\",\"trafficClass\":\"unknown\",\"errors\":[],"
                             "\"dropped\":[],\"duplicateOf\":0},");
    ingest_rig_holds(s.body,
                     "\"clientEventId\":\"k/"
                     "3\",\"trafficClass\":\"unknown\",\"errors\":[{\"field\":\"playerId\",");
    ingest_rig_holds(s.body, "],\"valid\":false}");
    struct book after = book_of(*state);
    assert_memory_equal(&before, &after, sizeof before);
}

static void test_dry_run_refuses_requests_of_dry_runs_without_a_trace(void **state) {
    static const struct {
        const char *target, *fields, *body;
        int status;
        const char *code;
    } rows[] = {
        {"/api/events?dryRun=1", JSON, "{", 400, "bad_json"},
        {"/api/events?dryRun=1", JSON, "[]", 400, "batch_size"},
        {"/api/events?dryRun=1", JSON, "{\"events\":7}", 400, "bad_type"},
        {"/api/events?dryRun=1", "Content-Type: a/b\r\n", "{", 415, "bad_content_type"},
        {"/api/events?dryRun=1", JSON GZIP, "{", 400, "bad_compression"},
    };
    const char *series = "px_dlq_records_total{outcome=\"stored\"}";
    long letters = ingest_rig_metric(*state, series);

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_ask a = {.method = "POST",
                               .target = rows[i].target,
                               .fields = rows[i].fields,
                               .body = rows[i].body};
        struct ingest_said s = ingest_rig_ask(*state, &a);
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
    }
    /* one that is recorded comes behind them: what it finds there would be theirs */
    assert_int_equal(ingest_rig_post(*state, JSON, "{\"eventType\":7}").status, 400);
    assert_true(ingest_rig_metric_until(*state, series, letters + 1, 10));
    assert_int_equal(ingest_rig_metric(*state, series), letters + 1);
}

static void test_dry_run_sends_nothing_when_dry_run_is_misspelt(void **state) {
    struct book before = book_of(*state);
    static const char *const targets[] = {"/visit?playerId=p&bannerTag=b&dryRun=yes",
                                          "/visit?playerId=p&bannerTag=b&dryRun",
                                          "/visit?playerId=p&bannerTag=b&dryRun=0&dryRun=1"};

    for (size_t i = 0; i < PX_ARRAY_LEN(targets); i++) {
        struct ingest_said s = ingest_rig_get(*state, targets[i]);
        assert_int_equal(s.status, 400);
        ingest_rig_holds(s.body, "\"field\":\"dryRun\"");
    }
    struct ingest_ask a = {
        .method = "POST", .target = "/api/events?dryRun=on", .fields = JSON, .body = "{" EVENT "}"};
    ingest_rig_holds(ingest_rig_ask(*state, &a).body, "\"field\":\"dryRun\"");
    assert_int_equal(book_of(*state).queued, before.queued);
    assert_int_equal(ingest_rig_get(*state, "/visit?playerId=p&bannerTag=b&dryRun=0").status, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dry_run_tries_an_event_without_sending_it),
        cmocka_unit_test(test_dry_run_tries_a_batch),
        cmocka_unit_test(test_dry_run_refuses_requests_of_dry_runs_without_a_trace),
        cmocka_unit_test(test_dry_run_sends_nothing_when_dry_run_is_misspelt),
    };
    return cmocka_run_group_tests(tests, dry_run_setup, dry_run_teardown);
}
