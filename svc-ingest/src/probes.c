/* The named probes of svc-ingest: one list for --check, start-up and /readyz. The READY ones run on
 * the admin thread: they read gauges and never touch a worker. Source: ADR on probes. */
#include "keyfile.h"
#include "schemas.h"

#include <px/kafka_access.h>
#include <px/num.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define PROBE_TIMEOUT (3 * PX_US_PER_S)
/* How long the last event that was not taken speaks against readiness. */
#define PROBE_UNSTORED_AGE (10 * PX_US_PER_S)

static void probe_say(struct px_probe_out *out, const char *fmt, ...) PX_PRINTF(2, 3);
static void probe_say(struct px_probe_out *out, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out->detail, sizeof out->detail, fmt, ap);
    va_end(ap);
}

static void probe_skip(struct px_probe_out *out, const char *why) {
    out->skip = true;
    probe_say(out, "%s", why);
}

/* --- what the machine and the files say ----------------------------------------------------------
 */

/* Rules between options; single ones were checked when they were read. */
static enum px_code probe_config(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct ing_conf *c = svc->world.conf;

    if (c->linger >= c->message_timeout) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:Linger must be shorter than Kafka:MessageTimeout");
    }
    if (c->port && c->port == c->admin_port && strcmp(c->address, c->shared.admin_address) == 0) {
        return PX_FAIL(reterr, PX_CONFIG, "Ingest:Port and Admin:Port are both %lld; choose two",
                       (long long)c->port);
    }
    if (!ing_cors_allowed_ok(c->cors_origins)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Cors:Origins is `*` or origins between blanks or commas, each "
                       "scheme://host[:port] as browsers send it: without a path and without the "
                       "usual port");
    }
    struct px_nets nets;
    struct px_err err = PX_ERR_INIT;
    if (px_nets_parse(px_str_c(c->limit_exempt), &nets, &err)) {
        return PX_FAIL(reterr, PX_CONFIG, "Limit:Exempt: %s", err.msg);
    }
    probe_say(out, "%zu workers, %lld events in flight", svc->world.workers,
              (long long)c->max_in_flight);
    return PX_OK;
}

static enum px_code probe_catalog(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;

    if (!svc->catalog) {
        *reterr = svc->catalog_error;
        return svc->catalog_error.code;
    }
    probe_say(out, "%zu event types, %zu families", px_catalog_count(svc->catalog),
              px_catalog_families(svc->catalog));
    return PX_OK;
}

static enum px_code probe_schema(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    enum px_code rc = ing_schemas_ours(svc->schemas, reterr);

    if (rc == PX_OK) {
        probe_say(out, "event.avsc has the fields and types that are written");
    }
    return rc;
}

/* Where clients are found, and what is kept of them. */
static enum px_code probe_address(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct px_fwd_policy *p = &svc->proxies;
    struct ing_address a;
    enum px_code rc = ing_address_init(&a, svc->world.conf, reterr);

    if (rc) {
        return rc;
    }
    if (p->trusted.n) {
        probe_say(out, "kept %s; %zu trusted networks, by %s", ing_address_mode_name(a.mode),
                  p->trusted.n, px_fwd_header_name(p->header));
    } else {
        probe_say(out, "kept %s; no proxy is trusted", ing_address_mode_name(a.mode));
    }
    out->warn = a.ring.exposed;
    if (a.ring.exposed) {
        probe_say(out, "every user can read Privacy:KeyFile: chmod o-rwx");
    }
    ing_address_fini(&a);
    return PX_OK;
}

static enum px_code probe_nofile(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct rlimit lim;
    long long need = svc->world.conf->max_connections + 64 + 32 * (long long)svc->world.workers;

    if (getrlimit(RLIMIT_NOFILE, &lim)) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "RLIMIT_NOFILE");
    }
    if (lim.rlim_cur != RLIM_INFINITY && (long long)lim.rlim_cur < need) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%lld open files allowed, %lld wanted: raise `ulimit -n` or lower "
                       "Http:MaxConnections; fewer connections are held at the limit",
                       (long long)lim.rlim_cur, need);
    }
    probe_say(out, "%lld open files allowed, %lld wanted", (long long)lim.rlim_cur, need);
    return PX_OK;
}

