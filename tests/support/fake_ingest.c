/* poll(2) over a listener and its connections; see fake_ingest.h. */
#include "fake_ingest.h"

#include <px/clock.h>
#include <px/num.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS     600
#define BYTES_MAX 2048

struct talk {
    size_t n;
    char bytes[BYTES_MAX + 1];
};

struct fake_ingest {
    fake_rule *rule;
    void *arg;
    int port, stop;
    pthread_t thread;
    atomic_uint connections, requests;
    struct pollfd fds[CONNS + 2]; /* listener, stop, connections */
    struct talk *talks[CONNS + 2];
    nfds_t n;
};

static void die(const char *what) {
    fprintf(stderr, "fake ingest: %s: %s\n", what, strerror(errno));
    exit(99);
}

static void hang_up(struct fake_ingest *f, nfds_t i) {
    (void)close(f->fds[i].fd);
    free(f->talks[i]);
    f->n--;
    f->fds[i] = f->fds[f->n];
    f->talks[i] = f->talks[f->n];
}

static void answer(int fd, int status, const char *fields, const char *body) {
    char text[1024];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d What\r\n%sContent-Length: %zu\r\n\r\n%s",
                     status, fields, strlen(body), body);
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n && errno != EPIPE && errno != ECONNRESET) {
        die("send");
    }
}

/* px-load's faults by their looks. */
static const struct fault {
    const char *looks, *code;
    int status;
} faults[] = {{"/purchase", "unknown_event_type", 404}, {"%zz", "bad_escape", 400},
              {"=undefined", "junk_value", 400},        {"%40", "email_address", 400},
              {"\"metadata\"", "unknown_member", 400},  {NULL, "missing_field", 400}};

static const struct fault *fault_of(const char *text) {
    const struct fault *f = faults;
    while (f->looks && !strstr(text, f->looks)) {
        f++;
    }
    return f->looks || !strstr(text, "playerId") ? f : NULL;
}

static void refused(int fd, const struct fault *why, const char *more) {
    char fields[128];
    (void)snprintf(fields, sizeof fields, "X-Error-Code: %s\r\n%s", why->code, more);
    answer(fd, why->status, fields, "{}");
}

static void right(int fd, const char *text, uint32_t n, const char *more) {
    const struct fault *why = fault_of(text);
    if (why) {
        refused(fd, why, more);
        return;
    }
    char fields[256], received[PX_TIME_TEXT];
    size_t length = px_fmt_instant(px_wall(&px_clock_system), received);
    (void)snprintf(fields, sizeof fields,
                   "X-Event-Id: 01900000-0000-7000-8000-%012x\r\nX-Received-At: %.*s\r\n%s", n,
                   (int)length, received, more);
    answer(fd, 200, fields, "GIF");
}

/* False: the connection ends. */
static bool obey(struct fake_ingest *f, int fd, const char *text) {
    uint32_t n = atomic_fetch_add(&f->requests, 1);

    switch (f->rule(f->arg, text, n)) {
    case FAKE_RIGHT:
        right(fd, text, n, "");
        break;
    case FAKE_RIGHT_LAST:
        right(fd, text, n, "Connection: close\r\n");
        return false;
    case FAKE_BUSY:
        answer(fd, 503, "X-Error-Code: log_unavailable\r\nRetry-After: 1\r\n", "");
        break;
    case FAKE_UNKNOWN:
        answer(fd, 503, "X-Error-Code: log_unknown\r\n", "");
        break;
    case FAKE_STRANGE:
        answer(fd, 500, "", "");
        break;
    case FAKE_GARBAGE:
        if (send(fd, "SSH-2.0\r\n\r\n", 11, MSG_NOSIGNAL) < 0) {
            return false;
        }
        break;
    case FAKE_CUT:
        return false;
    case FAKE_NOTHING:
        break;
    }
    return true;
}

/* Bytes of the first request, 0: not complete. */
static size_t whole(const struct talk *t) {
    const char *end = strstr(t->bytes, "\r\n\r\n");
    const char *length = strstr(t->bytes, "Content-Length: ");
    if (!end) {
        return 0;
    }
    size_t n = (size_t)(end - t->bytes) + 4;
    n += length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return n <= t->n ? n : 0;
}

static bool talk(struct fake_ingest *f, nfds_t i) {
    struct talk *t = f->talks[i];
    ssize_t got = recv(f->fds[i].fd, t->bytes + t->n, BYTES_MAX - t->n, MSG_DONTWAIT);

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    t->n += (size_t)got;
    t->bytes[t->n] = '\0';
    for (size_t n; (n = whole(t)) > 0;) {
        bool closing = strstr(t->bytes, "Connection: close\r\n") != NULL;
        if (!obey(f, f->fds[i].fd, t->bytes) || closing) {
            return false;
        }
        t->n -= n;
        memmove(t->bytes, t->bytes + n, t->n + 1);
    }
    return true;
}

static void welcome(struct fake_ingest *f) {
    int fd = accept4(f->fds[0].fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || f->n == CONNS + 2) {
        die("accept");
    }
    f->talks[f->n] = calloc(1, sizeof *f->talks[0]);
    if (!f->talks[f->n]) {
        die("memory");
    }
    f->fds[f->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    atomic_fetch_add(&f->connections, 1);
}

static void *serve(void *arg) {
    struct fake_ingest *f = arg;

    while (poll(f->fds, f->n, -1) >= 0 && !f->fds[1].revents) {
        for (nfds_t i = f->n - 1; i >= 2; i--) {
            if (f->fds[i].revents && !talk(f, i)) {
                hang_up(f, i);
            }
        }
        if (f->fds[0].revents) {
            welcome(f);
        }
    }
    while (f->n > 2) {
        hang_up(f, f->n - 1);
    }
    return NULL;
}

struct fake_ingest *fake_ingest_start(fake_rule *rule, void *arg) {
    struct fake_ingest *f = calloc(1, sizeof *f);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!f || fd < 0 || bind(fd, (struct sockaddr *)&a, n) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        die("listen");
    }
    f->rule = rule;
    f->arg = arg;
    f->port = ntohs(a.sin_port);
    f->stop = eventfd(0, EFD_CLOEXEC);
    f->fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    f->fds[1] = (struct pollfd){.fd = f->stop, .events = POLLIN};
    f->n = 2;
    if (f->stop < 0 || pthread_create(&f->thread, NULL, serve, f)) {
        die("thread");
    }
    return f;
}

int fake_ingest_port(const struct fake_ingest *f) {
    return f->port;
}

uint32_t fake_ingest_connections(const struct fake_ingest *f) {
    return atomic_load(&f->connections);
}

uint32_t fake_ingest_requests(const struct fake_ingest *f) {
    return atomic_load(&f->requests);
}

void fake_ingest_stop(struct fake_ingest *f) {
    if (eventfd_write(f->stop, 1) || pthread_join(f->thread, NULL)) {
        die("stop");
    }
    (void)close(f->fds[0].fd);
    (void)close(f->stop);
    free(f);
}
