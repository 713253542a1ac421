/* librdkafka's mock cluster as a broker of its own process, so that the local run needs no JVM. The
 * mock binds free loopback ports by itself (they cannot be chosen in 2.0) and keeps 5 MiB per
 * partition. */
#include "devbroker.h"
#include <px/hash.h>
#include <px/log.h>
#include <px/mem.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct devbroker {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    char log_id[DEVBROKER_LOG_ID];
};

static void devbroker_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    px_log(level <= 3 ? PX_LOG_WARN : PX_LOG_DEBUG, "devbroker.library",
           PX_F_C("kafka.facility", facility), PX_F_C("kafka.text", text));
}

static void devbroker_new_log_id(struct devbroker *d) {
    uint64_t r;
    px_random(&r, sizeof r);
    snprintf(d->log_id, sizeof d->log_id, "dev-%016llx", (unsigned long long)r);
}

static enum px_code devbroker_topics(struct devbroker *d, const struct devbroker_conf *conf,
                                     struct px_err *reterr) {
    int replication = conf->brokers < 3 ? conf->brokers : 3;
    for (size_t i = 0; i < conf->ntopics; i++) {
        const struct devbroker_topic *t = &conf->topics[i];
        rd_kafka_resp_err_t err =
            rd_kafka_mock_topic_create(d->cluster, t->name, t->partitions, replication);
        if (err) {
            return PX_FAIL(reterr, PX_CONFIG, "topic %s: %s", t->name, rd_kafka_err2str(err));
        }
    }
    return PX_OK;
}

static enum px_code devbroker_cluster(struct devbroker *d, const struct devbroker_conf *conf,
                                      struct px_err *reterr) {
    char text[160];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(c, devbroker_log);
    d->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    if (!d->rk) {
        rd_kafka_conf_destroy(c);
        return PX_FAIL(reterr, PX_UNAVAILABLE, "Kafka client: %s", text);
    }
    d->cluster = rd_kafka_mock_cluster_new(d->rk, conf->brokers);
    if (!d->cluster) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "no broker could listen on 127.0.0.1");
    }
    for (int i = 1; i <= conf->brokers; i++) {
        rd_kafka_resp_err_t err = rd_kafka_mock_broker_set_rtt(d->cluster, i, conf->delay_ms);
        if (err) {
            return PX_FAIL(reterr, PX_CONFIG, "--delay: %s", rd_kafka_err2str(err));
        }
    }
    return devbroker_topics(d, conf, reterr);
}

enum px_code devbroker_start(const struct devbroker_conf *conf, struct devbroker **ret,
                             struct px_err *reterr) {
    struct devbroker *d = px_alloc(sizeof *d);
    if (!d) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a broker");
    }
    devbroker_new_log_id(d);
    enum px_code rc = devbroker_cluster(d, conf, reterr);
    if (rc != PX_OK) {
        devbroker_stop(d);
        return rc;
    }
    *ret = d;
    return PX_OK;
}

const char *devbroker_bootstrap(const struct devbroker *d) {
    return rd_kafka_mock_cluster_bootstraps(d->cluster);
}

const char *devbroker_log_id(const struct devbroker *d) {
    return d->log_id;
}

void devbroker_stop(struct devbroker *d) {
    if (!d) {
        return;
    }
    if (d->cluster) {
        rd_kafka_mock_cluster_destroy(d->cluster);
    }
    if (d->rk) {
        rd_kafka_destroy(d->rk);
    }
    px_free(d);
}

enum px_code devbroker_announce(const struct devbroker *d, const char *path,
                                struct px_err *reterr) {
    char tmp[4096];
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.%ld", path, (long)getpid()) >= sizeof tmp) {
        return PX_FAIL(reterr, PX_IO, "--address-file: the path is too long");
    }
    FILE *f = fopen(tmp, "we");
    if (!f) {
        return px_err_errno(reterr, PX_IO, PX_HERE, tmp);
    }
    fprintf(f, "KAFKA_BOOTSTRAP=%s\nKAFKA_LOG_ID=%s\nKAFKA_PID=%ld\n", devbroker_bootstrap(d),
            d->log_id, (long)getpid());
    bool written = !ferror(f);
    if (fclose(f) != 0 || !written || rename(tmp, path) != 0) {
        enum px_code rc = px_err_errno(reterr, PX_IO, PX_HERE, path);
        unlink(tmp);
        return rc;
    }
    return PX_OK;
}
