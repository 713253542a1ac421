/* Administration: the connection, waiting for answers, and reading what a cluster holds. Must not
 * decide what ought to be different. */
#include "admin_internal.h"
#include <px/clock.h>

#define PX_ADMIN_MAX_BYTES ((size_t)64 * 1024 * 1024)

enum px_code px_kafka_admin_open(const struct px_kafka_conf *conf, px_us timeout,
                                 struct px_kafka_admin **ret, struct px_err *reterr) {
    struct px_kafka_admin *a = px_alloc(sizeof *a);
    if (!a) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a Kafka connection");
    }
    a->timeout = timeout;
    px_arena_init(&a->mem, PX_ADMIN_MAX_BYTES);
    enum px_code rc = px_look_open(&a->look, conf, timeout, reterr);
    if (rc != PX_OK) {
        px_kafka_admin_close(a);
        return rc;
    }
    a->queue = rd_kafka_queue_new(a->look.rk);
    *ret = a;
    return PX_OK;
}

void px_kafka_admin_close(struct px_kafka_admin *a) {
    if (!a) {
        return;
    }
    if (a->queue) {
        rd_kafka_queue_destroy(a->queue);
    }
    px_look_close(&a->look);
    px_arena_fini(&a->mem);
    px_free(a);
}

/* --- requests -----------------------------------------------------------------------------------
 */

void px_admin_begin(struct px_kafka_admin *a) {
    a->look.deadline = px_mono(&px_clock_system) + a->timeout;
}

void px_admin_event_free(rd_kafka_event_t **ev) {
    if (*ev) {
        rd_kafka_event_destroy(*ev);
    }
}

enum px_code px_admin_outcome(const struct px_kafka_admin *a, const struct px_admin_subject *s,
                              rd_kafka_resp_err_t err, const char *text, struct px_err *reterr) {
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PX_OK;
    }
    if (px_kafka_code(err) == PX_DENIED) {
        return px_kafka_denied(reterr, err, a->look.conf,
                               &(struct px_acl){.op = s->op, .on = s->on, .name = s->name});
    }
    enum px_code code = err == RD_KAFKA_RESP_ERR_INVALID_CONFIG ||
                                err == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
                                err == RD_KAFKA_RESP_ERR_POLICY_VIOLATION ||
                                err == RD_KAFKA_RESP_ERR_INVALID_REQUEST
                            ? PX_CONFIG
                            : px_kafka_code(err);
    px_err_set(reterr, code, PX_HERE, "%s %s: %s", px_acl_on_name(s->on), s->name,
               text ? text : rd_kafka_err2str(err));
    if (reterr) {
        reterr->native = (int)err;
    }
    return code;
}

enum px_code px_admin_wait(struct px_kafka_admin *a, const struct px_admin_subject *s,
                           rd_kafka_event_t **ret, struct px_err *reterr) {
    rd_kafka_event_t *ev = rd_kafka_queue_poll(a->queue, px_look_left(&a->look));
    if (!ev) {
        return px_look_fail(&a->look, RD_KAFKA_RESP_ERR__TIMED_OUT, reterr);
    }
    enum px_code rc =
        px_admin_outcome(a, s, rd_kafka_event_error(ev), rd_kafka_event_error_string(ev), reterr);
    if (rc != PX_OK) {
        rd_kafka_event_destroy(ev);
        return rc;
    }
    *ret = ev;
    return PX_OK;
}

const char *px_admin_keep(struct px_kafka_admin *a, const char *s) {
    return px_arena_dup(&a->mem, px_str_c(s)).p;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static enum px_code px_admin_read_topic(struct px_kafka_admin *a, const char *name,
                                        struct px_cluster_topic *ret, struct px_err *reterr) {
    struct px_topic_info info = {.min_isr = -1};
    struct px_err err = PX_ERR_INIT;
    *ret = (struct px_cluster_topic){.name = name};
    enum px_code rc = px_look_metadata(&a->look, name, &info, &err);
    if (rc == PX_NOT_FOUND) {
        return PX_OK;
    }
    if (rc != PX_OK) {
        if (reterr) {
            *reterr = err;
        }
        return rc;
    }
    ret->partitions = info.partitions;
    ret->replication = info.replication;
    ret->insync = info.insync;
    return px_admin_read_settings(a, ret, reterr);
}

enum px_code px_kafka_admin_read(struct px_kafka_admin *a, const struct px_cluster *want,
                                 struct px_cluster *ret, struct px_err *reterr) {
    struct px_topic_info info = {.min_isr = -1};
    px_admin_begin(a);
    enum px_code rc = px_look_metadata(&a->look, NULL, &info, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (!a->look.controller) {
        return PX_FAIL(reterr, PX_UNSUPPORTED, "no broker of %.80s takes administration requests",
                       a->look.conf->bootstrap);
    }
    struct px_cluster c = {.brokers = info.brokers, .ntopics = want->ntopics};
    c.topics = px_arena_zalloc(&a->mem, want->ntopics, sizeof *c.topics);
    if (!c.topics) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for what the cluster holds");
    }
    for (size_t i = 0; rc == PX_OK && i < want->ntopics; i++) {
        px_admin_begin(a);
        rc = px_admin_read_topic(a, want->topics[i].name, &c.topics[i], reterr);
    }
    rc = rc == PX_OK ? px_admin_read_acls(a, &c, reterr) : rc;
    if (rc == PX_OK) {
        *ret = c;
    }
    return rc;
}
