/* The inside of the HTTP server: one server per loop and its connections. Bytes go inbuf -> gate
 * (every byte) -> parse (llhttp) -> gate (meaning) -> chunk or length -> handler -> reply. Private
 * to src/http. */
#ifndef PX_HTTP_PRIV_H
#define PX_HTTP_PRIV_H

#include <px/buf.h>
#include <px/http.h>
#include <px/tls.h>

#include "crowd_priv.h"
#include "req_priv.h"
#include "wire_priv.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define PX_HTTP_EMBEDDED     4096        /* bytes of input that a request at work has by itself */
#define PX_HTTP_SPARE_WORKS  256         /* places to work that are kept for reuse           */
#define PX_HTTP_IN_A_TURN    16          /* requests of one connection in one turn           */
#define PX_HTTP_SPARES       16          /* larger buffers kept for reuse                    */
#define PX_HTTP_LINGER       PX_US_PER_S /* how long a closing connection still reads        */
#define PX_HTTP_LINGER_BYTES (1024 * 1024)

struct px_inbuf {
    char *p;                /* NULL: nothing is in progress */
    size_t cap, start, end; /* start: first byte of the request in progress */
};

/* What a connection needs while a request is read or answered, and an idle one does not. */
struct px_work {
    struct px_work *next; /* of the spare ones */
    struct px_http_req req;
    char bytes[PX_HTTP_EMBEDDED];
};

enum px_conn_state {
    PX_CONN_FREE,
    PX_CONN_HANDSHAKE, /* TLS: before the first byte of HTTP */
    PX_CONN_HEAD,      /* idle, or reading a head */
    PX_CONN_BODY,      /* reading a body */
    PX_CONN_HANDLING,  /* the program has the request */
    PX_CONN_REFUSING,  /* the gate or the program answers a refusal */
    PX_CONN_WRITING,   /* the reply did not fit into the socket at once */
    PX_CONN_LINGER,    /* answered and shut down; reading what the peer still sends */
    PX_CONN_DEAD,      /* to be released by whoever unwinds last */
};

/* Connections wait in one list per kind of deadline. The span of a kind is constant, so each list
 * is in order of its deadlines and only heads are looked at. */
enum px_wait {
    PX_WAIT_NONE,
    PX_WAIT_IDLE,
    PX_WAIT_HANDSHAKE,
    PX_WAIT_HEAD,
    PX_WAIT_BODY,
    PX_WAIT_WRITE,
    PX_WAIT_LINGER
};
#define PX_WAITS (PX_WAIT_LINGER + 1)

struct px_http_conn {
    struct px_http_server *server;
    struct px_http_conn *prev, *next; /* list of its deadline; next also links free ones */
    struct px_http_conn *resume_next;
    px_us deadline;
    enum px_wait wait;
    enum px_conn_state state;
    int fd;
    uint32_t slot, generation;
    bool busy;         /* a callback of this connection is on the stack */
    bool eof;          /* the peer shut down its side */
    bool reading;      /* the read event is armed */
    bool writable;     /* the write event is armed */
    bool deferred;     /* a ticket was given */
    bool resuming;     /* in the server's resume list */
    bool counted;      /* counts as pending */
    bool close_after;  /* close once the reply is out */
    bool linger_after; /* ... but read on for a while */
    bool skipped;      /* an empty line before the request was skipped */
    bool keeps;        /* a refusal that leaves the connection open */
    struct px_wire wire;
    size_t used; /* bytes of the complete request, from in.start */
    size_t lingered;
    struct event rev, wev;
    struct px_gate gate;
    struct px_chunks chunks;
    struct px_inbuf in;
    struct px_buf out; /* what the socket did not take */
    size_t out_at;
    struct px_addr addr; /* of the peer */
    char peer[PX_ADDR_TEXT];
    uint32_t counted_at;  /* peers.c: where it is counted */
    struct px_work *work; /* NULL: idle, or answered for good */
};

struct px_conn_list {
    struct px_http_conn *head, *tail;
};

struct px_spare {
    char *p;
    size_t cap;
};

