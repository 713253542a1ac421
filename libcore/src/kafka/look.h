/* One short-lived connection: what describe.c and the files of administration ask through. */
#ifndef PX_KAFKA_LOOK_H
#define PX_KAFKA_LOOK_H

#include "kafka_internal.h"

/* What the client's error callback last said: the reason behind "timed out". */
struct px_look {
    rd_kafka_t *rk;
    const struct px_kafka_conf *conf;
    px_us deadline;
    bool controller; /* a broker takes admin requests; the mock's controller is nobody */
    rd_kafka_resp_err_t err;
    char text[96];
};

/* px_look_open(l, conf, timeout, reterr): ${l} is empty before; close it whatever happens. ${conf}
 * is kept. Errors: PX_CONFIG, PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code px_look_open(struct px_look *l, const struct px_kafka_conf *conf,
                                      px_us timeout, struct px_err *reterr);
void px_look_close(struct px_look *l); /* for PX_DEFER */
/* px_look_left(l): milliseconds up to the deadline, at least 1. */
int px_look_left(const struct px_look *l);
/* px_look_fail(l, err, reterr): PX_DENIED or PX_UNAVAILABLE, with the reason behind ${err}. */
enum px_code px_look_fail(struct px_look *l, rd_kafka_resp_err_t err, struct px_err *reterr);
/* px_look_controller(l, md): notes whether one of the brokers of ${md} takes admin requests: they
 * wait for the controller, for ever if it is none of the brokers. */
void px_look_controller(struct px_look *l, const struct rd_kafka_metadata *md);

#endif
