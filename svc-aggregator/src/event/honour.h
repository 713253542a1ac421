/* What a batch must know besides its fence, read behind it in its own transaction: from which day
 * on claims are there, and who was erased. An erasure is committed before the batches under way are
 * waited for, so a batch that did not see it has ended before a row of the player is touched. */
#ifndef AGG_HONOUR_H
#define AGG_HONOUR_H

#include "erased.h"

#include <px/sql.h>

struct agg_slice;

struct agg_honour {
    const char *key_file; /* Erasure:KeyFile; kept; "" = there is none */
    struct px_keyring ring;
    struct agg_erased erased;
    int64_t number; /* of the newest erasure that is in ${erased} */
    struct px_stmt *bounds, *list;
};

void agg_honour_init(struct agg_honour *h, const char *key_file);
void agg_honour_fini(struct agg_honour *h);
/* agg_honour_attach(h, s, reterr): prepare on ${s}; all erasures are read anew at the next look.
 * agg_honour_detach: before ${s} is closed. */
PX_MUST_USE enum px_code agg_honour_attach(struct agg_honour *h, struct px_sql *s,
                                           struct px_err *reterr);
void agg_honour_detach(struct agg_honour *h);

/* agg_honour_read(h, ret_floor, reterr): one round trip as long as nobody was erased since. Errors:
 * PX_CONFIG (there are erasures and no key to know them by), PX_SCHEMA, PX_SQL*. */
PX_MUST_USE enum px_code agg_honour_read(struct agg_honour *h, px_day *ret_floor,
                                         struct px_err *reterr);
/* agg_honour_mark(h, s): say of every record of ${s} whether its player was erased. */
void agg_honour_mark(const struct agg_honour *h, const struct agg_slice *s);

#endif
