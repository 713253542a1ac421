/* Strings inside the program are views: pointer and length, not NUL-terminated, may hold any byte.
 */
#ifndef PX_STR_H
#define PX_STR_H

#include <px/base.h>
#include <string.h>

struct px_str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

/* PX_S("literal"), and the pair for printf's "%.*s". */
#define PX_S(lit) ((struct px_str){.p = (lit), .n = sizeof(lit) - 1})
#define PX_S_INIT(lit)                                                                             \
    { .p = (lit), .n = sizeof(lit) - 1 }
#define PX_S_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), ((s).p ? (s).p : "")

static inline struct px_str px_str_c(const char *c) {
    return (struct px_str){.p = c, .n = c ? strlen(c) : 0};
}
static inline bool px_str_eq(struct px_str a, struct px_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool px_str_is(struct px_str a, const char *c) {
    return px_str_eq(a, px_str_c(c));
}
/* Bytewise order, shorter first when one is a prefix of the other. */
static inline int px_str_cmp(struct px_str a, struct px_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}
static inline bool px_str_starts(struct px_str s, struct px_str prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* px_str_trim(s): without blanks and tabs at both ends. Threads: pure. */
static inline struct px_str px_str_trim(struct px_str s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

/* px_hex_digit(c): 0 to 15, or -1 when ${c} is no hexadecimal digit. Threads: pure. */
static inline int px_hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* px_str_ieq(a, b): equal but for the case of ASCII letters. Threads: pure. */
bool px_str_ieq(struct px_str a, struct px_str b);

/* px_str_find(s, c): index of the first ${c} in ${s}, or s.n. Threads: pure. */
size_t px_str_find(struct px_str s, char c);
/* px_str_part(rest, c): what stands in ${*rest} before its first ${c}, or all of it; it is taken
 * off with that ${c}. Threads: pure. */
struct px_str px_str_part(struct px_str *rest, char c);

/* px_str_copy(s, dst, cap): NUL-terminated copy for a C-library border. False (and an empty
 * string) when ${s} holds a NUL or does not fit. Threads: pure. */
PX_MUST_USE bool px_str_copy(struct px_str s, char *dst, size_t cap);

/* px_utf8_valid(s): well-formed UTF-8 by RFC 3629: no overlong form, no surrogate, nothing past
 * U+10FFFF. NUL and control characters are valid here. Threads: pure. Source: RFC 3629 §4. */
bool px_utf8_valid(struct px_str s);

/* px_utf8_char(s): length of the well-formed character that ${s} begins with, 1 to 4, or 0 when
 * there is none. Threads: pure. */
size_t px_utf8_char(struct px_str s);

/* px_str_has_control(s): true when ${s} holds a byte below 0x20, 0x7f, or U+0080..U+009F. */
bool px_str_has_control(struct px_str s);

/* px_str_nearest(word, list, n): the entry of ${list} closest to ${word} (edit distance at most
 * a third of its length, ASCII case ignored), or NULL: "did you mean". Threads: pure. */
const char *px_str_nearest(const char *word, const char *const *list, size_t n);

#endif
