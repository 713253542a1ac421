/* Putting the service together: what px_app calls at each step of its life. */
#include "service.h"

#include <stdio.h>
#include <time.h>

#include <px/dialect.h>
#include <px/log.h>
#include <px/mem.h>

/* A loop whose timer has not turned for so long is stuck, and so is a database thread that works on
 * after its request was answered. */
#define LOOP_STUCK (30 * PX_US_PER_S)
#define LOOP_TICK  (100 * PX_US_PER_MS)

/* --- tables -------------------------------------------------------------------------------------
 */

#define PX_OPTION_STRUCT struct api_conf
static const struct px_option options[] = {
#include <px/option_rows.h>
#undef PX_OPTION_AT
#define PX_OPTION_AT app.
#include <px/options_app.def>
#undef PX_OPTION_AT
#define PX_OPTION_AT sql.
#include <px/options_sql.def>
#undef PX_OPTION_AT
#define PX_OPTION_AT tls.
#include <px/options_tls.def>
#undef PX_OPTION_AT
#define PX_OPTION_AT
#include "options.def"
#include <px/option_end.h>
};

/* Route labels: the endpoints' ids in their order, then everything else. */
static const char *const routes[] = {
    "getConversionRates", "getCampaign", "getTrend", "getDailyMetrics",
    "getTraffic",         "getRollup",   "other"};
static const char *const statuses[] = {"2xx", "4xx", "5xx"};
static const struct px_labels api_label_routes = {.v = routes, .n = PX_ARRAY_LEN(routes)};
static const struct px_labels api_label_statuses = {.v = statuses, .n = PX_ARRAY_LEN(statuses)};

static const struct px_metric_def metric_defs[] = {
#include <px/metric_rows.h>
#include "metrics.def"
#include <px/metric_end.h>
};

/* --- init: build, no network
 * ---------------------------------------------------------------------- */

static void fini(void *arg) {
    struct api_service *svc = arg;

    if (!svc) {
        return;
    }
    api_db_fini(&svc->probe_db);
    px_metrics_free(svc->metrics);
    px_rollups_free(svc->rollups);
    px_catalog_free(svc->catalog);
    px_zone_free(svc->zone);
    px_buf_fini(&svc->openapi);
    px_free(svc);
}

static enum px_code load_schemas(struct api_service *svc, struct px_err *reterr) {
    char dir[512];
    char path[600];
    enum px_code code = px_app_data_dir(svc->app, "schemas", dir, sizeof(dir), reterr);

    if (code) {
        return code;
    }
    snprintf(path, sizeof(path), "%s/events.yaml", dir);
    code = px_catalog_load(path, &svc->catalog, reterr);
    if (code) {
        return code;
    }
    snprintf(path, sizeof(path), "%s/rollups.yaml", dir);
    return px_rollups_load(path, svc->catalog, &svc->rollups, reterr);
}

static enum px_code build(struct api_service *svc, struct px_err *reterr) {
    size_t n;

    (void)api_endpoints(&n);
    px_assert(n + 1 == PX_ARRAY_LEN(routes));
    enum px_code code = load_schemas(svc, reterr);
    code = code ? code : px_zone_load(svc->conf->sql.zone, &svc->zone, reterr);
    code = code ? code
                : px_metrics_new(metric_defs, PX_ARRAY_LEN(metric_defs),
                                 2 + (size_t)svc->conf->workers, &svc->metrics, reterr);
    if (code) {
        return code;
    }
    svc->shard = px_metrics_shard(svc->metrics, 0);
    api_db_init(&svc->probe_db, &svc->conf->sql, svc->catalog);
    api_openapi(svc->conf, &svc->openapi);
    return px_buf_ok(&svc->openapi, reterr);
}

static enum px_code init(struct px_app *app, const void *conf, void **ret_svc,
                         struct px_err *reterr) {
    struct api_service *svc = px_alloc(sizeof(*svc));

    if (!svc) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the service");
    }
    svc->app = app;
    svc->conf = conf;
    svc->clock = &px_clock_system;
    svc->open_tail = &svc->open;
    px_buf_init(&svc->openapi, 1 << 20);
    enum px_code code = build(svc, reterr);
    if (code) {
        fini(svc);
        return code;
    }
    *ret_svc = svc;
    return PX_OK;
}

