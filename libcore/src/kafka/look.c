/* A short-lived connection for looking at a cluster and for administration: open, a deadline for
 * all that is asked, what went wrong in words. Leaves no trace on the cluster. */
#include "look.h"
#include <px/clock.h>
#include <px/num.h>
#include <stdio.h>

#define PX_LOOK_FIRST_MS 400
/* When somebody may stop it: the shortest and the longest that one call waits. */
#define PX_LOOK_SLICE_MS 100
#define PX_LOOK_MOST_MS  800

static void px_look_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    struct px_look *l = opaque;
    (void)rk;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && l->text[0]) {
        return; /* the single failures before it say more */
    }
    l->err = (rd_kafka_resp_err_t)err;
    snprintf(l->text, sizeof l->text, "%s", reason);
}

/* On a thread of the library, for every certificate of the chain. The library has verified it
 * already; kept is why it was not accepted, because its own words are the same for every reason. */
static int px_look_verify(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                          int depth, const char *buf, size_t size, char *errstr, size_t cap,
                          void *opaque) {
    struct px_look *l = opaque;
    (void)rk, (void)broker, (void)id, (void)depth;
    if (*x509_error == 0) {
        return 1;
    }
    snprintf(errstr, cap, "%s", px_cert_fault_text(*x509_error));
    pthread_mutex_lock(&l->lock);
    l->x509_error = *x509_error;
    PX_IGNORE(px_cert_der((struct px_str){buf, size}, &l->cert, NULL)); /* then it has no name */
    pthread_mutex_unlock(&l->lock);
    return 0;
}

bool px_look_stopped(const struct px_look *l) {
    return l->stop && l->stop(l->arg);
}

int px_look_left(const struct px_look *l) {
    px_us left = l->deadline - px_mono(&px_clock_system);
    return left < PX_US_PER_MS || px_look_stopped(l) ? 1 : px_kafka_ms(left);
}

int px_look_wait(const struct px_look *l) {
    int left = px_look_left(l);
    return l->stop && left > PX_LOOK_SLICE_MS ? PX_LOOK_SLICE_MS : left;
}

void px_look_close(struct px_look *l) {
    if (l->rk) {
        rd_kafka_destroy(l->rk);
        pthread_mutex_destroy(&l->lock);
    }
}

static const struct px_kafka_property px_look_quiet[] = {
    {"allow.auto.create.topics", "false"},
    {"enable.auto.commit", "false"},
    {"enable.partition.eof", "true"},
    {"log.connection.close", "true"}, /* else a peer that hangs up gives no reason */
};

enum px_code px_look_open_group(struct px_look *l, const struct px_kafka_conf *conf,
                                const char *group, px_us timeout, struct px_err *reterr) {
    PX_DEFER(px_kafka_conf_free) rd_kafka_conf_t *c = NULL;
    l->conf = conf;
    l->deadline = px_mono(&px_clock_system) + timeout;
    enum px_code rc = px_kafka_conf_new(conf, "px-probe", l, &c, reterr);
    if (rc == PX_OK) {
        rc = px_kafka_conf_set_all(c, px_look_quiet, PX_ARRAY_LEN(px_look_quiet), reterr);
    }
    if (rc == PX_OK && group) {
        const struct px_kafka_property id = {"group.id", group};
        rc = px_kafka_conf_set_all(c, &id, 1, reterr);
    }
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_conf_set_error_cb(c, px_look_error);
    rd_kafka_conf_set_ssl_cert_verify_cb(c, px_look_verify);
    pthread_mutex_init(&l->lock, NULL);
    rc = px_kafka_handle_new(RD_KAFKA_CONSUMER, PX_TAKE(c), &l->rk, reterr);
    if (rc != PX_OK) {
        pthread_mutex_destroy(&l->lock);
    }
    return rc;
}

enum px_code px_look_open(struct px_look *l, const struct px_kafka_conf *conf, px_us timeout,
                          struct px_err *reterr) {
    return px_look_open_group(l, conf, NULL, timeout, reterr);
}

/* --- what went wrong
 * ------------------------------------------------------------------------------ */

