/* Putting the service together: what px_app calls at each step of its life. */
#include "crawlers.h"
#include "explain.h"
#include "schemas.h"

#include <px/hash.h>
#include <px/log.h>
#include <px/mem.h>

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* A worker whose timer has not turned for so long is stuck. */
#define SERVICE_STUCK (30 * PX_US_PER_S)

/* --- init: build, no network --------------------------------------------------------------------
 */

void ing_service_fini(void *arg) {
    struct ing_svc *svc = arg;

    if (!svc) {
        return;
    }
    px_metrics_free(svc->metrics);
    ing_pages_fini(&svc->pages);
    px_catalog_free(svc->catalog);
    px_free(svc->ids);
    px_free(svc);
}

static enum px_code service_catalog(struct ing_svc *svc, struct px_err *reterr) {
    char path[sizeof svc->schemas + 16];
    enum px_code rc =
        px_app_data_dir(svc->app, "schemas", svc->schemas, sizeof svc->schemas, reterr);

    if (rc) {
        return rc;
    }
    snprintf(path, sizeof path, "%s/events.yaml", svc->schemas);
    return px_catalog_load(path, &svc->catalog, reterr);
}

/* Connections must not take the descriptors that the log needs. */
static int64_t service_connections(const struct ing_conf *conf, size_t workers) {
    struct rlimit files;
    bool limited = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < INT32_MAX;

    return ing_conf_connections(conf, limited ? (int64_t)files.rlim_cur : INT32_MAX, workers);
}

static void service_sets(struct ing_svc *svc) {
    for (size_t i = 0; i < svc->world.workers; i++) {
        snprintf(svc->worker_text[i], sizeof svc->worker_text[i], "%zu", i % 1000);
        svc->worker_names[i] = svc->worker_text[i];
    }
    svc->sets = (struct ing_label_sets){
        .types = {.v = px_catalog_names(svc->catalog), .n = px_catalog_count(svc->catalog)},
        .workers = {.v = svc->worker_names, .n = svc->world.workers}};
}

static enum px_code service_build(struct ing_svc *svc, const struct ing_conf *conf,
                                  struct px_err *reterr) {
    svc->world =
        (struct ing_world){.conf = conf,
                           .clock = &px_clock_system,
                           .workers = ing_conf_workers(conf, sysconf(_SC_NPROCESSORS_ONLN)),
                           .policy = {.max_age = conf->max_age, .max_future = conf->max_future},
                           .client_id = px_app_instance(svc->app)};
    enum px_code rc = ing_proxies_init(&svc->proxies, conf, reterr);
    if (rc) {
        return rc;
    }
    svc->world.proxies = &svc->proxies;
    px_random(svc->world.explain_key, sizeof svc->world.explain_key);
    svc->world.connections = service_connections(conf, svc->world.workers);
    /* A bad catalog is a probe's finding, so that --check shows it beside everything else; the run
     * ends with it too, because that probe is asked at start. */
    rc = service_catalog(svc, &svc->catalog_error);
    if (rc) {
        return rc == PX_NOMEM ? PX_FAIL(reterr, PX_NOMEM, "no memory for the catalog") : PX_OK;
    }
    svc->world.catalog = svc->catalog;
    svc->world.pages = &svc->pages;
    rc = ing_pages_init(&svc->pages, svc->catalog, reterr);
    if (rc) {
        return rc;
    }
    service_sets(svc);
    rc = ing_metrics_new(&svc->sets, svc->world.workers + 1, svc->metric_defs, &svc->metrics,
                         reterr);
    svc->world.metrics = svc->metrics;
    return rc;
}

enum px_code ing_service_init(struct px_app *app, const void *conf, void **ret_svc,
                              struct px_err *reterr) {
    struct ing_svc *svc = px_alloc(sizeof *svc);
    if (!svc) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the service");
    }
    svc->app = app;
    enum px_code rc = service_build(svc, conf, reterr);
    if (rc) {
        ing_service_fini(svc);
        return rc;
    }
    *ret_svc = svc;
    return PX_OK;
}

/* --- start --------------------------------------------------------------------------------------
 */

static bool service_alive(void *arg) {
    struct ing_svc *svc = arg;
    px_us now = px_mono(svc->world.clock);

    for (size_t i = 0; i < svc->world.workers; i++) {
        int64_t ticks = px_metrics_value(svc->metrics, ING_M_TICKS, i, 0);
        if (ticks != svc->ticks[i] || svc->moved_at[i] == 0) {
            svc->ticks[i] = ticks;
            svc->moved_at[i] = now;
        }
        if (now - svc->moved_at[i] > SERVICE_STUCK) {
            return false;
        }
    }
    return true;
}

/* All workers listen on one port: with port 0 on the one that the first of them got. */
static enum px_code service_workers(struct ing_svc *svc, struct px_err *reterr) {
    uint16_t port = (uint16_t)svc->world.conf->port;
    enum px_code rc = PX_OK;

    svc->workers = px_calloc2(svc->world.workers, sizeof *svc->workers);
    if (!svc->workers) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu workers", svc->world.workers);
    }
    for (size_t i = 0; i < svc->world.workers; i++) {
        svc->workers[i].ended = -1;
    }
    for (size_t i = 0; i < svc->world.workers && rc == PX_OK; i++) {
        rc = ing_worker_open(&svc->workers[i], &svc->world, i, port, reterr);
        if (rc == PX_OK) {
            port = px_http_port(svc->workers[i].http);
        }
    }
    for (size_t i = 0; i < svc->world.workers && rc == PX_OK; i++) {
        rc = ing_worker_run(&svc->workers[i], reterr);
    }
    return rc;
}

