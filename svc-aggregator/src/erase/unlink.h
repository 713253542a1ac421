/* Takes one player out of every table of a database, in short transactions beside running
 * aggregators: raw rows become nobody's, rows of aggregations are added to nobody's. The walk over
 * the tables is schemas/rollups.yaml: whatever is kept per player is found there. Whatever it is
 * interrupted by, the next run goes on; what it counts is counted once. */
#ifndef AGG_UNLINK_H
#define AGG_UNLINK_H

#include "register.h"

#include <px/rollup.h>
#include <px/unlink.h>

struct agg_unlink {
    struct agg_beside beside; /* a WRITE connection */
    const struct px_rollups *rollups;
    int64_t max_rows; /* of a transaction; a thousand at most whatever it says */
};

/* agg_unlink_wait(u, reterr): every batch that does not know of the last erasure has ended. Before
 * the first row is touched. */
PX_MUST_USE enum px_code agg_unlink_wait(const struct agg_unlink *u, struct px_err *reterr);
/* agg_unlink_player(u, number, player, ret_longest, reterr): all tables; rows are counted for the
 * erasure ${number}. ${ret_longest}: the longest transaction. Errors: PX_CANCELLED (asked to stop
 * between transactions), PX_SQL*. */
PX_MUST_USE enum px_code agg_unlink_player(const struct agg_unlink *u, int64_t number,
                                           struct px_str player, px_us *ret_longest,
                                           struct px_err *reterr);

/* agg_unlink_count(s, rollups, player, ret, reterr): how many rows of each table are the player's.
 */
PX_MUST_USE enum px_code agg_unlink_count(struct px_sql *s, const struct px_rollups *rollups,
                                          struct px_str player, struct agg_touched *ret,
                                          struct px_err *reterr);

/* agg_unlink_each(s, rollups, each, arg, reterr): call ${each} with every player of every table and
 * the table's name, a player of several tables for each of them; other than PX_OK ends it. Nobody
 * (the empty id) is left out. */
PX_MUST_USE enum px_code agg_unlink_each(struct px_sql *s, const struct px_rollups *rollups,
                                         enum px_code (*each)(void *arg, const char *table,
                                                              struct px_str player,
                                                              struct px_err *reterr),
                                         void *arg, struct px_err *reterr);

#endif
