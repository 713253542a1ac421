/* May this program write, read, be of the group? Each question is asked so that the answer shows in
 * what the brokers refuse, and nothing is left behind. For --check; blocks. */
#include "look.h"

#include <px/kafka_access.h>
#include <px/num.h>

/* A record that big is not made for a probe. */
#define PX_ACCESS_BYTES_MAX (16 * 1024 * 1024)
#define PX_ACCESS_STEP_MS   200

static enum px_code px_access_denied(const struct px_look *l, rd_kafka_resp_err_t err,
                                     enum px_acl_op op, const char *topic, struct px_err *reterr) {
    const struct px_acl what = {.op = op, .on = PX_ACL_ON_TOPIC, .name = topic};
    return px_kafka_code(err) == PX_DENIED ? px_kafka_denied(reterr, err, l->conf, &what)
                                           : PX_KAFKA_FAIL(reterr, err, topic);
}

/* --- writing
 * -------------------------------------------------------------------------------------- */

struct px_access_report {
    bool came;
    rd_kafka_resp_err_t err;
};

static void px_access_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct px_access_report *r = m->_private;
    (void)rk, (void)opaque;
    r->came = true;
    r->err = m->err;
}

static void px_access_producer_free(rd_kafka_t **rk) {
    if (*rk) {
        rd_kafka_purge(*rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(*rk, 1000); /* its report points to the caller's stack */
        rd_kafka_destroy(*rk);
    }
}

static enum px_code px_access_producer(const struct px_kafka_conf *k, size_t bytes, px_us timeout,
                                       rd_kafka_t **ret, struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
    static const struct px_kafka_property plain[] = {
        {"enable.idempotence", "false"}, {"acks", "all"}, {"retries", "0"}, {"linger.ms", "0"}};
    enum px_code rc = px_kafka_conf_new(k, "px-probe", NULL, &c, reterr);
    rc = rc == PX_OK ? px_kafka_conf_set_all(c, plain, PX_ARRAY_LEN(plain), reterr) : rc;
    rc = rc == PX_OK ? px_kafka_conf_set_i64(c, "message.max.bytes", (int64_t)bytes + 65536, reterr)
                     : rc;
    rc = rc == PX_OK ? px_kafka_conf_set_i64(c, "message.timeout.ms", px_kafka_ms(timeout), reterr)
                     : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_dr_msg_cb(c, px_access_report);
    return px_kafka_handle_new(RD_KAFKA_PRODUCER, PX_TAKE(c), ret, reterr);
}

static void px_access_bytes_free(char **p) {
    px_free(*p);
}

static enum px_code px_access_oversize(struct px_look *l, const char *topic, size_t bytes,
                                       struct px_err *reterr) {
    struct px_access_report report = {.came = false};
    PX_DEFER(px_access_bytes_free) char *value = px_alloc(bytes);
    PX_DEFER(px_access_producer_free) rd_kafka_t *rk = NULL;
    if (!value) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a record of %zu bytes", bytes);
    }
    enum px_code rc =
        px_access_producer(l->conf, bytes, px_look_left(l) * PX_US_PER_MS, &rk, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_resp_err_t err = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, bytes),
        RD_KAFKA_V_OPAQUE(&report), RD_KAFKA_V_END);
    if (err) {
        return px_access_denied(l, err, PX_ACL_WRITE, topic, reterr);
    }
    while (!report.came && px_look_left(l) > 1) {
        rd_kafka_poll(rk, PX_ACCESS_STEP_MS);
    }
    if (!report.came) {
        return px_look_fail(l, RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
    }
    switch (report.err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return PX_OK;
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return PX_FAIL(reterr, PX_INTERNAL, "%s took a record that is larger than it takes", topic);
    default:
        return px_access_denied(l, report.err, PX_ACL_WRITE, topic, reterr);
    }
}

