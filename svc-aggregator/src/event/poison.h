/* Dead letters of the aggregator: records that can never be applied, with their origin and their
 * bytes, acknowledged by the dead-letter topic before their offset moves. While that topic cannot
 * be written, the partitions concerned are blocked and their first record is tried again and again.
 */
#ifndef AGG_POISON_H
#define AGG_POISON_H

#include "batch.h"
#include "status.h"

#include <px/clock.h>
#include <px/kafka.h>

struct agg_poison_conf {
    const struct px_kafka_conf *kafka; /* all kept */
    const char *client_id;
    const char *log_id; /* of the log they come from; filled in before the first letter */
    const char *topic;  /* where the records come from    */
    const char *dlq;    /* the dead-letter topic          */
    px_us timeout;      /* longest wait for one delivery  */
    uint32_t schema;    /* id of a letter; 0 = the fixed one */
    const struct px_clock *clock;
    struct agg_status *status; /* beaten while waiting    */
};

struct agg_poison;
/* Errors: PX_CONFIG, PX_NOMEM. Waits for no broker. Threads: owner. */
PX_MUST_USE enum px_code agg_poison_open(const struct agg_poison_conf *conf,
                                         struct agg_poison **ret, struct px_err *reterr);
void agg_poison_close(struct agg_poison *p);

/* agg_poison_put(p, items, n, reterr): store those of ${items} that are not stored yet; sets
 * dead_acked of each that is. A letter that is refused as too large is stored with the first 4 KiB
 * of its record; payload_bytes says so. The first one of a partition that could not be stored is
 * remembered and blocks it. Errors: PX_UNAVAILABLE (at least one is not stored), PX_NOMEM. */
PX_MUST_USE enum px_code agg_poison_put(struct agg_poison *p, struct agg_item *const *items,
                                        size_t n, struct px_err *reterr);

/* agg_poison_blocked(p): partitions that wait. agg_poison_retry(p): try their records again without
 * waiting; call it a few times a second. True = all of them are stored now: read those partitions
 * again from the offsets in SQL (what was stored meanwhile is remembered and not stored twice). */
size_t agg_poison_blocked(const struct agg_poison *p);
PX_MUST_USE bool agg_poison_retry(struct agg_poison *p);
/* agg_poison_forget(p): the partitions were let go. */
void agg_poison_forget(struct agg_poison *p);

#endif
