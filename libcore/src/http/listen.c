/* The listening socket: binding with errors that name the remedy, accepting within the connection
 * cap, and pausing instead of spinning when descriptors run out. */
#include "http_priv.h"

#include "loop_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG      4096
#define ACCEPT_BURST 64
#define STARVED_MS   100

/* Without port; IPv4 that came through an IPv6 socket is shown as IPv4. */
static void peer_text(const struct sockaddr_storage *ss, char out[PX_HTTP_PEER_TEXT]) {
    const void *addr = NULL;
    int family = ss->ss_family;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    out[0] = '\0';
    if (family == AF_INET) {
        memcpy(&in4, ss, sizeof(in4));
        addr = &in4.sin_addr;
    } else if (family == AF_INET6) {
        memcpy(&in6, ss, sizeof(in6));
        addr = &in6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            family = AF_INET;
            addr = in6.sin6_addr.s6_addr + 12;
        }
    }
    if (addr && !inet_ntop(family, addr, out, PX_HTTP_PEER_TEXT)) {
        out[0] = '\0';
    }
}

static void pause_accept(struct px_http_server *s) {
    if (s->accepting) {
        event_del(s->listen_ev);
        s->accepting = false;
    }
}

void px_listen_update(struct px_http_server *s) {
    bool want = s->fd >= 0 && !s->starved && s->connections < s->conf.limits.connections;
    if (want && !s->accepting) {
        s->accepting = event_add(s->listen_ev, NULL) == 0;
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

/* False when there is nothing (more) to accept now. */
static bool accept_one(struct px_http_server *s) {
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    if (s->connections >= s->conf.limits.connections) {
        pause_accept(s);
        return false;
    }
    struct px_http_conn *c = px_server_take(s);
    if (!c) {
        starve(s);
        return false;
    }
    int fd = accept4(s->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        peer_text(&ss, c->peer);
        px_conn_open(c, fd);
        return true;
    }
    int e = errno;
    px_server_untake(c);
    if (e == EAGAIN) {
        return false;
    }
    if (e == EINTR || e == ECONNABORTED || e == EPROTO || e == EPERM) {
        return true;
    }
    starve(s); /* EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever else would come again at once */
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
    s->listen_ev = s->starved_ev = NULL;
    s->fd = -1;
}

/* TCP_NODELAY is inherited by the accepted sockets. */
static bool set_options(const struct px_http_conf *conf, int fd) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           (!conf->reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
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

static enum px_code bind_one(struct px_http_server *s, const struct addrinfo *ai,
                             struct px_err *reterr) {
    const struct px_http_conf *conf = &s->conf;
    s->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "http: socket");
    }
    if (!set_options(conf, s->fd)) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "http: socket options");
    }
    if (bind(s->fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(s->fd, BACKLOG) == 0) {
        s->port = port_of(s->fd);
        return PX_OK;
    }
    int e = errno;
    const char *why = e == EADDRINUSE ? "it is in use; stop the other program or choose another"
                      : e == EACCES   ? "no permission; choose one above 1023"
                      : e == EADDRNOTAVAIL ? "this machine has no such address"
                                           : strerrorname_np(e);
    enum px_code code = PX_FAIL(reterr, PX_UNAVAILABLE, "cannot listen on %s port %u: %s",
                                conf->address, (unsigned)conf->port, why ? why : "?");
    if (reterr) {
        reterr->native = e;
    }
    return code;
}

enum px_code px_listen_open(struct px_http_server *s, struct px_err *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *ai = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)s->conf.port);
    int rc = getaddrinfo(s->conf.address, port, &hints, &ai);
    if (rc != 0) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "cannot listen on %s port %s: %s; give an IP address", s->conf.address, port,
                       gai_strerror(rc));
    }
    enum px_code code = bind_one(s, ai, reterr);
    freeaddrinfo(ai);
    if (code) {
        return code;
    }
    struct event_base *base = px_loop_base(s->loop);
    s->listen_ev = event_new(base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
    s->starved_ev = event_new(base, -1, 0, on_starved, s);
    if (!s->listen_ev || !s->starved_ev) {
        return PX_FAIL(reterr, PX_NOMEM, "http: out of memory");
    }
    px_listen_update(s);
    return PX_OK;
}
