/* What px_http costs above the floor: CPU per request of a bare libevent + llhttp responder (no
 * gate, no limits, no deadlines), of px_http answering at once, and of px_http answering deferred
 * at the end of the turn. A 43-byte body on keep-alive connections, closed loop. One JSON line per
 * figure, the median of the rounds; the servers take turns, so that drift of the machine meets all
 * alike. Usage: bench_http_floor [requests per round [connections]] */
#include <px/http.h>
#include <px/mem.h>
#include <px/num.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  5
#define CONNS   256
#define TICKETS 4096

static const char request[] =
    "GET /api/pixel/visit?playerId=player-000123&bannerTag=spring-2026&s=abc123 HTTP/1.1\r\n"
    "Host: track.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/landing/spring\r\nConnection: keep-alive\r\n"
    "Sec-Fetch-Dest: image\r\n\r\n";

static const char gif[] =
    "GIF89a\1\0\1\0\200\0\0\377\377\377\0\0\0!\371\4\1\0\0\0\0,\0\0\0\0\1\0\1\0"
    "\0\2\2D\1\0;";
static_assert(sizeof(gif) - 1 == 43, "the pixel has 43 bytes");

/* Ends the program: a benchmark that cannot run has no figure. */
static void need(bool ok, const char *what) {
    if (!ok) {
        (void)fprintf(stderr, "bench_http_floor: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static double thread_cpu_us(void) {
    struct rusage u;
    need(getrusage(RUSAGE_THREAD, &u) == 0, "getrusage");
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- the floor: one event per connection, llhttp, a prepared reply -------------------------------
 */

struct floor_conn {
    struct event *ev;
    llhttp_t parser;
    size_t complete;
};
struct floor {
    struct event_base *base;
    struct event *accept_ev, *stop_ev;
    int fd, stop[2];
    struct floor_conn conns[CONNS];
    size_t n;
};

static const char prepared[] = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
                               "Content-Type: image/gif\r\nContent-Length: 43\r\n\r\n";

static int on_complete(llhttp_t *p) {
    struct floor_conn *c = p->data;
    c->complete++;
    return 0;
}
static int on_span(llhttp_t *p, const char *at, size_t n) {
    (void)p, (void)at, (void)n;
    return 0;
}
static const llhttp_settings_t settings = {.on_url = on_span,
                                           .on_header_field = on_span,
                                           .on_header_value = on_span,
                                           .on_message_complete = on_complete};

static void floor_read(evutil_socket_t fd, short what, void *arg) {
    struct floor_conn *c = arg;
    char in[4096], out[sizeof(prepared) - 1 + sizeof(gif) - 1];
    (void)what;
    ssize_t n = recv(fd, in, sizeof(in), 0);
    if (n <= 0) {
        event_free(c->ev);
        c->ev = NULL;
        close(fd);
        return;
    }
    need(llhttp_execute(&c->parser, in, (size_t)n) == HPE_OK, "llhttp");
    for (; c->complete; c->complete--) {
        memcpy(out, prepared, sizeof(prepared) - 1);
        memcpy(out + sizeof(prepared) - 1, gif, sizeof(gif) - 1);
        need(send(fd, out, sizeof(out), MSG_NOSIGNAL) == (ssize_t)sizeof(out), "send");
    }
}

static void floor_accept(evutil_socket_t lfd, short what, void *arg) {
    struct floor *f = arg;
    (void)what;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    need(fd >= 0 && f->n < CONNS, "accept");
    struct floor_conn *c = &f->conns[f->n++];
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
    c->ev = event_new(f->base, fd, EV_READ | EV_PERSIST, floor_read, c);
    need(c->ev && event_add(c->ev, NULL) == 0, "event");
}

static void floor_stop(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static int floor_listen(int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof(at);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
             bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1024) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &n) == 0,
         "listen");
    *port = ntohs(at.sin_port);
    return fd;
}

/* --- a server under measurement
 * ------------------------------------------------------------------- */

enum kind {
    FLOOR,
    AT_ONCE,
    DEFERRED,
    KINDS
};
static const char *const names[KINDS] = {"libevent+llhttp", "px_http", "px_http deferred"};

struct server {
    enum kind kind;
    int port;
    double cpu_us;
    pthread_t thread;
    struct floor *floor;
    struct px_loop *loop;
    struct px_http_server *http;
    struct px_http_ticket tickets[TICKETS];
    size_t ntickets;
};

static const struct px_http_reply reply = {
    .status = 200, .type = "image/gif", .body = {.p = gif, .n = sizeof(gif) - 1}};

static void on_request(void *arg, struct px_http_req *r) {
    struct server *s = arg;
    if (s->kind == AT_ONCE) {
        px_http_reply(r, &reply);
    } else {
        need(s->ntickets < TICKETS, "tickets");
        s->tickets[s->ntickets++] = px_http_defer(r);
    }
}

static void answer_all(void *arg) {
    struct server *s = arg;
    for (size_t i = 0; i < s->ntickets; i++) {
        px_http_answer(s->http, s->tickets[i], &reply);
    }
    s->ntickets = 0;
}

static void *serve(void *arg) {
    struct server *s = arg;
    double before = thread_cpu_us();
    if (s->kind == FLOOR) {
        event_base_dispatch(s->floor->base);
    } else {
        px_loop_run(s->loop);
    }
    s->cpu_us = thread_cpu_us() - before;
    return NULL;
}

static void open_floor(struct server *s) {
    struct floor *f = s->floor = px_alloc(sizeof(*f));
    need(f && pipe(f->stop) == 0, "floor");
    f->base = event_base_new();
    f->fd = floor_listen(&s->port);
    f->accept_ev = event_new(f->base, f->fd, EV_READ | EV_PERSIST, floor_accept, f);
    f->stop_ev = event_new(f->base, f->stop[0], EV_READ, floor_stop, f->base);
    event_add(f->accept_ev, NULL);
    event_add(f->stop_ev, NULL);
}

static void close_floor(struct floor *f) {
    event_free(f->accept_ev);
    event_free(f->stop_ev);
    for (size_t i = 0; i < f->n; i++) {
        if (f->conns[i].ev) {
            close(event_get_fd(f->conns[i].ev));
            event_free(f->conns[i].ev);
        }
    }
    event_base_free(f->base);
    close(f->fd);
    close(f->stop[0]);
    close(f->stop[1]);
    px_free(f);
}

static void start(struct server *s) {
    struct px_http_conf conf = {.address = "127.0.0.1", .handler = on_request, .arg = s};
    if (s->kind == FLOOR) {
        open_floor(s);
    } else {
        need(px_loop_new(&s->loop, NULL) == PX_OK, "loop");
        need(px_http_open(s->loop, &conf, &s->http, NULL) == PX_OK, "http");
        px_loop_after(s->loop, PX_CALL(answer_all, s));
        s->port = px_http_port(s->http);
    }
    need(pthread_create(&s->thread, NULL, serve, s) == 0, "thread");
}

static void stop(struct server *s) {
    if (s->kind == FLOOR) {
        need(write(s->floor->stop[1], "x", 1) == 1, "stop");
    } else {
        px_loop_stop(s->loop);
    }
    pthread_join(s->thread, NULL);
    if (s->kind == FLOOR) {
        close_floor(s->floor);
        return;
    }
    px_http_close(s->http);
    px_loop_free(s->loop);
}

/* --- the client: each connection has one request under way
 * ------------------------------------------- */

static int dial(int port, int ep) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event ev = {.events = EPOLLIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "nodelay");
    ev.data.fd = fd;
    need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll");
    return fd;
}

