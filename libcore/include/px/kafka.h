/* Kafka: an idempotent producer that knows no loop, and a consumer whose offsets come from SQL.
 * Nothing of librdkafka is visible here. */
#ifndef PX_KAFKA_H
#define PX_KAFKA_H

#include <px/err.h>
#include <px/str.h>

/* Connection settings shared by both; rows in options_kafka.def. */
struct px_kafka_conf {
#include <px/option_fields.h>
#include <px/options_kafka.def>
#include <px/option_end.h>
};

/* --- producer ------------------------------------------------------------------------------- */
struct px_producer;
struct px_topic;
/* What became of one message. Only PERSISTED may be acknowledged to a client. */
enum px_delivery {
    PX_PERSISTED,
    PX_NOT_PERSISTED,
    PX_MAYBE_PERSISTED
};

struct px_report {
    uint64_t tag; /* the caller's, from px_producer_send */
    enum px_delivery delivery;
    /* PX_OK, or: PX_TIMEOUT (message_timeout passed), PX_UNAVAILABLE, PX_TOO_LARGE, PX_DENIED,
     * PX_NOT_FOUND (topic), PX_INVALID (refused by the broker), PX_DEAD (fatal error or close) */
    enum px_code code;
    int native;
    int32_t partition;
    int64_t offset;
    struct px_str value; /* of the message, until the report returns; n = 0 = it is gone */
};

struct px_producer_conf {
    const struct px_kafka_conf *kafka; /* kept */
    const char *client_id;             /* kept */
    px_us message_timeout, linger;
    const char *compression; /* "none|lz4|zstd|gzip|snappy"; kept */
    int64_t queue_messages;  /* local queue limit, 1 to 10,000,000; also bounds in_flight */
    /* from px_producer_dispatch and px_producer_close; may call px_producer_send, not close */
    void (*report)(void *arg, const struct px_report *r);
    void *arg;
};

/* px_producer_open(conf, ret, reterr): acks=all, idempotence. Does not wait for a broker. A
 * message's timeout is looked at about once a second: its report may come 1.5 s after
 * message_timeout. Errors: PX_CONFIG, PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code px_producer_open(const struct px_producer_conf *conf,
                                          struct px_producer **ret, struct px_err *reterr);

/* px_producer_fd(p): readable when reports wait for px_producer_dispatch; the same for its life. */
int px_producer_fd(const struct px_producer *p);

struct px_header {
    const char *name;
    struct px_str value;
};
struct px_record {
    struct px_str key, value; /* copied */
    const struct px_header *headers;
    size_t nheaders; /* at most 16 */
    uint64_t tag;
};
/* px_producer_send(p, topic, record, reterr): queue one message; exactly one report follows each
 * PX_OK, whatever happens. ${topic}: opened with px_producer_topic. Never blocks. Errors: PX_BUSY
 * (local queue full), PX_UNAVAILABLE (rebuilding after a fatal error), PX_TOO_LARGE, PX_DENIED,
 * PX_NOT_FOUND. Threads: owner. */
