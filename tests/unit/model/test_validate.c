/* Validation: hostile ids, attributes of every kind, times, personal data, all issues in one pass.
 */
#include <px/validate.h>

#include <stdio.h>

#include "model_fixture.h"
#include "unit.h"
#include "validate_rig.h"

static void test_validate_accepts_a_plain_event(void **state) {
    struct validate_rig *g = *state;
    struct px_raw_event raw = vrig_plain();
    raw.client_event_id = PX_S("c-1");
    raw.session_id = PX_S("s-1");
    raw.source_ip = PX_S("192.0.2.1");
    raw.user_agent = PX_S("curl/8");
    raw.traffic_class = PX_S("browser");
    raw.traceparent = PX_S("00-0-0-01");

    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_int_equal(g->verdict.nissues, 0);
    const struct px_event *e = &g->event;
    assert_int_equal(e->id.b[15], 7);
    assert_true(e->received_at == VRIG_NOW && e->occurred_at == 0 && px_event_time(e) == VRIG_NOW);
    assert_true(px_str_is(e->event_type, "visit") && px_str_is(e->player_id, "player_12345"));
    assert_true(px_str_is(e->banner_tag, "spring") && px_str_is(e->client_event_id, "c-1"));
    assert_true(px_str_is(e->session_id, "s-1") && px_str_is(e->source_ip, "192.0.2.1"));
    assert_true(px_str_is(e->user_agent, "curl/8") && px_str_is(e->traffic_class, "browser"));
    assert_true(px_str_is(e->traceparent, "00-0-0-01"));
    assert_int_equal(e->nattrs, 0);
}

static char id128[129];
#define ID(lit) PX_S_INIT(lit)
static const struct {
    struct px_str id;
    int reason; /* -1: accepted */
} ids[] = {
    {ID("a"), -1},
    {{.p = id128, .n = 128}, -1},
    {{.p = id128, .n = 129}, PX_REASON_TOO_LONG},
    {ID(" a b "), -1}, /* kept as sent */
    {ID("\xf0\x9f\x98\x80"), -1},
    {ID("nullable"), -1},
    {ID("nul"), -1},
    {ID("none"), -1},
    {ID("0"), -1},
    {ID("00000000-0000-0000-0000-000000000001"), -1},
    {ID(""), PX_REASON_EMPTY_VALUE},
    {ID("a\0b"), PX_REASON_NUL_BYTE},
    {ID("\0"), PX_REASON_NUL_BYTE},
    {ID("a\xff"), PX_REASON_BAD_UTF8},
    {ID("\xc0\xaf"), PX_REASON_BAD_UTF8},         /* overlong slash */
    {ID("\xe0\x80\xaf"), PX_REASON_BAD_UTF8},     /* overlong again */
    {ID("\xed\xa0\x80"), PX_REASON_BAD_UTF8},     /* a surrogate */
    {ID("\xf4\x90\x80\x80"), PX_REASON_BAD_UTF8}, /* past U+10FFFF */
    {ID("\xe2\x82"), PX_REASON_BAD_UTF8},         /* cut short */
    {ID("a\nb"), PX_REASON_CONTROL_CHARACTER},
    {ID("\x7f"), PX_REASON_CONTROL_CHARACTER},
    {ID("\xc2\x85"), PX_REASON_CONTROL_CHARACTER}, /* U+0085 */
    {ID("null"), PX_REASON_JUNK_VALUE},
    {ID("NULL"), PX_REASON_JUNK_VALUE},
    {ID("undefined"), PX_REASON_JUNK_VALUE},
    {ID("[object Object]"), PX_REASON_JUNK_VALUE},
    {ID("[OBJECT OBJECT]"), PX_REASON_JUNK_VALUE},
    {ID("NaN"), PX_REASON_JUNK_VALUE},
    {ID("00000000-0000-0000-0000-000000000000"), PX_REASON_JUNK_VALUE},
};

static void try_id(struct validate_rig *g, size_t i, struct px_raw_event *raw, struct px_str *field,
                   const char *name) {
    struct px_str before = *field;
    *field = ids[i].id;
    enum px_code rc = vrig_judge(g, raw);
    if (ids[i].reason < 0) {
        assert_int_equal(rc, PX_OK);
    } else {
        assert_int_equal(rc, PX_INVALID);
        assert_int_equal(g->verdict.nissues, 1);
        vrig_expect(g, 0, (enum px_reason)ids[i].reason, name);
    }
    *field = before;
}

