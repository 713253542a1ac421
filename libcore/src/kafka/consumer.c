/* The consumer: one message at a time from the group's share of one topic, offsets chosen by the
 * owner (consumer_assign.c). Zero-copy views into librdkafka's buffers. What the library would
 * paper over (offsets outside the log, damaged batches) ends the consumer with an error. Must not
 * commit progress: SQL does; px_consumer_commit is for lag dashboards. */
#include "consumer_internal.h"
#include <px/clock.h>
#include <stdio.h>

/* A topic created moments ago may not be known to every broker yet. */
#define PX_CONSUMER_MISSING    (10 * PX_US_PER_S)
#define PX_CONSUMER_LOOK_EVERY PX_US_PER_S
#define PX_CONSUMER_LOOK_MS    200

static px_us px_consumer_now(void) {
    return px_mono(&px_clock_system);
}

static enum px_code px_consumer_subscribe(struct px_consumer *c, struct px_err *reterr) {
    rd_kafka_poll_set_consumer(c->rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, c->conf.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(c->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return err ? PX_KAFKA_FAIL(reterr, err, c->conf.topic) : PX_OK;
}

enum px_code px_consumer_open(const struct px_consumer_conf *conf, struct px_consumer **ret,
                              struct px_err *reterr) {
    struct px_consumer *c = px_alloc(sizeof *c);
    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a consumer");
    }
    c->conf = *conf;
    rd_kafka_conf_t *k = NULL;
    enum px_code rc = px_consumer_settings(c, &k, reterr);
    if (rc == PX_OK) {
        rc = px_kafka_handle_new(RD_KAFKA_CONSUMER, k, &c->rk, reterr);
    }
    if (rc == PX_OK) {
        rc = px_ends_start(&c->ends, c->rk, c->conf.topic, reterr);
    }
    if (rc == PX_OK) {
        rc = px_consumer_subscribe(c, reterr);
    }
    if (rc != PX_OK) {
        px_consumer_close(c);
        return rc;
    }
    *ret = c;
    return PX_OK;
}

/* --- polling ---------------------------------------------------------------------------------- */

static struct px_str px_consumer_traceparent(const rd_kafka_message_t *m) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t n;
    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, "traceparent", &value, &n) || !value) {
        return (struct px_str){.p = NULL, .n = 0};
    }
    return (struct px_str){.p = value, .n = n};
}

void px_kafka_view(rd_kafka_message_t *m, struct px_message *ret) {
    rd_kafka_timestamp_type_t kind;
    int64_t ms = rd_kafka_message_timestamp(m, &kind);
    *ret = (struct px_message){
        .partition = m->partition,
        .offset = m->offset,
        .key = {.p = m->key, .n = m->key ? m->key_len : 0},
        .value = {.p = m->payload, .n = m->payload ? m->len : 0},
        .timestamp = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : ms * PX_US_PER_MS,
        .traceparent = px_consumer_traceparent(m),
        .native = m,
    };
}

/* The library goes on behind a batch that it cannot read: stop here, so that nothing is skipped. */
static void px_consumer_stop_at(struct px_consumer *c, const rd_kafka_message_t *m,
                                enum px_code code) {
    c->bad = (struct px_message){.partition = m->partition, .offset = m->offset};
    PX_FAIL(&c->failure, code, "%s partition %d, offset %lld: %s", c->conf.topic, (int)m->partition,
            (long long)m->offset, rd_kafka_message_errstr(m));
    c->failure.native = (int)m->err;
}

static enum px_code px_consumer_denied(const struct px_consumer *c, rd_kafka_resp_err_t err,
                                       struct px_err *reterr) {
    bool group = err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    const struct px_acl what = {.op = PX_ACL_READ,
                                .on = group ? PX_ACL_ON_GROUP : PX_ACL_ON_TOPIC,
                                .name = group ? c->conf.group : c->conf.topic};
    return px_kafka_denied(reterr, err, c->conf.kafka, &what);
}

/* Errors of the stream. Transport errors and elections pass by themselves and are none of ours. */
static void px_consumer_trouble(struct px_consumer *c, const rd_kafka_message_t *m) {
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        px_consumer_gap(c, m->partition, m->offset);
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        c->missing_since = c->missing_since ? c->missing_since : px_consumer_now();
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        px_consumer_denied(c, m->err, &c->failure);
        break;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        px_consumer_stop_at(c, m, PX_UNREADABLE);
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        px_consumer_stop_at(c, m, PX_DEAD);
        break;
    default:
        break;
    }
}

/* While brokers count as down: look for them now and then; the group's own traffic is silent about
 * it. */