PX_MUST_USE enum px_code px_producer_topic(struct px_producer *p, const char *name,
                                           struct px_topic **ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_producer_send(struct px_producer *p, struct px_topic *t,
                                          const struct px_record *r, struct px_err *reterr);

/* px_producer_dispatch(p): deliver waiting reports through conf.report; returns how many. Also
 * moves the rebuild along: after a fatal error (one out-of-order reply suffices) the handle is
 * drained, destroyed on a helper thread and made anew, while send answers PX_UNAVAILABLE. Call it
 * also from a 100 ms timer. Threads: owner. */
size_t px_producer_dispatch(struct px_producer *p);
struct px_producer_state {
    size_t in_flight; /* accepted, not yet reported                       */
    bool fatal;       /* rebuilding                                       */
    /* No broker reachable, as far as known: set when the last connection fails, cleared by a
     * persisted message or, asked for once a second by a helper thread while set, by any broker's
     * metadata. So an idle producer recovers too, as long as dispatch is called from its timer. */
    bool brokers_down;
    uint64_t rebuilds;               /* since open                                       */
    char last_error[PX_ERR_MSG_MAX]; /* kept after it passed; "" = none since open */
};
/* Threads: owner. */
void px_producer_get(const struct px_producer *p, struct px_producer_state *ret);
/* px_producer_close(p, wait): dispatch until nothing is in flight or ${wait} passed, then free.
 * What is left gets its report first: NOT_PERSISTED when it was never sent, else MAYBE_PERSISTED.
 * Takes up to some 4 s longer than ${wait}. NULL is fine. */
void px_producer_close(struct px_producer *p, px_us wait);

/* --- looking at the cluster (probes; each call makes its own short-lived connection) ---------- */
struct px_topic_info {
    int partitions;
    int replication, insync; /* smallest over the partitions */
    int brokers, min_isr;    /* -1 when the broker does not tell */
    char cluster_id[64];
};
/* Errors: PX_UNAVAILABLE (names the brokers tried and the last failure), PX_DENIED, PX_NOT_FOUND
 * (no such topic), PX_CONFIG. topic NULL = cluster only. Blocks up to ${timeout}. Threads: any. */
PX_MUST_USE enum px_code px_kafka_describe(const struct px_kafka_conf *c, const char *topic,
                                           px_us timeout, struct px_topic_info *ret,
                                           struct px_err *reterr);
/* px_kafka_create_topic: for the local runs and tests. An existing topic is PX_OK. Errors: as
 * above, PX_TIMEOUT, PX_UNSUPPORTED (the dev broker: it has the topics of its command line). */
struct px_topic_spec {
    const char *name;
    int partitions, replication;
    int64_t retention_ms; /* 0 = the broker's default */
};
PX_MUST_USE enum px_code px_kafka_create_topic(const struct px_kafka_conf *c,
                                               const struct px_topic_spec *t, px_us timeout,
                                               struct px_err *reterr);

/* --- consumer --------------------------------------------------------------------------------- */
struct px_consumer;

#define PX_OFFSET_BEGINNING INT64_C(-2)
struct px_assigned {
    int32_t partition;
    int64_t start;     /* filled by the assign callback: absolute offset or PX_OFFSET_BEGINNING */
    int64_t low, high; /* the log's ends, asked before the callback; -1 when no broker answered */
    px_us asked;       /* when (monotonic) */
};

struct px_consumer_conf {
    const struct px_kafka_conf *kafka;                   /* kept */
    const char *client_id, *group, *topic, *instance_id; /* kept; no instance_id = "" */
    px_us session_timeout, max_poll_interval;
    int64_t fetch_queue_bytes; /* local cap */
    /* assigned: fill start offsets of the ${n} > 0 new partitions; called from poll. A failure ends
     * the consumer (poll returns its code). A start outside [low, high] ends it with PX_GAP, so an
     * owner that accepts the loss gives low. revoked: let go of them, once for each assigned that
     * returned PX_OK, from poll or close; `lost` = already owned by others. Neither may call a
     * px_consumer_ function but query, cluster_id and commit. */
    enum px_code (*assigned)(void *arg, struct px_assigned *v, size_t n, struct px_err *reterr);
    void (*revoked)(void *arg, const int32_t *partitions, size_t n, bool lost);
    void *arg;
};
/* px_consumer_open(conf, ret, reterr): does not wait for a broker. Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code px_consumer_open(const struct px_consumer_conf *conf,
                                          struct px_consumer **ret, struct px_err *reterr);

struct px_message {
    int32_t partition;
    int64_t offset;
    struct px_str key, value;  /* views; .p NULL = null; valid until px_message_free */
    px_us timestamp;           /* -1 = none */
    struct px_str traceparent; /* header; n = 0 = none */
    void *native;
};
enum px_polled {
    PX_POLL_NOTHING,
    PX_POLL_MESSAGE,
    PX_POLL_EOF
};
/* px_consumer_poll(c, timeout, ret_kind, ret_message, reterr): one message, or EOF of a partition
 * (message->partition and ->offset = next offset), or nothing. Unreachable brokers are no error (it
 * retries inside). Every error ends the consumer: later polls repeat it; the owner closes and may
 * open a new one. Errors: PX_GAP (an offset outside the log; names the range), PX_UNREADABLE (a
 * record batch is damaged or compressed in a way unknown here: the message has its place), PX_DEAD
 * (fenced instance: a new consumer may do), PX_DENIED, PX_NOT_FOUND (no such topic, and none
 * appeared for 10 s), what the assigned callback returned. Threads: owner. */
PX_MUST_USE enum px_code px_consumer_poll(struct px_consumer *c, px_us timeout,
                                          enum px_polled *ret_kind, struct px_message *ret_message,
                                          struct px_err *reterr);
void px_message_free(struct px_message *m);
/* px_consumer_pause(c, partition, paused, reterr): stop or resume reading; messages already fetched
 * but not polled are fetched again. Errors: PX_NOT_FOUND (not assigned here). */
PX_MUST_USE enum px_code px_consumer_pause(struct px_consumer *c, int32_t partition, bool paused,
                                           struct px_err *reterr);
/* px_consumer_end(c, partition, ret_high, ret_age): where it ended ${ret_age} ago, when the brokers
 * last answered a thread that asks them a few times a second; false: not since it was assigned. */
bool px_consumer_end(struct px_consumer *c, int32_t partition, int64_t *ret_high, px_us *ret_age);
/* px_consumer_query(c, partition, timeout, ...): ask now. Errors: as px_kafka_describe. */
PX_MUST_USE enum px_code px_consumer_query(struct px_consumer *c, int32_t partition, px_us timeout,
                                           int64_t *ret_low, int64_t *ret_high,
                                           struct px_err *reterr);
/* px_consumer_cluster_id(c, timeout, out): the log's identity. Errors: PX_UNAVAILABLE. */
PX_MUST_USE enum px_code px_consumer_cluster_id(struct px_consumer *c, px_us timeout, char out[64],
                                                struct px_err *reterr);
/* px_consumer_commit(c, v, n): v[].start as group offsets, for lag dashboards; failures ignored. */
void px_consumer_commit(struct px_consumer *c, const struct px_assigned *v, size_t n);
/* _lost: the assignment is (session or max_poll_interval passed); _replaced: a member with the same
 * instance_id came; _brokers_down: none answers, polls look every second. */
bool px_consumer_lost(const struct px_consumer *c);
bool px_consumer_replaced(const struct px_consumer *c);
bool px_consumer_brokers_down(const struct px_consumer *c);
/* px_consumer_close(c): leaves the group; calls revoked. Free all messages before. NULL is fine. */
void px_consumer_close(struct px_consumer *c);
const char *px_kafka_version(void); /* run-time version of librdkafka */

#endif
