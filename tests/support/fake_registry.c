/* One thread, one connection at a time; see fake_registry.h. */
#include "fake_registry.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARD_MAX (256 * 1024)

struct fake_registry {
    int fd, stop[2];
    pthread_t thread;
    char url[64];
    pthread_mutex_t lock; /* what follows */
    int status;
    const char *fields, *body;
    size_t flood;
    bool mute;
    unsigned count;
    size_t n;
    char heard[HEARD_MAX + 1], copy[HEARD_MAX + 1];
};

static void die(const char *what) {
    fprintf(stderr, "fake registry: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* False: the end was asked for, or the peer went away. */
static bool readable(const struct fake_registry *f, int fd) {
    struct pollfd v[2] = {{.fd = f->stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    if (poll(v, 2, -1) < 0) {
        die("poll");
    }
    return !v[0].revents;
}

static bool whole(const char *text, size_t n) {
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    if (!end) {
        return false;
    }
    size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return n >= (size_t)(end - text) + 4 + body;
}

static bool hear(struct fake_registry *f, int fd) {
    bool done = false;
    pthread_mutex_lock(&f->lock);
    f->n = 0;
    f->heard[0] = '\0';
    pthread_mutex_unlock(&f->lock);
    while (!done && readable(f, fd)) {
        char part[4096];
        ssize_t got = recv(fd, part, sizeof part, 0);
        if (got <= 0) {
            return false;
        }
        pthread_mutex_lock(&f->lock);
        if (f->n + (size_t)got > HEARD_MAX) {
            die("too long a request");
        }
        memcpy(f->heard + f->n, part, (size_t)got);
        f->n += (size_t)got;
        f->heard[f->n] = '\0';
        done = whole(f->heard, f->n);
        f->count += done ? 1 : 0;
        pthread_mutex_unlock(&f->lock);
    }
    return done;
}

/* The client may hang up in the middle: that is what the tests look at. */
static void put(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

static void answer(struct fake_registry *f, int fd) {
    char head[1024];
    pthread_mutex_lock(&f->lock);
    size_t flood = f->flood;
    const char *body = f->body ? f->body : "";
    bool mute = f->mute;
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d What\r\n%sConnection: close\r\n\r\n",
                     f->status, f->fields ? f->fields : "");
    pthread_mutex_unlock(&f->lock);
    if (mute) {
        (void)readable(f, fd); /* until the client gives up, or the end */
        return;
    }
    put(fd, head, (size_t)n);
    put(fd, body, strlen(body));
    static const char spaces[4096] = "";
    for (; flood > 0; flood -= flood < sizeof spaces ? flood : sizeof spaces) {
        put(fd, spaces, flood < sizeof spaces ? flood : sizeof spaces);
    }
}

static void *serve(void *arg) {
    struct fake_registry *f = arg;
    while (readable(f, f->fd)) {
        int fd = accept(f->fd, NULL, NULL);
        if (fd < 0) {
            die("accept");
        }
        if (hear(f, fd)) {
            answer(f, fd);
        }
        (void)close(fd);
    }
    return NULL;
}

struct fake_registry *fake_registry_start(void) {
    struct fake_registry *f = calloc(1, sizeof *f);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    if (!f || pipe(f->stop) != 0) {
        die("start");
    }
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(f->fd, 16) != 0 || getsockname(f->fd, (struct sockaddr *)&at, &n) != 0) {
        die("listen");
    }
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/api", ntohs(at.sin_port));
    pthread_mutex_init(&f->lock, NULL);
    f->status = 200;
    if (pthread_create(&f->thread, NULL, serve, f) != 0) {
        die("thread");
    }
    return f;
}

const char *fake_registry_url(const struct fake_registry *f) {
    return f->url;
}

struct px_registry_conf fake_registry_conf(const struct fake_registry *f, px_us timeout) {
    return (struct px_registry_conf){
        .url = f->url, .user = "", .password = "", .ca_file = "", .timeout = timeout};
}

static void set(struct fake_registry *f, int status, const char *fields, const char *body) {
    pthread_mutex_lock(&f->lock);
    f->status = status;
    f->fields = fields;
    f->body = body;
    f->flood = 0;
    f->mute = false;
    pthread_mutex_unlock(&f->lock);
}

void fake_registry_say(struct fake_registry *f, int status, const char *fields, const char *body) {
    set(f, status, fields, body);
}

void fake_registry_flood(struct fake_registry *f, int status, size_t n) {
    set(f, status, NULL, NULL);
    pthread_mutex_lock(&f->lock);
    f->flood = n;
    pthread_mutex_unlock(&f->lock);
}

void fake_registry_mute(struct fake_registry *f) {
    set(f, 200, NULL, NULL);
    pthread_mutex_lock(&f->lock);
    f->mute = true;
    pthread_mutex_unlock(&f->lock);
}

const char *fake_registry_heard(struct fake_registry *f) {
    pthread_mutex_lock(&f->lock);
    memcpy(f->copy, f->heard, f->n + 1);
    pthread_mutex_unlock(&f->lock);
    return f->copy;
}

unsigned fake_registry_count(struct fake_registry *f) {
    pthread_mutex_lock(&f->lock);
    unsigned n = f->count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_registry_stop(struct fake_registry *f) {
    if (write(f->stop[1], "x", 1) != 1) {
        die("stop");
    }
    pthread_join(f->thread, NULL);
    close(f->fd);
    close(f->stop[0]);
    close(f->stop[1]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
