/* Attributes: every kind with good and bad values, order, drops, a type that is only a row. */
#include <px/validate.h>

#include <stdio.h>

#include "model_fixture.h"
#include "unit.h"
#include "validate_rig.h"

/* --- attributes: a catalog with one type that has every kind --- */

static const char kinds_yaml[] = "families:\n  - {name: f, topic: F, partitions: 1}\n"
                                 "types:\n  - type: visit\n    family: f\n    pixel: true\n"
                                 "    dedupe: event_id\n    attributes:\n"
                                 "      - {name: t, kind: text, max: 4}\n"
                                 "      - {name: i, kind: int, min: -5, max: 5}\n"
                                 "      - {name: n, kind: number}\n"
                                 "      - {name: b, kind: bool}\n";

static const struct {
    struct px_raw_attr raw;
    int reason; /* -1: accepted */
    int64_t i;
    double number;
} values[] = {
#define TEXT(n, t, ...)                                                                            \
    { .raw = {.name = PX_S_INIT(n), .kind = PX_ATTR_TEXT, .text = PX_S_INIT(t)}, __VA_ARGS__ }
    TEXT("t", "abcd", .reason = -1),
    TEXT("t", "", .reason = -1),
    TEXT("t", "abcde", .reason = PX_REASON_TOO_LONG),
    TEXT("t", "a\0", .reason = PX_REASON_NUL_BYTE),
    TEXT("t", "\xff", .reason = PX_REASON_BAD_UTF8),
    TEXT("t", "a\tb", .reason = PX_REASON_CONTROL_CHARACTER),
    {.raw = {.name = PX_S_INIT("t"), .kind = PX_ATTR_BOOL, .i = 1}, .reason = PX_REASON_BAD_TYPE},
    TEXT("i", "5", .reason = -1, .i = 5),
    TEXT("i", "-5", .reason = -1, .i = -5),
    TEXT("i", "6", .reason = PX_REASON_OUT_OF_RANGE),
    TEXT("i", "-6", .reason = PX_REASON_OUT_OF_RANGE),
    TEXT("i", "5x", .reason = PX_REASON_BAD_TYPE),
    TEXT("i", " 5", .reason = PX_REASON_BAD_TYPE),
    TEXT("i", "+5", .reason = PX_REASON_BAD_TYPE),
    TEXT("i", "5.0", .reason = PX_REASON_BAD_TYPE),
    TEXT("i", "", .reason = PX_REASON_BAD_TYPE),
    TEXT("i", "5\0", .reason = PX_REASON_BAD_TYPE),
    {.raw = {.name = PX_S_INIT("i"), .kind = PX_ATTR_INT, .i = 4}, .reason = -1, .i = 4},
    {.raw = {.name = PX_S_INIT("i"), .kind = PX_ATTR_INT, .i = 9},
     .reason = PX_REASON_OUT_OF_RANGE},
    {.raw = {.name = PX_S_INIT("i"), .kind = PX_ATTR_NUMBER, .number = 4},
     .reason = PX_REASON_BAD_TYPE},
    {.raw = {.name = PX_S_INIT("i"), .kind = PX_ATTR_BOOL, .i = 1}, .reason = PX_REASON_BAD_TYPE},
    TEXT("n", "1.5", .reason = -1, .number = 1.5),
    TEXT("n", "-0.25e1", .reason = -1, .number = -2.5),
    TEXT("n", "9007199254740992", .reason = -1, .number = 9007199254740992.0),
    TEXT("n", "9007199254740994", .reason = PX_REASON_OUT_OF_RANGE),
    TEXT("n", "1e999", .reason = PX_REASON_OUT_OF_RANGE),
    TEXT("n", "nan", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "inf", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "0x1", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "01", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "1.", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", ".5", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "1e", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "1e+", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "-", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "", .reason = PX_REASON_BAD_TYPE),
    TEXT("n", "1,5", .reason = PX_REASON_BAD_TYPE),
    {.raw = {.name = PX_S_INIT("n"), .kind = PX_ATTR_INT, .i = 3}, .reason = -1, .number = 3},
    {.raw = {.name = PX_S_INIT("n"), .kind = PX_ATTR_NUMBER, .number = 0.5},
     .reason = -1,
     .number = 0.5},
    {.raw = {.name = PX_S_INIT("n"), .kind = PX_ATTR_BOOL, .i = 1}, .reason = PX_REASON_BAD_TYPE},
    TEXT("b", "true", .reason = -1, .i = 1),
    TEXT("b", "false", .reason = -1, .i = 0),
    TEXT("b", "ture", .reason = PX_REASON_BAD_TYPE),
    TEXT("b", "1", .reason = PX_REASON_BAD_TYPE),
    {.raw = {.name = PX_S_INIT("b"), .kind = PX_ATTR_BOOL, .i = 1}, .reason = -1, .i = 1},
    {.raw = {.name = PX_S_INIT("b"), .kind = PX_ATTR_INT, .i = 1}, .reason = PX_REASON_BAD_TYPE},
#undef TEXT
};

static void test_attribute_attribute_kinds(void **state PX_UNUSED) {
    struct model_file f;
    struct validate_rig g;
    model_file_text(&f, "events.yaml", px_str_c(kinds_yaml));
    vrig_init(&g, f.path);
    for (size_t i = 0; i < PX_ARRAY_LEN(values); i++) {
        struct px_raw_event raw = vrig_plain();
        raw.attrs = &values[i].raw;
        raw.nattrs = 1;
        enum px_code rc = vrig_judge(&g, &raw);
        if (values[i].reason >= 0) {
            char field[32];
            assert_int_equal(rc, PX_INVALID);
            snprintf(field, sizeof field, "attributes.%s", values[i].raw.name.p);
            vrig_expect(&g, 0, (enum px_reason)values[i].reason, field);
            continue;
        }
        assert_int_equal(rc, PX_OK);
        assert_int_equal(g.event.nattrs, 1);
        const struct px_attr *a = &g.event.attrs[0];
        assert_true(px_str_eq(a->name, values[i].raw.name));
        assert_true(a->i == values[i].i);
        assert_true(a->number == values[i].number);
        if (a->kind == PX_ATTR_TEXT) {
            assert_true(px_str_eq(a->text, values[i].raw.text));
        }
    }
    vrig_fini(&g);
    model_file_fini(&f);
}

static void test_attribute_attributes_come_out_sorted(void **state) {
    struct validate_rig *g = *state;
    const struct px_raw_attr attrs[] = {
        {.name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = PX_S("1")},
        {.name = PX_S("S"), .kind = PX_ATTR_TEXT, .text = PX_S("dropped: names keep their case")},
        {.name = PX_S("amountMinor"), .kind = PX_ATTR_TEXT, .text = PX_S("1250")},
        {.name = PX_S("email"), .kind = PX_ATTR_TEXT, .text = PX_S("ann@example.com")},
        {.name = PX_S("b"), .kind = PX_ATTR_TEXT, .text = PX_S("")},
    };
    struct px_raw_event raw = vrig_plain();
    raw.event_type = PX_S("deposit");
    raw.attrs = attrs;
    raw.nattrs = PX_ARRAY_LEN(attrs);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);

    assert_int_equal(vrig_judge(g, &raw), PX_OK);
    assert_int_equal(g->verdict.dropped, 2);
    px_event_metadata(&g->event, &b);
    assert_string_equal(px_buf_cstr(&b), "{\"amountMinor\":1250,\"b\":\"\",\"s\":\"1\"}");
}

