/* Views, UTF-8, control characters, nearest word. */
#include <px/str.h>

#include "unit.h"

static void test_str_compares(void **state PX_UNUSED) {
    struct px_str none = {.p = NULL, .n = 0};

    assert_true(px_str_eq(none, PX_S("")));
    assert_true(px_str_is(PX_S("a"), "a"));
    assert_false(px_str_eq(PX_S("a"), PX_S("a\0")));
    assert_true(px_str_cmp(PX_S("a"), PX_S("ab")) < 0);
    assert_true(px_str_cmp(PX_S("\xff"), PX_S("a")) > 0);
    assert_int_equal(px_str_cmp(none, none), 0);
    assert_true(px_str_starts(PX_S("abc"), PX_S("ab")));
    assert_true(px_str_starts(none, none));
    assert_false(px_str_starts(PX_S("a"), PX_S("ab")));
    assert_true(px_str_ieq(PX_S("Content-TYPE"), PX_S("content-type")));
    assert_false(px_str_ieq(PX_S("@"), PX_S("`"))); /* differ by the case bit, but are no letters */
    assert_false(px_str_ieq(PX_S("\xc3\x84"), PX_S("\xc3\xa4")));
    assert_int_equal(px_str_find(PX_S("a=b"), '='), 1);
    assert_int_equal(px_str_find(PX_S("ab"), '='), 2);
    assert_int_equal(px_str_find(none, '='), 0);
}

static void test_str_copy_refuses_nul_and_overflow(void **state PX_UNUSED) {
    char out[4] = "zzz";

    assert_true(px_str_copy(PX_S("abc"), out, sizeof out));
    assert_string_equal(out, "abc");
    assert_false(px_str_copy(PX_S("abcd"), out, sizeof out));
    assert_string_equal(out, "");
    assert_false(px_str_copy(PX_S("a\0b"), out, sizeof out));
    assert_string_equal(out, "");
    assert_true(px_str_copy((struct px_str){.p = NULL, .n = 0}, out, sizeof out));
    assert_false(px_str_copy(PX_S(""), out, 0));
}

struct utf8_row {
    struct px_str s;
    bool good;
};

static void test_str_utf8_table(void **state PX_UNUSED) {
    static const struct utf8_row rows[] = {
        {PX_S_INIT(""), true},
        {PX_S_INIT("plain ascii, longer than eight"), true},
        {PX_S_INIT("\0\x01\x7f"), true},
        {PX_S_INIT("\xc2\x80"), true},
        {PX_S_INIT("\xdf\xbf"), true},
        {PX_S_INIT("\xe0\xa0\x80"), true},
        {PX_S_INIT("\xed\x9f\xbf"), true},
        {PX_S_INIT("\xee\x80\x80"), true},
        {PX_S_INIT("\xef\xbf\xbf"), true},
        {PX_S_INIT("\xf0\x90\x80\x80"), true},
        {PX_S_INIT("\xf4\x8f\xbf\xbf"), true},
        {PX_S_INIT("eightbyt\xc3\xa4"), true},
        {PX_S_INIT("seven..\xc3\xa4seven.."), true},
        /* tails without a head, heads without a tail */
        {PX_S_INIT("\x80"), false},
        {PX_S_INIT("\xbf"), false},
        {PX_S_INIT("\xc3"), false},
        {PX_S_INIT("\xc3("), false},
        {PX_S_INIT("\xe2\x82"), false},
        {PX_S_INIT("\xe2(\xa1"), false},
        {PX_S_INIT("\xe2\x82("), false},
        {PX_S_INIT("\xf0\x9f\x98"), false},
        {PX_S_INIT("eightbyt\x80"), false},
        /* overlong */
        {PX_S_INIT("\xc0\x80"), false},
        {PX_S_INIT("\xc0\xaf"), false},
        {PX_S_INIT("\xc1\xbf"), false},
        {PX_S_INIT("\xe0\x80\xaf"), false},
        {PX_S_INIT("\xe0\x9f\xbf"), false},
        {PX_S_INIT("\xf0\x80\x80\xaf"), false},
        {PX_S_INIT("\xf0\x8f\xbf\xbf"), false},
        /* surrogates, also paired as CESU-8 does */
        {PX_S_INIT("\xed\xa0\x80"), false},
        {PX_S_INIT("\xed\xbf\xbf"), false},
        {PX_S_INIT("\xed\xa0\xbd\xed\xb8\x80"), false},
        /* past U+10FFFF, five and six bytes, never-bytes */
        {PX_S_INIT("\xf4\x90\x80\x80"), false},
        {PX_S_INIT("\xf5\x80\x80\x80"), false},
        {PX_S_INIT("\xf8\x88\x80\x80\x80"), false},
        {PX_S_INIT("\xfc\x84\x80\x80\x80\x80"), false},
        {PX_S_INIT("\xfe"), false},
        {PX_S_INIT("\xff"), false},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (px_utf8_valid(rows[i].s) != rows[i].good) {
            fail_msg("row %zu", i);
        }
    }
}

