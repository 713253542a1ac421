/* Builds the configuration of a librdkafka handle: our defaults, then the user's Kafka:Properties,
 * then the connection options. Producer and consumer add what their promises need on top. Must not
 * let a property through that would void such a promise. */
#include "kafka_internal.h"
#include <px/log.h>
#include <px/num.h>
#include <stdio.h>

#define PX_KAFKA_NAME_MAX  128
#define PX_KAFKA_VALUE_MAX 1024

/* Better than the library's own for what we do; the user may override them. Nagle is on by default
 * before 2.10; new partitions and new topics shall be seen within seconds. */
static const struct px_kafka_property px_kafka_defaults[] = {
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "10000"},
    {"log.connection.close", "false"},
};

#define PX_KAFKA_PROMISE "the program sets it; its promises depend on it"
#define PX_KAFKA_OWN     "an option of the program sets it; see --help"

/* Properties that Kafka:Properties must not touch, with the reason. */
static const struct px_kafka_property px_kafka_refused[] = {
    {"bootstrap.servers", "use Kafka:BootstrapServers"},
    {"metadata.broker.list", "use Kafka:BootstrapServers"},
    {"security.protocol", "use Kafka:SecurityProtocol"},
    {"sasl.mechanism", "use Kafka:SaslMechanism"},
    {"sasl.mechanisms", "use Kafka:SaslMechanism"},
    {"sasl.username", "use Kafka:Username"},
    {"sasl.password", "use Kafka:PasswordFile, so that it is never printed"},
    {"ssl.ca.location", "use Kafka:CaFile"},
    {"ssl.ca.pem", "use Kafka:CaFile"},
    {"ssl.certificate.location", "use Kafka:CertificateFile"},
    {"ssl.certificate.pem", "use Kafka:CertificateFile"},
    {"ssl.key.location", "use Kafka:KeyFile"},
    {"ssl.key.password", "use Kafka:KeyPasswordFile, so that it is never printed"},
    {"ssl.key.pem", "use Kafka:KeyFile, so that it is never printed"},
    {"ssl.keystore.location", "use Kafka:CertificateFile and Kafka:KeyFile"},
    {"ssl.keystore.password", "use Kafka:KeyFile with Kafka:KeyPasswordFile"},
    {"ssl.endpoint.identification.algorithm",
     "a broker's certificate must name its host; issue one that does"},
    {"enable.ssl.certificate.verification", "certificates are always verified; see Kafka:CaFile"},
    {"sasl.oauthbearer.client.secret", "a secret must not stand in an option that is printed"},
    {"sasl.oauthbearer.config", "a secret must not stand in an option that is printed"},
    {"plugin.library.paths", "foreign code is not loaded"},
    {"test.mock.num.brokers", "use px-devbroker for trying out"},
    {"client.id", PX_KAFKA_OWN},
    {"group.id", PX_KAFKA_OWN},
    {"group.instance.id", "use Kafka:InstanceId"},
    {"message.timeout.ms", PX_KAFKA_OWN},
    {"delivery.timeout.ms", PX_KAFKA_OWN},
    {"linger.ms", PX_KAFKA_OWN},
    {"queue.buffering.max.ms", PX_KAFKA_OWN},
    {"queue.buffering.max.messages", PX_KAFKA_OWN},
    {"compression.type", PX_KAFKA_OWN},
    {"compression.codec", PX_KAFKA_OWN},
    {"session.timeout.ms", PX_KAFKA_OWN},
    {"max.poll.interval.ms", PX_KAFKA_OWN},
    {"queued.max.messages.kbytes", PX_KAFKA_OWN},
    {"enable.idempotence", PX_KAFKA_PROMISE},
    {"acks", PX_KAFKA_PROMISE},
    {"request.required.acks", PX_KAFKA_PROMISE},
    {"enable.gapless.guarantee", PX_KAFKA_PROMISE},
    {"transactional.id", PX_KAFKA_PROMISE},
    {"max.in.flight", PX_KAFKA_PROMISE},
    {"max.in.flight.requests.per.connection", PX_KAFKA_PROMISE},
    {"retries", PX_KAFKA_PROMISE},
    {"message.send.max.retries", PX_KAFKA_PROMISE},
    {"queuing.strategy", PX_KAFKA_PROMISE},
    {"partitioner", PX_KAFKA_PROMISE},
    {"delivery.report.only.error", PX_KAFKA_PROMISE},
    {"enabled_events", PX_KAFKA_PROMISE},
    {"enable.auto.commit", PX_KAFKA_PROMISE},
    {"auto.commit.enable", PX_KAFKA_PROMISE},
    {"enable.auto.offset.store", PX_KAFKA_PROMISE},
    {"auto.offset.reset", PX_KAFKA_PROMISE},
    {"isolation.level", PX_KAFKA_PROMISE},
    {"check.crcs", PX_KAFKA_PROMISE},
    {"partition.assignment.strategy", PX_KAFKA_PROMISE},
    {"enable.partition.eof", PX_KAFKA_PROMISE},
    {"allow.auto.create.topics", PX_KAFKA_PROMISE},
};

