/* The connections of px-hostile: see hostile.h. Edge-triggered; one thread. */
#include "answer.h"
#include "hostile.h"

#include <px/clock.h>
#include <px/mem.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_EVENTS 512
#define NET_BESIDE 64   /* descriptors beside the connections */
#define NET_BURST  64   /* connections made in one turn       */
#define NET_RCVBUF 4096 /* of who does not read               */
#define NET_CHUNK  65536
#define NET_ROOM   65536 /* of an answer */

static uint32_t net_index(const struct hostile *h, const struct link *k) {
    return (uint32_t)(k - h->links);
}

static void net_forget_idle(struct hostile *h, struct link *k) {
    uint32_t *at = &h->idle;

    while (*at != HOSTILE_NONE && *at != net_index(h, k)) {
        at = &h->links[*at].next;
    }
    if (*at != HOSTILE_NONE) {
        *at = k->next;
    }
    k->idle = false;
}

void net_drop(struct hostile *h, struct link *k, bool reset) {
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    if (k->state == LINK_CLOSED) {
        return;
    }
    if (k->idle) {
        net_forget_idle(h, k);
    }
    if (reset) {
        PX_IGNORE(setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard)); /* closed anyway */
    }
    close(k->fd);
    h->open -= k->state == LINK_OPEN;
    h->c.lost += h->conf.kind->vanishes ? 0 : k->owed;
    k->fd = -1;
    k->state = LINK_CLOSED;
    k->owed = 0;
    k->rest = (struct px_str){.p = NULL, .n = 0};
    px_buf_fini(&k->part);
    px_buf_init(&k->part, NET_ROOM * 2);
    k->next = h->closed;
    h->closed = net_index(h, k);
}

/* --- sending ------------------------------------------------------------------------------------
 */

static void net_flush(struct hostile *h, struct link *k) {
    while (k->rest.n) {
        size_t n = k->rest.n < NET_CHUNK ? k->rest.n : NET_CHUNK;
        ssize_t sent = send(k->fd, k->rest.p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent < 0) {
            h->c.reset++;
            net_drop(h, k, false);
            return;
        }
        k->rest.p += sent;
        k->rest.n -= (size_t)sent;
    }
    if (h->conf.kind->vanishes) {
        net_drop(h, k, true);
    }
}

void net_send(struct hostile *h, struct link *k, struct px_str text) {
    k->rest = text;
    net_flush(h, k);
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Takes whole answers from the front. False: the connection is of no more use. */
static bool net_answers(struct hostile *h, struct link *k, bool *ret_close) {
    size_t at = 0;

    for (;;) {
        struct px_str bytes = {.p = k->part.p + at, .n = k->part.n - at};
        struct answer a;
        enum answer_is is = bytes.n ? answer_read(bytes, &a) : ANSWER_PART;
        if (is == ANSWER_BROKEN) {
            return false;
        }
        if (is == ANSWER_PART) {
            break;
        }
        at += a.n;
        h->c.status[a.status]++;
        if (k->owed) {
            k->owed--;
            ask_answered(h, k, a.status);
        }
        *ret_close = *ret_close || a.close;
    }
    if (at) {
        memmove(k->part.p, k->part.p + at, k->part.n - at);
        k->part.n -= at;
    }
    return true;
}

void net_read(struct hostile *h, struct link *k, size_t most) {
    static char bytes[NET_CHUNK];
    bool end = false;

    while (k->state == LINK_OPEN && !end) {
        size_t room = most < sizeof bytes ? most : sizeof bytes;
        ssize_t n = recv(k->fd, bytes, room, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n <= 0) {
            h->c.ended += n == 0;
            h->c.reset += n < 0;
            end = true;
            break;
        }
        px_buf_add(&k->part, bytes, (size_t)n);
        if (px_buf_ok(&k->part, NULL) || !net_answers(h, k, &end)) {
            end = true;
        }
        if (most < sizeof bytes) {
            break;
        }
    }
    if (end) {
        net_drop(h, k, false);
    } else if (k->owed == 0 && h->conf.kind->asks && k->state == LINK_OPEN && !k->idle) {
        ask_idle(h, k);
    }
}

/* --- making connections -------------------------------------------------------------------------
 */

static void net_opened(struct hostile *h, struct link *k) {
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) {
        h->c.failed++;
        net_drop(h, k, false);
        return;
    }
    k->state = LINK_OPEN;
    h->open++;
    h->c.opened++;
    if (h->conf.kind->asks) {
        ask_idle(h, k);
    } else if (h->conf.kind->opened) {
        h->conf.kind->opened(h, k);
    }
}

