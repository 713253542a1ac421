/* How many connections each address has. A fixed table for as many addresses as there may be
 * connections: nothing is allocated after the start, and the hash has a key, since peers choose
 * their addresses. Knows no sockets. */
#include "http_priv.h"

#include <px/hash.h>
#include <px/mem.h>

#include <string.h>

#define NOBODY PX_PEERS_NOBODY

struct peer {
    struct px_addr addr;
    uint32_t n, next; /* next: in its bucket, or of the free ones */
};

struct px_peers {
    struct peer *v;
    uint32_t *buckets;
    uint32_t mask, free;
    size_t most;
    uint64_t k0, k1;
};

struct px_peers *px_peers_new(size_t connections, size_t most) {
    struct px_peers *p = px_alloc(sizeof(*p));
    uint32_t n = 16;
    while (n <= connections) {
        n *= 2;
    }
    if (!p) {
        return NULL;
    }
    p->v = px_calloc2(n, sizeof(*p->v));
    p->buckets = px_calloc2(n, sizeof(*p->buckets));
    if (!p->v || !p->buckets) {
        px_peers_free(p);
        return NULL;
    }
    memset(p->buckets, 0xff, n * sizeof(*p->buckets)); /* NOBODY */
    for (uint32_t i = 0; i < n; i++) {
        p->v[i].next = i + 1 < n ? i + 1 : NOBODY;
    }
    p->mask = n - 1;
    p->most = most;
    px_random(&p->k0, sizeof(p->k0));
    px_random(&p->k1, sizeof(p->k1));
    return p;
}

void px_peers_free(struct px_peers *p) {
    if (p) {
        px_free(p->v);
        px_free(p->buckets);
        px_free(p);
    }
}

static uint32_t *bucket(struct px_peers *p, const struct px_addr *a) {
    struct px_str s = {.p = (const char *)a->b, .n = sizeof(a->b)};
    return &p->buckets[(uint32_t)px_siphash(p->k0, p->k1, s) & p->mask];
}

/* Whoever has an IPv6 address has all 2^64 around it. */
bool px_peers_enter(struct px_peers *p, const struct px_addr *a, uint32_t *ret) {
    const struct px_addr net = px_addr_net(a, 32, 64).base;
    uint32_t *head = bucket(p, &net);
    uint32_t i = *head;
    while (i != NOBODY && !px_addr_eq(&p->v[i].addr, &net)) {
        i = p->v[i].next;
    }
    if (i == NOBODY) {
        i = p->free;
        px_assert(i != NOBODY); /* as many as connections, and one that is parked */
        p->free = p->v[i].next;
        p->v[i] = (struct peer){.addr = net, .next = *head};
        *head = i;
    }
    if (p->v[i].n >= p->most) {
        return false;
    }
    p->v[i].n++;
    *ret = i;
    return true;
}

void px_peers_leave(struct px_peers *p, uint32_t at) {
    if (at == PX_PEERS_NOBODY) {
        return;
    }
    struct peer *v = &p->v[at];
    if (--v->n > 0) {
        return;
    }
    uint32_t *link = bucket(p, &v->addr);
    while (*link != at) {
        link = &p->v[*link].next;
    }
    *link = v->next;
    v->next = p->free;
    p->free = at;
}
