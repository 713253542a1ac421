/* Hash map of byte strings: natural keys and groups of a batch, names of catalogs and options.
 * Linear probing over slots of 32 bytes at a load of at most three quarters; no deletion of single
 * entries. Keys come from peers, so the hash is keyed and the key is drawn from the kernel. */
#include <px/map.h>

#include <px/hash.h>
#include <px/mem.h>

#define FIRST_CAP ((size_t)64)

struct px_map_slot {
    const char *p;
    uint32_t n, gen; /* in use when gen is the map's */
    uint64_t hash;
    uint64_t value;
};

void px_map_init(struct px_map *m, size_t max) {
    *m = (struct px_map){.max = max, .gen = 1};
    px_random(&m->k0, sizeof m->k0);
    px_random(&m->k1, sizeof m->k1);
}

void px_map_fini(struct px_map *m) {
    px_free(m->slots);
    m->slots = NULL;
    m->n = 0;
    m->cap = 0;
}

/* A new generation empties all slots at once; only when the counter wraps are they wiped. */
void px_map_reset(struct px_map *m) {
    m->n = 0;
    m->gen++;
    if (m->gen == 0) {
        m->gen = 1;
        if (m->slots) {
            memset(m->slots, 0, m->cap * sizeof *m->slots);
        }
    }
}

/* The slot that holds ${key}, or the empty one where it belongs. The load factor leaves some empty.
 */
static struct px_map_slot *find(const struct px_map *m, struct px_str key, uint64_t hash) {
    size_t mask = m->cap - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct px_map_slot *s = &m->slots[i];
        if (s->gen != m->gen) {
            return s;
        }
        if (s->hash == hash && s->n == key.n && (key.n == 0 || memcmp(s->p, key.p, key.n) == 0)) {
            return s;
        }
    }
}

uint64_t *px_map_get(const struct px_map *m, struct px_str key) {
    if (m->n == 0) {
        return NULL;
    }
    struct px_map_slot *s = find(m, key, px_siphash(m->k0, m->k1, key));
    return s->gen == m->gen ? &s->value : NULL;
}

/* Old slots are moved by their stored hash: no key is read, none can be equal to another. */
static bool grow(struct px_map *m) {
    size_t cap = m->cap ? m->cap * 2 : FIRST_CAP;
    if (cap > SIZE_MAX / 2 / sizeof(struct px_map_slot)) {
        return false;
    }
    struct px_map_slot *slots = px_calloc2(cap, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < m->cap; i++) {
        const struct px_map_slot *old = &m->slots[i];
        if (old->gen != m->gen) {
            continue;
        }
        size_t to = (size_t)old->hash & (cap - 1);
        while (slots[to].gen == m->gen) {
            to = (to + 1) & (cap - 1);
        }
        slots[to] = *old;
    }
    px_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return true;
}

static enum px_code insert(struct px_map *m, struct px_str key, uint64_t hash,
                           struct px_map_slot **ret_slot) {
    if (m->n >= m->max || key.n > UINT32_MAX) {
        return PX_TOO_LARGE;
    }
    if (m->n >= m->cap / 4 * 3) {
        if (!grow(m)) {
            return PX_NOMEM;
        }
        *ret_slot = find(m, key, hash);
    }
    **ret_slot = (struct px_map_slot){key.p, (uint32_t)key.n, m->gen, hash, 0};
    m->n++;
    return PX_OK;
}

enum px_code px_map_put(struct px_map *m, struct px_str key, uint64_t value, uint64_t **ret_place,
                        bool *ret_new) {
    uint64_t hash = px_siphash(m->k0, m->k1, key);
    struct px_map_slot *slot = m->cap ? find(m, key, hash) : NULL;
    bool fresh = !slot || slot->gen != m->gen;
    if (fresh) {
        enum px_code rc = insert(m, key, hash, &slot);
        if (rc != PX_OK) {
            return rc;
        }
        slot->value = value;
    }
    if (ret_place) {
        *ret_place = &slot->value;
    }
    if (ret_new) {
        *ret_new = fresh;
    }
    return PX_OK;
}
