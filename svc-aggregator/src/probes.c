/* The named probes of the aggregator: one list for --check, start-up and /readyz. While the service
 * runs, the READY ones answer from its status: cheap, and from any thread. */
#include "agg.h"
#include "erase_probes.h"

#include "settings.h"

#include <px/http.h>
#include <px/kafka_access.h>
#include <px/num.h>
#include <px/rights.h>
#include <px/sql_durable.h>
#include <px/sql_tls.h>

#include <stdio.h>

#define AGG_LOOK          (5 * PX_US_PER_S)
#define AGG_SQLITE        0 /* of Sql:Dialect     */
#define AGG_RIGHTS_REFUSE 1 /* of Sql:ExtraRights */

static bool running(const struct agg *a) {
    return a->threaded;
}

static enum px_code probe_config(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    const struct px_dialect *d = px_dialect_get((size_t)a->conf->sql.dialect);
    out->warn = d->unproven != NULL;
    snprintf(out->detail, sizeof out->detail, "%s%.200s", out->warn ? "" : "topic ",
             out->warn ? d->unproven : a->topic);
    return agg_conf_check(a->conf, reterr);
}

static enum px_code probe_catalog(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    (void)reterr; /* loading it is part of the start: a bad file never gets here */
    snprintf(out->detail, sizeof out->detail, "%zu event types", px_catalog_count(a->catalog));
    return PX_OK;
}

static enum px_code probe_rollups(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    (void)reterr;
    snprintf(out->detail, sizeof out->detail, "%zu rollups", px_rollups_count(a->rollups));
    return PX_OK;
}

/* --- SQL ----------------------------------------------------------------------------------------
 */
static enum px_code running_sql(struct agg *a, struct px_probe_out *out, struct px_err *reterr) {
    struct agg_view v = agg_status_get(&a->status);
    if (!v.sql_up) {
        return PX_FAIL(reterr, PX_SQL_LOST, "%.200s",
                       v.trouble[0] ? v.trouble : "not connected to the database yet");
    }
    snprintf(out->detail, sizeof out->detail, "connected");
    return PX_OK;
}

static enum px_code probe_sql_connect(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    if (running(a)) {
        return running_sql(a, out, reterr);
    }
    struct px_sql *s = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, &err);
    px_sql_close(s);
    if (rc == PX_SQL_LOST && a->conf->sql.dialect == AGG_SQLITE) {
        return PX_FAIL(reterr, PX_SCHEMA, "%.200s", err.msg); /* no server: there is no file yet */
    }
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

static enum px_code probe_sql_dialect(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    PX_DEFER(px_buf_fini) struct px_buf seen = PX_BUF_INIT(sizeof out->detail - 1);
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, reterr);
    if (rc == PX_OK) {
        px_sql_versions(s, &seen);
        snprintf(out->detail, sizeof out->detail, "%s", px_buf_cstr(&seen));
    }
    px_sql_close(s);
    return rc;
}

static enum px_code probe_sql_schema(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? agg_schema_current(a, s, out->detail, sizeof out->detail, reterr) : rc;
    rc = rc == PX_OK ? agg_settings_zone_same(s, a->conf->sql.zone, reterr) : rc;
    px_sql_close(s);
    return rc;
}

static enum px_code probe_sql_tls(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    struct px_tls_verdict v = {.warn = false};
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, &err);
    rc = rc == PX_OK ? px_tls_check(s, &a->conf->sql, &v, &err) : rc;
    px_sql_close(s);
    out->skip = rc == PX_UNSUPPORTED;
    out->warn = v.warn;
    snprintf(out->detail, sizeof out->detail, "%s", out->skip ? err.msg : v.detail);
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return out->skip ? PX_OK : rc;
}

/* The account beside its column of database/privileges.txt. */
static enum px_code ask_rights(const struct agg *a, struct px_sql *s, struct px_probe_out *out,
                               struct px_err *reterr) {
    char dir[1024];
    struct px_rights want;
    struct px_rights_verdict v;
    bool strict = a->conf->sql.extra_rights == AGG_RIGHTS_REFUSE;
    enum px_code rc = px_app_data_dir(a->app, "database", dir, sizeof dir, reterr);
    rc = rc == PX_OK ? px_rights_load(dir, "px_agg", &want, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    if (!a->conf->raw_store) {
        px_rights_waive(&want, "events");
    }
    rc = px_rights_check(s, &want, strict, &v, reterr);
    out->warn = v.warn;
    snprintf(out->detail, sizeof out->detail, "%s", v.detail);
    snprintf(out->remedy, sizeof out->remedy, "%s", v.remedy);
    return rc;
}

static enum px_code probe_sql_rights(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, &err);
    rc = rc == PX_OK ? ask_rights(a, s, out, &err) : rc;
    px_sql_close(s);
    if (rc == PX_UNSUPPORTED) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "%s", err.msg);
        return PX_OK;
    }
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return rc;
}

