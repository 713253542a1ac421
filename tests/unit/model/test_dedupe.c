/* Dedupe keys: fixed vectors (stored keys must never change), scope, and tuples that look alike. */
#include <px/dedupe.h>

#include "model_fixture.h"
#include "unit.h"

static struct px_event sample(void) {
    struct px_event e = model_event("deposit", "player_12345", "spring", 1000);
    e.client_event_id = PX_S("c-1");
    for (size_t i = 0; i < sizeof e.id.b; i++) {
        e.id.b[i] = (uint8_t)i;
    }
    return e;
}

/* Computed apart, by Python's hashlib:
 *   part = lambda b: struct.pack('>I', len(b)) + b
 *   struct.unpack('>qq', hashlib.sha256(part(b'cid') + part(b'deposit') + ...).digest()[:16]) */
static void test_dedupe_vectors(void **state PX_UNUSED) {
    const struct px_event_type by_day = {.name = "deposit", .dedupe = PX_DEDUPE_DAY};
    const struct px_event_type by_id = {.name = "deposit", .dedupe = PX_DEDUPE_EVENT_ID};
    struct px_event e = sample();

    struct px_key128 k = px_dedupe_client_key(&e);
    assert_true(k.h1 == INT64_C(-5593512732611431222) && k.h2 == INT64_C(1933051041461155221));
    k = px_dedupe_natural_key(&e, &by_day, 20778);
    assert_true(k.h1 == INT64_C(-1995817041083520270) && k.h2 == INT64_C(4091595904107053805));
    k = px_dedupe_natural_key(&e, &by_id, 20778);
    assert_true(k.h1 == INT64_C(-4132307281018742150) && k.h2 == INT64_C(8018311730157800627));
    assert_true(px_dedupe_fingerprint(&e) == INT64_C(5192773080384509938));
    /* A part of more than 128 bytes goes in as its length and its digest. */
    char longer[200];
    memset(longer, 'x', sizeof longer);
    e.client_event_id = (struct px_str){.p = longer, .n = sizeof longer};
    k = px_dedupe_client_key(&e);
    assert_true(k.h1 == INT64_C(-5688464522966885738) && k.h2 == INT64_C(6335021494286894872));
}

static void test_dedupe_parts_do_not_run_together(void **state PX_UNUSED) {
    const struct px_event_type t = {.name = "visit", .dedupe = PX_DEDUPE_DAY};
    struct px_event a = model_event("visit", "ab", "c", 1);
    struct px_event b = model_event("visit", "a", "bc", 1);
    struct px_event none = model_event("visit", "abc", "", 1);

    assert_false(px_key_eq(px_dedupe_natural_key(&a, &t, 1), px_dedupe_natural_key(&b, &t, 1)));
    assert_false(px_key_eq(px_dedupe_natural_key(&a, &t, 1), px_dedupe_natural_key(&none, &t, 1)));
    assert_true(px_dedupe_fingerprint(&a) != px_dedupe_fingerprint(&b));
}

static void test_dedupe_client_key_is_scoped(void **state PX_UNUSED) {
    struct px_event e = sample();
    struct px_key128 k = px_dedupe_client_key(&e);
    struct px_event o = e;

    o.banner_tag = PX_S("other");
    o.received_at = 5;
    o.id.b[0] = 99;
    assert_true(px_key_eq(k, px_dedupe_client_key(&o)));
    o.player_id = PX_S("player_1");
    assert_false(px_key_eq(k, px_dedupe_client_key(&o)));
    o = e;
    o.event_type = PX_S("visit");
    assert_false(px_key_eq(k, px_dedupe_client_key(&o)));
    o = e;
    o.client_event_id = PX_S("C-1"); /* kept as sent: case counts */
    assert_false(px_key_eq(k, px_dedupe_client_key(&o)));
}

/* "Not more than once per day per type", with the banner in the key: two banners on one day are two
 * counted visits, so that the sum over banners is the day's figure. */
static void test_dedupe_natural_key_of_two_banners(void **state PX_UNUSED) {
    const struct px_event_type t = {.name = "visit", .dedupe = PX_DEDUPE_DAY};
    struct px_event spring = model_event("visit", "p", "spring", 1);
    struct px_event summer = model_event("visit", "p", "summer", 2);
    struct px_event again = model_event("visit", "p", "spring", 3);

    struct px_key128 k = px_dedupe_natural_key(&spring, &t, 7);
    assert_false(px_key_eq(k, px_dedupe_natural_key(&summer, &t, 7)));
    assert_true(px_key_eq(k, px_dedupe_natural_key(&again, &t, 7)));
    assert_false(px_key_eq(k, px_dedupe_natural_key(&again, &t, 8)));
}

