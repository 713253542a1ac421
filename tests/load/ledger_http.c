/* The smallest HTTP client that serves: one request, close, the whole answer. See ledger_http.h. */
#include "ledger_http.h"

#include <px/num.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static enum px_code dial(const char *server, int *ret_fd, struct px_err *reterr) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval limit = {.tv_sec = 30};
    struct addrinfo *found = NULL;
    char host[256];
    const char *colon = strrchr(server, ':');
    if (!colon || !px_str_copy((struct px_str){.p = server, .n = (size_t)(colon - server)}, host,
                               sizeof host)) {
        return PX_FAIL(reterr, PX_USAGE, "%s is not HOST:PORT", server);
    }
    int rc = getaddrinfo(host, colon + 1, &hints, &found);
    if (rc) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "%s: %s", server, gai_strerror(rc));
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen)) {
        px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, server);
        if (fd >= 0) {
            close(fd);
        }
        freeaddrinfo(found);
        return PX_UNAVAILABLE;
    }
    freeaddrinfo(found);
    *ret_fd = fd;
    return PX_OK;
}

static enum px_code talk(int fd, const struct px_buf *request, struct px_buf *answer,
                         struct px_err *reterr) {
    for (size_t done = 0; done < request->n;) {
        ssize_t n = send(fd, request->p + done, request->n - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "sending");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    for (;;) {
        char *to = px_buf_reserve(answer, 65536);
        ssize_t n = to ? recv(fd, to, 65536, 0) : 0;
        if (!to) {
            return px_buf_ok(answer, reterr);
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "reading");
        }
        if (n == 0) {
            return PX_OK;
        }
        answer->n += (size_t)n;
    }
}

static enum px_code take_apart(struct px_buf *answer, int *ret_status, struct px_err *reterr) {
    int64_t status = 0;
    char *text = answer->n ? answer->p : NULL;
    const char *gap = text ? memmem(text, answer->n, "\r\n\r\n", 4) : NULL;
    if (!gap || answer->n < 12 ||
        !px_parse_i64((struct px_str){.p = text + 9, .n = 3}, 100, 599, &status) ||
        memmem(text, (size_t)(gap - text), "chunked", 7)) {
        return PX_FAIL(reterr, PX_PROTOCOL, "the answer is no plain HTTP");
    }
    *ret_status = (int)status;
    px_buf_consume(answer, (size_t)(gap - text) + 4);
    return PX_OK;
}

enum px_code lg_get(const char *server, const char *target, int *ret_status, struct px_buf *body,
                    struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf request = PX_BUF_INIT(65536);
    int fd = -1;
    px_buf_printf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target,
                  server);
    px_buf_reset(body);
    enum px_code rc = dial(server, &fd, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = talk(fd, &request, body, reterr);
    close(fd);
    return rc == PX_OK ? take_apart(body, ret_status, reterr) : rc;
}
