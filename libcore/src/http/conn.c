/* The life of one connection: read, hand the request over, send the reply, next request or close.
 * The only file that moves bytes (recv, send, shutdown), so that another transport has one place.
 * It must not interpret bytes: that is read.c's. */
#include "http_priv.h"

#include "loop_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define GATHER 4096 /* replies up to this are copied together: one plain send is the cheapest */

static void process(struct px_http_conn *c);

/* --- deadlines and events ----------------------------------------------------------------------
 */

static void unlink_wait(struct px_http_conn *c) {
    struct px_conn_list *l = &c->server->waits[c->wait];
    *(c->prev ? &c->prev->next : &l->head) = c->next;
    *(c->next ? &c->next->prev : &l->tail) = c->prev;
    c->prev = c->next = NULL;
}

void px_conn_wait(struct px_http_conn *c, enum px_wait w) {
    struct px_http_server *s = c->server;
    if (c->wait != PX_WAIT_NONE) {
        unlink_wait(c);
    }
    c->wait = w;
    if (w == PX_WAIT_NONE) {
        return;
    }
    struct px_conn_list *l = &s->waits[w];
    c->deadline = px_loop_mono(s->loop) + s->span[w];
    c->prev = l->tail;
    *(l->tail ? &l->tail->next : &l->head) = c;
    l->tail = c;
}

static void read_events(struct px_http_conn *c, bool on) {
    if (c->reading == on) {
        return;
    }
    c->reading = on;
    if ((on ? event_add(&c->rev, NULL) : event_del(&c->rev)) != 0) {
        px_conn_kill(c);
    }
}

static void write_events(struct px_http_conn *c, bool on) {
    if (c->writable == on) {
        return;
    }
    c->writable = on;
    if ((on ? event_add(&c->wev, NULL) : event_del(&c->wev)) != 0) {
        px_conn_kill(c);
    }
}

/* Callbacks of a connection hold it while they run: enter ... leave. */
static void leave(struct px_http_conn *c) {
    c->busy = false;
    if (c->state == PX_CONN_DEAD) {
        px_server_give(c);
    }
}

