/* px_http with a handler that does nothing but answer: the price of the gate, the limits and the
 * deadlines, without an event or a log behind it. At once, or deferred to the end of the turn, as
 * the service does it with delivery reports. */
#include "bench.h"
#include "floor.h"

#include <px/http.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TICKETS 4096

struct px {
    struct px_http_server *server;
    bool deferred;
    struct px_http_ticket tickets[TICKETS]; /* of this turn */
    size_t n;
};

static const struct px_http_reply gif = {.status = 200,
                                         .type = "image/gif",
                                         .fields = PX_S_INIT("Cache-Control: no-store\r\n"),
                                         .body = PX_S_INIT(FLOOR_GIF)};

static void handle(void *arg, struct px_http_req *req) {
    struct px *p = arg;
    if (p->deferred && p->n < TICKETS) {
        p->tickets[p->n++] = px_http_defer(req);
    } else {
        px_http_reply(req, &gif);
    }
}

static void answer(void *arg) {
    struct px *p = arg;
    for (size_t i = 0; i < p->n; i++) {
        (void)px_http_answer(p->server, p->tickets[i], &gif);
    }
    p->n = 0;
}

static _Noreturn void serve(int tell, bool deferred, const struct px_tls_conf *tls) {
    static struct px p;
    struct px_err e = PX_ERR_INIT;
    struct px_loop *loop = NULL;
    struct px_http_conf conf = {
        .address = "127.0.0.1", .limits = px_http_default_limits, .handler = handle, .arg = &p};
    p.deferred = deferred;
    if (tls && px_tls_open(tls, px_wall(&px_clock_system), &conf.tls.tls, &e)) {
        bench_die("px_tls", e.msg);
    }
    if (px_loop_new(&loop, &e) || px_http_open(loop, &conf, &p.server, &e)) {
        bench_die("px_http", e.msg);
    }
    px_loop_after(loop, PX_CALL(answer, &p));
    int port = px_http_port(p.server);
    if (write(tell, &port, sizeof port) != (ssize_t)sizeof port) {
        bench_die("px_http", strerror(errno));
    }
    px_loop_run(loop);
    _exit(1);
}

static struct floor start(bool deferred, const struct px_tls_conf *tls) {
    struct floor f = {.pid = 0};
    int tell[2];
    if (pipe(tell)) {
        bench_die("pipe", strerror(errno));
    }
    f.pid = fork();
    if (f.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(tell[1], deferred, tls);
    }
    (void)close(tell[1]);
    if (f.pid < 0 || read(tell[0], &f.port, sizeof f.port) != (ssize_t)sizeof f.port) {
        bench_die("px_http", strerror(errno));
    }
    (void)close(tell[0]);
    return f;
}

struct floor floor_px_http(bool deferred) {
    return start(deferred, NULL);
}

struct floor floor_px_tls(const struct px_tls_conf *conf) {
    return start(false, conf);
}
