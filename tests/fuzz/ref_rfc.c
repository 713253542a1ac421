/* One request by the grammar of RFC 9112, as a reader of the RFC would write it down: line by line,
 * lists of fields, §6.3 for the end of the body. Slow, and independent of the gate on purpose: it
 * shares no function with libcore/src/http. */
#include "ref.h"

#include <string.h>

#define FIELDS 256

struct field {
    struct px_str name, value;
};

struct reading {
    struct px_str in;
    size_t at;
    struct field fields[FIELDS];
    size_t nfields;
    int minor; /* HTTP/1.x */
    struct ref_request *out;
};

static bool among(char c, const char *set) {
    return c != '\0' && strchr(set, c);
}

static bool digit(char c) {
    return among(c, "0123456789");
}

/* §5.6.2 of RFC 9110: token. */
static bool token(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!among(s.p[i], "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
            return false;
        }
    }
    return s.n > 0;
}

/* §5.5: field-content is VCHAR, obs-text, SP and HTAB. */
static bool field_content(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c != '\t' && (c < ' ' || c == 0x7f)) {
            return false;
        }
    }
    return true;
}

static struct px_str strip(struct px_str s) {
    while (s.n && among(s.p[0], " \t")) {
        s = (struct px_str){.p = s.p + 1, .n = s.n - 1};
    }
    while (s.n && among(s.p[s.n - 1], " \t")) {
        s.n--;
    }
    return s;
}

static bool called(struct px_str s, const char *name) {
    size_t n = strlen(name);
    bool same = s.n == n;
    for (size_t i = 0; same && i < n; i++) {
        char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
        same = c == name[i];
    }
    return same;
}

/* The next line without its CRLF. */
static bool line(struct reading *r, struct px_str *ret) {
    size_t left = r->in.n - r->at;
    const char *from = r->in.p + r->at;
    const char *end = left ? memmem(from, left, "\r\n", 2) : NULL;
    if (!end) {
        return false;
    }
    *ret = (struct px_str){.p = from, .n = (size_t)(end - from)};
    r->at += ret->n + 2;
    return true;
}

