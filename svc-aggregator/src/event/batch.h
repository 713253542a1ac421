/* One batch: the records read from the log since the last commit, with the offset range of every
 * partition they came from. Filled by consume.c, cut by count, bytes or age, then sealed and handed
 * to apply.c as a slice. Sealed records do not change until they are applied, so a redo is
 * identical. */
#ifndef AGG_BATCH_H
#define AGG_BATCH_H

#include <px/arena.h>
#include <px/dedupe.h>
#include <px/validate.h>

/* One record of the log. */
struct agg_item {
    int32_t partition;
    int64_t offset;
    struct px_str key,
        value;             /* the original bytes, copied into the batch's arena; .p NULL = null */
    bool dead;             /* will not be applied: it belongs in the dead letters               */
    bool dead_acked;       /* ... and stands there, acknowledged                                */
    bool excerpt;          /* ... cut short, because the whole is refused as too large          */
    enum px_reason reason; /* why it is dead                                                    */
    struct px_str field;   /* which field, by its name in the schema; n = 0 = none              */
    struct px_str detail;  /* one more word about that; n = 0 = none                            */
    /* what decode found; only when it is not dead */
    struct px_event event;
    const struct px_event_type *type;
    px_day day;
    struct px_key128 client, natural; /* client: only when the event carries an id of its own */
    int64_t fingerprint;
    /* its player was erased, as the transaction's own look at the erasures says */
    bool erased;
    /* what the claims decided; made anew by every attempt */
    enum px_disposition disposition;
    bool own_new_id;
};

/* A partition's share of a batch: offsets [lo, hi), all of them accounted for. */
struct agg_range {
    int32_t partition;
    int64_t lo, hi;
    int64_t epoch;          /* of the owner that read them                                */
    int64_t high_watermark; /* end of the log as last seen, and when                      */
    px_us looked_at;
    px_us max_event_at; /* latest receipt among the items of this range; 0 = none     */
    size_t nitems;      /* records in it; hi - lo - nitems offsets held none: holes   */
};

/* What one transaction applies: records in log order (partition, offset) and their ranges. */
struct agg_slice {
    struct agg_item **items;
    size_t n;
    struct agg_range *ranges; /* sorted by partition */
    size_t nranges;
};

struct agg_batch_limits {
    size_t max_events;
    size_t max_bytes; /* keys and values; the batch may pass it by one message */
    px_us max_delay;  /* wait of the first record at which the batch is cut    */
};

#define AGG_MAX_RANGES 1024 /* partitions that one process may own */

struct agg_batch {
    struct agg_batch_limits limits;
    struct px_arena arena;
    struct agg_item *items;
    struct agg_item **order;
    struct agg_range *ranges;
    size_t n, nranges, bytes;
    px_us opened; /* mono clock: since when the first record may have waited; 0 = empty */
};

/* Since when the next record may have been waiting to be read: what the reader knows of it from its
 * polls. Records that come while a transaction runs wait unseen. */
struct agg_pace {
    px_us empty_at; /* mono clock: nothing was waiting */
    bool empty;     /* nothing was, at the last poll   */
};

/* agg_pace_polled(p, nothing, asked, now): a poll that began at ${asked} ended at ${now}, with
 * ${nothing} or a record. agg_pace_cut(p, now): what was read goes into a transaction; whatever
 * comes from now on waits. Threads: owner. */
void agg_pace_polled(struct agg_pace *p, bool nothing, px_us asked, px_us now);
void agg_pace_cut(struct agg_pace *p, px_us now);

/* agg_batch_init(b, limits, reterr): allocate room for limits->max_events records.
 * Errors: PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code agg_batch_init(struct agg_batch *b, const struct agg_batch_limits *limits,
                                        struct px_err *reterr);
void agg_batch_fini(struct agg_batch *b);
void agg_batch_reset(struct agg_batch *b); /* forgets the records, keeps the memory */

/* A record as the log gives it. */
struct agg_record {
    int32_t partition;
    int64_t offset;
    struct px_str key, value; /* .p NULL = null */
};

/* agg_batch_add(b, next, r, mono, ret_item, reterr): take one record that may have waited since
 * ${mono}; ${next} is the offset that SQL expects next of its partition and opens the range.
 * *ret_item is the copy, to be decoded, or NULL when the offset was folded in before (it is
 * skipped). A jump of offsets leaves a hole. Errors: PX_NOMEM, PX_TOO_LARGE (arena or
 * AGG_MAX_RANGES); the batch is then unchanged. */
PX_MUST_USE enum px_code agg_batch_add(struct agg_batch *b, int64_t next,
                                       const struct agg_record *r, px_us mono,
                                       struct agg_item **ret_item, struct px_err *reterr);

/* agg_batch_eof(b, next, partition, offset, mono, reterr): the broker says that nothing stands
 * before
 * ${offset} any more: offsets up to it without a record are holes. */
PX_MUST_USE enum px_code agg_batch_eof(struct agg_batch *b, int64_t next, int32_t partition,
                                       int64_t offset, px_us mono, struct px_err *reterr);

/* agg_batch_full(b): it takes no more. agg_batch_due(b, mono): its first record has waited for
 * limits.max_delay. */
bool agg_batch_full(const struct agg_batch *b);
bool agg_batch_due(const struct agg_batch *b, px_us mono);
/* agg_batch_ready(b, pace, mono): apply it now? When it is full, or when it is due and nothing is
 * waiting: after a slow transaction that is all that came meanwhile, and a batch of the first
 * record alone would only make it slower. */
bool agg_batch_ready(const struct agg_batch *b, const struct agg_pace *pace, px_us mono);
static inline bool agg_batch_empty(const struct agg_batch *b) {
    return b->nranges == 0;
}
/* agg_batch_next(b, partition, next): the first offset of ${partition} that is not in the batch. */
int64_t agg_batch_next(const struct agg_batch *b, int32_t partition, int64_t next);

/* agg_batch_seal(b): sort by partition and offset; the slice lives until the batch is reset. */
struct agg_slice agg_batch_seal(struct agg_batch *b);

/* agg_slice_measure(s): count the records of each range and find its highest event time anew, after
 * a record was found dead. */
void agg_slice_measure(struct agg_slice *s);

/* agg_slice_cut(s, partition, offset): leave out what ${partition} has from ${offset} on. */
void agg_slice_cut(struct agg_slice *s, int32_t partition, int64_t offset);

/* agg_slice_split(s, arena, ret): two halves whose ranges join to those of ${s}, for finding the
 * record that SQL refuses. ${s} must hold at least two records. Errors: PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_slice_split(const struct agg_slice *s, struct px_arena *arena,
                                         struct agg_slice ret[2], struct px_err *reterr);

#endif
