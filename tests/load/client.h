/* The generator at work, shared by client.c (what is due, the loop) and exchange.c (connections,
 * requests, answers). One thread owns it. */
#ifndef CLIENT_H
#define CLIENT_H

#include "load.h"
#include "order.h"
#include "pool.h"
#include "record.h"
#include "retry.h"

#include <px/clock.h>

#define CLIENT_BATCH 256 /* sent in a turn, so that answers are not kept waiting */

struct outgoing {
    struct conn *conn;
    size_t from, n; /* its bytes in client.out */
};

struct client {
    struct load_run *run;
    struct load_gen gen;
    struct order order;
    struct pool pool;
    struct record record;
    struct retry retry;
    struct queue ready;
    struct outgoing batch[CLIENT_BATCH * 2]; /* besides the turn's own, connections just made */
    size_t nbatch;
    size_t stuck; /* of the ready, how many found no connection */
    struct px_buf out;
    char in[ANSWER_MAX];
    int signals, stops; /* stops: how often it was asked to end */
    px_us asked;        /* when last */
    uint64_t total;
    px_us began, turn; /* turn: when this turn began */
    px_us give_up;
    uint64_t rest; /* requests that have not come to their end */
};

static inline px_us client_now(void) {
    return px_mono(&px_clock_system);
}

/* --- exchange.c. Errors of all: PX_NOMEM; of exchange_send PX_IO too, with ${reterr} filled --- */

/* exchange_dispatch(c): give connections to what is ready, in order, for one batch. */
PX_MUST_USE enum px_code exchange_dispatch(struct client *c);

/* exchange_send(c, reterr): the batch: its intents first, then its bytes. */
PX_MUST_USE enum px_code exchange_send(struct client *c, struct px_err *reterr);

/* exchange_event(c, ev): what epoll said of one connection, or of the signals. */
PX_MUST_USE enum px_code exchange_event(struct client *c, const struct epoll_event *ev);

/* exchange_overdue(c): give up connections and answers that take too long. */
PX_MUST_USE enum px_code exchange_overdue(struct client *c);

/* exchange_abandon(c): what is still unanswered is recorded as that. */
void exchange_abandon(struct client *c);

#endif
