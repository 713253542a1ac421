/* The relay thread: poll over one client and one server socket; see the header. */
#include "tcp_cut.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_relay {
    pthread_t thread;
    int listener, port, target;
    atomic_int mode;
    atomic_uint cuts;
    atomic_bool stop;
};

static int on_loopback(int port, struct sockaddr_in *a) {
    *a = (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* One read on ${from}, passed on to ${to}; false when the connection is over. */
static bool pass(int from, int to) {
    char buf[65536];
    ssize_t n = read(from, buf, sizeof buf);
    for (ssize_t at = 0; at < n;) {
        ssize_t w = write(to, buf + at, (size_t)(n - at));
        if (w <= 0) {
            return false;
        }
        at += w;
    }
    return n > 0;
}

static void relay(struct tcp_relay *r, int client, int server) {
    for (;;) {
        struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        int n = poll(p, 2, 50);
        if (n < 0 || atomic_load(&r->stop)) {
            return;
        }
        int mode = atomic_load(&r->mode);
        if ((p[0].revents && mode == TCP_CUT_REQUEST) || (p[1].revents && mode == TCP_CUT_ANSWER)) {
            atomic_fetch_add(&r->cuts, 1);
            return;
        }
        if ((p[0].revents && !pass(client, server)) || (p[1].revents && !pass(server, client))) {
            return;
        }
    }
}

static void *run(void *arg) {
    struct tcp_relay *r = arg;
    while (!atomic_load(&r->stop)) {
        struct pollfd p = {.fd = r->listener, .events = POLLIN};
        if (poll(&p, 1, 50) <= 0) {
            continue;
        }
        struct sockaddr_in a;
        int client = accept(r->listener, NULL, NULL);
        int server = on_loopback(r->target, &a);
        if (client >= 0 && server >= 0 && !connect(server, (struct sockaddr *)&a, sizeof a)) {
            relay(r, client, server);
        }
        (void)close(client);
        (void)close(server);
    }
    return NULL;
}

struct tcp_relay *tcp_relay_start(int port) {
    struct tcp_relay *r = calloc(1, sizeof *r);
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    if (!r) {
        abort();
    }
    r->target = port;
    r->listener = on_loopback(0, &a);
    if (bind(r->listener, (struct sockaddr *)&a, n) || listen(r->listener, 8) ||
        getsockname(r->listener, (struct sockaddr *)&a, &n) ||
        pthread_create(&r->thread, NULL, run, r)) {
        abort();
    }
    r->port = ntohs(a.sin_port);
    return r;
}

int tcp_relay_port(const struct tcp_relay *r) {
    return r->port;
}

void tcp_relay_mode(struct tcp_relay *r, enum tcp_cut mode) {
    atomic_store(&r->mode, (int)mode);
}

unsigned tcp_relay_cuts(const struct tcp_relay *r) {
    return atomic_load(&r->cuts);
}

void tcp_relay_stop(struct tcp_relay *r) {
    atomic_store(&r->stop, true);
    (void)pthread_join(r->thread, NULL);
    (void)close(r->listener);
    free(r);
}
