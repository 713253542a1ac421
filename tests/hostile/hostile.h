/* px-hostile: clients as nobody wants them, and a polite one to measure beside them.
 *
 * net.c owns the connections: makes them at a rate, sends, reads and counts the answers. kinds.c
 * says for each kind of client what it sends when a connection is open and at each stroke of its
 * clock. ask.c is the open loop of the kinds that ask and wait: when a request is due depends on
 * the rate alone. options.c is the command line, px-hostile.c the loop and the summary. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "histogram.h"

#include <px/buf.h>

#define HOSTILE_STATUS 600
#define HOSTILE_NONE   UINT32_MAX

struct hostile;
struct link;

/* A kind of client: what its connections do. NULL = nothing. */
struct hostile_kind {
    const char *name, *what;
    void (*opened)(struct hostile *h, struct link *k);
    void (*stroke)(struct hostile *h, struct link *k); /* once in each --every */
    bool asks;                                         /* open loop at --rate: ask.c  */
    bool deaf;                                         /* does not read by itself      */
    bool vanishes;                                     /* closes once it has sent      */
};
const struct hostile_kind *hostile_kind_find(const char *name);
void hostile_kinds_print(void);

struct hostile_conf {
    const struct hostile_kind *kind;
    char host[64];
    uint16_t port;
    int64_t connections;
    int64_t rate; /* asking kinds: requests per second; others: connections made per second */
    int64_t depth, batch, sources;
    px_us duration, every, timeout;
    bool keep_alive, reopen;
};

enum link_state {
    LINK_CLOSED,
    LINK_CONNECTING,
    LINK_OPEN
};
struct link {
    int fd;
    enum link_state state;
    uint32_t owed;      /* answers that have to come */
    uint32_t next;      /* of the closed or the idle ones */
    bool idle;          /* in the list of the idle ones */
    px_us due, sent;    /* of the request that is owed */
    struct px_str rest; /* what is still to be sent */
    struct px_buf part; /* the beginning of an answer */
};

struct hostile_counts {
    uint64_t opened, failed, ended,
        reset;                    /* connections: made, not made, closed or reset by peer */
    uint64_t asked, lost, unsent; /* requests: sent, without an answer, never sent */
    uint64_t status[HOSTILE_STATUS];
    struct histogram ok, busy, other; /* asking kinds: from the time a request was due */
};

struct hostile {
    struct hostile_conf conf;
    struct link *links;
    uint32_t n, open, closed, idle; /* closed, idle: heads of lists */
    int epoll, signals;
    bool stopping, told; /* told: all connections were open once */
    px_us now, start, last;
    double may_open, strokes; /* what the rates allow by now */
    uint32_t cursor;
    px_us *due; /* asking kinds: a ring of requests that wait for a connection */
    uint32_t due_n, due_at;
    uint64_t planned;
    struct px_buf text; /* what the kind sends */
    struct hostile_counts c;
};

/* --- net.c --- */
PX_MUST_USE enum px_code net_open(struct hostile *h, struct px_err *reterr);
void net_close(struct hostile *h);
void net_turn(struct hostile *h); /* wait for events, at most a millisecond, and see to them */
void net_make(struct hostile *h); /* make connections, as many as the rate allows */
bool net_make_one(struct hostile *h, struct link **ret);
void net_send(struct hostile *h, struct link *k, struct px_str text);
void net_read(struct hostile *h, struct link *k, size_t most);
void net_drop(struct hostile *h, struct link *k, bool reset); /* reset: not a word of goodbye */

/* --- kinds.c --- */
/* kinds_text(h): what will be sent, made once. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code kinds_text(struct hostile *h, struct px_err *reterr);

/* --- ask.c --- */
PX_MUST_USE enum px_code ask_open(struct hostile *h, struct px_err *reterr);
void ask_turn(struct hostile *h);
void ask_answered(struct hostile *h, const struct link *k, int status);
void ask_idle(struct hostile *h, struct link *k); /* open, and owed nothing */
void ask_overdue(struct hostile *h);              /* gives up what waits too long */
void ask_begin(struct hostile *h, struct link *k);

/* --- options.c --- */
PX_MUST_USE bool hostile_options(struct hostile_conf *c, int argc, char **argv, int *ret_status);

#endif
