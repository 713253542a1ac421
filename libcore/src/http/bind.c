/* A socket bound to an address: what the listener listens on and what probes try, and who reaches
 * an address. Neither listens nor accepts; listen.c does. */
#include "http_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* TCP_NODELAY is inherited by the accepted sockets. */
static bool set_options(int fd, bool reuse_port) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
}

static const char *why_not(int e) {
    switch (e) {
    case EADDRINUSE:
        return "it is in use; stop the other program or choose another";
    case EACCES:
        return "no permission; choose one above 1023";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    default:
        return strerrorname_np(e) ? strerrorname_np(e) : "?";
    }
}

static enum px_code bind_to(const struct addrinfo *ai, const struct px_bind *b, int *ret_fd,
                            struct px_err *reterr) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum px_code code = PX_OK;
    if (fd < 0 || !set_options(fd, b->reuse_port)) {
        code = px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "http: socket");
    } else if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        int e = errno;
        code = PX_FAIL(reterr, PX_UNAVAILABLE, "cannot bind %s port %u: %s", b->address,
                       (unsigned)b->port, why_not(e));
        if (reterr) {
            reterr->native = e;
        }
    }
    if (code == PX_OK) {
        *ret_fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return code;
}

enum px_code px_http_bind(const struct px_bind *b, int *ret_fd, struct px_err *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *ai = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)b->port);
    int rc = getaddrinfo(b->address, port, &hints, &ai);
    if (rc != 0) {
        return PX_FAIL(reterr, PX_CONFIG, "cannot bind %s port %s: %s; give an IP address",
                       b->address, port, gai_strerror(rc));
    }
    enum px_code code = bind_to(ai, b, ret_fd, reterr);
    freeaddrinfo(ai);
    return code;
}

/* Without SO_REUSEPORT on purpose: two programs that share a port by accident get half each. */
enum px_code px_http_try_bind(const char *address, uint16_t port, const char *option,
                              struct px_err *reterr) {
    const struct px_bind b = {.address = address, .port = port};
    struct px_err local = PX_ERR_INIT;
    int fd = -1;
    reterr = reterr ? reterr : &local;
    enum px_code code = px_http_bind(&b, &fd, reterr);
    if (code) {
        return px_err_context(reterr, "%s", option);
    }
    close(fd);
    return PX_OK;
}

enum px_code px_http_private(const char *address, const char *option, struct px_err *reterr) {
    struct px_str a = px_str_c(address);

    if (px_str_starts(a, PX_S("127.")) || px_str_is(a, "::1") || px_str_is(a, "localhost")) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "%s %s is not loopback and nothing asks for a key there: keep it on a private "
                   "network, or put an authenticating proxy in front",
                   option, address);
}
