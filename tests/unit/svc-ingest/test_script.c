/* What a client says about the script it wants: packed or not. */
#include "unit.h"

#include "script.h"

static void test_script_is_packed_for_whom_it_may_be(void **state) {
    static const struct {
        const char *accept;
        bool gzip;
    } rows[] = {
        {"", false},
        {"gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"br, GZIP;q=0.5", true},
        {"deflate , gzip ; q=1.0 , *;q=0", true},
        {"*", true},
        {"*;q=0.1", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000, *", false},
        {"*, gzip;q=0", false},
        {"gzip;level=9;q=0", false},
        {"gzip;q=.", true},
        {"*;q=0", false},
        {"identity", false},
        {"br, deflate", false},
        {"xgzip, gzipx", false},
        {",,;", false},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(ing_script_takes_gzip(px_str_c(rows[i].accept)), rows[i].gzip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_is_packed_for_whom_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