static void test_validate_ids(void **state) {
    struct validate_rig *g = *state;
    memset(id128, 'x', sizeof id128);
    for (size_t i = 0; i < PX_ARRAY_LEN(ids); i++) {
        struct px_raw_event raw = vrig_plain();
        try_id(g, i, &raw, &raw.player_id, "playerId");
        try_id(g, i, &raw, &raw.banner_tag, "bannerTag");
        try_id(g, i, &raw, &raw.client_event_id, "eventId");
        try_id(g, i, &raw, &raw.session_id, "sessionId");
    }
    /* kept as sent */
    struct px_raw_event raw = vrig_plain();
    raw.player_id = PX_S(" A b ");
    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_true(px_str_is(g->event.player_id, " A b "));
}

static void test_validate_personal_data_by_field(void **state) {
    struct validate_rig *g = *state;
    struct px_raw_event raw = vrig_plain();
    raw.player_id = PX_S("ann@example.com"); /* the operator's own choice of ids */
    raw.banner_tag = PX_S("4111111111111111");
    assert_int_equal(vrig_judge(g, &raw), PX_OK);

    raw.client_event_id = PX_S("ann@example.com");
    raw.session_id = PX_S("4111 1111 1111 1111");
    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    assert_int_equal(g->verdict.nissues, 2);
    vrig_expect(g, 0, PX_REASON_EMAIL_ADDRESS, "eventId");
    vrig_expect(g, 1, PX_REASON_CARD_NUMBER, "sessionId");
}

static void test_validate_finds_all_issues_in_one_pass(void **state) {
    struct validate_rig *g = *state;
    const struct px_raw_attr attrs[] = {
        {.name = PX_S("s"), .kind = PX_ATTR_INT, .i = 1},
        {.name = PX_S("b"), .kind = PX_ATTR_TEXT, .text = PX_S("ann@example.com")},
        {.name = PX_S("unheard"), .kind = PX_ATTR_TEXT, .text = PX_S("bo@example.com")},
    };
    struct px_raw_event raw = {.event_type = PX_S("deposit"),
                               .banner_tag = PX_S(""),
                               .client_event_id = PX_S("null"),
                               .timestamp = PX_S("yesterday"),
                               .attrs = attrs,
                               .nattrs = PX_ARRAY_LEN(attrs)};

    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    assert_int_equal(g->verdict.nissues, 6);
    vrig_expect(g, 0, PX_REASON_MISSING_FIELD, "playerId");
    vrig_expect(g, 1, PX_REASON_EMPTY_VALUE, "bannerTag");
    vrig_expect(g, 2, PX_REASON_JUNK_VALUE, "eventId");
    vrig_expect(g, 3, PX_REASON_BAD_TIMESTAMP, "timestamp");
    vrig_expect(g, 4, PX_REASON_BAD_TYPE, "attributes.s");
    vrig_expect(g, 5, PX_REASON_EMAIL_ADDRESS, "attributes.b");
    assert_int_equal(g->verdict.dropped, 1);
}

static void test_validate_keeps_issues_of_the_caller(void **state) {
    struct validate_rig *g = *state;
    struct px_raw_event raw = vrig_plain();
    g->verdict = (struct px_verdict){.nissues = 0};
    px_verdict_add(&g->verdict, PX_REASON_BAD_ESCAPE, "s");
    g->event = (struct px_event){.received_at = VRIG_NOW};
    raw.banner_tag = PX_S("");

    assert_int_equal(px_validate(&g->args, &raw, &g->event, &g->verdict), PX_INVALID);
    assert_int_equal(g->verdict.nissues, 2);
    vrig_expect(g, 0, PX_REASON_BAD_ESCAPE, "s");
    vrig_expect(g, 1, PX_REASON_EMPTY_VALUE, "bannerTag");
    assert_null(g->event.player_id.p); /* untouched on failure */
}

static void test_validate_event_types(void **state) {
    struct validate_rig *g = *state;
    struct px_raw_event raw = vrig_plain();
    raw.event_type = PX_S("Visit");
    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    vrig_expect(g, 0, PX_REASON_UNKNOWN_TYPE, "eventType");
    raw.event_type = PX_S("");
    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    vrig_expect(g, 0, PX_REASON_EMPTY_VALUE, "eventType");
    raw.event_type = (struct px_str){.p = NULL, .n = 0};
    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    vrig_expect(g, 0, PX_REASON_MISSING_FIELD, "eventType");
    raw.event_type = PX_S("visit\0");
    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    vrig_expect(g, 0, PX_REASON_UNKNOWN_TYPE, "eventType");
}

