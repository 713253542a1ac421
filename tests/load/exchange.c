/* One request's way over a connection: taken, sent, answered or lost. Each turn's intents reach the
 * book before the first of their bytes is sent. It never decides when a request is due. */
#include "client.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_LATE       (10 * PX_US_PER_MS)
#define CLIENT_CONNECTING (3 * PX_US_PER_S)
#define CLIENT_ONE_WISH   (200 * PX_US_PER_MS)

/* --- the end of a request -----------------------------------------------------------------------
 */

/* Nothing of it can have been stored, or it carries an id that makes a second one harmless. */
static bool may_retry(const struct client *c, const struct load_request *r) {
    bool surely_not = r->state == LOAD_BUSY || r->state == LOAD_UNREACHABLE;
    bool maybe = r->state == LOAD_UNKNOWN || r->state == LOAD_UNANSWERED;

    return r->attempt < c->run->conf.attempts &&
           (surely_not || (maybe && (r->with_id || r->kind == LOAD_INVALID)));
}

static enum px_code finish(struct client *c, uint32_t i, const struct outcome *o) {
    record_outcome(&c->record, i, o);
    c->rest--;
    enum px_code rc = order_done(&c->order, i, &c->ready);
    struct load_request *r = &c->run->v[i];
    if (!rc && may_retry(c, r)) {
        px_us at = client_now() + retry_wait(&c->retry, r->attempt);
        if (at < c->give_up && !retry_add(&c->retry, at, i)) {
            return PX_NOMEM;
        }
    }
    return rc;
}

/* The connection is given up. ${state}: what that means for its request, if it has one. */
static enum px_code lose(struct client *c, struct conn *k, enum load_state state) {
    uint32_t i = k->request;

    pool_drop(&c->pool, k);
    return i == LOAD_NONE ? PX_OK
                          : finish(c, i, &(struct outcome){.state = state, .target = k->target});
}

/* --- answers ------------------------------------------------------------------------------------
 */

static enum load_state answer_state(const struct answer *a) {
    if (a->status == 200) {
        return LOAD_ACKED;
    }
    if (a->status == 503) {
        return px_str_is(a->code, "log_unknown") ? LOAD_UNKNOWN : LOAD_BUSY;
    }
    return a->status >= 400 && a->status < 500 ? LOAD_REFUSED : LOAD_STRANGE;
}

static enum px_code take_answer(struct client *c, struct conn *k, const struct answer *a) {
    uint32_t i = k->request;
    px_us now = client_now();
    px_us sent_after = c->run->v[i].next; /* see mark_sent */
    const struct outcome o = {.state = answer_state(a),
                              .status = a->status,
                              .target = k->target,
                              .service = now - k->since,
                              .latency = now - k->since + sent_after,
                              .event_id = a->event_id,
                              .received = a->received,
                              .code = a->code};
    return finish(c, i, &o);
}

static enum px_code take_bytes(struct client *c, struct conn *k, struct px_str got) {
    struct answer a;

    if (k->part.n) {
        px_buf_str(&k->part, got);
        got = px_buf_view(&k->part);
    }
    enum answer_is is = k->part.failed ? ANSWER_BROKEN : answer_read(got, &a);
    if (is == ANSWER_BROKEN) {
        return lose(c, k, LOAD_UNANSWERED);
    }
    if (is == ANSWER_PART) {
        if (k->part.n == 0) {
            px_buf_str(&k->part, got);
        }
        return PX_OK;
    }
    enum px_code rc = take_answer(c, k, &a);
    k->request = LOAD_NONE;
    if (a.close || a.n < got.n || !c->run->conf.keep_alive) {
        pool_drop(&c->pool, k);
    } else {
        px_buf_reset(&k->part);
        pool_idle(&c->pool, k, c->turn);
    }
    return rc;
}

/* Edge-triggered: reads until the answer is there or the kernel has no more. */
static enum px_code read_answer(struct client *c, struct conn *k) {
    enum px_code rc = PX_OK;

    while (!rc && k->state == CONN_BUSY) {
        ssize_t n = recv(k->fd, c->in, sizeof c->in, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            return PX_OK;
        }
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return lose(c, k, LOAD_UNANSWERED);
        }
        if (n > 0) {
            rc = take_bytes(c, k, (struct px_str){.p = c->in, .n = (size_t)n});
        }
    }
    return rc;
}

/* --- sending ------------------------------------------------------------------------------------
 */

/* Its bytes and its intent; both leave at the end of the turn. */
static void prepare(struct client *c, struct conn *k) {
    size_t from = c->out.n;

    px_assert(c->nbatch < PX_ARRAY_LEN(c->batch));
    load_request_write(&c->run->conf, &c->run->conf.targets[k->target], &c->run->v[k->request],
                       &c->out);
    record_intent(&c->record, k->request);
    c->batch[c->nbatch++] = (struct outgoing){.conn = k, .from = from, .n = c->out.n - from};
}

static void mark_sent(struct client *c, struct load_request *r, px_us now) {
    px_us lag = now - r->at > 0 ? now - r->at : 0;

    histogram_add(&c->run->lag, lag);
    c->run->late += lag > CLIENT_LATE;
    r->state = LOAD_SENT;
    r->at = px_wall(&px_clock_system);
    r->next = lag < UINT32_MAX ? (uint32_t)lag : UINT32_MAX; /* nobody waits behind it here */
}

