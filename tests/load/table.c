/* Open addressing with linear probing; a dropped entry is closed up by moving later ones back. */
#include "table.h"

#include <px/mem.h>

#define TABLE_LEAST 64

/* Fibonacci hashing: the high bits of a multiplication. */
static size_t home(const struct table *t, uint64_t key) {
    return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> t->shift);
}

/* Where the key is, or the empty slot where it would go. */
static size_t find(const struct table *t, uint64_t key) {
    size_t i = home(t, key);
    while (t->slots[i].key != 0 && t->slots[i].key != key + 1) {
        i = (i + 1) & (t->cap - 1);
    }
    return i;
}

static enum px_code resize(struct table *t, size_t cap) {
    struct table bigger = {.cap = cap, .n = t->n, .shift = 64u - (unsigned)__builtin_ctzll(cap)};

    bigger.slots = px_calloc2(cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        return PX_NOMEM;
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].key) {
            bigger.slots[find(&bigger, t->slots[i].key - 1)] = t->slots[i];
        }
    }
    px_free(t->slots);
    *t = bigger;
    return PX_OK;
}

enum px_code table_reserve(struct table *t, size_t n) {
    size_t cap = t->cap ? t->cap : TABLE_LEAST;
    while (cap / 4 * 3 < n) {
        cap *= 2;
    }
    return cap == t->cap ? PX_OK : resize(t, cap);
}

void table_fini(struct table *t) {
    px_free(t->slots);
    *t = TABLE_INIT;
}

uint64_t *table_get(const struct table *t, uint64_t key) {
    if (t->n == 0) {
        return NULL;
    }
    struct table_slot *s = &t->slots[find(t, key)];
    return s->key ? &s->value : NULL;
}

uint64_t *table_put(struct table *t, uint64_t key, bool *ret_new) {
    if (table_reserve(t, t->n + 1)) {
        return NULL;
    }
    struct table_slot *s = &t->slots[find(t, key)];
    bool fresh = s->key == 0;
    if (fresh) {
        *s = (struct table_slot){.key = key + 1};
        t->n++;
    }
    if (ret_new) {
        *ret_new = fresh;
    }
    return &s->value;
}

void table_drop(struct table *t, uint64_t key) {
    if (!table_get(t, key)) {
        return;
    }
    size_t hole = find(t, key);
    t->n--;
    for (size_t i = (hole + 1) & (t->cap - 1); t->slots[i].key; i = (i + 1) & (t->cap - 1)) {
        /* An entry may move into the hole unless its home lies behind the hole. */
        size_t from_home = (i - home(t, t->slots[i].key - 1)) & (t->cap - 1);
        if (from_home >= ((i - hole) & (t->cap - 1))) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct table_slot){.key = 0};
}
