/* UUIDv7 (RFC 9562): the id that ingest gives to every event it received. Random bits are drawn
 * once a millisecond; within it the 74 bits behind the time count up, so ids of one generator sort.
 */
#include <px/hash.h>

#define MS_MASK ((INT64_C(1) << 48) - 1)
#define HI_BITS 12
#define LO_MASK ((UINT64_C(1) << 62) - 1)

/* The top bit starts clear: room to count for as long as a millisecond may last. */
static void draw(struct px_uuid_gen *g) {
    uint64_t random[2];
    px_random(random, sizeof random);
    g->hi = random[0] & ((UINT64_C(1) << (HI_BITS - 1)) - 1);
    g->lo = random[1] & LO_MASK;
}

/* Also the way out when the clock stands or runs backwards: the id keeps the last millisecond. */
static void count_up(struct px_uuid_gen *g) {
    g->lo = (g->lo + 1) & LO_MASK;
    if (g->lo != 0) {
        return;
    }
    g->hi++;
    if (g->hi >> HI_BITS) {
        g->last_ms++;
        draw(g);
    }
}

struct px_uuid px_uuid_next(struct px_uuid_gen *g, px_us wall) {
    int64_t ms = wall > 0 ? wall / PX_US_PER_MS : 0;
    if (ms > g->last_ms || (g->hi | g->lo) == 0) {
        g->last_ms = ms;
        draw(g);
    } else {
        count_up(g);
    }
    struct px_uuid u;
    uint64_t time = (uint64_t)(g->last_ms & MS_MASK);
    for (unsigned i = 0; i < 6; i++) {
        u.b[i] = (uint8_t)(time >> (8 * (5 - i)));
    }
    u.b[6] = (uint8_t)(0x70 | (g->hi >> 8));
    u.b[7] = (uint8_t)g->hi;
    for (unsigned i = 0; i < 8; i++) {
        u.b[8 + i] = (uint8_t)(g->lo >> (8 * (7 - i)));
    }
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

static bool dash_before(size_t byte) {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void px_uuid_fmt(const struct px_uuid *u, char out[PX_UUID_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof u->b; i++) {
        if (dash_before(i)) {
            out[at++] = '-';
        }
        out[at++] = digits[u->b[i] >> 4];
        out[at++] = digits[u->b[i] & 15];
    }
}

bool px_uuid_parse(struct px_str s, struct px_uuid *ret) {
    struct px_uuid u;
    size_t at = 0;
    if (s.n != PX_UUID_TEXT) {
        return false;
    }
    for (size_t i = 0; i < sizeof u.b; i++) {
        if (dash_before(i) && s.p[at++] != '-') {
            return false;
        }
        int hi = px_hex_digit(s.p[at]), lo = px_hex_digit(s.p[at + 1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        u.b[i] = (uint8_t)(hi << 4 | lo);
        at += 2;
    }
    *ret = u;
    return true;
}
