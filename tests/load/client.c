/* Sends requests at their time over keep-alive connections and reads the answers: one epoll loop,
 * one request at a time per connection. Requests of one key wait for each other. */
#include "load.h"

#include <px/clock.h>
#include <px/map.h>
#include <px/mem.h>
#include <px/num.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_ANSWER_MAX  8192
#define CLIENT_LATE        (10 * PX_US_PER_MS)
#define CLIENT_LAST_WAIT   (20 * PX_US_PER_S)
#define CLIENT_RETRY_AFTER (1 * PX_US_PER_S)
#define CLIENT_HELD_MAX    65536

struct conn {
    int fd; /* -1: not connected */
    bool busy;
    uint32_t request;
    px_us sent;
    size_t n; /* of the answer read so far */
    char answer[CLIENT_ANSWER_MAX + 1];
};

struct due { /* a request that is to be sent, in order */
    uint32_t request;
    px_us at;
};

struct client {
    struct load_run *run;
    struct load_gen gen;
    struct addrinfo *target;
    int epoll;
    struct conn *conns;
    uint32_t *idle, nidle;
    uint64_t *under_way; /* keys; by connection; UINT64_MAX = none */
    struct due *held;    /* waits for its key or for a connection */
    uint32_t nheld;
    struct px_buf out;
    uint32_t busy;
    int signals;
    bool stopped;
    uint64_t total;
    uint64_t made; /* requests of the plan; retries come on top */
    FILE *ids;
    px_us began;
};

static px_us client_now(void) {
    return px_mono(&px_clock_system);
}

static bool client_connect(struct client *c, struct conn *k) {
    int on = 1;

    k->fd = socket(c->target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (k->fd < 0) {
        return false;
    }
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = k};
    if (connect(k->fd, c->target->ai_addr, c->target->ai_addrlen) ||
        setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) ||
        epoll_ctl(c->epoll, EPOLL_CTL_ADD, k->fd, &ev)) {
        close(k->fd);
        k->fd = -1;
        return false;
    }
    return true;
}

static void client_disconnect(struct conn *k) {
    if (k->fd >= 0) {
        close(k->fd);
    }
    k->fd = -1;
    k->n = 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The value of a field of the answer's head, which ends at ${end}; n = 0 when absent. */
static struct px_str answer_field(const char *head, const char *end, const char *name) {
    size_t n = strlen(name);

    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            const char *from = line + n + 1, *to = strstr(from, "\r\n");
            while (*from == ' ') {
                from++;
            }
            return (struct px_str){.p = from, .n = (size_t)(to - from)};
        }
    }
    return (struct px_str){0};
}

/* Which answer a correct ingest gives to ${r}. */
static bool answer_expected(const struct load_request *r, int status, struct px_str code) {
    if (r->kind == LOAD_INVALID) {
        int want = r->fault == LOAD_UNKNOWN_TYPE ? 404 : 400;
        return (status == want && px_str_is(code, load_fault_codes[r->fault])) || status == 503;
    }
    return status == 200 || status == 503;
}

static enum load_state answer_state(int status, struct px_str code) {
    if (status == 200) {
        return LOAD_ACKED;
    }
    if (status == 503) {
        return px_str_is(code, "log_unknown") ? LOAD_UNKNOWN : LOAD_BUSY;
    }
    return status >= 400 && status < 500 ? LOAD_REFUSED : LOAD_STRANGE;
}

static void answer_judge(struct client *c, struct conn *k, const char *end) {
    struct load_request *r = &c->run->v[k->request];
    struct px_str code = answer_field(k->answer, end, "X-Error-Code");
    struct px_str received = answer_field(k->answer, end, "X-Received-At");
    struct px_str id = answer_field(k->answer, end, "X-Event-Id");
    int64_t status64 = 0;
    if (k->n < 12 ||
        !px_parse_i64((struct px_str){.p = k->answer + 9, .n = 3}, 100, 599, &status64)) {
        status64 = 0;
    }
    int status = (int)status64;

    r->status = (int16_t)status;
    r->latency = (uint32_t)(client_now() - k->sent);
    r->state = (uint8_t)answer_state(status, code);
    bool good = answer_expected(r, status, code);
    if (r->state == LOAD_ACKED) {
        good = good && px_parse_instant(received, &r->received) && id.n == 36;
    }
    if (!good && c->run->unexpected++ == 0) {
        snprintf(c->run->first_strange, sizeof c->run->first_strange,
                 "status %d code %.*s for request %u (kind %u fault %u)", status, PX_S_ARG(code),
                 k->request, r->kind, r->fault);
    }
    if (c->ids && r->state == LOAD_ACKED) {
        fprintf(c->ids, "%.*s\n", PX_S_ARG(id));
    }
}

