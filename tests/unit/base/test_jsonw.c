/* The JSON writer: commas, escapes, numbers, and what happens when the buffer is full. */
#include <px/jsonw.h>

#include <math.h>
#include <stdlib.h>

#include "unit.h"

static void test_jsonw_commas(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    struct px_jsonw w = px_jsonw_on(&b);

    px_jw_obj(&w);
    px_jw_kstr(&w, "s", PX_S("v"));
    px_jw_kc(&w, "none", NULL);
    px_jw_ki64(&w, "n", -5);
    px_jw_kbool(&w, "t", true);
    px_jw_key_s(&w, PX_S("a\"b"));
    px_jw_arr(&w);
    px_jw_arr(&w);
    px_jw_arr_end(&w);
    px_jw_obj(&w);
    px_jw_obj_end(&w);
    px_jw_null(&w);
    px_jw_raw(&w, PX_S("[1]"));
    px_jw_bool(&w, false);
    px_jw_arr_end(&w);
    px_jw_kc(&w, "z", "end");
    px_jw_obj_end(&w);

    assert_string_equal(px_buf_cstr(&b), "{\"s\":\"v\",\"none\":null,\"n\":-5,\"t\":true,"
                                         "\"a\\\"b\":[[],{},null,[1],false],\"z\":\"end\"}");
}

struct escape_row {
    struct px_str in;
    const char *out;
};

static void test_jsonw_escapes(void **state PX_UNUSED) {
    static const struct escape_row rows[] = {
        {PX_S_INIT(""), "\"\""},
        {PX_S_INIT("plain"), "\"plain\""},
        {PX_S_INIT("\"\\/"), "\"\\\"\\\\/\""},
        {PX_S_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {PX_S_INIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {PX_S_INIT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"),
         "\"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\""},
        {PX_S_INIT("a\xffz"), "\"a\xef\xbf\xbdz\""},
        {PX_S_INIT("\xc3"), "\"\xef\xbf\xbd\""},
        {PX_S_INIT("\xc3\""), "\"\xef\xbf\xbd\\\"\""}, /* a cut character hides no quote */
        {PX_S_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
        px_json_escape(&b, rows[i].in);
        assert_string_equal(px_buf_cstr(&b), rows[i].out);
    }
}

struct fixed_row {
    int64_t num;
    unsigned decimals;
    const char *text;
};

static void test_jsonw_fixed(void **state PX_UNUSED) {
    static const struct fixed_row rows[] = {
        {123456, 6, "0.123456"},
        {1, 6, "0.000001"},
        {0, 6, "0.000000"},
        {1000000, 6, "1.000000"},
        {-1, 2, "-0.01"},
        {-12345, 2, "-123.45"},
        {42, 0, "42"},
        {INT64_MAX, 18, "9.223372036854775807"},
        {INT64_MIN, 18, "-9.223372036854775808"},
        {INT64_MIN, 0, "-9223372036854775808"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
        struct px_jsonw w = px_jsonw_on(&b);
        px_jw_fixed(&w, rows[i].num, rows[i].decimals);
        assert_string_equal(px_buf_cstr(&b), rows[i].text);
    }
}

static void check_double(double v, const char *text) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
    struct px_jsonw w = px_jsonw_on(&b);
    px_jw_double(&w, v);
    if (text) {
        assert_string_equal(px_buf_cstr(&b), text);
    }
    double back = strtod(px_buf_cstr(&b), NULL);
    if (isfinite(v) && memcmp(&back, &v, sizeof v) != 0) {
        fail_msg("%s is not %a", px_buf_cstr(&b), v);
    }
}

static void test_jsonw_double(void **state PX_UNUSED) {
    check_double(0.1, "0.1");
    check_double(0.0, "0");
    check_double(-0.0, "-0");
    check_double(1.0 / 3, "0.3333333333333333");
    check_double(100, "100");
    check_double(1e300, "1e+300");
    check_double(5e-324, "5e-324");
    check_double(9007199254740993.0, "9007199254740992");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double((double)NAN, "null");
    check_double((double)INFINITY, "null");
    check_double(-(double)INFINITY, "null");
    for (uint64_t i = 1; i < 20000; i++) {
        uint64_t bits = i * UINT64_C(0x9e3779b97f4a7c15);
        double v;
        memcpy(&v, &bits, sizeof v);
        check_double(v, NULL);
    }
}

static void test_jsonw_full_buffer_is_noticed_at_the_end(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(10);
    struct px_jsonw w = px_jsonw_on(&b);
    px_jw_arr(&w);
    px_jw_c(&w, "more than ten");
    px_jw_arr_end(&w);
    assert_int_equal(px_buf_ok(&b, NULL), PX_TOO_LARGE);
}

static void test_jsonw_depth(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    struct px_jsonw w = px_jsonw_on(&b);
    for (int i = 0; i < 60; i++) {
        px_jw_arr(&w);
    }
    px_jw_i64(&w, 1);
    px_jw_i64(&w, 2);
    for (int i = 0; i < 60; i++) {
        px_jw_arr_end(&w);
    }
    assert_int_equal(b.n, 123);
    assert_memory_equal(b.p + 60, "1,2]", 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jsonw_commas),
        cmocka_unit_test(test_jsonw_escapes),
        cmocka_unit_test(test_jsonw_fixed),
        cmocka_unit_test(test_jsonw_double),
        cmocka_unit_test(test_jsonw_full_buffer_is_noticed_at_the_end),
        cmocka_unit_test(test_jsonw_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
