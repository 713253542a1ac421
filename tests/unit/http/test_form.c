/* px_form: walking pairs and decoding exactly once, with the inputs that go wrong elsewhere. */
#include "unit.h"

#include <px/http.h>

#include <string.h>

struct decode_row {
    struct px_str raw;
    enum px_form_error want;
    struct px_str text;
};

static const struct decode_row decodes[] = {
    {PX_S_INIT(""), PX_FORM_OK, PX_S_INIT("")},
    {PX_S_INIT("plain-._~"), PX_FORM_OK, PX_S_INIT("plain-._~")},
    {PX_S_INIT("a+b"), PX_FORM_OK, PX_S_INIT("a b")},
    {PX_S_INIT("++"), PX_FORM_OK, PX_S_INIT("  ")},
    {PX_S_INIT("a%2Bb"), PX_FORM_OK, PX_S_INIT("a+b")},
    {PX_S_INIT("%41%7a"), PX_FORM_OK, PX_S_INIT("Az")},
    {PX_S_INIT("%2541"), PX_FORM_OK, PX_S_INIT("%41")}, /* once, not twice */
    {PX_S_INIT("%26%3D%3f"), PX_FORM_OK, PX_S_INIT("&=?")},
    {PX_S_INIT("%c3%A9"), PX_FORM_OK, PX_S_INIT("\xc3\xa9")},
    {PX_S_INIT("%ff"), PX_FORM_OK, PX_S_INIT("\xff")}, /* UTF-8 is the caller's rule */
    {PX_S_INIT("\xc3\xa9"), PX_FORM_OK, PX_S_INIT("\xc3\xa9")},
    {PX_S_INIT("%0d%0a"), PX_FORM_OK, PX_S_INIT("\r\n")},
    {PX_S_INIT("a=b=c"), PX_FORM_OK, PX_S_INIT("a=b=c")},
    {PX_S_INIT("%"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%4"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("abc%"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%zz"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%4g"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%g4"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%%41"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("% 1"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%+1"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%-1"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%u0041"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%@1"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
    {PX_S_INIT("%00"), PX_FORM_NUL, PX_S_INIT("")},
    {PX_S_INIT("ab%00cd"), PX_FORM_NUL, PX_S_INIT("")},
    {PX_S_INIT("ab\0cd"), PX_FORM_NUL, PX_S_INIT("")},
    {PX_S_INIT("%00%zz"), PX_FORM_NUL, PX_S_INIT("")},
    {PX_S_INIT("%zz%00"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
};

static void test_form_decodes_exactly_once(void **state) {
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(decodes); i++) {
        const struct decode_row *row = &decodes[i];
        char dst[64];
        struct px_str got = {.p = NULL, .n = 0};
        if (px_form_decode(row->raw, dst, &got) != row->want ||
            (row->want == PX_FORM_OK && !px_str_eq(got, row->text))) {
            fail_msg("row %zu: %.*s", i, PX_S_ARG(row->raw));
        }
    }
}

static void test_form_path_keeps_its_plus(void **state) {
    (void)state;
    static const struct decode_row rows[] = {
        {PX_S_INIT("a+b"), PX_FORM_OK, PX_S_INIT("a+b")},
        {PX_S_INIT("a+b%20c%2B%2f"), PX_FORM_OK, PX_S_INIT("a+b c+/")},
        {PX_S_INIT("+%"), PX_FORM_BAD_ESCAPE, PX_S_INIT("")},
        {PX_S_INIT("+%00"), PX_FORM_NUL, PX_S_INIT("")},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char dst[64];
        struct px_str got = {.p = NULL, .n = 0};
        if (px_path_decode(rows[i].raw, dst, &got) != rows[i].want ||
            (rows[i].want == PX_FORM_OK && !px_str_eq(got, rows[i].text))) {
            fail_msg("row %zu: %.*s", i, PX_S_ARG(rows[i].raw));
        }
    }
}

static void test_form_plain_value_is_not_copied(void **state) {
    (void)state;
    struct px_str raw = PX_S("plain"), got;
    char dst[8];

    assert_int_equal(px_form_decode(raw, dst, &got), PX_FORM_OK);

    assert_ptr_equal(got.p, raw.p);
}

static void test_form_output_never_passes_the_raw_length(void **state) {
    (void)state;
    char dst[5] = {0, 0, 0, 0, 'G'};
    struct px_str got;

    assert_int_equal(px_form_decode(PX_S("+%41"), dst, &got), PX_FORM_OK);

    assert_int_equal(got.n, 2);
    assert_int_equal(dst[4], 'G');
}

struct walk_row {
    const char *raw;
    const char *want; /* name[=value]| ... ; "-" behind a name without '=' */
};

static const struct walk_row walks[] = {
    {"", ""},
    {"a=1", "a=1|"},
    {"a=1&b=2", "a=1|b=2|"},
    {"&&a=1&&&b=2&", "a=1|b=2|"},
    {"a", "a-|"},
    {"a=", "a=|"},
    {"=x", "=x|"},
    {"=", "=|"},
    {"a=b=c", "a=b=c|"},
    {"a=1;b=2", "a=1;b=2|"},
    {"a=1?b=2", "a=1?b=2|"},
    {"a%3D1=2", "a%3D1=2|"},
    {"a=1&a=2", "a=1|a=2|"},
    {"a&b", "a-|b-|"},
};

static void test_form_walks_raw_pairs(void **state) {
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(walks); i++) {
        char got[128] = "";
        size_t n = 0;
        struct px_form f = {.rest = px_str_c(walks[i].raw)};
        struct px_str name, value;
        bool has;
        while (px_form_next(&f, &name, &value, &has)) {
            memcpy(got + n, name.p, name.n);
            n += name.n;
            got[n++] = has ? '=' : '-';
            memcpy(got + n, value.p, value.n);
            n += value.n;
            got[n++] = '|';
        }
        got[n] = '\0';
        assert_string_equal(got, walks[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_decodes_exactly_once),
        cmocka_unit_test(test_form_path_keeps_its_plus),
        cmocka_unit_test(test_form_plain_value_is_not_copied),
        cmocka_unit_test(test_form_output_never_passes_the_raw_length),
        cmocka_unit_test(test_form_walks_raw_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
