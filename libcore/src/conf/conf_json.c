/* The strict gate in front of cJSON for configuration files: refuses what cJSON would accept or
 * lose (raw control characters, NUL, foreign blanks, loose numbers, depth). cJSON still checks the
 * rest of the grammar behind it. Pure. */
#include "conf_priv.h"

#include <stdio.h>

/* Digits that a double keeps exactly. */
#define JSON_DIGITS_MAX 15

struct scan {
    struct px_str text;
    size_t at;
    unsigned depth;
    const char *fault;  /* why the scan stopped   */
    struct px_str seen; /* the offending text     */
};

unsigned px_conf_json_line(struct px_str text, size_t at) {
    unsigned line = 1;

    for (size_t i = 0; i < at && i < text.n; i++) {
        line += text.p[i] == '\n';
    }
    return line;
}

static void scan_fail(struct scan *s, const char *fault, size_t from, size_t n) {
    s->fault = fault;
    s->seen = (struct px_str){.p = s->text.p + from, .n = n};
}

/* From the opening quote to behind the closing one. */
static void scan_string(struct scan *s) {
    const char *p = s->text.p;

    for (s->at++; s->at < s->text.n && p[s->at] != '"'; s->at++) {
        if ((uint8_t)p[s->at] < 0x20) {
            scan_fail(s, "a raw control character or line end inside a string", 0, 0);
            return;
        }
        if (p[s->at] != '\\') {
            continue;
        }
        if (s->text.n - s->at >= 6 && memcmp(p + s->at, "\\u0000", 6) == 0) {
            scan_fail(s, "a NUL character inside a string", 0, 0);
            return;
        }
        s->at++;
    }
    if (s->at >= s->text.n) {
        scan_fail(s, "a string without its closing quote", 0, 0);
        return;
    }
    s->at++;
}

static bool number_char(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Options are whole numbers; a longer or broken one would be bent by cJSON without a word. */
static void scan_number(struct scan *s) {
    const char *p = s->text.p;
    size_t from = s->at, digits, i;

    while (s->at < s->text.n && number_char(p[s->at])) {
        s->at++;
    }
    i = from + (p[from] == '-');
    digits = s->at - i;
    for (size_t k = i; k < s->at; k++) {
        if (p[k] < '0' || p[k] > '9') {
            scan_fail(s, "is not a whole number", from, s->at - from);
            return;
        }
    }
    if (digits == 0 || (digits > 1 && p[i] == '0')) {
        scan_fail(s, "is not a whole number (no leading zeros)", from, s->at - from);
    } else if (digits > JSON_DIGITS_MAX) {
        scan_fail(s, "is too large a number; write it as a string", from, s->at - from);
    }
}

static void scan_other(struct scan *s) {
    char c = s->text.p[s->at];

    s->at++;
    if (c == '{' || c == '[') {
        s->depth++;
        if (s->depth > PX_CONF_DEPTH_MAX) {
            scan_fail(s, "nested deeper than 16", 0, 0);
        }
    } else if (c == '}' || c == ']') {
        s->depth -= s->depth > 0;
    } else if ((uint8_t)c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
        scan_fail(s, "a control character", 0, 0);
    } else if (c == '/') {
        scan_fail(s, "a comment; JSON has none", 0, 0);
    }
}

bool px_conf_json_fault(struct px_str text, char *out, size_t cap) {
    struct scan s = {.text = text};

    if (!px_utf8_valid(text)) {
        snprintf(out, cap, "not valid UTF-8");
        return true;
    }
    while (s.at < text.n && !s.fault) {
        char c = text.p[s.at];
        if (c == '"') {
            scan_string(&s);
        } else if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
            scan_number(&s);
        } else {
            scan_other(&s);
        }
    }
    if (!s.fault) {
        return false;
    }
    snprintf(out, cap, "line %u: %.*s%s%s", px_conf_json_line(text, s.at),
             (int)(s.seen.n > 40 ? 40 : s.seen.n), s.seen.p ? s.seen.p : "", s.seen.n ? " " : "",
             s.fault);
    return true;
}
