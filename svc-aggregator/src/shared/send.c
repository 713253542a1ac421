/* Writes records to a topic and waits for their acknowledgements; see the header. */
#include "send.h"

#include <px/mem.h>

#include <poll.h>

#define REPORT_MARGIN (1500 * PX_US_PER_MS) /* librdkafka looks at timeouts once a second */

struct agg_sender {
    struct agg_sender_conf conf;
    struct px_producer *producer;
    struct px_topic *topic;
    struct agg_sending *v; /* of the call that waits; tag = place + 1 */
    size_t n, open;
    enum px_code failed; /* of the first that was not stored */
};

static void reported(void *arg, const struct px_report *r) {
    struct agg_sender *s = arg;
    if (!s->v || r->tag == 0 || r->tag > s->n) {
        return;
    }
    struct agg_sending *one = &s->v[r->tag - 1];
    s->open--;
    one->stored = r->delivery == PX_PERSISTED;
    one->too_large = r->code == PX_TOO_LARGE;
    one->partition = r->partition;
    one->offset = r->offset;
    if (!one->stored && !one->too_large && s->failed == PX_OK) {
        s->failed = r->code == PX_DENIED || r->code == PX_NOT_FOUND ? r->code : PX_UNAVAILABLE;
    }
}

enum px_code agg_sender_open(const struct agg_sender_conf *conf, struct agg_sender **ret,
                             struct px_err *reterr) {
    struct agg_sender *s = px_alloc(sizeof *s);
    if (!s) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a producer");
    }
    s->conf = *conf;
    struct px_producer_conf pc = {.kafka = conf->kafka,
                                  .client_id = conf->client_id,
                                  .message_timeout = conf->timeout,
                                  .linger = 5 * PX_US_PER_MS,
                                  .compression = "lz4",
                                  .queue_messages = 10000,
                                  .report = reported,
                                  .arg = s};
    enum px_code rc = px_producer_open(&pc, &s->producer, reterr);
    rc = rc == PX_OK ? px_producer_topic(s->producer, conf->topic, &s->topic, reterr) : rc;
    if (rc != PX_OK) {
        agg_sender_close(s);
        return rc;
    }
    *ret = s;
    return PX_OK;
}

void agg_sender_close(struct agg_sender *s) {
    if (s) {
        px_producer_close(s->producer, PX_US_PER_S);
        px_free(s);
    }
}

static enum px_code send_one(struct agg_sender *s, size_t i, struct px_err *reterr) {
    struct agg_sending *one = &s->v[i];
    const struct px_header origin = {.name = "px-replay-of", .value = one->origin};
    struct px_record r = {.key = one->key,
                          .value = one->value,
                          .headers = &origin,
                          .nheaders = one->origin.n > 0 ? 1 : 0,
                          .tag = i + 1};
    enum px_code rc = px_producer_send(s->producer, s->topic, &r, reterr);
    one->too_large = rc == PX_TOO_LARGE;
    s->open += rc == PX_OK ? 1 : 0;
    return one->too_large ? PX_OK : rc;
}

static void await_reports(struct agg_sender *s) {
    px_us until = px_mono(s->conf.clock) + s->conf.timeout + REPORT_MARGIN;
    while (s->open > 0 && px_mono(s->conf.clock) < until) {
        struct pollfd fd = {.fd = px_producer_fd(s->producer), .events = POLLIN};
        (void)poll(&fd, 1, 50);
        px_producer_dispatch(s->producer);
    }
}

enum px_code agg_sender_put(struct agg_sender *s, struct agg_sending *v, size_t n,
                            struct px_err *reterr) {
    enum px_code rc = PX_OK;
    s->v = v;
    s->n = n;
    s->open = 0;
    s->failed = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < n; i++) {
        rc = send_one(s, i, reterr);
    }
    await_reports(s);
    bool silent = s->open > 0;
    s->v = NULL; /* reports that come later find nothing any more */
    if (rc == PX_OK && (silent || s->failed != PX_OK)) {
        struct px_producer_state state;
        px_producer_get(s->producer, &state);
        rc = PX_FAIL(reterr, silent ? PX_UNAVAILABLE : s->failed,
                     "%s did not take all records%s%s: run it again, it goes on behind what was "
                     "taken",
                     s->conf.topic, state.last_error[0] ? ": " : "", state.last_error);
    }
    return rc;
}
