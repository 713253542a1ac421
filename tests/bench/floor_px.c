/* px_http with a handler that does nothing but answer: the price of the gate, the limits and the
 * deadlines, without an event or a log behind it. */
#include "bench.h"
#include "floor.h"

#include <px/http.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static void handle(void *arg, struct px_http_req *req) {
    const struct px_http_reply reply = {.status = 200,
                                        .type = "image/gif",
                                        .fields = PX_S("Cache-Control: no-store\r\n"),
                                        .body = PX_S(FLOOR_GIF)};
    (void)arg;
    px_http_reply(req, &reply);
}

static void serve(int tell) {
    struct px_err e = PX_ERR_INIT;
    struct px_loop *loop = NULL;
    struct px_http_server *server = NULL;
    struct px_http_conf conf = {
        .address = "127.0.0.1", .limits = px_http_default_limits, .handler = handle};
    if (px_loop_new(&loop, &e) || px_http_open(loop, &conf, &server, &e)) {
        bench_die("px_http", e.msg);
    }
    int port = px_http_port(server);
    if (write(tell, &port, sizeof port) != (ssize_t)sizeof port) {
        bench_die("px_http", strerror(errno));
    }
    px_loop_run(loop);
    _exit(1);
}

struct floor floor_px_http(void) {
    struct floor f = {.pid = 0};
    int tell[2];
    if (pipe(tell)) {
        bench_die("pipe", strerror(errno));
    }
    f.pid = fork();
    if (f.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(tell[1]);
    }
    (void)close(tell[1]);
    if (f.pid < 0 || read(tell[0], &f.port, sizeof f.port) != (ssize_t)sizeof f.port) {
        bench_die("px_http", strerror(errno));
    }
    (void)close(tell[0]);
    return f;
}
