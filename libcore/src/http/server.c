/* One HTTP server: its limits, the slots of its connections, the sweep of deadlines, draining and
 * the end. Accepting is listen.c's, bytes are conn.c's. */
#include "http_priv.h"

#include "loop_priv.h"

#include <px/mem.h>

#define SLAB 16 /* connections allocated at once */

const struct px_http_limits px_http_default_limits = {
    .request_line = 8192,
    .query = 4096,
    .headers = 16384,
    .header_count = 64,
    .body = 256 * 1024,
    .connections = 10000,
    /* A hostile hello holds up to 170 KiB, so that they take 170 MiB at most. A busy core makes
     * 3,000 a second: honest ones, up to a third of a second long, are fewer. */
    .handshakes = 1024,
    .memory = (size_t)64 << 20,
    .body_rate = 240,
    .header_deadline = 5 * PX_US_PER_S,
    .body_deadline = 10 * PX_US_PER_S,
    .write_deadline = 15 * PX_US_PER_S,
    .idle_deadline = 60 * PX_US_PER_S,
    .body_grace = 5 * PX_US_PER_S,
    .turn = 250 * PX_US_PER_MS,
};

/* --- connections: slabs and a free list ----------------------------------------------------------
 */

static bool add_slab(struct px_http_server *s) {
    struct px_http_conn *slab = px_calloc2(SLAB, sizeof(*slab));
    if (!slab) {
        return false;
    }
    s->slabs[s->nslabs++] = slab;
    for (size_t i = SLAB; i-- > 0;) {
        struct px_http_conn *c = &slab[i];
        c->server = s;
        c->slot = (uint32_t)(s->nslots + i);
        c->next = s->free_list;
        s->slots[c->slot] = c;
        s->free_list = c;
    }
    s->nslots += SLAB;
    return true;
}

struct px_http_conn *px_server_take(struct px_http_server *s) {
    if (!s->free_list && !add_slab(s)) {
        return NULL;
    }
    struct px_http_conn *c = s->free_list;
    s->free_list = c->next;
    c->next = NULL;
    s->connections++;
    if (s->connections == 1) {
        event_add(s->tick_ev, &s->tick);
    }
    return c;
}

void px_server_untake(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    c->state = PX_CONN_FREE;
    c->next = s->free_list;
    s->free_list = c;
    s->connections--;
    if (s->connections == 0) {
        event_del(s->tick_ev);
    }
}

static void forget_resume(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    struct px_http_conn *before = NULL;
    for (struct px_http_conn *i = s->resume_head; i; before = i, i = i->resume_next) {
        if (i == c) {
            *(before ? &before->resume_next : &s->resume_head) = c->resume_next;
            s->resume_tail = s->resume_tail == c ? before : s->resume_tail;
            s->resumes--;
            break;
        }
    }
    c->resuming = false;
    c->resume_next = NULL;
}

void px_server_give(struct px_http_conn *c) {
    struct px_http_server *s = c->server;
    px_conn_wait(c, PX_WAIT_NONE);
    if (c->resuming) {
        forget_resume(c);
    }
    event_del(&c->rev);
    event_del(&c->wev);
    px_wire_close(c);
    px_work_give(c);
    px_buf_fini(&c->out);
    if (s->peers) {
        px_peers_leave(s->peers, c->counted_at);
    }
    px_server_untake(c);
    px_listen_update(s);
}

/* --- work that waits for the next round ----------------------------------------------------------
 */

