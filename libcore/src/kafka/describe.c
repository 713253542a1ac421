/* Looks at a cluster for probes, and creates topics for the local runs and tests. Each call makes
 * its own short-lived connection and leaves no trace. Must not be used on a hot path: these calls
 * block. */
#include "look.h"
#include <px/kafka_access.h>
#include <px/num.h>
#include <stdio.h>

/* --- describe --------------------------------------------------------------------------------- */

/* Asked once: it came with the metadata. Where none did, there is none, and no wait brings it. */
static void px_look_cluster_id(struct px_look *l, struct px_topic_info *info) {
    char *id = rd_kafka_clusterid(l->rk, px_look_wait(l));
    snprintf(info->cluster_id, sizeof info->cluster_id, "%s", id ? id : "");
    if (id) {
        rd_kafka_mem_free(l->rk, id);
    }
}

static rd_kafka_event_t *px_look_poll(const struct px_look *l, rd_kafka_queue_t *q) {
    rd_kafka_event_t *ev;
    do {
        ev = rd_kafka_queue_poll(q, px_look_wait(l));
    } while (!ev && px_look_left(l) > 1);
    return ev;
}

static bool px_look_setting_of(const rd_kafka_ConfigResource_t *r, const char *name,
                               struct px_buf *out) {
    size_t n;
    const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(r, &n);
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(v[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(v[i]), name) == 0 && value) {
            px_buf_c(out, value);
            return true;
        }
    }
    return false;
}

static bool px_look_setting_text(struct px_look *l, const char *topic, const char *name,
                                 struct px_buf *out) {
    bool got = false;
    rd_kafka_queue_t *q = rd_kafka_queue_new(l->rk);
    rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(l->rk, &r, 1, NULL, q);
    rd_kafka_event_t *ev = px_look_poll(l, q);
    const rd_kafka_DescribeConfigs_result_t *res =
        ev ? rd_kafka_event_DescribeConfigs_result(ev) : NULL;
    if (res && !rd_kafka_event_error(ev)) {
        size_t n;
        const rd_kafka_ConfigResource_t **v = rd_kafka_DescribeConfigs_result_resources(res, &n);
        got = n && px_look_setting_of(v[0], name, out);
    }
    if (ev) {
        rd_kafka_event_destroy(ev);
    }
    rd_kafka_ConfigResource_destroy(r);
    rd_kafka_queue_destroy(q);
    return got;
}

bool px_look_setting(struct px_look *l, const char *topic, const char *name, int64_t *ret) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(64);
    return px_look_setting_text(l, topic, name, &text) &&
           px_parse_i64(px_buf_view(&text), 1, INT32_MAX, ret);
}

