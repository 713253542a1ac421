/* Kafka: an idempotent producer that knows no loop, and a consumer whose offsets come from SQL.
 * Nothing of librdkafka is visible here. */
#ifndef PX_KAFKA_H
#define PX_KAFKA_H

#include <px/err.h>
#include <px/str.h>

struct px_buf;

/* Connection settings shared by both; rows in options_kafka.def. */
struct px_kafka_conf {
#include <px/option_fields.h>
#include <px/options_kafka.def>
#include <px/option_end.h>
};

/* --- producer ------------------------------------------------------------------------------- */
struct px_producer;

/* What became of one message. Only PERSISTED may be acknowledged to a client. */
enum px_delivery { PX_PERSISTED, PX_NOT_PERSISTED, PX_MAYBE_PERSISTED };

struct px_report {
    uint64_t tag; /* the caller's, from px_producer_send */
    enum px_delivery delivery;
    enum px_code code; /* PX_OK, or why not: PX_UNAVAILABLE, PX_TIMEOUT, PX_TOO_LARGE, PX_DENIED, PX_NOT_FOUND (topic), PX_DEAD */
    int native;
    int32_t partition;
    int64_t offset;
};

struct px_producer_conf {
    const struct px_kafka_conf *kafka; /* kept */
    const char *client_id;             /* kept */
    px_us message_timeout, linger;
    const char *compression; /* "none|lz4|zstd|gzip|snappy"; kept */
    int64_t queue_messages;  /* local queue limit */
    void (*report)(void *arg, const struct px_report *r); /* from px_producer_dispatch */
    void *arg;
};

/* px_producer_open(conf, ret, reterr): acks=all, idempotence. Does not wait for a broker.
 * Errors: PX_CONFIG, PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code px_producer_open(const struct px_producer_conf *conf, struct px_producer **ret, struct px_err *reterr);

/* px_producer_fd(p): becomes readable when reports wait; then call px_producer_dispatch. The same fd
 * for the life of the producer, also across a rebuild. */
int px_producer_fd(const struct px_producer *p);

struct px_header {
    const char *name;
    struct px_str value;
};
struct px_record {
    struct px_str key, value; /* copied */
    const struct px_header *headers;
    size_t nheaders;
    uint64_t tag;
};
/* px_producer_send(p, topic, record, reterr): queue one message; exactly one report follows each PX_OK,
 * whatever happens. ${topic}: opened with px_producer_topic. Never blocks.
 * Errors: PX_BUSY (local queue full), PX_UNAVAILABLE (rebuilding after a fatal error), PX_TOO_LARGE,
 * PX_DENIED, PX_NOT_FOUND. Threads: owner. */
