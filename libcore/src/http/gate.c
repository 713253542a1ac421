/* The strict request gate, first half: every byte of a head passes here before llhttp sees it,
 * since tokenizers forgive what request smuggling needs (bare LF, blanks before colons, folded
 * lines). It finds line ends and the end of the head and holds the size limits. Pure; no I/O. */
#include "req_priv.h"

#include <string.h>

#define ONES (~UINT64_C(0) / 255)
#define TOPS (ONES * 0x80)

/* Index of the first byte below 0x20 or equal to 0x7f, eight at a time. */
static size_t next_control(const char *p, size_t i, size_t n) {
    for (; i + 8 <= n; i += 8) {
        uint64_t w, del;
        memcpy(&w, p + i, 8);
        del = w ^ (ONES * 0x7f);
        if ((((w - ONES * 0x20) & ~w) | ((del - ONES) & ~del)) & TOPS) {
            break;
        }
    }
    for (; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (c < 0x20 || c == 0x7f) {
            break;
        }
    }
    return i;
}

static enum px_step refuse(enum px_http_refusal why, enum px_http_refusal *ret_why) {
    *ret_why = why;
    return PX_STEP_REFUSED;
}

/* RFC 9110 §5.6.2: tchar. */
static bool is_token_char(char c) {
    static const char set[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
        ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
        ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
        ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
        ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
        ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
        ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
        ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
        ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
        ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
    };
    return set[(uint8_t)c] != 0;
}

bool px_gate_token(struct px_str s) {
    size_t i = 0;
    while (i < s.n && is_token_char(s.p[i])) {
        i++;
    }
    return i > 0 && i == s.n;
}

/* "name:" with a token directly before the colon; a folded line begins with a blank and has none.
 */
static bool field_line(struct px_str line, struct px_http_req *r) {
    size_t colon = 0;
    while (colon < line.n && is_token_char(line.p[colon])) {
        colon++;
    }
    if (colon == 0 || colon == line.n || line.p[colon] != ':') {
        return false;
    }
    struct px_str value = {.p = line.p + colon + 1, .n = line.n - colon - 1};
    px_gate_field(r, (struct px_str){.p = line.p, .n = colon}, value);
    return true;
}

/* A line of the head ends at ${at} with CR LF. */
static enum px_step end_of_line(struct px_gate *g, struct px_http_req *r, size_t at,
                                const struct px_http_limits *lim, enum px_http_refusal *ret_why) {
    struct px_str line = {.p = r->base + g->line, .n = at - g->line};
    if (g->first_line == 0) {
        if (line.n > lim->request_line) {
            return refuse(PX_REFUSED_LINE_TOO_LONG, ret_why);
        }
        g->first_line = at + 2;
        return px_gate_line(line, r, ret_why) ? PX_STEP_MORE : PX_STEP_REFUSED;
    }
    if (line.n == 0) {
        g->head = at + 2;
        return PX_STEP_DONE;
    }
    if (++g->fields > lim->header_count || at + 2 - g->first_line > lim->headers) {
        return refuse(PX_REFUSED_HEADERS_TOO_LARGE, ret_why);
    }
    return field_line(line, r) ? PX_STEP_MORE : refuse(PX_REFUSED_FIELD, ret_why);
}

/* The part of a line that has come so far must be able to stay within the limits (and a CR). */
static enum px_step check_partial(const struct px_gate *g, size_t n,
                                  const struct px_http_limits *lim, enum px_http_refusal *ret_why) {
    if (g->first_line == 0) {
        return n - g->line > lim->request_line + 1 ? refuse(PX_REFUSED_LINE_TOO_LONG, ret_why)
                                                   : PX_STEP_MORE;
    }
    return n - g->first_line > lim->headers + 1 ? refuse(PX_REFUSED_HEADERS_TOO_LARGE, ret_why)
                                                : PX_STEP_MORE;
}

enum px_step px_gate_scan(struct px_gate *g, struct px_http_req *r, size_t n,
                          const struct px_http_limits *lim, enum px_http_refusal *ret_why) {
    const char *p = r->base;
    while ((g->scan = next_control(p, g->scan, n)) < n) {
        size_t at = g->scan;
        char c = p[at];
        if (c == '\t' && g->first_line != 0) {
            g->scan = at + 1; /* fine in a value; a name with it is no token */
            continue;
        }
        /* what came before it is judged first, as if it had come alone */
        if (check_partial(g, at + (c == '\r'), lim, ret_why) != PX_STEP_MORE) {
            return PX_STEP_REFUSED;
        }
        if (c != '\r') {
            return refuse(c != '\n' && g->first_line ? PX_REFUSED_FIELD : PX_REFUSED_SYNTAX,
                          ret_why);
        }
        if (at + 1 == n) {
            break; /* the LF may still come */
        }
        if (p[at + 1] != '\n') {
            return refuse(PX_REFUSED_SYNTAX, ret_why);
        }
        enum px_step step = end_of_line(g, r, at, lim, ret_why);
        if (step != PX_STEP_MORE) {
            return step;
        }
        g->scan = g->line = at + 2;
    }
    return check_partial(g, n, lim, ret_why);
}

