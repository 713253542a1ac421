/* The two refusals of personal data: what looks like an e-mail address or a payment card number.
 * Shape only, no look-up; values arrive decoded. Pure, linear in the length of the text. */
#include <px/validate.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_high(char c) {
    return ((uint8_t)c & 0x80) != 0; /* part of a letter beyond ASCII */
}

/* --- e-mail --- */

static bool is_local(char c) {
    return is_alpha(c) || is_digit(c) || is_high(c) || (c && strchr(".!#$&'*+/=?^_`{|}~-", c));
}

/* labels with at least one dot between them; the last begins with a letter and has two characters
 */
static bool is_domain(struct px_str s) {
    size_t i = 0;
    bool dotted = false;
    for (;;) {
        size_t start = i;
        while (i < s.n && (is_alpha(s.p[i]) || is_digit(s.p[i]) || is_high(s.p[i]) ||
                           (s.p[i] == '-' && i > start))) {
            i++;
        }
        if (i == start) {
            return false;
        }
        if (dotted && i - start >= 2 && !is_digit(s.p[start])) {
            return true;
        }
        if (i == s.n || s.p[i] != '.') {
            return false;
        }
        dotted = true;
        i++;
    }
}

bool px_looks_like_email(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        size_t sign = s.p[i] == '@' ? 1 : 0;
        /* Encoded twice by the sender: the text still says %40. */
        if (!sign && s.p[i] == '%' && s.n - i >= 3 && s.p[i + 1] == '4' && s.p[i + 2] == '0') {
            sign = 3;
        }
        if (!sign || i == 0 || !is_local(s.p[i - 1])) {
            continue;
        }
        if (is_domain((struct px_str){.p = s.p + i + sign, .n = s.n - i - sign})) {
            return true;
        }
    }
    return false;
}

/* --- payment card --- */

#define CARD_MIN 13
#define CARD_MAX 19

static bool luhn(const uint8_t *digit, size_t n) {
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = digit[n - 1 - i];
        if (i & 1) {
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        }
        sum += d;
    }
    return sum % 10 == 0;
}

/* The most recent digits of a run and where its groups begin: a card starts at one group's start
 * and ends at one group's end, so that longer runs are searched too. */
struct run {
    uint8_t digit[CARD_MAX];
    bool first[CARD_MAX]; /* that digit opens a group */
    size_t n;
};

static void push(struct run *r, char c, bool first) {
    if (r->n == CARD_MAX) {
        memmove(r->digit, r->digit + 1, CARD_MAX - 1);
        memmove(r->first, r->first + 1, (CARD_MAX - 1) * sizeof r->first[0]);
        r->n--;
    }
    r->digit[r->n] = (uint8_t)(c - '0');
    r->first[r->n++] = first;
}

/* Cards are written in groups of four and more digits; only the last group may be shorter. */
static bool grouped_as_card(const struct run *r, size_t from) {
    size_t start = from;
    for (size_t i = from + 1; i < r->n; i++) {
        if (r->first[i]) {
            if (i - start < 4) {
                return false;
            }
            start = i;
        }
    }
    return true;
}

/* A group has just ended: is there a card that ends with it? Cards begin with 2 to 6. */
static bool ends_card(const struct run *r) {
    for (size_t i = 0; i < r->n && r->n - i >= CARD_MIN; i++) {
        bool opens = r->first[i] && r->digit[i] >= 2 && r->digit[i] <= 6;
        if (opens && grouped_as_card(r, i) && luhn(r->digit + i, r->n - i)) {
            return true;
        }
    }
    return false;
}

static bool is_word(char c) {
    return is_digit(c) || is_alpha(c) || is_high(c) || c == '-' || c == '_';
}

/* A word of digit groups joined by single dashes, and nothing else. */
static bool is_numeric_word(struct px_str w) {
    for (size_t i = 0; i < w.n; i++) {
        bool dash = w.p[i] == '-' && i > 0 && i + 1 < w.n && w.p[i - 1] != '-';
        if (!is_digit(w.p[i]) && !dash) {
            return false;
        }
    }
    return w.n > 0;
}

/* Append a numeric word to the run; true when a card ends in it. */
static bool read_word(struct run *r, struct px_str w) {
    bool first = true;
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] == '-') {
            first = true;
            continue;
        }
        push(r, w.p[i], first);
        first = false;
        bool last = i + 1 == w.n || w.p[i + 1] == '-';
        if (last && ends_card(r)) {
            return true;
        }
    }
    return false;
}

/* Words with a letter in them (UUIDs, hashes, prefixed ids) end a run and are never looked into. */
bool px_looks_like_card(struct px_str s) {
    struct run r = {.n = 0};
    size_t i = 0;
    while (i < s.n) {
        size_t start = i;
        while (i < s.n && is_word(s.p[i])) {
            i++;
        }
        struct px_str word = {.p = s.p + start, .n = i - start};
        if (!is_numeric_word(word)) {
            r.n = 0;
        } else if (read_word(&r, word)) {
            return true;
        }
        if (i < s.n) {
            /* One blank joins two words; anything else, or a second blank, parts them. */
            if (s.p[i] != ' ') {
                r.n = 0;
            }
            i++;
        }
    }
    return false;
}
