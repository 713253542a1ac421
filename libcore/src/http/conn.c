/* The life of one connection: read, hand the request over, send the reply, next request or close.
 * Bytes are moved by wire.c, and it must not interpret them: that is read.c's. */
#include "http_priv.h"

#include "loop_priv.h"

#include <string.h>

static void process(struct px_http_conn *c);
static void finish(struct px_http_conn *c);
static void refuse(struct px_http_conn *c, enum px_http_refusal why);

/* --- deadlines and events ----------------------------------------------------------------------
 */

static void unlink_wait(struct px_http_conn *c) {
    c->server->shaking -= c->wait == PX_WAIT_HANDSHAKE;
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
    s->shaking += w == PX_WAIT_HANDSHAKE;
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
    if (!px_work_take(c)) {
        px_conn_kill(c); /* out of memory */
        return;
    }
    size_t room = px_inbuf_room(c, pinned);
    if (room == 0 && pinned) {
        read_events(c, false);
        return;
    }
    if (room == 0) {
        refuse(c, PX_REFUSED_OVERLOADED); /* no more memory for it */
        return;
    }
    ssize_t n = px_wire_recv(c, c->in.p + c->in.end, room);
    if (n > 0) {
        c->in.end += (size_t)n;
    } else if (n == PX_WIRE_END) {
        c->eof = true; /* half-closed at least: what was asked is still answered */
        read_events(c, false);
    } else if (n == PX_WIRE_BROKEN) {
        px_conn_kill(c);
    }
}

/* Answers what is here, then reads on what the transport has read ahead, which the socket will not
 * announce again. Without TLS there is no such thing. */
static void go_on(struct px_http_conn *c) {
    process(c);
    while (c->wire.more && !c->resuming && (c->state == PX_CONN_HEAD || c->state == PX_CONN_BODY)) {
        fill(c);
        process(c);
    }
}

/* Reading on for a while lets the peer read our answer: closing with unread bytes would reset it.
 */
