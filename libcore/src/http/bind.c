/* What probes ask about an address: can its port be bound, and who reaches it. Leaves no trace. */
#include <px/http.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum px_code px_http_try_bind(const char *address, uint16_t port, const char *option,
                              struct px_err *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *ai = NULL;
    char text[8];
    int on = 1;
    enum px_code code = PX_OK;

    snprintf(text, sizeof(text), "%u", (unsigned)port);
    if (getaddrinfo(address, text, &hints, &ai) != 0) {
        return PX_FAIL(reterr, PX_CONFIG, "%s is not an IP address", address);
    }
    /* Without SO_REUSEPORT on purpose: two programs that share a port by accident get half each. */
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        code = px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "socket");
    } else if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        const char *why = errno == EADDRINUSE ? "is in use; stop the other program or set"
                                              : "cannot be bound; set";

        code = PX_FAIL(reterr, PX_UNAVAILABLE, "%s port %s %s %s", address, text, why, option);
    }
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(ai);
    return code;
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
