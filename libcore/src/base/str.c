/* Questions about strings of any origin: case, control characters, UTF-8, nearest word.
 * Pure; nothing here allocates or changes a byte. */
#include <px/str.h>

static uint8_t lower(char c) {
    uint8_t u = (uint8_t)c;
    return u >= 'A' && u <= 'Z' ? (uint8_t)(u + 32) : u;
}

bool px_str_ieq(struct px_str a, struct px_str b) {
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

size_t px_str_find(struct px_str s, char c) {
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

struct px_str px_str_part(struct px_str *rest, char c) {
    size_t n = px_str_find(*rest, c), skip = n < rest->n ? n + 1 : n;
    struct px_str part = {.p = rest->p, .n = n};
    *rest = (struct px_str){.p = rest->p + skip, .n = rest->n - skip};
    return part;
}

bool px_str_copy(struct px_str s, char *dst, size_t cap) {
    if (cap == 0) {
        return false;
    }
    dst[0] = '\0';
    if (s.n >= cap || px_str_find(s, '\0') != s.n) {
        return false;
    }
    if (s.n) {
        memcpy(dst, s.p, s.n);
    }
    dst[s.n] = '\0';
    return true;
}

static bool is_tail(uint8_t c) {
    return (c & 0xc0) == 0x80;
}

/* The second byte decides about overlong forms, surrogates and the upper end (RFC 3629 §4). */
static size_t long_char(const uint8_t *p, size_t n) {
    uint8_t lo = 0x80, hi = 0xbf;
    size_t len = 0;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        lo = p[0] == 0xe0 ? 0xa0 : lo;
        hi = p[0] == 0xed ? 0x9f : hi;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        lo = p[0] == 0xf0 ? 0x90 : lo;
        hi = p[0] == 0xf4 ? 0x8f : hi;
    }
    if (len == 0 || len > n || p[1] < lo || p[1] > hi) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (!is_tail(p[i])) {
            return 0;
        }
    }
    return len;
}

size_t px_utf8_char(struct px_str s) {
    if (s.n == 0) {
        return 0;
    }
    const uint8_t *p = (const uint8_t *)s.p;
    return p[0] < 0x80 ? 1 : long_char(p, s.n);
}

bool px_utf8_valid(struct px_str s) {
    const uint8_t *p = (const uint8_t *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t eight;
        if (s.n - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t len = p[i] < 0x80 ? 1 : long_char(p + i, s.n - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

bool px_str_has_control(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
        if (c == 0xc2 && i + 1 < s.n && (uint8_t)s.p[i + 1] >= 0x80 &&
            (uint8_t)s.p[i + 1] <= 0x9f) {
            return true;
        }
    }
    return false;
}

#define WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edit distance where a swap of neighbours is one edit (optimal string alignment): three rows of
 * the usual table, the current one, the one before and the one before that. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn) {
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= bn; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= an; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t change = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                now[j] = min3(now[j], earlier[j - 2] + 1, SIZE_MAX);
            }
        }
    }
    return rows[an % 3][bn];
}

const char *px_str_nearest(const char *word, const char *const *list, size_t n) {
    size_t len = strlen(word);
    const char *best = NULL;
    size_t best_distance = len / 3 + 1;
    if (len > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        size_t other = list[i] ? strlen(list[i]) : 0;
        if (other == 0 || other > WORD_MAX) {
            continue;
        }
        size_t d = distance(word, len, list[i], other);
        if (d < best_distance) {
            best = list[i];
            best_distance = d;
        }
    }
    return best;
}
