/* What stands behind an acknowledgement: how many copies of a topic there are, and how many of them
 * must confirm. Ack:MinIsr makes too few a reason not to start; without it a thread looks once
 * after the start and says so in the log, because a broker that is away must not delay anything. */
#include "schemas.h"

#include <px/kafka_access.h>
#include <px/log.h>

#include <stdio.h>
#include <string.h>

#define ACKS_TIMEOUT (3 * PX_US_PER_S)

#define ACKS_TOPIC_MAX 300

/* The name of family ${i}'s topic into ${topic}. */
static enum px_code acks_topic(const struct ing_svc *svc, size_t i, char topic[ACKS_TOPIC_MAX],
                               struct px_err *reterr) {
    return ing_schemas_topic(svc, i, false, topic, ACKS_TOPIC_MAX)
               ? PX_OK
               : PX_FAIL(reterr, PX_CONFIG, "the parts of the topic name make it too long");
}

enum px_code ing_probe_min_isr(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    int64_t want = svc->world.conf->ack_min_isr;
    char topic[ACKS_TOPIC_MAX];
    struct px_topic_info info = {0};

    if (want == 0 || !svc->catalog) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "Ack:MinIsr is 0");
        return PX_OK;
    }
    for (size_t i = 0; i < px_catalog_families(svc->catalog); i++) {
        enum px_code rc = acks_topic(svc, i, topic, reterr);
        rc = rc ? rc
                : px_kafka_describe(&svc->world.conf->kafka, topic, ACKS_TIMEOUT, &info, reterr);
        if (rc) {
            return rc;
        }
        if (info.min_isr < want || info.replication < want) {
            return PX_FAIL(reterr, PX_CONFIG,
                           "%.120s: replication %d, min.insync.replicas %d (-1: not told), "
                           "Ack:MinIsr wants %d of both: svc-aggregator --topics=plan",
                           topic, info.replication, info.min_isr, (int)want);
        }
    }
    snprintf(out->detail, sizeof out->detail, "replication %d, min ISR %d, wanted %d",
             info.replication, info.min_isr, (int)want);
    return PX_OK;
}

/* Who stops the service must not wait for a broker that does not answer. */
static bool acks_stop(void *arg) {
    return px_app_draining(arg);
}

static void *acks_look(void *arg) {
    const struct ing_svc *svc = arg;
    char topic[ACKS_TOPIC_MAX];
    struct px_topic_look look = {
        .topic = topic, .timeout = ACKS_TIMEOUT, .stop = acks_stop, .arg = svc->app};
    struct px_topic_info info;

    for (size_t i = 0; i < px_catalog_families(svc->catalog) && !acks_stop(svc->app); i++) {
        /* An error here is the producers' to tell, who meet it too. */
        if (acks_topic(svc, i, topic, NULL) ||
            px_kafka_describe_unless(&svc->world.conf->kafka, &look, &info, NULL) ||
            info.min_isr < 0 || (info.min_isr > 1 && info.replication > 1)) {
            continue;
        }
        px_log(PX_LOG_WARN, "ingest.acks_weak", PX_F_C("kafka.topic", topic),
               PX_F_INT("replication", info.replication), PX_F_INT("min.isr", info.min_isr),
               PX_F_C("consequence", "one broker that fails can take acknowledged events with it"),
               PX_F_C("remedy", "replication 3 and min.insync.replicas 2; Ack:MinIsr=2 makes it a "
                                "condition of the start"));
    }
    return NULL;
}

void ing_acks_begin(struct ing_svc *svc) {
    if (svc->world.conf->ack_min_isr == 0) {
        /* Without a thread the warning is left out: --check says the same. */
        svc->looking = pthread_create(&svc->look, NULL, acks_look, svc) == 0;
    }
}

void ing_acks_end(struct ing_svc *svc) {
    if (svc->looking) {
        pthread_join(svc->look, NULL);
        svc->looking = false;
    }
}
