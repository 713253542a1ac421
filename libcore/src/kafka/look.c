/* A short-lived connection for looking at a cluster and for administration: open, a deadline for all
 * that is asked, what went wrong in words. Leaves no trace on the cluster. */
#include "look.h"
#include <px/clock.h>
#include <stdio.h>

static void px_look_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    struct px_look *l = opaque;
    (void)rk;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && l->text[0]) {
        return; /* the single failures before it say more */
    }
    l->err = (rd_kafka_resp_err_t)err;
    snprintf(l->text, sizeof l->text, "%.95s", reason);
}

int px_look_left(const struct px_look *l) {
    px_us left = l->deadline - px_mono(&px_clock_system);
    return left < PX_US_PER_MS ? 1 : px_kafka_ms(left);
}

void px_look_close(struct px_look *l) {
    if (l->rk) {
        rd_kafka_destroy(l->rk);
    }
}

enum px_code px_look_open(struct px_look *l, const struct px_kafka_conf *conf, px_us timeout,
                          struct px_err *reterr) {
    const struct px_kafka_property quiet = {"allow.auto.create.topics", "false"};
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
    l->conf = conf;
    l->deadline = px_mono(&px_clock_system) + timeout;
    enum px_code rc = px_kafka_conf_new(conf, "px-probe", l, &c, reterr);
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_all(c, &quiet, 1, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_error_cb(c, px_look_error);
    return px_kafka_handle_new(RD_KAFKA_CONSUMER, PX_TAKE(c), &l->rk, reterr);
}

enum px_code px_look_fail(struct px_look *l, rd_kafka_resp_err_t err, struct px_err *reterr) {
    rd_kafka_poll(l->rk, 0); /* runs px_look_error */
    bool denied = px_kafka_code(l->err) == PX_DENIED || px_kafka_code(err) == PX_DENIED;
    px_err_set(reterr, denied ? PX_DENIED : PX_UNAVAILABLE, PX_HERE, "Kafka at %.80s: %s%s%s",
               l->conf->bootstrap, rd_kafka_err2str(err), l->text[0] ? ": " : "", l->text);
    if (reterr) {
        reterr->native = (int)(denied && l->err ? l->err : err);
    }
    return denied ? PX_DENIED : PX_UNAVAILABLE;
}

void px_look_controller(struct px_look *l, const struct rd_kafka_metadata *md) {
    int32_t id = rd_kafka_controllerid(l->rk, 0);
    for (int i = 0; i < md->broker_cnt; i++) {
        l->controller = l->controller || md->brokers[i].id == id;
    }
}
