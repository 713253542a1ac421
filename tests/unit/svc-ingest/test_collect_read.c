/* JSON -> raw fields. */
#include "unit.h"

#include "fields.h"
#include "ing_catalog.h"

#include <stdio.h>
#include <string.h>

#define EUROS "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"

struct read_case {
    struct px_arena arena;
    struct px_json *doc;
    struct ing_fields f;
};

static void read_json(struct read_case *c, const struct px_catalog *cat, const char *text) {
    struct px_err err = PX_ERR_INIT;

    px_arena_init(&c->arena, 1 << 20);
    if (px_json_parse(px_str_c(text), 1 << 18, &c->doc, &err)) {
        fail_msg("%s: %s", text, err.msg);
    }
    assert_int_equal(ing_collect_read(cat, px_json_root(c->doc), &c->arena, &c->f, NULL), PX_OK);
}

static void read_done(struct read_case *c) {
    px_json_free(c->doc);
    px_arena_fini(&c->arena);
}

static void assert_text(struct px_str s, const char *want) {
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

static void test_collect_read_takes_all_members(void **state) {
    struct read_case c;
    read_json(&c, *state,
              "{\"attributes\":{\"s\":\"x\",\"amountMinor\":1250,\"nope\":{},\"b\":null},"
              "\"eventType\":\"deposit\","
              "\"playerId\":\"p\",\"bannerTag\":\"b\",\"eventId\":\"e\",\"timestamp\":\"t\","
              "\"sessionId\":\"s\"}");

    assert_int_equal(c.f.early.nissues, 0);
    assert_text(c.f.raw.event_type, "deposit");
    assert_text(c.f.raw.player_id, "p");
    assert_text(c.f.raw.banner_tag, "b");
    assert_text(c.f.raw.client_event_id, "e");
    assert_text(c.f.raw.timestamp, "t");
    assert_text(c.f.raw.session_id, "s");
    assert_int_equal(c.f.dropped, 1);
    assert_int_equal(c.f.raw.nattrs, 2);
    assert_int_equal(c.f.raw.attrs[0].kind, PX_ATTR_TEXT);
    assert_int_equal(c.f.raw.attrs[1].kind, PX_ATTR_INT);
    assert_int_equal(c.f.raw.attrs[1].i, 1250);
    read_done(&c);
}

static void test_collect_read_counts_null_as_absent(void **state) {
    struct read_case c;
    read_json(&c, *state,
              "{\"eventType\":\"visit\",\"playerId\":null,\"eventId\":null,\"attributes\":null}");

    assert_int_equal(c.f.early.nissues, 0);
    assert_null(c.f.raw.player_id.p);
    assert_null(c.f.raw.client_event_id.p);
    read_done(&c);
}

static void test_collect_read_names_what_is_wrong(void **state) {
    static const struct {
        const char *json;
        enum px_reason reason;
        const char *field;
    } rows[] = {
        {"[]", PX_REASON_BAD_TYPE, "event"},
        {"7", PX_REASON_BAD_TYPE, "event"},
        {"{\"eventType\":\"visit\",\"playerId\":7}", PX_REASON_BAD_TYPE, "playerId"},
        {"{\"eventType\":\"visit\",\"timestamp\":1795255200}", PX_REASON_BAD_TIMESTAMP,
         "timestamp"},
        {"{\"eventType\":\"visit\",\"timestamp\":1795255200000}", PX_REASON_BAD_TIMESTAMP,
         "timestamp"},
        {"{\"eventType\":\"visit\",\"timestamp\":-1}", PX_REASON_BAD_TIMESTAMP, "timestamp"},
        {"{\"eventType\":\"visit\",\"timestamp\":1795255200.5}", PX_REASON_BAD_TIMESTAMP,
         "timestamp"},
        {"{\"eventType\":\"visit\",\"timestamp\":{}}", PX_REASON_BAD_TIMESTAMP, "timestamp"},
        {"{\"eventType\":\"visit\",\"playerid\":\"p\"}", PX_REASON_UNKNOWN_MEMBER, "playerid"},
        {"{\"eventType\":\"visit\",\"metadata\":null}", PX_REASON_UNKNOWN_MEMBER, "metadata"},
        {"{\"eventType\":\"visit\",\"attributes\":[]}", PX_REASON_BAD_TYPE, "attributes"},
        {"{\"eventType\":\"visit\",\"attributes\":{\"s\":[]}}", PX_REASON_BAD_TYPE, "attributes.s"},
        {"{\"eventType\":\"visit\",\"attributes\":{\"s\":{}}}", PX_REASON_BAD_TYPE, "attributes.s"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct read_case c;
        read_json(&c, *state, rows[i].json);
        assert_int_equal(c.f.early.nissues, 1);
        assert_int_equal(c.f.early.issues[0].reason, rows[i].reason);
        assert_string_equal(c.f.early.issues[0].field, rows[i].field);
        read_done(&c);
    }
}

static void test_collect_read_cuts_a_long_stranger(void **state) {
    char json[600] = "{\"";
    memset(json + 2, 'x', 500);
    memcpy(json + 502, "\":1}", 5);
    struct read_case c;
    read_json(&c, *state, json);

    assert_int_equal(c.f.early.issues[0].reason, PX_REASON_UNKNOWN_MEMBER);
    assert_int_equal(strlen(c.f.early.issues[0].field), sizeof c.f.early.issues[0].field - 1);
    read_done(&c);
}

/* Never within a character: the name is told in an answer and in a record. */
static void test_collect_read_cuts_between_characters(void **state) {
    static const char *const begins[] = {"", "x", "xx", "xxx"};

    for (size_t i = 0; i < PX_ARRAY_LEN(begins); i++) {
        char json[300];
        snprintf(json, sizeof json, "{\"%s%s%s%s%s%s\":1}", begins[i], EUROS, EUROS, EUROS, EUROS,
                 EUROS);
        struct read_case c;
        read_json(&c, *state, json);
        struct px_str field = px_str_c(c.f.early.issues[0].field);
        assert_true(px_utf8_valid(field));
        assert_in_range(field.n, 61, 63);
        read_done(&c);
    }
}

static void test_collect_key_is_the_id_or_agrees_with_it(void **state) {
    (void)state;
    struct ing_fields f = {.dropped = 0};
    ing_collect_key(&f, (struct px_str){0}, false);
    assert_null(f.raw.client_event_id.p);
    ing_collect_key(&f, PX_S("k"), false);
    assert_text(f.raw.client_event_id, "k");
    ing_collect_key(&f, PX_S("k"), false);
    assert_int_equal(f.early.nissues, 0);
    ing_collect_key(&f, PX_S("other"), false);
    assert_int_equal(f.early.nissues, 1);
    assert_int_equal(f.early.issues[0].reason, PX_REASON_CONFLICTING_IDS);

    struct ing_fields g = {.dropped = 0};
    ing_collect_key(&g, PX_S("k"), true);
    assert_int_equal(g.early.issues[0].reason, PX_REASON_DUPLICATE_PARAMETER);
}

static void test_collect_item_key_ends_with_the_index(void **state) {
    (void)state;
    struct px_arena arena;
    char key[ING_BATCH_KEY_MAX];
    struct ing_fields f = {.dropped = 0};
    px_arena_init(&arena, 1 << 16);
    memset(key, 'k', sizeof key);

    assert_int_equal(ing_collect_item_key(&f, PX_S("order-7"), 0, &arena), PX_OK);
    assert_text(f.raw.client_event_id, "order-7/0");
    assert_int_equal(ing_collect_item_key(&f, PX_S("order-7"), 1, &arena), PX_OK);
    assert_text(f.raw.client_event_id, "order-7/0"); /* it has an id by now */
    f.raw.client_event_id = (struct px_str){0};
    assert_int_equal(
        ing_collect_item_key(&f, (struct px_str){.p = key, .n = sizeof key}, 499, &arena), PX_OK);
    assert_int_equal(f.raw.client_event_id.n, PX_ID_MAX);
    px_arena_fini(&arena);
}

static void test_collect_names_the_field_that_was_sent(void **state) {
    (void)state;
    struct ing_fields f = {.keyed = true};
    struct px_verdict v = {.nissues = 0};
    px_verdict_add(&v, PX_REASON_MISSING_FIELD, "playerId");
    px_verdict_add(&v, PX_REASON_JUNK_VALUE, "eventId");

    ing_collect_names(&f, &v);

    assert_string_equal(v.issues[0].field, "playerId");
    assert_string_equal(v.issues[1].field, "Idempotency-Key");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collect_read_takes_all_members),
        cmocka_unit_test(test_collect_read_counts_null_as_absent),
        cmocka_unit_test(test_collect_read_names_what_is_wrong),
        cmocka_unit_test(test_collect_read_cuts_a_long_stranger),
        cmocka_unit_test(test_collect_read_cuts_between_characters),
        cmocka_unit_test(test_collect_key_is_the_id_or_agrees_with_it),
        cmocka_unit_test(test_collect_item_key_ends_with_the_index),
        cmocka_unit_test(test_collect_names_the_field_that_was_sent),
    };
    return cmocka_run_group_tests(tests, ing_catalog_setup, ing_catalog_teardown);
}
