/* What the record of a refusal may hold. */
#include "unit.h"

#include "handle.h"
#include "ing_catalog.h"

static void test_reject_withholds_what_may_be_personal(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool personal;
    } rows[] = {
        {"playerId=p1&bannerTag=", false},
        {"", false},
        {"playerId=p&mail=a@b.example", true},
        {"playerId=p&mail=a%40b.example", true},
        {"{\"playerId\":\"p\",\"x\":\"a@b.example\"}", true},
        {"playerId=p&c=4111111111111111&s=1", true},
        {"{\"card\":4111111111111111}", true},
        {"[{\"playerId\":\"p\",\"ip\":\"192.0.2.1\"}]", true},
        {"{\"ipod\":\"x\"}", false},
        {"playerId=4111111111111112", false},
        {"{\"ip\":\"203.0.113.9\"}", true},
        {"{\"ip\" : \"203.0.113.009\"}", true},
        {"{\"ip\":\"203.0.113.9:4711\"}", true},
        {"{\"ip\":\"2001:db8::9\"}", true},
        {"{\"ip\":\"[2001:DB8:0:0:0:0:0:9]:80\"}", true},
        {"{\"ip\":\"::ffff:203.0.113.9\"}", true},
        {"playerId=p&s=203.0.113.9&b=x", true},
        {"{\"timestamp\":\"2026-11-21T10:00:00.123456Z\"}", false},
        {"{\"timestamp\":\"2026-11-21T10:00:00+01:00\"}", false},
        {"{\"v\":1.25,\"n\":[10,20.5],\"release\":\"12.7.2026\"}", false},
        {"s=std::string::ab", false},
        {"eid=0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", false},
        {"playerId=%4", false},
        {"u=a%2540b.example", true},
        {"{\"playerId\":\"p\",\"x\":\"a\\u0040b.example\"}", true},
        {"{\"playerId\":\"p\",\"x\":\"a\\u0041b.example\"}", false},
        {"u=2001%3Adb8%3A%3A9&playerId=null", true},
        {"u=203%2E0%2E113%2e9", true},
        {"u=4111+1111+1111+1111", true},
        {"u=4111%201111%201111%201111", true},
        {"%7B%22ip%22%3A1%7D", true},
        {"u=pxk_abcdefgh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true},
        {"u=pxk%5Fabcdefgh%5FAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true},
        {"u=https%3A%2F%2Fshop.example%2Fa%3Fb%3D1+2&t=10%3A20%3A30&%", false},
        {"40", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_reject_shows_personal(px_str_c(rows[i].text)), rows[i].personal);
    }
}

static void test_reject_keeps_a_tenth(void **state) {
    static const size_t rows[][2] = {{0, 0},      {1, 1},      {128, 128},
                                     {129, 128},  {1280, 128}, {1290, 129},
                                     {5120, 512}, {5130, 512}, {262144, 512}};
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_reject_excerpt(rows[i][0]), rows[i][1]);
    }
}

static void test_reject_names_the_limit(void **state) {
    static const struct {
        struct px_issue issue;
        int64_t limit;
    } rows[] = {
        {{.reason = PX_REASON_TOO_LONG, .field = "playerId"}, 128},
        {{.reason = PX_REASON_TOO_LONG, .field = "eventId"}, 128},
        {{.reason = PX_REASON_TOO_LONG, .field = "attributes.s"}, 256},
        {{.reason = PX_REASON_TOO_LONG, .field = "attributes.nothing"}, 0},
        {{.reason = PX_REASON_QUERY_TOO_LONG, .field = "query"}, 4096},
        {{.reason = PX_REASON_BODY_TOO_LARGE, .field = "body"}, 262144},
        {{.reason = PX_REASON_BATCH_SIZE, .field = "events"}, 500},
        {{.reason = PX_REASON_MISSING_FIELD, .field = "playerId"}, 0},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        const struct px_event_type *visit = px_catalog_find(*state, PX_S("visit"));
        assert_int_equal(ing_reject_limit(visit, &rows[i].issue), rows[i].limit);
    }
    assert_int_equal(ing_reject_limit(NULL, &rows[2].issue), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reject_withholds_what_may_be_personal),
        cmocka_unit_test(test_reject_keeps_a_tenth),
        cmocka_unit_test(test_reject_names_the_limit),
    };
    return cmocka_run_group_tests(tests, ing_catalog_setup, ing_catalog_teardown);
}
