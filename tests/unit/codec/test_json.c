/* Reading JSON: what cJSON by itself would take and we do not, and what is read from the rest. */
#include <px/json.h>

#include <stdio.h>

#include <px/buf.h>

#include "torture.h"
#include "unit.h"

#define MAX 4096

struct row {
    struct px_str text;
    const char *says; /* NULL: accepted */
};
#define T(lit) PX_S_INIT(lit)
static const struct row rows[] = {
    /* numbers */
    {T("0"), NULL},
    {T("-0"), NULL},
    {T("9007199254740992"), NULL},
    {T("-9007199254740992"), NULL},
    {T("9007199254740993"), "byte 0: a number is outside +-2^53"},
    {T("-9007199254740993"), "outside +-2^53"},
    {T("123456789012345678901234567890"), "outside +-2^53"},
    {T("9007199254740992.5"), NULL}, /* rounds to the limit */
    {T("9007199254740994.0"), "outside +-2^53"},
    {T("1e15"), NULL},
    {T("1e16"), "outside +-2^53"},
    {T("1e999"), "outside +-2^53"},
    {T("-1e999"), "outside +-2^53"},
    {T("[1,01]"), "byte 3: a number begins with 0"},
    {T("-01"), "begins with 0"},
    {T("+1"), "byte 0: a value was expected"},
    {T(".5"), "a value was expected"},
    {T("1."), "byte 2: a number lacks digits behind the point"},
    {T("1e"), "lacks digits in its exponent"},
    {T("1e+"), "lacks digits in its exponent"},
    {T("-"), "a value was expected"},
    {T("0x10"), "something follows"},
    {T("NaN"), "a value was expected"},
    {T("Infinity"), "a value was expected"},
    {T("0.0000000000000000000000000000000000000000000000000000000000001"),
     "a number has too many characters"},
    /* strings */
    {T("\"\""), NULL},
    {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\""), NULL},
    {T("\"\\ud83d\\ude00\""), NULL},
    {T("\"\x7f\""), NULL},
    {T("\"a\nb\""), "byte 2: a string holds a raw control character"},
    {T("\"a\tb\""), "raw control character"},
    {T("\"a\0b\""), "byte 2: a string holds a NUL"},
    {T("\"\\u0000\""), "byte 3: a string holds \\u0000"},
    {T("\"\\ud800\""), "a high surrogate stands alone"},
    {T("\"\\ud800x\""), "a high surrogate stands alone"},
    {T("\"\\ud800\\n\""), "a high surrogate stands alone"},
    {T("\"\\ud800\\u0041\""), "a high surrogate stands alone"},
    {T("\"\\ud800\\ud800\""), "a high surrogate stands alone"},
    {T("\"\\udc00\""), "a low surrogate stands alone"},
    {T("\"\\ude00\\ud83d\""), "a low surrogate stands alone"},
    {T("\"\\u12\""), "escape is cut short"},
    {T("\"\\u12\"    "), "not followed by four hex digits"},
    {T("\"\\u12g4\""), "not followed by four hex digits"},
    {T("\"\\x41\""), "byte 2: an unknown escape"},
    {T("\"\\"), "an escape is cut short"},
    {T("\"a"), "a string does not end"},
    {T("\""), "a string does not end"},
    {T("'a'"), "a value was expected"},
    /* bytes */
    {T("\"\xff\""), "byte 1: not valid UTF-8"},
    {T("\"ab\xc0\xaf\""), "byte 3: not valid UTF-8"},
    {T("\"\xed\xa0\x80\""), "not valid UTF-8"},
    {T("\"\xe2\x82\""), "not valid UTF-8"},
    {T("\"\xf0\x9f\x98\x80\""), NULL},
    {T("\xef\xbb\xbf{}"), "byte 0: a value was expected"},
    {T("{}\0"), "byte 2: something follows the end"},
    {T("\0"), "a value was expected"},
    /* structure */
    {T("{}"), NULL},
    {T(" \t\r\n[ ] "), NULL},
    {T("null"), NULL},
    {T("true"), NULL},
    {T("false"), NULL},
    {T(""), "byte 0: the text ends where a value was expected"},
    {T(" "), "the text ends"},
    {T("{} {}"), "byte 3: something follows the end"},
    {T("{}x"), "something follows the end"},
    {T("truex"), "something follows the end"},
    {T("tru"), "a value was expected"},
    {T("True"), "a value was expected"},
    {T("[1,]"), "byte 3: a value was expected"},
    {T("[,1]"), "a value was expected"},
    {T("[1 2]"), "a comma or ] was expected"},
    {T("[1"), "a comma or ] was expected"},
    {T("[1}"), "a comma or ] was expected"},
    {T("{\"a\":1,}"), "a string was expected"},
    {T("{\"a\" 1}"), "a colon was expected"},
    {T("{\"a\":}"), "a value was expected"},
    {T("{a:1}"), "a string was expected"},
    {T("{\"a\":1"), "a comma or } was expected"},
    {T("[1]/*c*/"), "something follows"},
    {T("[1\f]"), "a comma or ] was expected"},
    /* members that come twice */
    {T("{\"a\":1,\"a\":1}"), "byte 7: the member \"a\" comes twice"},
    {T("{\"a\":1,\"A\":1}"), NULL},
    {T("{\"a\":1,\"\\u0061\":1}"), "byte 7: the member \"a\" comes twice"},
    {T("{\"x\":{\"a\":1},\"y\":{\"a\":1}}"), NULL},
    {T("[{\"x\":\"a\",\"k\":[{\"p\":1},{\"q\":1, \"q\" :2}]}]"), "byte 31: the member \"q\""},
    {T("{\"\":1,\"\":2}"), "the member \"\" comes twice"},
    {T("{\"a\":{\"b\":1},\"c\":\"a\\\"b\",\"a\":2}"), "byte 24: the member \"a\""},
    {T("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"b\":1}"),
     "the member \"b\" comes twice"},
    {T("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}"), NULL},
};

