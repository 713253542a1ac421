/* A walk through the text of a batch. Pure. The text has passed the parser, so that only strings
 * and brackets are told apart here; it stays within the text whatever it holds. */
#include "texts.h"

static bool texts_is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct px_str texts_from(struct px_str s, size_t at) {
    at = at < s.n ? at : s.n;
    return (struct px_str){.p = s.p + at, .n = s.n - at};
}

static struct px_str texts_skip(struct px_str s) {
    size_t i = 0;
    while (i < s.n && texts_is_blank(s.p[i])) {
        i++;
    }
    return texts_from(s, i);
}

/* Behind the string that begins at ${i}. */
static size_t texts_string(struct px_str s, size_t i) {
    for (i++; i < s.n && s.p[i] != '"'; i++) {
        i += s.p[i] == '\\';
    }
    return i + 1;
}

/* Where the value that ${s} begins with ends: at its comma or the bracket around it. */
static size_t texts_end(struct px_str s) {
    size_t i = 0, depth = 0;

    while (i < s.n) {
        char c = s.p[i];
        if (c == '"') {
            i = texts_string(s, i);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
            break;
        }
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        i++;
    }
    return i < s.n ? i : s.n;
}

struct ing_texts ing_texts_of(struct px_str body) {
    struct px_str s = texts_skip(body);

    if (s.n && s.p[0] == '{') { /* its one member: name, colon, array */
        s = texts_skip(texts_from(s, 1));
        s = texts_skip(texts_from(s, texts_string(s, 0)));
        s = texts_skip(texts_from(s, 1));
    }
    bool array = s.n && s.p[0] == '[';
    return (struct ing_texts){.rest = array ? texts_skip(texts_from(s, 1)) : texts_from(s, s.n)};
}

struct px_str ing_texts_at(struct ing_texts *t, uint32_t i) {
    while (t->next <= i) {
        size_t end = texts_end(t->rest);
        t->last = (struct px_str){.p = t->rest.p, .n = end};
        while (t->last.n && texts_is_blank(t->last.p[t->last.n - 1])) {
            t->last.n--;
        }
        t->rest = texts_skip(texts_from(t->rest, end + 1));
        t->next++;
    }
    return t->last;
}
