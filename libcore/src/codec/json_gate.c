/* One pass over JSON text before cJSON sees it: grammar, depth, UTF-8, escapes, numbers.
 * cJSON by itself takes raw control characters, invalid UTF-8, leading zeros, 1e999 and trailing
 * bytes, cuts strings at \u0000 and loses digits past 2^53. Pure; builds nothing. */
#include "json_gate.h"

#include <math.h>
#include <stdlib.h>

/* cJSON copies a number into 64 bytes; longer ones would be cut. */
#define NUMBER_MAX 60

struct gate {
    const char *p;
    size_t n, i;
    unsigned depth;
    struct px_buf *ints;
    const char *wrong; /* first fault; its place is i */
};

static bool fail(struct gate *g, const char *wrong) {
    if (!g->wrong) {
        g->wrong = wrong;
    }
    return false;
}

static bool fail_at(struct gate *g, size_t at, const char *wrong) {
    if (!g->wrong) {
        g->i = at;
    }
    return fail(g, wrong);
}

static void skip_blanks(struct gate *g) {
    while (g->i < g->n &&
           (g->p[g->i] == ' ' || g->p[g->i] == '\n' || g->p[g->i] == '\t' || g->p[g->i] == '\r')) {
        g->i++;
    }
}

/* The next byte, or -1 at the end. */
static int peek(const struct gate *g) {
    return g->i < g->n ? (uint8_t)g->p[g->i] : -1;
}

static bool take(struct gate *g, char c) {
    if (peek(g) != (uint8_t)c) {
        return false;
    }
    g->i++;
    return true;
}

/* --- strings --- */

static bool hex4(struct gate *g, unsigned *ret) {
    unsigned v = 0;
    if (g->n - g->i < 4) {
        return fail(g, "an escape is cut short");
    }
    for (size_t k = 0; k < 4; k++) {
        int d = px_hex_digit(g->p[g->i + k]);
        if (d < 0) {
            return fail(g, "\\u is not followed by four hex digits");
        }
        v = v << 4 | (unsigned)d;
    }
    g->i += 4;
    *ret = v;
    return true;
}

/* Behind "\u": one unit, or a pair of surrogates. */
static bool unicode_escape(struct gate *g) {
    size_t at = g->i;
    unsigned u = 0;
    if (!hex4(g, &u)) {
        return false;
    }
    if (u == 0) {
        return fail_at(g, at, "a string holds \\u0000 (NUL)");
    }
    if (u >= 0xdc00 && u <= 0xdfff) {
        return fail_at(g, at, "a low surrogate stands alone");
    }
    if (u < 0xd800 || u > 0xdbff) {
        return true;
    }
    unsigned low = 0;
    if (!take(g, '\\') || !take(g, 'u')) {
        return fail_at(g, at, "a high surrogate stands alone");
    }
    if (!hex4(g, &low)) {
        return false;
    }
    return low >= 0xdc00 && low <= 0xdfff ? true : fail_at(g, at, "a high surrogate stands alone");
}

static bool escape(struct gate *g) {
    int c = peek(g);
    if (c < 0) {
        return fail(g, "an escape is cut short");
    }
    if (c == 'u') {
        g->i++;
        return unicode_escape(g);
    }
    if (c == 0 || !strchr("\"\\/bfnrt", c)) {
        return fail(g, "an unknown escape");
    }
    g->i++;
    return true;
}

static bool string(struct gate *g) {
    if (!take(g, '"')) {
        return fail(g, "a string was expected");
    }
    for (;;) {
        int c = peek(g);
        if (c < 0) {
            return fail(g, "a string does not end");
        }
        if (c < 0x20) {
            return fail(g, c ? "a string holds a raw control character" : "a string holds a NUL");
        }
        g->i++;
        if (c == '"') {
            return true;
        }
        if (c == '\\' && !escape(g)) {
            return false;
        }
    }
}

/* --- numbers --- */

static size_t digits(struct gate *g) {
    size_t start = g->i;
    while (g->i < g->n && g->p[g->i] >= '0' && g->p[g->i] <= '9') {
        g->i++;
    }
    return g->i - start;
}

/* -2^53 to 2^53, by the digits: a double would round the neighbour in. */
static bool int_in_range(const char *p, size_t n) {
    static const char limit[] = "9007199254740992";
    size_t len = sizeof limit - 1;
    return n < len || (n == len && memcmp(p, limit, len) <= 0);
}

static bool real_in_range(const char *p, size_t n) {
    char text[NUMBER_MAX + 1];
    memcpy(text, p, n);
    text[n] = '\0';
    double v = strtod(text, NULL);
    return isfinite(v) && fabs(v) <= 9007199254740992.0;
}

