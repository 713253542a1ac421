/* The idempotent producer: takes messages from the owner's loop, hands each one's fate back through
 * conf.report from px_producer_dispatch. Knows no loop: it offers an fd. What happens after a fatal
 * error is in producer_rebuild.c. Must never block in send or dispatch, nor lose or double a
 * report. */
#include "producer_internal.h"
#include <px/clock.h>
#include <px/hash.h>
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PX_PRODUCER_HEADERS 16
/* Reports of one dispatch: the loop's other work must have its turn too. */
#define PX_PRODUCER_TURN 8192

static_assert(sizeof(void *) >= sizeof(uint32_t), "a slot must fit into a message's opaque");

static px_us px_producer_now(void) {
    return px_mono(&px_clock_system);
}

enum px_code px_producer_open(const struct px_producer_conf *conf, struct px_producer **ret,
                              struct px_err *reterr) {
    struct px_producer *p = px_alloc(sizeof *p);
    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a producer");
    }
    p->conf = *conf;
    px_random(&p->jitter, sizeof p->jitter);
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum px_code rc = p->fd < 0 ? px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "eventfd") : PX_OK;
    if (rc == PX_OK) {
        rc = px_slots_init(&p->slots, conf->queue_messages, reterr);
    }
    if (rc == PX_OK) {
        rc = px_producer_handle_open(p, reterr);
    }
    if (rc != PX_OK) {
        px_producer_close(p, 0);
        return rc;
    }
    *ret = p;
    return PX_OK;
}

int px_producer_fd(const struct px_producer *p) {
    return p->fd;
}

enum px_code px_producer_topic(struct px_producer *p, const char *name, struct px_topic **ret,
                               struct px_err *reterr) {
    struct px_topic *t = px_alloc(sizeof *t);
    char *copy = px_strdup_n(name, strlen(name));
    if (!t || !copy) {
        px_free(t);
        px_free(copy);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for topic %s", name);
    }
    t->name = copy;
    enum px_code rc = p->rk ? px_producer_topic_bind(p, t, reterr) : PX_OK;
    if (rc != PX_OK) {
        px_free(copy);
        px_free(t);
        return rc;
    }
    t->next = p->topics;
    p->topics = t;
    *ret = t;
    return PX_OK;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void *px_producer_bytes(struct px_str s) {
    return (void *)(uintptr_t)s.p; /* the library copies and does not write */
}

static void *px_producer_opaque(uint32_t slot) {
    return (void *)(uintptr_t)((uint64_t)slot + 1);
}

static rd_kafka_resp_err_t px_producer_plain(struct px_topic *t, const struct px_record *r,
                                             uint32_t slot) {
    int rc = rd_kafka_produce(t->rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                              px_producer_bytes(r->value), r->value.n, r->key.p, r->key.n,
                              px_producer_opaque(slot));
    return rc == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

static rd_kafka_resp_err_t px_producer_headed(struct px_producer *p, struct px_topic *t,
                                              const struct px_record *r, uint32_t slot) {
    rd_kafka_vu_t v[5 + PX_PRODUCER_HEADERS];
    size_t n = 0;
    v[n].vtype = RD_KAFKA_VTYPE_RKT;
    v[n++].u.rkt = t->rkt;
    v[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    v[n++].u.i = RD_KAFKA_MSG_F_COPY;
    v[n].vtype = RD_KAFKA_VTYPE_VALUE;
    v[n].u.mem.ptr = px_producer_bytes(r->value);
    v[n++].u.mem.size = r->value.n;
    v[n].vtype = RD_KAFKA_VTYPE_KEY;
    v[n].u.mem.ptr = px_producer_bytes(r->key);
    v[n++].u.mem.size = r->key.n;
    v[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
    v[n++].u.ptr = px_producer_opaque(slot);
    for (size_t i = 0; i < r->nheaders; i++) {
        v[n].vtype = RD_KAFKA_VTYPE_HEADER;
        v[n].u.header.name = r->headers[i].name;
        v[n].u.header.val = r->headers[i].value.p;
        v[n++].u.header.size = (ssize_t)r->headers[i].value.n;
    }
    rd_kafka_error_t *e = rd_kafka_produceva(p->rk, v, n);
    rd_kafka_resp_err_t err = e ? rd_kafka_error_code(e) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (e) {
        rd_kafka_error_destroy(e);
    }
    return err;
}

static enum px_code px_producer_refused(struct px_producer *p, const struct px_topic *t,
                                        rd_kafka_resp_err_t err, struct px_err *reterr) {
    if (px_kafka_code(err) == PX_DENIED) {
        const struct px_acl what = {.op = PX_ACL_WRITE, .name = t->name};
        return px_kafka_denied(reterr, err, p->conf.kafka, &what);
    }
    if (err != RD_KAFKA_RESP_ERR__FATAL) {
        return PX_KAFKA_FAIL(reterr, err, t->name);
    }
    px_producer_fatal(p);
    return PX_FAIL(reterr, PX_UNAVAILABLE, "%s: the producer is being made anew: %s", t->name,
                   p->state.last_error);
}

enum px_code px_producer_send(struct px_producer *p, struct px_topic *t, const struct px_record *r,
                              struct px_err *reterr) {
    if (p->phase != PX_PRODUCER_LIVE) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "%s: the producer is being made anew: %s", t->name,
                       p->state.last_error);
    }
    if (r->nheaders > PX_PRODUCER_HEADERS) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%s: more than %d headers", t->name,
                       PX_PRODUCER_HEADERS);
    }
    uint32_t slot;
    if (!px_slots_take(&p->slots, r->tag, &slot)) {
        return PX_FAIL(reterr, PX_BUSY, "%s: the local queue of %lld messages is full", t->name,
                       (long long)p->conf.queue_messages);
    }
    rd_kafka_resp_err_t err =
        r->nheaders ? px_producer_headed(p, t, r, slot) : px_producer_plain(t, r, slot);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        uint64_t tag;
        px_assert(px_slots_give(&p->slots, slot, &tag));
        return px_producer_refused(p, t, err, reterr);
    }
    p->state.in_flight++;
    return PX_OK;
}

