/* Reads a topic by the client's simple interface: partitions by number, offsets by hand, no group
 * to join and nothing to commit. One partition at a time, so that the order is the same each time
 * and what is fetched ahead stays small. */
#include "kafka_internal.h"
#include <px/clock.h>
#include <px/log_reader.h>
#include <stdio.h>

#define PX_LOG_READER_POLL_MS 200

struct px_log_range {
    int64_t from, to; /* offsets [from, to) */
};

struct px_log_reader {
    struct px_log_reader_conf conf;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    struct px_log_range *parts;
    int32_t n;
    int32_t at;   /* partition being read; n = all are */
    bool reading; /* the client fetches it             */
    rd_kafka_resp_err_t err;
    char text[96]; /* what the client last complained of */
};

static const struct px_kafka_property px_log_reader_fixed[] = {
    {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},        {"check.crcs", "true"},
    {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
    {"allow.auto.create.topics", "false"}, {"fetch.wait.max.ms", "100"},
    {"queued.max.messages.kbytes", "8192"}};

static void px_log_reader_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    struct px_log_reader *r = opaque;
    (void)rk;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && r->text[0]) {
        return; /* the single failures before it say more */
    }
    r->err = (rd_kafka_resp_err_t)err;
    snprintf(r->text, sizeof r->text, "%.95s", reason);
}

static enum px_code px_log_reader_fail(struct px_log_reader *r, rd_kafka_resp_err_t err,
                                       struct px_err *reterr) {
    rd_kafka_poll(r->rk, 0); /* runs px_log_reader_error */
    const struct px_acl what = {.op = PX_ACL_READ, .on = PX_ACL_ON_TOPIC, .name = r->conf.topic};
    if (px_kafka_code(r->err) == PX_DENIED || px_kafka_code(err) == PX_DENIED) {
        return px_kafka_denied(reterr, px_kafka_code(r->err) == PX_DENIED ? r->err : err,
                               r->conf.kafka, &what);
    }
    return PX_FAIL(reterr, PX_UNAVAILABLE, "%s at %.60s: %s%s%s", r->conf.topic,
                   r->conf.kafka->bootstrap, rd_kafka_err2str(err), r->text[0] ? ": " : "",
                   r->text);
}

static enum px_code px_log_reader_handle(struct px_log_reader *r, struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
    enum px_code rc = px_kafka_conf_new(r->conf.kafka, r->conf.client_id, r, &c, reterr);
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_all(c, px_log_reader_fixed, PX_ARRAY_LEN(px_log_reader_fixed),
                                   reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_error_cb(c, px_log_reader_error);
    rc = px_kafka_handle_new(RD_KAFKA_CONSUMER, PX_TAKE(c), &r->rk, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    r->topic = rd_kafka_topic_new(r->rk, r->conf.topic, NULL);
    return r->topic ? PX_OK : PX_KAFKA_FAIL(reterr, rd_kafka_last_error(), r->conf.topic);
}

/* --- where to begin and to end ---------------------------------------------------------------- */

static enum px_code px_log_reader_bounds(struct px_log_reader *r, bool ends,
                                         struct px_err *reterr) {
    for (int32_t p = 0; p < r->n; p++) {
        int64_t low, high;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
            r->rk, r->conf.topic, p, &low, &high, px_kafka_ms(r->conf.timeout));
        if (err) {
            return px_log_reader_fail(r, err, reterr);
        }
        r->parts[p].from = low;
        r->parts[p].to = ends ? high : r->parts[p].to;
    }
    return PX_OK;
}

static void px_log_reader_list_free(rd_kafka_topic_partition_list_t **v) {
    if (*v) {
        rd_kafka_topic_partition_list_destroy(*v);
    }
}

/* The first offset whose record is not older than ${ms}, per partition that holds something. */
static enum px_code px_log_reader_ask(struct px_log_reader *r, int64_t ms,
                                      rd_kafka_topic_partition_list_t **ret,
                                      struct px_err *reterr) {
    PX_DEFER(px_log_reader_list_free)
    rd_kafka_topic_partition_list_t *v = rd_kafka_topic_partition_list_new(r->n);
    for (int32_t p = 0; p < r->n; p++) {
        if (r->parts[p].from < r->parts[p].to) {
            rd_kafka_topic_partition_list_add(v, r->conf.topic, p)->offset = ms;
        }
    }
    rd_kafka_resp_err_t err =
        v->cnt ? rd_kafka_offsets_for_times(r->rk, v, px_kafka_ms(r->conf.timeout))
               : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; !err && i < v->cnt; i++) {
        err = v->elems[i].err;
    }
    if (err) {
        return px_log_reader_fail(r, err, reterr);
    }
    *ret = PX_TAKE(v);
    return PX_OK;
}

/* A broker that has nothing that late answers "end", and so does the dev broker whatever it is
 * asked. The latter is found out by asking for the beginning of time: then all is read. */
static enum px_code px_log_reader_since(struct px_log_reader *r, struct px_err *reterr) {
    PX_DEFER(px_log_reader_list_free) rd_kafka_topic_partition_list_t *at = NULL;
    PX_DEFER(px_log_reader_list_free) rd_kafka_topic_partition_list_t *first = NULL;
    enum px_code rc = px_log_reader_ask(r, r->conf.since / PX_US_PER_MS, &at, reterr);
    rc = rc == PX_OK ? px_log_reader_ask(r, 0, &first, reterr) : rc;
    for (int i = 0; rc == PX_OK && i < at->cnt; i++) {
        struct px_log_range *p = &r->parts[at->elems[i].partition];
        if (at->elems[i].offset >= 0) {
            p->from = at->elems[i].offset > p->from ? at->elems[i].offset : p->from;
        } else if (first->elems[i].offset >= 0) {
            p->from = p->to;
        }
    }
    return rc;
}

