/* A real px_http server on a thread of its own, and a raw client that sends any bytes and counts
 * the answers. Waits have deadlines; nothing sleeps. */
#ifndef TEST_HTTP_RIG_H
#define TEST_HTTP_RIG_H

#include <px/http.h>

#include <pthread.h>

#define RIG_WAIT_MS  5000
#define RIG_TICKETS  4096
#define RIG_ANSWERS  64
#define RIG_BODY_MAX 2048

/* What the server does with a path: /ok "ok"; /echo its body; /query its query; /big?N N bytes;
 * /slow takes its time; /defer waits for rig_release; /close closes; /none 204; /peer the peer's
 * address; /fields the number of fields; else 404. */
struct rig {
    struct px_tls_use tls; /* set before the start: the server speaks TLS */
    struct px_loop *loop;
    struct px_http_server *server;
    pthread_t thread;
    int port;
    const char *address; /* NULL = 127.0.0.1 */
    bool reuse_port;
    bool gif_on_refusal; /* answer refusals of image requests with "GIF" */
    /* touched on the loop thread only; read through rig_call or after rig_stop */
    struct px_http_ticket tickets[RIG_TICKETS];
    size_t ntickets, handled, refused, answered, gone;
    size_t before_defer; /* handled when the last request was deferred */
    long slow_ms;        /* how long each request of /slow takes */
    unsigned refusals[PX_REFUSALS];
};

void rig_start(struct rig *g, const struct px_http_limits *lim);
void rig_stop(struct rig *g);
void rig_stop_pressure(struct rig *g, struct px_http_pressure *ret); /* and what the limits did */
/* rig_call: run fn(g) on the loop thread and wait for it. */
void rig_call(struct rig *g, void (*fn)(struct rig *g));
/* rig_until: call until the function is true, or fail after RIG_WAIT_MS. */
void rig_until(struct rig *g, bool (*fn)(struct rig *g), const char *what);
/* For rig_until. */
bool rig_one_ticket(struct rig *g);     /* a deferred request, not answered yet */
bool rig_one_pending(struct rig *g);    /* px_http_pending says 1               */
bool rig_no_connections(struct rig *g); /* px_http_connections says 0           */
void rig_release(struct rig *g);        /* answer all deferred requests: body "late" */
void rig_drain(struct rig *g);

/* rig_tls(on): from here on servers of rig_start speak TLS and raw_open connects by it, so that a
 * program can run its tests once more. */
void rig_tls(bool on);

/* A raw connection. */
struct raw {
    int fd;
    struct ssl_st *ssl; /* NULL: without TLS */
    char *buf;          /* received and not yet taken */
    size_t n, cap;
    bool eof, reset;
};
struct raw_answer {
    int status;
    size_t length; /* Content-Length, or 0 */
    char head[2048];
    char body[RIG_BODY_MAX]; /* its first bytes, NUL-terminated */
};
void raw_open(struct raw *c, int port);
void raw_close(struct raw *c);
void raw_half_close(struct raw *c); /* sends no more, and says so in the way of its transport */
void raw_send(struct raw *c, struct px_str bytes); /* all of it; a peer that closed is fine */
/* raw_next: the next final answer; false when the connection ended before one (c->eof or c->reset).
 * 100 Continue is skipped and counted in *continues when not NULL. Fails the test after
 * RIG_WAIT_MS. */
bool raw_next(struct raw *c, bool head, struct raw_answer *ret, int *continues);
/* raw_expect: the next answer has this status and body (NULL: any). */
void raw_expect(struct raw *c, int status, const char *body);
/* raw_ended: wait until the peer closes; fails when bytes are left over. */
void raw_ended(struct raw *c);

#endif