/* --- reports ---------------------------------------------------------------------------------- */

static enum px_delivery px_producer_delivery(const rd_kafka_message_t *m) {
    switch (rd_kafka_message_status(m)) {
    case RD_KAFKA_MSG_STATUS_PERSISTED:
        return m->err ? PX_MAYBE_PERSISTED : PX_PERSISTED;
    case RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED:
        return PX_MAYBE_PERSISTED;
    case RD_KAFKA_MSG_STATUS_NOT_PERSISTED:
        break;
    }
    return PX_NOT_PERSISTED;
}

static bool px_producer_tell(struct px_producer *p, uint32_t slot, struct px_report *r) {
    if (!px_slots_give(&p->slots, slot, &r->tag)) {
        return false;
    }
    p->state.in_flight--;
    p->conf.report(p->conf.arg, r);
    return true;
}

/* After a fatal error its cause stays, not what follows from it. */
static void px_producer_note(struct px_producer *p, const char *text) {
    if (p->phase != PX_PRODUCER_LIVE) {
        return;
    }
    snprintf(p->state.last_error, sizeof p->state.last_error, "%s", text);
}

static void px_producer_note_report(struct px_producer *p, const rd_kafka_message_t *m) {
    struct px_err err = PX_ERR_INIT;
    if (px_kafka_code(m->err) != PX_DENIED) {
        px_producer_note(p, rd_kafka_err2str(m->err));
        return;
    }
    const struct px_acl what = {.op = PX_ACL_WRITE, .name = rd_kafka_topic_name(m->rkt)};
    px_kafka_denied(&err, m->err, p->conf.kafka, &what);
    px_producer_note(p, err.msg);
}

static size_t px_producer_reports(struct px_producer *p, rd_kafka_event_t *ev) {
    size_t n = 0;
    const rd_kafka_message_t *m;
    while ((m = rd_kafka_event_message_next(ev))) {
        struct px_report r = {.delivery = px_producer_delivery(m),
                              .code = px_kafka_code(m->err),
                              .native = (int)m->err,
                              .partition = m->partition,
                              .offset = m->offset,
                              .value = {.p = m->payload, .n = m->payload ? m->len : 0}};
        if (r.delivery == PX_PERSISTED) {
            p->state.brokers_down = false;
            p->failures = 0;
        } else {
            px_producer_note_report(p, m);
        }
        n += px_producer_tell(p, (uint32_t)((uintptr_t)m->_private - 1), &r);
    }
    return n;
}