static void px_log_reader_stop(struct px_log_reader *r) {
    if (r->reading) {
        rd_kafka_consume_stop(r->topic, r->at);
        r->reading = false;
    }
}

static enum px_code px_log_reader_begin(struct px_log_reader *r, bool ends, struct px_err *reterr) {
    px_log_reader_stop(r);
    r->at = 0;
    enum px_code rc = px_log_reader_bounds(r, ends, reterr);
    return rc == PX_OK && r->conf.since > 0 ? px_log_reader_since(r, reterr) : rc;
}

enum px_code px_log_reader_open(const struct px_log_reader_conf *conf, struct px_log_reader **ret,
                                struct px_err *reterr) {
    struct px_topic_info info;
    enum px_code rc = px_kafka_describe(conf->kafka, conf->topic, conf->timeout, &info, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    struct px_log_reader *r = px_alloc(sizeof *r);
    struct px_log_range *parts = px_calloc2((size_t)info.partitions, sizeof *parts);
    if (!r || !parts) {
        px_free(r);
        px_free(parts);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a reader of %s", conf->topic);
    }
    *r = (struct px_log_reader){.conf = *conf, .parts = parts, .n = info.partitions};
    rc = px_log_reader_handle(r, reterr);
    rc = rc == PX_OK ? px_log_reader_begin(r, true, reterr) : rc;
    if (rc != PX_OK) {
        px_log_reader_close(r);
        return rc;
    }
    *ret = r;
    return PX_OK;
}

enum px_code px_log_reader_rewind(struct px_log_reader *r, struct px_err *reterr) {
    return px_log_reader_begin(r, false, reterr);
}

void px_log_reader_close(struct px_log_reader *r) {
    if (!r) {
        return;
    }
    px_log_reader_stop(r);
    if (r->topic) {
        rd_kafka_topic_destroy(r->topic);
    }
    if (r->rk) {
        rd_kafka_destroy(r->rk);
    }
    px_free(r->parts);
    px_free(r);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next partition that has something to read; false: there is none any more. */
static bool px_log_reader_turn(struct px_log_reader *r) {
    while (r->at < r->n && r->parts[r->at].from >= r->parts[r->at].to) {
        px_log_reader_stop(r);
        r->at++;
    }
    return r->at < r->n;
}

static enum px_code px_log_reader_start(struct px_log_reader *r, struct px_err *reterr) {
    if (!r->reading && rd_kafka_consume_start(r->topic, r->at, r->parts[r->at].from) != 0) {
        return px_log_reader_fail(r, rd_kafka_last_error(), reterr);
    }
    r->reading = true;
    return PX_OK;
}

/* What came instead of a record. PX_OK: go on. */
static enum px_code px_log_reader_trouble(struct px_log_reader *r, const rd_kafka_message_t *m,
                                          struct px_err *reterr) {
    struct px_log_range *p = &r->parts[r->at];
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: /* the rest of it holds no records */
        p->from = m->offset >= p->to ? p->to : p->from;
        return PX_OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return PX_FAIL(reterr, PX_GAP,
                       "%s partition %d: offset %lld was deleted while it was read; run it again",
                       r->conf.topic, (int)r->at, (long long)p->from);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return px_log_reader_fail(r, m->err, reterr);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return PX_FAIL(reterr, PX_DEAD, "%s partition %d, offset %lld: %s", r->conf.topic,
                       (int)r->at, (long long)m->offset, rd_kafka_message_errstr(m));
    default: /* transport and elections pass by themselves */
        return PX_OK;
    }
}

/* One answer of the client; *ret_found: it was a record of ours, now in ${ret}. */
static enum px_code px_log_reader_take(struct px_log_reader *r, rd_kafka_message_t *m,
                                       struct px_message *ret, bool *ret_found,
                                       struct px_err *reterr) {
    struct px_log_range *p = &r->parts[r->at];
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset < p->to) {
        px_kafka_view(m, ret);
        p->from = m->offset + 1;
        *ret_found = true;
        return PX_OK;
    }
    enum px_code rc = m->err ? px_log_reader_trouble(r, m, reterr) : PX_OK;
    p->from = m->err ? p->from : p->to;
    rd_kafka_message_destroy(m);
    return rc;
}

enum px_code px_log_reader_next(struct px_log_reader *r, struct px_message *ret,
                                struct px_err *reterr) {
    px_us until = px_mono(&px_clock_system) + r->conf.timeout;
    bool found = false;
    while (px_log_reader_turn(r)) {
        enum px_code rc = px_log_reader_start(r, reterr);
        rd_kafka_message_t *m =
            rc == PX_OK ? rd_kafka_consume(r->topic, r->at, PX_LOG_READER_POLL_MS) : NULL;
        rc = m ? px_log_reader_take(r, m, ret, &found, reterr) : rc;
        if (rc != PX_OK || found) {
            return rc;
        }
        rd_kafka_poll(r->rk, 0);
        if (px_mono(&px_clock_system) > until) {
            return px_log_reader_fail(r, RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
        }
    }
    return PX_NO_ROW;
}