/* Method, one blank, target, one blank, HTTP/x.y. */
static bool version_of(struct px_str v, struct px_http_req *r, enum px_http_refusal *ret_why) {
    bool shape = v.n == 8 && memcmp(v.p, "HTTP/", 5) == 0 && v.p[5] >= '0' && v.p[5] <= '9' &&
                 v.p[6] == '.' && v.p[7] >= '0' && v.p[7] <= '9';
    if (!shape) {
        *ret_why = PX_REFUSED_SYNTAX;
        return false;
    }
    if (v.p[5] != '1' || v.p[7] > '1') {
        *ret_why = PX_REFUSED_VERSION;
        return false;
    }
    r->http10 = v.p[7] == '0';
    return true;
}

/* Length of "http://" or "https://" in front of ${t}, or 0. */
static size_t scheme_of(struct px_str t) {
    static const struct px_str schemes[] = {PX_S_INIT("http://"), PX_S_INIT("https://")};
    for (size_t i = 0; i < PX_ARRAY_LEN(schemes); i++) {
        size_t n = schemes[i].n;
        if (t.n > n && px_str_ieq((struct px_str){.p = t.p, .n = n}, schemes[i])) {
            return n;
        }
    }
    return 0;
}

/* RFC 9112 §3.2: origin-form as it is; of absolute-form what stands behind the authority, which
 * must be a host as Host has it. The two other forms belong to methods that are not served. */
static bool origin_of(struct px_str t, struct px_str *ret) {
    size_t from = scheme_of(t), at = from;
    *ret = t;
    if (from == 0) {
        return t.n > 0 && t.p[0] == '/';
    }
    while (at < t.n && t.p[at] != '/' && t.p[at] != '?') {
        at++;
    }
    *ret = (struct px_str){.p = t.p + at, .n = t.n - at};
    return px_gate_host((struct px_str){.p = t.p + from, .n = at - from});
}

static bool visible(struct px_str t) {
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] <= 0x20 || t.p[i] >= 0x7f || t.p[i] == '#') {
            return false;
        }
    }
    return true;
}

/* The methods of RFC 9110 and PATCH; but not CONNECT, which would make a tunnel of the connection.
 */
static bool method_of(struct px_str m, enum px_method *ret) {
    static const struct {
        struct px_str name;
        enum px_method method;
    } names[] = {
        {PX_S_INIT("GET"), PX_GET},         {PX_S_INIT("POST"), PX_POST},
        {PX_S_INIT("HEAD"), PX_HEAD},       {PX_S_INIT("PUT"), PX_PUT},
        {PX_S_INIT("OPTIONS"), PX_OPTIONS}, {PX_S_INIT("DELETE"), PX_DELETE},
        {PX_S_INIT("PATCH"), PX_PATCH},     {PX_S_INIT("TRACE"), PX_METHOD_OTHER},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        if (px_str_eq(m, names[i].name)) {
            *ret = names[i].method;
            return true;
        }
    }
    return false;
}

static struct px_span span_of(const struct px_http_req *r, struct px_str s) {
    return (struct px_span){.at = (uint32_t)(s.p - r->base), .n = (uint32_t)s.n};
}

/* RFC 9110 §4.2.3: no path behind an authority is "/"; one stands right before the authority. */
static void note_target(struct px_http_req *r, struct px_str target, struct px_str origin) {
    size_t mark = px_str_find(origin, '?');
    struct px_str root = {.p = target.p + scheme_of(target) - 1, .n = 1};
    r->path = span_of(r, mark == 0 ? root : (struct px_str){.p = origin.p, .n = mark});
    if (mark < origin.n) {
        r->query = span_of(r, (struct px_str){.p = origin.p + mark + 1, .n = origin.n - mark - 1});
    }
}

bool px_gate_line(struct px_str line, struct px_http_req *r, enum px_http_refusal *ret_why) {
    size_t m = 0;
    while (m < line.n && is_token_char(line.p[m])) {
        m++;
    }
    const char *last = memrchr(line.p, ' ', line.n);
    if (m == 0 || m == line.n || line.p[m] != ' ' || last == line.p + m) {
        *ret_why = PX_REFUSED_SYNTAX;
        return false;
    }
    struct px_str method = {.p = line.p, .n = m};
    struct px_str target = {.p = line.p + m + 1, .n = (size_t)(last - line.p) - m - 1};
    struct px_str version = {.p = last + 1, .n = line.n - (size_t)(last + 1 - line.p)};
    struct px_str origin;
    bool known = method_of(method, &r->method);
    if (!version_of(version, r, ret_why)) {
        return false;
    }
    if (!known) {
        *ret_why = PX_REFUSED_METHOD;
        return false;
    }
    if (!visible(target) || !origin_of(target, &origin)) {
        *ret_why = PX_REFUSED_TARGET;
        return false;
    }
    r->target = span_of(r, target);
    note_target(r, target, origin);
    return true;
}
