/* Shared by retain.c, announce.c and sweep.c only. */
#ifndef AGG_RETAIN_PRIV_H
#define AGG_RETAIN_PRIV_H

#include "beside.h"
#include "retain.h"
#include "settings.h"

/* agg_beside_tx and agg_beside_wait on ${r}. */
PX_MUST_USE enum px_code agg_retain_tx(const struct agg_retain *r, agg_beside_work *work, void *arg,
                                       px_us *ret_took, struct px_err *reterr);
PX_MUST_USE enum px_code agg_retain_wait(const struct agg_retain *r, struct px_err *reterr);

/* Which of the rules find a row at all. */
struct agg_found {
    bool v[AGG_MAX_OLD];
};
/* What is about to be removed. */
struct agg_removal {
    const struct agg_olds *olds;
    const struct agg_found *found;
    const struct agg_bounds *bounds;
};
/* agg_retain_announce(r, what, reterr): store what is about to be gone, then wait for every batch
 * that may have begun before. */
PX_MUST_USE enum px_code agg_retain_announce(const struct agg_retain *r,
                                             const struct agg_removal *what, struct px_err *reterr);

/* agg_retain_any(r, old, b, ret, reterr): is there a row to remove? */
PX_MUST_USE enum px_code agg_retain_any(const struct agg_retain *r, const struct agg_old *old,
                                        const struct agg_bounds *b, bool *ret,
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
