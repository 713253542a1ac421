/* Work beside running aggregators, on a connection of its own: short transactions that are tried
 * again when the database says so, and the wait that makes what was committed true for every batch.
 * Retention and erasure stand on it. */
#ifndef AGG_BESIDE_H
#define AGG_BESIDE_H

#include <px/clock.h>
#include <px/sql.h>

struct agg_beside {
    struct px_sql *sql;
    const struct px_clock *clock;
    /* wait for ${span}; true = stop now. Called between transactions. */
    bool (*pause)(void *arg, px_us span);
    void *arg;
};
typedef enum px_code agg_beside_work(void *arg, struct px_err *reterr);

/* agg_beside_tx(b, work, arg, ret_took, reterr): ${work} in a transaction of its own; how long it
 * took from when it had its locks. Errors: PX_CANCELLED (asked to stop while waiting), those of
 * ${work}, PX_SQL*. */
PX_MUST_USE enum px_code agg_beside_tx(const struct agg_beside *b, agg_beside_work *work, void *arg,
                                       px_us *ret_took, struct px_err *reterr);

/* agg_beside_wait(b, reterr): every batch that may have begun before has ended. Each row of
 * consumer_offsets is locked once, one after the other, and let go. Errors: as above. */
PX_MUST_USE enum px_code agg_beside_wait(const struct agg_beside *b, struct px_err *reterr);

#endif
