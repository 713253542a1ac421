/* Who gives way when there is no room for one more connection, and which bodies come too slowly.
 * A connection that waits for its next request gives way first, the one that has waited longest
 * before the others; then those that have taken more time than an honest client needs. Whoever
 * waits for the program's answer never does. */
#include "http_priv.h"

#include "loop_priv.h"

#define CANDIDATES 64 /* looked at for one that gives way */

/* In order; how long one must have been at it. */
static const struct {
    enum px_wait wait;
    px_us patience;
} order[] = {
    {PX_WAIT_IDLE, 0},
    {PX_WAIT_LINGER, 0},
    {PX_WAIT_HANDSHAKE, PX_US_PER_S},
    {PX_WAIT_HEAD, PX_US_PER_S},
    {PX_WAIT_BODY, 2 * PX_US_PER_S},
    {PX_WAIT_WRITE, 2 * PX_US_PER_S},
};

static px_us waited(const struct px_http_server *s, const struct px_http_conn *c) {
    return px_loop_mono(s->loop) - (c->deadline - s->span[c->wait]);
}

static struct px_http_conn *candidate(const struct px_http_server *s) {
    for (size_t i = 0; i < PX_ARRAY_LEN(order); i++) {
        struct px_http_conn *c = s->waits[order[i].wait].head;
        if (c && waited(s, c) >= order[i].patience) {
            return c;
        }
    }
    return NULL;
}

/* A request may have arrived on an idle one just now: it is read first, and then the connection is
 * no candidate any more. */
static bool yields(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    size_t before = s->connections;
    if (c->wait == PX_WAIT_IDLE) {
        px_conn_wait(c, PX_WAIT_NONE);
        px_conn_poll(c);
        if (s->connections < before || c->wait != PX_WAIT_IDLE) {
            return s->connections < before;
        }
        px_conn_kill(c);
        return true;
    }
    px_conn_timeout(c); /* a slow request is told so, as far as that can be done at once */
    if (s->connections == before) {
        px_conn_kill(c);
    }
    return true;
}

bool px_crowd_yield(struct px_http_server *s) {
    for (int i = 0; i < CANDIDATES; i++) {
        struct px_http_conn *c = candidate(s);
        if (!c) {
            return false;
        }
        if (yields(c)) {
            s->pressure.gave_way++;
            return true;
        }
    }
    return false;
}

/* What has come of the body so far, decoded or not. */
static size_t arrived(const struct px_http_conn *c) {
    size_t all = c->in.end - c->in.start;
    return (all > c->gate.head ? all - c->gate.head : 0) + c->wire.sealed;
}

/* The list is in order of beginning: the first one within its grace ends the walk. */
void px_crowd_sweep(struct px_http_server *s, px_us now) {
    struct px_http_conn *next = NULL;
    for (struct px_http_conn *c = s->waits[PX_WAIT_BODY].head; c; c = next) {
        px_us took = now - (c->deadline - s->span[PX_WAIT_BODY]);
        next = c->next;
        if (took < s->conf.limits.body_grace) {
            return;
        }
        if (arrived(c) * PX_US_PER_S < s->conf.limits.body_rate * (size_t)took) {
            px_conn_timeout(c);
        }
    }
}
