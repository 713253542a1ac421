/* The life of the service: built in init (no I/O but its own files), ports and threads in start,
 * drain and stop in the order of px/app.h. Knows every part and does no work itself. */
#include "agg.h"
#include "reconcile.h"

#include "dlq.h"

#include <px/log.h>
#include <px/mem.h>

#include <stdio.h>
#include <string.h>

/* The loop turns at least ten times a second; a transaction is the watchdog's business. */
#define AGG_STILL_ALIVE (30 * PX_US_PER_S)

/* --- init
 * ----------------------------------------------------------------------------------------- */
static enum px_code load_files(struct agg *a, struct px_err *reterr) {
    char path[1100];
    const char *dir = a->schemas_dir;
    enum px_code rc =
        px_app_data_dir(a->app, "schemas", a->schemas_dir, sizeof a->schemas_dir, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    snprintf(path, sizeof path, "%s/events.yaml", dir);
    rc = px_catalog_load(path, &a->catalog, reterr);
    if (rc == PX_OK) {
        snprintf(path, sizeof path, "%s/rollups.yaml", dir);
        rc = px_rollups_load(path, a->catalog, &a->rollups, reterr);
    }
    return rc == PX_OK ? px_zone_load(a->conf->sql.zone, &a->zone, reterr) : rc;
}

static enum px_code topic_name(const struct agg *a, bool dlq, char *out, size_t cap,
                               struct px_err *reterr) {
    struct px_topic_parts parts = {
        .region = a->conf->kafka.region, .org = a->conf->kafka.org, .env = a->conf->kafka.env};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(cap - 1);
    px_topic_name(&b, &parts, px_catalog_family(a->catalog, 0), dlq);
    if (b.failed || !px_str_copy(px_buf_view(&b), out, cap)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Kafka:Region, Kafka:Organization and Kafka:EnvironmentName make too long a "
                       "topic name");
    }
    return PX_OK;
}

static enum px_code erasures_name(struct agg *a, struct px_err *reterr) {
    const struct agg_conf *c = a->conf;
    struct px_topic_parts parts = {
        .region = c->kafka.region, .org = c->kafka.org, .env = c->kafka.env};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(sizeof a->erasures - 1);
    if (c->erasure_topic[0]) {
        px_buf_c(&b, c->erasure_topic);
    } else {
        px_erasure_topic_name(&b, &parts, px_catalog_family(a->catalog, 0));
    }
    if (b.failed || !px_str_copy(px_buf_view(&b), a->erasures, sizeof a->erasures)) {
        return PX_FAIL(reterr, PX_CONFIG, "Erasure:Topic: the name is too long");
    }
    return PX_OK;
}

static enum px_code names(struct agg *a, struct px_err *reterr) {
    if (px_catalog_families(a->catalog) != 1) {
        return PX_FAIL(reterr, PX_CONFIG, "events.yaml: svc-aggregator reads one family, not %zu",
                       px_catalog_families(a->catalog));
    }
    snprintf(a->client_id, sizeof a->client_id, "svc-aggregator-%s", px_app_instance(a->app));
    enum px_code rc = topic_name(a, false, a->topic, sizeof a->topic, reterr);
    rc = rc == PX_OK ? topic_name(a, true, a->dlq, sizeof a->dlq, reterr) : rc;
    return rc == PX_OK ? erasures_name(a, reterr) : rc;
}