enum px_code ing_service_start(void *arg, struct px_err *reterr) {
    struct ing_svc *svc = arg;
    const struct ing_conf *conf = svc->world.conf;
    static const struct px_admin_route routes[] = {
        {"/explain-ip", ing_explain_admin},
        {"/explain-ip/ticket", ing_explain_ticket},
    };
    struct px_admin_conf ac = {.app = svc->app,
                               .port = (uint16_t)conf->admin_port,
                               .port_option = "Admin:Port",
                               .metrics = svc->metrics,
                               .tls_port = conf->tls.admin,
                               .alive = service_alive,
                               .routes = routes,
                               .nroutes = PX_ARRAY_LEN(routes)};
    enum px_code rc = ing_schemas_resolve(svc, reterr);

    rc = rc ? rc : px_tls_open(&conf->tls, px_wall(svc->world.clock), &svc->tls, reterr);
    if (rc) {
        return rc;
    }
    svc->world.tls = svc->tls;
    ac.tls = (struct px_tls_use){svc->tls, px_metrics_shard(svc->metrics, svc->world.workers),
                                 PX_M_TLS_HANDSHAKES};
    rc = px_admin_start(&ac, &svc->admin, reterr);
    if (rc == PX_OK) {
        rc = service_workers(svc, reterr);
    }
    if (rc) {
        return rc;
    }
    ing_acks_begin(svc);
    px_log(PX_LOG_INFO, "ingest.listening", PX_F_C("server.address", conf->address),
           PX_F_INT("server.port", px_http_port(svc->workers[0].http)),
           PX_F_INT("admin.port", px_admin_port(svc->admin)),
           PX_F_BOOL("server.tls", svc->tls != NULL), PX_F_INT("workers", svc->world.workers),
           PX_F_C("kafka.bootstrap", conf->kafka.bootstrap));
    return PX_OK;
}

/* --- reload -------------------------------------------------------------------------------------
 */

/* Each worker gets a plan of its own; all of them are made before the first one is followed, so
 * that a file that is being written leaves everybody with the former one. */
static void service_follow(struct ing_svc *svc, const struct ing_conf *conf) {
    struct ing_plan *plans[ING_WORKERS_MAX] = {NULL};
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = PX_OK;
    size_t n = svc->world.workers;

    for (size_t i = 0; i < n && rc == PX_OK; i++) {
        rc = ing_plan_new(conf, n, &plans[i], &err);
    }
    for (size_t i = 0; i < n && rc == PX_OK; i++) {
        rc = ing_worker_follow(&svc->workers[i], PX_TAKE(plans[i]), &err);
    }
    if (rc) {
        px_log(PX_LOG_ERROR, "ingest.reload_failed", PX_F_ERR(&err),
               PX_F_C("remedy", "mend it and send SIGHUP again; the limits are as they were"));
    }
    for (size_t i = 0; i < n; i++) {
        ing_plan_free(plans[i]); /* those that nobody took */
    }
}

void ing_service_reload(void *arg, const void *conf) {
    struct ing_svc *svc = arg;

    if (svc->workers) {
        service_follow(svc, conf);
    }
    px_tls_renew(svc->tls, px_wall(svc->world.clock));
}

/* --- stop ---------------------------------------------------------------------------------------
 */

void ing_service_drain(void *arg, px_us deadline) {
    struct ing_svc *svc = arg;

    for (size_t i = 0; i < svc->world.workers; i++) {
        ing_worker_drain(&svc->workers[i], deadline);
    }
    for (size_t i = 0; i < svc->world.workers; i++) {
        ing_worker_join(&svc->workers[i], deadline);
    }
    int64_t left = 0;
    for (size_t i = 0; i < svc->world.workers; i++) {
        left += svc->workers[i].pending.used;
    }
    if (left) {
        px_log(PX_LOG_WARN, "ingest.drain_incomplete", PX_F_INT("events.unreported", left),
               PX_F_C("consequence", "their senders were answered 503 and may send them again"));
    }
}

void ing_service_stop(void *arg) {
    struct ing_svc *svc = arg;

    ing_acks_end(svc);
    for (size_t i = 0; svc->workers && i < svc->world.workers; i++) {
        ing_worker_join(&svc->workers[i], 0); /* ended by drain, unless the start failed */
        ing_worker_close(&svc->workers[i]);
    }
    px_free(svc->workers);
    svc->workers = NULL;
    px_admin_stop(svc->admin);
    svc->admin = NULL;
    px_tls_close(svc->tls);
    svc->tls = NULL;
}

enum px_code ing_service_schema(void *arg, const char *value, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    (void)value;

    if (!svc->catalog) {
        *reterr = svc->catalog_error;
        return svc->catalog_error.code;
    }
    enum px_code rc = px_app_print(px_buf_view(&svc->pages.schema), reterr);
    return rc ? rc : px_app_print(PX_S("\n"), reterr);
}

void ing_service_versions(struct px_buf *out) {
    px_buf_printf(out, ", librdkafka %s, crawler-user-agents %s", px_kafka_version(),
                  ing_crawlers_version());
}
