/* Progress in SQL: taking partitions with a new epoch, reading the fence back after a doubtful
 * commit, noting how far the log reaches. The database is the only truth about offsets. */
#ifndef AGG_OFFSETS_H
#define AGG_OFFSETS_H

#include "batch.h"
#include "table.h"

/* A partition that this process owns. */
struct agg_part {
    int32_t partition;
    int64_t next;  /* first offset that is not folded in (as SQL has it)     */
    int64_t epoch; /* issued to us; SQL refuses the writes of an older one    */
    /* end of the log when the brokers were last asked, and when that was (wall clock): an event
     * acknowledged before looked_at is never missing from what `high` covers; the watermark of the
     * API rests on it */
    int64_t high;
    px_us looked_at;
    px_us touched_at;   /* wall: when SQL was last told                        */
    px_us last_record;  /* receipt time of the last applied record; 0 = none   */
    int64_t once_until; /* --once: done when next is here                      */
    bool blocked;       /* a dead letter cannot be stored: the partition waits */
    bool awaits;        /* the schema of its next record is awaited: it waits  */
    uint32_t schema;    /* with awaits: its id                                 */
    /* what taking it found */
    int64_t gap_from, gap_to; /* equal = none; to < from: the log was cut back  */
};

struct agg_parts {
    struct agg_part *v; /* AGG_MAX_RANGES */
    size_t n;
};
PX_MUST_USE enum px_code agg_parts_init(struct agg_parts *p, struct px_err *reterr);
void agg_parts_fini(struct agg_parts *p);
struct agg_part *agg_parts_find(const struct agg_parts *p,
                                int32_t partition); /* NULL = not owned */
/* agg_parts_add: forget what was known of ${partition}, own it now. Errors: PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_parts_add(struct agg_parts *p, const struct agg_part *part,
                                       struct px_err *reterr);
void agg_parts_remove(struct agg_parts *p, int32_t partition);

struct agg_offsets_conf {
    const struct px_dialect *dialect; /* kept */
    const char *topic, *owner;        /* kept */
    bool start_new_log;               /* Kafka:OnNewLog=start */
};
struct agg_offsets;
PX_MUST_USE enum px_code agg_offsets_new(const struct agg_offsets_conf *conf,
                                         struct agg_offsets **ret, struct px_err *reterr);
void agg_offsets_free(struct agg_offsets *o);
/* As agg_apply_attach and _detach. */
PX_MUST_USE enum px_code agg_offsets_attach(struct agg_offsets *o, struct px_sql *s,
                                            struct px_err *reterr);
void agg_offsets_detach(struct agg_offsets *o);

/* What is to be taken: a partition, the ends of its log, and when they were asked (wall clock). */
struct agg_wanted {
    int32_t partition;
    int64_t low, high;
    px_us looked_at;
};

struct agg_take {
    const char *log_id;
    const struct agg_wanted *w; /* sorted by partition */
    size_t n;
    px_us now;
    bool record_gaps; /* Kafka:OnGap=record or --accept-gap */
};

/* agg_offsets_take(o, t, ret_parts, reterr): one transaction that makes t->n partitions ours: rows
 * for those seen for the first time, the next epoch for all of them, rewinds and gaps put into the
 * ledger. Fills ret_parts[0 .. n-1]. Errors: PX_NEW_LOG (the topic has rows of other logs only;
 * names both), PX_GAP (offsets are gone, or the log is shorter than SQL remembers; names them),
 * PX_SQL*. Nothing is stored then. PX_UNKNOWN_OUTCOME: harmless, take again on a new connection. */
PX_MUST_USE enum px_code agg_offsets_take(struct agg_offsets *o, const struct agg_take *t,
                                          struct agg_part *ret_parts, struct px_err *reterr);

/* What became of a transaction that ended in doubt. */
enum agg_fate {
    AGG_FATE_DONE,   /* it was committed                           */
    AGG_FATE_REDO,   /* it was not, and nobody else moved: again   */
    AGG_FATE_FENCED, /* somebody else owns a partition of it       */
};
/* agg_offsets_read_back(o, log_id, slice, ret, reterr): compare SQL with the ranges of ${slice}. */
PX_MUST_USE enum px_code agg_offsets_read_back(struct agg_offsets *o, const char *log_id,
                                               const struct agg_slice *slice, enum agg_fate *ret,
                                               struct px_err *reterr);

/* agg_offsets_touch(o, log_id, v, n, reterr): note how far the log reaches for partitions that had
 * no commit lately. PX_FENCED when one of them has another owner. */
PX_MUST_USE enum px_code agg_offsets_touch(struct agg_offsets *o, const char *log_id,
                                           const struct agg_part *const *v, size_t n,
                                           struct px_err *reterr);

#endif
