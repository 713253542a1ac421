/* Origin -> who may read the answer. */
#include "unit.h"

#include "cors.h"

static void test_cors_names_one_origin_or_nobody(void **state) {
    (void)state;
    static const struct {
        const char *origin;
        bool named;
    } rows[] = {
        {"https://shop.example", true},
        {"http://127.0.0.1:3000", true},
        {"https://[2001:db8::1]:8443", true},
        {"HTTPS://Shop.Example", true},
        {"chrome-extension://abcdefghijklmnop", true},
        {"capacitor://localhost", true},
        {NULL, false},
        {"", false},
        {"null", false},
        {"*", false},
        {"shop.example", false},
        {"https://", false},
        {"https://shop.example/", false},
        {"https://shop.example/path", false},
        {"https://user@shop.example", false},
        {"https://a.example https://b.example", false},
        {"https://a.example, https://b.example", false},
        {"https://shop.example:", false},
        {"https://shop.example:123456", false},
        {"https://shop.example:80x", false},
        {"https://[::1", false},
        {"https://[]", false},
        {"1http://shop.example", false},
        {"://shop.example", false},
        {"https:/shop.example", false},
        {"https://caf\xc3\xa9.example", false},
        {"https://a.example\tx", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_cors c = ing_cors_of("*", px_str_c(rows[i].origin), false);
        assert_int_equal(c.origin.n > 0, rows[i].named);
        assert_int_equal(c.any, !rows[i].named);
        c = ing_cors_of("*", px_str_c(rows[i].origin), true);
        assert_int_equal(c.origin.n, 0);
        assert_true(c.any);
    }
}

static void test_cors_knows_a_list(void **state) {
    (void)state;
    static const char list[] = " https://a.example,http://b.example:8080  https://C.example ";
    static const char *const in[] = {"https://a.example", "http://b.example:8080",
                                     "https://c.example", "https://A.example"};
    static const char *const out[] = {"http://a.example", "https://a.example:444",
                                      "https://a.example.evil.example", "https://evil.example",
                                      "null"};

    assert_true(ing_cors_allowed_ok(list));
    for (size_t i = 0; i < PX_ARRAY_LEN(in); i++) {
        assert_true(
            px_str_is(ing_cors_of(list, px_str_c(in[i]), false).origin, in[i])); /* as sent */
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(out); i++) {
        struct ing_cors c = ing_cors_of(list, px_str_c(out[i]), false);
        assert_true(c.origin.n == 0 && !c.any);
    }
    assert_false(ing_cors_of("", PX_S("https://a.example"), false).any);
}

static void test_cors_refuses_a_wrong_list(void **state) {
    (void)state;
    static const char *const bad[] = {"a.example",
                                      "https://a.example *",
                                      "https://*.example",
                                      "https://a.example;https://b.example",
                                      "null",
                                      "https://a.example http://b.example:80",
                                      "HTTPS://a.example:443"};

    assert_true(ing_cors_allowed_ok("*") && ing_cors_allowed_ok(""));
    assert_true(ing_cors_allowed_ok("https://a.example:80 http://a.example:443"));
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        assert_false(ing_cors_allowed_ok(bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cors_names_one_origin_or_nobody),
        cmocka_unit_test(test_cors_knows_a_list),
        cmocka_unit_test(test_cors_refuses_a_wrong_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