static enum px_code px_look_fail_cert(const struct px_look *l, struct px_err *reterr) {
    const char *subject = l->cert.subject[0] ? l->cert.subject : "?";
    const char *at = l->conf->bootstrap;
    char when[PX_TIME_TEXT];
    size_t n;
    switch (px_cert_fault_of(l->x509_error)) {
    case PX_CERT_EXPIRED:
        n = px_fmt_instant(l->cert.not_after, when);
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "Kafka at %.80s: the broker's certificate (%.60s) expired at %.*s: renew it",
                       at, subject, (int)n, when);
    case PX_CERT_EARLY:
        n = px_fmt_instant(l->cert.not_before, when);
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "Kafka at %.70s: the broker's certificate (%.60s) is not valid before %.*s: "
                       "look at the clocks",
                       at, subject, (int)n, when);
    case PX_CERT_HOST:
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "Kafka at %.60s: the broker's certificate (%.50s) is not for this host: "
                       "connect by a name that it holds, or issue it with this one",
                       at, subject);
    case PX_CERT_CA:
        return PX_FAIL(reterr, PX_UNAVAILABLE,
                       "Kafka at %.60s: the broker's certificate leads to an authority that is not "
                       "known here (%.50s): correct Kafka:CaFile",
                       at, subject);
    case PX_CERT_FINE:
    case PX_CERT_OTHER:
        break;
    }
    return PX_FAIL(reterr, PX_UNAVAILABLE, "Kafka at %.60s: the certificate %.60s: %s", at, subject,
                   px_cert_fault_text(l->x509_error));
}

/* For people only: the library tells these cases apart in nothing but its text. Final: trying again
 * within this look changes nothing. */
struct px_look_hint {
    const char *text, *means;
    const char *without; /* what it means when there is no Kafka:CertificateFile; NULL = the same */
    bool final;
};
static const struct px_look_hint px_look_hints[] = {
    {.text = "connecting to a SSL listener",
     .means = "the listener hangs up: when it wants TLS, set Kafka:SecurityProtocol to SSL or "
              "SASL_SSL"},
    {.text = "PLAINTEXT broker listener",
     .means = "the listener speaks no TLS: correct Kafka:SecurityProtocol or the port"},
    {.text = "wrong version number",
     .means = "the listener speaks no TLS: correct Kafka:SecurityProtocol or the port"},
    {.text = "alert certificate",
     .means = "the brokers do not accept the client certificate: look at who signed "
              "Kafka:CertificateFile, and at its dates",
     .without = "the listener wants a client certificate: set Kafka:CertificateFile and "
                "Kafka:KeyFile",
     .final = true},
    {.text = "alert bad certificate",
     .means = "the brokers do not accept the client certificate: look at who signed "
              "Kafka:CertificateFile, and at its dates",
     .without = "the listener wants a client certificate: set Kafka:CertificateFile and "
                "Kafka:KeyFile",
     .final = true},
    {.text = "Unsupported SASL mechanism",
     .means = "the listener does not offer this Kafka:SaslMechanism",
     .final = true},
};

static const struct px_look_hint *px_look_hint(const char *text) {
    for (size_t i = 0; i < PX_ARRAY_LEN(px_look_hints); i++) {
        if (strstr(text, px_look_hints[i].text)) {
            return &px_look_hints[i];
        }
    }
    return NULL;
}

static enum px_code px_look_fail_other(const struct px_look *l, rd_kafka_resp_err_t err,
                                       struct px_err *reterr) {
    const struct px_look_hint *hint = px_look_hint(l->text);
    const char *file = l->conf->certificate_file;
    bool login = px_kafka_code(l->err) == PX_DENIED || px_kafka_code(err) == PX_DENIED;
    if (hint) {
        return PX_FAIL(reterr, login ? PX_DENIED : PX_UNAVAILABLE, "Kafka at %.100s: %s",
                       l->conf->bootstrap,
                       hint->without && !(file && *file) ? hint->without : hint->means);
    }
    if (login) {
        const struct px_acl cluster = {
            .op = PX_ACL_DESCRIBE, .on = PX_ACL_ON_CLUSTER, .name = PX_ACL_CLUSTER_NAME};
        return px_kafka_denied(reterr, px_kafka_code(l->err) == PX_DENIED ? l->err : err, l->conf,
                               &cluster);
    }
    return PX_FAIL(reterr, PX_UNAVAILABLE, "Kafka at %.80s: %s%s%.95s", l->conf->bootstrap,
                   rd_kafka_err2str(err), l->text[0] ? ": " : "", l->text);
}

enum px_code px_look_fail(struct px_look *l, rd_kafka_resp_err_t err, struct px_err *reterr) {
    if (px_look_stopped(l)) {
        return PX_FAIL(reterr, PX_CANCELLED, "the look at Kafka at %.80s was stopped",
                       l->conf->bootstrap);
    }
    rd_kafka_poll(l->rk, 0); /* runs px_look_error */
    pthread_mutex_lock(&l->lock);
    enum px_code rc =
        l->x509_error ? px_look_fail_cert(l, reterr) : px_look_fail_other(l, err, reterr);
    pthread_mutex_unlock(&l->lock);
    if (reterr) {
        reterr->native = (int)(rc == PX_DENIED && l->err ? l->err : err);
    }
    return rc;
}

