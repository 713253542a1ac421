/* The names of operations and resources of Kafka's permissions, and when two permissions are one.
 * Pure; knows no client library and no file. */
#include <px/cluster.h>

static const struct {
    const char *text, *kafka;
} ops[] = {
#define PX_ACL(name, text, kafka) [PX_ACL_##name] = {text, kafka},
#include <px/acl.def>
#undef PX_ACL
    [PX_ACL_OTHER] = {"", "?"},
};

const char *px_acl_op_name(enum px_acl_op op) {
    return ops[op].kafka;
}

const char *px_acl_on_name(enum px_acl_on on) {
    switch (on) {
    case PX_ACL_ON_TOPIC:
        return "topic";
    case PX_ACL_ON_GROUP:
        return "group";
    case PX_ACL_ON_CLUSTER:
        return "cluster";
    case PX_ACL_ON_OTHER:
        break;
    }
    return "resource";
}

bool px_acl_op_of(const char *name, enum px_acl_op *ret) {
    for (size_t i = 0; i < PX_ACL_OTHER; i++) {
        if (strcmp(ops[i].text, name) == 0) {
            *ret = (enum px_acl_op)i;
            return true;
        }
    }
    return false;
}

bool px_acl_same(const struct px_acl *a, const struct px_acl *b) {
    return a->on == b->on && a->op == b->op && a->deny == b->deny && a->prefixed == b->prefixed &&
           strcmp(a->principal, b->principal) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->host, b->host) == 0;
}