static enum px_code probe_clock(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    char text[PX_TIME_TEXT];
    px_us now = px_wall(svc->world.clock);
    size_t n = px_fmt_instant(now > 0 ? now : 0, text);

    if (now < INT64_C(1577836800) * PX_US_PER_S) { /* 2020-01-01 */
        return PX_FAIL(reterr, PX_CONFIG, "the clock says %.*s: set it, events are counted by it",
                       (int)n, text);
    }
    probe_say(out, "%.*s", (int)n, text);
    return PX_OK;
}

static enum px_code probe_bind(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct ing_conf *c = svc->world.conf;

    if (svc->workers) {
        probe_skip(out, "this service listens itself");
        return PX_OK;
    }
    enum px_code rc = px_http_try_bind(c->address, (uint16_t)c->port, "Ingest:Port", reterr);
    if (!rc) {
        probe_say(out, "%s:%lld is free", c->address, (long long)c->port);
    }
    return rc;
}

static enum px_code probe_tls(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;

    return px_tls_probe(&svc->world.conf->tls, px_wall(svc->world.clock), out, reterr);
}

static enum px_code probe_private(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const char *address = px_app_shared(svc->app)->admin_address;
    enum px_code rc = px_http_private(address, "Admin:Address", reterr);

    if (!rc) {
        probe_say(out, "%s", address);
    }
    return rc;
}

static enum px_code probe_security(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct px_kafka_conf *k = &svc->world.conf->kafka;
    char who[PX_KAFKA_PRINCIPAL_MAX];
    enum px_code rc = px_kafka_security_check(k, px_wall(svc->world.clock), reterr);

    if (!rc) {
        px_kafka_principal(k, who);
        probe_say(out, "%s", who);
    }
    return rc;
}

static enum px_code probe_advice(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);

    px_kafka_security_advice(&svc->world.conf->kafka, px_wall(svc->world.clock), &b);
    if (b.n) {
        return PX_FAIL(reterr, PX_CONFIG, "%s", px_buf_cstr(&b));
    }
    probe_say(out, "librdkafka %s", px_kafka_version());
    return PX_OK;
}

/* --- what the log says
 * ---------------------------------------------------------------------------- */

static enum px_code probe_connect(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct px_topic_info info;
    enum px_code rc =
        px_kafka_describe(&svc->world.conf->kafka, NULL, PROBE_TIMEOUT, &info, reterr);

    if (rc) {
        return px_err_context(reterr, "Kafka:BootstrapServers");
    }
    probe_say(out, "%d brokers, cluster %s", info.brokers, info.cluster_id);
    return PX_OK;
}

/* Asks about a topic of every family; the last one's facts and name are left in ${info} and
 * ${name}. */
static enum px_code probe_topics(const struct ing_svc *svc, bool dead, struct px_topic_info *info,
                                 struct px_buf *name, struct px_err *reterr) {
    const struct px_kafka_conf *k = &svc->world.conf->kafka;
    struct px_topic_parts parts = {.region = k->region, .org = k->org, .env = k->env};

    for (size_t i = 0; i < px_catalog_families(svc->catalog); i++) {
        px_buf_reset(name);
        px_topic_name(name, &parts, px_catalog_family(svc->catalog, i), dead);
        enum px_code rc = px_kafka_describe(k, px_buf_cstr(name), PROBE_TIMEOUT, info, reterr);
        if (rc) {
            return rc;
        }
    }
    return PX_OK;
}

static enum px_code probe_topic(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct ing_svc *svc = arg;
    struct px_topic_info info = {0};
    PX_DEFER(px_buf_fini) struct px_buf name = PX_BUF_INIT(512);
    enum px_code rc = probe_topics(svc, false, &info, &name, reterr);

    if (rc == PX_OK) {
        svc->seen = info;
        probe_say(out, "%s: %d partitions", px_buf_cstr(&name), info.partitions);
    }
    return rc;
}

static enum px_code probe_dlq(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct px_topic_info info = {0};
    PX_DEFER(px_buf_fini) struct px_buf name = PX_BUF_INIT(512);
    enum px_code rc = probe_topics(svc, true, &info, &name, reterr);

    if (rc == PX_OK) {
        probe_say(out, "%s: %d partitions", px_buf_cstr(&name), info.partitions);
    }
    return rc;
}

