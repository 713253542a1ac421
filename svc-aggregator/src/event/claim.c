/* The claims of one slice: first holders in memory, answers of the database, dispositions.
 * Between decode and fold; no I/O. */
#include "claim.h"

#include <px/defect.h>
#include <px/mem.h>

#include <stdlib.h>

enum px_code agg_claims_init(struct agg_claims *c, size_t max_events, struct px_err *reterr) {
    *c = (struct agg_claims){.max = max_events};
    px_map_init(&c->map, max_events);
    c->v = px_calloc2(max_events, sizeof *c->v);
    c->sorted = px_calloc2(max_events, sizeof *c->sorted);
    if (!c->v || !c->sorted) {
        agg_claims_fini(c);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the claims of %zu events", max_events);
    }
    return PX_OK;
}

void agg_claims_fini(struct agg_claims *c) {
    px_map_fini(&c->map);
    px_free(c->v);
    px_free(c->sorted);
    *c = (struct agg_claims){0};
}

/* The key's bytes in place: they live as long as the record, which outlives the map. */
static struct px_str key_bytes(const struct px_key128 *k) {
    static_assert(sizeof(struct px_key128) == 16, "no padding may be hashed");
    return (struct px_str){.p = (const char *)k, .n = sizeof *k};
}

/* Decided without any claim. */
static bool is_out(const struct agg_item *it) {
    return it->dead || it->disposition == PX_ERASED || it->disposition == PX_LATE;
}

static bool has_client_id(const struct agg_item *it) {
    return !is_out(it) && it->event.client_event_id.n > 0;
}

static bool makes_natural_claim(const struct agg_item *it) {
    return !is_out(it) && it->disposition != PX_DUPLICATE && it->disposition != PX_CONFLICT;
}

static void claims_reset(struct agg_claims *c) {
    px_map_reset(&c->map);
    c->n = 0;
}

static enum px_code collect(struct agg_claims *c, struct agg_item *it, const struct px_key128 *key,
                            struct px_err *reterr) {
    bool is_new = false;
    uint64_t *place = NULL;
    enum px_code rc = px_map_put(&c->map, key_bytes(key), c->n, &place, &is_new);
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "no room for a claim beside %zu others", c->n);
    }
    if (is_new) {
        c->v[c->n] = (struct agg_candidate){
            .holder = it, .fingerprint = it->fingerprint, .won = PX_DEFECT("agg.forget_claims")};
        c->sorted[c->n] = (uint32_t)c->n;
        c->n++;
    }
    return PX_OK;
}

static int key_cmp(const struct px_key128 *a, const struct px_key128 *b) {
    if (a->h1 != b->h1) {
        return a->h1 < b->h1 ? -1 : 1;
    }
    return (a->h2 > b->h2) - (a->h2 < b->h2);
}

static int by_client_key(const void *x, const void *y, void *arg) {
    const struct agg_candidate *v = arg;
    return key_cmp(&v[*(const uint32_t *)x].holder->client,
                   &v[*(const uint32_t *)y].holder->client);
}

static int by_natural_key(const void *x, const void *y, void *arg) {
    const struct agg_candidate *v = arg;
    const struct agg_item *a = v[*(const uint32_t *)x].holder;
    const struct agg_item *b = v[*(const uint32_t *)y].holder;
    if (a->day != b->day) {
        return a->day < b->day ? -1 : 1;
    }
    return key_cmp(&a->natural, &b->natural);
}

enum px_code agg_claim_client_begin(struct agg_claims *c, const struct agg_slice *s, px_day floor,
                                    struct px_err *reterr) {
    claims_reset(c);
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        it->own_new_id = false;
        it->disposition = it->dead          ? PX_DEAD_LETTERED
                          : it->erased      ? PX_ERASED
                          : it->day < floor ? PX_LATE
                                            : PX_COUNTED;
        if (has_client_id(it)) {
            enum px_code rc = collect(c, it, &it->client, reterr);
            if (rc != PX_OK) {
                return rc;
            }
        }
    }
    qsort_r(c->sorted, c->n, sizeof *c->sorted, by_client_key, c->v);
    return PX_OK;
}

enum px_code agg_claim_natural_begin(struct agg_claims *c, const struct agg_slice *s,
                                     struct px_err *reterr) {
    claims_reset(c);
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        if (makes_natural_claim(it)) {
            enum px_code rc = collect(c, it, &it->natural, reterr);
            if (rc != PX_OK) {
                return rc;
            }
        }
    }
    qsort_r(c->sorted, c->n, sizeof *c->sorted, by_natural_key, c->v);
    return PX_OK;
}

static struct agg_candidate *candidate(const struct agg_claims *c, const struct px_key128 *key) {
    uint64_t *place = px_map_get(&c->map, key_bytes(key));
    return place ? &c->v[*place] : NULL;
}

bool agg_claim_won(struct agg_claims *c, struct px_key128 key) {
    struct agg_candidate *cand = candidate(c, &key);
    if (!cand) {
        return false;
    }
    cand->won = true;
    return true;
}

bool agg_claim_stored(struct agg_claims *c, struct px_key128 key, int64_t fingerprint) {
    struct agg_candidate *cand = candidate(c, &key);
    if (!cand) {
        return false;
    }
    cand->fingerprint = fingerprint;
    cand->known = true;
    return true;
}

size_t agg_claims_lost(const struct agg_claims *c) {
    size_t lost = 0;
    for (size_t i = 0; i < c->n; i++) {
        lost += c->v[i].won ? 0 : 1;
    }
    return lost;
}

/* The true holder of a key is the first record that ever carried it: the stored one, or the first
 * of this slice. Everybody else is measured against its fingerprint, not against a loser's. */
enum px_code agg_claim_client_end(struct agg_claims *c, const struct agg_slice *s,
                                  struct px_err *reterr) {
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        if (!has_client_id(it)) {
            continue;
        }
        const struct agg_candidate *cand = candidate(c, &it->client);
        px_assert(cand);
        if (!cand->won && !cand->known) {
            return PX_FAIL(reterr, PX_INTERNAL,
                           "a client event id lost its claim, but nobody holds it (partition %d, "
                           "offset %lld)",
                           it->partition, (long long)it->offset);
        }
        if (cand->won && cand->holder == it) {
            it->own_new_id = true;
        } else {
            it->disposition = it->fingerprint == cand->fingerprint ? PX_DUPLICATE : PX_CONFLICT;
        }
    }
    return PX_OK;
}

void agg_claim_natural_end(struct agg_claims *c, const struct agg_slice *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        if (!makes_natural_claim(it)) {
            continue;
        }
        const struct agg_candidate *cand = candidate(c, &it->natural);
        px_assert(cand);
        it->disposition = cand->won && cand->holder == it ? PX_COUNTED : PX_REPEAT;
    }
}
