/* Fingerprints of erased players, and who is among them. */
#include "erased.h"

#define ERASED_MAX   (10 << 20)
#define ERASED_BYTES ((size_t)512 << 20)

void agg_erased_init(struct agg_erased *e, const struct px_keyring *ring) {
    *e = (struct agg_erased){.ring = ring};
    px_map_init(&e->map, ERASED_MAX);
    px_arena_init(&e->arena, ERASED_BYTES);
}

void agg_erased_fini(struct agg_erased *e) {
    px_map_fini(&e->map);
    px_arena_fini(&e->arena);
}

void agg_erased_reset(struct agg_erased *e) {
    px_map_reset(&e->map);
    px_arena_reset(&e->arena);
    memset(e->used, 0, sizeof e->used);
}

static struct px_str bytes(const uint8_t f[PX_HMAC_BYTES]) {
    return (struct px_str){.p = (const char *)f, .n = PX_HMAC_BYTES};
}

enum px_code agg_erased_add(struct agg_erased *e, struct px_str kid, struct px_str fingerprint,
                            struct px_err *reterr) {
    size_t key = px_keyring_find(e->ring, kid);
    uint8_t f[PX_HMAC_BYTES];
    uint64_t *place = NULL;
    bool is_new = false;
    if (!px_hmac_unhex(fingerprint, f)) {
        return PX_FAIL(reterr, PX_INVALID, "an erasure without a fingerprint of 64 digits");
    }
    if (key == e->ring->n) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "a player was erased with the key %.*s, which the file of Erasure:KeyFile "
                       "does not hold: put it there (an old key stays as long as an erasure names "
                       "it)",
                       (int)(kid.n > PX_KID_MAX ? PX_KID_MAX : kid.n), kid.p ? kid.p : "");
    }
    if (px_map_get(&e->map, bytes(f))) {
        return PX_OK;
    }
    struct px_str kept = px_arena_dup(&e->arena, bytes(f));
    enum px_code rc = kept.p ? px_map_put(&e->map, kept, key, &place, &is_new) : PX_NOMEM;
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no room for %zu erased players", e->map.n);
    }
    e->used[key] = true;
    return PX_OK;
}

bool agg_erased_knows(const struct agg_erased *e, const uint8_t fingerprint[PX_HMAC_BYTES]) {
    return e->map.n > 0 && px_map_get(&e->map, bytes(fingerprint)) != NULL;
}

bool agg_erased_has(const struct agg_erased *e, struct px_str player) {
    for (size_t k = 0; e->map.n > 0 && k < e->ring->n; k++) {
        uint8_t f[PX_HMAC_BYTES];
        if (e->used[k]) {
            agg_fingerprint(e->ring, k, player, f);
            if (agg_erased_knows(e, f)) {
                return true;
            }
        }
    }
    return false;
}

/* What is signed with the same key begins otherwise (receipt.c). */
void agg_fingerprint(const struct px_keyring *ring, size_t key, struct px_str player,
                     uint8_t out[PX_HMAC_BYTES]) {
    const struct px_str parts[] = {PX_S("px-player-1:"), player};
    px_hmac(ring->v[key].hmac, parts, PX_ARRAY_LEN(parts), out);
}
