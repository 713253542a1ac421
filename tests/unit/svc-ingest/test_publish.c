/* What must be true before anything goes to the log: trace contexts and excerpts. */
#include "unit.h"

#include "handle.h"

static void test_publish_takes_valid_trace_contexts_only(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011", false},
        {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_traceparent_ok(px_str_c(rows[i].text)), rows[i].ok);
    }
}

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
        {"playerId=4111111111111112", false},
        {"playerId=%4", false},
        {"40", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_reject_shows_personal(px_str_c(rows[i].text)), rows[i].personal);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish_takes_valid_trace_contexts_only),
        cmocka_unit_test(test_reject_withholds_what_may_be_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
