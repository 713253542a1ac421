/* Reads topics for px-ledger: see ledger_kafka.h. Knows nothing of what the records mean. */
#include "ledger_kafka.h"

#include <px/clock.h>
#include <px/mem.h>

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define ASK_MS    15000
#define SILENCE   (30 * PX_US_PER_S)
#define BATCH     2000
#define FILE_LINE 4096

struct lg_kafka {
    rd_kafka_t *rk;
    char last[160]; /* what the client last complained of */
};

static void complained(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    struct lg_kafka *k = opaque;
    (void)rk;
    (void)err;
    snprintf(k->last, sizeof k->last, "%.150s", reason);
}

static enum px_code set(rd_kafka_conf_t *c, const char *name, const char *value,
                        struct px_err *reterr) {
    char why[160] = "";
    if (rd_kafka_conf_set(c, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka property %.60s: %s", name, why);
    }
    return PX_OK;
}

static enum px_code set_file(rd_kafka_conf_t *c, const char *path, struct px_err *reterr) {
    char line[FILE_LINE];
    enum px_code rc = PX_OK;
    FILE *f = fopen(path, "re");
    if (!f) {
        return px_err_errno(reterr, PX_IO, PX_HERE, path);
    }
    while (rc == PX_OK && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        char *eq = strchr(line, '=');
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        if (!eq) {
            rc = PX_FAIL(reterr, PX_CONFIG, "%s: a line without name=value", path);
            break;
        }
        *eq = '\0';
        rc = set(c, line, eq + 1, reterr);
    }
    fclose(f);
    return rc;
}

static enum px_code configure(rd_kafka_conf_t *c, const char *bootstrap, const char *file,
                              struct px_err *reterr) {
    static const char *const fixed[][2] = {{"client.id", "px-ledger"},
                                           {"enable.auto.commit", "false"},
                                           {"enable.auto.offset.store", "false"},
                                           {"auto.offset.reset", "error"},
                                           {"check.crcs", "true"},
                                           {"isolation.level", "read_committed"},
                                           {"enable.partition.eof", "true"},
                                           {"allow.auto.create.topics", "false"},
                                           {"log_level", "0"},
                                           {"queued.max.messages.kbytes", "65536"},
                                           {"fetch.wait.max.ms", "100"}};
    enum px_code rc = set(c, "bootstrap.servers", bootstrap, reterr);
    if (rc == PX_OK && file) {
        rc = set_file(c, file, reterr);
    }
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(fixed); i++) {
        rc = set(c, fixed[i][0], fixed[i][1], reterr);
    }
    return rc;
}

enum px_code lg_kafka_open(const char *bootstrap, const char *file, struct lg_kafka **ret,
                           struct px_err *reterr) {
    char why[160] = "";
    struct lg_kafka *k = px_alloc(sizeof *k);
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    px_assert(k && c);
    rd_kafka_conf_set_opaque(c, k);
    rd_kafka_conf_set_error_cb(c, complained);
    enum px_code rc = configure(c, bootstrap, file, reterr);
    k->rk = rc == PX_OK ? rd_kafka_new(RD_KAFKA_CONSUMER, c, why, sizeof why) : NULL;
    if (!k->rk) {
        rd_kafka_conf_destroy(c);
        px_free(k);
        return rc ? rc : PX_FAIL(reterr, PX_CONFIG, "Kafka: %s", why);
    }
    *ret = k;
    return PX_OK;
}

void lg_kafka_close(struct lg_kafka *k) {
    if (k) {
        rd_kafka_destroy(k->rk);
        px_free(k);
    }
}

static enum px_code failed(struct lg_kafka *k, const char *what, rd_kafka_resp_err_t err,
                           struct px_err *reterr) {
    rd_kafka_poll(k->rk, 0);
    return PX_FAIL(reterr, PX_UNAVAILABLE, "Kafka: %s: %s %s", what, rd_kafka_err2str(err),
                   k->last);
}

enum px_code lg_kafka_cluster(struct lg_kafka *k, char *out, size_t cap, struct px_err *reterr) {
    char *id = rd_kafka_clusterid(k->rk, ASK_MS);
    if (!id) {
        return failed(k, "asking for the cluster's id", RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
    }
    snprintf(out, cap, "%s", id);
    rd_kafka_mem_free(k->rk, id);
    return PX_OK;
}

static enum px_code partitions(struct lg_kafka *k, const char *topic, int32_t *ret,
                               struct px_err *reterr) {
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(k->rk, topic, NULL);
    rd_kafka_resp_err_t err =
        t ? rd_kafka_metadata(k->rk, 0, t, &md, ASK_MS) : rd_kafka_last_error();
    int32_t n = err || md->topic_cnt != 1 || md->topics[0].err ? 0 : md->topics[0].partition_cnt;
    if (md) {
        rd_kafka_metadata_destroy(md);
    }
    if (t) {
        rd_kafka_topic_destroy(t);
    }
    if (err) {
        return failed(k, topic, err, reterr);
    }
    if (n == 0) {
        return PX_FAIL(reterr, PX_NOT_FOUND, "there is no topic %s", topic);
    }
    if (n > LG_MAX_PARTITIONS) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "topic %s has more than %d partitions", topic,
                       LG_MAX_PARTITIONS);
    }
    *ret = n;
    return PX_OK;
}