/* The library's own lines are for debugging: what matters reaches the caller as an error or a
 * state. */
static void px_kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    px_log(PX_LOG_DEBUG, "kafka.client", PX_F_INT("syslog.severity", level),
           PX_F_C("kafka.facility", facility), PX_F_C("kafka.text", text));
}

static enum px_code px_kafka_conf_set(rd_kafka_conf_t *c, const char *name, const char *value,
                                      struct px_err *reterr) {
    char text[192];
    if (rd_kafka_conf_set(c, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        return PX_FAIL(reterr, PX_CONFIG, "%s: %s", name, text);
    }
    return PX_OK;
}

enum px_code px_kafka_conf_set_all(rd_kafka_conf_t *c, const struct px_kafka_property *v, size_t n,
                                   struct px_err *reterr) {
    for (size_t i = 0; i < n; i++) {
        if (px_kafka_conf_set(c, v[i].name, v[i].value, reterr)) {
            return PX_CONFIG;
        }
    }
    return PX_OK;
}

enum px_code px_kafka_conf_set_ms(rd_kafka_conf_t *c, const char *name, px_us span,
                                  struct px_err *reterr) {
    char text[32];
    int64_t fraction = span % PX_US_PER_MS;
    if (fraction) {
        snprintf(text, sizeof text, "%lld.%03lld", (long long)(span / PX_US_PER_MS),
                 (long long)fraction);
    } else {
        snprintf(text, sizeof text, "%lld", (long long)(span / PX_US_PER_MS));
    }
    return px_kafka_conf_set(c, name, text, reterr);
}

enum px_code px_kafka_conf_set_i64(rd_kafka_conf_t *c, const char *name, int64_t v,
                                   struct px_err *reterr) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return px_kafka_conf_set(c, name, text, reterr);
}

static const char *px_kafka_refusal(struct px_str name) {
    if (px_str_starts(name, PX_S("topic."))) { /* accepted by the library for topic properties */
        struct px_str bare = {.p = name.p + 6, .n = name.n - 6};
        const char *why = px_kafka_refusal(bare);
        if (why) {
            return why;
        }
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(px_kafka_refused); i++) {
        if (px_str_ieq(name, px_str_c(px_kafka_refused[i].name))) {
            return px_kafka_refused[i].value;
        }
    }
    return NULL;
}

/* One "name=value" of Kafka:Properties. */
static enum px_code px_kafka_property_set(rd_kafka_conf_t *c, struct px_str item,
                                          struct px_err *reterr) {
    size_t eq = px_str_find(item, '=');
    struct px_str name = px_str_trim((struct px_str){.p = item.p, .n = eq});
    if (eq == item.n || name.n == 0) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:Properties: \"%.*s\" is not name=value",
                       (int)(name.n > 64 ? 64 : name.n), name.p);
    }
    struct px_str value = px_str_trim((struct px_str){.p = item.p + eq + 1, .n = item.n - eq - 1});
    char n[PX_KAFKA_NAME_MAX], v[PX_KAFKA_VALUE_MAX];
    if (!px_str_copy(name, n, sizeof n) || !px_str_copy(value, v, sizeof v)) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:Properties: \"%.*s\" or its value is too long",
                       (int)(name.n > 64 ? 64 : name.n), name.p);
    }
    const char *refusal = px_kafka_refusal(name);
    if (refusal) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:Properties: %s cannot be set there: %s", n,
                       refusal);
    }
    if (px_kafka_conf_set(c, n, v, reterr)) {
        return px_err_context(reterr, "Kafka:Properties");
    }
    return PX_OK;
}