/* --- start --------------------------------------------------------------------------------------
 */

static void *loop_main(void *arg) {
    struct api_service *svc = arg;

    px_loop_run(svc->loop);
    return NULL;
}

static enum px_code start_http(struct api_service *svc, struct px_err *reterr) {
    struct px_http_conf conf = {
        .address = svc->conf->address,
        .port = (uint16_t)svc->conf->port,
        .limits = px_http_default_limits,
        .handler = api_handle,
        .refused = api_refused,
        .tls = {svc->tls, svc->shard, PX_M_TLS_HANDSHAKES},
        .arg = svc,
    };
    enum px_code code = px_http_open(svc->loop, &conf, &svc->http, reterr);

    return code ? px_err_context(reterr, "Api:Port") : PX_OK;
}

/* On the loop: what only it may look at, and the sign that it turns. */
static void tick(void *arg) {
    struct api_service *svc = arg;

    px_gauge(svc->shard, API_M_CONNECTIONS, 0, 0, (int64_t)px_http_connections(svc->http));
    px_gauge(svc->shard, API_M_WAITING, 0, 0, (int64_t)api_query_waiting(svc->pool));
    px_count(svc->shard, API_M_TICKS, 0, 0, 1);
    api_overdue(svc);
}

static bool alive(void *arg) {
    struct api_service *svc = arg;
    px_us now = px_mono(svc->clock);
    int64_t ticks = px_metrics_value(svc->metrics, API_M_TICKS, 0, 0);

    if (ticks != svc->ticks || svc->moved_at == 0) {
        svc->ticks = ticks;
        svc->moved_at = now;
    }
    return now - svc->moved_at <= LOOP_STUCK &&
           !api_query_hangs(svc->pool, svc->conf->request_timeout + LOOP_STUCK);
}

static enum px_code start_admin(struct api_service *svc, struct px_err *reterr) {
    struct px_admin_conf conf = {
        .app = svc->app,
        .port = (uint16_t)svc->conf->admin_port,
        .port_option = "Admin:Port",
        .metrics = svc->metrics,
        .tls = {svc->tls, px_metrics_shard(svc->metrics, 1 + (size_t)svc->conf->workers),
                PX_M_TLS_HANDSHAKES},
        .tls_port = svc->conf->tls.admin,
        .alive = alive,
    };

    return px_admin_start(&conf, &svc->admin, reterr);
}

static enum px_code start(void *arg, struct px_err *reterr) {
    struct api_service *svc = arg;
    struct api_query_conf q = {
        .sql = &svc->conf->sql,
        .catalog = svc->catalog,
        .clock = svc->clock,
        .metrics = svc->metrics,
        .workers = (size_t)svc->conf->workers,
        .limit = (size_t)svc->conf->queue,
        .done = api_done,
        .arg = svc,
    };
    enum px_code code = px_loop_new(&svc->loop, reterr);

    q.loop = svc->loop;
    code = code ? code : px_tls_open(&svc->conf->tls, px_wall(svc->clock), &svc->tls, reterr);
    code = code ? code : start_http(svc, reterr);
    code = code ? code : api_query_start(&q, &svc->pool, reterr);
    code = code ? code : px_timer_new(svc->loop, LOOP_TICK, PX_CALL(tick, svc), &svc->tick, reterr);
    code = code ? code : start_admin(svc, reterr);
    if (code) {
        return code;
    }
    if (pthread_create(&svc->thread, NULL, loop_main, svc)) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "cannot start the loop's thread");
    }
    svc->running = true;
    const struct px_dialect *d = px_dialect_get((size_t)svc->conf->sql.dialect);
    if (d->unproven) {
        px_log(PX_LOG_WARN, "sql.unproven", PX_F_C("reason", d->unproven));
    }
    px_log(PX_LOG_INFO, "http.listening", PX_F_C("server.address", svc->conf->address),
           PX_F_INT("server.port", px_http_port(svc->http)),
           PX_F_BOOL("server.tls", svc->tls != NULL),
           PX_F_INT("admin.port", px_admin_port(svc->admin)));
    return PX_OK;
}

