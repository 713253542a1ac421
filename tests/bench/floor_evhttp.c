/* The minimal evhttp responder: libevent's own HTTP server with its query parser, one handler, 43
 * bytes. What most would write who take libevent for HTTP; never a server for anybody else. */
#include "bench.h"
#include "floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

static void answer(struct evhttp_request *req, void *arg) {
    struct evkeyvalq query;
    struct evbuffer *out = evbuffer_new();
    (void)arg;
    const char *raw = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    if (!out || evhttp_parse_query_str(raw ? raw : "", &query)) {
        evhttp_send_error(req, HTTP_BADREQUEST, NULL);
    } else {
        bool known =
            evhttp_find_header(&query, "playerId") && evhttp_find_header(&query, "bannerTag");
        struct evkeyvalq *fields = evhttp_request_get_output_headers(req);
        evbuffer_add(out, FLOOR_GIF, sizeof FLOOR_GIF - 1);
        evhttp_add_header(fields, "Content-Type", "image/gif");
        evhttp_add_header(fields, "Cache-Control", "no-store");
        evhttp_send_reply(req, known ? HTTP_OK : HTTP_BADREQUEST, NULL, out);
        evhttp_clear_headers(&query);
    }
    if (out) {
        evbuffer_free(out);
    }
}

static _Noreturn void serve(int tell) {
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    struct evhttp_bound_socket *bound =
        http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    if (!bound || getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&a, &n)) {
        bench_die("evhttp", strerror(errno));
    }
    evhttp_set_gencb(http, answer, NULL);
    int port = ntohs(a.sin_port);
    if (write(tell, &port, sizeof port) != (ssize_t)sizeof port) {
        bench_die("evhttp", strerror(errno));
    }
    (void)event_base_dispatch(base);
    _exit(1);
}

struct floor floor_evhttp(void) {
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
        bench_die("evhttp", strerror(errno));
    }
    (void)close(tell[0]);
    return f;
}