static void test_validate_timestamps(void **state) {
    static const struct {
        const char *text;
        int64_t want;  /* occurred_at */
        bool replaced; /* outside the window */
        int reason;    /* -1: accepted */
    } rows[] = {
        {"2026-11-21T10:00:00Z", VRIG_NOW, false, -1},
        {"2026-11-21T11:00:00+01:00", VRIG_NOW, false, -1},
        {"2026-11-21T10:05:00Z", VRIG_NOW + 5 * PX_US_PER_MIN, false, -1},
        {"2026-11-21T10:05:00.000001Z", 0, true, -1},
        {"2026-10-22T10:00:00Z", VRIG_NOW - 30 * PX_US_PER_DAY, false, -1},
        {"2026-10-22T09:59:59.999999Z", 0, true, -1},
        {"1970-01-01T00:00:00Z", 0, true, -1},
        {"9999-12-31T23:59:59Z", 0, true, -1},
        {"", 0, false, PX_REASON_EMPTY_VALUE},
        {"2026-11-21", 0, false, PX_REASON_BAD_TIMESTAMP},
        {"2026-11-21T10:00:00", 0, false, PX_REASON_BAD_TIMESTAMP},
        {"2026-02-30T10:00:00Z", 0, false, PX_REASON_BAD_TIMESTAMP},
        {"1795255200", 0, false, PX_REASON_BAD_TIMESTAMP},
        {"now", 0, false, PX_REASON_BAD_TIMESTAMP},
    };
    struct validate_rig *g = *state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_raw_event raw = vrig_plain();
        raw.timestamp = px_str_c(rows[i].text);
        enum px_code rc = vrig_judge(g, &raw);
        assert_int_equal(rc, rows[i].reason < 0 ? PX_OK : PX_INVALID);
        if (rc == PX_OK) {
            assert_true(g->event.occurred_at == rows[i].want);
            assert_int_equal(g->verdict.time_replaced, rows[i].replaced);
        } else {
            vrig_expect(g, 0, (enum px_reason)rows[i].reason, "timestamp");
        }
    }
}

static void test_validate_user_agents(void **state) {
    struct validate_rig *g = *state;
    char longer[300];
    char want[257];
    struct px_raw_event raw = vrig_plain();

    raw.user_agent = PX_S("a\xff"
                          "b\x01"
                          "c\xed\xa0\x80"
                          "d\xe2\x82\xac");
    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_true(px_str_is(g->event.user_agent, "a?b?c???d\xe2\x82\xac"));

    memset(longer, 'x', sizeof longer);
    memcpy(longer + 255, "\xe2\x82\xac", 3); /* a character across the limit */
    memset(want, 'x', sizeof want);
    raw.user_agent = (struct px_str){.p = longer, .n = sizeof longer};
    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_true(px_str_eq(g->event.user_agent, (struct px_str){.p = want, .n = 255}));

    memcpy(longer + 255, "xyz", 3);
    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_true(px_str_eq(g->event.user_agent, (struct px_str){.p = want, .n = 256}));
}

static void test_validate_without_memory(void **state) {
    struct validate_rig *g = *state;
    struct px_arena tiny;
    px_arena_init(&tiny, 8);
    struct px_validate_args args = {.catalog = g->cat, .policy = &g->policy, .arena = &tiny};
    const struct px_raw_attr s = {.name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = PX_S("1")};
    struct px_raw_event raw = vrig_plain();
    struct px_verdict v = {.nissues = 0};
    struct px_event e = {.received_at = VRIG_NOW};

    raw.attrs = &s;
    raw.nattrs = 1;
    assert_int_equal(px_validate(&args, &raw, &e, &v), PX_NOMEM);
    raw.nattrs = 0;
    raw.user_agent = PX_S("\xff");
    assert_int_equal(px_validate(&args, &raw, &e, &v), PX_NOMEM);
    assert_null(e.player_id.p);
    px_arena_fini(&tiny);
}

static void test_verdict_keeps_the_first_issues(void **state PX_UNUSED) {
    struct px_verdict v = {.nissues = 0};
    char longer[100];
    memset(longer, 'f', sizeof longer);
    longer[99] = '\0';
    for (size_t i = 0; i < PX_MAX_ISSUES + 5; i++) {
        px_verdict_add(&v, i == 0 ? PX_REASON_BAD_ESCAPE : PX_REASON_TOO_LONG, longer);
    }
    assert_int_equal(v.nissues, PX_MAX_ISSUES);
    assert_int_equal(v.issues[0].reason, PX_REASON_BAD_ESCAPE);
    assert_int_equal(strlen(v.issues[0].field), sizeof v.issues[0].field - 1);
}

