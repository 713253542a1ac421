/* The bare responder: recv, llhttp, send on libevent's event layer. What HTTP costs here when
 * nothing is checked, bounded or logged; never a server for anybody else. */
#include "bench.h"
#include "floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <llhttp.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nCache-Control: no-store\r\n"
    "Content-Length: 43\r\n\r\n" FLOOR_GIF;

struct bare {
    struct event *ev;
    llhttp_t parser;
    int fd;
};

static int complete(llhttp_t *p) {
    const struct bare *b = p->data;
    return send(b->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static const llhttp_settings_t settings = {.on_message_complete = complete};

static void on_data(evutil_socket_t fd, short what, void *arg) {
    struct bare *b = arg;
    char in[16384];
    (void)what;
    ssize_t n = recv(fd, in, sizeof in, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0 || llhttp_execute(&b->parser, in, (size_t)n) != HPE_OK) {
        event_free(b->ev);
        (void)close(fd);
        free(b);
    }
}

static void on_accept(evutil_socket_t listener, short what, void *arg) {
    const int one = 1;
    (void)what;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct bare *b = fd < 0 ? NULL : calloc(1, sizeof *b);
    if (!b) {
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    b->fd = fd;
    llhttp_init(&b->parser, HTTP_REQUEST, &settings);
    b->parser.data = b;
    b->ev = event_new(arg, fd, EV_READ | EV_PERSIST, on_data, b);
    if (!b->ev || event_add(b->ev, NULL)) {
        bench_die("bare responder", "event_add");
    }
}

static int listen_any(int *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        bench_die("bare responder", strerror(errno));
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

struct floor floor_bare(void) {
    struct floor f = {.pid = 0};
    int fd = listen_any(&f.port);
    f.pid = fork();
    if (f.pid < 0) {
        bench_die("fork", strerror(errno));
    }
    if (f.pid > 0) {
        (void)close(fd);
        return f;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct event_base *base = event_base_new();
    struct event *ev = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, base);
    if (!ev || event_add(ev, NULL)) {
        bench_die("bare responder", "event_add");
    }
    (void)event_base_dispatch(base);
    _exit(1);
}

void floor_stop(struct floor *f) {
    if (f->pid > 0) {
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, NULL, 0);
        f->pid = 0;
    }
}
