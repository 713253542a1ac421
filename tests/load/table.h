/* A hash table from 64-bit keys of our own making to 64-bit values: no strings, no keys of peers,
 * 16 bytes a slot. For millions of natural keys. */
#ifndef TABLE_H
#define TABLE_H

#include <px/err.h>

struct table_slot {
    uint64_t key; /* plus one; 0 = empty */
    uint64_t value;
};
struct table {
    struct table_slot *slots; /* power of two; NULL until the first insert */
    size_t n, cap;
    unsigned shift;
};
#define TABLE_INIT ((struct table){.slots = NULL})

/* table_reserve(t, n): so that ${n} entries need no growth. Memory is touched only as it fills.
 * Errors: PX_NOMEM. */
PX_MUST_USE enum px_code table_reserve(struct table *t, size_t n);
void table_fini(struct table *t);

/* table_get(t, key): the value's place, or NULL. Any key but UINT64_MAX. */
uint64_t *table_get(const struct table *t, uint64_t key);

/* table_put(t, key, ret_new): the value's place, inserted as 0 unless present; NULL without memory.
 * ${ret_new} may be NULL. A place holds until the next put or drop. */
uint64_t *table_put(struct table *t, uint64_t key, bool *ret_new);

/* table_drop(t, key): forget it; absent is fine. */
void table_drop(struct table *t, uint64_t key);

#endif
