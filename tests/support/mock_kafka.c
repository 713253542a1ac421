/* librdkafka's mock cluster behind the few calls that tests need; see the header for its limits. */
#include "mock_kafka.h"
#include "tsan_threads.h"
#include <assert.h>
#include <stdlib.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct mock_kafka {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

static void mock_kafka_silent(const rd_kafka_t *rk, int level, const char *fac, const char *text) {
    (void)rk;
    (void)level;
    (void)fac;
    (void)text;
}

struct mock_kafka *mock_kafka_start(int brokers) {
    struct mock_kafka *m = calloc(1, sizeof *m);
    char text[128];
    tsan_threads();
    assert(m);
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(c, mock_kafka_silent);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    assert(m->rk);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
    assert(m->cluster);
    return m;
}

void mock_kafka_stop(struct mock_kafka *m) {
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
    free(m);
}

const char *mock_kafka_bootstrap(const struct mock_kafka *m) {
    return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

void mock_kafka_topic(struct mock_kafka *m, const char *name, int partitions) {
    assert(rd_kafka_mock_topic_create(m->cluster, name, partitions, 1) == 0);
}

void mock_kafka_topic_error(struct mock_kafka *m, const char *name, int error) {
    rd_kafka_mock_topic_set_error(m->cluster, name, (rd_kafka_resp_err_t)error);
}

void mock_kafka_errors(struct mock_kafka *m, enum mock_kafka_api api, int error, unsigned times) {
    while (times-- > 0) {
        rd_kafka_mock_push_request_errors(m->cluster, (int16_t)api, 1, (rd_kafka_resp_err_t)error);
    }
}

void mock_kafka_errors_clear(struct mock_kafka *m, enum mock_kafka_api api) {
    rd_kafka_mock_clear_request_errors(m->cluster, (int16_t)api);
}

void mock_kafka_down(struct mock_kafka *m, int broker) {
    assert(rd_kafka_mock_broker_set_down(m->cluster, broker) == 0);
}

void mock_kafka_up(struct mock_kafka *m, int broker) {
    assert(rd_kafka_mock_broker_set_up(m->cluster, broker) == 0);
}

void mock_kafka_rtt(struct mock_kafka *m, int broker, int ms) {
    assert(rd_kafka_mock_broker_set_rtt(m->cluster, broker, ms) == 0);
}

void mock_kafka_leader(struct mock_kafka *m, const char *topic, int partition, int broker) {
    assert(rd_kafka_mock_partition_set_leader(m->cluster, topic, partition, broker) == 0);
}