/* Asked of a connection for writing: it is what the commits go through. */
static enum px_code probe_sql_durable(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    struct px_durable_verdict v = {.warn = false};
    struct px_err err = PX_ERR_INIT;
    bool strict = a->conf->sql.durability == PX_SQL_DURABLE_REQUIRE;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_WRITE, &s, &err);
    rc = rc == PX_OK ? px_durable_check(s, strict, &v, &err) : rc;
    px_sql_close(s);
    out->skip = rc == PX_UNSUPPORTED;
    out->warn = v.warn;
    snprintf(out->detail, sizeof out->detail, "%s", out->skip ? err.msg : v.detail);
    snprintf(out->remedy, sizeof out->remedy, "%s", v.remedy);
    if (rc != PX_OK && reterr) {
        *reterr = err;
    }
    return out->skip ? PX_OK : rc;
}

/* Writes a setting and takes it back. */
static enum px_code try_write(struct px_sql *s, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = px_tx_begin(s, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = agg_stmt(s, PX_ST_SETTING_ADD, &st, reterr);
    rc = rc == PX_OK ? px_bind_text(st, 0, PX_S("probe"), reterr) : rc;
    rc = rc == PX_OK ? px_bind_text(st, 1, PX_S("probe"), reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    px_stmt_free(st);
    px_tx_rollback(s);
    return rc;
}

/* The tables of the transaction, through the statements that it will run. */
static enum px_code try_tables(const struct agg *a, struct px_sql *s, struct px_err *reterr) {
    struct agg_apply_conf conf = {.rollups = a->rollups,
                                  .dialect = px_sql_dialect(s),
                                  .topic = a->topic,
                                  .key_file = a->conf->erasure_keys,
                                  .store_raw = a->conf->raw_store,
                                  .max_events = 1,
                                  .max_bytes = 1};
    struct agg_apply *apply = NULL;
    enum px_code rc = agg_apply_new(&conf, &apply, reterr);
    rc = rc == PX_OK ? agg_apply_attach(apply, s, reterr) : rc;
    rc = rc == PX_OK ? agg_apply_try(apply, reterr) : rc;
    agg_apply_free(apply);
    return rc;
}

static enum px_code probe_sql_write(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_WRITE, &s, reterr);
    rc = rc == PX_OK ? try_write(s, reterr) : rc;
    rc = rc == PX_OK ? try_tables(a, s, reterr) : rc;
    px_sql_close(s);
    snprintf(out->detail, sizeof out->detail, "every table written and rolled back");
    return rc;
}

static enum px_code read_progress(struct px_sql *s, const struct agg *a, struct px_probe_out *out,
                                  struct px_err *reterr) {
    struct px_stmt *st = NULL;
    size_t mine = 0, others = 0;
    enum px_code rc = agg_stmt(s, PX_ST_FRESHNESS, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        bool own = px_str_is(px_col_text(st, 1), a->topic);
        mine += own ? 1 : 0;
        others += own ? 0 : 1;
    }
    px_stmt_free(st);
    if (rc != PX_NO_ROW) {
        return rc;
    }
    snprintf(out->detail, sizeof out->detail, "%zu partitions of this topic, %zu of others", mine,
             others);
    return PX_OK;
}

static enum px_code probe_sql_offsets(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? read_progress(s, a, out, reterr) : rc;
    px_sql_close(s);
    return rc;
}

/* Rows that a run of yesterday would have removed: nobody runs it. */
static enum px_code overdue(const struct agg *a, const struct px_stmt *st, struct px_probe_out *out,
                            struct px_err *reterr) {
    px_us now = px_wall(&px_clock_system);
    struct agg_bounds b = agg_bounds_of(a->conf, a->zone, now - PX_US_PER_DAY, AGG_NOTHING_UNREAD);
    px_day claim = 0;
    const char *table =
        !px_col_null(st, 0) && px_col_i64(st, 0) < b.raw_at ? "events"
        : !px_col_null(st, 1) && px_parse_date(px_col_text(st, 1), &claim) && claim < b.claims_from
            ? "dedupe_day"
            : NULL;
    if (table) {
        return PX_FAIL(reterr, PX_INVALID,
                       "%s holds rows that should be gone: run svc-aggregator --retention=run "
                       "every day, or set Retention:Every",
                       table);
    }
    snprintf(out->detail, sizeof out->detail, "no row is a day overdue");
    return PX_OK;
}

static enum px_code probe_sql_retention(void *svc, struct px_probe_out *out,
                                        struct px_err *reterr) {
    struct agg *a = svc;
    struct px_sql *s = NULL;
    struct px_stmt *st = NULL;
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? agg_stmt(s, PX_ST_RETENTION_OLDEST, &st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    rc = rc == PX_OK ? overdue(a, st, out, reterr) : rc;
    px_stmt_free(st);
    px_sql_close(s);
    if (rc == PX_DENIED) { /* px_agg may not read raw rows, and need not */
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "the account may not read old rows");
        return PX_OK;
    }
    return rc;
}

/* --- Kafka --------------------------------------------------------------------------------------
 */
static enum px_code probe_kafka_security(void *svc, struct px_probe_out *out,
                                         struct px_err *reterr) {
    struct agg *a = svc;
    char who[PX_KAFKA_PRINCIPAL_MAX];
    enum px_code rc = px_kafka_security_check(&a->conf->kafka, px_wall(&px_clock_system), reterr);
    if (rc == PX_OK) {
        px_kafka_principal(&a->conf->kafka, who);
        snprintf(out->detail, sizeof out->detail, "%s", who);
    }
    return rc;
}

static enum px_code probe_kafka_advice(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    px_kafka_security_advice(&a->conf->kafka, px_wall(&px_clock_system), &b);
    if (b.n) {
        return PX_FAIL(reterr, PX_CONFIG, "%s", px_buf_cstr(&b));
    }
    snprintf(out->detail, sizeof out->detail, "librdkafka %s", px_kafka_version());
    return PX_OK;
}

static enum px_code probe_kafka_connect(void *svc, struct px_probe_out *out,
                                        struct px_err *reterr) {
    struct agg *a = svc;
    struct px_topic_info info = {0};
    enum px_code rc = px_kafka_describe(&a->conf->kafka, NULL, AGG_LOOK, &info, reterr);
    if (rc == PX_OK) {
        snprintf(out->detail, sizeof out->detail, "%d brokers, cluster %s, librdkafka %s",
                 info.brokers, info.cluster_id, px_kafka_version());
    }
    return rc;
}

static enum px_code probe_kafka_topic(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_topic_info info = {0}, dlq = {0};
    enum px_code rc = px_kafka_describe(&a->conf->kafka, a->topic, AGG_LOOK, &info, reterr);
    rc = rc == PX_OK ? px_kafka_describe(&a->conf->kafka, a->dlq, AGG_LOOK, &dlq, reterr) : rc;
    if (rc == PX_OK) {
        snprintf(out->detail, sizeof out->detail, "%d partitions, dead letters %d", info.partitions,
                 dlq.partitions);
    }
    return rc;
}

static enum px_code probe_kafka_read(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    const struct px_kafka_conf *k = &a->conf->kafka;
    enum px_code rc = px_kafka_try_read(k, a->topic, AGG_LOOK, reterr);
    rc = rc == PX_OK ? px_kafka_try_group(k, a->conf->group, a->topic, AGG_LOOK, reterr) : rc;
    snprintf(out->detail, sizeof out->detail, "as group %s", a->conf->group);
    return rc;
}

static enum px_code probe_kafka_write(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_kafka_try_write(&a->conf->kafka, a->dlq, AGG_LOOK, &err);
    out->skip = rc == PX_UNSUPPORTED;
    snprintf(out->detail, sizeof out->detail, "%s", out->skip ? err.msg : "allowed");
    if (rc == PX_OK || out->skip) {
        return PX_OK;
    }
    *reterr = err;
    return rc;
}

static enum px_code probe_kafka_group(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    if (!running(a)) {
        out->skip = true; /* joining the group would take partitions from those that work */
        snprintf(out->detail, sizeof out->detail, "group %s; only a running service can tell",
                 a->conf->group);
        return PX_OK;
    }
    struct agg_view v = agg_status_get(&a->status);
    if (!v.kafka_up) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "not in the group %s, or no broker answers: check Kafka:BootstrapServers",
                       a->conf->group);
    }
    snprintf(out->detail, sizeof out->detail, "%zu partitions, %zu paused", v.owned, v.paused);
    return PX_OK;
}