struct px_topic;
PX_MUST_USE enum px_code px_producer_topic(struct px_producer *p, const char *name, struct px_topic **ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_producer_send(struct px_producer *p, struct px_topic *t, const struct px_record *r, struct px_err *reterr);

/* px_producer_dispatch(p): deliver waiting reports through conf.report; returns how many. Also moves
 * the rebuild along: after a fatal error (one out-of-order reply suffices) the handle is drained,
 * destroyed on a helper thread and made anew, while send answers PX_UNAVAILABLE. Call it also from a
 * 100 ms timer. Threads: owner. */
size_t px_producer_dispatch(struct px_producer *p);

struct px_producer_state {
    size_t in_flight;      /* accepted, not yet reported                       */
    bool fatal;            /* rebuilding                                       */
    bool brokers_down;     /* no broker reachable, as far as known             */
    uint64_t rebuilds;     /* since open                                       */
    char last_error[160];
};
void px_producer_get(const struct px_producer *p, struct px_producer_state *ret);
/* px_producer_close(p, wait): dispatch until nothing is in flight or ${wait} passed, then free. What is
 * still in flight gets a MAYBE_PERSISTED report first. */
void px_producer_close(struct px_producer *p, px_us wait);

/* --- looking at the cluster (probes; each call makes its own short-lived connection) ---------- */
struct px_topic_info {
    int partitions;
    int replication; /* smallest over the partitions */
    int brokers;
    int min_isr;     /* -1 when the broker does not tell */
    char cluster_id[64];
};
/* Errors: PX_UNAVAILABLE (names the brokers tried), PX_NOT_FOUND (no such topic). topic NULL = cluster only. */
PX_MUST_USE enum px_code px_kafka_describe(const struct px_kafka_conf *c, const char *topic, px_us timeout,
                                           struct px_topic_info *ret, struct px_err *reterr);
/* px_kafka_create_topic: for the local runs and tests. An existing topic is PX_OK. */
struct px_topic_spec {
    const char *name;
    int partitions, replication;
    int64_t retention_ms; /* 0 = the broker's default */
};
PX_MUST_USE enum px_code px_kafka_create_topic(const struct px_kafka_conf *c, const struct px_topic_spec *t, px_us timeout, struct px_err *reterr);

/* --- consumer --------------------------------------------------------------------------------- */
struct px_consumer;

#define PX_OFFSET_BEGINNING INT64_C(-2)
struct px_assigned {
    int32_t partition;
    int64_t start; /* filled by the assign callback: absolute offset or PX_OFFSET_BEGINNING */
    int64_t low, high; /* the log's ends, asked before the callback; -1 when no broker answered */
};

struct px_consumer_conf {
    const struct px_kafka_conf *kafka; /* kept */
    const char *client_id, *group, *topic, *instance_id; /* kept; instance_id "" = dynamic membership */
    px_us session_timeout, max_poll_interval;
    int64_t fetch_queue_bytes; /* local cap */
    /* assigned: fill start offsets of the ${n} new partitions; called from poll. A failure ends the
     * consumer (poll returns its code). revoked: let go of them; `lost` = already owned by others. */
    enum px_code (*assigned)(void *arg, struct px_assigned *v, size_t n, struct px_err *reterr);
    void (*revoked)(void *arg, const int32_t *partitions, size_t n, bool lost);
    void *arg;
};
PX_MUST_USE enum px_code px_consumer_open(const struct px_consumer_conf *conf, struct px_consumer **ret, struct px_err *reterr);

struct px_message {
    int32_t partition;
    int64_t offset;
    struct px_str key, value;    /* views; .p NULL = null; valid until px_message_free */
    px_us timestamp;
    struct px_str traceparent;   /* header; n = 0 = none */
    void *native;
};
enum px_polled { PX_POLL_NOTHING, PX_POLL_MESSAGE, PX_POLL_EOF };
/* px_consumer_poll(c, timeout, ret_kind, ret_message, reterr): one message, or EOF of a partition
 * (message->partition and ->offset = next offset), or nothing. Errors: PX_GAP (stored offset outside the
 * log: PX_ERR names partition and range), PX_UNAVAILABLE is not an error here (it retries inside),
 * PX_DEAD, PX_DENIED, PX_NOT_FOUND. Threads: owner. */
PX_MUST_USE enum px_code px_consumer_poll(struct px_consumer *c, px_us timeout, enum px_polled *ret_kind,
                                          struct px_message *ret_message, struct px_err *reterr);
void px_message_free(struct px_message *m);
PX_MUST_USE enum px_code px_consumer_pause(struct px_consumer *c, int32_t partition, bool paused, struct px_err *reterr);
/* px_consumer_watermarks(c, partition, ret_low, ret_high): as last fetched; false when unknown yet. */
bool px_consumer_watermarks(const struct px_consumer *c, int32_t partition, int64_t *ret_low, int64_t *ret_high);
/* px_consumer_query(c, partition, timeout, ...): ask the broker now. */
PX_MUST_USE enum px_code px_consumer_query(struct px_consumer *c, int32_t partition, px_us timeout,
                                           int64_t *ret_low, int64_t *ret_high,
                                           struct px_err *reterr);
/* px_consumer_cluster_id(c, timeout, out, cap): the log's identity. */
PX_MUST_USE enum px_code px_consumer_cluster_id(struct px_consumer *c, px_us timeout, char out[64], struct px_err *reterr);
/* px_consumer_commit(c, v, n): group offsets for lag dashboards only, asynchronous, failures ignored. */
void px_consumer_commit(struct px_consumer *c, const struct px_assigned *v, size_t n);
bool px_consumer_lost(const struct px_consumer *c); /* assignment lost (max.poll.interval, session) */
bool px_consumer_brokers_down(const struct px_consumer *c);
void px_consumer_close(struct px_consumer *c); /* leaves the group; calls revoked */

const char *px_kafka_version(void); /* run-time version of librdkafka */

#endif
