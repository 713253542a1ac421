/* The UTF-8 validator and the search for control characters against slow twins: the table of RFC
 * 3629 §4 row by row, and decoded code points. */
#include "fuzz.h"

struct range {
    uint8_t low, high;
};

/* RFC 3629 §4, UTF8-octets. */
static const struct {
    size_t n;
    struct range byte[4];
} forms[] = {
    {1, {{0x00, 0x7f}}},
    {2, {{0xc2, 0xdf}, {0x80, 0xbf}}},
    {3, {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}}},
    {3, {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}}},
};

static bool matches(struct px_str s, size_t form) {
    for (size_t i = 0; i < forms[form].n; i++) {
        if (i == s.n || (uint8_t)s.p[i] < forms[form].byte[i].low ||
            (uint8_t)s.p[i] > forms[form].byte[i].high) {
            return false;
        }
    }
    return true;
}

static size_t slow_char(struct px_str s) {
    for (size_t f = 0; f < PX_ARRAY_LEN(forms); f++) {
        if (matches(s, f)) {
            return forms[f].n;
        }
    }
    return 0;
}

static uint32_t code_point(struct px_str s, size_t n) {
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t v = (uint8_t)s.p[0] & lead[n];
    for (size_t i = 1; i < n; i++) {
        v = v << 6 | ((uint8_t)s.p[i] & 0x3f);
    }
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct px_str all = {.p = (const char *)data, .n = size}, rest = all;
    bool valid = true, control = false;
    while (rest.n && valid) {
        size_t n = slow_char(rest);
        FUZZ_CHECK(px_utf8_char(rest) == n);
        valid = n > 0;
        if (valid) {
            uint32_t v = code_point(rest, n);
            control = control || v < 0x20 || (v >= 0x7f && v <= 0x9f);
            rest = (struct px_str){.p = rest.p + n, .n = rest.n - n};
        }
    }
    FUZZ_CHECK(px_utf8_valid(all) == valid);
    FUZZ_CHECK(!valid || px_str_has_control(all) == control);
    return 0;
}
