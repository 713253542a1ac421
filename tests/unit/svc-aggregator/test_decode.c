/* Decoding: what becomes an event, what becomes a dead letter and why, and that the keys of a
 * record do not change when it is decoded again. */
#include "decode.h"
#include "unit.h"

#include <px/column.h>
#include <px/event_avro.h>

#include <string.h>

struct fixture {
    struct px_catalog *catalog;
    struct px_arena arena;
};

static int setup(void **state) {
    static struct fixture f;
    *state = &f;
    px_arena_init(&f.arena, 1 << 20);
    return px_catalog_load("schemas/events.yaml", &f.catalog, NULL) == PX_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    px_catalog_free(f->catalog);
    px_arena_fini(&f->arena);
    return 0;
}

#define NOON (INT64_C(20000) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR)

static struct px_event good(void) {
    return (struct px_event){.id = {.b = {1, 2, 3}},
                             .event_type = PX_S("visit"),
                             .player_id = PX_S("p1"),
                             .banner_tag = PX_S("b1"),
                             .received_at = NOON};
}

static struct agg_item decode(struct fixture *f, const struct px_event *e) {
    const struct agg_decoder d = {.catalog = f->catalog};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    px_event_to_avro(e, &b);
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    struct agg_item it = {.value = px_arena_dup(&f->arena, px_buf_view(&b))};
    assert_int_equal(agg_decode(&d, &it, &f->arena, NULL), PX_OK);
    return it;
}

static void test_decode_fills_type_day_and_keys(void **state) {
    struct px_event e = good();
    e.client_event_id = PX_S("e1");
    struct agg_item it = decode(*state, &e), again = decode(*state, &e);

    assert_false(it.dead);
    assert_string_equal(it.type->name, "visit");
    assert_int_equal(it.day, 20000);
    assert_true(px_key_eq(it.client, again.client) && px_key_eq(it.natural, again.natural));
    assert_int_equal(it.fingerprint, again.fingerprint);
    assert_false(px_key_eq(it.client, it.natural));
}

static void test_decode_day_is_that_of_the_event_time(void **state) {
    struct px_event e = good();
    e.occurred_at = NOON - PX_US_PER_DAY;
    struct agg_item it = decode(*state, &e);

    assert_false(it.dead);
    assert_int_equal(it.day, 19999);
}

static void test_decode_condemns_what_can_never_be_applied(void **state) {
    struct fixture *f = *state;
    char nul[] = "a\0b";
    char long_id[200];
    memset(long_id, 'x', sizeof long_id);
    struct px_event rows[11];
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        rows[i] = good();
    }
    rows[0].event_type = PX_S("no_such_type");
    rows[1].player_id = PX_S("");
    rows[2].banner_tag = PX_S("");
    rows[3].player_id = (struct px_str){.p = nul, .n = 3};
    rows[4].player_id = PX_S("\xff\xfe");
    rows[5].player_id = (struct px_str){.p = long_id, .n = sizeof long_id};
    rows[6].received_at = 0;
    rows[7].received_at = INT64_MAX;
    rows[8].occurred_at = -5;
    rows[9].player_id = PX_S("line\nbreak");
    rows[10].occurred_at = PX_COL_TIME_MAX + 1;
    /* what an operator reads in the letter; NULL = the bytes did not decode, detail says where */
    static const char *const fields[PX_ARRAY_LEN(rows)] = {
        "event_type",  "player_id",   "banner_tag",  NULL,        NULL,         "player_id",
        "received_at", "received_at", "occurred_at", "player_id", "occurred_at"};
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_item it = decode(f, &rows[i]);
        if (!it.dead) {
            fail_msg("row %zu was taken for an event", i);
        }
        if (!px_str_is(it.field, fields[i] ? fields[i] : "") || (it.detail.n > 0) == !!fields[i]) {
            fail_msg("row %zu: field %.*s", i, PX_S_ARG(it.field));
        }
    }
}

static void test_decode_names_the_reason(void **state) {
    struct fixture *f = *state;
    const struct agg_decoder d = {.catalog = f->catalog};
    const struct {
        struct px_str value;
        enum px_reason want;
    } rows[] = {
        {{NULL, 0}, PX_REASON_NULL_MESSAGE},
        {PX_S(""), PX_REASON_BAD_FRAME},
        {PX_S("{\"json\":1}"), PX_REASON_BAD_FRAME},
        {PX_S("\0\0\0\0\x63 rest"), PX_REASON_UNKNOWN_SCHEMA},
        {PX_S("\0\0\0\0\x01\x02"), PX_REASON_BAD_AVRO},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_item it = {.value = rows[i].value};
        assert_int_equal(agg_decode(&d, &it, &f->arena, NULL), PX_OK);
        assert_true(it.dead);
        if (it.reason != rows[i].want) {
            fail_msg("row %zu: %s, wanted %s", i, px_reason_code(it.reason),
                     px_reason_code(rows[i].want));
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_decode_fills_type_day_and_keys),
        TEST(test_decode_day_is_that_of_the_event_time),
        TEST(test_decode_condemns_what_can_never_be_applied),
        TEST(test_decode_names_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