enum px_code px_kafka_topic_setting(const struct px_kafka_conf *c, const struct px_topic_ask *ask,
                                    struct px_buf *out, struct px_err *reterr) {
    PX_DEFER(px_look_close) struct px_look l = {.rk = NULL};
    struct px_topic_info info = {.min_isr = -1};
    enum px_code rc = px_look_open(&l, c, ask->timeout, reterr);
    rc = rc == PX_OK ? px_look_metadata(&l, ask->topic, &info, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (!l.controller || !px_look_setting_text(&l, ask->topic, ask->setting, out)) {
        return PX_FAIL(reterr, PX_UNSUPPORTED, "the brokers do not tell %s of %s", ask->setting,
                       ask->topic);
    }
    return px_buf_ok(out, reterr);
}

enum px_code px_kafka_describe_unless(const struct px_kafka_conf *c,
                                      const struct px_topic_look *look, struct px_topic_info *ret,
                                      struct px_err *reterr) {
    PX_DEFER(px_look_close)
    struct px_look l = {.rk = NULL, .stop = look->stop, .arg = look->arg};
    struct px_topic_info info = {.min_isr = -1};
    enum px_code rc = px_look_open(&l, c, look->timeout, reterr);
    if (rc == PX_OK) {
        rc = px_look_metadata(&l, look->topic, &info, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    px_look_cluster_id(&l, &info);
    int64_t isr;
    if (look->topic && l.controller &&
        px_look_setting(&l, look->topic, "min.insync.replicas", &isr)) {
        info.min_isr = (int)isr;
    }
    if (px_look_stopped(&l)) { /* perhaps before the last answer */
        return px_look_fail(&l, RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
    }
    *ret = info;
    return PX_OK;
}

enum px_code px_kafka_describe(const struct px_kafka_conf *c, const char *topic, px_us timeout,
                               struct px_topic_info *ret, struct px_err *reterr) {
    const struct px_topic_look look = {.topic = topic, .timeout = timeout};
    return px_kafka_describe_unless(c, &look, ret, reterr);
}

/* --- create ----------------------------------------------------------------------------------- */

static enum px_code px_create_outcome(rd_kafka_event_t *ev, const char *name,
                                      struct px_err *reterr) {
    rd_kafka_resp_err_t err = ev ? rd_kafka_event_error(ev) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = ev && err ? rd_kafka_event_error_string(ev) : NULL;
    const rd_kafka_CreateTopics_result_t *res =
        ev && !err ? rd_kafka_event_CreateTopics_result(ev) : NULL;
    if (res) {
        size_t n;
        const rd_kafka_topic_result_t **v = rd_kafka_CreateTopics_result_topics(res, &n);
        err = n ? rd_kafka_topic_result_error(v[0]) : RD_KAFKA_RESP_ERR__FAIL;
        text = n ? rd_kafka_topic_result_error_string(v[0]) : NULL;
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return PX_OK;
    }
    px_err_set(reterr, px_kafka_code(err), PX_HERE, "creating topic %s: %s", name,
               text ? text : rd_kafka_err2str(err));
    if (reterr) {
        reterr->native = (int)err;
    }
    return px_kafka_code(err);
}

static enum px_code px_create_send(struct px_look *l, const struct px_topic_spec *t,
                                   struct px_err *reterr) {
    char text[128], ms[32];
    rd_kafka_NewTopic_t *nt =
        rd_kafka_NewTopic_new(t->name, t->partitions, t->replication, text, sizeof text);
    if (!nt) {
        return PX_FAIL(reterr, PX_CONFIG, "topic %s: %s", t->name, text);
    }
    snprintf(ms, sizeof ms, "%lld", (long long)t->retention_ms);
    if (t->retention_ms > 0) {
        rd_kafka_NewTopic_set_config(nt, "retention.ms", ms);
    }
    rd_kafka_queue_t *q = rd_kafka_queue_new(l->rk);
    rd_kafka_CreateTopics(l->rk, &nt, 1, NULL, q);
    rd_kafka_event_t *ev = px_look_poll(l, q);
    enum px_code rc = px_create_outcome(ev, t->name, reterr);
    if (ev) {
        rd_kafka_event_destroy(ev);
    }
    rd_kafka_queue_destroy(q);
    rd_kafka_NewTopic_destroy(nt);
    return rc;
}

enum px_code px_kafka_create_topic(const struct px_kafka_conf *c, const struct px_topic_spec *t,
                                   px_us timeout, struct px_err *reterr) {
    PX_DEFER(px_look_close) struct px_look l = {.rk = NULL};
    struct px_topic_info info = {.min_isr = -1};
    enum px_code rc = px_look_open(&l, c, timeout, reterr);
    if (rc == PX_OK) {
        rc = px_look_metadata(&l, NULL, &info, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    if (l.controller) {
        return px_create_send(&l, t, reterr);
    }
    if (px_look_metadata(&l, t->name, &info, NULL) == PX_OK) {
        return PX_OK; /* the dev broker cannot create topics on request, but has this one */
    }
    return PX_FAIL(reterr, PX_UNSUPPORTED, "topic %s: no broker of %s creates topics", t->name,
                   c->bootstrap);
}