static void test_attribute_attribute_given_twice(void **state) {
    struct validate_rig *g = *state;
    const struct px_raw_attr attrs[] = {
        {.name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = PX_S("1")},
        {.name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = PX_S("1")},
        {.name = PX_S("s"), .kind = PX_ATTR_TEXT, .text = PX_S("2")},
    };
    struct px_raw_event raw = vrig_plain();
    raw.attrs = attrs;
    raw.nattrs = PX_ARRAY_LEN(attrs);

    assert_int_equal(vrig_judge(g, &raw), PX_INVALID);
    assert_int_equal(g->verdict.nissues, 1);
    vrig_expect(g, 0, PX_REASON_DUPLICATE_PARAMETER, "attributes.s");
}

/* A new type is one row: ingest's judge takes it at once. */
static void test_attribute_takes_a_new_type_from_one_row(void **state PX_UNUSED) {
    struct model_file f;
    struct validate_rig g;
    model_file_copy(&f, MODEL_EVENTS, NULL,
                    "\n  - type: level_up\n    family: pixel\n    pixel: false\n"
                    "    dedupe: event_id\n    attributes:\n"
                    "      - {name: level, kind: int, min: 1, max: 99, required: true}\n");
    vrig_init(&g, f.path);
    struct px_raw_attr level = {.name = PX_S("level"), .kind = PX_ATTR_INT, .i = 7};
    struct px_raw_event raw = vrig_plain();
    raw.event_type = PX_S("level_up");

    assert_int_equal(vrig_judge(&g, &raw), PX_INVALID);
    vrig_expect(&g, 0, PX_REASON_MISSING_FIELD, "attributes.level");
    raw.attrs = &level;
    raw.nattrs = 1;
    assert_int_equal(vrig_judge(&g, &raw), PX_OK);
    assert_true(g.event.attrs[0].i == 7);
    assert_int_equal(px_catalog_find(g.cat, g.event.event_type)->index, 3);

    vrig_fini(&g);
    model_file_fini(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attribute_attribute_kinds),
        cmocka_unit_test(test_attribute_attributes_come_out_sorted),
        cmocka_unit_test(test_attribute_attribute_given_twice),
        cmocka_unit_test(test_attribute_takes_a_new_type_from_one_row),
    };
    return cmocka_run_group_tests(tests, vrig_setup, vrig_teardown);
}