/* --- metadata
 * ------------------------------------------------------------------------------------- */

static void px_look_topic_free(rd_kafka_topic_t **t) {
    if (*t) {
        rd_kafka_topic_destroy(*t);
    }
}

static void px_look_metadata_free(const struct rd_kafka_metadata **md) {
    if (*md) {
        rd_kafka_metadata_destroy(*md);
    }
}

static enum px_code px_look_partitions(struct px_look *l, const struct rd_kafka_metadata_topic *t,
                                       struct px_topic_info *info, struct px_err *reterr) {
    if (px_kafka_code(t->err) == PX_NOT_FOUND || (!t->err && t->partition_cnt == 0)) {
        return PX_FAIL(reterr, PX_NOT_FOUND, "topic %s does not exist on %s", t->topic,
                       l->conf->bootstrap);
    }
    if (px_kafka_code(t->err) == PX_DENIED) {
        return px_kafka_denied(reterr, t->err, l->conf,
                               &(struct px_acl){.op = PX_ACL_DESCRIBE, .name = t->topic});
    }
    if (t->err) {
        return PX_KAFKA_FAIL(reterr, t->err, t->topic);
    }
    info->partitions = t->partition_cnt;
    for (int i = 0; i < t->partition_cnt; i++) {
        int replicas = t->partitions[i].replica_cnt;
        if (i == 0 || replicas < info->replication) {
            info->replication = replicas;
        }
        int insync = t->partitions[i].isr_cnt;
        if (i == 0 || insync < info->insync) {
            info->insync = insync;
        }
    }
    return PX_OK;
}

/* Admin requests wait for the controller, for ever if it is none of the brokers. */
static void px_look_controller(struct px_look *l, const struct rd_kafka_metadata *md) {
    int32_t id = rd_kafka_controllerid(l->rk, 0);
    for (int i = 0; i < md->broker_cnt; i++) {
        l->controller = l->controller || md->brokers[i].id == id;
    }
}

static bool px_look_refused(struct px_look *l) {
    rd_kafka_poll(l->rk, 0); /* runs px_look_error */
    pthread_mutex_lock(&l->lock);
    bool refused = l->x509_error != 0;
    pthread_mutex_unlock(&l->lock);
    const struct px_look_hint *hint = px_look_hint(l->text);
    return refused || px_kafka_code(l->err) == PX_DENIED || (hint && hint->final);
}

/* The library tries again what can never succeed, until time is up: look at the reason in between,
 * and whether to stop. A call that waits for an answer has asked, and the next one asks anew: so
 * these become longer. One that finds no broker to ask does not, and need not. */
static rd_kafka_resp_err_t px_look_ask(struct px_look *l, rd_kafka_topic_t *t,
                                       const struct rd_kafka_metadata **ret) {
    rd_kafka_resp_err_t err;
    int wait = l->stop ? PX_LOOK_SLICE_MS : PX_LOOK_FIRST_MS;
    do {
        int left = px_look_left(l);
        err = rd_kafka_metadata(l->rk, 0, t, ret, wait < left ? wait : left);
        bool longer = err != RD_KAFKA_RESP_ERR__TRANSPORT && !(l->stop && wait >= PX_LOOK_MOST_MS);
        wait *= longer ? 2 : 1;
    } while (err && !px_look_refused(l) && px_look_left(l) > 1);
    return err;
}

enum px_code px_look_metadata(struct px_look *l, const char *topic, struct px_topic_info *info,
                              struct px_err *reterr) {
    PX_DEFER(px_look_topic_free)
    rd_kafka_topic_t *t = topic ? rd_kafka_topic_new(l->rk, topic, NULL) : NULL;
    if (topic && !t) {
        return PX_KAFKA_FAIL(reterr, rd_kafka_last_error(), topic);
    }
    PX_DEFER(px_look_metadata_free) const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t err = px_look_ask(l, t, &md);
    if (err) {
        return px_look_fail(l, err, reterr);
    }
    info->brokers = md->broker_cnt;
    px_look_controller(l, md);
    if (!topic) {
        return PX_OK;
    }
    for (int i = 0; i < md->topic_cnt; i++) {
        if (strcmp(md->topics[i].topic, topic) == 0) {
            return px_look_partitions(l, &md->topics[i], info, reterr);
        }
    }
    return PX_FAIL(reterr, PX_NOT_FOUND, "topic %s does not exist on %s", topic,
                   l->conf->bootstrap);
}
