/* The arithmetic of histogram.h. */
#include "histogram.h"

#define EXACT      256 /* values that have a slot of their own */
#define HALF       128 /* slots of each doubling above         */
#define HALF_BITS  7
#define LIMIT_BITS 40

static_assert(HISTOGRAM_SLOTS == EXACT + (LIMIT_BITS - HALF_BITS - 1) * HALF, "one per slot");

static size_t slot_of(uint64_t v) {
    if (v < EXACT) {
        return (size_t)v;
    }
    if (v >> LIMIT_BITS) {
        return HISTOGRAM_SLOTS - 1;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(v) - HALF_BITS;
    return EXACT + (size_t)(shift - 1) * HALF + (size_t)(v >> shift) - HALF;
}

/* The greatest value that falls into the slot. */
static uint64_t slot_end(size_t slot) {
    if (slot < EXACT) {
        return slot;
    }
    size_t shift = (slot - EXACT) / HALF + 1;
    uint64_t top = HALF + (slot - EXACT) % HALF;
    return ((top + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, px_us us) {
    uint64_t v = us < 0 ? 0 : (uint64_t)us;

    h->n++;
    h->sum += v;
    h->max = us > h->max ? us : h->max;
    h->slot[slot_of(v)]++;
}

px_us histogram_at(const struct histogram *h, uint32_t per_million) {
    /* Rounded up: of ten values the median is the fifth. */
    uint64_t want = (h->n * per_million + 999999) / 1000000;
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_SLOTS && h->n; i++) {
        seen += h->slot[i];
        if (seen >= want && seen > 0) {
            px_us end = (px_us)slot_end(i);
            return end < h->max && i < HISTOGRAM_SLOTS - 1 ? end : h->max;
        }
    }
    return 0;
}

void histogram_merge(struct histogram *to, const struct histogram *from) {
    to->n += from->n;
    to->sum += from->sum;
    to->max = from->max > to->max ? from->max : to->max;
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        to->slot[i] += from->slot[i];
    }
}

double histogram_mean(const struct histogram *h) {
    return h->n ? (double)h->sum / (double)h->n : 0;
}
