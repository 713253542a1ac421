/* The books of requests that wait for the log: taken when a message was queued, answered by report
 * or deadline, given back by the report. One worker owns a table; nothing here allocates after
 * init. */
#include "pending.h"

#include <px/mem.h>

enum px_code ing_pending_init(struct ing_pending *p, uint32_t cap, struct px_err *reterr) {
    px_assert(cap > 0 && cap < ING_NONE);
    struct ing_slot *slots = px_calloc2(cap, sizeof *slots);
    if (!slots) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %u waiting requests", cap);
    }
    for (uint32_t i = 0; i < cap; i++) {
        slots[i].next = i + 1 < cap ? i + 1 : ING_NONE;
        slots[i].prev = ING_NONE;
        slots[i].generation = 1;
    }
    *p = (struct ing_pending){
        .slots = slots, .cap = cap, .limit = cap, .head = ING_NONE, .tail = ING_NONE};
    return PX_OK;
}

void ing_pending_fini(struct ing_pending *p) {
    px_free(p->slots);
    *p = (struct ing_pending){.free = ING_NONE, .head = ING_NONE, .tail = ING_NONE};
}

static uint32_t pending_index(const struct ing_pending *p, const struct ing_slot *s) {
    return (uint32_t)(s - p->slots);
}

struct ing_slot *ing_pending_take(struct ing_pending *p, px_us deadline) {
    if (ing_pending_full(p)) {
        return NULL;
    }
    uint32_t i = p->free;
    struct ing_slot *s = &p->slots[i];

    px_assert(p->tail == ING_NONE || p->slots[p->tail].deadline <= deadline);
    p->free = s->next;
    s->used = s->owed = true;
    s->deadline = deadline;
    s->prev = p->tail;
    s->next = ING_NONE;
    if (p->tail == ING_NONE) {
        p->head = i;
    } else {
        p->slots[p->tail].next = i;
    }
    p->tail = i;
    p->used++;
    p->owed++;
    return s;
}

uint64_t ing_pending_tag(const struct ing_pending *p, const struct ing_slot *s) {
    return (uint64_t)s->generation << 32 | pending_index(p, s);
}

struct ing_slot *ing_pending_find(struct ing_pending *p, uint64_t tag) {
    uint32_t i = (uint32_t)(tag & UINT32_MAX);
    if (i >= p->cap) {
        return NULL;
    }
    struct ing_slot *s = &p->slots[i];
    return s->used && s->generation == tag >> 32 ? s : NULL;
}

void ing_pending_answered(struct ing_pending *p, struct ing_slot *s) {
    px_assert(s->used && s->owed);
    if (s->prev == ING_NONE) {
        p->head = s->next;
    } else {
        p->slots[s->prev].next = s->next;
    }
    if (s->next == ING_NONE) {
        p->tail = s->prev;
    } else {
        p->slots[s->next].prev = s->prev;
    }
    s->owed = false;
    p->owed--;
}

void ing_pending_release(struct ing_pending *p, struct ing_slot *s) {
    px_assert(s->used && !s->owed);
    s->used = false;
    /* 0 is skipped so that a zeroed tag never matches. */
    s->generation = s->generation == UINT32_MAX ? 1 : s->generation + 1;
    s->next = p->free;
    p->free = pending_index(p, s);
    p->used--;
}

struct ing_slot *ing_pending_expired(struct ing_pending *p, px_us now) {
    if (p->head == ING_NONE || p->slots[p->head].deadline > now) {
        return NULL;
    }
    return &p->slots[p->head];
}