static enum px_code probe_private(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    const char *address = px_app_shared(a->app)->admin_address;
    enum px_code rc = px_http_private(address, "Admin:Address", reterr);
    if (rc == PX_OK) {
        snprintf(out->detail, sizeof out->detail, "%s", address);
    }
    return rc;
}

static enum px_code probe_tls(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    struct agg *a = svc;
    return px_tls_probe(&a->conf->tls, px_wall(&px_clock_system), out, reterr);
}

/* --- the schema registry ------------------------------------------------------------------------
 */
static enum px_code probe_registry(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    struct px_registry *r = NULL;
    if (!px_registry_used(&a->conf->registry)) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "SchemaRegistry:Url is empty: fixed ids");
        return PX_OK;
    }
    enum px_code rc = px_registry_open(&a->conf->registry, &r, reterr);
    rc = rc == PX_OK ? px_registry_ping(r, reterr) : rc;
    px_registry_close(r);
    snprintf(out->detail, sizeof out->detail, "%.200s", a->conf->registry.url);
    return rc;
}

static enum px_code probe_schemas(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    struct px_registry *r = NULL;
    struct px_registry_want event = {
        .dir = a->schemas_dir, .name = "event.avsc", .topic = a->topic};
    struct px_registry_want letter = {.dir = a->schemas_dir, .name = "dlq.avsc", .topic = a->dlq};
    uint32_t ids[2] = {0, 0};
    if (!px_registry_used(&a->conf->registry)) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "no registry");
        return PX_OK;
    }
    enum px_code rc = px_registry_open(&a->conf->registry, &r, reterr);
    rc = rc == PX_OK ? px_registry_judge(r, &event, &ids[0], reterr) : rc;
    rc = rc == PX_OK ? px_registry_judge(r, &letter, &ids[1], reterr) : rc;
    px_registry_close(r);
    snprintf(out->detail, sizeof out->detail, "events are schema %u, dead letters %u", ids[0],
             ids[1]);
    return rc;
}

