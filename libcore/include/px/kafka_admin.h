/* Administration of a Kafka cluster: what it holds, and adding to it. Nothing here deletes a topic,
 * a record or a permission. What to change is decided elsewhere (px/topics.h). */
#ifndef PX_KAFKA_ADMIN_H
#define PX_KAFKA_ADMIN_H

#include <px/cluster.h>
#include <px/kafka.h>

struct px_kafka_admin;

/* px_kafka_admin_open(conf, timeout, ret, reterr): one connection for many requests, each of which
 * may take up to ${timeout}. ${conf} is kept. Gives: close with px_kafka_admin_close. Errors:
 * PX_CONFIG, PX_NOMEM. Threads: owner. */
PX_MUST_USE enum px_code px_kafka_admin_open(const struct px_kafka_conf *conf, px_us timeout,
                                             struct px_kafka_admin **ret, struct px_err *reterr);
void px_kafka_admin_close(struct px_kafka_admin *a); /* NULL is fine */

/* px_kafka_admin_read(a, want, ret, reterr): what there is of the topics of ${want}, in its order,
 * and every permission of the cluster. A topic that is missing has 0 partitions; settings that may
 * not be read are left out; acls stays empty with authorizer false when the brokers check none.
 * ${ret} lives as long as ${a}. Errors: PX_UNAVAILABLE, PX_DENIED (names principal, operation and
 * resource), PX_NOMEM, PX_UNSUPPORTED (the dev broker). */
PX_MUST_USE enum px_code px_kafka_admin_read(struct px_kafka_admin *a,
                                             const struct px_cluster *want, struct px_cluster *ret,
                                             struct px_err *reterr);

/* px_kafka_admin_create(a, t, reterr): make the topic with its settings; one that is there is
 * PX_OK. _grow: up to t->partitions. _configure: set ${s} and leave every other setting of ${topic}
 * as it is. _grant: add the permission; one that is there is PX_OK. Errors: PX_UNAVAILABLE,
 * PX_TIMEOUT, PX_DENIED as above, PX_CONFIG (the brokers refuse a value; the message is theirs). */
PX_MUST_USE enum px_code px_kafka_admin_create(struct px_kafka_admin *a,
                                               const struct px_cluster_topic *t,
                                               struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_admin_grow(struct px_kafka_admin *a,
                                             const struct px_cluster_topic *t,
                                             struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_admin_configure(struct px_kafka_admin *a, const char *topic,
                                                  const struct px_setting *s,
                                                  struct px_err *reterr);
PX_MUST_USE enum px_code px_kafka_admin_grant(struct px_kafka_admin *a, const struct px_acl *acl,
                                              struct px_err *reterr);

#endif
