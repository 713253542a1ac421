/* The settings that make a consumer take its offsets from SQL and from nowhere else: nothing is
 * stored or committed by the library, nothing is skipped by "reset", damaged batches are noticed.
 */
#include "consumer_internal.h"

static const struct px_kafka_property px_consumer_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"check.crcs", "true"},
    {"isolation.level", "read_committed"},
    {"partition.assignment.strategy", "range"}, /* cooperative loops and hangs before 2.6.1 */
    {"enable.partition.eof", "true"},
    {"allow.auto.create.topics", "false"},
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "50"}, /* also the pause after a full local queue */
};

/* Called from the owner's poll. */
static void px_consumer_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    struct px_consumer *c = opaque;
    (void)reason; /* says what the codes say */
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        char text[160] = "";
        rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, text, sizeof text);
        px_err_set(&c->failure, PX_DEAD, PX_HERE, "consumer of %s: %s: %s", c->conf.topic,
                   rd_kafka_err2name(cause), text);
    } else if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        c->brokers_down = true;
    } else if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        const struct px_acl what = {.op = PX_ACL_READ, .name = c->conf.topic};
        px_kafka_denied(&c->failure, (rd_kafka_resp_err_t)err, c->conf.kafka, &what);
    }
}

static enum px_code px_consumer_timeouts(const struct px_consumer_conf *conf, rd_kafka_conf_t *k,
                                         struct px_err *reterr) {
    px_us beat = conf->session_timeout / 3;
    enum px_code rc =
        px_kafka_conf_set_i64(k, "session.timeout.ms", px_kafka_ms(conf->session_timeout), reterr);
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_i64(k, "heartbeat.interval.ms",
                                   px_kafka_ms(beat > 3 * PX_US_PER_S ? 3 * PX_US_PER_S : beat),
                                   reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_i64(k, "max.poll.interval.ms", px_kafka_ms(conf->max_poll_interval),
                                   reterr);
    }
    if (rc == PX_OK) {
        int64_t kib = conf->fetch_queue_bytes / 1024;
        rc = px_kafka_conf_set_i64(k, "queued.max.messages.kbytes", kib < 1 ? 1 : kib, reterr);
    }
    return rc;
}

static enum px_code px_consumer_names(const struct px_consumer_conf *conf, rd_kafka_conf_t *k,
                                      struct px_err *reterr) {
    const struct px_kafka_property group = {"group.id", conf->group};
    const struct px_kafka_property instance = {"group.instance.id", conf->instance_id};
    enum px_code rc = px_kafka_conf_set_all(k, &group, 1, reterr);
    if (rc == PX_OK && conf->instance_id && *conf->instance_id) {
        rc = px_kafka_conf_set_all(k, &instance, 1, reterr);
    }
    return rc;
}

enum px_code px_consumer_settings(struct px_consumer *c, rd_kafka_conf_t **ret,
                                  struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *k = NULL;
    enum px_code rc = px_kafka_conf_new(c->conf.kafka, c->conf.client_id, c, &k, reterr);
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_all(k, px_consumer_fixed, PX_ARRAY_LEN(px_consumer_fixed), reterr);
    }
    if (rc == PX_OK) {
        rc = px_consumer_names(&c->conf, k, reterr);
    }
    if (rc == PX_OK) {
        rc = px_consumer_timeouts(&c->conf, k, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_rebalance_cb(k, px_consumer_rebalance);
    rd_kafka_conf_set_error_cb(k, px_consumer_error);
    *ret = PX_TAKE(k);
    return PX_OK;
}