static void px_consumer_look(struct px_consumer *c) {
    px_us now = px_consumer_now();
    if (!c->brokers_down || now < c->look_at) {
        return;
    }
    c->look_at = now + PX_CONSUMER_LOOK_EVERY;
    const struct rd_kafka_metadata *md = NULL;
    if (rd_kafka_metadata(c->rk, 0, NULL, &md, PX_CONSUMER_LOOK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        c->brokers_down = false;
        rd_kafka_metadata_destroy(md);
    }
}

static enum px_code px_consumer_quiet(struct px_consumer *c, struct px_err *reterr) {
    px_consumer_look(c);
    if (c->missing_since && px_consumer_now() - c->missing_since > PX_CONSUMER_MISSING) {
        PX_FAIL(&c->failure, PX_NOT_FOUND, "topic %s does not exist on %s", c->conf.topic,
                c->conf.kafka->bootstrap);
    }
    if (c->failure.code != PX_OK && reterr) {
        *reterr = c->failure;
    }
    return c->failure.code;
}

/* The topic answers: what was missing or away is not any more. */
static void px_consumer_hears(struct px_consumer *c) {
    c->brokers_down = false;
    c->missing_since = 0;
}

enum px_code px_consumer_poll(struct px_consumer *c, px_us timeout, enum px_polled *ret_kind,
                              struct px_message *ret_message, struct px_err *reterr) {
    rd_kafka_message_t *m =
        c->failure.code == PX_OK ? rd_kafka_consumer_poll(c->rk, px_kafka_ms(timeout)) : NULL;
    if (m && m->err == RD_KAFKA_RESP_ERR_NO_ERROR && c->failure.code == PX_OK) {
        px_consumer_hears(c);
        px_kafka_view(m, ret_message);
        *ret_kind = PX_POLL_MESSAGE;
        return PX_OK;
    }
    enum px_polled kind = PX_POLL_NOTHING;
    struct px_message place = {.partition = -1};
    if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        px_consumer_hears(c);
        kind = PX_POLL_EOF;
        place.partition = m->partition;
        place.offset = m->offset;
    } else if (m && m->err) {
        px_consumer_trouble(c, m);
    }
    if (m) {
        rd_kafka_message_destroy(m);
    }
    enum px_code rc = px_consumer_quiet(c, reterr);
    if (rc == PX_OK) {
        *ret_kind = kind;
    }
    *ret_message = rc == PX_OK ? place : c->bad;
    return rc;
}

void px_message_free(struct px_message *m) {
    if (m->native) {
        rd_kafka_message_destroy(m->native);
    }
    m->native = NULL;
}

/* --- control ---------------------------------------------------------------------------------- */

static bool px_consumer_holds(const struct px_consumer *c, int32_t partition) {
    for (size_t i = 0; i < c->nheld; i++) {
        if (c->held[i] == partition) {
            return true;
        }
    }
    return false;
}

enum px_code px_consumer_pause(struct px_consumer *c, int32_t partition, bool paused,
                               struct px_err *reterr) {
    if (!px_consumer_holds(c, partition)) {
        return PX_FAIL(reterr, PX_NOT_FOUND, "%s partition %d is not assigned here", c->conf.topic,
                       (int)partition);
    }
    rd_kafka_topic_partition_list_t *v = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one =
        rd_kafka_topic_partition_list_add(v, c->conf.topic, partition);
    rd_kafka_resp_err_t err =
        paused ? rd_kafka_pause_partitions(c->rk, v) : rd_kafka_resume_partitions(c->rk, v);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = one->err;
    }
    rd_kafka_topic_partition_list_destroy(v);
    return err ? PX_KAFKA_FAIL(reterr, err, paused ? "pause" : "resume") : PX_OK;
}

enum px_code px_consumer_query(struct px_consumer *c, int32_t partition, px_us timeout,
                               int64_t *ret_low, int64_t *ret_high, struct px_err *reterr) {
    int64_t low, high;
    rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(c->rk, c->conf.topic, partition,
                                                               &low, &high, px_kafka_ms(timeout));
    if (px_kafka_code(err) == PX_DENIED) {
        return px_consumer_denied(c, err, reterr);
    }
    if (err) {
        return PX_KAFKA_FAIL(reterr, err, c->conf.topic);
    }
    *ret_low = low;
    *ret_high = high;
    return PX_OK;
}

enum px_code px_consumer_cluster_id(struct px_consumer *c, px_us timeout, char out[64],
                                    struct px_err *reterr) {
    char *id = rd_kafka_clusterid(c->rk, px_kafka_ms(timeout));
    if (!id) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "no broker of %s told its cluster id",
                       c->conf.kafka->bootstrap);
    }
    snprintf(out, 64, "%s", id);
    rd_kafka_mem_free(c->rk, id);
    return PX_OK;
}

void px_consumer_commit(struct px_consumer *c, const struct px_assigned *v, size_t n) {
    if (n == 0) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, c->conf.topic, v[i].partition)->offset = v[i].start;
    }
    PX_IGNORE(rd_kafka_commit(c->rk, list, 1)); /* dashboards only; SQL holds the truth */
    rd_kafka_topic_partition_list_destroy(list);
}

bool px_consumer_lost(const struct px_consumer *c) {
    return rd_kafka_assignment_lost(c->rk) != 0;
}

bool px_consumer_replaced(const struct px_consumer *c) {
    char why[160];
    return rd_kafka_fatal_error(c->rk, why, sizeof why) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

bool px_consumer_brokers_down(const struct px_consumer *c) {
    return c->brokers_down;
}

void px_consumer_close(struct px_consumer *c) {
    if (!c) {
        return;
    }
    if (c->rk) {
        rd_kafka_consumer_close(c->rk); /* calls revoked through the rebalance callback */
        px_consumer_let_go(c, false);   /* unless the library held nothing, after a gap */
        px_ends_stop(&c->ends);
        c->closed = true;
        if (!px_consumer_dispose(c->rk)) {
            return; /* what the library still holds points here */
        }
    }
    px_free(c);
}
