/* What the record of a refusal may hold. */
#include "unit.h"

#include "handle.h"

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
        cmocka_unit_test(test_reject_withholds_what_may_be_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