static void test_reason_facts(void **state PX_UNUSED) {
    for (unsigned i = 0; i < PX_REASON_COUNT; i++) {
        assert_true(strlen(px_reason_code((enum px_reason)i)) > 2);
        assert_true(strlen(px_reason_text((enum px_reason)i)) > 2);
        assert_in_range(px_reason_http((enum px_reason)i), 400, 499);
    }
    assert_string_equal(px_reason_code(PX_REASON_UNKNOWN_TYPE), "unknown_event_type");
    assert_int_equal(px_reason_http(PX_REASON_UNKNOWN_TYPE), 404);
}

/* --- events read from the log --- */

static void test_event_check(void **state) {
    struct validate_rig *g = *state;
    const struct px_event_type *type = NULL;
    struct px_issue issue;
    const struct px_event good = model_event("visit", "null", "spring", VRIG_NOW);
    static char big[600];
    memset(big, 'x', sizeof big);
    struct px_event e = good;

    assert_true(px_event_check(g->cat, &e, &type, &issue)); /* junk was ingest's to judge */
    assert_ptr_equal(type, px_catalog_find(g->cat, PX_S("visit")));
    type = NULL;

    struct {
        struct px_str *field;
        struct px_str value;
        enum px_reason reason;
        const char *name;
    } rows[] = {
        {&e.event_type, PX_S("visits"), PX_REASON_UNKNOWN_TYPE, "event_type"},
        {&e.player_id, PX_S(""), PX_REASON_EMPTY_VALUE, "player_id"},
        {&e.player_id, {big, 129}, PX_REASON_TOO_LONG, "player_id"},
        {&e.banner_tag, PX_S("a\nb"), PX_REASON_CONTROL_CHARACTER, "banner_tag"},
        {&e.banner_tag, PX_S("\xff"), PX_REASON_BAD_UTF8, "banner_tag"},
        {&e.banner_tag, PX_S("a\0b"), PX_REASON_NUL_BYTE, "banner_tag"},
        {&e.client_event_id, {big, 129}, PX_REASON_TOO_LONG, "client_event_id"},
        {&e.session_id, {big, 129}, PX_REASON_TOO_LONG, "session_id"},
        {&e.source_ip, {big, 600}, PX_REASON_TOO_LONG, "source_ip"},
        {&e.user_agent, {big, 600}, PX_REASON_TOO_LONG, "user_agent"},
        {&e.traffic_class, {big, 65}, PX_REASON_TOO_LONG, "traffic_class"},
        {&e.traffic_reason, {big, 65}, PX_REASON_TOO_LONG, "traffic_reason"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        e = good;
        *rows[i].field = rows[i].value;
        assert_false(px_event_check(g->cat, &e, &type, &issue));
        assert_string_equal(issue.field, rows[i].name);
        assert_int_equal(issue.reason, rows[i].reason);
        assert_null(type);
    }
}

static void test_event_check_times(void **state) {
    struct validate_rig *g = *state;
    const struct px_event_type *type = NULL;
    struct px_issue issue;
    static const struct {
        px_us received, occurred;
        bool good;
    } rows[] = {
        {VRIG_NOW, 0, true},
        {VRIG_NOW, VRIG_NOW, true},
        {0, 0, false},
        {-1, 0, false},
        {VRIG_NOW, -1, false},
        {INT64_MAX, 0, false},
        {VRIG_NOW, INT64_MIN, false},
        {1, 1, true},
        {INT64_C(253402300799999999), 0, true},
        {INT64_C(253402300800000000), 0, false},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_event e = model_event("visit", "p", "b", rows[i].received);
        e.occurred_at = rows[i].occurred;
        assert_int_equal(px_event_check(g->cat, &e, &type, &issue), rows[i].good);
        if (!rows[i].good) {
            assert_int_equal(issue.reason, PX_REASON_OUT_OF_RANGE);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate_accepts_a_plain_event),
        cmocka_unit_test(test_validate_ids),
        cmocka_unit_test(test_validate_personal_data_by_field),
        cmocka_unit_test(test_validate_finds_all_issues_in_one_pass),
        cmocka_unit_test(test_validate_keeps_issues_of_the_caller),
        cmocka_unit_test(test_validate_event_types),
        cmocka_unit_test(test_validate_timestamps),
        cmocka_unit_test(test_validate_user_agents),
        cmocka_unit_test(test_validate_without_memory),
        cmocka_unit_test(test_verdict_keeps_the_first_issues),
        cmocka_unit_test(test_reason_facts),
        cmocka_unit_test(test_event_check),
        cmocka_unit_test(test_event_check_times),
    };
    return cmocka_run_group_tests(tests, vrig_setup, vrig_teardown);
}
