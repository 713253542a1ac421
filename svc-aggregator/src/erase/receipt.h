/* What the person who asked gets: that the player was taken out of every table, how many rows that
 * were, and until when something is left elsewhere; signed with the key of the fingerprint. Holds
 * no player id. Signed are the bytes that agg_receipt_render makes, so blanks and line ends that
 * come in on the way do not matter. Pure. */
#ifndef AGG_RECEIPT_H
#define AGG_RECEIPT_H

#include "register.h"

#define AGG_RECEIPT_MAX (16 << 10)

struct agg_receipt {
    char kid[PX_KID_MAX + 1], fingerprint[PX_HMAC_TEXT + 1], topic[256];
    px_us asked_at, finished_at;
    struct agg_touched rows;
    /* until when records of the log, dead letters, and hashes that claims are made of may be there;
     * 0 = nobody knows */
    px_us log_until, letters_until, claims_until;
};

/* agg_receipt_render(r, out): what is signed. agg_receipt_sign(r, ring, out, reterr): the receipt,
 * one line of JSON without its end. Errors: PX_CONFIG (no such key in ${ring}), PX_NOMEM. */
void agg_receipt_render(const struct agg_receipt *r, struct px_buf *out);
PX_MUST_USE enum px_code agg_receipt_sign(const struct agg_receipt *r,
                                          const struct px_keyring *ring, struct px_buf *out,
                                          struct px_err *reterr);

/* agg_receipt_read(text, ring, ret, reterr): parse it and check its signature. Errors: PX_INVALID
 * (no receipt: it names the member), PX_CONFIG (no such key), PX_DIFFERS (the signature is not that
 * of its content). */
PX_MUST_USE enum px_code agg_receipt_read(struct px_str text, const struct px_keyring *ring,
                                          struct agg_receipt *ret, struct px_err *reterr);

#endif
