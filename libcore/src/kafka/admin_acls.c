/* Administration of permissions: all that there are, and adding one. Never takes one away: that is
 * a person's decision. */
#include "admin_internal.h"

static const rd_kafka_AclOperation_t px_admin_ops[] = {
#define PX_ACL(name, text, kafka) [PX_ACL_##name] = RD_KAFKA_ACL_OPERATION_##name,
#include <px/acl.def>
#undef PX_ACL
};

static const rd_kafka_ResourceType_t px_admin_ons[] = {
    [PX_ACL_ON_TOPIC] = RD_KAFKA_RESOURCE_TOPIC,
    [PX_ACL_ON_GROUP] = RD_KAFKA_RESOURCE_GROUP,
    [PX_ACL_ON_CLUSTER] = RD_KAFKA_RESOURCE_BROKER, /* the library's name for the cluster */
};

static enum px_acl_op px_admin_op(rd_kafka_AclOperation_t op) {
    for (size_t i = 0; i < PX_ARRAY_LEN(px_admin_ops); i++) {
        if (px_admin_ops[i] == op) {
            return (enum px_acl_op)i;
        }
    }
    return PX_ACL_OTHER;
}

static enum px_acl_on px_admin_on(rd_kafka_ResourceType_t on) {
    for (size_t i = 0; i < PX_ARRAY_LEN(px_admin_ons); i++) {
        if (px_admin_ons[i] == on) {
            return (enum px_acl_on)i;
        }
    }
    return PX_ACL_ON_OTHER;
}

/* Both want a look at the whole cluster. */
static struct px_admin_subject px_admin_cluster(enum px_acl_op op) {
    return (struct px_admin_subject){
        .op = op, .on = PX_ACL_ON_CLUSTER, .name = PX_ACL_CLUSTER_NAME};
}

static bool px_admin_keep_acl(struct px_kafka_admin *a, const rd_kafka_AclBinding_t *b,
                              struct px_acl *ret) {
    *ret = (struct px_acl){
        .principal = px_admin_keep(a, rd_kafka_AclBinding_principal(b)),
        .name = px_admin_keep(a, rd_kafka_AclBinding_name(b)),
        .host = px_admin_keep(a, rd_kafka_AclBinding_host(b)),
        .on = px_admin_on(rd_kafka_AclBinding_restype(b)),
        .op = px_admin_op(rd_kafka_AclBinding_operation(b)),
        .deny = rd_kafka_AclBinding_permission_type(b) == RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
        .prefixed =
            rd_kafka_AclBinding_resource_pattern_type(b) == RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
    };
    return ret->principal && ret->name && ret->host;
}

static enum px_code px_admin_keep_acls(struct px_kafka_admin *a, rd_kafka_event_t *ev,
                                       struct px_cluster *ret, struct px_err *reterr) {
    size_t n = 0;
    const rd_kafka_AclBinding_t **v =
        rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(ev), &n);
    ret->acls = px_arena_zalloc(&a->mem, n, sizeof *ret->acls);
    for (size_t i = 0; ret->acls && i < n; i++) {
        if (!px_admin_keep_acl(a, v[i], &ret->acls[i])) {
            ret->acls = NULL;
        }
    }
    ret->nacls = n;
    return ret->acls ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for %zu permissions", n);
}

static void px_admin_binding_free(rd_kafka_AclBinding_t **b) {
    if (*b) {
        rd_kafka_AclBinding_destroy(*b);
    }
}

/* An empty list: nothing was granted, nothing is checked, or we may not see it (librdkafka 2.0
 * loses that error). Where something is checked and nothing was granted, only those see anything
 * who may do everything. */
static enum px_code px_admin_read_none(struct px_kafka_admin *a, const struct px_admin_subject *s,
                                       struct px_cluster *ret, struct px_err *reterr) {
    enum px_code rc = px_admin_read_authorizer(a, &ret->authorizer, reterr);
    if (rc != PX_DENIED) {
        return rc;
    }
    return px_admin_outcome(a, s, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, NULL, reterr);
}

enum px_code px_admin_read_acls(struct px_kafka_admin *a, struct px_cluster *ret,
                                struct px_err *reterr) {
    char text[128];
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    PX_DEFER(px_admin_binding_free)
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, text, sizeof text);
    struct px_admin_subject s = px_admin_cluster(PX_ACL_DESCRIBE);
    if (!all) {
        return PX_FAIL(reterr, PX_INTERNAL, "asking for permissions: %s", text);
    }
    px_admin_begin(a);
    rd_kafka_DescribeAcls(a->look.rk, all, NULL, a->queue);
    enum px_code rc = px_admin_wait(a, &s, &ev, reterr);
    rc = rc == PX_OK ? px_admin_keep_acls(a, ev, ret, reterr) : rc;
    ret->authorizer = ret->nacls > 0;
    return rc == PX_OK && ret->nacls == 0 ? px_admin_read_none(a, &s, ret, reterr) : rc;
}

enum px_code px_kafka_admin_grant(struct px_kafka_admin *a, const struct px_acl *acl,
                                  struct px_err *reterr) {
    char text[128];
    size_t n = 0;
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    struct px_admin_subject s = px_admin_cluster(PX_ACL_ALTER);
    px_assert(acl->on != PX_ACL_ON_OTHER && acl->op != PX_ACL_OTHER);
    PX_DEFER(px_admin_binding_free)
    rd_kafka_AclBinding_t *b = rd_kafka_AclBinding_new(
        px_admin_ons[acl->on], acl->name,
        acl->prefixed ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED : RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        acl->principal, acl->host, px_admin_ops[acl->op],
        acl->deny ? RD_KAFKA_ACL_PERMISSION_TYPE_DENY : RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text,
        sizeof text);
    if (!b) {
        return PX_FAIL(reterr, PX_CONFIG, "permission of %s on %s: %s", acl->principal, acl->name,
                       text);
    }
    px_admin_begin(a);
    rd_kafka_CreateAcls(a->look.rk, &b, 1, NULL, a->queue);
    enum px_code rc = px_admin_wait(a, &s, &ev, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const rd_kafka_acl_result_t **v =
        rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(ev), &n);
    const rd_kafka_error_t *bad = n == 1 ? rd_kafka_acl_result_error(v[0]) : NULL;
    return px_admin_outcome(a, &s,
                            n != 1 ? RD_KAFKA_RESP_ERR__FAIL
                            : bad  ? rd_kafka_error_code(bad)
                                   : RD_KAFKA_RESP_ERR_NO_ERROR,
                            bad ? rd_kafka_error_string(bad) : NULL, reterr);
}
