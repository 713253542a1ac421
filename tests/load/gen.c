/* Requests from a seed: types, players, banners, repeats, duplicates, conflicts and faults in known
 * shares. Which earlier request one repeats depends on the seed only, never on answers. */
#include "load.h"

#include <math.h>

#define GEN_OLD_EACH        256 /* every so many originals are kept for long */
#define GEN_STAMPED_PLAYERS 64  /* few, so that they come on both sides of midnight */
#define GEN_STAMPED_MS      2000

const char *const load_types[LOAD_TYPES] = {"visit", "registration", "deposit"};
const char *const load_fault_codes[LOAD_FAULTS] = {"missing_field",      "bad_escape",
                                                   "junk_value",         "email_address",
                                                   "unknown_event_type", "unknown_member"};

/* splitmix64 */
static uint64_t gen_bits(struct load_gen *g) {
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t gen_below(struct load_gen *g, uint32_t n) {
    return (uint32_t)((gen_bits(g) >> 32) * n >> 32);
}

/* Log-uniform: the k-th most frequent value is about 1/k as frequent as the first. */
static uint32_t gen_skewed(struct load_gen *g, int64_t n) {
    double u = (double)(gen_bits(g) >> 11) / 9007199254740992.0;
    uint32_t v = (uint32_t)(pow((double)n + 1, u) - 1);
    return v < n ? v : (uint32_t)(n - 1);
}

void load_gen_init(struct load_gen *g, const struct load_conf *conf) {
    g->conf = conf;
    g->state = conf->seed;
    g->made = g->plain.n = g->with_id.n = g->deposits.n = 0;
}

static void ring_put(struct load_ring *r, const struct load_request *q) {
    if (r->n % GEN_OLD_EACH == 0) {
        r->old[r->n / GEN_OLD_EACH % PX_ARRAY_LEN(r->old)] = *q;
    }
    r->recent[r->n++ % PX_ARRAY_LEN(r->recent)] = *q;
}

/* Mostly one of a moment ago, the closer the likelier; now and then one of long ago: at any rate
 * some come back within the second, some within the minute, some later. */
static const struct load_request *ring_pick(struct load_gen *g, const struct load_ring *r) {
    uint32_t recent = r->n < PX_ARRAY_LEN(r->recent) ? r->n : (uint32_t)PX_ARRAY_LEN(r->recent);
    uint32_t old = (r->n + GEN_OLD_EACH - 1) / GEN_OLD_EACH;

    if (r->n == 0) {
        return NULL;
    }
    if (gen_below(g, 4) == 0) {
        old = old < PX_ARRAY_LEN(r->old) ? old : (uint32_t)PX_ARRAY_LEN(r->old);
        return &r->old[gen_below(g, old)];
    }
    return &r->recent[(r->n - 1 - gen_skewed(g, recent)) % PX_ARRAY_LEN(r->recent)];
}

static struct load_request gen_new(struct load_gen *g) {
    struct load_request r = {.kind = LOAD_NEW, .origin = g->made};
    uint32_t dice = gen_below(g, 100);

    r.type = dice < 85 ? 0 : dice < 95 ? 1 : 2;
    r.player = gen_skewed(g, g->conf->players);
    r.banner = (uint16_t)gen_skewed(g, g->conf->banners);
    r.json = gen_below(g, 5) == 0;
    /* Deposits always carry an id: whether one without counts as distinct would depend on which
     * of several came first. */
    r.with_id = r.type == 2 || gen_below(g, 2) == 0;
    if (r.type == 2 && gen_below(g, 4) == 0) {
        const struct load_request *earlier = ring_pick(g, &g->deposits);
        if (earlier) { /* a second real deposit: same key, an id of its own */
            r.player = earlier->player;
            r.banner = earlier->banner;
        }
    }
    return r;
}

/* A time of the sender's, a moment before or after midnight. Such events have players of their
 * own: their keys never meet those of events that are dated by the server. */
static void gen_stamp(struct load_gen *g, struct load_request *r) {
    r->stamped = r->json = true;
    r->player = (uint32_t)g->conf->players + gen_skewed(g, GEN_STAMPED_PLAYERS);
    r->midnight_ms = (int16_t)((int32_t)gen_below(g, 2 * GEN_STAMPED_MS) - GEN_STAMPED_MS);
}

static void gen_fault(struct load_gen *g, struct load_request *r) {
    r->kind = LOAD_INVALID;
    r->fault = (uint8_t)gen_below(g, LOAD_FAULTS);
    r->json = r->fault == LOAD_UNKNOWN_MEMBER;
}

static struct load_request gen_original(struct load_gen *g, bool faulty) {
    struct load_request r = gen_new(g);

    if (faulty) {
        gen_fault(g, &r);
        return r;
    }
    if (g->conf->midnight && gen_below(g, 10) == 0) {
        gen_stamp(g, &r);
    }
    ring_put(r.with_id ? &g->with_id : &g->plain, &r);
    if (r.type == 2 && !r.stamped) {
        ring_put(&g->deposits, &r);
    }
    return r;
}

/* Per mille: 30 identical pixels, 20 same ids, 5 conflicts, 20 faults, the rest new. */
struct load_request load_gen_next(struct load_gen *g) {
    uint32_t dice = gen_below(g, 1000);
    enum load_kind kind = dice < 30   ? LOAD_AGAIN
                          : dice < 50 ? LOAD_SAME_ID
                          : dice < 55 ? LOAD_CONFLICT
                                      : LOAD_NEW;
    const struct load_request *earlier =
        kind == LOAD_NEW ? NULL : ring_pick(g, kind == LOAD_AGAIN ? &g->plain : &g->with_id);
    struct load_request r = earlier ? *earlier : gen_original(g, dice >= 980);

    if (earlier) {
        r.kind = (uint8_t)kind;
        r.variant = kind == LOAD_CONFLICT;
    }
    r.attempt = 1;
    g->made++;
    return r;
}

uint64_t load_key(const struct load_request *r) {
    return (uint64_t)r->player << 12 | (uint64_t)r->banner << 2 | r->type;
}