void px_server_resume(struct px_http_conn *c, bool next) {
    const struct timeval now = {.tv_sec = 0};
    struct px_http_server *s = c->server;
    if (c->resuming) {
        return;
    }
    c->resuming = true;
    c->resume_next = NULL;
    *(s->resume_tail ? &s->resume_tail->resume_next : &s->resume_head) = c;
    s->resume_tail = c;
    s->resumes++;
    if (next) {
        event_add(s->resume_ev, &now); /* sockets are looked at before a timer that is due */
    } else {
        event_active(s->resume_ev, EV_TIMEOUT, 0);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    struct px_http_server *s = arg;
    (void)fd, (void)what;
    for (size_t n = s->resumes; n > 0 && s->resume_head; n--) { /* not those that come meanwhile */
        struct px_http_conn *c = s->resume_head;
        s->resumes--;
        s->resume_head = c->resume_next;
        s->resume_tail = s->resume_head ? s->resume_tail : NULL;
        c->resume_next = NULL;
        c->resuming = false;
        px_conn_resume(c);
    }
}

/* The clock is looked at for each 16th request: they are short. */
bool px_server_behind(struct px_http_server *s) {
    px_us turn = px_loop_mono(s->loop);
    if (s->behind_turn != turn) {
        s->behind_turn = turn;
        s->behind = false;
    }
    if (!s->behind && s->handled++ % 16 == 0) {
        s->behind = px_mono(&px_clock_system) - turn > s->conf.limits.turn;
    }
    return s->behind;
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    struct px_http_server *s = arg;
    (void)fd, (void)what;
    px_us now = px_loop_mono(s->loop);
    for (size_t w = PX_WAIT_IDLE; w < PX_WAITS; w++) {
        while (s->waits[w].head && s->waits[w].head->deadline <= now) {
            px_conn_timeout(s->waits[w].head);
        }
    }
    px_crowd_sweep(s, now);
    if (s->crowded) {
        px_listen_update(s); /* by now somebody may have been slow for long enough */
    }
}

/* --- open, drain, close
 * ---------------------------------------------------------------------------- */

static void fill_limits(struct px_http_limits *l) {
    const struct px_http_limits *d = &px_http_default_limits;
    l->request_line = l->request_line ? l->request_line : d->request_line;
    l->query = l->query ? l->query : d->query;
    l->headers = l->headers ? l->headers : d->headers;
    l->header_count = l->header_count ? l->header_count : d->header_count;
    l->body = l->body ? l->body : d->body;
    l->connections = l->connections ? l->connections : d->connections;
    l->handshakes = l->handshakes ? l->handshakes : d->handshakes;
    l->memory = l->memory ? l->memory : d->memory;
    l->body_rate = l->body_rate ? l->body_rate : d->body_rate;
    l->body_grace = l->body_grace ? l->body_grace : d->body_grace;
    l->turn = l->turn ? l->turn : d->turn;
    l->header_deadline = l->header_deadline ? l->header_deadline : d->header_deadline;
    l->body_deadline = l->body_deadline ? l->body_deadline : d->body_deadline;
    l->write_deadline = l->write_deadline ? l->write_deadline : d->write_deadline;
    l->idle_deadline = l->idle_deadline ? l->idle_deadline : d->idle_deadline;
}

/* Looks often enough that a deadline is late by at most a tenth, and at most four times a second.
 */
static void fill_spans(struct px_http_server *s) {
    const struct px_http_limits *l = &s->conf.limits;
    const px_us spans[PX_WAITS] = {
        [PX_WAIT_IDLE] = l->idle_deadline, [PX_WAIT_HEAD] = l->header_deadline,
        [PX_WAIT_BODY] = l->body_deadline, [PX_WAIT_WRITE] = l->write_deadline,
        [PX_WAIT_LINGER] = PX_HTTP_LINGER, [PX_WAIT_HANDSHAKE] = l->header_deadline,
    };
    px_us tick = PX_US_PER_S / 4;
    for (size_t w = PX_WAIT_IDLE; w < PX_WAITS; w++) {
        s->span[w] = spans[w];
        tick = spans[w] / 10 < tick ? spans[w] / 10 : tick;
    }
    tick = tick < 5 * PX_US_PER_MS ? 5 * PX_US_PER_MS : tick;
    s->tick = (struct timeval){.tv_sec = 0, .tv_usec = (suseconds_t)tick};
}

static enum px_code prepare(struct px_http_server *s, struct px_err *reterr) {
    const struct px_http_limits *l = &s->conf.limits;
    if (l->header_count > PX_HTTP_FIELDS_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "http: at most %d header fields, %zu asked",
                       PX_HTTP_FIELDS_MAX, l->header_count);
    }
    s->buf_max = l->request_line + l->headers + l->body + 2 * PX_HTTP_EMBEDDED;
    if (s->buf_max > INT32_MAX || l->connections > INT32_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "http: a limit is above 2 GiB");
    }
    size_t slabs = (l->connections + SLAB - 1) / SLAB;
    struct event_base *base = px_loop_base(s->loop);
    s->slots = px_calloc2(slabs * SLAB, sizeof(*s->slots));
    s->slabs = px_calloc2(slabs, sizeof(*s->slabs));
    s->tick_ev = event_new(base, -1, EV_PERSIST, on_tick, s);
    s->resume_ev = event_new(base, -1, 0, on_resume, s);
    s->peers = l->per_address ? px_peers_new(l->connections, l->per_address) : NULL;
    bool peers = s->peers || !l->per_address;
    if (!s->slots || !s->slabs || !s->tick_ev || !s->resume_ev || !peers) {
        return PX_FAIL(reterr, PX_NOMEM, "http: out of memory");
    }
    return PX_OK;
}

