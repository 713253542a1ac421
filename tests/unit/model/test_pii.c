/* What looks like personal data, and what must not be taken for it. */
#include <px/validate.h>

#include <stdio.h>

#include "unit.h"

struct row {
    const char *text;
    bool is;
};

static void judge(const struct row *rows, size_t n, bool (*looks)(struct px_str)) {
    for (size_t i = 0; i < n; i++) {
        if (looks(px_str_c(rows[i].text)) != rows[i].is) {
            fail_msg("\"%s\" was%s recognised", rows[i].text, rows[i].is ? " not" : "");
        }
    }
}

static void test_pii_email(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {"a@b.de", true},
        {"first.last+tag@mail.example.com", true},
        {"<ann@example.com>", true},
        {"mail to ann@example.com please", true},
        {"ann%40example.com", true},
        {"mailto:ann@example.com?subject=x", true},
        {"\xc3\xbc@b\xc3\xbc"
         "cher.example",
         true},
        {"ann@xn--bcher-kva.example", true},
        {"x@@a.bc", false}, /* the second sign follows no local part */
        {"", false},
        {"@", false},
        {"@handle", false},
        {"@example.com", false},
        {"ann@", false},
        {"ann@localhost", false},
        {"ann@example.", false},
        {"ann@.com", false},
        {"ann@-x.com", false},
        {"ann @example.com", false},
        {"ann@ example.com", false},
        {"3@1.5", false},
        {"image@2x.1", false},
        {"50%40", false},
        {"summer-sale_2026", false},
    };
    judge(rows, PX_ARRAY_LEN(rows), px_looks_like_email);
}

static void test_pii_card(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {"4111111111111111", true},
        {"4111 1111 1111 1111", true},
        {"4111-1111-1111-1111", true},
        {"378282246310005", true},       /* 15 digits */
        {"3782 822463 10005", true},     /* groups of 4, 6, 5 */
        {"4222222222222", true},         /* 13 digits */
        {"6304000000000000000", true},   /* 19 digits */
        {"card:4111111111111111", true}, /* a colon parts words */
        {"(4111111111111111)", true},
        {"4111 1111 1111 1111 12/28", true}, /* the card ends before the date */
        {"no 123 4111 1111 1111 1111", true},
        {"4111111111111112", false}, /* wrong check digit */
        {"4111  1111 1111 1111", false},
        {"4111--1111-1111-1111", false},
        {"4111.1111.1111.1111", false},
        {"41 11 11 11 11 11 11 11", false}, /* no card is written so */
        {"411111111111", false},            /* 12 digits */
        {"41111111111111111116", false},    /* 20 digits in one piece */
        {"x4111111111111111", false},       /* inside a word */
        {"4111111111111111x", false},
        {"id_4111111111111111", false},
        {"ab-4111-1111-1111-1111", false},
        {"aaaaaaaa-4111-4111-8111-411111111111", false}, /* a UUID */
        {"550e8400-e29b-41d4-a716-446655440000", false},
        {"1732176000000002", false}, /* microseconds since 1970: begins with 1 */
        {"0000000000000000", false},
        {"2026-11-21 10:00:00", false},
        {"2026-11-21-123455", false},
        {"", false},
        {" ", false},
        {"-", false},
    };
    judge(rows, PX_ARRAY_LEN(rows), px_looks_like_card);
}

/* No digit of any time between 2001 and 2033 makes a card, in milli- nor in microseconds. */
static void test_pii_times_are_no_cards(void **state PX_UNUSED) {
    char text[32];
    for (uint64_t ms = 1000000000000; ms < 1000000000000 + 2000; ms++) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)ms);
        assert_false(px_looks_like_card(px_str_c(text)));
        snprintf(text, sizeof text, "%llu", (unsigned long long)(ms * 1000 + ms % 1000));
        assert_false(px_looks_like_card(px_str_c(text)));
    }
}

/* Long hostile texts are looked at once, not again and again. */
static void test_pii_long_texts_end(void **state PX_UNUSED) {
    static char digits[65536];
    memset(digits, '4', sizeof digits);
    for (size_t i = 4; i < sizeof digits; i += 5) {
        digits[i] = '-';
    }
    struct px_str s = {.p = digits, .n = sizeof digits};
    assert_false(px_looks_like_email(s));
    (void)px_looks_like_card(s);
    memset(digits, '@', sizeof digits);
    assert_false(px_looks_like_email(s));
    assert_false(px_looks_like_card(s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pii_email),
        cmocka_unit_test(test_pii_card),
        cmocka_unit_test(test_pii_times_are_no_cards),
        cmocka_unit_test(test_pii_long_texts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
