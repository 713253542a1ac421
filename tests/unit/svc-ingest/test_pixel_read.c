/* Query string -> raw fields: every way a query can be wrong has its own code. */
#include "unit.h"

#include "fields.h"
#include "ing_catalog.h"

#include <string.h>

struct read_case {
    struct px_arena arena;
    struct ing_fields f;
};

static void read_query(struct read_case *c, const struct px_catalog *cat, const char *type,
                       struct px_str query) {
    px_arena_init(&c->arena, 1 << 20);
    const struct px_event_type *t = px_catalog_find(cat, px_str_c(type));
    assert_non_null(t);
    assert_int_equal(ing_pixel_read(t, query, &c->arena, &c->f, NULL), PX_OK);
    ing_pixel_names(&c->f.early);
}

static void assert_text(struct px_str s, const char *want) {
    if (!want) {
        assert_null(s.p);
        return;
    }
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

static void test_pixel_read_takes_values_once_decoded(void **state) {
    static const struct {
        const char *query, *player, *banner, *eid, *sid;
    } rows[] = {
        {"playerId=p1&bannerTag=b1", "p1", "b1", NULL, NULL},
        {"bannerTag=b1&playerId=p1&eid=e-1&sid=s-1", "p1", "b1", "e-1", "s-1"},
        {"playerId=a%20b&bannerTag=c+d", "a b", "c d", NULL, NULL},
        {"playerId=%2541&bannerTag=%C3%A9", "%41", "\xc3\xa9", NULL, NULL},
        {"player%49d=p&bannerTag=b", "p", "b", NULL, NULL},
        {"&&playerId=p&&bannerTag=b&", "p", "b", NULL, NULL},
        {"playerId=p=q&bannerTag=b", "p=q", "b", NULL, NULL},
        {"playerId&bannerTag=", "", "", NULL, NULL},
        {"PLAYERID=p&bannerTag=b", NULL, "b", NULL, NULL},
        {"", NULL, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct read_case c;
        read_query(&c, *state, "visit", px_str_c(rows[i].query));
        assert_text(c.f.raw.event_type, "visit");
        assert_text(c.f.raw.player_id, rows[i].player);
        assert_text(c.f.raw.banner_tag, rows[i].banner);
        assert_text(c.f.raw.client_event_id, rows[i].eid);
        assert_text(c.f.raw.session_id, rows[i].sid);
        assert_int_equal(c.f.early.nissues, 0);
        px_arena_fini(&c.arena);
    }
}

static void test_pixel_read_names_what_is_wrong(void **state) {
    static const struct {
        const char *query;
        enum px_reason reason;
        const char *field;
    } rows[] = {
        {"playerId=%zz&bannerTag=b", PX_REASON_BAD_ESCAPE, "playerId"},
        {"playerId=%&bannerTag=b", PX_REASON_BAD_ESCAPE, "playerId"},
        {"playerId=p&bannerTag=%4", PX_REASON_BAD_ESCAPE, "bannerTag"},
        {"playerId=%00x&bannerTag=b", PX_REASON_NUL_BYTE, "playerId"},
        {"playerId=a&playerId=b&bannerTag=b", PX_REASON_DUPLICATE_PARAMETER, "playerId"},
        {"playerId=a&playerId=a&bannerTag=b", PX_REASON_DUPLICATE_PARAMETER, "playerId"},
        {"playerId=a&player%49d=b&bannerTag=b", PX_REASON_DUPLICATE_PARAMETER, "playerId"},
        {"playerId=a&bannerTag=b&s=1&s=2", PX_REASON_DUPLICATE_PARAMETER, "s"},
        {"playerId=a&bannerTag=b&eid=1&eid=2", PX_REASON_DUPLICATE_PARAMETER, "eid"},
        {"playerId=a&bannerTag=b&sid=%", PX_REASON_BAD_ESCAPE, "sid"},
        {"k=site-0001&playerId=a&bannerTag=b&%6b=site-0002", PX_REASON_DUPLICATE_PARAMETER, "k"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct read_case c;
        read_query(&c, *state, "visit", px_str_c(rows[i].query));
        assert_int_equal(c.f.early.nissues, 1);
        assert_int_equal(c.f.early.issues[0].reason, rows[i].reason);
        assert_string_equal(c.f.early.issues[0].field, rows[i].field);
        px_arena_fini(&c.arena);
    }
}

static void test_pixel_read_keeps_the_allow_list_only(void **state) {
    struct read_case c;
    read_query(&c, *state, "deposit",
               PX_S("utm=1&playerId=p&s=x%20y&%zz=1&bannerTag=b&amountMinor=5&rnd=%zz"));

    assert_int_equal(c.f.early.nissues, 0);
    assert_int_equal(c.f.dropped, 3);
    assert_int_equal(c.f.raw.nattrs, 2);
    assert_text(c.f.raw.attrs[0].name, "amountMinor");
    assert_text(c.f.raw.attrs[0].text, "5");
    assert_text(c.f.raw.attrs[1].name, "s");
    assert_text(c.f.raw.attrs[1].text, "x y");
    px_arena_fini(&c.arena);
}

static void test_pixel_read_takes_thousands_of_strangers(void **state) {
    char query[4097];
    memset(query, '&', sizeof query - 1);
    for (size_t i = 0; i < sizeof query - 1; i += 2) {
        query[i] = 'a';
    }
    struct read_case c;
    read_query(&c, *state, "visit", (struct px_str){.p = query, .n = sizeof query - 1});

    assert_int_equal(c.f.dropped, 2048);
    assert_int_equal(c.f.raw.nattrs, 0);
    px_arena_fini(&c.arena);
}

static void test_fields_merge_does_not_complain_twice(void **state) {
    (void)state;
    struct px_verdict early = {.nissues = 0}, judged = {.nissues = 0, .dropped = 3};
    px_verdict_add(&early, PX_REASON_BAD_ESCAPE, "playerId");
    px_verdict_add(&judged, PX_REASON_EMPTY_VALUE, "playerId");
    px_verdict_add(&judged, PX_REASON_MISSING_FIELD, "bannerTag");

    ing_fields_merge(&early, &judged);

    assert_int_equal(judged.nissues, 2);
    assert_int_equal(judged.issues[0].reason, PX_REASON_BAD_ESCAPE);
    assert_string_equal(judged.issues[1].field, "bannerTag");
    assert_int_equal(judged.dropped, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixel_read_takes_values_once_decoded),
        cmocka_unit_test(test_pixel_read_names_what_is_wrong),
        cmocka_unit_test(test_pixel_read_keeps_the_allow_list_only),
        cmocka_unit_test(test_pixel_read_takes_thousands_of_strangers),
        cmocka_unit_test(test_fields_merge_does_not_complain_twice),
    };
    return cmocka_run_group_tests(tests, ing_catalog_setup, ing_catalog_teardown);
}