enum px_code px_http_open(struct px_loop *loop, const struct px_http_conf *conf,
                          struct px_http_server **ret, struct px_err *reterr) {
    struct px_http_server *s = px_alloc(sizeof(*s));
    if (!s) {
        return PX_FAIL(reterr, PX_NOMEM, "http: out of memory");
    }
    s->loop = loop;
    s->conf = *conf;
    s->fd = s->parked.fd = -1;
    s->date_second = -1;
    fill_limits(&s->conf.limits);
    fill_spans(s);
    enum px_code code = prepare(s, reterr);
    code = code ? code : px_listen_open(s, reterr);
    if (code) {
        px_http_close(s);
        return code;
    }
    *ret = s;
    return PX_OK;
}

/* Data may have arrived on an idle connection just now: it is read before the connection is given
 * up. A handshake is carried on, and the first request behind it is answered. */
void px_http_drain(struct px_http_server *s) {
    if (s->draining) {
        return;
    }
    px_listen_drain(s);
    s->draining = true;
    while (s->waits[PX_WAIT_IDLE].head) {
        struct px_http_conn *c = s->waits[PX_WAIT_IDLE].head;
        px_conn_wait(c, PX_WAIT_NONE);
        px_conn_poll(c);
    }
    for (struct px_http_conn *c = s->waits[PX_WAIT_HANDSHAKE].head, *next; c; c = next) {
        next = c->next; /* what happens to one of them does not touch another */
        px_conn_poll(c);
    }
}

static void free_event(struct event *ev) {
    if (ev) {
        event_free(ev);
    }
}

void px_http_close(struct px_http_server *s) {
    if (!s) {
        return;
    }
    px_listen_close(s);
    for (size_t i = 0; i < s->nslots; i++) {
        if (s->slots[i]->state != PX_CONN_FREE) {
            px_conn_kill(s->slots[i]);
        }
    }
    free_event(s->tick_ev);
    free_event(s->resume_ev);
    px_work_free(s);
    px_peers_free(s->peers);
    for (size_t i = 0; i < s->nslabs; i++) {
        px_free(s->slabs[i]);
    }
    px_free(s->slabs);
    px_free(s->slots);
    px_free(s);
}

uint16_t px_http_port(const struct px_http_server *s) {
    return s->port;
}

size_t px_http_connections(const struct px_http_server *s) {
    return s->connections;
}

size_t px_http_pending(const struct px_http_server *s) {
    return s->pending;
}

void px_http_get(const struct px_http_server *s, struct px_http_pressure *ret) {
    *ret = s->pressure;
}
