/* Shared by retain.c, announce.c and sweep.c only. */
#ifndef AGG_RETAIN_PRIV_H
#define AGG_RETAIN_PRIV_H

#include "retain.h"
#include "settings.h"

/* agg_retain_tx(r, work, arg, ret_took, reterr): ${work} in a transaction of its own, again when
 * the database says so. Errors: PX_CANCELLED (asked to stop while waiting), those of ${work},
 * PX_SQL*. */
PX_MUST_USE enum px_code agg_retain_tx(const struct agg_retain *r,
                                       enum px_code (*work)(void *arg, struct px_err *reterr),
                                       void *arg, px_us *ret_took, struct px_err *reterr);

/* agg_retain_announce(r, b, reterr): store what is about to be gone, then wait for every batch that
 * may have begun before. */
PX_MUST_USE enum px_code agg_retain_announce(const struct agg_retain *r, const struct agg_bounds *b,
                                             struct px_err *reterr);

/* agg_retain_sweep(r, old, ret, to, reterr): remove what ${old} says, counted in ${to}.
 * agg_retain_count(r, old, b, ret, reterr): how much that is. */
PX_MUST_USE enum px_code agg_retain_sweep(const struct agg_retain *r, const struct agg_old *old,
                                          struct agg_retained *ret, struct agg_removed *to,
                                          struct px_err *reterr);
PX_MUST_USE enum px_code agg_retain_count(const struct agg_retain *r, const struct agg_old *old,
                                          const struct agg_bounds *b, int64_t *ret,
                                          struct px_err *reterr);

#endif