static enum px_code build(struct agg *a, struct px_err *reterr) {
    const char *mode = px_app_mode(a->app);
    struct agg_schemas_conf schemas = {
        .registry = &a->conf->registry, .dir = a->schemas_dir, .topic = a->topic, .dlq = a->dlq};
    a->types =
        (struct px_labels){.v = px_catalog_names(a->catalog), .n = px_catalog_count(a->catalog)};
    enum px_code rc = agg_metrics_new(&a->types, a->defs, &a->metrics, reterr);
    rc = rc == PX_OK ? agg_schemas_new(&schemas, &a->schemas, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    a->core = (struct agg_core){.conf = a->conf,
                                .catalog = a->catalog,
                                .rollups = a->rollups,
                                .zone = a->zone,
                                .clock = &px_clock_system,
                                .status = &a->status,
                                .shard = px_metrics_shard(a->metrics, AGG_SHARD_MAIN),
                                .topic = a->topic,
                                .owner = px_app_instance(a->app)};
    bool accept = mode && strcmp(mode, "accept-gap") == 0;
    a->reader = (struct agg_reader){.core = &a->core,
                                    .group = a->conf->group,
                                    .topic = a->topic,
                                    .dlq = a->dlq,
                                    .client_id = a->client_id,
                                    .schemas = a->schemas,
                                    .once = mode && strcmp(mode, "once") == 0,
                                    .record_gaps = accept || a->conf->on_gap == AGG_GAP_RECORD};
    a->watchdog = (struct agg_watchdog){
        .status = &a->status, .clock = &px_clock_system, .budget = a->conf->tx_budget};
    rc = agg_core_init(&a->core, reterr);
    return rc == PX_OK ? agg_reader_init(&a->reader, reterr) : rc;
}

static void fini(void *svc) {
    struct agg *a = svc;
    agg_reader_fini(&a->reader);
    agg_poison_close(a->reader.poison);
    agg_core_fini(&a->core);
    agg_schemas_free(a->schemas);
    px_metrics_free(a->metrics);
    px_zone_free(a->zone);
    px_rollups_free(a->rollups);
    px_catalog_free(a->catalog);
    agg_status_fini(&a->status);
    px_free(a);
}

static enum px_code init(struct px_app *app, const void *conf, void **ret_svc,
                         struct px_err *reterr) {
    struct agg *a = px_alloc(sizeof *a);
    if (!a) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the service");
    }
    a->app = app;
    a->conf = conf;
    agg_status_init(&a->status);
    a->reader.core = &a->core; /* so that fini may run at any point */
    a->core.status = &a->status;
    enum px_code rc = agg_conf_check(a->conf, reterr);
    rc = rc == PX_OK ? load_files(a, reterr) : rc;
    rc = rc == PX_OK ? names(a, reterr) : rc;
    rc = rc == PX_OK ? build(a, reterr) : rc;
    if (rc != PX_OK) {
        fini(a);
        return rc;
    }
    *ret_svc = a;
    return PX_OK;
}

/* --- run
 * ------------------------------------------------------------------------------------------ */
static bool alive(void *svc) {
    struct agg *a = svc;
    struct agg_view v = agg_status_get(&a->status);
    return v.tx_since != 0 || px_mono(&px_clock_system) - v.beat < AGG_STILL_ALIVE;
}