static void client_done(struct client *c, struct conn *k) {
    uint32_t i = (uint32_t)(k - c->conns);

    k->busy = false;
    k->n = 0;
    c->busy--;
    c->under_way[i] = UINT64_MAX;
    c->idle[c->nidle++] = i;
}

static void client_retry(struct client *c, uint32_t i) {
    struct load_run *run = c->run;
    struct load_request *r = &run->v[i];

    if (!run->conf.retry || !r->with_id || r->retried || r->kind == LOAD_INVALID ||
        run->n == run->cap || c->nheld == CLIENT_HELD_MAX ||
        (r->state != LOAD_BUSY && r->state != LOAD_UNKNOWN)) {
        return;
    }
    r->retried = true;
    struct load_request again = *r;
    again.state = LOAD_UNSENT;
    again.status = 0;
    c->held[c->nheld++] = (struct due){.request = run->n, .at = client_now() + CLIENT_RETRY_AFTER};
    run->v[run->n++] = again;
}

/* The end of the request that is under way on ${k}, when the answer is complete. */
static bool client_complete(struct client *c, struct conn *k) {
    k->answer[k->n] = '\0';
    char *end = strstr(k->answer, "\r\n\r\n");
    if (!end) {
        return false;
    }
    end += 2; /* keep the last field's line end */
    struct px_str length = answer_field(k->answer, end, "Content-Length");
    struct px_str connection = answer_field(k->answer, end, "Connection");
    int64_t body = 0;
    if (length.n && !px_parse_i64(length, 0, CLIENT_ANSWER_MAX, &body)) {
        return false;
    }
    if (k->n < (size_t)(end + 2 - k->answer) + (size_t)body) {
        return false;
    }
    answer_judge(c, k, end);
    client_retry(c, k->request);
    bool closing = px_str_ieq(connection, PX_S("close"));
    client_done(c, k);
    if (closing) {
        client_disconnect(k);
    }
    return true;
}

static void client_lost(struct client *c, struct conn *k) {
    client_disconnect(k);
    if (k->busy) {
        c->run->v[k->request].state = LOAD_UNANSWERED;
        client_done(c, k);
    }
}

