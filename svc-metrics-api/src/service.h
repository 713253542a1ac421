/* The state of svc-metrics-api: built in init, alive between start and stop. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <px/admin.h>
#include <px/http.h>
#include <px/loop.h>
#include <px/metric.h>

#include <pthread.h>

#include "conf.h"
#include "endpoint.h"
#include "query.h"

enum {
#include <px/metric_ids.h>
#include "metrics.def"
#include <px/metric_end.h>
    API_METRICS
};

struct api_service {
    struct px_app *app;
    const struct api_conf *conf;
    const struct px_clock *clock;
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_zone *zone;
    struct px_metrics *metrics;
    struct px_shard *shard;   /* the loop thread's; the last one is the admin thread's */
    struct px_uuid_gen uuids; /* the loop thread's */

    struct px_loop *loop;
    struct px_http_server *http;
    struct px_timer *tick;
    struct api_query_pool *pool;
    struct api_job *open, **open_tail; /* requests without an answer; the loop thread's */
    struct px_admin *admin;
    struct px_tls *tls; /* while running; NULL without a certificate */
    pthread_t thread;   /* runs the loop */
    bool running;
    struct api_db probe_db; /* of the probes: --check's thread, later the admin thread's */
    struct px_buf openapi;  /* rendered once */
    int64_t ticks;          /* of the loop as last seen by the admin thread, and when it moved */
    px_us moved_at;
};

extern const struct px_app_def api_app_def;
#define API_PROBES 11
extern const struct px_probe api_probes[API_PROBES];

/* api_handle(svc, req) / api_refused: the HTTP callbacks (server.c). */
void api_handle(void *svc, struct px_http_req *req);
void api_refused(void *svc, enum px_http_refusal why, struct px_http_req *req);

/* api_done(svc, job): a call came back from a database thread; takes the job. Threads: loop. */
void api_done(void *svc, struct api_job *j);

/* api_overdue(svc): answer 504 to what has waited for Api:RequestTimeout, whatever its database
 * thread does meanwhile. Threads: loop. */
void api_overdue(struct api_service *svc);

/* api_openapi(conf, out): the OpenAPI 3.1 document of the endpoint table, with the limits in force.
 * Pure. */
void api_openapi(const struct api_conf *conf, struct px_buf *out);

#endif
