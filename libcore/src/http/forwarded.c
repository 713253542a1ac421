/* The walk from the socket's peer to the client, from right to left. Pure. Nothing that a client
 * wrote may change how the text to its right is read: elements are therefore cut from the right
 * end, quoted strings included. */
#include <px/forwarded.h>

#define NODE_MAX 80 /* an address, a port, a made-up name: longer is none of them */

static const struct {
    const char *code, *text;
} ends[] = {
#define PX_FWD_END(name, code, doc) {code, doc},
#include <px/forwarded.def>
#undef PX_FWD_END
};

const char *px_fwd_header_name(enum px_fwd_header h) {
    return h == PX_FWD_FORWARDED ? "forwarded" : "x-forwarded-for";
}

const char *px_fwd_end_code(enum px_fwd_end e) {
    return ends[e].code;
}

const char *px_fwd_end_text(enum px_fwd_end e) {
    return ends[e].text;
}

/* --- elements, from the right -------------------------------------------------------------------
 */

/* What is left of the fields. */
struct list {
    const struct px_fwd_fields *fields;
    size_t field;       /* fields before it are untouched */
    struct px_str rest; /* of the field in hand */
    bool open;          /* an element stands in ${rest}, possibly an empty one */
    bool quoting;       /* commas in quoted strings do not part elements */
};

