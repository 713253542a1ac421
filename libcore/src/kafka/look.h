/* One short-lived connection: what describe.c and the files of administration ask through. */
#ifndef PX_KAFKA_LOOK_H
#define PX_KAFKA_LOOK_H

#include "kafka_internal.h"

#include <px/cert.h>

#include <pthread.h>

/* What the client's error callback last said: the reason behind "timed out". */
struct px_look {
    rd_kafka_t *rk;
    const struct px_kafka_conf *conf;
    px_us deadline;
    bool (*stop)(void *arg); /* true: time is up; NULL = nobody asks. Set before it is opened */
    void *arg;
    bool controller; /* a broker takes admin requests; the mock's controller is nobody */
    rd_kafka_resp_err_t err;
    char text[256];
    pthread_mutex_t lock; /* over what follows: a thread of the library writes it */
    int x509_error;       /* why a broker's certificate was refused; 0 = was not  */
    struct px_cert cert;  /* that one */
};

/* px_look_open(l, conf, timeout, reterr): ${l} is empty before; close it whatever happens. ${conf}
 * is kept. Errors: PX_CONFIG, PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code px_look_open(struct px_look *l, const struct px_kafka_conf *conf,
                                      px_us timeout, struct px_err *reterr);
/* px_look_open_group: the same as a member of ${group} would ask; NULL = none. */
PX_MUST_USE enum px_code px_look_open_group(struct px_look *l, const struct px_kafka_conf *conf,
                                            const char *group, px_us timeout,
                                            struct px_err *reterr);
void px_look_close(struct px_look *l); /* for PX_DEFER */
/* px_look_left(l): milliseconds up to the deadline, at least 1. px_look_wait(l): how many of them
 * one call may wait before it is asked again whether to stop. px_look_stopped(l): it was stopped.
 */
int px_look_left(const struct px_look *l);
int px_look_wait(const struct px_look *l);
bool px_look_stopped(const struct px_look *l);
/* px_look_fail(l, err, reterr): PX_DENIED or PX_UNAVAILABLE, with the reason behind ${err};
 * PX_CANCELLED when it was stopped. */
enum px_code px_look_fail(struct px_look *l, rd_kafka_resp_err_t err, struct px_err *reterr);
/* px_look_metadata(l, topic, info, reterr): brokers, and with ${topic} its partitions and copies;
 * notes whether a broker takes admin requests. Errors: as px_kafka_describe. */
PX_MUST_USE enum px_code px_look_metadata(struct px_look *l, const char *topic,
                                          struct px_topic_info *info, struct px_err *reterr);
/* px_look_setting(l, topic, name, ret): describe.c; a number among the topic's settings, best
 * effort: a broker may not know the request, or not allow it. */
PX_MUST_USE bool px_look_setting(struct px_look *l, const char *topic, const char *name,
                                 int64_t *ret);

#endif
