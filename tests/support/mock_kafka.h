/* A Kafka cluster inside the test program (librdkafka's mock): brokers on ephemeral loopback ports,
 * with errors, delays and outages on demand. Everything asserts on failure: it is for tests only.
 * Limits of the mock that tests must know: a partition keeps the newest 5 MiB or 100,000 messages;
 * topics appear by being asked for; no admin requests; a fetch without data answers only after its
 * wait. */
#ifndef MOCK_KAFKA_H
#define MOCK_KAFKA_H

#include <stdint.h>

struct mock_kafka;

/* Request types, for the errors below. */
enum mock_kafka_api {
    MOCK_KAFKA_PRODUCE = 0,
    MOCK_KAFKA_FETCH = 1,
    MOCK_KAFKA_LIST_OFFSETS = 2,
    MOCK_KAFKA_METADATA = 3,
    MOCK_KAFKA_HEARTBEAT = 12,
    MOCK_KAFKA_INIT_PRODUCER_ID = 22,
};

/* Errors a broker may answer with: Kafka's own numbers; -195 drops the connection. */
enum mock_kafka_error {
    MOCK_KAFKA_DISCONNECT = -195,
    MOCK_KAFKA_OFFSET_OUT_OF_RANGE = 1,
    MOCK_KAFKA_UNKNOWN_TOPIC = 3,
    MOCK_KAFKA_NOT_LEADER = 6,
    MOCK_KAFKA_TOO_LARGE = 10,
    MOCK_KAFKA_NOT_ENOUGH_REPLICAS = 19,
    MOCK_KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    MOCK_KAFKA_TOPIC_DENIED = 29,
    MOCK_KAFKA_OUT_OF_ORDER_SEQUENCE = 45,
    MOCK_KAFKA_INVALID_RECORD = 87,
};

struct mock_kafka *mock_kafka_start(int brokers);
void mock_kafka_stop(struct mock_kafka *m);
const char *mock_kafka_bootstrap(const struct mock_kafka *m);
void mock_kafka_topic(struct mock_kafka *m, const char *name, int partitions);
/* mock_kafka_topic_error(m, name, error): answer metadata of a topic with an error; 0 = none. */
void mock_kafka_topic_error(struct mock_kafka *m, const char *name, int error);
/* mock_kafka_errors(m, api, error, times): the next ${times} requests of a kind fail. */
void mock_kafka_errors(struct mock_kafka *m, enum mock_kafka_api api, int error, unsigned times);
void mock_kafka_errors_clear(struct mock_kafka *m, enum mock_kafka_api api);
/* broker -1 = all; they count from 1. */
void mock_kafka_down(struct mock_kafka *m, int broker);
void mock_kafka_up(struct mock_kafka *m, int broker);
void mock_kafka_rtt(struct mock_kafka *m, int broker, int ms);
void mock_kafka_leader(struct mock_kafka *m, const char *topic, int partition, int broker);

#endif
