/* The admin port: health and metrics on a loop and thread of its own, so that a busy or stuck
 * program still tells how it is. It reads the program through px_app, its probes and its metrics
 * only, and must never change anything. */
#include <px/admin.h>
#include <px/http.h>
#include <px/jsonw.h>
#include <px/mem.h>

#include "loop_priv.h"

#include <pthread.h>
#include <string.h>

#define PROBE_EVERY (2 * PX_US_PER_S)
#define METRICS_MAX ((size_t)16 << 20)

struct px_admin {
    struct px_admin_conf conf;
    struct px_loop *loop;
    struct px_http_server *server;
    pthread_t thread;
    bool threaded;
    struct px_buf out;
    struct px_probe_result *results; /* of the last look */
    size_t nresults;
    px_us looked; /* monotonic; 0 = never */
};

static void send_text(struct px_http_req *r, int status, struct px_str body) {
    px_http_reply(r, &(struct px_http_reply){.status = status,
                                             .type = "text/plain; charset=utf-8",
                                             .fields = PX_S("Cache-Control: no-store\r\n"),
                                             .body = body});
}

static void send_problem(struct px_http_req *r, int status, const char *code, struct px_str fields,
                         const char *detail) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    PX_DEFER(px_buf_fini) struct px_buf head = PX_BUF_INIT(512);
    const struct px_problem p = {.status = status,
                                 .code = code,
                                 .title = px_http_status_text(status),
                                 .detail = px_str_c(detail)};
    px_problem_write(&p, &b);
    px_buf_printf(&head, "X-Error-Code: %s\r\n", code);
    px_buf_str(&head, fields);
    bool written = px_buf_ok(&b, NULL) == PX_OK && px_buf_ok(&head, NULL) == PX_OK;
    px_http_reply(
        r, &(struct px_http_reply){.status = status,
                                   .type = "application/problem+json",
                                   .fields = written ? px_buf_view(&head) : fields,
                                   .body = written ? px_buf_view(&b) : (struct px_str){.n = 0}});
}

/* --- /livez, /startupz, /metrics
 * ------------------------------------------------------------------ */

static void livez(struct px_admin *a, struct px_http_req *r) {
    bool alive = !a->conf.alive || a->conf.alive(px_app_svc(a->conf.app));
    send_text(r, alive ? 200 : 503, alive ? PX_S("ok\n") : PX_S("the main loop does not move\n"));
}

static void startupz(struct px_admin *a, struct px_http_req *r) {
    bool started = px_app_started(a->conf.app);
    send_text(r, started ? 200 : 503, started ? PX_S("ok\n") : PX_S("starting\n"));
}

static void metrics(struct px_admin *a, struct px_http_req *r) {
    struct px_err err = PX_ERR_INIT;
    const struct px_tls_use *tls = &a->conf.tls;
    px_gauge_us(tls->shard, tls->metrics + 2, 0, 0, px_tls_not_after(tls->tls));
    px_buf_reset(&a->out);
    const struct px_build build = {.service = px_app_def(a->conf.app)->name,
                                   .version = px_version(),
                                   .revision = px_revision()};
    px_metrics_render(a->conf.metrics, &build, &a->out);
    if (px_buf_ok(&a->out, &err) != PX_OK) {
        send_problem(r, 503, "no_memory", PX_S(""), err.msg);
        return;
    }
    px_http_reply(r, &(struct px_http_reply){.status = 200,
                                             .type = "text/plain; version=0.0.4; charset=utf-8",
                                             .fields = PX_S("Cache-Control: no-store\r\n"),
                                             .body = px_buf_view(&a->out)});
}

/* --- /readyz
 * --------------------------------------------------------------------------------------- */

/* Scrapers and balancers ask often; what the probes saw is kept for two seconds. */
static void look(struct px_admin *a) {
    const struct px_app_def *def = px_app_def(a->conf.app);
    px_us now = px_loop_mono(a->loop);
    if (a->looked && now - a->looked < PROBE_EVERY) {
        return;
    }
    a->nresults = px_probes_run(def->probes, def->nprobes, PX_PROBE_READY, px_app_svc(a->conf.app),
                                &px_clock_system, a->results);
    a->looked =
        px_mono(&px_clock_system); /* from the end: slow probes must not follow each other */
}

