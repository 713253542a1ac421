/* May this program do what it must on the cluster: are its credentials whole, does a broker take
 * them, may it read and write? And looks at a topic beyond px_kafka_describe. Every question blocks
 * and leaves no trace. */
#ifndef PX_KAFKA_ACCESS_H
#define PX_KAFKA_ACCESS_H

#include <px/buf.h>
#include <px/kafka.h>

/* Values of the rows protocol and mechanism, in the order of options_kafka.def. */
enum {
    PX_KAFKA_PLAINTEXT,
    PX_KAFKA_SSL,
    PX_KAFKA_SASL_PLAINTEXT,
    PX_KAFKA_SASL_SSL
};
enum {
    PX_SASL_NONE,
    PX_SASL_PLAIN,
    PX_SASL_SCRAM_256,
    PX_SASL_SCRAM_512
};

/* px_kafka_principal(c, out): who the brokers take this program for: "User:svc-ingest",
 * "User:CN=svc-ingest" by the certificate, "User:ANONYMOUS". Reads Kafka:CertificateFile. Threads:
 * any. */
#define PX_KAFKA_PRINCIPAL_MAX 220
void px_kafka_principal(const struct px_kafka_conf *c, char out[PX_KAFKA_PRINCIPAL_MAX]);

/* px_kafka_security_check(c, now, reterr): do the options of security agree, are their files there,
 * readable and right, does Kafka:Properties hold what may stand there? No network. Errors:
 * PX_CONFIG naming the option and what to do. Threads: any. px_kafka_security_advice(c, now, out):
 * sentences about what works but should not stay, separated by "; "; empty when there is nothing to
 * say. */
PX_MUST_USE enum px_code px_kafka_security_check(const struct px_kafka_conf *c, px_us now,
                                                 struct px_err *reterr);
void px_kafka_security_advice(const struct px_kafka_conf *c, px_us now, struct px_buf *out);

/* px_kafka_try_write(c, topic, timeout, reterr): may a record be written? Tries with one that is
 * larger than the topic takes, so that it is refused after permissions were looked at. Errors:
 * PX_DENIED (names principal, operation and resource), PX_UNSUPPORTED (the brokers do not tell what
 * the topic takes, so nothing is tried), PX_UNAVAILABLE, PX_NOT_FOUND.
 * px_kafka_try_read(c, topic, timeout, reterr): fetches from the end of partition 0.
 * px_kafka_try_group(c, group, topic, timeout, reterr): asks for the group's offsets; joining would
 * disturb those who work, so only DESCRIBE of the group is seen, which READ includes. */
PX_MUST_USE enum px_code px_kafka_try_write(const struct px_kafka_conf *c, const char *topic,
                                            px_us timeout, struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_try_read(const struct px_kafka_conf *c, const char *topic,
                                           px_us timeout, struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_try_group(const struct px_kafka_conf *c, const char *group,
                                            const char *topic, px_us timeout,
                                            struct px_err *reterr);

/* px_kafka_topic_setting(c, ask, out, reterr): append what the brokers say of a topic's setting.
 * Errors: PX_UNSUPPORTED (they do not tell: the dev broker, or DESCRIBE_CONFIGS is not granted),
 * PX_NOT_FOUND (no such topic), PX_UNAVAILABLE, PX_DENIED. */
struct px_topic_ask {
    const char *topic, *setting;
    px_us timeout;
};
PX_MUST_USE enum px_code px_kafka_topic_setting(const struct px_kafka_conf *c,
                                                const struct px_topic_ask *ask, struct px_buf *out,
                                                struct px_err *reterr);

/* px_kafka_describe_unless(c, look, ret, reterr): px_kafka_describe, which ends early when
 * look->stop says so: after a tenth of a second while no broker is reached, after one when a broker
 * is, and does not answer. Errors: those, PX_CANCELLED. */
struct px_topic_look {
    const char *topic; /* NULL = cluster only */
    px_us timeout;
    bool (*stop)(void *arg); /* NULL = nobody stops it; called every now and then */
    void *arg;
};
PX_MUST_USE enum px_code px_kafka_describe_unless(const struct px_kafka_conf *c,
                                                  const struct px_topic_look *look,
                                                  struct px_topic_info *ret, struct px_err *reterr);

#endif