static void linger(struct px_http_conn *c) {
    ssize_t n = px_wire_drop(c);
    if (n == PX_WIRE_LATER) {
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

/* A client that sends its request behind its last word of the handshake has it read at once. */
static void shake(struct px_http_conn *c) {
    struct px_shake s = px_wire_shake(c);
    if (s.done) {
        px_conn_begin(c);
        write_events(c, false);
        go_on(c);
    } else if (s.failed) {
        c->eof = c->wire.ended;
        c->linger_after = true; /* the alert, or the answer in clear, must arrive */
        write_events(c, false);
        finish(c);
    } else {
        read_events(c, !s.write);
        write_events(c, s.write);
    }
}

void px_conn_poll(struct px_http_conn *c) {
    if (c->resuming) {
        return; /* what is here comes first */
    }
    c->busy = true;
    c->wire.may_read = true;
    if (c->state == PX_CONN_LINGER) {
        linger(c);
    } else if (c->state == PX_CONN_HANDSHAKE) {
        shake(c);
    } else {
        fill(c);
        go_on(c);
    }
    leave(c);
}

void px_conn_resume(struct px_http_conn *c) {
    c->busy = true;
    go_on(c);
    leave(c);
}

/* --- one request --------------------------------------------------------------------------------
 */

static void refuse(struct px_http_conn *c, enum px_http_refusal why) {
    const struct px_http_conf *conf = &c->server->conf;
    c->state = PX_CONN_REFUSING;
    px_conn_wait(c, PX_WAIT_NONE);
    if (!px_work_take(c)) { /* of a record of TLS without its end nothing is here yet */
        px_conn_kill(c);
        return;
    }
    c->work->req.received = px_loop_now(c->server->loop);
    if (conf->refused) {
        conf->refused(conf->arg, why, &c->work->req);
    }
    if (c->state == PX_CONN_REFUSING) {
        px_reply_refusal(c, why);
    }
}

static void handle(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    if (px_server_behind(s)) {
        c->keeps = true; /* it was read to its end */
        refuse(c, PX_REFUSED_OVERLOADED);
        return;
    }
    px_conn_wait(c, PX_WAIT_NONE);
    c->work->req.received = px_loop_now(s->loop);
    c->state = PX_CONN_HANDLING;
    c->counted = true;
    s->pending++;
    s->conf.handler(s->conf.arg, &c->work->req);
    px_assert(c->state != PX_CONN_HANDLING || c->deferred); /* a handler replies or defers */
}

/* A peer that waits for it may send its body; one that has begun already did not wait. */
static void send_continue(struct px_http_conn *c) {
    static const struct px_str whole = PX_S_INIT("HTTP/1.1 100 Continue\r\n\r\n");
    bool wanted = c->work->req.expects && c->in.end - c->in.start <= c->gate.head;
    c->work->req.expects = false;
    if (wanted && px_wire_send(c, &whole, 1, whole.n) != (ssize_t)whole.n) {
        px_conn_kill(c);
    }
}

/* Nothing more can be done with what is here: wait for the rest, under the right deadline. A part
 * of a TLS record is the beginning of a request like any other. While the server drains so is a
 * handshake: its client sends the request a round trip later than without TLS. */
static void settle(struct px_http_conn *c) {
    bool empty = c->in.start == c->in.end;
    bool expected = px_wire_partial(c) || (c->wait == PX_WAIT_HANDSHAKE && c->server->draining);
    bool idle = c->state == PX_CONN_HEAD && empty && !expected;
    if (c->state != PX_CONN_HEAD && c->state != PX_CONN_BODY) {
        return;
    }
    if (c->eof || (idle && c->server->draining)) {
        px_conn_kill(c);
        return;
    }
    enum px_wait w = c->state == PX_CONN_BODY ? PX_WAIT_BODY : idle ? PX_WAIT_IDLE : PX_WAIT_HEAD;
    if (c->state == PX_CONN_HEAD && empty) {
        px_work_give(c);
    }
    if (c->wait != w) {
        px_conn_wait(c, w);
    }
    if (w == PX_WAIT_IDLE && c->server->crowded) {
        px_listen_update(c->server); /* it would give way now */
    }
    if (w == PX_WAIT_BODY) {
        send_continue(c);
    }
    read_events(c, true);
    if (c->wire.more && !c->busy) {
        px_server_resume(c, false);
    }
}

/* Answers one request after the other, as long as whole ones are buffered, but not so many that
 * others would have to wait for them. */
static void process(struct px_http_conn *c) {
    for (int i = 0; c->work && (c->state == PX_CONN_HEAD || c->state == PX_CONN_BODY); i++) {
        if (i == PX_HTTP_IN_A_TURN) {
            px_server_resume(c, true); /* with what is buffered, whatever the peer does meanwhile */
            return;
        }
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
    px_wire_end(c);
    px_work_give(c);
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
        px_server_resume(c, false);
    } else {
        settle(c);
    }
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
    ssize_t sent = px_wire_send(c, parts, n, total);
    if (sent == PX_WIRE_BROKEN) {
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

/* TLS takes a record at a time: as many as the socket takes. */
static void write_on(struct px_http_conn *c) {
    ssize_t n;
    do {
        const struct px_str rest = {.p = c->out.p + c->out_at, .n = c->out.n - c->out_at};
        n = px_wire_send(c, &rest, 1, rest.n);
        c->out_at += n > 0 ? (size_t)n : 0;
    } while (n > 0 && c->wire.ssl && c->out_at < c->out.n);
    if (n == PX_WIRE_BROKEN) {
        px_conn_kill(c);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct px_http_conn *c = arg;
    (void)fd, (void)what;
    if (c->state == PX_CONN_HANDSHAKE) {
        px_conn_poll(c);
        return;
    }
    c->busy = true;
    write_on(c);
    if (c->state == PX_CONN_WRITING && c->out_at == c->out.n) {
        write_events(c, false);
        px_buf_fini(&c->out);
        answered(c);
        go_on(c);
    }
    leave(c);
}

/* Whoever does not take its answer is not waited for by the kernel either: the end is a reset. */
static void abandon(struct px_http_conn *c) {
    px_wire_reset(c);
    px_conn_kill(c);
}

void px_conn_timeout(struct px_http_conn *c) {
    c->busy = true;
    if (c->wait == PX_WAIT_HEAD || c->wait == PX_WAIT_BODY) {
        refuse(c, PX_REFUSED_TIMEOUT);
    } else if (c->wait == PX_WAIT_WRITE) {
        abandon(c);
    } else {
        if (c->wait == PX_WAIT_HANDSHAKE) {
            px_wire_fault(c, PX_TLS_TIMEOUT);
        }
        px_conn_kill(c);
    }
    leave(c);
}

/* The oldest handshakes give way to new ones: who is slow on purpose loses first. */
static void begin_handshake(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    c->state = PX_CONN_HANDSHAKE;
    px_conn_wait(c, PX_WAIT_HANDSHAKE);
    read_events(c, true);
    if (s->shaking > s->conf.limits.handshakes) {
        struct px_http_conn *oldest = s->waits[PX_WAIT_HANDSHAKE].head;
        px_wire_fault(oldest, PX_TLS_CROWDED);
        px_conn_kill(oldest);
    }
}

void px_conn_open(struct px_http_conn *c, int fd) {
    struct event_base *base = px_loop_base(c->server->loop);
    c->fd = fd;
    c->eof = c->reading = c->writable = c->busy = c->resuming = c->counted = false;
    c->wait = PX_WAIT_NONE;
    c->prev = c->next = NULL;
    c->in = (struct px_inbuf){.p = NULL};
    c->work = NULL;
    px_buf_init(&c->out, 0);
    event_assign(&c->rev, base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->wev, base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    px_conn_begin(c);
    c->busy = true;
    if (!px_wire_open(c)) {
        px_conn_kill(c);
    } else if (c->wire.ssl) {
        begin_handshake(c);
    } else {
        settle(c);
    }
    leave(c);
}
