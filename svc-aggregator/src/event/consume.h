/* From the log to batches: the consumer's callbacks (take partitions in SQL, let go of them),
 * polling, decoding, cutting, and handing each batch to settle.c. Belongs to the aggregator thread.
 */
#ifndef AGG_CONSUME_H
#define AGG_CONSUME_H

#include "core.h"
#include "poison.h"

struct agg_place {
    int32_t partition;
    int64_t offset;
};

struct agg_reader {
    /* set by the owner before agg_reader_init; kept */
    struct agg_core *core;
    const char *group, *topic, *dlq, *client_id;
    struct agg_schemas *schemas; /* NULL = fixed ids */
    bool once;                   /* stop at the ends of the log seen when partitions are assigned */
    bool record_gaps;            /* Kafka:OnGap=record or --accept-gap                           */
    /* the rest belongs to consume.c */
    struct agg_decoder decoder;
    struct agg_batch batch;
    struct px_consumer *consumer; /* NULL = not in the group */
    struct agg_poison *poison;
    struct agg_item **dead; /* scratch: the dead of a batch */
    bool assigned;          /* at least once in this membership                       */
    uint64_t revocations;   /* so far                                                 */
    bool halt;              /* the last failure came from taking partitions: no retry */
    px_us ticked;           /* mono: last look at idle partitions and gauges          */
    struct agg_pace pace;   /* since when records may be waiting                      */
    struct agg_place bad;   /* with PX_UNREADABLE: where                              */
};

PX_MUST_USE enum px_code agg_reader_init(struct agg_reader *r, struct px_err *reterr);
void agg_reader_fini(struct agg_reader *r); /* leaves the group */

/* agg_reader_join(r, reterr): open the consumer and learn the log's identity. agg_reader_leave:
 * close it; what was read and not applied is dropped and will be read again. Errors: PX_UNAVAILABLE
 * (no broker), PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code agg_reader_join(struct agg_reader *r, struct px_err *reterr);
void agg_reader_leave(struct agg_reader *r);

/* agg_reader_turn(r, ret_done, reterr): one turn: poll once, apply the batch when it is due, look
 * after idle and blocked partitions. *ret_done: with --once, everything is applied. Errors: PX_BUSY
 * (join again: the dead-letter topic is back), PX_FENCED (join again), those of px_consumer_poll
 * (join again, unless r->halt), those of agg_settle. */
PX_MUST_USE enum px_code agg_reader_turn(struct agg_reader *r, bool *ret_done,
                                         struct px_err *reterr);

/* agg_reader_rival(r): SQL says that somebody took the partitions, or the group closed the door:
 * whose doing is it? Polls until the group tells, at most a heartbeat and two seconds. */
enum agg_rival {
    AGG_RIVAL_NONE,    /* the group moved them: all is as it should be              */
    AGG_RIVAL_TWIN,    /* another process with our Kafka:InstanceId                 */
    AGG_RIVAL_OUTSIDER /* the group knows nothing of it: another group, or a person */
};
enum agg_rival agg_reader_rival(struct agg_reader *r);

/* agg_reader_flush(r, reterr): apply what was read, due or not. Errors: those of agg_settle. */
PX_MUST_USE enum px_code agg_reader_flush(struct agg_reader *r, struct px_err *reterr);

#endif