static void test_dedupe_fingerprint_sees_the_payload(void **state PX_UNUSED) {
    struct px_attr attr = {.name = PX_S("n"), .kind = PX_ATTR_INT, .i = 1};
    struct px_event e = sample();
    e.attrs = &attr;
    e.nattrs = 1;
    int64_t f = px_dedupe_fingerprint(&e);
    struct px_event o = e;

    /* what a retry may change */
    o.received_at++;
    o.id.b[3] ^= 1;
    o.source_ip = PX_S("192.0.2.1");
    o.user_agent = PX_S("other");
    o.session_id = PX_S("other");
    o.client_event_id = PX_S("c-2");
    assert_true(px_dedupe_fingerprint(&o) == f);
    /* what makes it another event */
    o = e;
    o.occurred_at = 1;
    assert_true(px_dedupe_fingerprint(&o) != f);
    o = e;
    o.banner_tag = PX_S("x");
    assert_true(px_dedupe_fingerprint(&o) != f);
    o = e;
    o.nattrs = 0;
    assert_true(px_dedupe_fingerprint(&o) != f);
    attr.i = 2;
    assert_true(px_dedupe_fingerprint(&e) != f);
    attr = (struct px_attr){.name = PX_S("n"), .kind = PX_ATTR_BOOL, .i = 1};
    assert_true(px_dedupe_fingerprint(&e) != f); /* the kind counts */
    attr = (struct px_attr){.name = PX_S("m"), .kind = PX_ATTR_INT, .i = 1};
    assert_true(px_dedupe_fingerprint(&e) != f);
}

static void test_dedupe_fingerprint_of_numbers(void **state PX_UNUSED) {
    struct px_attr attr = {.name = PX_S("n"), .kind = PX_ATTR_NUMBER, .number = 0.0};
    struct px_event e = sample();
    e.attrs = &attr;
    e.nattrs = 1;
    int64_t zero = px_dedupe_fingerprint(&e);
    attr.number = -0.0;
    assert_true(px_dedupe_fingerprint(&e) == zero);
    attr.number = 0.1;
    assert_true(px_dedupe_fingerprint(&e) != zero);
}

/* More than the tuple's buffer: the first and the last attribute still count. */
static void test_dedupe_fingerprint_of_many_attributes(void **state PX_UNUSED) {
    struct px_attr attrs[PX_EVENT_MAX_ATTRS];
    char names[PX_EVENT_MAX_ATTRS][2];
    char text[120];
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < PX_EVENT_MAX_ATTRS; i++) {
        names[i][0] = (char)('a' + i / 8);
        names[i][1] = (char)('a' + i % 8);
        attrs[i] = (struct px_attr){.name = {.p = names[i], .n = 2},
                                    .kind = PX_ATTR_TEXT,
                                    .text = {.p = text, .n = sizeof text}};
    }
    struct px_event e = sample();
    e.attrs = attrs;
    e.nattrs = PX_EVENT_MAX_ATTRS;
    int64_t f = px_dedupe_fingerprint(&e);
    assert_true(px_dedupe_fingerprint(&e) == f);
    for (size_t i = 0; i < PX_EVENT_MAX_ATTRS; i++) {
        attrs[i].text.n--;
        assert_true(px_dedupe_fingerprint(&e) != f);
        attrs[i].text.n++;
    }
}

static void test_dedupe_disposition_names(void **state PX_UNUSED) {
    static const char *const names[PX_DISPOSITIONS] = {
        "counted", "repeat", "duplicate", "conflict", "excluded", "late", "erased", "dead_lettered",
    };
    for (size_t i = 0; i < PX_DISPOSITIONS; i++) {
        assert_string_equal(px_disposition_name((enum px_disposition)i), names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dedupe_vectors),
        cmocka_unit_test(test_dedupe_parts_do_not_run_together),
        cmocka_unit_test(test_dedupe_client_key_is_scoped),
        cmocka_unit_test(test_dedupe_natural_key_of_two_banners),
        cmocka_unit_test(test_dedupe_fingerprint_sees_the_payload),
        cmocka_unit_test(test_dedupe_fingerprint_of_numbers),
        cmocka_unit_test(test_dedupe_fingerprint_of_many_attributes),
        cmocka_unit_test(test_dedupe_disposition_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
