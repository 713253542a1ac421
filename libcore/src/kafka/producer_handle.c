/* The librdkafka handle under a producer: its configuration, its event queue bound to the wake fd,
 * its topics. Opened at start and again after a fatal error; must not touch messages or reports. */
#include "producer_internal.h"

static const struct px_kafka_property px_producer_fixed[] = {
    {"enable.idempotence", "true"}, /* also bounds the requests in flight and keeps retrying */
    {"acks", "all"},
    {"partitioner", "murmur2_random"}, /* as Java's: a player stays in one partition */
};

/* A request must not outlive the message it carries, else a dead connection eats the whole time. */
static px_us px_producer_socket_timeout(px_us message_timeout) {
    px_us t = message_timeout;
    return t < PX_US_PER_S ? PX_US_PER_S : t > 60 * PX_US_PER_S ? 60 * PX_US_PER_S : t;
}

static enum px_code px_producer_settings(const struct px_producer_conf *conf, rd_kafka_conf_t *c,
                                         struct px_err *reterr) {
    const struct px_kafka_property compression = {"compression.type", conf->compression};
    enum px_code rc =
        px_kafka_conf_set_all(c, px_producer_fixed, PX_ARRAY_LEN(px_producer_fixed), reterr);
    if (rc == PX_OK && conf->compression) {
        rc = px_kafka_conf_set_all(c, &compression, 1, reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_i64(c, "message.timeout.ms", px_kafka_ms(conf->message_timeout),
                                   reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_i64(c, "socket.timeout.ms",
                                   px_kafka_ms(px_producer_socket_timeout(conf->message_timeout)),
                                   reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_ms(c, "linger.ms", conf->linger, reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_i64(c, "queue.buffering.max.messages", conf->queue_messages, reterr);
    }
    return rc;
}

enum px_code px_producer_topic_bind(struct px_producer *p, struct px_topic *t,
                                    struct px_err *reterr) {
    t->rkt = rd_kafka_topic_new(p->rk, t->name, NULL);
    if (!t->rkt) {
        return PX_KAFKA_FAIL(reterr, rd_kafka_last_error(), t->name);
    }
    return PX_OK;
}

enum px_code px_producer_handle_open(struct px_producer *p, struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
    enum px_code rc = px_kafka_conf_new(p->conf.kafka, p->conf.client_id, NULL, &c, reterr);
    if (rc == PX_OK) {
        rc = px_producer_settings(&p->conf, c, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_events(c, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rc = px_kafka_handle_new(RD_KAFKA_PRODUCER, PX_TAKE(c), &p->rk, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    p->queue = rd_kafka_queue_get_main(p->rk);
    static const uint64_t one = 1; /* what an eventfd takes */
    rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof one);
    for (struct px_topic *t = p->topics; t; t = t->next) {
        rc = px_producer_topic_bind(p, t, reterr);
        if (rc != PX_OK) {
            rd_kafka_destroy(px_producer_handle_detach(p));
            return rc;
        }
    }
    return PX_OK;
}

rd_kafka_t *px_producer_handle_detach(struct px_producer *p) {
    for (struct px_topic *t = p->topics; t; t = t->next) {
        if (t->rkt) {
            rd_kafka_topic_destroy(t->rkt);
        }
        t->rkt = NULL;
    }
    if (p->queue) {
        rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(p->queue);
    }
    p->queue = NULL;
    return PX_TAKE(p->rk);
}
