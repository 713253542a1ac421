/* A slice is settled when it is applied, whatever happens on the way: retries with pauses,
 * reconnects and reading back after a doubtful commit, halving to find a row that SQL refuses, dead
 * letters. */
#ifndef AGG_SETTLE_H
#define AGG_SETTLE_H

#include "core.h"

/* Where dead letters go. put: PX_OK = ${item} stands in the dead-letter topic, acknowledged;
 * PX_UNAVAILABLE = it does not, its partition must wait. */
struct agg_morgue {
    enum px_code (*put)(void *arg, struct agg_item *item, struct px_err *reterr);
    void *arg;
};

/* agg_settle(c, m, slice, arena, reterr): apply ${slice}, possibly in parts. Fills epoch and
 * progress of its ranges from c->parts and moves c->parts on with every commit. Partitions that are
 * blocked are left out; a partition may become blocked on the way. Errors: PX_FENCED (drop the
 * assignment), PX_CANCELLED (a stop was asked), and what ends the program (PX_SQL, PX_SCHEMA,
 * PX_DENIED, PX_INTERNAL ...). What was committed before stays committed. */
PX_MUST_USE enum px_code agg_settle(struct agg_core *c, const struct agg_morgue *m,
                                    struct agg_slice *slice, struct px_arena *arena,
                                    struct px_err *reterr);

#endif
