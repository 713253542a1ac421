/* Path -> route against the shipped catalog. */
#include "unit.h"

#include "ing_catalog.h"
#include "routes.h"

static void test_routes_match(void **state) {
    static const struct {
        const char *path;
        enum ing_route route;
        const char *type;
    } rows[] = {
        {"/api/pixel/visit", ING_ROUTE_PIXEL, "visit"},
        {"/api/pixel/registration", ING_ROUTE_PIXEL, "registration"},
        {"/api/pixel/deposit", ING_ROUTE_PIXEL, "deposit"},
        {"/visit", ING_ROUTE_PIXEL, "visit"},
        {"/registration", ING_ROUTE_PIXEL, "registration"},
        {"/deposit", ING_ROUTE_PIXEL, "deposit"},
        {"/api/pixel/", ING_ROUTE_PIXEL, NULL},
        {"/api/pixel/nothing", ING_ROUTE_PIXEL, NULL},
        {"/api/pixel/visit/", ING_ROUTE_PIXEL, NULL},
        {"/api/pixel/Visit", ING_ROUTE_PIXEL, NULL},
        {"/api/pixel/v%69sit", ING_ROUTE_PIXEL, NULL},
        {"/api/events", ING_ROUTE_EVENTS, NULL},
        {"/api/events/schema", ING_ROUTE_PAGE, NULL},
        {"/robots.txt", ING_ROUTE_PAGE, NULL},
        {"/favicon.ico", ING_ROUTE_PAGE, NULL},
        {"/px.js", ING_ROUTE_SCRIPT, NULL},
        {"/px.js/", ING_ROUTE_OTHER, NULL},
        {"/api/events/", ING_ROUTE_OTHER, NULL},
        {"/api/pixel", ING_ROUTE_OTHER, NULL},
        {"/", ING_ROUTE_OTHER, NULL},
        {"/nothing", ING_ROUTE_OTHER, NULL},
        {"//visit", ING_ROUTE_OTHER, NULL},
        {"", ING_ROUTE_OTHER, NULL},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_match m = ing_route(*state, px_str_c(rows[i].path));
        assert_int_equal(m.route, rows[i].route);
        if (rows[i].type) {
            assert_non_null(m.type);
            assert_string_equal(m.type->name, rows[i].type);
        } else {
            assert_null(m.type);
        }
        assert_true((m.allow == NULL) == (m.route == ING_ROUTE_OTHER));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_routes_match)};
    return cmocka_run_group_tests(tests, ing_catalog_setup, ing_catalog_teardown);
}