static void test_json_accepts_and_refuses(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_json *j = NULL;
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = px_json_parse(rows[i].text, MAX, &j, &err);
        if (!rows[i].says) {
            if (rc) {
                fail_msg("row %zu %.*s: %s", i, PX_S_ARG(rows[i].text), err.msg);
            }
            px_json_free(j);
            continue;
        }
        assert_null(j);
        if (rc != PX_INVALID || !strstr(err.msg, rows[i].says)) {
            fail_msg("row %zu %.*s: \"%s\" does not say \"%s\"", i, PX_S_ARG(rows[i].text), err.msg,
                     rows[i].says);
        }
    }
}

/* Every prefix of a text is refused, and none reads past its end (the heap copy is exact). */
static void test_json_refuses_every_prefix(void **state PX_UNUSED) {
    static const char text[] =
        "{\"a\":[1,2.5e1,-3,\"x\\u00e9\\ud83d\\ude00\",{\"b\":null}],\"c\":true,\"d\":false}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct px_json *j = NULL;
        PX_DEFER(px_buf_fini) struct px_buf copy = PX_BUF_INIT(MAX);
        px_buf_add(&copy, text, n);
        assert_int_equal(px_json_parse(px_buf_view(&copy), MAX, &j, NULL), PX_INVALID);
    }
}

static enum px_code nested(size_t depth, char open, char close) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    for (size_t i = 0; i < depth; i++) {
        px_buf_byte(&b, (uint8_t)open);
        if (open == '{' && i + 1 < depth) {
            px_buf_c(&b, "\"k\":");
        }
    }
    for (size_t i = 0; i < depth; i++) {
        px_buf_byte(&b, (uint8_t)close);
    }
    struct px_json *j = NULL;
    enum px_code rc = px_json_parse(px_buf_view(&b), 1 << 20, &j, NULL);
    px_json_free(j);
    return rc;
}

static void test_json_depth(void **state PX_UNUSED) {
    assert_int_equal(nested(16, '[', ']'), PX_OK);
    assert_int_equal(nested(17, '[', ']'), PX_INVALID);
    assert_int_equal(nested(16, '{', '}'), PX_OK);
    assert_int_equal(nested(17, '{', '}'), PX_INVALID);
    assert_int_equal(nested(200000, '[', ']'), PX_INVALID);
}

static void test_json_size(void **state PX_UNUSED) {
    struct px_json *j = NULL;
    struct px_err err = PX_ERR_INIT;
    assert_int_equal(px_json_parse(PX_S("[1,2]"), 4, &j, &err), PX_TOO_LARGE);
    assert_null(j);
    assert_int_equal(px_json_parse(PX_S("[1,2]"), 5, &j, NULL), PX_OK);
    px_json_free(j);
    px_json_free(NULL);
}

static struct px_json *parse(struct px_str text) {
    struct px_json *j = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_json_parse(text, 1 << 20, &j, &err)) {
        fail_msg("%s", err.msg);
    }
    return j;
}

static void test_json_reads_values(void **state PX_UNUSED) {
    struct px_json *j = parse(PX_S("{\"s\":\"a\\u00e9\\ud83d\\ude00\",\"i\":-5,\"r\":5.0,\"e\":5e0,"
                                   "\"b\":true,\"f\":false,\"n\":null,\"a\":[1],\"o\":{}}"));
    const struct px_jnode *root = px_json_root(j);
    int64_t i = 77;

    assert_int_equal(px_json_type(root), PX_JSON_OBJECT);
    assert_true(px_str_is(px_json_text(px_json_get(root, "s")), "a\xc3\xa9\xf0\x9f\x98\x80"));
    assert_true(px_json_int(px_json_get(root, "i"), &i) && i == -5);
    assert_false(px_json_int(px_json_get(root, "r"), &i));
    assert_false(px_json_int(px_json_get(root, "e"), &i));
    assert_false(px_json_int(px_json_get(root, "s"), &i));
    assert_true(i == -5);
    assert_true(px_json_double(px_json_get(root, "r")) == 5.0);
    assert_true(px_json_double(px_json_get(root, "i")) == -5.0);
    assert_true(px_json_double(px_json_get(root, "s")) == 0.0);
    assert_true(px_json_bool(px_json_get(root, "b")));
    assert_false(px_json_bool(px_json_get(root, "f")));
    assert_null(px_json_text(px_json_get(root, "i")).p);
    static const struct {
        const char *name;
        enum px_json_type type;
    } types[] = {{"s", PX_JSON_STRING}, {"i", PX_JSON_NUMBER}, {"b", PX_JSON_BOOL},
                 {"f", PX_JSON_BOOL},   {"n", PX_JSON_NULL},   {"a", PX_JSON_ARRAY},
                 {"o", PX_JSON_OBJECT}};
    for (size_t k = 0; k < PX_ARRAY_LEN(types); k++) {
        assert_int_equal(px_json_type(px_json_get(root, types[k].name)), types[k].type);
    }
    px_json_free(j);
}

