/* The connections of the generator: one epoll set, several targets, none of which can hold the
 * others up. A target that refuses is left alone for a moment and then tried with one connection.
 * Knows nothing of requests but the number of the one that a connection works for. */
#ifndef POOL_H
#define POOL_H

#include "answer.h"
#include "load.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/queue.h>

enum conn_state {
    CONN_CLOSED,
    CONN_CONNECTING, /* perhaps for a request */
    CONN_IDLE,
    CONN_TAKEN, /* open, for a request that was not sent yet */
    CONN_BUSY,  /* sent */
};
struct conn {
    TAILQ_ENTRY(conn) link; /* of its target's idle or closed ones, or of the pool's */
    int fd;
    enum conn_state state;
    uint32_t target;
    uint32_t request;   /* LOAD_NONE: none */
    px_us since;        /* connecting or sent since */
    px_us fresh;        /* it gave an answer in the turn that began then */
    struct px_buf part; /* an answer of which some bytes are missing */
};
TAILQ_HEAD(conn_list, conn);

struct pool_target {
    struct addrinfo *address;
    struct conn_list idle, closed;
    unsigned fails;   /* connections refused in a row */
    unsigned trying;  /* connections being made */
    px_us not_before; /* after a refusal */
};
struct pool {
    int epoll;
    struct conn *conns;
    uint32_t n, ntargets, turn; /* turn: the target to be asked next */
    struct pool_target targets[LOAD_TARGETS];
    struct conn_list making, waiting; /* connecting, busy: oldest first */
};

/* pool_open(p, conf, reterr): resolve the targets and connect, to each at least once. Errors:
 * PX_USAGE (no such host, too few file descriptors), PX_UNAVAILABLE (no target answers), PX_NOMEM,
 * PX_IO. pool_close(p) is safe on a zeroed pool whose epoll is -1. */
PX_MUST_USE enum px_code pool_open(struct pool *p, const struct load_conf *conf,
                                   struct px_err *reterr);
void pool_close(struct pool *p);

enum pool_has {
    POOL_OPEN,       /* the connection is open: CONN_TAKEN */
    POOL_CONNECTING, /* it is being made: CONN_CONNECTING */
    POOL_WAIT,       /* all connections are in use, or the only ones left are on trial */
    POOL_DOWN,       /* no target accepts connections at this time */
};
/* pool_take(p, request, now, ret): a connection for ${request}, target by target in turn. */
enum pool_has pool_take(struct pool *p, uint32_t request, px_us now, struct conn **ret);

/* pool_connected(p, k, now): the end of CONN_CONNECTING. True: CONN_TAKEN, or CONN_IDLE when it is
 * for no request. False: it failed and is CONN_CLOSED. */
bool pool_connected(struct pool *p, struct conn *k, px_us now);

/* pool_refused(p, k, now): give up a CONN_CONNECTING: as if the target had refused it. */
void pool_refused(struct pool *p, struct conn *k, px_us now);

void pool_sent(struct pool *p, struct conn *k, px_us now);  /* CONN_TAKEN becomes CONN_BUSY */
void pool_idle(struct pool *p, struct conn *k, px_us turn); /* its answer came: CONN_IDLE */
void pool_drop(struct pool *p, struct conn *k); /* from any state to CONN_CLOSED; closes */

/* pool_ended(k): did the peer of an open connection close it, or say what nobody asked for? */
bool pool_ended(const struct conn *k);

/* pool_next(p): the earliest time at which a target that refused may be tried; INT64_MAX = none. */
px_us pool_next(const struct pool *p);

#endif