void px_conn_kill(struct px_http_conn *c) {
    if (c->state == PX_CONN_DEAD) {
        return;
    }
    c->state = PX_CONN_DEAD;
    c->generation++;
    if (c->counted) {
        c->counted = false;
        c->server->pending--;
    }
    if (!c->busy) {
        px_server_give(c);
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* While the program holds the request its views pin the buffer; a full one then stops the reading.
 */
static void fill(struct px_http_conn *c) {
    bool pinned = c->state != PX_CONN_HEAD && c->state != PX_CONN_BODY;
    size_t room = px_inbuf_room(c->server, &c->in, pinned);
    if (room == 0 && pinned) {
        read_events(c, false);
        return;
    }
    if (room == 0) {
        px_conn_kill(c); /* out of memory */
        return;
    }
    ssize_t n = recv(c->fd, c->in.p + c->in.end, room, 0);
    if (n > 0) {
        c->in.end += (size_t)n;
    } else if (n == 0) {
        c->eof = true; /* half-closed at least: what was asked is still answered */
        read_events(c, false);
    } else if (errno != EAGAIN && errno != EINTR) {
        px_conn_kill(c);
    }
}

/* Reading on for a while lets the peer read our answer: closing with unread bytes would reset it.
 */
static void linger(struct px_http_conn *c) {
    ssize_t n = recv(c->fd, c->in.p, c->in.cap, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    c->lingered += n > 0 ? (size_t)n : 0;
    if (n <= 0 || c->lingered > PX_HTTP_LINGER_BYTES) {
        px_conn_kill(c);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct px_http_conn *c = arg;
    (void)fd, (void)what;
    px_conn_poll(c);
}

void px_conn_poll(struct px_http_conn *c) {
    c->busy = true;
    if (c->state == PX_CONN_LINGER) {
        linger(c);
    } else {
        fill(c);
        process(c);
    }
    leave(c);
}

void px_conn_resume(struct px_http_conn *c) {
    c->busy = true;
    process(c);
    leave(c);
}

/* --- one request --------------------------------------------------------------------------------
 */

static void refuse(struct px_http_conn *c, enum px_http_refusal why) {
    const struct px_http_conf *conf = &c->server->conf;
    c->state = PX_CONN_REFUSING;
    px_conn_wait(c, PX_WAIT_NONE);
    c->req.received = px_loop_now(c->server->loop);
    if (conf->refused) {
        conf->refused(conf->arg, why, &c->req);
    }
    if (c->state == PX_CONN_REFUSING) {
        px_reply_refusal(c, why);
    }
}

static void handle(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    px_conn_wait(c, PX_WAIT_NONE);
    c->req.received = px_loop_now(s->loop);
    c->state = PX_CONN_HANDLING;
    c->counted = true;
    s->pending++;
    s->conf.handler(s->conf.arg, &c->req);
    px_assert(c->state != PX_CONN_HANDLING || c->deferred); /* a handler replies or defers */
}

/* A peer that waits for it may send its body; one that has begun already did not wait. */
static void send_continue(struct px_http_conn *c) {
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool wanted = c->req.expects && c->in.end - c->in.start <= c->gate.head;
    c->req.expects = false;
    if (wanted && send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(text) - 1) {
        px_conn_kill(c);
    }
}

/* Nothing more can be done with what is here: wait for the rest, under the right deadline. */
static void settle(struct px_http_conn *c) {
    bool empty = c->in.start == c->in.end;
    if (c->state != PX_CONN_HEAD && c->state != PX_CONN_BODY) {
        return;
    }
    if (c->eof || (c->state == PX_CONN_HEAD && empty && c->server->draining)) {
        px_conn_kill(c);
        return;
    }
    enum px_wait w = c->state == PX_CONN_BODY ? PX_WAIT_BODY : PX_WAIT_HEAD;
    if (c->state == PX_CONN_HEAD && empty) {
        px_inbuf_release(c->server, &c->in);
        w = PX_WAIT_IDLE;
    }
    if (c->wait != w) {
        px_conn_wait(c, w);
    }
    if (w == PX_WAIT_BODY) {
        send_continue(c);
    }
    read_events(c, true);
}

/* Answers one request after the other, as long as whole ones are buffered. */
static void process(struct px_http_conn *c) {
    while (c->state == PX_CONN_HEAD || c->state == PX_CONN_BODY) {
        enum px_http_refusal why;
        enum px_step step = px_conn_parse(c, &why);
        if (step == PX_STEP_MORE) {
            break;
        }
        if (step == PX_STEP_REFUSED) {
            refuse(c, why);
        } else {
            handle(c);
        }
    }
    settle(c);
}

/* --- replying ------------------------------------------------------------------------------------
 */

static void finish(struct px_http_conn *c) {
    if (!c->linger_after || c->eof) {
        px_conn_kill(c);
        return;
    }
    shutdown(c->fd, SHUT_WR);
    c->state = PX_CONN_LINGER;
    c->lingered = 0;
    px_conn_wait(c, PX_WAIT_LINGER);
    read_events(c, true);
}

/* The whole reply is with the kernel. */
static void answered(struct px_http_conn *c) {
    if (c->counted) {
        c->counted = false;
        c->server->pending--;
    }
    px_conn_wait(c, PX_WAIT_NONE);
    if (c->close_after) {
        finish(c);
        return;
    }
    c->in.start += c->used;
    if (c->in.start == c->in.end) {
        c->in.start = c->in.end = 0;
    }
    px_conn_begin(c);
    if (c->busy) {
        return; /* process() goes on */
    }
    if (c->in.start < c->in.end) {
        px_server_resume(c);
    } else {
        settle(c);
    }
}

static ssize_t push(int fd, const struct px_str *parts, size_t n, size_t total) {
    PX_UNSET char all[GATHER];
    struct iovec iov[4];
    if (total <= sizeof(all)) {
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            if (parts[i].n) {
                memcpy(all + at, parts[i].p, parts[i].n);
                at += parts[i].n;
            }
        }
        return send(fd, all, total, MSG_NOSIGNAL);
    }
    for (size_t i = 0; i < n; i++) {
        union {
            const char *in;
            void *out; /* sendmsg only reads */
        } base = {.in = parts[i].p};
        iov[i] = (struct iovec){.iov_base = base.out, .iov_len = parts[i].n};
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
    return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* Keeps what the socket did not take and waits until it is writable. */
static void keep(struct px_http_conn *c, const struct px_str *parts, size_t n, size_t sent) {
    px_buf_init(&c->out, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n == 0) {
            continue;
        }
        size_t skip = sent < parts[i].n ? sent : parts[i].n;
        px_buf_add(&c->out, parts[i].p + skip, parts[i].n - skip);
        sent -= skip;
    }
    c->out_at = 0;
    if (px_buf_ok(&c->out, NULL) != PX_OK) {
        px_conn_kill(c);
        return;
    }
    c->state = PX_CONN_WRITING;
    px_conn_wait(c, PX_WAIT_WRITE);
    write_events(c, true);
}

void px_conn_send(struct px_http_conn *c, const struct px_str *parts, size_t n) {
    size_t total = 0;
    px_assert(n <= 4);
    for (size_t i = 0; i < n; i++) {
        total += parts[i].n;
    }
    ssize_t sent = push(c->fd, parts, n, total);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        px_conn_kill(c);
        return;
    }
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == total) {
        answered(c);
    } else {
        keep(c, parts, n, done);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct px_http_conn *c = arg;
    (void)fd, (void)what;
    c->busy = true;
    ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL);
    if (n >= 0) {
        c->out_at += (size_t)n;
    } else if (errno != EAGAIN && errno != EINTR) {
        px_conn_kill(c);
    }
    if (c->state == PX_CONN_WRITING && c->out_at == c->out.n) {
        write_events(c, false);
        px_buf_fini(&c->out);
        answered(c);
        process(c);
    }
    leave(c);
}

void px_conn_timeout(struct px_http_conn *c) {
    c->busy = true;
    if (c->wait == PX_WAIT_HEAD || c->wait == PX_WAIT_BODY) {
        refuse(c, PX_REFUSED_TIMEOUT);
    } else {
        px_conn_kill(c);
    }
    leave(c);
}

void px_conn_open(struct px_http_conn *c, int fd) {
    struct event_base *base = px_loop_base(c->server->loop);
    c->fd = fd;
    c->eof = c->reading = c->writable = c->busy = c->resuming = c->counted = false;
    c->wait = PX_WAIT_NONE;
    c->prev = c->next = NULL;
    px_inbuf_init(&c->in);
    px_buf_init(&c->out, 0);
    event_assign(&c->rev, base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->wev, base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    px_conn_begin(c);
    c->busy = true;
    settle(c);
    leave(c);
}
