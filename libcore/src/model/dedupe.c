/* Dedupe keys and fingerprints: SHA-256 over a tuple whose parts carry their length, so that no two
 * tuples share their bytes ("ab","c" is not "a","bc"). Pure; where the claims are made is SQL's. */
#include <px/dedupe.h>

/* A tuple grows in a fixed buffer. A part longer than LONG_PART is replaced by its digest (its true
 * length stays in front), and a full buffer is folded into its own digest: any length fits, nothing
 * is allocated. FOLDED cannot be the first byte of a fresh tuple: those begin with the length of a
 * short word. */
#define LONG_PART 128
#define FOLDED    0xff
struct tuple {
    char b[1024];
    size_t n;
};

static void fold_tuple(struct tuple *t) {
    uint8_t digest[32];
    px_sha256((struct px_str){.p = t->b, .n = t->n}, digest);
    t->b[0] = (char)FOLDED;
    memcpy(t->b + 1, digest, sizeof digest);
    t->n = 1 + sizeof digest;
}

static void put_u64(char *to, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (char)(uint8_t)(v >> (8 * (bytes - 1 - i)));
    }
}

static void add(struct tuple *t, struct px_str part) {
    uint8_t digest[32];
    struct px_str s = part;
    if (part.n > LONG_PART) {
        px_sha256(part, digest);
        s = (struct px_str){.p = (const char *)digest, .n = sizeof digest};
    }
    if (sizeof t->b - t->n < 4 + s.n) {
        fold_tuple(t);
    }
    put_u64(t->b + t->n, part.n, 4);
    if (s.n) {
        memcpy(t->b + t->n + 4, s.p, s.n);
    }
    t->n += 4 + s.n;
}

static void add_i64(struct tuple *t, int64_t v) {
    char b[8];
    put_u64(b, (uint64_t)v, sizeof b);
    add(t, (struct px_str){.p = b, .n = sizeof b});
}

static int64_t get_i64(const uint8_t *p) {
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

static struct px_key128 finish(const struct tuple *t) {
    uint8_t digest[32];
    px_sha256((struct px_str){.p = t->b, .n = t->n}, digest);
    return (struct px_key128){.h1 = get_i64(digest), .h2 = get_i64(digest + 8)};
}

struct px_key128 px_dedupe_client_key(const struct px_event *e) {
    struct tuple t;
    t.n = 0;
    add(&t, PX_S("cid"));
    add(&t, e->event_type);
    add(&t, e->player_id);
    add(&t, e->client_event_id);
    return finish(&t);
}

static void add_attr(struct tuple *t, const struct px_attr *a) {
    add(t, a->name);
    add_i64(t, (int64_t)a->kind);
    switch (a->kind) {
    case PX_ATTR_TEXT:
        add(t, a->text);
        break;
    case PX_ATTR_INT:
    case PX_ATTR_BOOL:
        add_i64(t, a->i);
        break;
    case PX_ATTR_NUMBER: {
        double v = a->number + 0.0; /* -0 and 0 are one value */
        int64_t bits;
        memcpy(&bits, &v, sizeof bits);
        add_i64(t, bits);
        break;
    }
    }
}

int64_t px_dedupe_fingerprint(const struct px_event *e) {
    struct tuple t;
    t.n = 0;
    add(&t, PX_S("fp"));
    add(&t, e->event_type);
    add(&t, e->player_id);
    add(&t, e->banner_tag);
    add_i64(&t, e->occurred_at);
    for (size_t i = 0; i < e->nattrs; i++) {
        add_attr(&t, &e->attrs[i]);
    }
    return finish(&t).h1;
}

struct px_key128 px_dedupe_natural_key(const struct px_event *e, const struct px_event_type *type,
                                       px_day day) {
    struct tuple t;
    t.n = 0;
    switch (type->dedupe) {
    case PX_DEDUPE_DAY:
        add(&t, PX_S("day"));
        add_i64(&t, day);
        add(&t, e->event_type);
        add(&t, e->player_id);
        add(&t, e->banner_tag);
        break;
    case PX_DEDUPE_EVENT_ID:
        add(&t, PX_S("id"));
        add(&t, (struct px_str){.p = (const char *)e->id.b, .n = sizeof e->id.b});
        break;
    }
    return finish(&t);
}

const char *px_disposition_name(enum px_disposition d) {
    static const char *const names[PX_DISPOSITIONS] = {
        [PX_COUNTED] = "counted",     [PX_REPEAT] = "repeat",
        [PX_DUPLICATE] = "duplicate", [PX_CONFLICT] = "conflict",
        [PX_EXCLUDED] = "excluded",   [PX_LATE] = "late",
        [PX_ERASED] = "erased",       [PX_DEAD_LETTERED] = "dead_lettered",
    };
    px_assert((unsigned)d < PX_DISPOSITIONS);
    return names[d];
}
