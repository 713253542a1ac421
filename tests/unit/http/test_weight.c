/* Which elements of Accept and its kin a client wants. */
#include "unit.h"

#include <px/http.h>

static void test_weight_of_zero_is_not_wanted(void **state PX_UNUSED) {
    static const struct {
        const char *element, *name;
        bool wanted;
    } rows[] = {
        {"gzip", "gzip", true},
        {" image/gif ; q=0.5", "image/gif", true},
        {"gzip;q=0", "gzip", false},
        {"gzip;q=0.", "gzip", false},
        {"gzip ;\tQ=0.000 ", "gzip", false},
        {"image/png;level=1;q=0", "image/png", false},
        {"image/png;q=0;level=1", "image/png", false},
        {"gzip;;q=0", "gzip", false},
        {"gzip;q=0.001", "gzip", true},
        {"gzip;q=1", "gzip", true},
        {"gzip;q=0;q=1", "gzip", false},
        {"gzip;q=1;q=0", "gzip", true},
        /* no weights */
        {"gzip;q=", "gzip", true},
        {"gzip;q", "gzip", true},
        {"gzip;q=.", "gzip", true},
        {"gzip;q=00", "gzip", true},
        {"gzip;q=0..0", "gzip", true},
        {"gzip;q=-0", "gzip", true},
        {"gzip;qs=0", "gzip", true},
        {"gzip;level=0", "gzip", true},
        {"", "", true},
        {";q=0", "", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_str name;
        assert_int_equal(px_weight_wants(px_str_c(rows[i].element), &name), rows[i].wanted);
        assert_true(px_str_is(name, rows[i].name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight_of_zero_is_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
