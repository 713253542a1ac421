/* The producer's table of accepted messages: slot -> the caller's tag. Fixed size, free list,
 * memory touched only as far as it was ever used. Pure bookkeeping; knows nothing of librdkafka's
 * threads. */
#include "producer_internal.h"

#define PX_SLOTS_MAX 10000000

enum px_code px_slots_init(struct px_slots *s, int64_t cap, struct px_err *reterr) {
    if (cap < 1 || cap > PX_SLOTS_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "producer queue of %lld messages: allowed are 1 to %d",
                       (long long)cap, PX_SLOTS_MAX);
    }
    uint64_t *tags = px_calloc2((size_t)cap, sizeof *tags);
    uint32_t *next = px_calloc2((size_t)cap, sizeof *next);
    if (!tags || !next) {
        px_free(tags);
        px_free(next);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a producer queue of %lld messages",
                       (long long)cap);
    }
    *s = (struct px_slots){
        .tags = tags, .next = next, .cap = (uint32_t)cap, .fresh = 0, .free = PX_SLOT_NONE};
    return PX_OK;
}

void px_slots_fini(struct px_slots *s) {
    px_free(s->tags);
    px_free(s->next);
    *s = (struct px_slots){.tags = NULL};
}

bool px_slots_take(struct px_slots *s, uint64_t tag, uint32_t *ret_slot) {
    uint32_t slot = s->free;
    if (slot != PX_SLOT_NONE) {
        s->free = s->next[slot];
    } else if (s->fresh < s->cap) {
        slot = s->fresh++;
    } else {
        return false;
    }
    s->tags[slot] = tag;
    s->next[slot] = PX_SLOT_USED;
    *ret_slot = slot;
    return true;
}

bool px_slots_give(struct px_slots *s, uint32_t slot, uint64_t *ret_tag) {
    if (slot >= s->fresh || s->next[slot] != PX_SLOT_USED) {
        return false;
    }
    *ret_tag = s->tags[slot];
    s->next[slot] = s->free;
    s->free = slot;
    return true;
}
