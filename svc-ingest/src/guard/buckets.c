/* A bucket is one instant: when it will be full. Taking moves the instant on, time passes towards
 * it (the generic cell rate algorithm, which is a token bucket kept as a time). Pure but for the
 * table and the hash key that is drawn for it. */
#include "buckets.h"

#include <px/hash.h>
#include <px/mem.h>

#define NS_PER_US INT64_C(1000)
#define SETS      (ING_BUCKETS / ING_BUCKETS_WAYS)
static_assert((SETS & (SETS - 1)) == 0, "a set is found by a mask");

struct ing_rate ing_rate_of(int64_t n, px_us per, int64_t burst, size_t workers) {
    int64_t w = (int64_t)workers;

    if (n <= 0) {
        return (struct ing_rate){0};
    }
    int64_t step = per * NS_PER_US * w / n;
    int64_t share = (burst + w - 1) / w;
    step = step > 0 ? step : 1;
    return (struct ing_rate){.step = step, .depth = step * (share > 0 ? share : 1)};
}

int64_t ing_rate_take(int64_t *due, const struct ing_rate *rate, const struct ing_charge *c) {
    int64_t now = c->now * NS_PER_US;
    int64_t before = *due - c->paid * rate->step;

    before = before > now ? before : now;
    int64_t after = before + c->cost * rate->step;
    if (before > now && after - now > rate->depth) {
        int64_t over = after - now - rate->depth, full = before - now;
        /* what was paid is gone, and paid again when the same comes again */
        return (over < full ? over : full) + c->paid * rate->step;
    }
    *due = after;
    return 0;
}

enum px_code ing_buckets_init(struct ing_buckets *b, struct px_err *reterr) {
    *b = (struct ing_buckets){.slots = px_calloc2(ING_BUCKETS, sizeof *b->slots)};
    if (!b->slots) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %d buckets", ING_BUCKETS);
    }
    px_random(&b->k0, sizeof b->k0);
    px_random(&b->k1, sizeof b->k1);
    return PX_OK;
}

void ing_buckets_fini(struct ing_buckets *b) {
    px_free(b->slots);
    b->slots = NULL;
}

uint64_t ing_buckets_id(const struct ing_buckets *b, unsigned kind, struct px_str source) {
    uint64_t id = px_siphash(b->k0 ^ kind, b->k1, source);

    return id ? id : 1; /* 0: a slot that nobody had */
}

int64_t ing_buckets_take(struct ing_buckets *b, uint64_t id, const struct ing_rate *rate,
                         const struct ing_charge *c) {
    struct ing_bucket_slot *set = &b->slots[(id & (SETS - 1)) * ING_BUCKETS_WAYS], *least = set;

    for (size_t i = 0; i < ING_BUCKETS_WAYS; i++) {
        if (set[i].id == id) {
            return ing_rate_take(&set[i].due, rate, c);
        }
        least = set[i].due < least->due ? &set[i] : least;
    }
    b->evicted += least->due > c->now * NS_PER_US;
    *least = (struct ing_bucket_slot){.id = id};
    return ing_rate_take(&least->due, rate, c);
}
