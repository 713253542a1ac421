/* Events whole: metadata text, comparison, the deep copy. */
#include <px/event.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

static const struct px_attr attrs[] = {
    {.name = PX_S_INIT("a"), .kind = PX_ATTR_TEXT, .text = PX_S_INIT("q\"\n\xe2\x82\xac")},
    {.name = PX_S_INIT("b"), .kind = PX_ATTR_INT, .i = -7},
    {.name = PX_S_INIT("c"), .kind = PX_ATTR_NUMBER, .number = 0.1},
    {.name = PX_S_INIT("d"), .kind = PX_ATTR_BOOL, .i = 1},
};

static struct px_event sample(void) {
    struct px_event e = model_event("visit", "player", "banner", 5);
    e.client_event_id = PX_S("cid");
    e.source_ip = PX_S("192.0.2.1");
    e.user_agent = PX_S("");
    e.traceparent = PX_S("tp");
    e.attrs = attrs;
    e.nattrs = PX_ARRAY_LEN(attrs);
    return e;
}

static void test_event_metadata_is_json(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);
    struct px_event e = sample();

    px_event_metadata(&e, &b);
    assert_string_equal(px_buf_cstr(&b),
                        "{\"a\":\"q\\\"\\n\xe2\x82\xac\",\"b\":-7,\"c\":0.1,\"d\":true}");
    px_buf_reset(&b);
    e.nattrs = 0;
    px_event_metadata(&e, &b);
    assert_string_equal(px_buf_cstr(&b), "{}");
}

static void test_event_equal_sees_every_field(void **state PX_UNUSED) {
    const struct px_event a = sample();
    struct px_event b = a;
    assert_true(px_event_equal(&a, &b));

    struct px_str *texts[] = {&b.client_event_id, &b.event_type,    &b.player_id,  &b.banner_tag,
                              &b.session_id,      &b.source_ip,     &b.user_agent, &b.traceparent,
                              &b.traffic_class,   &b.traffic_reason};
    for (size_t i = 0; i < PX_ARRAY_LEN(texts); i++) {
        b = a;
        *texts[i] = PX_S("other");
        assert_false(px_event_equal(&a, &b));
    }
    b = a;
    b.id.b[0] = 1;
    assert_false(px_event_equal(&a, &b));
    b = a;
    b.occurred_at = 1;
    assert_false(px_event_equal(&a, &b));
    b = a;
    b.received_at = 1;
    assert_false(px_event_equal(&a, &b));
    b = a;
    b.nattrs--;
    assert_false(px_event_equal(&a, &b));
    for (size_t i = 0; i < PX_ARRAY_LEN(attrs); i++) {
        struct px_attr changed[PX_ARRAY_LEN(attrs)];
        memcpy(changed, attrs, sizeof attrs);
        changed[i].text = PX_S("x");
        changed[i].i += 2;
        changed[i].number += 1;
        b = a;
        b.attrs = changed;
        assert_false(px_event_equal(&a, &b));
        memcpy(changed, attrs, sizeof attrs);
        changed[i].name = PX_S("z");
        assert_false(px_event_equal(&a, &b));
    }
}

static void test_event_copy_owns_its_bytes(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    px_arena_init(&arena, 1 << 16);
    char player[] = "player";
    struct px_event e = sample();
    e.player_id = (struct px_str){.p = player, .n = 6};
    struct px_event c;

    assert_int_equal(px_event_copy(&e, &arena, &c), PX_OK);
    assert_true(px_event_equal(&e, &c));
    memset(player, '!', 6);
    assert_true(px_str_is(c.player_id, "player"));
    assert_ptr_not_equal(c.attrs, e.attrs);
    assert_ptr_not_equal(c.attrs[0].text.p, e.attrs[0].text.p);
    assert_null(c.session_id.p); /* absent stays absent */
    assert_non_null(c.user_agent.p);

    struct px_event none = {.nattrs = 0};
    assert_int_equal(px_event_copy(&none, &arena, &c), PX_OK);
    assert_true(px_event_equal(&none, &c));
}

static enum px_code copy(void *arg) {
    struct px_arena arena;
    struct px_event c;
    px_arena_init(&arena, 1 << 16);
    enum px_code rc = px_event_copy(arg, &arena, &c);
    px_arena_fini(&arena);
    return rc;
}

static void test_event_copy_torture(void **state PX_UNUSED) {
    struct px_event e = sample();
    assert_true(torture(copy, &e) >= 1);
    struct px_arena tiny;
    struct px_event c;
    px_arena_init(&tiny, 16);
    assert_int_equal(px_event_copy(&e, &tiny, &c), PX_NOMEM);
    px_arena_fini(&tiny);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_metadata_is_json),
        cmocka_unit_test(test_event_equal_sees_every_field),
        cmocka_unit_test(test_event_copy_owns_its_bytes),
        cmocka_unit_test(test_event_copy_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
