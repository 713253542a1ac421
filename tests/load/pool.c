/* Connections and targets; see pool.h. Edge-triggered, so that a connection costs one epoll_ctl. */
#include "pool.h"

#include <px/clock.h>
#include <px/mem.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL_OPENING_MAX   64 /* at the start, connections being made at a time */
#define POOL_OPENING_WAIT  (10 * PX_US_PER_S)
#define POOL_BACKOFF       (20 * PX_US_PER_MS)
#define POOL_BACKOFF_TWICE 5 /* doubled so often: 640 ms at most */
#define POOL_FILES_BESIDE  64

/* --- one connection -----------------------------------------------------------------------------
 */

static void leave_list(struct pool *p, struct conn *k) {
    struct pool_target *t = &p->targets[k->target];

    switch (k->state) {
    case CONN_CLOSED:
        TAILQ_REMOVE(&t->closed, k, link);
        break;
    case CONN_CONNECTING:
        t->trying--;
        TAILQ_REMOVE(&p->making, k, link);
        break;
    case CONN_BUSY:
        TAILQ_REMOVE(&p->waiting, k, link);
        break;
    case CONN_IDLE:
        TAILQ_REMOVE(&t->idle, k, link);
        break;
    case CONN_TAKEN:
        break;
    }
}

void pool_drop(struct pool *p, struct conn *k) {
    leave_list(p, k);
    if (k->fd >= 0) {
        close(k->fd);
    }
    k->fd = -1;
    k->state = CONN_CLOSED;
    k->request = LOAD_NONE;
    px_buf_fini(&k->part);
    px_buf_init(&k->part, k->part.max);
    TAILQ_INSERT_HEAD(&p->targets[k->target].closed, k, link);
}

void pool_idle(struct pool *p, struct conn *k, px_us turn) {
    leave_list(p, k);
    k->state = CONN_IDLE;
    k->request = LOAD_NONE;
    k->fresh = turn;
    TAILQ_INSERT_HEAD(&p->targets[k->target].idle, k, link);
}

void pool_sent(struct pool *p, struct conn *k, px_us now) {
    leave_list(p, k);
    k->state = CONN_BUSY;
    k->since = now;
    TAILQ_INSERT_TAIL(&p->waiting, k, link);
}

bool pool_ended(const struct conn *k) {
    char byte;
    ssize_t n = recv(k->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* --- making connections -------------------------------------------------------------------------
 */

void pool_refused(struct pool *p, struct conn *k, px_us now) {
    struct pool_target *t = &p->targets[k->target];
    unsigned twice = t->fails < POOL_BACKOFF_TWICE ? t->fails : POOL_BACKOFF_TWICE;

    pool_drop(p, k);
    t->not_before = now + (POOL_BACKOFF << twice);
    t->fails++;
}

static void succeeded(struct pool *p, struct conn *k, px_us now) {
    p->targets[k->target].fails = 0;
    leave_list(p, k);
    k->state = CONN_TAKEN;
    k->fresh = now;
    if (k->request == LOAD_NONE) {
        pool_idle(p, k, now);
    }
}

bool pool_connected(struct pool *p, struct conn *k, px_us now) {
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) {
        pool_refused(p, k, now);
        return false;
    }
    succeeded(p, k, now);
    return true;
}

static enum pool_has dial(const struct pool *p, struct conn *k) {
    const struct addrinfo *a = p->targets[k->target].address;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = k};
    int on = 1;

    k->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (k->fd < 0 || setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) {
        return POOL_DOWN;
    }
    bool open = connect(k->fd, a->ai_addr, a->ai_addrlen) == 0;
    if ((!open && errno != EINPROGRESS) || epoll_ctl(p->epoll, EPOLL_CTL_ADD, k->fd, &ev)) {
        return POOL_DOWN;
    }
    return open ? POOL_OPEN : POOL_CONNECTING;
}

/* A closed connection of the target, for ${request}. */
static enum pool_has start(struct pool *p, struct conn *k, uint32_t request, px_us now) {
    leave_list(p, k);
    p->targets[k->target].trying++;
    k->state = CONN_CONNECTING;
    k->request = request;
    k->since = now;
    TAILQ_INSERT_TAIL(&p->making, k, link);
    enum pool_has has = dial(p, k);
    if (has == POOL_OPEN) {
        succeeded(p, k, now);
    } else if (has == POOL_DOWN) {
        pool_refused(p, k, now);
    }
    return has;
}

/* --- choosing -----------------------------------------------------------------------------------
 */

static enum pool_has take_from(struct pool *p, struct pool_target *t, uint32_t request, px_us now,
                               struct conn **ret) {
    struct conn *k = TAILQ_FIRST(&t->idle);

    if (k) {
        leave_list(p, k);
        k->state = CONN_TAKEN;
        k->request = request;
        *ret = k;
        return POOL_OPEN;
    }
    k = TAILQ_FIRST(&t->closed);
    if (!k || (t->fails && t->trying)) {
        return POOL_WAIT;
    }
    if (t->fails && now < t->not_before) {
        return POOL_DOWN;
    }
    *ret = k;
    return start(p, k, request, now);
}

enum pool_has pool_take(struct pool *p, uint32_t request, px_us now, struct conn **ret) {
    enum pool_has none = POOL_DOWN;