struct px_http_server {
    struct px_loop *loop;
    struct px_http_conf conf;
    int fd;
    uint16_t port;
    bool draining;
    bool accepting; /* the listener's event is armed */
    bool starved;   /* paused: no descriptors */
    bool crowded;   /* paused: no room, and nobody who could give way */
    struct px_parked parked;
    struct event *listen_ev, *starved_ev, *tick_ev, *resume_ev;
    struct timeval tick;
    px_us span[PX_WAITS];
    struct px_conn_list waits[PX_WAITS];
    struct px_http_conn *resume_head, *resume_tail;
    size_t resumes;
    struct px_http_conn **slots; /* limits.connections entries, filled as slabs come */
    size_t nslots;
    struct px_http_conn *free_list;
    void **slabs;
    size_t nslabs;
    size_t connections, pending, shaking; /* shaking: in the list of handshakes */
    size_t buf_max;                       /* the largest input buffer a connection may need */
    struct px_spare spares[PX_HTTP_SPARES];
    size_t nspares;
    struct px_work *works; /* spare ones */
    size_t nworks;
    struct px_peers *peers; /* NULL: addresses are not counted */
    struct px_http_pressure pressure;
    unsigned handled; /* requests, for the looks at the clock */
    bool behind;      /* the turn at `behind_turn` has taken too long */
    px_us behind_turn;
    int64_t date_second;
    char common[192]; /* "Server: ...\r\nDate: ...\r\n" of date_second */
    size_t ncommon;
};

/* --- inbuf.c ---------------------------------------------------------------------------------- */
/* px_work_take(c): a place to work, if it has none; false without memory. px_work_give(c): back,
 * with the input buffer; what it held is forgotten. */
PX_MUST_USE bool px_work_take(struct px_http_conn *c);
void px_work_give(struct px_http_conn *c);
void px_work_free(struct px_http_server *s); /* all spares, at the end */
/* px_inbuf_room(s, b, pinned): bytes that can be read at b->p + b->end; moves or grows the buffer
 * unless ${pinned}. 0 = full (pinned), out of memory, or no more of it is allowed. */
size_t px_inbuf_room(struct px_http_conn *c, bool pinned);

/* --- conn.c ------------------------------------------------------------------------------------
 */
void px_conn_open(struct px_http_conn *c, int fd);
void px_conn_kill(struct px_http_conn *c); /* close at once; given back when not busy */
void px_conn_timeout(struct px_http_conn *c);
void px_conn_resume(struct px_http_conn *c); /* go on with what is buffered */
void px_conn_poll(struct px_http_conn *c);   /* read what is there, then go on */
void px_conn_wait(struct px_http_conn *c, enum px_wait w);
/* px_conn_send(c, parts, n): the reply, at most 4 parts: sent now, the rest kept for later. */
void px_conn_send(struct px_http_conn *c, const struct px_str *parts, size_t n);

/* --- read.c: bytes to requests -----------------------------------------------------------------
 */
void px_conn_begin(struct px_http_conn *c);   /* state for the next request */
void px_conn_request(struct px_http_conn *c); /* an empty request, where there is a place to work */
enum px_step px_conn_parse(struct px_http_conn *c, enum px_http_refusal *ret_why);

/* --- server.c ----------------------------------------------------------------------------------
 */
struct px_http_conn *px_server_take(struct px_http_server *s); /* NULL without memory */
void px_server_untake(struct px_http_conn *c);                 /* taken, but not opened */
void px_server_give(struct px_http_conn *c); /* closes its socket; accepting may go on */
/* px_server_resume(c, next): go on with ${c} soon; ${next}: not before the next turn. */
void px_server_resume(struct px_http_conn *c, bool next);
bool px_server_behind(struct px_http_server *s); /* this turn has taken too long */

/* --- bind.c, listen.c
 * ----------------------------------------------------------------------------------
 */
/* px_http_bind(b, ret_fd, reterr): a bound socket that does not listen yet. Errors: PX_UNAVAILABLE
 * (in use, no permission, no such address here; says what to do), PX_CONFIG (no address). */
struct px_bind {
    const char *address;
    uint16_t port;
    bool reuse_port;
};
PX_MUST_USE enum px_code px_http_bind(const struct px_bind *b, int *ret_fd, struct px_err *reterr);
PX_MUST_USE enum px_code px_listen_open(struct px_http_server *s, struct px_err *reterr);
void px_listen_update(struct px_http_server *s); /* accept or pause, as the limits say */
void px_listen_drain(struct px_http_server *s);  /* accept what waits, then close */
void px_listen_close(struct px_http_server *s);

/* --- reply.c -----------------------------------------------------------------------------------
 */
void px_reply_send(struct px_http_conn *c, const struct px_http_reply *reply);
void px_reply_refusal(struct px_http_conn *c, enum px_http_refusal why);

#endif
