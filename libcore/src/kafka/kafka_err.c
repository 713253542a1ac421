/* Maps librdkafka's errors to ours, so that callers branch on what to do, not on a library's
 * numbers. Used by producer reports, consumer polls and probes; must not log or keep state. */
#include "kafka_internal.h"

#include <px/kafka_access.h>

static const struct {
    rd_kafka_resp_err_t err;
    enum px_code code;
} px_kafka_codes[] = {
    {RD_KAFKA_RESP_ERR_NO_ERROR, PX_OK},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, PX_BUSY},
    {RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, PX_BUSY},

    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, PX_TIMEOUT},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, PX_TIMEOUT},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, PX_TIMEOUT},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, PX_TIMEOUT},

    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PX_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, PX_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, PX_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, PX_INVALID},

    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PX_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, PX_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PX_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PX_CONFIG},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, PX_CONFIG},

    {RD_KAFKA_RESP_ERR__AUTHENTICATION, PX_DENIED},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, PX_DENIED},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PX_DENIED},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PX_DENIED},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PX_DENIED},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, PX_DENIED},

    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, PX_GAP},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, PX_GAP},

    {RD_KAFKA_RESP_ERR__FATAL, PX_DEAD},
    {RD_KAFKA_RESP_ERR__PURGE_QUEUE, PX_DEAD},
    {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, PX_DEAD},
    {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, PX_DEAD},
    {RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, PX_DEAD},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, PX_DEAD},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, PX_DEAD},

    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, PX_UNSUPPORTED},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, PX_UNSUPPORTED},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, PX_NOMEM},
};

enum px_code px_kafka_code(rd_kafka_resp_err_t err) {
    for (size_t i = 0; i < PX_ARRAY_LEN(px_kafka_codes); i++) {
        if (px_kafka_codes[i].err == err) {
            return px_kafka_codes[i].code;
        }
    }
    return PX_UNAVAILABLE; /* the rest are states of brokers and connections: they pass */
}

enum px_code px_kafka_fail(struct px_err *reterr, rd_kafka_resp_err_t err, const char *where,
                           const char *what) {
    enum px_code code = px_kafka_code(err);
    px_err_set(reterr, code, where, "%s: %s (%s)", what, rd_kafka_err2str(err),
               rd_kafka_err2name(err));
    if (reterr) {
        reterr->native = (int)err;
    }
    return code;
}

/* The brokers do not say why: an unknown user and a wrong password look alike on purpose. */
static enum px_code px_kafka_refused_login(struct px_err *reterr, const struct px_kafka_conf *k,
                                           const char *who) {
    const char *scram = k->mechanism >= PX_SASL_SCRAM_256 && rd_kafka_version() < 0x020601ff
                            ? "; librdkafka before 2.6.1 fails SCRAM against Kafka 4"
                            : "";
    return PX_FAIL(reterr, PX_DENIED,
                   "the brokers refuse the log-in of %.100s: check Kafka:Username, "
                   "Kafka:PasswordFile and Kafka:SaslMechanism%s",
                   who, scram);
}

enum px_code px_kafka_denied(struct px_err *reterr, rd_kafka_resp_err_t err,
                             const struct px_kafka_conf *k, const struct px_acl *what) {
    char who[PX_KAFKA_PRINCIPAL_MAX];
    px_kafka_principal(k, who);
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        err == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED) {
        px_kafka_refused_login(reterr, k, who);
    } else {
        px_err_set(reterr, PX_DENIED, PX_HERE,
                   "%.60s may not %s on %s %.100s: grant it (svc-aggregator --topics=apply)", who,
                   px_acl_op_name(what->op), px_acl_on_name(what->on), what->name);
    }
    if (reterr) {
        reterr->native = (int)err;
    }
    return PX_DENIED;
}
