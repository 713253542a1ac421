/* Who came first: the passes in memory around the two claims in SQL, and the disposition that every
 * record gets from them. Pure; apply.c brings the answers of the database.
 *
 * An event of a day whose claims may be gone (before the floor) cannot be told from one that was
 * counted before: it is late and makes no claim. An event of an erased player is erased, whatever
 * else it would be, and makes none either.
 *
 * Order: client event ids of the records that carry one, in log order; then natural keys of those
 * that did not lose the first claim. An event that loses the first claim makes no second one: a
 * retry after midnight neither counts twice nor uses up the new day's key. */
#ifndef AGG_CLAIM_H
#define AGG_CLAIM_H

#include "batch.h"

#include <px/map.h>

/* A key that this slice claims: held by the first record in log order that carries it. */
struct agg_candidate {
    struct agg_item *holder;
    int64_t fingerprint; /* of the true holder: ours when won, the stored one when lost */
    bool won;            /* the database had no such key before                         */
    bool known;          /* lost, and the stored fingerprint was read                   */
};

struct agg_claims {
    struct px_map map;       /* key -> index of its candidate      */
    struct agg_candidate *v; /* in order of the first holders      */
    uint32_t *sorted;        /* indexes of v in key order          */
    size_t n, max;
};

PX_MUST_USE enum px_code agg_claims_init(struct agg_claims *c, size_t max_events,
                                         struct px_err *reterr);
void agg_claims_fini(struct agg_claims *c);

/* agg_claim_client_begin(c, s, floor, reterr): mark the records of ${s} whose player was erased as
 * such, those whose day is before ${floor} as late, and collect one candidate per client key of the
 * others. agg_claim_natural_begin: one per natural key of the survivors; call it after
 * agg_claim_client_end. Candidates are then at c->v[c->sorted[0 .. c->n-1]], in key order so that
 * two writers lock alike. Errors: PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code agg_claim_client_begin(struct agg_claims *c, const struct agg_slice *s,
                                                px_day floor, struct px_err *reterr);
PX_MUST_USE enum px_code agg_claim_natural_begin(struct agg_claims *c, const struct agg_slice *s,
                                                 struct px_err *reterr);

/* agg_claim_won(c, key): the database inserted ${key} now. agg_claim_stored(c, key, fingerprint):
 * it held it before, with this fingerprint. False when ${key} is no candidate (a defect of the
 * caller). */
PX_MUST_USE bool agg_claim_won(struct agg_claims *c, struct px_key128 key);
PX_MUST_USE bool agg_claim_stored(struct agg_claims *c, struct px_key128 key, int64_t fingerprint);
size_t agg_claims_lost(const struct agg_claims *c); /* candidates that did not win */

/* agg_claim_client_end(c, s, reterr): mark the losers of ${s} as duplicate or conflict, the winners
 * as carrying a new id of their own. Errors: PX_INTERNAL (a loser whose fingerprint was not read
 * back). agg_claim_natural_end: counted or repeat for everything else. */
PX_MUST_USE enum px_code agg_claim_client_end(struct agg_claims *c, const struct agg_slice *s,
                                              struct px_err *reterr);
void agg_claim_natural_end(struct agg_claims *c, const struct agg_slice *s);

#endif