    for (uint32_t i = 0; i < p->ntargets; i++) {
        struct pool_target *t = &p->targets[p->turn];
        p->turn = p->turn + 1 < p->ntargets ? p->turn + 1 : 0;
        enum pool_has has = take_from(p, t, request, now, ret);
        if (has == POOL_OPEN || has == POOL_CONNECTING) {
            return has;
        }
        none = has == POOL_WAIT ? POOL_WAIT : none;
    }
    return none;
}

px_us pool_next(const struct pool *p) {
    px_us next = INT64_MAX;

    for (uint32_t i = 0; i < p->ntargets; i++) {
        const struct pool_target *t = &p->targets[i];
        if (t->fails && t->trying == 0 && t->not_before < next) {
            next = t->not_before;
        }
    }
    return next;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static enum px_code resolve(struct pool *p, const struct load_conf *conf, struct px_err *reterr) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    p->ntargets = conf->ntargets;
    for (uint32_t i = 0; i < p->ntargets; i++) {
        const struct load_target *t = &conf->targets[i];
        TAILQ_INIT(&p->targets[i].idle);
        TAILQ_INIT(&p->targets[i].closed);
        if (getaddrinfo(t->host, t->port, &hints, &p->targets[i].address)) {
            return PX_FAIL(reterr, PX_USAGE, "--url %s:%s: no such host or port", t->host, t->port);
        }
    }
    return PX_OK;
}

static enum px_code raise_files(const struct load_conf *conf, struct px_err *reterr) {
    struct rlimit r;
    rlim_t need = (rlim_t)conf->connections + POOL_FILES_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &r)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "getrlimit");
    }
    if (r.rlim_max < need) {
        return PX_FAIL(reterr, PX_USAGE,
                       "--connections %lld: only %llu files may be open here; give fewer, or raise "
                       "the limit (ulimit -Hn)",
                       (long long)conf->connections, (unsigned long long)r.rlim_max);
    }
    if (r.rlim_cur < need) {
        r.rlim_cur = need;
        if (setrlimit(RLIMIT_NOFILE, &r)) {
            return px_err_errno(reterr, PX_IO, PX_HERE, "setrlimit");
        }
    }
    return PX_OK;
}

static enum px_code make_conns(struct pool *p, const struct load_conf *conf,
                               struct px_err *reterr) {
    p->n = (uint32_t)conf->connections;
    p->conns = px_calloc2(p->n, sizeof *p->conns);
    if (!p->conns) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %u connections", p->n);
    }
    for (uint32_t i = 0; i < p->n; i++) {
        struct conn *k = &p->conns[i];
        *k = (struct conn){.fd = -1, .target = i % p->ntargets, .request = LOAD_NONE};
        px_buf_init(&k->part, ANSWER_MAX);
        TAILQ_INSERT_TAIL(&p->targets[k->target].closed, k, link);
    }
    return PX_OK;
}

/* Waits until fewer than ${most} connections are being made. */
static void settle(struct pool *p, unsigned most, px_us until) {
    struct epoll_event ev[64];

    for (;;) {
        unsigned trying = 0;
        for (uint32_t i = 0; i < p->ntargets; i++) {
            trying += p->targets[i].trying;
        }
        px_us now = px_mono(&px_clock_system);
        if (trying < most || now > until) {
            return;
        }
        int n = epoll_wait(p->epoll, ev, PX_ARRAY_LEN(ev), 100);
        for (int i = 0; i < n; i++) {
            struct conn *k = ev[i].data.ptr;
            if (k->state == CONN_CONNECTING) {
                pool_connected(p, k, now);
            }
        }
    }
}

/* All connections, or one to each target when every request makes its own. */
static bool open_all(struct pool *p, bool keep_alive) {
    px_us now = px_mono(&px_clock_system), until = now + POOL_OPENING_WAIT;
    uint32_t most = keep_alive || p->n < p->ntargets ? p->n : p->ntargets;
    bool any = false;

    for (uint32_t i = 0; i < most; i++) {
        if (p->targets[p->conns[i].target].fails == 0) {
            start(p, &p->conns[i], LOAD_NONE, now);
            settle(p, POOL_OPENING_MAX, until);
        }
    }
    settle(p, 1, until);
    for (uint32_t i = 0; i < p->ntargets; i++) {
        any = any || !TAILQ_EMPTY(&p->targets[i].idle);
    }
    return any;
}

enum px_code pool_open(struct pool *p, const struct load_conf *conf, struct px_err *reterr) {
    *p = (struct pool){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    TAILQ_INIT(&p->making);
    TAILQ_INIT(&p->waiting);
    if (p->epoll < 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "epoll");
    }
    enum px_code rc = resolve(p, conf, reterr);
    rc = rc ? rc : raise_files(conf, reterr);
    rc = rc ? rc : make_conns(p, conf, reterr);
    if (!rc && !open_all(p, conf->keep_alive)) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "--url %s:%s%s: nobody accepts connections there; start ingest first",
                       conf->targets[0].host, conf->targets[0].port,
                       conf->ntargets > 1 ? " and the others" : "");
    }
    return rc;
}

void pool_close(struct pool *p) {
    for (uint32_t i = 0; p->conns && i < p->n; i++) {
        if (p->conns[i].fd >= 0) {
            close(p->conns[i].fd);
        }
        px_buf_fini(&p->conns[i].part);
    }
    px_free(p->conns);
    for (uint32_t i = 0; i < p->ntargets; i++) {
        if (p->targets[i].address) {
            freeaddrinfo(p->targets[i].address);
        }
    }
    if (p->epoll >= 0) {
        close(p->epoll);
    }
    *p = (struct pool){.epoll = -1};
}
