/* The players who were erased, as fingerprints in memory. Who asks has an id, computes its
 * fingerprint under every key that one of them was made with, and looks it up. Pure but for memory;
 * where they come from (SQL or the topic) is honour.c's and topic.c's business. */
#ifndef AGG_ERASED_H
#define AGG_ERASED_H

#include <px/arena.h>
#include <px/keyring.h>
#include <px/map.h>

struct agg_erased {
    const struct px_keyring *ring; /* kept */
    struct px_map map;             /* fingerprint, its bytes -> place of its key */
    struct px_arena arena;
    bool used[PX_KEYRING_MAX]; /* fingerprints of that key are among them */
};

void agg_erased_init(struct agg_erased *e, const struct px_keyring *ring);
void agg_erased_fini(struct agg_erased *e);
void agg_erased_reset(struct agg_erased *e);

/* agg_erased_add(e, kid, fingerprint, reterr): as text; one that is there is PX_OK. Errors:
 * PX_CONFIG (the ring has no key of that name: it names it and the remedy), PX_INVALID (no
 * fingerprint), PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_erased_add(struct agg_erased *e, struct px_str kid,
                                        struct px_str fingerprint, struct px_err *reterr);
static inline size_t agg_erased_count(const struct agg_erased *e) {
    return e->map.n;
}
/* agg_erased_has(e, player): costs nothing while nobody is erased. agg_erased_knows(e,
 * fingerprint): is this one among them? Threads: owner. */
bool agg_erased_has(const struct agg_erased *e, struct px_str player);
bool agg_erased_knows(const struct agg_erased *e, const uint8_t fingerprint[PX_HMAC_BYTES]);

/* agg_fingerprint(ring, key, player, out): of the player's id, by the ${key}-th key. Threads:
 * owner. */
void agg_fingerprint(const struct px_keyring *ring, size_t key, struct px_str player,
                     uint8_t out[PX_HMAC_BYTES]);

#endif
