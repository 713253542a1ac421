/* The admin port: /livez /readyz /startupz and /metrics, on a thread of its own, so that a busy
 * program still answers. Aliases: /healthz and /health/live, /health/ready, /health/startup. Health
 * is "ok\n" with 200 or the reason with 503; /readyz?verbose is JSON:
 * {"ready","draining","probes":[...]}. */
#ifndef PX_ADMIN_H
#define PX_ADMIN_H

#include <px/app.h>
#include <px/metric.h>
#include <px/tls.h>

struct px_admin;
struct px_http_req;

/* A path of one program beside those of all. serve(svc, req) answers GET and HEAD, on the admin
 * thread: it must not block, and must not touch what belongs to another thread. */
struct px_admin_route {
    const char *path; /* "/explain-ip" */
    void (*serve)(void *svc, struct px_http_req *req);
};

struct px_admin_conf {
    struct px_app *app; /* its probes with PX_PROBE_READY decide /readyz; px_app_ready gates it */
    uint16_t port;      /* 0 = any free one                                                  */
    const char *port_option; /* "Admin:Port": named when the port is taken                        */
    const struct px_metrics *metrics;
    /* Of the admin thread. The gauge of the certificate is kept up to date here; the port itself
     * speaks TLS when ${tls_port} is set. */
    struct px_tls_use tls;
    bool tls_port;
    /* alive(svc): false when the program's main loop has not moved for too long (30 s); /livez then
     * says 503. Called on the admin thread. NULL = always live. */
    bool (*alive)(void *svc);
    const struct px_admin_route *routes; /* kept */
    size_t nroutes;
};

/* px_admin_start(conf, ret, reterr): serve Admin:Address:port. READY probes run on the admin thread
 * at most every 2 s: their run functions must be safe for that. Errors: PX_UNAVAILABLE (port in
 * use; names port and option). Gives: end with px_admin_stop. */
PX_MUST_USE enum px_code px_admin_start(const struct px_admin_conf *conf, struct px_admin **ret,
                                        struct px_err *reterr);
uint16_t px_admin_port(const struct px_admin *a);
void px_admin_stop(struct px_admin *a); /* NULL is fine */

#endif
