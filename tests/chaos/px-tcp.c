/* px-tcp: a TCP relay on loopback that can be told to disturb what passes. Fault scenarios put it
 * between a service and its server; they write commands into its fifo and read here what was done.
 *   px-tcp FIFO TARGET-PORT [LISTEN-PORT]     first prints "listening PORT"
 * One thread, one poll loop. What is held or delayed is never lost or reordered: like a network
 * that drops packets, it makes TCP late, and only the end of a connection loses anything. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS = 256,
    ROOM = 64 * 1024,
    PIECES = 512,
    LINE = 128
};
enum mode {
    PASS,
    HOLD, /* nothing moves, not even the end of the stream; later it goes on */
    CUT   /* the next bytes are swallowed and their connection is reset      */
};

/* What one side has said and the other has not been told yet. */
struct flow {
    int from, to;
    bool end, told; /* the end was read; was passed on */
    size_t first, n;
    unsigned p, np;
    struct {
        size_t n;
        int64_t due;
    } piece[PIECES];
    char buf[ROOM];
};
struct conn {
    struct flow flow[2];   /* 0 = up: client to server, 1 = down */
    struct pollfd *fds[2]; /* of the client, of the server; NULL: not asked */
    bool lost[2];          /* the path of this connection is dead in that direction */
};
struct relay {
    int listener, control, target;
    enum mode mode[2];
    int64_t delay[2];
    unsigned long long bytes[2], made;
    struct conn *conns[CONNS];
    size_t line_n;
    char line[LINE];
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* From now on the kernel takes no packet of the peer, and acknowledges none: for the peer the path
 * is dead. */
static void go_deaf(int fd) {
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog all = {.len = 1, .filter = &drop};
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all);
}

static void conn_end(struct conn **slot) {
    reset((*slot)->flow[0].from);
    reset((*slot)->flow[1].from);
    free(*slot);
    *slot = NULL;
}