/* --- drain and stop
 * ------------------------------------------------------------------------------- */

struct drain {
    struct api_service *svc;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool asked, idle;
};

static void drain_look(void *arg) {
    struct drain *d = arg;

    px_http_drain(d->svc->http);
    pthread_mutex_lock(&d->lock);
    d->idle = px_http_pending(d->svc->http) == 0;
    d->asked = false;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

/* Ask the loop every 20 ms whether everything is answered. */
static void drain(void *arg, px_us deadline) {
    struct drain d = {.svc = arg};
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

    pthread_mutex_init(&d.lock, NULL);
    pthread_cond_init(&d.wake, NULL);
    while (!d.idle && px_mono(d.svc->clock) < deadline) {
        pthread_mutex_lock(&d.lock);
        d.asked = true; /* before the post: the loop may answer at once */
        if (px_loop_post(d.svc->loop, PX_CALL(drain_look, &d))) {
            d.asked = false;
        }
        while (d.asked) {
            pthread_cond_wait(&d.wake, &d.lock);
        }
        pthread_mutex_unlock(&d.lock);
        if (!d.idle) {
            nanosleep(&pause, NULL);
        }
    }
    pthread_cond_destroy(&d.wake);
    pthread_mutex_destroy(&d.lock);
}

static void stop_loop(void *arg) {
    px_loop_stop(arg);
}

/* The database threads end first, while the loop can still answer what they have finished; the loop
 * ends behind the last of it, because posts run in order. */
static void stop(void *arg) {
    struct api_service *svc = arg;

    px_admin_stop(svc->admin);
    svc->admin = NULL;
    api_query_join(svc->pool);
    if (svc->running) {
        if (px_loop_post(svc->loop, PX_CALL(stop_loop, svc->loop))) {
            px_loop_stop(svc->loop);
        }
        pthread_join(svc->thread, NULL);
        svc->running = false;
    }
    api_query_free(svc->pool);
    svc->pool = NULL;
    px_timer_free(svc->tick);
    svc->tick = NULL;
    if (svc->http) {
        px_http_close(svc->http);
        svc->http = NULL;
    }
    if (svc->loop) {
        px_loop_free(svc->loop);
        svc->loop = NULL;
    }
    px_tls_close(svc->tls);
    svc->tls = NULL;
}

static void reload(void *arg, const void *conf) {
    struct api_service *svc = arg;

    (void)conf; /* what it may change, px_app has applied */
    px_tls_renew(svc->tls, px_wall(svc->clock));
}

/* --- commands
 * ------------------------------------------------------------------------------------- */

static enum px_code print_openapi(void *arg, const char *text, struct px_err *reterr) {
    struct api_service *svc = arg;

    (void)text;
    if (fwrite(svc->openapi.p, 1, svc->openapi.n, stdout) != svc->openapi.n) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "standard output");
    }
    return PX_OK;
}

static const struct px_app_command commands[] = {
    {.name = "openapi", .help = "print the OpenAPI document", .run = print_openapi},
};

const struct px_app_def api_app_def = {
    .name = "svc-metrics-api",
    .summary = "conversion, campaign and trend queries over REST",
    .options = {.v = options, .n = PX_ARRAY_LEN(options), .conf_size = sizeof(struct api_conf)},
    .shared_offset = offsetof(struct api_conf, app),
    .probes = api_probes,
    .nprobes = API_PROBES,
    .commands = commands,
    .ncommands = PX_ARRAY_LEN(commands),
    .metrics = metric_defs,
    .nmetrics = PX_ARRAY_LEN(metric_defs),
    .init = init,
    .start = start,
    .drain = drain,
    .stop = stop,
    .fini = fini,
    .reload = reload,
};