/* Behind the integer part: true when a fraction or an exponent was there and is well-formed. */
static bool tail(struct gate *g, bool *ret_real) {
    *ret_real = false;
    if (take(g, '.')) {
        *ret_real = true;
        if (digits(g) == 0) {
            return fail(g, "a number lacks digits behind the point");
        }
    }
    if (take(g, 'e') || take(g, 'E')) {
        *ret_real = true;
        if (!take(g, '+')) {
            take(g, '-');
        }
        if (digits(g) == 0) {
            return fail(g, "a number lacks digits in its exponent");
        }
    }
    return true;
}

static bool number(struct gate *g) {
    size_t start = g->i;
    take(g, '-');
    size_t whole = g->i;
    size_t n = digits(g);
    bool real = false;
    if (n == 0) {
        return fail(g, "a value was expected");
    }
    if (n > 1 && g->p[whole] == '0') {
        return fail_at(g, whole, "a number begins with 0");
    }
    if (!tail(g, &real)) {
        return false;
    }
    if (g->i - start > NUMBER_MAX) {
        return fail_at(g, start, "a number has too many characters");
    }
    bool in_range =
        real ? real_in_range(g->p + start, g->i - start) : int_in_range(g->p + whole, n);
    if (!in_range) {
        return fail_at(g, start, "a number is outside +-2^53");
    }
    px_buf_byte(g->ints, real ? 0 : 1);
    return true;
}

static bool literal(struct gate *g, const char *word) {
    size_t n = strlen(word);
    if (g->n - g->i < n || memcmp(g->p + g->i, word, n) != 0) {
        return fail(g, "a value was expected");
    }
    g->i += n;
    return true;
}

/* --- structure: recursion is bounded by PX_JSON_MAX_DEPTH --- */

static bool value(struct gate *g);

static bool member(struct gate *g) {
    if (!string(g)) {
        return false;
    }
    skip_blanks(g);
    if (!take(g, ':')) {
        return fail(g, "a colon was expected");
    }
    return value(g);
}

static bool items(struct gate *g, bool (*one)(struct gate *), char close) {
    skip_blanks(g);
    if (take(g, close)) {
        return true;
    }
    for (;;) {
        skip_blanks(g);
        if (!one(g)) {
            return false;
        }
        skip_blanks(g);
        if (take(g, close)) {
            return true;
        }
        if (!take(g, ',')) {
            return fail(g,
                        close == '}' ? "a comma or } was expected" : "a comma or ] was expected");
        }
    }
}

static bool container(struct gate *g) {
    if (g->depth == PX_JSON_MAX_DEPTH) {
        return fail(g, "nested more than 16 deep");
    }
    bool object = g->p[g->i] == '{';
    g->i++;
    g->depth++;
    bool good = object ? items(g, member, '}') : items(g, value, ']');
    g->depth--;
    return good;
}

static bool value(struct gate *g) {
    skip_blanks(g);
    switch (peek(g)) {
    case '{':
    case '[':
        return container(g);
    case '"':
        return string(g);
    case 't':
        return literal(g, "true");
    case 'f':
        return literal(g, "false");
    case 'n':
        return literal(g, "null");
    case -1:
        return fail(g, "the text ends where a value was expected");
    default:
        return number(g);
    }
}

/* Offset of the first byte that is not part of a well-formed character. */
static size_t utf8_fault(struct px_str s) {
    size_t i = 0;
    while (i < s.n) {
        size_t n = 1;
        while (n <= 4 && n <= s.n - i && !px_utf8_valid((struct px_str){s.p + i, n})) {
            n++;
        }
        if (n > 4 || n > s.n - i) {
            return i;
        }
        i += n;
    }
    return i;
}

enum px_code px_json_gate(struct px_str text, struct px_buf *ret_ints, struct px_err *reterr) {
    struct gate g = {.p = text.p, .n = text.n, .ints = ret_ints};
    if (!px_utf8_valid(text)) {
        return PX_FAIL(reterr, PX_INVALID, "byte %zu: not valid UTF-8", utf8_fault(text));
    }
    if (value(&g)) {
        skip_blanks(&g);
        if (g.i < g.n) {
            fail(&g, "something follows the end of the document");
        }
    }
    if (g.wrong) {
        return PX_FAIL(reterr, PX_INVALID, "byte %zu: %s", g.i, g.wrong);
    }
    return px_buf_ok(ret_ints, reterr);
}

size_t px_json_gate_member(struct px_str text, size_t k) {
    size_t i = 0;
    while (i < text.n) {
        if (text.p[i] != '"') {
            i++;
            continue;
        }
        size_t start = i++;
        while (i < text.n && text.p[i] != '"') {
            i += text.p[i] == '\\' ? 2 : 1;
        }
        i++;
        size_t next = i;
        while (next < text.n && memchr(" \n\t\r", text.p[next], 4)) {
            next++;
        }
        if (next < text.n && text.p[next] == ':' && k-- == 0) {
            return start;
        }
    }
    return text.n;
}
