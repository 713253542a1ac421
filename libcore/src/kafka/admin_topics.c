/* Administration of topics: their settings as they are, making and enlarging topics, changing one
 * setting without losing the others. Never deletes. */
#include "admin_internal.h"
#include <stdio.h>

static struct px_admin_subject px_admin_topic(enum px_acl_op op, const char *name) {
    return (struct px_admin_subject){.op = op, .on = PX_ACL_ON_TOPIC, .name = name};
}

/* --- settings -----------------------------------------------------------------------------------
 */

static void px_admin_resource_free(rd_kafka_ConfigResource_t **r) {
    if (*r) {
        rd_kafka_ConfigResource_destroy(*r);
    }
}

/* Asks for the settings of a topic or broker; ${ret} holds them until ${ret_ev} is freed. */
static enum px_code px_admin_settings(struct px_kafka_admin *a, rd_kafka_ResourceType_t type,
                                      const struct px_admin_subject *s, rd_kafka_event_t **ret_ev,
                                      const rd_kafka_ConfigResource_t **ret,
                                      struct px_err *reterr) {
    PX_DEFER(px_admin_resource_free)
    rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(type, s->name);
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    size_t n = 0;
    rd_kafka_DescribeConfigs(a->look.rk, &r, 1, NULL, a->queue);
    enum px_code rc = px_admin_wait(a, s, &ev, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const rd_kafka_ConfigResource_t **v =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &n);
    if (n != 1) {
        return PX_FAIL(reterr, PX_PROTOCOL, "%s: %zu answers about its settings", s->name, n);
    }
    rc = px_admin_outcome(a, s, rd_kafka_ConfigResource_error(v[0]),
                          rd_kafka_ConfigResource_error_string(v[0]), reterr);
    if (rc == PX_OK) {
        *ret = v[0];
        *ret_ev = PX_TAKE(ev);
    }
    return rc;
}

/* The list of permissions of brokers that check none is empty, and looks like any other empty one;
 * their settings tell. */
enum px_code px_admin_read_authorizer(struct px_kafka_admin *a, bool *ret, struct px_err *reterr) {
    char id[16];
    const struct px_admin_subject s = {
        .op = PX_ACL_DESCRIBE_CONFIGS, .on = PX_ACL_ON_CLUSTER, .name = id};
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    const rd_kafka_ConfigResource_t *r = NULL;
    size_t n = 0;
    snprintf(id, sizeof id, "%d", (int)rd_kafka_controllerid(a->look.rk, 0));
    px_admin_begin(a);
    enum px_code rc = px_admin_settings(a, RD_KAFKA_RESOURCE_BROKER, &s, &ev, &r, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    *ret = false;
    const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(r, &n);
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(v[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(v[i]), "authorizer.class.name") == 0) {
            *ret = value && *value;
        }
    }
    return PX_OK;
}

enum px_code px_admin_read_settings(struct px_kafka_admin *a, struct px_cluster_topic *t,
                                    struct px_err *reterr) {
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    const rd_kafka_ConfigResource_t *r = NULL;
    struct px_err err = PX_ERR_INIT;
    size_t n = 0;
    const struct px_admin_subject s = px_admin_topic(PX_ACL_DESCRIBE_CONFIGS, t->name);
    enum px_code rc = px_admin_settings(a, RD_KAFKA_RESOURCE_TOPIC, &s, &ev, &r, &err);
    if (rc == PX_DENIED) {
        return PX_OK; /* the rest can be compared all the same */
    }
    if (rc != PX_OK) {
        if (reterr) {
            *reterr = err;
        }
        return rc;
    }
    const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(r, &n);
    t->settings = px_arena_zalloc(&a->mem, n, sizeof *t->settings);
    for (size_t i = 0; t->settings && i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(v[i]);
        struct px_setting one = {.name = px_admin_keep(a, rd_kafka_ConfigEntry_name(v[i])),
                                 .value = px_admin_keep(a, value ? value : "")};
        if (!one.name || !one.value) {
            t->settings = NULL;
        } else {
            t->settings[t->nsettings++] = one;
        }
    }
    return t->settings ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for settings of a topic");
}

