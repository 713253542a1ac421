/* Open-addressing hash map from byte strings to uint64 values; SipHash with a random key, because
 * keys come from peers. Keys are borrowed: they must outlive the map or its reset. */
#ifndef PX_MAP_H
#define PX_MAP_H

#include <px/err.h>
#include <px/str.h>

struct px_map_slot;
struct px_map {
    struct px_map_slot *slots; /* power of two; NULL until the first insert */
    size_t n, cap, max;
    uint64_t k0, k1; /* hash key, drawn at init */
    uint32_t gen;    /* a slot of another generation is empty, so that a reset touches no slot */
};

/* px_map_init(m, max): at most ${max} entries. */
void px_map_init(struct px_map *m, size_t max);
void px_map_fini(struct px_map *m);
void px_map_reset(struct px_map *m); /* forgets the entries, keeps the memory */

/* px_map_get(m, key): the value's place, or NULL. The place moves at the next insert. */
uint64_t *px_map_get(const struct px_map *m, struct px_str key);

/* px_map_put(m, key, value, ret_place): insert unless present. ${ret_place} is the value's place,
 * ${ret_new} says whether it was inserted now. Errors: PX_NOMEM, PX_TOO_LARGE (max). */
PX_MUST_USE enum px_code px_map_put(struct px_map *m, struct px_str key, uint64_t value,
                                    uint64_t **ret_place, bool *ret_new);

#endif