/* Every code point once, encoded here by the book, and every three-byte form of two bytes. */
static void test_str_utf8_accepts_exactly_the_code_points(void **state PX_UNUSED) {
    size_t accepted = 0;
    for (uint32_t c = 0x10000; c <= 0x1fffff; c++) {
        char s[4] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
                     (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};
        accepted += px_utf8_valid((struct px_str){.p = s, .n = 4});
    }
    assert_int_equal(accepted, 0x100000);
    accepted = 0;
    for (uint32_t c = 0; c <= 0xffff; c++) {
        char s[3] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                     (char)(0x80 | (c & 0x3f))};
        accepted += px_utf8_valid((struct px_str){.p = s, .n = 3});
    }
    assert_int_equal(accepted, 0x10000 - 0x800 - 0x800); /* two-byte range and surrogates */
}

static void test_str_utf8_char_steps(void **state PX_UNUSED) {
    assert_int_equal(px_utf8_char(PX_S("")), 0);
    assert_int_equal(px_utf8_char(PX_S("ab")), 1);
    assert_int_equal(px_utf8_char(PX_S("\xc3\xa4x")), 2);
    assert_int_equal(px_utf8_char(PX_S("\xe2\x82\xac")), 3);
    assert_int_equal(px_utf8_char(PX_S("\xf0\x9f\x98\x80")), 4);
    assert_int_equal(px_utf8_char(PX_S("\x80")), 0);
}

static void test_str_control_characters(void **state PX_UNUSED) {
    assert_false(px_str_has_control(PX_S("")));
    assert_false(px_str_has_control(PX_S("a b~\xc2\xa0\xc3\x80")));
    assert_true(px_str_has_control(PX_S("a\nb")));
    assert_true(px_str_has_control(PX_S("\0")));
    assert_true(px_str_has_control(PX_S("\x7f")));
    assert_true(px_str_has_control(PX_S("\xc2\x80")));
    assert_true(px_str_has_control(PX_S("x\xc2\x9f")));
}

static void test_str_trims_blanks_and_tabs(void **state PX_UNUSED) {
    assert_true(px_str_is(px_str_trim(PX_S(" \t a b\t ")), "a b"));
    assert_true(px_str_is(px_str_trim(PX_S("a\n")), "a\n"));
    assert_int_equal(px_str_trim(PX_S(" \t ")).n, 0);
    assert_int_equal(px_str_trim((struct px_str){.p = NULL, .n = 0}).n, 0);
}

static void test_str_hex_digits(void **state PX_UNUSED) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = c ? strchr(digits, c) : NULL;
        assert_int_equal(px_hex_digit((char)c), at ? (at - digits) % 16 : -1);
    }
}

static void test_str_nearest(void **state PX_UNUSED) {
    static const char *const keys[] = {"Brokers", "TopicPrefix", "LogId", "Port", NULL};
    size_t n = PX_ARRAY_LEN(keys);

    assert_string_equal(px_str_nearest("Broker", keys, n), "Brokers");
    assert_string_equal(px_str_nearest("topicprefix", keys, n), "TopicPrefix");
    assert_string_equal(px_str_nearest("TopicPerfix", keys, n), "TopicPrefix");
    assert_string_equal(px_str_nearest("Prot", keys, n), "Port"); /* a swap is one edit */
    assert_null(px_str_nearest("Zebra", keys, n));
    assert_null(px_str_nearest("", keys, n));
    assert_null(px_str_nearest("Port", keys, 0));
    assert_null(px_str_nearest("a_word_that_is_longer_than_any_option_could_ever_sensibly_be_12345",
                               keys, n));
}

static void test_str_part_takes_off_what_stands_before_a_sign(void **state) {
    (void)state;
    struct px_str rest = PX_S(",a,,b ,"), nothing = {.p = NULL};

    assert_int_equal(px_str_part(&rest, ',').n, 0);
    assert_true(px_str_is(px_str_part(&rest, ','), "a"));
    assert_int_equal(px_str_part(&rest, ',').n, 0);
    assert_true(px_str_is(px_str_part(&rest, ','), "b "));
    assert_int_equal(rest.n, 0);
    rest = PX_S("whole");
    assert_true(px_str_is(px_str_part(&rest, ','), "whole"));
    assert_int_equal(rest.n, 0);
    assert_int_equal(px_str_part(&rest, ',').n, 0);
    assert_int_equal(px_str_part(&nothing, ',').n, 0);
    assert_int_equal(nothing.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_part_takes_off_what_stands_before_a_sign),
        cmocka_unit_test(test_str_compares),
        cmocka_unit_test(test_str_copy_refuses_nul_and_overflow),
        cmocka_unit_test(test_str_utf8_table),
        cmocka_unit_test(test_str_utf8_accepts_exactly_the_code_points),
        cmocka_unit_test(test_str_utf8_char_steps),
        cmocka_unit_test(test_str_control_characters),
        cmocka_unit_test(test_str_trims_blanks_and_tabs),
        cmocka_unit_test(test_str_hex_digits),
        cmocka_unit_test(test_str_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