/* The request replaces all settings that the topic has of its own, so they are all named again. */
static enum px_code px_admin_fill(rd_kafka_ConfigResource_t *to,
                                  const rd_kafka_ConfigResource_t *from, const struct px_setting *s,
                                  struct px_err *reterr) {
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(from, &n);
    rd_kafka_resp_err_t err = rd_kafka_ConfigResource_set_config(to, s->name, s->value);
    for (size_t i = 0; err == RD_KAFKA_RESP_ERR_NO_ERROR && i < n; i++) {
        const char *name = rd_kafka_ConfigEntry_name(v[i]);
        if (rd_kafka_ConfigEntry_source(v[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG ||
            strcmp(name, s->name) == 0) {
            continue;
        }
        if (!rd_kafka_ConfigEntry_value(v[i])) {
            return PX_FAIL(reterr, PX_UNSUPPORTED,
                           "setting %s is kept secret by the brokers and would be lost: change %s "
                           "with kafka-configs.sh",
                           name, s->name);
        }
        err = rd_kafka_ConfigResource_set_config(to, name, rd_kafka_ConfigEntry_value(v[i]));
    }
    return err ? PX_KAFKA_FAIL(reterr, err, s->name) : PX_OK;
}

enum px_code px_kafka_admin_configure(struct px_kafka_admin *a, const char *topic,
                                      const struct px_setting *s, struct px_err *reterr) {
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *have_ev = NULL;
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    PX_DEFER(px_admin_resource_free)
    rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const rd_kafka_ConfigResource_t *have = NULL;
    const struct px_admin_subject subject = px_admin_topic(PX_ACL_ALTER_CONFIGS, topic);
    const struct px_admin_subject ask = px_admin_topic(PX_ACL_DESCRIBE_CONFIGS, topic);
    size_t n = 0;
    px_admin_begin(a);
    enum px_code rc = px_admin_settings(a, RD_KAFKA_RESOURCE_TOPIC, &ask, &have_ev, &have, reterr);
    rc = rc == PX_OK ? px_admin_fill(r, have, s, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rd_kafka_AlterConfigs(a->look.rk, &r, 1, NULL, a->queue);
    rc = px_admin_wait(a, &subject, &ev, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const rd_kafka_ConfigResource_t **v =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(ev), &n);
    return px_admin_outcome(a, &subject,
                            n == 1 ? rd_kafka_ConfigResource_error(v[0]) : RD_KAFKA_RESP_ERR__FAIL,
                            n == 1 ? rd_kafka_ConfigResource_error_string(v[0]) : NULL, reterr);
}

/* --- topics -------------------------------------------------------------------------------------
 */

static enum px_code px_admin_topic_result(const struct px_kafka_admin *a,
                                          const struct px_admin_subject *s,
                                          const rd_kafka_topic_result_t **v, size_t n,
                                          struct px_err *reterr) {
    rd_kafka_resp_err_t err = n == 1 ? rd_kafka_topic_result_error(v[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return PX_OK;
    }
    return px_admin_outcome(a, s, err, n == 1 ? rd_kafka_topic_result_error_string(v[0]) : NULL,
                            reterr);
}

static void px_admin_new_topic_free(rd_kafka_NewTopic_t **t) {
    if (*t) {
        rd_kafka_NewTopic_destroy(*t);
    }
}

enum px_code px_kafka_admin_create(struct px_kafka_admin *a, const struct px_cluster_topic *t,
                                   struct px_err *reterr) {
    char text[128];
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    PX_DEFER(px_admin_new_topic_free)
    rd_kafka_NewTopic_t *nt =
        rd_kafka_NewTopic_new(t->name, t->partitions, t->replication, text, sizeof text);
    struct px_admin_subject s = px_admin_topic(PX_ACL_CREATE, t->name);
    size_t n = 0;
    if (!nt) {
        return PX_FAIL(reterr, PX_CONFIG, "topic %s: %s", t->name, text);
    }
    for (size_t i = 0; i < t->nsettings; i++) {
        rd_kafka_resp_err_t err =
            rd_kafka_NewTopic_set_config(nt, t->settings[i].name, t->settings[i].value);
        if (err) {
            return PX_KAFKA_FAIL(reterr, err, t->settings[i].name);
        }
    }
    px_admin_begin(a);
    rd_kafka_CreateTopics(a->look.rk, &nt, 1, NULL, a->queue);
    enum px_code rc = px_admin_wait(a, &s, &ev, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const rd_kafka_topic_result_t **v =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
    return px_admin_topic_result(a, &s, v, n, reterr);
}

static void px_admin_partitions_free(rd_kafka_NewPartitions_t **p) {
    if (*p) {
        rd_kafka_NewPartitions_destroy(*p);
    }
}

enum px_code px_kafka_admin_grow(struct px_kafka_admin *a, const struct px_cluster_topic *t,
                                 struct px_err *reterr) {
    char text[128];
    PX_DEFER(px_admin_event_free) rd_kafka_event_t *ev = NULL;
    PX_DEFER(px_admin_partitions_free)
    rd_kafka_NewPartitions_t *p =
        rd_kafka_NewPartitions_new(t->name, (size_t)t->partitions, text, sizeof text);
    struct px_admin_subject s = px_admin_topic(PX_ACL_ALTER, t->name);
    size_t n = 0;
    if (!p) {
        return PX_FAIL(reterr, PX_CONFIG, "topic %s: %s", t->name, text);
    }
    px_admin_begin(a);
    rd_kafka_CreatePartitions(a->look.rk, &p, 1, NULL, a->queue);
    enum px_code rc = px_admin_wait(a, &s, &ev, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const rd_kafka_topic_result_t **v =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(ev), &n);
    return px_admin_topic_result(a, &s, v, n, reterr);
}