/* request-line = method SP request-target SP HTTP-version */
static bool request_line(struct reading *r, struct px_str l) {
    const char *sp = memchr(l.p, ' ', l.n);
    const char *sp2 = sp ? memchr(sp + 1, ' ', l.n - (size_t)(sp + 1 - l.p)) : NULL;
    if (!sp2) {
        return false;
    }
    struct px_str v = {.p = sp2 + 1, .n = l.n - (size_t)(sp2 + 1 - l.p)};
    r->out->method = (struct px_str){.p = l.p, .n = (size_t)(sp - l.p)};
    r->out->target = (struct px_str){.p = sp + 1, .n = (size_t)(sp2 - sp) - 1};
    bool version =
        v.n == 8 && memcmp(v.p, "HTTP/", 5) == 0 && digit(v.p[5]) && v.p[6] == '.' && digit(v.p[7]);
    if (!version || v.p[5] != '1' || !token(r->out->method) || r->out->target.n == 0) {
        return false;
    }
    r->minor = v.p[7] - '0';
    for (size_t i = 0; i < r->out->target.n; i++) {
        if ((uint8_t)r->out->target.p[i] <= ' ' || (uint8_t)r->out->target.p[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static enum ref_result fields(struct reading *r) {
    struct px_str l;
    while (line(r, &l)) {
        const char *colon = memchr(l.p, ':', l.n);
        if (l.n == 0) {
            return REF_COMPLETE;
        }
        if (!colon || r->nfields == FIELDS) {
            return REF_BAD;
        }
        struct field *f = &r->fields[r->nfields++];
        f->name = (struct px_str){.p = l.p, .n = (size_t)(colon - l.p)};
        f->value = strip((struct px_str){.p = colon + 1, .n = l.n - f->name.n - 1});
        if (!token(f->name) || !field_content(f->value)) {
            return REF_BAD;
        }
    }
    return REF_MORE;
}

/* The members of all fields of a name, which §5.3 joins with commas, one after the other. */
struct members {
    const struct reading *r;
    const char *name;
    size_t field, at; /* at: in the field's value; SIZE_MAX = before it */
};

static bool member(struct members *m, struct px_str *ret) {
    for (; m->field < m->r->nfields; m->field++, m->at = 0) {
        const struct field *f = &m->r->fields[m->field];
        if (!called(f->name, m->name) || m->at > f->value.n) {
            continue;
        }
        struct px_str rest = {.p = f->value.p + m->at, .n = f->value.n - m->at};
        const char *comma = rest.n ? memchr(rest.p, ',', rest.n) : NULL;
        size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
        *ret = strip((struct px_str){.p = rest.p, .n = n});
        m->at += n + 1;
        return true;
    }
    return false;
}

/* §8.6 of RFC 9110: digits; a list of the same number is that number. */
static bool content_length(const struct reading *r, bool *ret_given, size_t *ret) {
    struct members m = {.r = r, .name = "content-length"};
    struct px_str text;
    *ret_given = false;
    while (member(&m, &text)) {
        size_t v = 0;
        for (size_t i = 0; i < text.n; i++) {
            if (!digit(text.p[i]) || v > SIZE_MAX / 100) {
                return false;
            }
            v = v * 10 + (size_t)(text.p[i] - '0');
        }
        if (text.n == 0 || (*ret_given && v != *ret)) {
            return false;
        }
        *ret_given = true;
        *ret = v;
    }
    return true;
}

/* §6.1: codings, of which chunked must be the last. */
static bool codings(const struct reading *r, bool *ret_given) {
    struct members m = {.r = r, .name = "transfer-encoding"};
    struct px_str text;
    bool chunked = false;
    *ret_given = false;
    while (member(&m, &text)) {
        if (chunked || text.n == 0) {
            return false;
        }
        *ret_given = true;
        chunked = called(text, "chunked");
    }
    return chunked || !*ret_given;
}

/* chunk-size [ chunk-ext ]: false = neither. */
static bool chunk_size(struct px_str l, size_t *ret) {
    static const char hex[] = "00112233445566778899aAbBcCdDeEfF";
    size_t i = 0, v = 0;
    for (; i < l.n && among(l.p[i], hex); i++) {
        if (v > SIZE_MAX / 100) {
            return false;
        }
        v = v * 16 + (size_t)(strchr(hex, l.p[i]) - hex) / 2;
    }
    struct px_str rest = strip((struct px_str){.p = l.p + i, .n = l.n - i});
    *ret = v;
    return i > 0 && (i == l.n || (rest.n && rest.p[0] == ';' && field_content(rest)));
}

/* §7.1: chunked-body, then the trailer section. */
static enum ref_result chunks(struct reading *r) {
    struct px_str l;
    while (line(r, &l)) {
        size_t n;
        if (!chunk_size(l, &n)) {
            return REF_BAD;
        }
        if (n == 0) {
            return fields(r);
        }
        if (r->in.n - r->at < n || r->in.n - r->at - n < 2) {
            return REF_MORE;
        }
        px_buf_add(&r->out->body, r->in.p + r->at, n);
        r->at += n;
        if (memcmp(r->in.p + r->at, "\r\n", 2) != 0) {
            return REF_BAD;
        }
        r->at += 2;
    }
    return REF_MORE;
}

/* §6.3 for requests. */
static enum ref_result body(struct reading *r) {
    bool coded, sized;
    size_t n = 0;
    if (!codings(r, &coded) || !content_length(r, &sized, &n) || (coded && sized) ||
        (coded && r->minor == 0)) {
        return REF_BAD;
    }
    if (coded) {
        return chunks(r);
    }
    if (r->in.n - r->at < n) {
        return REF_MORE;
    }
    px_buf_add(&r->out->body, r->in.p + r->at, n);
    r->at += n;
    return REF_COMPLETE;
}

enum ref_result ref_rfc(struct px_str in, struct ref_request *ret) {
    struct reading r = {.in = in, .out = ret};
    struct px_str l;
    do {
        if (!line(&r, &l)) {
            return REF_MORE;
        }
    } while (l.n == 0);
    if (!request_line(&r, l)) {
        return REF_BAD;
    }
    enum ref_result result = fields(&r);
    ret->fields = r.nfields;
    if (result == REF_COMPLETE) {
        result = body(&r);
    }
    ret->end = r.at;
    return result;
}