static void ready_json(const struct px_admin *a, bool ready, struct px_buf *out) {
    static const char *const states[] = {[PX_PROBE_OK] = "ok",
                                         [PX_PROBE_WARNED] = "warn",
                                         [PX_PROBE_FAILED] = "fail",
                                         [PX_PROBE_SKIPPED] = "skip"};
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    px_jw_kbool(&w, "ready", ready);
    px_jw_kbool(&w, "draining", px_app_draining(a->conf.app));
    px_jw_key(&w, "probes");
    px_jw_arr(&w);
    for (size_t i = 0; i < a->nresults; i++) {
        const struct px_probe_result *p = &a->results[i];
        px_jw_obj(&w);
        px_jw_kc(&w, "probe", p->probe->name);
        px_jw_kc(&w, "state", states[p->state]);
        px_jw_ki64(&w, "ms", p->took / PX_US_PER_MS);
        px_jw_kc(&w, "asks", p->probe->asks);
        px_jw_kc(&w, "detail", p->detail);
        px_jw_obj_end(&w);
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}

static void ready_text(const struct px_admin *a, bool up, bool ready, struct px_buf *out) {
    if (ready) {
        px_buf_c(out, "ok\n");
        return;
    }
    if (!up) {
        px_buf_c(out, px_app_draining(a->conf.app) ? "draining\n" : "starting\n");
        return;
    }
    for (size_t i = 0; i < a->nresults; i++) {
        if (a->results[i].state == PX_PROBE_FAILED) {
            px_buf_printf(out, "%s: %s\n", a->results[i].probe->name, a->results[i].detail);
        }
    }
}

/* Probes run on a started program only: before that its connections are still being made. */
static void readyz(struct px_admin *a, struct px_http_req *r) {
    struct px_err err = PX_ERR_INIT;
    bool up = px_app_ready(a->conf.app);
    if (up) {
        look(a);
    }
    bool ready = up && !px_probes_failed(a->results, a->nresults);
    bool verbose = px_str_is(px_req_query(r), "verbose");
    px_buf_reset(&a->out);
    if (verbose) {
        ready_json(a, ready, &a->out);
    } else {
        ready_text(a, up, ready, &a->out);
    }
    if (px_buf_ok(&a->out, &err) != PX_OK) {
        send_problem(r, 503, "no_memory", PX_S(""), err.msg);
        return;
    }
    px_http_reply(r, &(struct px_http_reply){.status = ready ? 200 : 503,
                                             .type = verbose ? "application/json"
                                                             : "text/plain; charset=utf-8",
                                             .fields = PX_S("Cache-Control: no-store\r\n"),
                                             .body = px_buf_view(&a->out)});
}

/* --- routing, start, stop
 * -------------------------------------------------------------------------- */

static const struct {
    struct px_str path;
    void (*serve)(struct px_admin *a, struct px_http_req *r);
} routes[] = {
    {PX_S_INIT("/livez"), livez},
    {PX_S_INIT("/healthz"), livez},
    {PX_S_INIT("/health/live"), livez},
    {PX_S_INIT("/readyz"), readyz},
    {PX_S_INIT("/health/ready"), readyz},
    {PX_S_INIT("/startupz"), startupz},
    {PX_S_INIT("/health/startup"), startupz},
    {PX_S_INIT("/metrics"), metrics},
};

static bool takes(struct px_http_req *r) {
    if (px_req_method(r) == PX_GET || px_req_method(r) == PX_HEAD) {
        return true;
    }
    send_problem(r, 405, "method_not_allowed", PX_S("Allow: GET, HEAD\r\n"),
                 "this path takes GET and HEAD");
    return false;
}

static void on_request(void *arg, struct px_http_req *r) {
    struct px_admin *a = arg;
    for (size_t i = 0; i < PX_ARRAY_LEN(routes); i++) {
        if (px_str_eq(px_req_path(r), routes[i].path)) {
            if (takes(r)) {
                routes[i].serve(a, r);
            }
            return;
        }
    }
    for (size_t i = 0; i < a->conf.nroutes; i++) {
        const struct px_admin_route *own = &a->conf.routes[i];
        if (px_str_is(px_req_path(r), own->path)) {
            if (takes(r)) {
                own->serve(px_app_svc(a->conf.app), r);
            }
            return;
        }
    }
    send_problem(r, 404, "not_found", PX_S(""), "see /livez /readyz /startupz /metrics");
}

static void *serve(void *arg) {
    struct px_admin *a = arg;
    px_loop_run(a->loop);
    return NULL;
}

static enum px_code open_port(struct px_admin *a, struct px_err *reterr) {
    const struct px_http_limits limits = {.request_line = 2048,
                                          .headers = 8192,
                                          .body = 1,
                                          .connections = 64,
                                          .idle_deadline = 30 * PX_US_PER_S,
                                          .turn = PX_US_PER_MIN}; /* of probes that ask a server */
    const struct px_tls_use *tls = &a->conf.tls;
    const struct px_http_conf conf = {.address = px_app_shared(a->conf.app)->admin_address,
                                      .port = a->conf.port,
                                      .limits = limits,
                                      .tls = a->conf.tls_port ? *tls : (struct px_tls_use){NULL},
                                      .handler = on_request,
                                      .arg = a};
    enum px_code code = px_loop_new(&a->loop, reterr);
    if (code) {
        return code;
    }
    code = px_http_open(a->loop, &conf, &a->server, reterr);
    return code ? px_err_context(reterr, "%s", a->conf.port_option) : PX_OK;
}

enum px_code px_admin_start(const struct px_admin_conf *conf, struct px_admin **ret,
                            struct px_err *reterr) {
    struct px_err local = PX_ERR_INIT;
    reterr = reterr ? reterr : &local;
    struct px_admin *a = px_alloc(sizeof(*a));
    if (!a) {
        return PX_FAIL(reterr, PX_NOMEM, "admin: out of memory");
    }
    a->conf = *conf;
    px_buf_init(&a->out, METRICS_MAX);
    size_t probes = px_app_def(conf->app)->nprobes;
    a->results = px_calloc2(probes ? probes : 1, sizeof(*a->results));
    enum px_code code =
        a->results ? open_port(a, reterr) : PX_FAIL(reterr, PX_NOMEM, "admin: out of memory");
    if (!code) {
        int rc = pthread_create(&a->thread, NULL, serve, a);
        a->threaded = rc == 0;
        code = rc ? PX_FAIL(reterr, PX_UNAVAILABLE, "admin: no thread: %s", strerror(rc)) : PX_OK;
    }
    if (code) {
        px_admin_stop(a);
        return code;
    }
    *ret = a;
    return PX_OK;
}

uint16_t px_admin_port(const struct px_admin *a) {
    return px_http_port(a->server);
}

void px_admin_stop(struct px_admin *a) {
    if (!a) {
        return;
    }
    if (a->threaded) {
        px_loop_stop(a->loop);
        pthread_join(a->thread, NULL);
    }
    px_http_close(a->server);
    px_loop_free(a->loop);
    px_buf_fini(&a->out);
    px_free(a->results);
    px_free(a);
}