static void client_read(struct client *c, struct conn *k) {
    ssize_t got = recv(k->fd, k->answer + k->n, CLIENT_ANSWER_MAX - k->n, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0 || !k->busy) {
        client_lost(c, k); /* the end, or bytes that nobody asked for */
        return;
    }
    k->n += (size_t)got;
    if (!client_complete(c, k) && k->n == CLIENT_ANSWER_MAX) {
        client_lost(c, k);
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool client_key_busy(const struct client *c, uint64_t key) {
    for (uint32_t i = 0; i < (uint32_t)c->run->conf.connections; i++) {
        if (c->under_way[i] == key) {
            return true;
        }
    }
    return false;
}

/* Has the peer closed a kept connection while nobody was asking? Then what is sent there is lost.
 */
static bool client_stale(const struct conn *k) {
    char byte;
    ssize_t n = recv(k->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* What never left is LOAD_UNREACHABLE: nobody can have stored it. */
static void client_send(struct client *c, uint32_t request, px_us at) {
    uint32_t i = c->idle[--c->nidle];
    struct conn *k = &c->conns[i];
    struct load_request *r = &c->run->v[request];

    k->busy = true;
    k->request = request;
    k->n = 0;
    c->busy++;
    c->under_way[i] = r->kind == LOAD_INVALID ? UINT64_MAX : load_key(r);
    if (k->fd >= 0 && client_stale(k)) {
        client_disconnect(k);
    }
    if (k->fd < 0 && !client_connect(c, k)) {
        r->state = LOAD_UNREACHABLE;
        client_done(c, k);
        return;
    }
    load_gen_write(c->run, request, &c->out);
    k->sent = client_now();
    c->run->late += k->sent - at > CLIENT_LATE;
    r->state = LOAD_SENT;
    /* A request is far smaller than a socket's buffer: it fits or the connection is dead. */
    ssize_t n = send(k->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n != (ssize_t)c->out.n) {
        client_lost(c, k);
        r->state = n < 0 ? LOAD_UNREACHABLE : LOAD_UNANSWERED;
    }
}

/* Sends what is held and may go, oldest first. Requests of one key stay in order: one that is held
 * keeps the later ones of its key back. */
static void client_release(struct client *c, px_us now) {
    uint32_t kept = 0;

    uint32_t h = 0;
    for (; h < c->nheld && c->nidle; h++) {
        struct due d = c->held[h];
        uint64_t key = load_key(&c->run->v[d.request]);
        bool blocked = d.at > now || client_key_busy(c, key);
        for (uint32_t e = 0; !blocked && e < kept; e++) {
            blocked = load_key(&c->run->v[c->held[e].request]) == key;
        }
        if (blocked) {
            c->held[kept++] = d;
        } else {
            client_send(c, d.request, d.at);
        }
    }
    memmove(c->held + kept, c->held + h, (c->nheld - h) * sizeof *c->held);
    c->nheld -= h - kept;
}

static void client_make(struct client *c, px_us now) {
    double rate = (double)c->run->conf.rate;
    uint64_t due = (uint64_t)((double)(now - c->began) * rate / 1e6) + 1;

    while (c->run->n < c->run->cap && c->nheld < CLIENT_HELD_MAX && c->made < due &&
           c->made < c->total) {
        px_us at = c->began + (px_us)((double)c->made * 1e6 / rate);
        c->held[c->nheld++] = (struct due){.request = load_gen_next(&c->gen, c->run), .at = at};
        c->made++;
    }
}

static void client_turn(struct client *c, int wait_ms) {
    struct epoll_event ev[128];
    int n = epoll_wait(c->epoll, ev, PX_ARRAY_LEN(ev), wait_ms);

    for (int i = 0; i < n; i++) {
        if (ev[i].data.ptr) {
            client_read(c, ev[i].data.ptr);
        } else {
            c->stopped = true;
        }
    }
}

static void client_loop(struct client *c) {
    px_us give_up = INT64_MAX;

    for (;;) {
        px_us now = client_now();
        bool making = c->made < c->total && c->run->n < c->run->cap && !c->stopped;
        if (making) {
            client_make(c, now);
        } else if (give_up == INT64_MAX) {
            give_up = now + CLIENT_LAST_WAIT;
        }
        client_release(c, now);
        if (now >= give_up || (!making && c->busy == 0 && c->nheld == 0)) {
            break;
        }
        client_turn(c, 1);
    }
    c->run->took = client_now() - c->began;
}

/* --- life ---------------------------------------------------------------------------------------
 */

/* SIGINT and SIGTERM end the making; what is under way is still answered. */
static bool client_signals(struct client *c) {
    sigset_t set;
    struct epoll_event ev = {.events = EPOLLIN};

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    c->signals = sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
    return c->signals >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->signals, &ev) == 0;
}

static enum px_code client_open(struct client *c, struct px_err *reterr) {
    const struct load_conf *conf = &c->run->conf;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    size_t n = (size_t)conf->connections;

    c->conns = px_calloc2(n, sizeof *c->conns);
    c->idle = px_calloc2(n, sizeof *c->idle);
    c->under_way = px_calloc2(n, sizeof *c->under_way);
    c->held = px_calloc2(CLIENT_HELD_MAX, sizeof *c->held);
    if (!c->conns || !c->idle || !c->under_way || !c->held) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu connections", n);
    }
    if (getaddrinfo(conf->host, conf->port, &hints, &c->target)) {
        return PX_FAIL(reterr, PX_USAGE, "--url %s:%s: no such host", conf->host, conf->port);
    }
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll < 0 || !client_signals(c)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "epoll or signals");
    }
    for (size_t i = 0; i < n; i++) {
        c->conns[i].fd = -1;
        c->under_way[i] = UINT64_MAX;
        c->idle[c->nidle++] = (uint32_t)i;
        if (!client_connect(c, &c->conns[i])) {
            return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "connecting to --url");
        }
    }
    if (conf->ids_file && !(c->ids = fopen(conf->ids_file, "we"))) {
        return px_err_errno(reterr, PX_IO, PX_HERE, conf->ids_file);
    }
    return PX_OK;
}

static void client_close(struct client *c) {
    for (size_t i = 0; c->conns && i < (size_t)c->run->conf.connections; i++) {
        client_disconnect(&c->conns[i]);
    }
    if (c->signals >= 0) {
        close(c->signals);
    }
    if (c->epoll >= 0) {
        close(c->epoll);
    }
    if (c->target) {
        freeaddrinfo(c->target);
    }
    if (c->ids) {
        fclose(c->ids);
    }
    px_free(c->conns);
    px_free(c->idle);
    px_free(c->under_way);
    px_free(c->held);
    px_buf_fini(&c->out);
}

enum px_code load_client_run(struct load_run *run, struct px_err *reterr) {
    struct client *c = px_alloc(sizeof *c);
    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory");
    }
    c->run = run;
    c->epoll = c->signals = -1;
    c->total = run->conf.duration
                   ? (uint64_t)((double)run->conf.duration * (double)run->conf.rate / 1e6)
                   : UINT64_MAX;
    px_buf_init(&c->out, 8192);
    load_gen_init(&c->gen, &run->conf);
    enum px_code rc = client_open(c, reterr);
    if (rc == PX_OK) {
        c->began = client_now();
        client_loop(c);
    }
    client_close(c);
    px_free(c);
    return rc;
}
