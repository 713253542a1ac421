/* The cache of other writers' schemas: asked once per id, waits for a registry that is in trouble
 * without giving a record up, and keeps a bounded number. */
#include "schemas.h"

#include <stdio.h>
#include <string.h>

#include "fake_registry.h"
#include "proc.h"
#include "unit.h"

#define EVENT                                                                                      \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Event\\\",\\\"fields\\\":["                     \
    "{\\\"name\\\":\\\"event_id\\\",\\\"type\\\":\\\"string\\\"},"                                 \
    "{\\\"name\\\":\\\"event_type\\\",\\\"type\\\":\\\"string\\\"},"                               \
    "{\\\"name\\\":\\\"player_id\\\",\\\"type\\\":\\\"string\\\"},"                                \
    "{\\\"name\\\":\\\"banner_tag\\\",\\\"type\\\":\\\"string\\\"},"                               \
    "{\\\"name\\\":\\\"received_at\\\",\\\"type\\\":\\\"long\\\"}]}"
/* Answers both to "which id has this schema" and to "which schema has this id". */
static const char GOOD[] = "{\"id\":5,\"version\":1,\"schema\":\"" EVENT "\"}";
static const char UNKNOWN[] = "{\"error_code\":40403,\"message\":\"nowhere\"}";

struct rig {
    struct fake_registry *fake;
    struct px_registry_conf conf;
    struct agg_schemas *s;
};

static int setup(void **state) {
    static struct rig rig;
    rig.fake = fake_registry_start();
    rig.conf = fake_registry_conf(rig.fake, PX_US_PER_S);
    struct agg_schemas_conf conf = {
        .registry = &rig.conf, .dir = "schemas", .topic = "T", .dlq = "D"};
    fake_registry_say(rig.fake, 200, NULL, GOOD);
    *state = &rig;
    return agg_schemas_new(&conf, &rig.s, NULL) == PX_OK && agg_schemas_start(rig.s, NULL) == PX_OK
               ? 0
               : -1;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    agg_schemas_free(rig->s);
    fake_registry_stop(rig->fake);
    return 0;
}

static void test_schemas_our_own_needs_nobody(void **state) {
    struct rig *rig = *state;
    unsigned asked = fake_registry_count(rig->fake);
    struct agg_schema own = agg_schemas_get(rig->s, 5);

    assert_true(own.state == AGG_SCHEMA_KNOWN && own.plan == NULL);
    assert_int_equal(agg_schemas_letter(rig->s), 5);
    assert_int_equal(fake_registry_count(rig->fake), asked);
}

static void test_schemas_others_are_asked_once(void **state) {
    struct rig *rig = *state;
    unsigned asked = fake_registry_count(rig->fake);

    for (int i = 0; i < 3; i++) {
        struct agg_schema other = agg_schemas_get(rig->s, 9);
        assert_true(other.state == AGG_SCHEMA_KNOWN && other.plan != NULL);
        fake_registry_say(rig->fake, 404, NULL, UNKNOWN);
        struct agg_schema none = agg_schemas_get(rig->s, 10);
        assert_true(none.state == AGG_SCHEMA_REFUSED && none.reason == PX_REASON_UNKNOWN_SCHEMA);
        assert_non_null(strstr(none.why, "nowhere"));
        fake_registry_say(rig->fake, 500, NULL, ""); /* whatever it says now is not asked for */
    }
    assert_int_equal(fake_registry_count(rig->fake), asked + 2);
    fake_registry_say(rig->fake, 200, NULL, "{\"schema\":\"\\\"string\\\"\"}");
    struct agg_schema strange = agg_schemas_get(rig->s, 11);
    assert_true(strange.state == AGG_SCHEMA_REFUSED &&
                strange.reason == PX_REASON_INCOMPATIBLE_SCHEMA);
}

/* A registry in trouble condemns nothing; a proxy's 404 is not its word. */
static void test_schemas_wait_for_a_registry_in_trouble(void **state) {
    struct rig *rig = *state;

    fake_registry_say(rig->fake, 404, NULL, "<html>no such page</html>");
    assert_int_equal(agg_schemas_get(rig->s, 20).state, AGG_SCHEMA_AWAITED);
    assert_int_equal(agg_schemas_get(rig->s, 20).state, AGG_SCHEMA_AWAITED); /* at once */
    assert_false(agg_schemas_settled(rig->s, 20));
    fake_registry_say(rig->fake, 200, NULL, GOOD);
    for (int i = 0; i < 400 && !agg_schemas_settled(rig->s, 20); i++) {
        pause_ms(50);
    }
    assert_int_equal(agg_schemas_get(rig->s, 20).state, AGG_SCHEMA_KNOWN);
}

static void test_schemas_keep_a_bounded_number(void **state) {
    struct rig *rig = *state;

    fake_registry_say(rig->fake, 200, NULL, GOOD);
    for (uint32_t id = 1000; id < 1000 + 3 * AGG_SCHEMAS_MAX; id++) {
        struct agg_schema other = agg_schemas_get(rig->s, id);
        assert_true(other.state == AGG_SCHEMA_KNOWN && other.plan != NULL);
    }
    /* also by a partition that waited for it: asking again finds it a place */
    assert_true(agg_schemas_settled(rig->s, 1000));
    unsigned asked = fake_registry_count(rig->fake);
    assert_int_equal(agg_schemas_get(rig->s, 1000).state, AGG_SCHEMA_KNOWN); /* was forgotten */
    assert_int_equal(fake_registry_count(rig->fake), asked + 1);
}

static void test_schemas_without_a_registry_are_fixed(void **state PX_UNUSED) {
    assert_int_equal(agg_schemas_get(NULL, PX_SCHEMA_EVENT).state, AGG_SCHEMA_KNOWN);
    assert_int_equal(agg_schemas_get(NULL, 7).state, AGG_SCHEMA_REFUSED);
    assert_int_equal(agg_schemas_letter(NULL), PX_SCHEMA_DLQ);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas_our_own_needs_nobody),
        cmocka_unit_test(test_schemas_others_are_asked_once),
        cmocka_unit_test(test_schemas_wait_for_a_registry_in_trouble),
        cmocka_unit_test(test_schemas_keep_a_bounded_number),
        cmocka_unit_test(test_schemas_without_a_registry_are_fixed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