static void test_json_get_is_exact(void **state PX_UNUSED) {
    struct px_json *j = parse(PX_S("{\"playerId\":1}"));
    assert_non_null(px_json_get(px_json_root(j), "playerId"));
    assert_null(px_json_get(px_json_root(j), "playerid"));
    assert_null(px_json_get(px_json_root(j), "player"));
    assert_null(px_json_get(NULL, "x"));
    assert_null(px_json_get(px_json_get(px_json_root(j), "playerId"), "x"));
    px_json_free(j);
}

static void test_json_walks(void **state PX_UNUSED) {
    struct px_json *j = parse(PX_S("{\"a\":[10,20,30],\"b\":{},\"c\":[]}"));
    const struct px_jnode *m = px_json_first(px_json_root(j));
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++, m = px_json_next(m)) {
        assert_true(px_str_is(px_json_name(m), names[i]));
    }
    assert_null(m);
    const struct px_jnode *e = px_json_first(px_json_get(px_json_root(j), "a"));
    for (int64_t want = 10; want <= 30; want += 10, e = px_json_next(e)) {
        int64_t v = 0;
        assert_true(px_json_int(e, &v) && v == want);
    }
    assert_null(e);
    assert_null(px_json_first(px_json_get(px_json_root(j), "b")));
    assert_null(px_json_first(px_json_get(px_json_root(j), "c")));
    px_json_free(j);
}

/* Integers keep their exact value up to the limit, wherever they stand. */
static void test_json_integers_are_exact(void **state PX_UNUSED) {
    struct px_json *j =
        parse(PX_S("[9007199254740991,{\"k\":-9007199254740992},1.5,[[4503599627370497]],-0]"));
    const struct px_jnode *e = px_json_first(px_json_root(j));
    int64_t v = 0;
    assert_true(px_json_int(e, &v) && v == INT64_C(9007199254740991));
    e = px_json_next(e);
    assert_true(px_json_int(px_json_get(e, "k"), &v) && v == -INT64_C(9007199254740992));
    e = px_json_next(e);
    assert_false(px_json_int(e, &v));
    e = px_json_next(e);
    assert_true(px_json_int(px_json_first(px_json_first(e)), &v) && v == INT64_C(4503599627370497));
    e = px_json_next(e);
    assert_true(px_json_int(e, &v) && v == 0);
    px_json_free(j);
}

/* Many members in one object: looked up by hash, not in pairs. */
static void test_json_many_members(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    px_buf_byte(&b, '{');
    for (unsigned i = 0; i < 20000; i++) {
        px_buf_printf(&b, "\"%x\":%u,", i, i);
    }
    size_t n = b.n;
    px_buf_c(&b, "\"last\":0}");
    px_json_free(parse(px_buf_view(&b)));
    b.n = n;
    px_buf_c(&b, "\"4e1f\":0}");
    struct px_json *j = NULL;
    struct px_err err = PX_ERR_INIT;
    assert_int_equal(px_json_parse(px_buf_view(&b), 1 << 20, &j, &err), PX_INVALID);
    char want[64];
    snprintf(want, sizeof want, "byte %zu: the member \"4e1f\" comes twice", n);
    assert_string_equal(err.msg, want);
}

static enum px_code parse_once(void *arg) {
    struct px_json *j = NULL;
    enum px_code rc = px_json_parse(px_str_c(arg), MAX, &j, NULL);
    px_json_free(j);
    return rc;
}

static void test_json_torture(void **state PX_UNUSED) {
    char text[] = "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":[1,2]}";
    assert_true(torture(parse_once, text) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_accepts_and_refuses),
        cmocka_unit_test(test_json_refuses_every_prefix),
        cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_json_size),
        cmocka_unit_test(test_json_reads_values),
        cmocka_unit_test(test_json_get_is_exact),
        cmocka_unit_test(test_json_walks),
        cmocka_unit_test(test_json_integers_are_exact),
        cmocka_unit_test(test_json_many_members),
        cmocka_unit_test(test_json_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
