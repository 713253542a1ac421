/* The compacted topic of erasures: one record per erased player, by fingerprint, so that every
 * database that is filled from these events learns of it, whoever erased. A record holds no player
 * id. Reads and writes Kafka only. */
#ifndef AGG_ERASE_TOPIC_H
#define AGG_ERASE_TOPIC_H

#include "register.h"

#include <px/kafka.h>

struct agg_erase_topic {
    const struct px_kafka_conf *kafka;
    const char *client_id, *topic;
};

struct agg_erase_reading {
    enum px_code (*each)(void *arg, const struct agg_entry *e, struct px_err *reterr);
    void *arg;
    /* records that are none of ours are passed over: how many, and where the last one stands */
    int64_t strange, offset;
    int32_t partition;
};
/* agg_erase_topic_read(t, r, reterr): every record there is now, r->each once or more for a player;
 * other than PX_OK ends it. Errors: PX_NOT_FOUND (names the remedy), those of px_log_reader. */
PX_MUST_USE enum px_code agg_erase_topic_read(const struct agg_erase_topic *t,
                                              struct agg_erase_reading *r, struct px_err *reterr);

/* agg_erase_topic_put(t, e, reterr): write e, and wait until the log has it. Errors: as
 * agg_sender_put. */
PX_MUST_USE enum px_code agg_erase_topic_put(const struct agg_erase_topic *t,
                                             const struct agg_entry *e, struct px_err *reterr);

/* agg_erase_record(e, out): the value of its record. agg_erase_record_read(key, value, ret): the
 * other way round; false = it is none. Threads: pure. */
void agg_erase_record(const struct agg_entry *e, struct px_buf *out);
PX_MUST_USE bool agg_erase_record_read(struct px_str key, struct px_str value,
                                       struct agg_entry *ret);

#endif
