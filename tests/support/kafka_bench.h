/* A producer under test with a book of its reports: who asked for what, and what came back how
 * often. */
#ifndef KAFKA_BENCH_H
#define KAFKA_BENCH_H

#include <px/kafka.h>
#include "mock_kafka.h"

#define KAFKA_BENCH_TAGS 4096

struct kafka_bench {
    struct mock_kafka *mock;
    struct px_kafka_conf conf;
    struct px_producer *producer;
    struct px_topic *topic;
    size_t sent, reported;
    unsigned count[KAFKA_BENCH_TAGS]; /* reports per tag */
    struct px_report last[KAFKA_BENCH_TAGS];
    size_t by_delivery[3];
};

/* kafka_bench_open: mock with ${brokers} brokers, topic "t" with ${partitions}; NULL properties =
 * none. */
void kafka_bench_open(struct kafka_bench *b, int brokers, int partitions, const char *properties,
                      px_us message_timeout, int64_t queue);
void kafka_bench_close(struct kafka_bench *b);
/* kafka_bench_send: one message with the next tag; returns what the producer said. */
enum px_code kafka_bench_send(struct kafka_bench *b, struct px_str key, struct px_str value);
enum px_code kafka_bench_send_n(struct kafka_bench *b, size_t n);
/* kafka_bench_wait: serve the producer's fd until ${n} reports came or ${wait} passed. */
bool kafka_bench_wait(struct kafka_bench *b, size_t n, px_us wait);
/* kafka_bench_until: the same until ${cond}(b) holds. */
bool kafka_bench_until(struct kafka_bench *b, bool (*cond)(struct kafka_bench *), px_us wait);
/* every accepted message has exactly one report */
bool kafka_bench_exact(const struct kafka_bench *b);
px_us kafka_bench_now(void);

#endif
