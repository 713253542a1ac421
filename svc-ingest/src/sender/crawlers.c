/* Needles in a user agent. The table is made by svc-ingest/crawlers/generate.py: needles stand in
 * buckets by their first three bytes, so that each place of the text is compared with less than one
 * of them on average. */
#include "crawlers.h"

enum {
    ING_AT_BEGIN = 1,  /* only at the begin of the text */
    ING_AT_END = 2,    /* only at its end               */
    ING_AT_NO_DASH = 4 /* not before a dash             */
};

/* In a needle's text: one digit; as many more digits as there are. */
#define DIGIT  '\001'
#define DIGITS '\002'

struct needle {
    const char *text, *then; /* then: "" or what must stand anywhere behind it */
    uint16_t crawler;
    uint8_t flags;
};

static const struct needle needles[] = {
#define ING_NEEDLE(t, behind, f, c) {.text = (t), .then = (behind), .crawler = (c), .flags = (f)},
#include "crawlers.def"
#undef ING_NEEDLE
};

/* Where each bucket begins; the last entry is the end. */
static const uint16_t buckets[] = {
#define ING_BUCKET(at) (at),
#include "crawlers.def"
#undef ING_BUCKET
};
#define BUCKETS (PX_ARRAY_LEN(buckets) - 1)

static const struct {
    const char *reason;
    enum px_traffic class;
} crawlers[] = {
#define ING_CRAWLER(c, r) {.reason = (r), .class = PX_TRAFFIC_##c},
#include "crawlers.def"
#undef ING_CRAWLER
};

static const struct {
    const char *version;
    size_t count, beyond;
} list =
#define ING_CRAWLERS_LIST(v, n, b) {.version = (v), .count = (n), .beyond = (b)};
#include "crawlers.def"
#undef ING_CRAWLERS_LIST

    static_assert(PX_ARRAY_LEN(crawlers) < INT16_MAX && PX_ARRAY_LEN(needles) < UINT16_MAX,
                  "places fit their types");

static bool is_digit(struct px_str s, size_t at) {
    return at < s.n && s.p[at] >= '0' && s.p[at] <= '9';
}

/* Does ${text} stand at ${at}? *ret_end is behind it. */
static bool text_at(struct px_str s, size_t at, const char *text, size_t *ret_end) {
    for (; *text; text++) {
        if (*text == DIGITS) {
            while (is_digit(s, at)) {
                at++;
            }
        } else if (*text == DIGIT ? is_digit(s, at) : at < s.n && s.p[at] == *text) {
            at++;
        } else {
            return false;
        }
    }
    *ret_end = at;
    return true;
}

static bool stands_behind(struct px_str s, size_t at, const char *text) {
    size_t end;

    for (; at < s.n; at++) {
        if (text_at(s, at, text, &end)) {
            return true;
        }
    }
    return *text == '\0';
}

static bool needle_at(struct px_str s, size_t at, const struct needle *n) {
    size_t end = 0;

    return !((n->flags & ING_AT_BEGIN) && at > 0) && text_at(s, at, n->text, &end) &&
           !((n->flags & ING_AT_END) && end < s.n) &&
           !((n->flags & ING_AT_NO_DASH) && end < s.n && s.p[end] == '-') &&
           (!*n->then || stands_behind(s, end, n->then));
}

int ing_crawler_find(struct px_str agent) {
    int first = -1;

    for (size_t at = 0; at + 3 <= agent.n && at < ING_AGENT_SEEN; at++) {
        const uint8_t *b = (const uint8_t *)agent.p + at;
        size_t bucket = ((b[0] * 31U + b[1]) * 31U + b[2]) % BUCKETS;
        for (size_t i = buckets[bucket]; i < buckets[bucket + 1]; i++) {
            const struct needle *n = &needles[i];
            if ((first < 0 || n->crawler < first) && needle_at(agent, at, n)) {
                first = n->crawler;
            }
        }
    }
    return first;
}

enum px_traffic ing_crawler_class(int i) {
    return crawlers[i].class;
}

struct px_str ing_crawler_reason(int i) {
    return px_str_c(crawlers[i].reason);
}

const char *ing_crawlers_version(void) {
    return list.version;
}

size_t ing_crawlers_count(void) {
    return list.count;
}

size_t ing_crawlers_beyond(void) {
    return list.beyond;
}
