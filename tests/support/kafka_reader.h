/* A consumer under test with a book of what was assigned, read and taken away. Start offsets come
 * from `starts`, as they would from SQL. */
#ifndef KAFKA_READER_H
#define KAFKA_READER_H

#include <px/kafka.h>

#define KAFKA_READER_PARTITIONS 16

struct kafka_reader {
    struct px_kafka_conf conf;
    struct px_consumer *consumer;
    int64_t starts[KAFKA_READER_PARTITIONS]; /* given to the consumer when assigned */
    int64_t low[KAFKA_READER_PARTITIONS], high[KAFKA_READER_PARTITIONS];
    bool owned[KAFKA_READER_PARTITIONS], eof[KAFKA_READER_PARTITIONS];
    int64_t next[KAFKA_READER_PARTITIONS]; /* one past the last message read */
    size_t messages, assigns, revokes, lost;
    int64_t disorder;          /* messages that were not next in their partition */
    enum px_code assign_fails; /* answer of the assigned callback */
    char last_trace[64];
};

/* kafka_reader_init: all partitions from the beginning, nothing opened. */
void kafka_reader_init(struct kafka_reader *r, const char *bootstrap);
/* Session timeout 6 s: the mock waits 3 s for the first members of a group and about a session
 * timeout when others join. ${max_poll} >= that. */
void kafka_reader_open(struct kafka_reader *r, const char *group, const char *topic,
                       px_us max_poll);
void kafka_reader_close(struct kafka_reader *r);
/* kafka_reader_poll: one poll, booked; the consumer's answer. */
enum px_code kafka_reader_poll(struct kafka_reader *r, px_us timeout, struct px_err *reterr);
size_t kafka_reader_owned(const struct kafka_reader *r);

#endif