static enum px_code start(void *svc, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_admin_conf admin = {.app = a->app,
                                  .port = (uint16_t)a->conf->admin_port,
                                  .port_option = "Admin:Port",
                                  .metrics = a->metrics,
                                  .tls_port = a->conf->tls.admin,
                                  .alive = alive};
    agg_status_beat(&a->status, px_mono(&px_clock_system));
    enum px_code rc = agg_schemas_start(a->schemas, reterr);
    rc = rc == PX_OK ? px_tls_open(&a->conf->tls, px_wall(&px_clock_system), &a->tls, reterr) : rc;
    admin.tls = (struct px_tls_use){a->tls, px_metrics_shard(a->metrics, AGG_SHARD_ADMIN),
                                    PX_M_TLS_HANDSHAKES};
    rc = rc == PX_OK ? px_admin_start(&admin, &a->admin, reterr) : rc;
    rc = rc == PX_OK ? agg_watchdog_start(&a->watchdog, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (pthread_create(&a->thread, NULL, agg_run, a) != 0) {
        return PX_FAIL(reterr, PX_NOMEM, "cannot start the aggregator thread");
    }
    a->threaded = true;
    if (a->conf->retain_every > 0) {
        if (pthread_create(&a->retainer, NULL, agg_retain_thread, a) != 0) {
            return PX_FAIL(reterr, PX_NOMEM, "cannot start the retention thread");
        }
        a->retains = true;
    }
    if (a->conf->erasure_keys[0]) {
        if (pthread_create(&a->follower, NULL, agg_follow_thread, a) != 0) {
            return PX_FAIL(reterr, PX_NOMEM, "cannot start the thread that follows erasures");
        }
        a->follows = true;
    }
    px_log(PX_LOG_INFO, "aggregator.started", PX_F_C("px.topic", a->topic),
           PX_F_C("px.group", a->conf->group), PX_F_INT("admin.port", px_admin_port(a->admin)));
    return PX_OK;
}

static void drain(void *svc, px_us deadline) {
    struct agg *a = svc;
    agg_status_ask_stop(&a->status);
    px_us left = deadline - px_mono(&px_clock_system);
    if (!agg_status_wait_done(&a->status, left > 0 ? left : 0)) {
        px_log(PX_LOG_WARN, "aggregator.drain_timeout",
               PX_F_C("remedy", "the open batch is given up; a restart resumes from SQL"));
    }
}

static void stop(void *svc) {
    struct agg *a = svc;
    agg_status_ask_stop(&a->status);
    if (a->threaded) {
        (void)pthread_join(a->thread, NULL);
    }
    if (a->retains) {
        (void)pthread_join(a->retainer, NULL);
    }
    if (a->follows) {
        (void)pthread_join(a->follower, NULL);
    }
    agg_status_set_done(&a->status);
    agg_watchdog_join(&a->watchdog);
    px_admin_stop(a->admin);
    a->admin = NULL;
    px_tls_close(a->tls);
    a->tls = NULL;
    a->threaded = a->retains = a->follows = false;
}

static void reload(void *svc, const void *conf) {
    struct agg *a = svc;
    (void)conf; /* what it may change, px_app has applied */
    px_tls_renew(a->tls, px_wall(&px_clock_system));
}

static void versions(struct px_buf *out) {
    px_buf_printf(out, ", librdkafka %s", px_kafka_version());
}

static const struct px_app_param migrate_params[] = {
    {.name = "yes", .help = "down: also when rows are lost with it."},
};

static const struct px_app_param topics_params[] = {
    {.name = "file",
     .value = "FILE",
     .help = "topics and permissions; default: deploy/kafka/topics.yaml"},
    {.name = "json", .help = "print JSON lines"},
    {.name = "yes", .help = "also change what loses or moves something; the plan says what"},
};

static const struct px_app_param retention_params[] = {
    {.name = "json", .help = "The result for programs."},
};

static const struct px_app_param erase_params[] = {
    {.name = "dry-run", .help = "Say how many rows would be touched, change nothing."},
};

static const struct px_app_command commands[] = {
    {.name = "once",
     .help = "Apply what the log holds now, then end with exit 0.",
     .runs_service = true},
    {.name = "accept-gap",
     .help = "Run; gaps found when partitions are taken are recorded in ingest_gaps, not refused.",
     .runs_service = true},
    {.name = "migrate",
     .args = "status|plan|up|down|adopt",
     .help = "Show, print or apply the pending migrations of the database, undo the last one, or "
             "take over what golang-migrate applied.",
     .run = agg_migrate,
     .params = migrate_params,
     .nparams = PX_ARRAY_LEN(migrate_params)},
    {.name = "reconcile",
     .help = "Compare accounts, raw rows and aggregates; exit 1 naming the rows that differ.",
     .run = agg_reconcile,
     .params = agg_reconcile_params,
     .nparams = PX_ARRAY_LEN(agg_reconcile_params)},
    {.name = "rebuild",
     .help = "Recompute aggregates from raw rows, beside running aggregators.",
     .run = agg_rebuild,
     .params = agg_rebuild_params,
     .nparams = PX_ARRAY_LEN(agg_rebuild_params)},
    {.name = "dlq",
     .args = "list|show|stats|replay",
     .help = "Look at dead letters, or write those that are accepted today to the log again.",
     .run = agg_dlq,
     .params = agg_dlq_params,
     .nparams = AGG_DLQ_PARAMS},
    {.name = "topics",
     .args = "plan|apply|verify",
     .help = "Compare topics and permissions of the brokers with topics.yaml; add what is missing.",
     .run = agg_topics,
     .params = topics_params,
     .nparams = PX_ARRAY_LEN(topics_params)},
    {.name = "retention",
     .args = "plan|run",
     .help = "Show or remove the rows that are older than the options of Retention say.",
     .run = agg_retention,
     .params = retention_params,
     .nparams = PX_ARRAY_LEN(retention_params)},
    {.name = "erase-player",
     .value = "ID",
     .help = "Take a player out of all tables for good and print the receipt; - reads the id from "
             "the standard input.",
     .run = agg_erase_player,
     .params = erase_params,
     .nparams = PX_ARRAY_LEN(erase_params)},
    {.name = "erase-pending",
     .help = "Finish erasures that were begun here or announced by others.",
     .run = agg_erase_pending},
    {.name = "erase-verify",
     .value = "FILE",
     .help = "Is the receipt genuine, and is the player in no table now? exit 1 when not.",
     .run = agg_erase_verify},
};

const struct px_app_def agg_app = {
    .name = "svc-aggregator",
    .summary = "Applies the events of the log to SQL, exactly once.",
    .shared_offset = offsetof(struct agg_conf, shared),
    .commands = commands,
    .ncommands = PX_ARRAY_LEN(commands),
    .metrics = agg_metric_defs,
    .nmetrics = AGG_METRICS,
    .init = init,
    .start = start,
    .drain = drain,
    .stop = stop,
    .fini = fini,
    .reload = reload,
    .versions = versions,
};
