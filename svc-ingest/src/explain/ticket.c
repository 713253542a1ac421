/* A second and a key -> a ticket, and back. Pure. */
#include "ticket.h"

#include <px/hash.h>
#include <px/num.h>

#include <stdio.h>
#include <string.h>

static uint64_t ticket_code(const uint64_t key[2], int64_t until) {
    char text[40];
    int n = snprintf(text, sizeof text, "explain-ip %lld", (long long)until);

    return px_siphash(key[0], key[1], (struct px_str){.p = text, .n = (size_t)n});
}

void ing_ticket_make(const uint64_t key[2], int64_t until, char out[ING_TICKET]) {
    snprintf(out, ING_TICKET, "%lld-%016llx", (long long)until,
             (unsigned long long)ticket_code(key, until));
}

bool ing_ticket_ok(const uint64_t key[2], struct px_str s, int64_t now) {
    char want[ING_TICKET];
    int64_t until;
    struct px_str time = {.p = s.p, .n = px_str_find(s, '-')};

    if (!px_parse_i64(time, 1, INT64_C(100000000000), &until) || now > until ||
        until > now + ING_TICKET_FOR) {
        return false;
    }
    ing_ticket_make(key, until, want);
    size_t n = strlen(want);
    uint8_t differ = s.n != n;
    for (size_t i = 0; i < n && i < s.n; i++) {
        differ |= (uint8_t)(want[i] ^ s.p[i]);
    }
    return differ == 0;
}
