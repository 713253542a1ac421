/* Tickets for the route that tells a walk. */
#include "unit.h"

#include "ticket.h"

#include <stdio.h>
#include <string.h>

static void test_ticket_is_good_for_its_time_and_key(void **state) {
    static const uint64_t key[2] = {1, 2}, other[2] = {1, 3};
    char ticket[ING_TICKET], wrong[ING_TICKET + 1] = "";
    const int64_t now = 1795000000;
    (void)state;

    ing_ticket_make(key, now + 300, ticket);
    assert_true(ing_ticket_ok(key, px_str_c(ticket), now));
    assert_true(ing_ticket_ok(key, px_str_c(ticket), now + 300));
    assert_false(ing_ticket_ok(key, px_str_c(ticket), now + 301));
    assert_false(ing_ticket_ok(key, px_str_c(ticket), now - 1)); /* nobody makes such ones */
    assert_false(ing_ticket_ok(other, px_str_c(ticket), now));
    for (size_t i = 0; i < strlen(ticket); i++) {
        memcpy(wrong, ticket, sizeof ticket);
        wrong[i] = wrong[i] == '1' ? '2' : '1';
        assert_false(ing_ticket_ok(key, px_str_c(wrong), now));
        assert_false(ing_ticket_ok(key, (struct px_str){.p = ticket, .n = i}, now));
    }
    snprintf(wrong, sizeof wrong, "%s0", ticket);
    assert_false(ing_ticket_ok(key, px_str_c(wrong), now));
    assert_false(ing_ticket_ok(key, PX_S(""), now));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticket_is_good_for_its_time_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