/* What never left is LOAD_UNREACHABLE: nobody can have stored it. */
static enum px_code send_one(struct client *c, const struct outgoing *g) {
    struct conn *k = g->conn;
    px_us now = client_now();

    mark_sent(c, &c->run->v[k->request], now);
    c->run->targets[k->target].sent++;
    pool_sent(&c->pool, k, now);
    /* A request is far smaller than a socket's buffer: it fits or the connection is dead. */
    ssize_t n = send(k->fd, c->out.p + g->from, g->n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == (ssize_t)g->n) {
        return PX_OK;
    }
    return lose(c, k, n < 0 ? LOAD_UNREACHABLE : LOAD_UNANSWERED);
}

enum px_code exchange_send(struct client *c, struct px_err *reterr) {
    enum px_code rc = px_buf_ok(&c->out, reterr);

    rc = rc ? rc : record_flush(&c->record, reterr);
    for (size_t i = 0; !rc && i < c->nbatch; i++) {
        rc = send_one(c, &c->batch[i]);
    }
    c->nbatch = 0;
    px_buf_reset(&c->out);
    return rc;
}

/* Nobody accepts connections: that is the end of it, unless it is tried again. */
static enum px_code unreachable(struct client *c, uint32_t i) {
    record_intent(&c->record, i);
    c->run->v[i].at = px_wall(&px_clock_system);
    return finish(c, i, &(struct outcome){.state = LOAD_UNREACHABLE, .target = LOAD_NONE});
}

/* It got no connection: it is the next again. Its target is known to refuse now, so that another
 * one gets it, or nobody. */
static enum px_code put_back(struct client *c, uint32_t i) {
    return i == LOAD_NONE || queue_push_front(&c->ready, i) ? PX_OK : PX_NOMEM;
}

/* Gives connections to what is ready, in order. One that gave its answer in this turn is known to
 * be open; another may have been closed by its peer, and what is sent there would be lost. */
enum px_code exchange_dispatch(struct client *c) {
    enum px_code rc = PX_OK;

    while (!rc && c->ready.n && c->nbatch < CLIENT_BATCH) {
        uint32_t i = queue_pop(&c->ready);
        struct conn *k = NULL;
        enum pool_has has = pool_take(&c->pool, i, c->turn, &k);
        if (has == POOL_OPEN && k->fresh != c->turn && pool_ended(k)) {
            pool_drop(&c->pool, k);
            rc = put_back(c, i);
        } else if (has == POOL_OPEN) {
            prepare(c, k);
        } else if (has == POOL_DOWN) {
            rc = unreachable(c, i);
        } else if (has == POOL_WAIT) {
            rc = put_back(c, i);
            c->stuck = c->ready.n;
            return rc;
        }
    }
    c->stuck = 0;
    return rc;
}

enum px_code exchange_overdue(struct client *c) {
    struct conn *k;
    enum px_code rc = PX_OK;

    while (!rc && (k = TAILQ_FIRST(&c->pool.making)) && k->since + CLIENT_CONNECTING <= c->turn) {
        uint32_t i = k->request;
        pool_refused(&c->pool, k, c->turn);
        rc = put_back(c, i);
    }
    while (!rc && (k = TAILQ_FIRST(&c->pool.waiting)) &&
           k->since + c->run->conf.timeout <= c->turn) {
        rc = lose(c, k, LOAD_UNANSWERED);
    }
    return rc;
}

static enum px_code connected(struct client *c, struct conn *k) {
    uint32_t i = k->request;

    if (pool_connected(&c->pool, k, c->turn)) {
        if (k->state == CONN_TAKEN) {
            prepare(c, k);
        }
        return PX_OK;
    }
    return put_back(c, i);
}

/* Two signals at once are one wish: a terminal's to the whole group, and that of a script in it. */
static void asked_to_stop(struct client *c) {
    struct signalfd_siginfo told;

    if (read(c->signals, &told, sizeof told) != sizeof told) {
        return;
    }
    if (c->stops == 0 || c->turn - c->asked > CLIENT_ONE_WISH) {
        c->stops++;
        c->asked = c->turn;
    }
}

enum px_code exchange_event(struct client *c, const struct epoll_event *ev) {
    struct conn *k = ev->data.ptr;

    if (!k) {
        asked_to_stop(c);
        return PX_OK;
    }
    switch (k->state) {
    case CONN_CONNECTING:
        return connected(c, k);
    case CONN_BUSY: {
        enum px_code rc = read_answer(c, k);
        if (!rc && k->state == CONN_IDLE && (ev->events & (EPOLLRDHUP | EPOLLHUP))) {
            pool_drop(&c->pool, k);
        }
        return rc;
    }
    case CONN_IDLE:
        if ((ev->events & ~(uint32_t)EPOLLOUT) && pool_ended(k)) {
            pool_drop(&c->pool, k);
        }
        return PX_OK;
    case CONN_CLOSED:
    case CONN_TAKEN:
        break;
    }
    return PX_OK;
}

void exchange_abandon(struct client *c) {
    struct conn *k;

    while ((k = TAILQ_FIRST(&c->pool.waiting))) {
        record_outcome(&c->record, k->request,
                       &(struct outcome){.state = LOAD_UNANSWERED, .target = k->target});
        pool_drop(&c->pool, k);
    }
}
