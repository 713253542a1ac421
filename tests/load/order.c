/* Locks by natural key until the key is claimed, by id afterwards; see order.h. */
#include "order.h"

#define ORDER_NO_LOCK   UINT64_MAX
#define ORDER_UNPLANNED 65536 /* room for as many keys, when nobody knows how many will come */
#define ORDER_BY_ID     (UINT64_C(1) << 63)

/* Waiters of a lock: its first and last request plus one in one number, 0 = nobody. */
static uint64_t waiters(uint32_t first, uint32_t last) {
    return (uint64_t)(first + 1) << 32 | (last + 1);
}

static uint32_t first_of(uint64_t w) {
    return (uint32_t)(w >> 32) - 1;
}

static uint32_t last_of(uint64_t w) {
    return (uint32_t)w - 1;
}

/* The same for a request from its admission to its end: only who holds a key's lock claims it. */
static uint64_t lock_of(const struct order *o, const struct load_request *r) {
    if (r->kind == LOAD_INVALID) {
        return ORDER_NO_LOCK;
    }
    uint64_t key = load_key(r);
    if (!table_get(&o->claimed, key)) {
        return key;
    }
    return r->with_id ? ORDER_BY_ID | r->origin : ORDER_NO_LOCK;
}

enum px_code order_init(struct order *o, const struct load_run *run, uint64_t planned) {
    const struct load_conf *c = &run->conf;
    uint64_t keys = (uint64_t)c->players * (uint64_t)c->banners * LOAD_TYPES;
    uint64_t most = planned < run->cap ? planned : ORDER_UNPLANNED;

    *o = ORDER_INIT;
    o->v = run->v;
    /* A growth in the middle of a run would be a pause of its own making. */
    return table_reserve(&o->claimed, keys < most ? keys : most);
}

void order_fini(struct order *o) {
    table_fini(&o->locks);
    table_fini(&o->claimed);
}

enum px_code order_admit(struct order *o, uint32_t i, struct queue *ready) {
    uint64_t lock = lock_of(o, &o->v[i]);
    bool fresh = true;

    if (lock != ORDER_NO_LOCK) {
        uint64_t *w = table_put(&o->locks, lock, &fresh);
        if (!w) {
            return PX_NOMEM;
        }
        if (!fresh) {
            o->v[i].next = LOAD_NONE;
            if (*w) {
                o->v[last_of(*w)].next = i;
            }
            *w = waiters(*w ? first_of(*w) : i, i);
            o->waiting++;
        }
    }
    return !fresh || queue_push(ready, i) ? PX_OK : PX_NOMEM;
}

/* The key is claimed: those who waited for it now only wait for their ids. */
static enum px_code admit_all(struct order *o, uint32_t i, struct queue *ready) {
    enum px_code rc = PX_OK;

    while (i != LOAD_NONE && !rc) {
        uint32_t next = o->v[i].next;
        o->waiting--;
        rc = order_admit(o, i, ready);
        i = next;
    }
    return rc;
}

enum px_code order_done(struct order *o, uint32_t i, struct queue *ready) {
    const struct load_request *r = &o->v[i];
    uint64_t lock = lock_of(o, r);

    if (lock == ORDER_NO_LOCK) {
        return PX_OK;
    }
    uint64_t *place = table_get(&o->locks, lock);
    px_assert(place);
    uint64_t w = *place;
    bool claims = r->state == LOAD_ACKED && !(lock & ORDER_BY_ID);
    if (claims && !table_put(&o->claimed, lock, NULL)) {
        return PX_NOMEM;
    }
    if (!w || claims) {
        table_drop(&o->locks, lock);
        return w ? admit_all(o, first_of(w), ready) : PX_OK;
    }
    /* The lock goes to the oldest that waits, the others wait on. */
    uint32_t heir = first_of(w);
    *place = heir == last_of(w) ? 0 : waiters(o->v[heir].next, last_of(w));
    o->waiting--;
    return queue_push(ready, heir) ? PX_OK : PX_NOMEM;
}
