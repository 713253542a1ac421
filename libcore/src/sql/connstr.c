/* ODBC connection strings: look a keyword up, add one that the user did not give.
 * Pure text work; the values of passwords are never printed from here. */
#include "internal.h"

/* One "key=value" of the string; a value in braces runs to the brace that is not doubled. */
struct pair {
    struct px_str key, value;
};

/* Length of a value that begins with a brace, up to and with its closing brace. */
static size_t braced(struct px_str s) {
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] != '}') {
            continue;
        }
        if (i + 1 < s.n && s.p[i + 1] == '}') {
            i++;
            continue;
        }
        return i + 1;
    }
    return s.n;
}

static bool next_pair(struct px_str *rest, struct pair *ret) {
    while (rest->n > 0 && (rest->p[0] == ';' || rest->p[0] == ' ')) {
        rest->p++;
        rest->n--;
    }
    if (rest->n == 0) {
        return false;
    }
    size_t eq = px_str_find(*rest, '=');
    ret->key = px_str_trim((struct px_str){.p = rest->p, .n = eq});
    size_t at = eq < rest->n ? eq + 1 : rest->n;
    struct px_str tail = {.p = rest->p + at, .n = rest->n - at};
    size_t len = tail.n > 0 && tail.p[0] == '{' ? braced(tail) : 0;
    struct px_str after = {.p = tail.p + len, .n = tail.n - len};
    size_t end = len + px_str_find(after, ';');
    ret->value = px_str_trim((struct px_str){.p = tail.p, .n = end});
    if (ret->value.n >= 2 && ret->value.p[0] == '{' && ret->value.p[ret->value.n - 1] == '}') {
        ret->value.p++;
        ret->value.n -= 2;
    }
    rest->p = tail.p + end;
    rest->n = tail.n - end;
    return true;
}

bool px_connstr_get(struct px_str cs, const char *key, struct px_str *ret) {
    struct pair p;
    while (next_pair(&cs, &p)) {
        if (px_str_ieq(p.key, px_str_c(key))) {
            *ret = p.value;
            return true;
        }
    }
    return false;
}

void px_connstr_without(struct px_buf *out, struct px_str user, const char *key) {
    struct pair p;
    struct px_str rest = user;
    struct px_str from = user;
    while (next_pair(&rest, &p)) {
        if (!px_str_ieq(p.key, px_str_c(key))) {
            px_buf_add(out, from.p, (size_t)(rest.p - from.p));
        }
        from = rest;
    }
}

void px_connstr_default(struct px_buf *out, struct px_str user, const char *key,
                        const char *value) {
    struct px_str had;
    if (!px_connstr_get(user, key, &had)) {
        px_buf_printf(out, ";%s=%s", key, value);
    }
}

void px_connstr_quoted(struct px_buf *out, const char *value) {
    px_buf_byte(out, '{');
    for (const char *c = value; *c; c++) {
        if (*c == '}') {
            px_buf_byte(out, '}');
        }
        px_buf_byte(out, (uint8_t)*c);
    }
    px_buf_byte(out, '}');
}
