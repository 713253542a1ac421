/* What a Kafka cluster holds, or shall hold: topics with their settings, and permissions. Facts in
 * words that the model (what should be) and the adapter (what is) both use; no behaviour. */
#ifndef PX_CLUSTER_H
#define PX_CLUSTER_H

#include <px/str.h>

struct px_setting {
    const char *name, *value;
};

struct px_cluster_topic {
    const char *name;
    int partitions; /* 0 = there is no such topic */
    int replication;
    int insync; /* of what is: fewest replicas in sync over the partitions */
    struct px_setting *settings;
    size_t nsettings;
};

enum px_acl_op {
#define PX_ACL(name, text, kafka) PX_ACL_##name,
#include <px/acl.def>
#undef PX_ACL
    PX_ACL_OTHER /* one that this program does not know */
};

enum px_acl_on {
    PX_ACL_ON_TOPIC,
    PX_ACL_ON_GROUP,
    PX_ACL_ON_CLUSTER,
    PX_ACL_ON_OTHER
};

/* One permission. The name of the cluster is "kafka-cluster"; the host "*" is every host. */
struct px_acl {
    const char *principal; /* "User:svc-ingest" */
    const char *name, *host;
    enum px_acl_on on;
    enum px_acl_op op;
    bool deny, prefixed;
};

#define PX_ACL_CLUSTER_NAME "kafka-cluster"

struct px_cluster {
    int brokers;     /* of what is */
    bool authorizer; /* of what is: the brokers check permissions at all */
    struct px_cluster_topic *topics;
    size_t ntopics;
    struct px_acl *acls;
    size_t nacls;
};

/* px_acl_op_name(op): as Kafka prints it. px_acl_on_name(on): "topic". px_acl_op_of(name, ret): by
 * the name of topics.yaml. Threads: pure. */
const char *px_acl_op_name(enum px_acl_op op);
const char *px_acl_on_name(enum px_acl_on on);
PX_MUST_USE bool px_acl_op_of(const char *name, enum px_acl_op *ret);
/* px_acl_same(a, b): the same permission for the same principal. Threads: pure. */
bool px_acl_same(const struct px_acl *a, const struct px_acl *b);

#endif