static enum px_code px_kafka_properties(rd_kafka_conf_t *c, struct px_str all,
                                        struct px_err *reterr) {
    while (all.n) {
        struct px_str item = px_str_trim(px_str_part(&all, ';'));
        if (item.n && px_kafka_property_set(c, item, reterr)) {
            return PX_CONFIG;
        }
    }
    return PX_OK;
}

/* librdkafka takes any number for a port, and connects to what is left of it in 16 bits. */
static bool px_kafka_port_good(struct px_str server) {
    size_t scheme = px_str_find(server, '/'); /* "SASL_SSL://host:port" */
    if (scheme + 1 < server.n && server.p[scheme + 1] == '/') {
        server = (struct px_str){.p = server.p + scheme + 2, .n = server.n - scheme - 2};
    }
    size_t host = server.n && server.p[0] == '[' ? px_str_find(server, ']') : 0;
    struct px_str rest = {.p = server.p + host, .n = server.n - host};
    size_t colon = px_str_find(rest, ':');
    struct px_str port = {.p = rest.p + colon + 1, .n = colon < rest.n ? rest.n - colon - 1 : 0};
    int64_t n = 0;
    return colon == rest.n || px_parse_i64(port, 1, UINT16_MAX, &n);
}

static enum px_code px_kafka_servers_check(struct px_str all, struct px_err *reterr) {
    while (all.n) {
        struct px_str item = px_str_trim(px_str_part(&all, ','));
        if (!px_kafka_port_good(item)) {
            return PX_FAIL(reterr, PX_CONFIG,
                           "Kafka:BootstrapServers: \"%.*s\" has no port from 1 to 65535",
                           (int)(item.n > 100 ? 100 : item.n), item.p);
        }
    }
    return PX_OK;
}

static enum px_code px_kafka_connection(rd_kafka_conf_t *c, const struct px_kafka_conf *k,
                                        struct px_err *reterr) {
    if (!k->bootstrap || !*k->bootstrap) {
        return PX_FAIL(reterr, PX_CONFIG, "Kafka:BootstrapServers is empty: name host:port");
    }
    if (px_kafka_servers_check(px_str_c(k->bootstrap), reterr)) {
        return PX_CONFIG;
    }
    if (px_kafka_conf_set(c, "bootstrap.servers", k->bootstrap, reterr)) {
        return px_err_context(reterr, "Kafka:BootstrapServers");
    }
    return px_kafka_security_set(c, k, reterr);
}

void px_kafka_conf_free(rd_kafka_conf_t **c) {
    if (*c) {
        rd_kafka_conf_destroy(*c);
    }
}

enum px_code px_kafka_conf_new(const struct px_kafka_conf *k, const char *client_id, void *opaque,
                               rd_kafka_conf_t **ret, struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = rd_kafka_conf_new();
    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a Kafka configuration");
    }
    enum px_code rc =
        px_kafka_conf_set_all(c, px_kafka_defaults, PX_ARRAY_LEN(px_kafka_defaults), reterr);
    if (rc == PX_OK) {
        rc = px_kafka_properties(c, px_str_c(k->properties), reterr);
    }
    if (rc == PX_OK) {
        rc = px_kafka_connection(c, k, reterr);
    }
    if (rc == PX_OK && client_id && *client_id) {
        rc = px_kafka_conf_set(c, "client.id", client_id, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_opaque(c, opaque);
    rd_kafka_conf_set_log_cb(c, px_kafka_log);
    *ret = PX_TAKE(c);
    return PX_OK;
}

enum px_code px_kafka_handle_new(rd_kafka_type_t type, rd_kafka_conf_t *c, rd_kafka_t **ret,
                                 struct px_err *reterr) {
    char text[192];
    rd_kafka_t *rk = rd_kafka_new(type, c, text, sizeof text);
    if (!rk) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        rd_kafka_conf_destroy(c); /* not taken on failure */
        enum px_code code =
            err == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? PX_UNAVAILABLE : PX_CONFIG;
        return PX_FAIL(reterr, code, "Kafka client: %s", text);
    }
    *ret = rk;
    return PX_OK;
}

const char *px_kafka_version(void) {
    return rd_kafka_version_str();
}