static bool conn_open(struct relay *r, struct conn **slot, int client) {
    struct sockaddr_in a = loopback(r->target);
    int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (server < 0 || connect(server, (struct sockaddr *)&a, sizeof a) ||
        !(*slot = calloc(1, sizeof **slot))) {
        close(server);
        return false;
    }
    (*slot)->flow[0].from = (*slot)->flow[1].to = client;
    (*slot)->flow[1].from = (*slot)->flow[0].to = server;
    for (int i = 0; i < 2; i++) {
        fcntl((*slot)->flow[i].from, F_SETFL, O_NONBLOCK);
        setsockopt((*slot)->flow[i].from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    r->made++;
    return true;
}

static void relay_accept(struct relay *r) {
    int client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    size_t i = 0;

    while (i < CONNS && r->conns[i]) {
        i++;
    }
    if (client >= 0 && (i == CONNS || !conn_open(r, &r->conns[i], client))) {
        reset(client);
    }
}

/* --- one direction -----------------------------------------------------------------------------
 */

static bool flow_wants(const struct flow *f, enum mode mode) {
    return mode != HOLD && !f->end && f->n < ROOM && f->np < PIECES;
}

static bool flow_is_due(const struct flow *f, enum mode mode, int64_t now) {
    return mode != HOLD && f->np && f->piece[f->p].due <= now;
}

/* Both return false when the connection is over. */
static bool flow_read(struct relay *r, struct flow *f, int dir, int64_t now) {
    size_t at = (f->first + f->n) % ROOM;
    size_t room = ROOM - f->n < ROOM - at ? ROOM - f->n : ROOM - at;
    ssize_t got = read(f->from, f->buf + at, room);

    if (got <= 0) {
        f->end |= got == 0;
        return got == 0 || errno == EAGAIN || errno == EINTR;
    }
    if (r->mode[dir] == CUT) {
        return false;
    }
    unsigned last = (f->p + f->np++) % PIECES;
    f->piece[last].n = (size_t)got;
    f->piece[last].due = now + r->delay[dir];
    f->n += (size_t)got;
    r->bytes[dir] += (unsigned long long)got;
    return true;
}

static bool flow_write(struct flow *f) {
    size_t n = f->piece[f->p].n < ROOM - f->first ? f->piece[f->p].n : ROOM - f->first;
    ssize_t put = send(f->to, f->buf + f->first, n, MSG_NOSIGNAL);

    if (put < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    f->first = (f->first + (size_t)put) % ROOM;
    f->n -= (size_t)put;
    if (!(f->piece[f->p].n -= (size_t)put)) {
        f->p = (f->p + 1) % PIECES;
        f->np--;
    }
    return true;
}

static void flow_forget(struct flow *f) {
    f->first = (f->first + f->n) % ROOM;
    f->p = (f->p + f->np) % PIECES;
    f->n = f->np = 0;
}

static bool conn_turn(struct relay *r, struct conn *c, int64_t now) {
    for (int d = 0; d < 2; d++) {
        struct flow *f = &c->flow[d];
        bool readable = c->fds[d] && c->fds[d]->revents;
        if (readable && flow_wants(f, r->mode[d]) && !flow_read(r, f, d, now)) {
            return false;
        }
        if (d == 1 && c->lost[1]) {
            flow_forget(f);
        }
        while (flow_is_due(f, r->mode[d], now)) {
            size_t before = f->n;
            if (!flow_write(f)) {
                return false;
            }
            if (d == 0 && c->lost[1]) {
                go_deaf(f->from); /* the request went through, its answer and all else will not */
            }
            if (f->n == before) {
                break; /* the other side does not take more now */
            }
        }
        if (f->end && !f->told && !f->n && r->mode[d] != HOLD && !c->lost[d]) {
            shutdown(f->to, SHUT_WR);
            f->told = true;
        }
    }
    return !(c->flow[0].told && c->flow[1].told);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void relay_lose(struct relay *r, int dir) {
    for (size_t i = 0; i < CONNS; i++) {
        if (r->conns[i]) {
            r->conns[i]->lost[dir] = true;
            if (dir == 0) {
                go_deaf(r->conns[i]->flow[0].from);
            }
        }
    }
}

static bool relay_order(struct relay *r, char *line) {
    char *rest = NULL, *who = strtok_r(line, " ", &rest), *what = strtok_r(NULL, " ", &rest);
    char *ms = strtok_r(NULL, " ", &rest);
    bool up = who && (!strcmp(who, "up") || !strcmp(who, "both"));
    bool down = who && (!strcmp(who, "down") || !strcmp(who, "both"));

    if (who && !what && !strcmp(who, "reset")) {
        for (size_t i = 0; i < CONNS; i++) {
            if (r->conns[i]) {
                conn_end(&r->conns[i]);
            }
        }
        return true;
    }
    if (who && what && !ms && !strcmp(who, "lose") &&
        (!strcmp(what, "up") || !strcmp(what, "down"))) {
        relay_lose(r, what[0] == 'd');
        return true;
    }
    bool delay = what && ms && !strcmp(what, "delay");
    bool mode =
        what && !ms && (!strcmp(what, "pass") || !strcmp(what, "hold") || !strcmp(what, "cut"));
    if (!(up || down) || !(delay || mode)) {
        return who && !what && !strcmp(who, "show");
    }
    for (int d = 0; d < 2; d++) {
        if (d == 0 ? up : down) {
            r->delay[d] = delay ? strtol(ms, NULL, 10) : 0;
            r->mode[d] = delay || !strcmp(what, "pass") ? PASS : !strcmp(what, "hold") ? HOLD : CUT;
        }
    }
    return true;
}

static void relay_control(struct relay *r) {
    ssize_t got = read(r->control, r->line + r->line_n, LINE - 1 - r->line_n);

    r->line_n += got > 0 ? (size_t)got : 0;
    for (char *nl; (nl = memchr(r->line, '\n', r->line_n));) {
        char text[LINE];
        size_t n = (size_t)(nl - r->line), open = 0;
        memcpy(text, r->line, n);
        text[n] = '\0';
        r->line_n -= n + 1;
        memmove(r->line, nl + 1, r->line_n);
        bool known = relay_order(r, text);
        for (size_t i = 0; i < CONNS; i++) {
            open += r->conns[i] != NULL;
        }
        printf("%s connections %zu made %llu up %llu down %llu\n", known ? "ok" : "unknown", open,
               r->made, r->bytes[0], r->bytes[1]);
    }
    if (r->line_n == LINE - 1) {
        r->line_n = 0; /* not a command of ours */
    }
}

/* --- the loop ----------------------------------------------------------------------------------
 */

/* Fills in what to poll for; the time until the next delayed bytes are due, -1 = for ever. */
static int relay_ask(struct relay *r, struct pollfd *p, nfds_t *ret_n, int64_t now) {
    int64_t wait = -1;
    p[0] = (struct pollfd){.fd = r->control, .events = POLLIN};
    p[1] = (struct pollfd){.fd = r->listener, .events = POLLIN};
    nfds_t n = 2;

    for (size_t i = 0; i < CONNS; i++) {
        struct conn *c = r->conns[i];
        for (int d = 0; c && d < 2; d++) {
            const struct flow *in = &c->flow[d], *out = &c->flow[1 - d];
            short events = flow_wants(in, r->mode[d]) ? POLLIN : 0;
            if (flow_is_due(out, r->mode[1 - d], now)) {
                events |= POLLOUT;
            } else if (out->np && r->mode[1 - d] != HOLD) {
                int64_t left = out->piece[out->p].due - now;
                wait = wait < 0 || left < wait ? left : wait;
            }
            c->fds[d] = events ? &p[n] : NULL;
            if (events) {
                p[n++] = (struct pollfd){.fd = in->from, .events = events};
            }
        }
    }
    *ret_n = n;
    return (int)wait;
}

static void relay_run(struct relay *r) {
    static struct pollfd p[2 + 2 * CONNS];
    nfds_t n;

    for (;;) {
        int wait = relay_ask(r, p, &n, now_ms());
        if (poll(p, n, wait) < 0 && errno != EINTR) {
            return;
        }
        int64_t now = now_ms();
        for (size_t i = 0; i < CONNS; i++) {
            if (r->conns[i] && !conn_turn(r, r->conns[i], now)) {
                conn_end(&r->conns[i]);
            }
        }
        if (p[1].revents) {
            relay_accept(r);
        }
        if (p[0].revents) {
            relay_control(r);
        }
    }
}

int main(int argc, char **argv) {
    static struct relay r;
    struct sockaddr_in a = loopback(argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0);
    socklen_t n = sizeof a;
    int on = 1;

    if (argc < 3 || (r.target = (int)strtol(argv[2], NULL, 10)) <= 0) {
        fputs("usage: px-tcp FIFO TARGET-PORT [LISTEN-PORT]\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    r.control =
        open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC); /* for writing too: never at its end */
    r.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(r.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (r.control < 0 || bind(r.listener, (struct sockaddr *)&a, n) || listen(r.listener, 128) ||
        getsockname(r.listener, (struct sockaddr *)&a, &n)) {
        perror("px-tcp");
        return 69;
    }
    printf("listening %d\n", ntohs(a.sin_port));
    relay_run(&r);
    return 70;
}