enum px_code px_kafka_try_write(const struct px_kafka_conf *c, const char *topic, px_us timeout,
                                struct px_err *reterr) {
    PX_DEFER(px_look_close) struct px_look l = {.rk = NULL};
    struct px_topic_info info = {.min_isr = -1};
    int64_t max;
    enum px_code rc = px_look_open(&l, c, timeout, reterr);
    rc = rc == PX_OK ? px_look_metadata(&l, topic, &info, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (!l.controller || !px_look_setting(&l, topic, "max.message.bytes", &max) ||
        max > PX_ACCESS_BYTES_MAX) {
        return PX_FAIL(reterr, PX_UNSUPPORTED,
                       "cannot be asked without writing: the brokers do not tell max.message.bytes "
                       "of %.90s, or it is above 16 MiB",
                       topic);
    }
    return px_access_oversize(&l, topic, (size_t)max + 1024, reterr);
}

/* --- reading
 * -------------------------------------------------------------------------------------- */

static void px_access_topic_free(rd_kafka_topic_t **t) {
    if (*t) {
        rd_kafka_consume_stop(*t, 0);
        rd_kafka_topic_destroy(*t);
    }
}

static enum px_code px_access_fetch(struct px_look *l, const char *topic, int64_t from,
                                    struct px_err *reterr) {
    PX_DEFER(px_access_topic_free) rd_kafka_topic_t *t = rd_kafka_topic_new(l->rk, topic, NULL);
    if (!t || rd_kafka_consume_start(t, 0, from) != 0) {
        return PX_KAFKA_FAIL(reterr, rd_kafka_last_error(), topic);
    }
    while (px_look_left(l) > 1) {
        rd_kafka_message_t *m = rd_kafka_consume(t, 0, PX_ACCESS_STEP_MS);
        rd_kafka_resp_err_t err = m ? m->err : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (m) {
            rd_kafka_message_destroy(m);
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            return PX_OK;
        }
        if (px_kafka_code(err) == PX_DENIED) {
            return px_access_denied(l, err, PX_ACL_READ, topic, reterr);
        }
    }
    return px_look_fail(l, RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
}

enum px_code px_kafka_try_read(const struct px_kafka_conf *c, const char *topic, px_us timeout,
                               struct px_err *reterr) {
    PX_DEFER(px_look_close) struct px_look l = {.rk = NULL};
    int64_t low, high;
    enum px_code rc = px_look_open(&l, c, timeout, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(l.rk, topic, 0, &low, &high, px_look_left(&l));
    if (px_kafka_code(err) == PX_DENIED) {
        return px_access_denied(&l, err, PX_ACL_DESCRIBE, topic, reterr);
    }
    if (err) {
        return px_look_fail(&l, err, reterr);
    }
    return px_access_fetch(&l, topic, high, reterr);
}

/* --- the group
 * ------------------------------------------------------------------------------------ */

static void px_access_list_free(rd_kafka_topic_partition_list_t **v) {
    rd_kafka_topic_partition_list_destroy(*v);
}

/* A coordinator that refuses shows in the consumer's queue, while the question itself waits on. */
static rd_kafka_resp_err_t px_access_queued(rd_kafka_t *rk) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 0);
    rd_kafka_resp_err_t err = m ? m->err : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (m) {
        rd_kafka_message_destroy(m);
    }
    return err;
}

enum px_code px_kafka_try_group(const struct px_kafka_conf *c, const char *group, const char *topic,
                                px_us timeout, struct px_err *reterr) {
    PX_DEFER(px_look_close) struct px_look l = {.rk = NULL};
    PX_DEFER(px_access_list_free)
    rd_kafka_topic_partition_list_t *v = rd_kafka_topic_partition_list_new(1);
    const struct px_acl what = {.op = PX_ACL_READ, .on = PX_ACL_ON_GROUP, .name = group};
    rd_kafka_topic_partition_list_add(v, topic, 0);
    enum px_code rc = px_look_open_group(&l, c, group, timeout, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_poll_set_consumer(l.rk);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (px_look_left(&l) > 1) {
        err = rd_kafka_committed(l.rk, v, PX_ACCESS_STEP_MS);
        rd_kafka_resp_err_t queued = px_access_queued(l.rk);
        err = px_kafka_code(queued) == PX_DENIED ? queued : err;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = v->elems[0].err;
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PX_OK;
        }
        if (px_kafka_code(err) == PX_DENIED) {
            return px_kafka_denied(reterr, err, c, &what);
        }
    }
    return px_look_fail(&l, err, reterr);
}
