/* The listening socket: accepting within the connection cap, and pausing instead of spinning when
 * descriptors run out. */
#include "http_priv.h"

#include "loop_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG      4096
#define ACCEPT_BURST 64
#define STARVED_MS   100
#define UNSENT       (64 * 1024) /* bytes of answers that the kernel holds beyond what is on its way */

/* Whoever came through no IP socket has the address "::". */
static struct px_addr peer_of(const struct sockaddr_storage *ss) {
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct px_addr a = {.b = {0}};
    if (ss->ss_family == AF_INET) {
        memcpy(&in4, ss, sizeof(in4));
        memcpy(a.b + 12, &in4.sin_addr, 4);
        a.b[10] = a.b[11] = 0xff;
    } else if (ss->ss_family == AF_INET6) {
        memcpy(&in6, ss, sizeof(in6));
        memcpy(a.b, &in6.sin6_addr, sizeof a.b);
    }
    return a;
}

static void pause_accept(struct px_http_server *s) {
    if (s->accepting) {
        event_del(s->listen_ev);
        s->accepting = false;
    }
}

void px_listen_update(struct px_http_server *s) {
    bool want = s->fd >= 0 && !s->starved;
    s->crowded = false;
    if (want && !s->accepting) {
        s->accepting = event_add(s->listen_ev, NULL) == 0;
        if (s->parked.fd >= 0) {
            event_active(s->listen_ev, EV_READ, 0); /* the listener says nothing about this one */
        }
    } else if (!want) {
        pause_accept(s);
    }
}

/* The peer waits in the backlog meanwhile; the listener stays readable, so polling it would spin.
 */
static void starve(struct px_http_server *s) {
    struct timeval tv = {.tv_usec = STARVED_MS * 1000};
    pause_accept(s);
    s->starved = event_add(s->starved_ev, &tv) == 0;
}

static void on_starved(evutil_socket_t fd, short what, void *arg) {
    struct px_http_server *s = arg;
    (void)fd, (void)what;
    s->starved = false;
    px_listen_update(s);
}

static bool is_full(const struct px_http_server *s) {
    return s->connections >= s->conf.limits.connections;
}

/* The next one stays in the backlog until somebody leaves, becomes idle or has been slow for long.
 */
static void crowd(struct px_http_server *s) {
    pause_accept(s);
    s->crowded = true;
}

/* A connection for the parked one, when there is room or somebody gives way. */
static bool seat(struct px_http_server *s) {
    struct px_parked *k = &s->parked;
    if (is_full(s) && !px_crowd_yield(s)) {
        crowd(s);
        return false;
    }
    struct px_http_conn *c = px_server_take(s);
    if (!c) {
        starve(s);
        return false;
    }
    int fd = k->fd;
    k->fd = -1;
    c->counted_at = k->counted_at;
    c->addr = k->addr;
    px_addr_fmt(&c->addr, c->peer);
    px_conn_open(c, fd);
    return true;
}

/* Who has its share already is closed at once, before anybody gives way for it. */
static bool welcome(struct px_http_server *s, int fd, const struct sockaddr_storage *peer) {
    const struct px_nets *many = s->conf.many;
    struct px_parked *k = &s->parked;
    k->addr = peer_of(peer);
    k->counted_at = PX_PEERS_NOBODY;
    bool counts = s->peers && (!many || px_nets_find(many, &k->addr) == many->n);
    if (counts && !px_peers_enter(s->peers, &k->addr, &k->counted_at)) {
        s->pressure.turned_away++;
        close(fd);
        return false;
    }
    k->fd = fd;
    return true;
}

/* Without a free descriptor accept() says so whether anybody waits or not. */
static bool somebody_waits(const struct px_http_server *s) {
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* False when there is nothing (more) to accept now. */
static bool accept_one(struct px_http_server *s) {
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    if (s->parked.fd >= 0) {
        return seat(s);
    }
    int fd = accept4(s->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        return !welcome(s, fd, &ss) || seat(s);
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
        return true;
    case EMFILE:
        if (!somebody_waits(s)) {
            return false;
        }
        if (px_crowd_yield(s)) {
            return true;
        }
        break;
    default:
        break;
    }
    starve(s); /* ENFILE, ENOBUFS, ENOMEM, and whatever else would come again at once */
    return false;
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    struct px_http_server *s = arg;
    (void)fd, (void)what;
    for (int i = 0; i < ACCEPT_BURST && accept_one(s); i++) {
    }
}

void px_listen_drain(struct px_http_server *s) {
    for (int i = 0; i < BACKLOG && s->fd >= 0 && accept_one(s); i++) {
    }
    px_listen_close(s);
}

void px_listen_close(struct px_http_server *s) {
    pause_accept(s);
    if (s->listen_ev) {
        event_free(s->listen_ev);
    }
    if (s->starved_ev) {
        event_free(s->starved_ev);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    if (s->parked.fd >= 0) {
        close(s->parked.fd);
    }
    s->parked.fd = -1;
    s->listen_ev = s->starved_ev = NULL;
    s->fd = -1;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof(ss);
    struct sockaddr_in in4;
    px_assert(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
    memcpy(&in4, &ss, sizeof(in4)); /* both families keep the port at the same place */
    static_assert(offsetof(struct sockaddr_in, sin_port) ==
                      offsetof(struct sockaddr_in6, sin6_port),
                  "port offset");
    return ntohs(in4.sin_port);
}

enum px_code px_listen_open(struct px_http_server *s, struct px_err *reterr) {
    const struct px_bind b = {
        .address = s->conf.address, .port = s->conf.port, .reuse_port = s->conf.reuse_port};
    enum px_code code = px_http_bind(&b, &s->fd, reterr);
    if (code) {
        return code;
    }
    int unsent = UNSENT; /* connections inherit it: whoever does not read fills no more than that */
    if (setsockopt(s->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) != 0) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "http: TCP_NOTSENT_LOWAT");
    }
    if (listen(s->fd, BACKLOG) != 0) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "http: listen");
    }
    s->port = port_of(s->fd);
    struct event_base *base = px_loop_base(s->loop);
    s->listen_ev = event_new(base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
    s->starved_ev = event_new(base, -1, 0, on_starved, s);
    if (!s->listen_ev || !s->starved_ev) {
        return PX_FAIL(reterr, PX_NOMEM, "http: out of memory");
    }
    px_listen_update(s);
    return PX_OK;
}