/* May a topic of every family be written? */
static enum px_code probe_may_write(const struct ing_svc *svc, bool dead, struct px_probe_out *out,
                                    struct px_err *reterr) {
    const struct px_kafka_conf *k = &svc->world.conf->kafka;
    const struct px_topic_parts parts = {.region = k->region, .org = k->org, .env = k->env};
    PX_DEFER(px_buf_fini) struct px_buf name = PX_BUF_INIT(512);

    for (size_t i = 0; i < px_catalog_families(svc->catalog); i++) {
        struct px_err err = PX_ERR_INIT;
        px_buf_reset(&name);
        px_topic_name(&name, &parts, px_catalog_family(svc->catalog, i), dead);
        enum px_code rc = px_kafka_try_write(k, px_buf_cstr(&name), PROBE_TIMEOUT, &err);
        if (rc == PX_UNSUPPORTED) {
            probe_skip(out, err.msg);
            return PX_OK;
        }
        if (rc) {
            *reterr = err;
            return rc;
        }
    }
    probe_say(out, "allowed");
    return PX_OK;
}

static enum px_code probe_write(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    return probe_may_write(arg, false, out, reterr);
}

static enum px_code probe_write_dlq(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    return probe_may_write(arg, true, out, reterr);
}

/* Judges what kafka.topic, which it needs, has just seen of the last family. */
static enum px_code probe_partitions(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    size_t last = px_catalog_families(svc->catalog) - 1;
    int want = px_catalog_family(svc->catalog, last)->partitions, have = svc->seen.partitions;

    if (have < want) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%d partitions, events.yaml wants %d: svc-aggregator --topics=plan", have,
                       want);
    }
    probe_say(out, "%d, wanted %d", have, want);
    return PX_OK;
}

/* One copy that dies takes acknowledged events with it: that is what replication and ISR guard.
 * Judges what kafka.topic, which it needs, has just seen. */
static enum px_code probe_acks(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    int replication = svc->seen.replication, min_isr = svc->seen.min_isr;

    if (min_isr < 0) {
        probe_skip(out, "the broker does not tell min.insync.replicas");
        return PX_OK;
    }
    if (replication < min_isr) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "replication %d is below min ISR %d: nothing can ever be acknowledged",
                       replication, min_isr);
    }
    if (svc->seen.insync < min_isr) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "a partition has %d copies in sync, min ISR is %d: its events are answered "
                       "503 until more brokers are up",
                       svc->seen.insync, min_isr);
    }
    if (replication < 3 || min_isr < 2) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "replication %d, min ISR %d: one broker that fails can take acknowledged "
                       "events with it; use 3 and 2",
                       replication, min_isr);
    }
    probe_say(out, "replication %d, min ISR %d, %d in sync", replication, min_isr,
              svc->seen.insync);
    return PX_OK;
}

/* --- what the workers say: READY
 * ------------------------------------------------------------------- */

static enum px_code probe_producer(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;

    if (!px_app_started(svc->app)) {
        probe_skip(out, "not running");
        return PX_OK;
    }
    int64_t down = px_metrics_value(svc->metrics, ING_M_BROKERS_DOWN, 0, 0);
    int64_t fatal = px_metrics_value(svc->metrics, ING_M_FATAL, 0, 0);
    if (fatal) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "%lld of %zu producers are being made anew after a fatal error",
                       (long long)fatal, svc->world.workers);
    }
    if (down) {
        return PX_FAIL(reterr, PX_UNAVAILABLE, "no broker of %s can be reached",
                       svc->world.conf->kafka.bootstrap);
    }
    probe_say(out, "%zu producers", svc->world.workers);
    return PX_OK;
}

/* Not for ever: without events nothing would show that the log takes them again. */
static enum px_code probe_stores(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    struct ing_svc *svc = arg;
    px_us now = px_mono(svc->world.clock);

    if (!px_app_started(svc->app)) {
        probe_skip(out, "not running");
        return PX_OK;
    }
    int64_t workers = px_metrics_value(svc->metrics, ING_M_NOT_STORING, 0, 0);
    int64_t unstored = px_metrics_value(svc->metrics, ING_M_DELIVERIES, PX_NOT_PERSISTED, 0) +
                       px_metrics_value(svc->metrics, ING_M_DELIVERIES, PX_MAYBE_PERSISTED, 0) +
                       px_metrics_value(svc->metrics, ING_M_UNAVAILABLE, ING_BUSY_REFUSED, 0);
    if (unstored != svc->unstored) {
        svc->unstored = unstored;
        svc->unstored_at = now;
    }
    if (workers && now - svc->unstored_at < PROBE_UNSTORED_AGE) {
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "%lld of %zu producers: the log takes no events; too few replicas in sync, "
                       "a topic or a permission is missing, or it does not answer",
                       (long long)workers, svc->world.workers);
    }
    probe_say(out, "%zu producers", svc->world.workers);
    return PX_OK;
}

