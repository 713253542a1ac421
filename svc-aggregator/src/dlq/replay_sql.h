/* What SQL knows of dead letters: which were written to the log again, and which events are in the
 * table events already. Used by replay.c only; sets of rows, no decision. */
#ifndef AGG_REPLAY_SQL_H
#define AGG_REPLAY_SQL_H

#include "table.h"

#include <px/hash.h>

#define AGG_REPLAY_CHUNK 256 /* letters looked up, written and remembered together */

/* One letter of a chunk. */
struct agg_replay_row {
    struct px_str log_id, topic; /* the origin */
    int32_t partition;
    int64_t offset;
    struct px_uuid event_id;
    bool has_id; /* the bytes decode to an event: event_id is set */
    /* what SQL says */
    bool replayed, counted;
    /* where the copy stands */
    int32_t to_partition;
    int64_t to_offset;
};

struct agg_replay_sql {
    struct px_sql *sql;
    struct agg_table events, replays, remember;
    struct px_stmt *setting;
    px_day claims_from; /* as of the last ask: events of earlier days are late */
};

/* agg_replay_sql_open(q, conf, write, reterr): without ${write} nothing can be changed. Errors:
 * those of px_sql_open and px_sql_prepare. */
PX_MUST_USE enum px_code agg_replay_sql_open(struct agg_replay_sql *q,
                                             const struct px_sql_conf *conf, bool write,
                                             struct px_err *reterr);
void agg_replay_sql_close(struct agg_replay_sql *q); /* fine on a zeroed one */

/* agg_replay_sql_ask(q, v, n, reterr): fill claims_from, and replayed and counted of ${n} <=
 * AGG_REPLAY_CHUNK rows.
 */
PX_MUST_USE enum px_code agg_replay_sql_ask(struct agg_replay_sql *q, struct agg_replay_row *v,
                                            size_t n, struct px_err *reterr);
/* agg_replay_sql_remember(q, v, n, now, reterr): in one transaction; a row that is there already
 * stays as it is. */
PX_MUST_USE enum px_code agg_replay_sql_remember(struct agg_replay_sql *q,
                                                 struct agg_replay_row *const *v, size_t n,
                                                 px_us now, struct px_err *reterr);

#endif
