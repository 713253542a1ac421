/* The limits, in the order in which they are asked: the sender's own first. What one of them
 * refuses costs nothing at the others. */
#include "guard_priv.h"

#include <px/hash.h>

#define GUARD_NS_PER_S  INT64_C(1000000000)
#define GUARD_WAIT_MAX  3600
#define GUARD_V6_PREFIX 8 /* bytes: a /64 is what one customer of a provider has */

enum px_code ing_guard_open(struct ing_guard *g, struct ing_plan *plan, struct px_err *reterr) {
    *g = (struct ing_guard){.plan = plan};
    px_random(g->tag_key, sizeof g->tag_key);
    return ing_buckets_init(&g->buckets, reterr);
}

void ing_guard_close(struct ing_guard *g) {
    ing_plan_free(g->plan);
    g->plan = NULL;
    ing_buckets_fini(&g->buckets);
}

void ing_guard_follow(struct ing_guard *g, struct ing_plan *plan) {
    ing_plan_free(g->plan);
    g->plan = plan;
}

unsigned ing_guard_seconds(int64_t ns) {
    int64_t s = (ns + GUARD_NS_PER_S - 1) / GUARD_NS_PER_S;

    return (unsigned)(s < GUARD_WAIT_MAX ? s : GUARD_WAIT_MAX);
}

uint64_t ing_guard_address(const struct ing_guard *g, unsigned kind, const struct px_addr *a) {
    size_t n = px_addr_is_v4(a) ? sizeof a->b : GUARD_V6_PREFIX;

    return ing_buckets_id(&g->buckets, kind, (struct px_str){.p = (const char *)a->b, .n = n});
}

static int64_t guard_address(struct ing_guard *g, const struct px_addr *a,
                             const struct ing_charge *c) {
    const struct ing_plan *p = g->plan;

    if (!p->address.step || px_nets_find(&p->exempt, a) < p->exempt.n) {
        return 0;
    }
    return ing_buckets_take(&g->buckets, ing_guard_address(g, GUARD_ADDRESS, a), &p->address, c);
}

static int64_t guard_key(struct ing_guard *g, const struct ing_sender *s,
                         const struct ing_charge *c) {
    const struct ing_plan *p = g->plan;
    const struct px_key_rate *own = s->key ? s->key->rate : s->site->rate;
    struct ing_rate rate =
        own ? ing_rate_of(own->rate, PX_US_PER_S, own->burst, p->workers) : p->key;

    if (!rate.step) {
        return 0;
    }
    uint64_t id = s->key ? ing_buckets_id(&g->buckets, GUARD_KEY, px_str_c(s->key->id))
                         : ing_buckets_id(&g->buckets, GUARD_SITE, px_str_c(s->site->key));
    return ing_buckets_take(&g->buckets, id, &rate, c);
}

/* Undo ${c} in the buckets that are asked before that of ${denial}: paid and to pay change places.
 */
static void guard_give_back(struct ing_guard *g, const struct ing_sender *s,
                            const struct ing_charge *c, enum ing_denial denial) {
    const struct ing_charge back = {.now = c->now, .cost = c->paid, .paid = c->cost};

    if (denial != ING_DENIED_ADDRESS_RATE && !s->key) {
        PX_IGNORE(guard_address(g, &s->client, &back));
    }
    if (denial == ING_DENIED_ROUTE_RATE && (s->key || s->site)) {
        PX_IGNORE(guard_key(g, s, &back));
    }
}

enum ing_denial ing_guard_charge(struct ing_guard *g, const struct ing_sender *sender,
                                 enum ing_route route, const struct ing_charge *c,
                                 unsigned *ret_wait) {
    enum ing_denial d = ING_DENIED_ADDRESS_RATE;
    int64_t wait = sender->key ? 0 : guard_address(g, &sender->client, c);

    if (!wait && (sender->key || sender->site)) {
        d = ING_DENIED_KEY_RATE;
        wait = guard_key(g, sender, c);
    }
    if (!wait && g->plan->route.step) {
        d = ING_DENIED_ROUTE_RATE;
        wait = ing_rate_take(&g->routes[route], &g->plan->route, c);
    }
    *ret_wait = ing_guard_seconds(wait);
    if (wait) {
        guard_give_back(g, sender, c, d);
    }
    return wait ? d : ING_ADMITTED;
}