/* Is the character at ${i} behind an odd number of backslashes? */
static bool escaped(struct px_str s, size_t i) {
    size_t n = 0;
    while (n < i && s.p[i - n - 1] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

/* Where the last element of ${s} begins. */
static size_t last_begin(struct px_str s, bool quoting) {
    bool inside = false;
    for (size_t i = s.n; i > 0; i--) {
        char c = s.p[i - 1];
        if (quoting && c == '"' && !(inside && escaped(s, i - 1))) {
            inside = !inside;
        } else if (c == ',' && !inside) {
            return i;
        }
    }
    return 0;
}

static bool next(struct list *l, struct px_str *ret) {
    while (!l->open) {
        if (l->field == 0) {
            return false;
        }
        l->rest = l->fields->v[--l->field];
        l->open = true;
    }
    size_t at = last_begin(l->rest, l->quoting);
    *ret = px_str_trim((struct px_str){.p = l->rest.p + at, .n = l->rest.n - at});
    l->open = at > 0;
    l->rest.n = at > 0 ? at - 1 : 0;
    return true;
}

/* --- what an element says -----------------------------------------------------------------------
 */

enum said {
    SAID_ADDRESS,
    SAID_NOTHING, /* it hides who it was */
    SAID_RUBBISH
};

/* RFC 7239 §6: "unknown", or a name that begins with "_"; either may have a port. */
static bool is_hidden(struct px_str s) {
    struct px_str name = {.p = s.p, .n = px_str_find(s, ':')};
    return px_str_ieq(name, PX_S("unknown")) || (name.n > 1 && name.p[0] == '_');
}

static enum said node(struct px_str s, struct px_addr *ret) {
    if (s.n == 0 || is_hidden(s)) {
        return SAID_NOTHING;
    }
    return px_addr_parse_hop(s, ret) ? SAID_ADDRESS : SAID_RUBBISH;
}

static bool is_plain(struct px_str s) {
    return px_str_find(s, ' ') == s.n && px_str_find(s, '\t') == s.n && px_str_find(s, '"') == s.n;
}

/* A value, a token or a quoted string; ${buf} holds the latter without its escapes, and *ret is
 * longer than that when it does not fit. */
static bool unquote(struct px_str v, char buf[NODE_MAX], struct px_str *ret) {
    if (is_plain(v)) {
        *ret = v;
        return true;
    }
    if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"') {
        return false;
    }
    size_t n = 0, end = v.n - 1;
    for (size_t i = 1; i < end; i++) {
        bool escape = v.p[i] == '\\';
        i += escape;
        if (i == end || (v.p[i] == '"' && !escape)) {
            return false;
        }
        if (n < NODE_MAX) {
            buf[n] = v.p[i];
        }
        n++;
    }
    *ret = (struct px_str){.p = buf, .n = n};
    return true;
}

/* Up to the next ';' that stands outside of quotes. */
static size_t pair_end(struct px_str s) {
    bool inside = false;
    size_t i = 0;
    for (; i < s.n && (inside || s.p[i] != ';'); i++) {
        if (inside && s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == '"') {
            inside = !inside;
        }
    }
    return i < s.n ? i : s.n;
}

/* An element of `Forwarded`: pairs between semicolons, one of them "for=". Blanks around a pair are
 * let through, since proxies write them. All of it must be well formed: so its quotes, read from
 * either end, are the same, whatever stands to its left. One with a comma, which only a quoted
 * string can bring, is unreadable: where a proxy wrote a single quote, the string began in the
 * client's own text. */
static enum said element(struct px_str s, struct px_addr *ret) {
    char buf[NODE_MAX], other[NODE_MAX];
    struct px_str who = {.p = NULL}, text;
    if (px_str_find(s, ',') < s.n) {
        return SAID_RUBBISH;
    }
    while (s.n > 0) {
        size_t end = pair_end(s);
        struct px_str pair = px_str_trim((struct px_str){.p = s.p, .n = end});
        size_t skip = end < s.n ? end + 1 : end;
        s = (struct px_str){.p = s.p + skip, .n = s.n - skip};
        size_t eq = px_str_find(pair, '=');
        struct px_str name = {.p = pair.p, .n = eq};
        if (pair.n == 0) {
            continue;
        }
        bool it = px_str_ieq(name, PX_S("for"));
        struct px_str value = {.p = pair.p + eq + 1, .n = pair.n - eq - 1};
        if (eq == pair.n || !is_plain(name) || (it && who.p) ||
            !unquote(value, it ? buf : other, &text)) {
            return SAID_RUBBISH;
        }
        who = it ? text : who;
    }
    if (!who.p) {
        return SAID_NOTHING;
    }
    return who.n <= NODE_MAX ? node(who, ret) : SAID_RUBBISH;
}

/* --- the walk -----------------------------------------------------------------------------------
 */

static struct px_fwd_step *step(struct px_fwd_walk *w, struct px_str text) {
    struct px_fwd_step *s = &w->steps[w->n++];
    s->text = text;
    s->addr = (struct px_addr){.b = {0}};
    s->readable = false;
    s->trusted = 0;
    return s;
}

/* The hop is known: is it the client? */
static bool arrived(struct px_fwd_walk *w, const struct px_fwd_policy *policy,
                    struct px_fwd_step *s) {
    s->readable = true;
    s->trusted = px_nets_find(&policy->trusted, &s->addr);
    w->client = s->addr;
    return s->trusted == policy->trusted.n;
}

static enum px_fwd_end hops(struct px_fwd_walk *w, const struct px_fwd_policy *policy,
                            const struct px_fwd_fields *fields) {
    bool quoting = policy->header == PX_FWD_FORWARDED;
    struct list l = {.fields = fields, .field = fields->n, .quoting = quoting};
    struct px_str text;
    while (next(&l, &text)) {
        if (w->n > PX_FWD_HOPS) {
            return PX_FWD_TOO_MANY;
        }
        struct px_fwd_step *s = step(w, text);
        enum said said = quoting ? element(text, &s->addr) : node(text, &s->addr);
        if (said != SAID_ADDRESS) {
            return said == SAID_NOTHING ? PX_FWD_HIDDEN : PX_FWD_UNREADABLE;
        }
        if (arrived(w, policy, s)) {
            return PX_FWD_FOUND;
        }
    }
    return w->n > 1 ? PX_FWD_INSIDE : PX_FWD_ABSENT;
}

void px_fwd_walk(const struct px_fwd_policy *policy, const struct px_addr *peer,
                 const struct px_fwd_fields *fields, struct px_fwd_walk *ret) {
    ret->n = 0;
    struct px_fwd_step *s = step(ret, (struct px_str){.n = 0});
    s->addr = *peer;
    if (arrived(ret, policy, s)) {
        ret->end = fields->n > 0 ? PX_FWD_IGNORED : PX_FWD_DIRECT;
        return;
    }
    ret->end = hops(ret, policy, fields);
}