/* Loopback has 16 million addresses: each source is a client of its own. */
static bool net_source(const struct hostile *h, const struct link *k) {
    uint32_t i = net_index(h, k) % (uint32_t)h->conf.sources;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;

    from.sin_addr.s_addr = htonl(0x7f010001U + i);
    return setsockopt(k->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
           bind(k->fd, (struct sockaddr *)&from, sizeof from) == 0;
}

static bool net_dial(struct hostile *h, struct link *k) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(h->conf.port)};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                             .data.u32 = net_index(h, k)};
    int on = 1, small = NET_RCVBUF;

    k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (k->fd < 0 || inet_pton(AF_INET, h->conf.host, &to.sin_addr) != 1) {
        return false;
    }
    if (h->conf.kind->deaf && setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small)) {
        return false;
    }
    if (setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) ||
        (h->conf.sources && !net_source(h, k))) {
        return false;
    }
    int rc = connect(k->fd, (struct sockaddr *)&to, sizeof to);
    return (rc == 0 || errno == EINPROGRESS) && epoll_ctl(h->epoll, EPOLL_CTL_ADD, k->fd, &ev) == 0;
}

bool net_make_one(struct hostile *h, struct link **ret) {
    if (h->closed == HOSTILE_NONE) {
        return false;
    }
    struct link *k = &h->links[h->closed];
    h->closed = k->next;
    k->next = HOSTILE_NONE;
    k->state = LINK_CONNECTING;
    k->sent = h->now;
    if (!net_dial(h, k)) {
        h->c.failed++;
        net_drop(h, k, false);
        return false;
    }
    *ret = k; /* it is open once it can be written to */
    return true;
}

void net_make(struct hostile *h) {
    struct link *k;

    if (!h->conf.reopen && h->c.opened + h->c.failed >= h->n) {
        return;
    }
    for (int i = 0; i < NET_BURST && h->may_open >= 1 && h->closed != HOSTILE_NONE; i++) {
        h->may_open--;
        if (!net_make_one(h, &k)) {
            return;
        }
    }
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static void net_event(struct hostile *h, const struct epoll_event *ev) {
    if (ev->data.u32 == HOSTILE_NONE) {
        struct signalfd_siginfo told;
        h->stopping = h->stopping || read(h->signals, &told, sizeof told) == sizeof told;
        return;
    }
    struct link *k = &h->links[ev->data.u32];
    if (k->state == LINK_CONNECTING && (ev->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        net_opened(h, k);
    } else if (k->state == LINK_OPEN && k->rest.n && (ev->events & EPOLLOUT)) {
        net_flush(h, k);
    }
    bool gone = (ev->events & (EPOLLERR | EPOLLHUP)) != 0;
    if (k->state == LINK_OPEN && gone && h->conf.kind->deaf) {
        h->c.reset++;
        net_drop(h, k, false);
    } else if (k->state == LINK_OPEN && (ev->events & EPOLLIN) && !h->conf.kind->deaf) {
        net_read(h, k, NET_CHUNK);
    }
}

void net_turn(struct hostile *h) {
    struct epoll_event ev[NET_EVENTS];
    int n = epoll_wait(h->epoll, ev, NET_EVENTS, 1);

    h->now = px_mono(&px_clock_system);
    for (int i = 0; i < n; i++) {
        net_event(h, &ev[i]);
    }
}

static enum px_code net_files(const struct hostile *h, struct px_err *reterr) {
    struct rlimit r;
    rlim_t need = (rlim_t)h->conf.connections + NET_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &r)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "getrlimit");
    }
    if (r.rlim_max < need) {
        return PX_FAIL(reterr, PX_USAGE, "--connections %lld: only %llu files may be open here",
                       (long long)h->conf.connections, (unsigned long long)r.rlim_max);
    }
    r.rlim_cur = r.rlim_cur < need ? need : r.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &r) ? px_err_errno(reterr, PX_IO, PX_HERE, "setrlimit") : PX_OK;
}

enum px_code net_open(struct hostile *h, struct px_err *reterr) {
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = HOSTILE_NONE};
    if (h->epoll < 0 || epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->signals, &ev)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "epoll");
    }
    h->n = (uint32_t)h->conf.connections;
    h->links = px_calloc2(h->n, sizeof *h->links);
    if (!h->links) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %u connections", h->n);
    }
    h->closed = h->idle = HOSTILE_NONE;
    for (uint32_t i = h->n; i-- > 0;) {
        struct link *k = &h->links[i];
        *k = (struct link){.fd = -1, .next = h->closed};
        px_buf_init(&k->part, NET_ROOM * 2);
        h->closed = i;
    }
    return net_files(h, reterr);
}

void net_close(struct hostile *h) {
    for (uint32_t i = 0; h->links && i < h->n; i++) {
        net_drop(h, &h->links[i], false);
        px_buf_fini(&h->links[i].part);
    }
    px_free(h->links);
    h->links = NULL;
    if (h->epoll >= 0) {
        close(h->epoll);
    }
}