/* A reply fits one segment on loopback; one that does not end with the pixel is a failure. */
static void take_reply(int fd) {
    char in[2048];
    ssize_t n = recv(fd, in, sizeof(in), 0);
    need(n > 43 && memcmp(in, "HTTP/1.1 200", 12) == 0 && memcmp(in + n - 43, gif, 43) == 0,
         "reply");
}

static void ask(int fd) {
    need(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1,
         "request");
}

static void drive(int port, size_t requests, size_t conns) {
    struct epoll_event events[CONNS];
    int fds[CONNS], ep = epoll_create1(EPOLL_CLOEXEC);
    size_t asked = 0, done = 0;
    for (size_t i = 0; i < conns; i++) {
        fds[i] = dial(port, ep);
        ask(fds[i]);
        asked++;
    }
    while (done < requests) {
        int n = epoll_wait(ep, events, CONNS, 10000);
        need(n > 0, "no reply");
        for (int i = 0; i < n; i++) {
            take_reply(events[i].data.fd);
            done++;
            if (asked < requests) {
                ask(events[i].data.fd);
                asked++;
            }
        }
    }
    for (size_t i = 0; i < conns; i++) {
        close(fds[i]);
    }
    close(ep);
}

static int by_value(const void *a, const void *b) {
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static size_t argument(int argc, char **argv, int i, size_t otherwise, size_t max) {
    int64_t v = 0;
    if (argc <= i) {
        return otherwise;
    }
    need(px_parse_i64(px_str_c(argv[i]), 1, (int64_t)max, &v), "argument out of range");
    return (size_t)v;
}

int main(int argc, char **argv) {
    size_t requests = argument(argc, argv, 1, 100000, 100000000);
    size_t conns = argument(argc, argv, 2, 32, CONNS);
    double cpu[KINDS][ROUNDS], rate[KINDS][ROUNDS];
    static struct server s;
    requests = requests < conns ? conns : requests;
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < KINDS; k++) {
            s = (struct server){.kind = (enum kind)k};
            start(&s);
            double from = now_us();
            drive(s.port, requests, conns);
            rate[k][round] = (double)requests / (now_us() - from) * 1e6;
            stop(&s);
            cpu[k][round] = s.cpu_us / (double)requests;
        }
    }
    for (int k = 0; k < KINDS; k++) {
        qsort(cpu[k], ROUNDS, sizeof(double), by_value);
        qsort(rate[k], ROUNDS, sizeof(double), by_value);
        (void)printf("{\"bench\":\"http_floor\",\"server\":\"%s\",\"connections\":%zu,"
                     "\"requests\":%zu,\"cpu_us_per_request\":%.3f,\"requests_per_s\":%.0f,"
                     "\"ratio_to_floor\":%.3f}\n",
                     names[k], conns, requests, cpu[k][ROUNDS / 2], rate[k][ROUNDS / 2],
                     cpu[k][ROUNDS / 2] / cpu[FLOOR][ROUNDS / 2]);
    }
    return 0;
}
