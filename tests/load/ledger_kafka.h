/* The log as bytes: every record of a topic from its first offset to the end it had when asked, by
 * a consumer without a group that stores nothing. */
#ifndef LEDGER_KAFKA_H
#define LEDGER_KAFKA_H

#include <px/err.h>
#include <px/str.h>

struct lg_kafka;
/* lg_kafka_open(bootstrap, file, ret, reterr): ${file}: name=value lines for librdkafka, or NULL.
 * Errors: PX_CONFIG, PX_IO. */
PX_MUST_USE enum px_code lg_kafka_open(const char *bootstrap, const char *file,
                                       struct lg_kafka **ret, struct px_err *reterr);
void lg_kafka_close(struct lg_kafka *k);

/* lg_kafka_cluster(k, out, cap, reterr): the cluster's id. Errors: PX_UNAVAILABLE. */
PX_MUST_USE enum px_code lg_kafka_cluster(struct lg_kafka *k, char *out, size_t cap,
                                          struct px_err *reterr);

#define LG_MAX_PARTITIONS 1024
struct lg_ends {
    int32_t n;
    int64_t low[LG_MAX_PARTITIONS], high[LG_MAX_PARTITIONS];
};
/* lg_kafka_ends(k, topic, ret, reterr): of all partitions. Errors: PX_UNAVAILABLE, PX_NOT_FOUND (no
 * such topic), PX_TOO_LARGE. */
PX_MUST_USE enum px_code lg_kafka_ends(struct lg_kafka *k, const char *topic, struct lg_ends *ret,
                                       struct px_err *reterr);

struct lg_record {
    int32_t partition;
    int64_t offset;
    struct px_str value; /* .p NULL = null */
};
/* lg_kafka_read(k, topic, ends, take, arg, reterr): every committed record below ${ends}, in order
 * within a partition. Errors: PX_UNAVAILABLE (nothing came for 30 s), PX_GAP (it is gone), PX_DEAD.
 */
PX_MUST_USE enum px_code lg_kafka_read(struct lg_kafka *k, const char *topic,
                                       const struct lg_ends *ends,
                                       void (*take)(void *arg, const struct lg_record *r),
                                       void *arg, struct px_err *reterr);

#endif
