/* The strict request gate, second half: what Host, Content-Length, Transfer-Encoding, Connection
 * and Expect mean, and whether together they leave exactly one reading of where the request ends.
 * Pure. */
#include "req_priv.h"

#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits only, in any number that fits 63 bits: no sign, no blank, no list, not empty. */
static bool length_of(struct px_str v, uint64_t *ret) {
    uint64_t sum = 0;
    if (v.n == 0 || v.n > 18) {
        return false;
    }
    for (size_t i = 0; i < v.n; i++) {
        if (!is_digit(v.p[i])) {
            return false;
        }
        sum = sum * 10 + (uint64_t)(v.p[i] - '0');
    }
    *ret = sum;
    return true;
}

static bool port_ok(struct px_str p) {
    uint64_t v = 0;
    return p.n <= 5 && (p.n == 0 || (length_of(p, &v) && v <= 65535));
}

/* "[2001:db8::1]": hex digits, colons and dots; whether it is an address is not our business. */
static size_t literal_end(struct px_str v) {
    size_t i = 1;
    while (i < v.n && (is_alnum(v.p[i]) || v.p[i] == ':' || v.p[i] == '.')) {
        i++;
    }
    return i > 1 && i < v.n && v.p[i] == ']' ? i + 1 : 0;
}

/* The name as DNS and container tools write it. */
bool px_gate_host(struct px_str v) {
    size_t i = 0;
    if (v.n == 0 || v.n > 261) {
        return false;
    }
    if (v.p[0] == '[') {
        i = literal_end(v);
    } else {
        while (i < v.n && (is_alnum(v.p[i]) || strchr("-._~", v.p[i]))) {
            i++;
        }
    }
    if (i == 0) {
        return false;
    }
    return i == v.n || (v.p[i] == ':' && port_ok((struct px_str){v.p + i + 1, v.n - i - 1}));
}

static void note_connection(struct px_http_req *r, struct px_str v) {
    while (v.n) {
        struct px_str t = px_str_trim(px_str_part(&v, ','));
        r->says_close = r->says_close || px_str_ieq(t, PX_S("close"));
        r->says_keep = r->says_keep || px_str_ieq(t, PX_S("keep-alive"));
    }
}

static void note_host(struct px_http_req *r, struct px_str v) {
    r->hosts++;
    r->bad_host = r->bad_host || !px_gate_host(v);
}

static void note_length(struct px_http_req *r, struct px_str v) {
    r->lengths++;
    r->bad_length = r->bad_length || !length_of(v, &r->length);
}

/* "gzip, chunked": names of codings, of which chunked is the last and no other. */
static bool framed_by_chunks(struct px_str v) {
    while (true) {
        size_t comma = px_str_find(v, ',');
        struct px_str t = px_str_trim((struct px_str){.p = v.p, .n = comma});
        bool chunked = px_str_ieq(t, PX_S("chunked"));
        if (comma == v.n) {
            return chunked;
        }
        if (chunked || !px_gate_token(t)) {
            return false;
        }
        v = (struct px_str){.p = v.p + comma + 1, .n = v.n - comma - 1};
    }
}

/* RFC 9112 §6.1, §6.3: where chunked is the last coding, the body has an end, but it is not for us;
 * everything else leaves the end in doubt. */
static void note_coding(struct px_http_req *r, struct px_str v) {
    bool plain = px_str_ieq(v, PX_S("chunked"));
    bool framed = plain || framed_by_chunks(v);
    r->codings++;
    r->bad_coding = r->bad_coding || !framed;
    r->unknown_coding = r->unknown_coding || !plain;
}

/* RFC 9110 §10.1.1: the only expectation there is; to an HTTP/1.0 client it means nothing. */
static void note_expect(struct px_http_req *r, struct px_str v) {
    if (px_str_ieq(v, PX_S("100-continue"))) {
        r->expects = !r->http10;
    } else {
        r->bad_expect = true;
    }
}

/* Tabs around a value are as good as blanks, but not every parser knows: where the value says how
 * long the request is, one that hides behind a tab counts as none at all, which is refused. */
void px_gate_field(struct px_http_req *r, struct px_str name, struct px_str raw) {
    static const struct {
        struct px_str name;
        void (*note)(struct px_http_req *r, struct px_str value);
        bool framing;
    } rows[] = {
        {PX_S_INIT("host"), note_host, false},
        {PX_S_INIT("connection"), note_connection, false},
        {PX_S_INIT("content-length"), note_length, true},
        {PX_S_INIT("transfer-encoding"), note_coding, true},
        {PX_S_INIT("expect"), note_expect, false},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        if (name.n == rows[i].name.n && px_str_ieq(name, rows[i].name)) {
            bool hidden = rows[i].framing && px_str_find(raw, '\t') < raw.n;
            rows[i].note(r, hidden ? (struct px_str){.p = raw.p, .n = 0} : px_str_trim(raw));
            return;
        }
    }
}

static bool takes_body(enum px_method m) {
    return m == PX_POST || m == PX_PUT || m == PX_PATCH;
}

/* Framing comes first: while it is in doubt, nothing else about the request can be trusted. */
bool px_gate_request(const struct px_http_req *r, const struct px_http_limits *lim,
                     enum px_http_refusal *ret_why) {
    bool bodied = takes_body(r->method), sized = r->codings || r->lengths;
    const struct {
        bool broken;
        enum px_http_refusal why;
    } rules[] = {
        {r->codings > 1 || r->bad_coding || (r->codings && (r->lengths || r->http10)),
         PX_REFUSED_FRAMING},
        {r->unknown_coding, PX_REFUSED_CODING},
        {r->lengths > 1 || r->bad_length, PX_REFUSED_LENGTH},
        {r->hosts > 1 || r->bad_host || (r->hosts == 0 && !r->http10), PX_REFUSED_HOST},
        {r->query.n > lim->query, PX_REFUSED_QUERY_TOO_LONG},
        {!bodied && (r->codings || r->length), PX_REFUSED_NO_BODY},
        /* §6.3: no length means no body, but a sender that meant one would have it read as a
           request. */
        {bodied && !sized, PX_REFUSED_LENGTH_REQUIRED},
        {r->bad_expect, PX_REFUSED_EXPECT},
        {r->length > lim->body, PX_REFUSED_BODY_TOO_LARGE},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rules); i++) {
        if (rules[i].broken) {
            *ret_why = rules[i].why;
            return false;
        }
    }
    return true;
}