#define OFFLINE (PX_PROBE_FATAL | PX_PROBE_OFFLINE | PX_PROBE_START)
const struct px_probe agg_probes[] = {
    {"config.valid", "options agree with each other", OFFLINE, NULL, probe_config},
    {"catalog.load", "events.yaml is read and consistent", OFFLINE, NULL, probe_catalog},
    {"rollups.load", "rollups.yaml is read and consistent", OFFLINE, NULL, probe_rollups},
    {"admin.private", "the admin port is not open to everybody", PX_PROBE_WARN | PX_PROBE_OFFLINE,
     NULL, probe_private},
    {"http.tls", "certificate and key can be shown to clients", OFFLINE, NULL, probe_tls},
    {"sql.connect", "the database can be reached", PX_PROBE_FATAL | PX_PROBE_START | PX_PROBE_READY,
     NULL, probe_sql_connect},
    {"sql.dialect", "the driver speaks Sql:Dialect", PX_PROBE_FATAL, "sql.connect",
     probe_sql_dialect},
    {"sql.tls", "nobody in between can pose as the database", PX_PROBE_FATAL, "sql.connect",
     probe_sql_tls},
    {"sql.rights", "the account may what it must, and no more", PX_PROBE_FATAL | PX_PROBE_START,
     "sql.connect", probe_sql_rights},
    {"sql.durable", "what was committed survives a crash", PX_PROBE_FATAL, "sql.connect",
     probe_sql_durable},
    {"sql.schema_version", "the schema is one that this build can use",
     PX_PROBE_FATAL | PX_PROBE_START, "sql.connect", probe_sql_schema},
    {"sql.write", "the account may write to every table", PX_PROBE_FATAL, "sql.schema_version",
     probe_sql_write},
    {"sql.offsets", "the offsets can be read", PX_PROBE_FATAL, "sql.schema_version",
     probe_sql_offsets},
    {"sql.retention", "old rows are removed", PX_PROBE_WARN, "sql.schema_version",
     probe_sql_retention},
    {"kafka.security", "the options of TLS and SASL and their files are right", OFFLINE, NULL,
     probe_kafka_security},
    {"kafka.advice", "nothing about security should be better", PX_PROBE_WARN | PX_PROBE_OFFLINE,
     "kafka.security", probe_kafka_advice},
    {"kafka.connect", "a broker answers", PX_PROBE_FATAL, "kafka.security", probe_kafka_connect},
    {"kafka.topic", "the topic and its dead letters exist", PX_PROBE_FATAL, "kafka.connect",
     probe_kafka_topic},
    {"kafka.read", "events may be read, as a member of the group", PX_PROBE_FATAL, "kafka.topic",
     probe_kafka_read},
    {"kafka.write", "dead letters may be written", PX_PROBE_FATAL, "kafka.topic",
     probe_kafka_write},
    {"registry.reachable", "the schema registry answers", PX_PROBE_FATAL, NULL, probe_registry},
    {"registry.schemas", "it holds our schemas, and guards them", PX_PROBE_FATAL,
     "registry.reachable", probe_schemas},
    {"erasure.keys", "the keys of erased players can be read", OFFLINE, NULL,
     agg_probe_erasure_keys},
    {"erasure.players", "who was erased is known, and finished", PX_PROBE_FATAL,
     "sql.schema_version", agg_probe_erasures},
    {"erasure.topic", "the topic of erasures is there, compacted and readable", PX_PROBE_FATAL,
     "kafka.connect", agg_probe_erasure_topic},
    {"kafka.group", "the service is in its group", PX_PROBE_FATAL | PX_PROBE_READY, "kafka.connect",
     probe_kafka_group},
};
const size_t agg_nprobes = PX_ARRAY_LEN(agg_probes);
