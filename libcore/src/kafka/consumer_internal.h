/* The parts of the consumer: its state, its settings and what happens when partitions come and go.
 * All but px_ends runs on the owner's thread: librdkafka calls back from within its poll. */
#ifndef PX_KAFKA_CONSUMER_INTERNAL_H
#define PX_KAFKA_CONSUMER_INTERNAL_H

#include "kafka_internal.h"
#include <pthread.h>

struct px_end {
    int32_t partition;
    int64_t high; /* -1 = not heard yet */
    px_us asked;  /* monotonic */
};

/* consumer_ends.c. The owner and the asking thread meet under the lock. */
struct px_ends {
    rd_kafka_t *rk;
    const char *topic;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    uint64_t held; /* grows with each change of what is held: answers to older questions drop */
    struct px_end *v;
    size_t n;
};

struct px_consumer {
    struct px_consumer_conf conf;
    rd_kafka_t *rk;
    struct px_err failure; /* sticky: once set, every poll returns it */
    struct px_message bad; /* with PX_UNREADABLE: only its place      */
    int32_t *held;         /* accepted by the assigned callback, revoked is due for them */
    size_t nheld;
    struct px_ends ends;
    bool brokers_down;
    bool closed;         /* the owner has gone: no callback */
    px_us look_at;       /* while brokers are down: when to look for them again */
    px_us missing_since; /* the topic is unknown since then; 0 = it is known */
};

/* consumer_conf.c: all settings that exactly-once reading rests on, and the callbacks. */
PX_MUST_USE enum px_code px_consumer_settings(struct px_consumer *c, rd_kafka_conf_t **ret,
                                              struct px_err *reterr);
/* consumer_dispose.c: ends ${rk}; waits up to 5 s. False: it goes on ending by itself, maybe for
 * ever.
 */
PX_MUST_USE bool px_consumer_dispose(rd_kafka_t *rk);
/* consumer_assign.c */
void px_consumer_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                           rd_kafka_topic_partition_list_t *parts, void *opaque);
/* px_consumer_let_go(c, lost): the owner is told, when it had accepted partitions. */
void px_consumer_let_go(struct px_consumer *c, bool lost);
/* px_consumer_gap(c, partition, offset): fill c->failure after the log refused ${offset}: PX_GAP
 * when it is outside the log, PX_DEAD when the log turns out to hold it (a new consumer will read
 * it). */
void px_consumer_gap(struct px_consumer *c, int32_t partition, int64_t offset);

/* px_ends_start(e, rk, topic, reterr): a thread that asks ${rk}; both are kept. px_ends_stop joins
 * it, within about a second; before ${rk} is destroyed. No-op when it does not run. */
PX_MUST_USE enum px_code px_ends_start(struct px_ends *e, rd_kafka_t *rk, const char *topic,
                                       struct px_err *reterr);
void px_ends_stop(struct px_ends *e);
/* px_ends_hold(e, partitions, n, reterr): these are asked for from now on, and no others. Fails
 * (PX_NOMEM) only for ${n} > 0. */
PX_MUST_USE enum px_code px_ends_hold(struct px_ends *e, const int32_t *partitions, size_t n,
                                      struct px_err *reterr);

#endif