static enum px_code probe_in_flight(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;

    if (!px_app_started(svc->app)) {
        probe_skip(out, "not running");
        return PX_OK;
    }
    int64_t n = px_metrics_value(svc->metrics, ING_M_PENDING, 0, 0),
            max = svc->world.conf->max_in_flight;
    if (n > max - max / 10) {
        return PX_FAIL(reterr, PX_BUSY, "%lld of %lld events wait for the log (Ingest:MaxInFlight)",
                       (long long)n, (long long)max);
    }
    probe_say(out, "%lld of %lld", (long long)n, (long long)max);
    return PX_OK;
}

enum {
    PROBE_LOCAL = PX_PROBE_FATAL | PX_PROBE_OFFLINE | PX_PROBE_START,
};

const struct px_probe ing_probes[ING_PROBES] = {
    {"config.valid", "options agree with each other", PROBE_LOCAL, NULL, probe_config},
    {"catalog.load", "events.yaml is well-formed", PROBE_LOCAL, NULL, probe_catalog},
    {"keys.file", "the keys of senders are in order", PROBE_LOCAL, NULL, ing_probe_keys},
    {"schema.compatible", "the Avro schema is the one that is written", PROBE_LOCAL, "catalog.load",
     probe_schema},
    {"kafka.security", "the options of TLS and SASL and their files are right", PROBE_LOCAL, NULL,
     probe_security},
    {"kafka.advice", "nothing about security should be better", PX_PROBE_WARN | PX_PROBE_OFFLINE,
     "kafka.security", probe_advice},
    {"kafka.connect", "a broker answers", PX_PROBE_FATAL, "kafka.security", probe_connect},
    {"kafka.topic", "the event topics exist", PX_PROBE_FATAL, "kafka.connect", probe_topic},
    {"kafka.acks", "acknowledged events survive a broker", PX_PROBE_WARN, "kafka.topic",
     probe_acks},
    {"kafka.min_isr", "enough copies confirm an event", PX_PROBE_FATAL | PX_PROBE_START,
     "kafka.topic", ing_probe_min_isr},
    {"kafka.dlq", "the dead-letter topics exist", PX_PROBE_FATAL, "kafka.connect", probe_dlq},
    {"kafka.partitions", "the topics have the partitions of events.yaml", PX_PROBE_WARN,
     "kafka.topic", probe_partitions},
    {"kafka.write", "events may be written", PX_PROBE_FATAL, "kafka.topic", probe_write},
    {"kafka.write_dlq", "dead letters may be written", PX_PROBE_FATAL, "kafka.dlq",
     probe_write_dlq},
    {"registry.reachable", "the schema registry answers", PX_PROBE_FATAL, NULL, ing_probe_registry},
    {"registry.schemas", "it holds our schemas, and guards them", PX_PROBE_FATAL,
     "registry.reachable", ing_probe_registered},
    {"client.address", "it is known where clients are found and what is kept of them", PROBE_LOCAL,
     NULL, probe_address},
    {"http.bind", "the event port is free", PX_PROBE_WARN | PX_PROBE_OFFLINE | PX_PROBE_START, NULL,
     probe_bind},
    {"http.tls", "certificate and key can be shown to clients", PROBE_LOCAL, NULL, probe_tls},
    {"admin.private", "the admin port is not open to everybody", PX_PROBE_WARN | PX_PROBE_OFFLINE,
     NULL, probe_private},
    {"limits.nofile", "enough open files for the connections", PX_PROBE_WARN | PX_PROBE_OFFLINE,
     NULL, probe_nofile},
    {"clock.sane", "the clock is past 2020", PROBE_LOCAL, NULL, probe_clock},
    {"kafka.producer", "the producers reach the log", PX_PROBE_READY, NULL, probe_producer},
    {"kafka.stores", "the log takes events", PX_PROBE_READY, "kafka.producer", probe_stores},
    {"ingest.in_flight", "there is room for events", PX_PROBE_READY, NULL, probe_in_flight},
};