static void px_producer_error(struct px_producer *p, rd_kafka_event_t *ev) {
    if (rd_kafka_event_error_is_fatal(ev)) {
        px_producer_fatal(p);
        return;
    }
    if (rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        p->state.brokers_down = true;
    }
    px_producer_note(p, rd_kafka_event_error_string(ev));
}

size_t px_producer_drain(struct px_producer *p, px_us wait, size_t max) {
    size_t n = 0;
    rd_kafka_event_t *ev;
    while (n < max && p->queue && (ev = rd_kafka_queue_poll(p->queue, px_kafka_ms(wait)))) {
        wait = 0;
        switch (rd_kafka_event_type(ev)) {
        case RD_KAFKA_EVENT_DR:
            n += px_producer_reports(p, ev);
            break;
        case RD_KAFKA_EVENT_ERROR:
            px_producer_error(p, ev);
            break;
        default:
            break;
        }
        rd_kafka_event_destroy(ev);
    }
    return n;
}

size_t px_producer_give_up(struct px_producer *p) {
    size_t n = 0;
    for (uint32_t slot = 0; slot < p->slots.fresh; slot++) {
        struct px_report r = {.delivery = PX_MAYBE_PERSISTED,
                              .code = PX_DEAD,
                              .native = (int)RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
                              .partition = RD_KAFKA_PARTITION_UA,
                              .offset = RD_KAFKA_OFFSET_INVALID};
        n += px_producer_tell(p, slot, &r);
    }
    return n;
}

/* The fd only tells of an empty queue that got its first entry: read it before draining, so that an
 * entry that comes while we drain rings again. */
static void px_producer_quiet(const struct px_producer *p) {
    uint64_t count;
    while (read(p->fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

static void px_producer_ring(const struct px_producer *p) {
    const uint64_t one = 1;
    PX_IGNORE(write(p->fd, &one, sizeof one) < 0); /* full means it is ringing already */
}

size_t px_producer_dispatch(struct px_producer *p) {
    px_producer_quiet(p);
    size_t n = px_producer_drain(p, 0, PX_PRODUCER_TURN);
    if (n >= PX_PRODUCER_TURN) {
        px_producer_ring(p); /* more may wait: come back after the loop's other work */
    }
    n += px_producer_move(p);
    px_producer_probe(p);
    return n;
}

void px_producer_get(const struct px_producer *p, struct px_producer_state *ret) {
    *ret = p->state;
    ret->fatal = p->phase != PX_PRODUCER_LIVE;
}

/* --- closing ---------------------------------------------------------------------------------- */

static void px_producer_drain_until(struct px_producer *p, px_us deadline) {
    while (p->rk && p->state.in_flight && px_producer_now() < deadline) {
        px_us left = deadline - px_producer_now();
        px_producer_drain(p, left < 100 * PX_US_PER_MS ? left : 100 * PX_US_PER_MS, SIZE_MAX);
    }
}

/* After ${wait}: the library reports what it holds (never sent: NOT_PERSISTED; sent: MAYBE), and
 * what it does not even report within two seconds is MAYBE by our own table. */
static void px_producer_empty(struct px_producer *p, px_us wait) {
    px_producer_drain_until(p, px_producer_now() + wait);
    if (p->rk && p->state.in_flight) {
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
        px_producer_drain_until(p, px_producer_now() + 2 * PX_US_PER_S);
    }
    px_producer_give_up(p);
}

void px_producer_close(struct px_producer *p, px_us wait) {
    if (!p) {
        return;
    }
    p->phase = PX_PRODUCER_DRAINING; /* a report callback must not send any more */
    px_producer_empty(p, wait);
    px_producer_tasks_join(p);
    rd_kafka_t *rk = px_producer_handle_detach(p);
    if (rk) {
        rd_kafka_destroy(rk);
    }
    while (p->topics) {
        struct px_topic *t = p->topics;
        p->topics = t->next;
        px_free(t->name);
        px_free(t);
    }
    px_slots_fini(&p->slots);
    if (p->fd >= 0) {
        close(p->fd);
    }
    px_free(p);
}