enum px_code lg_kafka_ends(struct lg_kafka *k, const char *topic, struct lg_ends *ret,
                           struct px_err *reterr) {
    int32_t n = 0;
    enum px_code rc = partitions(k, topic, &n, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    ret->n = n;
    for (int32_t p = 0; p < n; p++) {
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(k->rk, topic, p, &ret->low[p], &ret->high[p], ASK_MS);
        if (err) {
            return failed(k, "asking for the ends of the log", err, reterr);
        }
    }
    return PX_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct lg_kafka *k;
    const struct lg_ends *ends;
    void (*take)(void *arg, const struct lg_record *r);
    void *arg;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    bool done[LG_MAX_PARTITIONS];
    int32_t open; /* partitions that are not done */
    px_us heard;
};

static void finished(struct reading *r, int32_t partition) {
    if (!r->done[partition]) {
        r->done[partition] = true;
        r->open--;
    }
}

static enum px_code one(struct reading *r, const rd_kafka_message_t *m, struct px_err *reterr) {
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->offset >= r->ends->high[m->partition]) {
            finished(r, m->partition);
        }
        return PX_OK;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        return PX_FAIL(reterr, PX_GAP, "partition %d: the log lost offsets while it was read",
                       m->partition);
    }
    if (m->err) {
        return PX_FAIL(reterr, PX_DEAD, "Kafka: %s", rd_kafka_message_errstr(m));
    }
    if (m->offset < r->ends->high[m->partition]) {
        struct lg_record record = {.partition = m->partition,
                                   .offset = m->offset,
                                   .value = {.p = m->payload, .n = m->payload ? m->len : 0}};
        r->take(r->arg, &record);
    }
    if (m->offset + 1 >= r->ends->high[m->partition]) {
        finished(r, m->partition);
    }
    return PX_OK;
}

static enum px_code begin(struct reading *r, struct px_err *reterr) {
    for (int32_t p = 0; p < r->ends->n; p++) {
        if (r->ends->low[p] >= r->ends->high[p]) {
            r->done[p] = true;
            continue;
        }
        r->open++;
        if (rd_kafka_consume_start_queue(r->topic, p, r->ends->low[p], r->queue) != 0) {
            return PX_FAIL(reterr, PX_DEAD, "Kafka: partition %d: %s", p,
                           rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    r->heard = px_mono(&px_clock_system);
    return PX_OK;
}

static enum px_code turn(struct reading *r, struct px_err *reterr) {
    rd_kafka_message_t *v[BATCH];
    enum px_code rc = PX_OK;
    ssize_t n = rd_kafka_consume_batch_queue(r->queue, 200, v, BATCH);
    px_us now = px_mono(&px_clock_system);
    rd_kafka_poll(r->k->rk, 0);
    for (ssize_t i = 0; i < n; i++) {
        rc = rc == PX_OK ? one(r, v[i], reterr) : rc;
        rd_kafka_message_destroy(v[i]);
    }
    r->heard = n > 0 ? now : r->heard;
    if (rc == PX_OK && now - r->heard > SILENCE) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "Kafka: no record came for 30 s: %s", r->k->last);
    }
    return rc;
}

enum px_code lg_kafka_read(struct lg_kafka *k, const char *topic, const struct lg_ends *ends,
                           void (*take)(void *arg, const struct lg_record *r), void *arg,
                           struct px_err *reterr) {
    struct reading r = {.k = k, .ends = ends, .take = take, .arg = arg};
    r.topic = rd_kafka_topic_new(k->rk, topic, NULL);
    r.queue = rd_kafka_queue_new(k->rk);
    px_assert(r.topic && r.queue);
    enum px_code rc = begin(&r, reterr);
    while (rc == PX_OK && r.open > 0) {
        rc = turn(&r, reterr);
    }
    for (int32_t p = 0; p < ends->n; p++) {
        if (ends->low[p] < ends->high[p]) {
            rd_kafka_consume_stop(r.topic, p);
        }
    }
    rd_kafka_queue_destroy(r.queue);
    rd_kafka_topic_destroy(r.topic);
    return rc;
}
