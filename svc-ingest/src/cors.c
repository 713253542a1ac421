/* The Origin of a request and the option Cors:Origins -> who may read the answer. Pure. */
#include "cors.h"

#define ORIGIN_MAX 300

static bool cors_is_alnum(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Bytes of ${s} at its beginning that are letters, digits or among ${more}. */
static size_t cors_run(struct px_str s, const char *more) {
    size_t n = 0;

    while (n < s.n && (cors_is_alnum(s.p[n]) || (s.p[n] && strchr(more, s.p[n])))) {
        n++;
    }
    return n;
}

static struct px_str cors_behind(struct px_str s, size_t n) {
    return (struct px_str){.p = s.p + n, .n = s.n - n};
}

/* host, or [address] */
static size_t cors_host(struct px_str s) {
    if (s.n == 0 || s.p[0] != '[') {
        return cors_run(s, "-._");
    }
    size_t n = cors_run(cors_behind(s, 1), ":.");
    return n > 0 && n + 1 < s.n && s.p[n + 1] == ']' ? n + 2 : 0;
}

static bool cors_port(struct px_str s) {
    size_t i = 1;

    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
        i++;
    }
    return s.n == 0 || (s.p[0] == ':' && i == s.n && s.n >= 2 && s.n <= 6);
}

/* scheme "://" host [ ":" port ], and nothing else. */
static bool cors_is_origin(struct px_str s) {
    size_t scheme = cors_run(s, "+-.");

    if (s.n > ORIGIN_MAX || scheme == 0 || (s.p[0] | 0x20) < 'a' ||
        !px_str_starts(cors_behind(s, scheme), PX_S("://"))) {
        return false;
    }
    s = cors_behind(s, scheme + 3);
    size_t host = cors_host(s);
    return host > 0 && cors_port(cors_behind(s, host));
}

/* The next word of a list; n = 0 at its end. */
static struct px_str cors_word(const char **at) {
    *at += strspn(*at, " ,\t");
    struct px_str word = {.p = *at, .n = strcspn(*at, " ,\t")};
    *at += word.n;
    return word;
}

struct ing_cors ing_cors_of(const char *allowed, struct px_str origin, bool twice) {
    struct ing_cors all = {.any = strcmp(allowed, "*") == 0};

    if (!origin.p || twice || !cors_is_origin(origin)) {
        return all;
    }
    if (all.any) {
        return (struct ing_cors){.origin = origin};
    }
    for (struct px_str word; (word = cors_word(&allowed)).n;) {
        if (px_str_ieq(word, origin)) {
            return (struct ing_cors){.origin = origin};
        }
    }
    return all;
}

static bool cors_ends(struct px_str s, struct px_str tail) {
    return s.n >= tail.n && px_str_eq(cors_behind(s, s.n - tail.n), tail);
}

/* Browsers leave the usual port out: an origin with it would be nobody's. */
static bool cors_is_usual_port(struct px_str s) {
    size_t scheme = px_str_find(s, ':');
    bool tls = px_str_ieq((struct px_str){.p = s.p, .n = scheme}, PX_S("https")),
         plain = px_str_ieq((struct px_str){.p = s.p, .n = scheme}, PX_S("http"));

    return (tls && cors_ends(s, PX_S(":443"))) || (plain && cors_ends(s, PX_S(":80")));
}

bool ing_cors_allowed_ok(const char *allowed) {
    if (strcmp(allowed, "*") == 0) {
        return true;
    }
    for (struct px_str word; (word = cors_word(&allowed)).n;) {
        if (!cors_is_origin(word) || cors_is_usual_port(word)) {
            return false;
        }
    }
    return true;
}
