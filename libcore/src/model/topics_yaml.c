/* deploy/kafka/topics.yaml -> struct px_topics. As with the catalog: libcyaml gives strings, each
 * is parsed strictly here and each complaint names its row. Names of topics come from the catalog.
 */
#include "topics_impl.h"
#include "yaml.h"

#include <px/mem.h>
#include <px/num.h>

#define TOPICS_MAX_BYTES ((size_t)1024 * 1024)
#define TOPICS_MAX       64
#define PRINCIPALS_MAX   64
#define ACLS_MAX         1024
#define OPERATIONS_MAX   16
#define SETTINGS_MAX     32
#define KINDS            3

struct y_setting {
    char *name, *value;
};
struct y_topic {
    char *of, *partitions, *replication;
    struct y_setting *settings;
    uint32_t settings_count;
};
struct y_may {
    char *on;
    char **operations;
    uint32_t operations_count;
};
struct y_principal {
    char *principal;
    struct y_may *may;
    uint32_t may_count;
};
struct y_topics {
    struct y_topic *topics;
    uint32_t topics_count;
    struct y_principal *principals;
    uint32_t principals_count;
};

static const cyaml_schema_field_t setting_fields[] = {
    PX_YAML_TEXT("name", struct y_setting, name),
    PX_YAML_TEXT("value", struct y_setting, value),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t setting_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_setting, setting_fields),
};
static const cyaml_schema_field_t topic_fields[] = {
    PX_YAML_TEXT("of", struct y_topic, of),
    PX_YAML_OPT_TEXT("partitions", struct y_topic, partitions),
    PX_YAML_TEXT("replication", struct y_topic, replication),
    CYAML_FIELD_SEQUENCE("settings", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_topic,
                         settings, &setting_schema, 0, SETTINGS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t topic_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_topic, topic_fields),
};
static const cyaml_schema_value_t word_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 64),
};
static const cyaml_schema_field_t may_fields[] = {
    PX_YAML_TEXT("on", struct y_may, on),
    CYAML_FIELD_SEQUENCE("operations", CYAML_FLAG_POINTER, struct y_may, operations, &word_schema,
                         1, OPERATIONS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t may_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_may, may_fields),
};
static const cyaml_schema_field_t principal_fields[] = {
    PX_YAML_TEXT("principal", struct y_principal, principal),
    CYAML_FIELD_SEQUENCE("may", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_principal, may,
                         &may_schema, 0, OPERATIONS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t principal_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_principal, principal_fields),
};
static const cyaml_schema_field_t topics_fields[] = {
    CYAML_FIELD_SEQUENCE("topics", CYAML_FLAG_POINTER, struct y_topics, topics, &topic_schema, 0,
                         KINDS),
    CYAML_FIELD_SEQUENCE("principals", CYAML_FLAG_POINTER, struct y_topics, principals,
                         &principal_schema, 0, PRINCIPALS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t topics_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_topics, topics_fields),
};

/* --- settings -----------------------------------------------------------------------------------
 */

static const struct px_setting_rule rules[] = {
    {"retention.ms", PX_SETTING_LOWER, true, "older records are deleted"},
    {"retention.bytes", PX_SETTING_LOWER, true, "records beyond it are deleted"},
    {"cleanup.policy", PX_SETTING_ANY, false, "another policy deletes other records"},
    {"min.insync.replicas", PX_SETTING_LOWER, true, "fewer copies of what is acknowledged"},
    {"max.message.bytes", PX_SETTING_LOWER, true, "larger records are refused"},
    {"unclean.leader.election.enable", PX_SETTING_ANY, false, "true may lose acknowledged records"},
    {"compression.type", PX_SETTING_FREE, false, NULL},
    {"segment.ms", PX_SETTING_FREE, true, NULL},
    {"segment.bytes", PX_SETTING_FREE, true, NULL},
    {"message.timestamp.type", PX_SETTING_FREE, false, NULL},
};

const struct px_setting_rule *px_setting_rule_of(const char *name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(rules); i++) {
        if (strcmp(rules[i].name, name) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* --- topics -------------------------------------------------------------------------------------
 */

/* Where the loader is, and what it builds. */
struct place {
    const char *file;
    struct px_topics *t;
    const struct px_topics_names *names;
    struct px_err *reterr;
    size_t row;
};

static enum px_code no_memory(const struct place *at) {
    return PX_FAIL(at->reterr, PX_NOMEM, "%s: no memory", at->file);
}

static enum px_code bad_topic(const struct place *at, const char *key, const char *value,
                              const char *why) {
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: topics[%zu].%s: \"%.48s\" %s", at->file, at->row,
                   key, value, why);
}

static const char *keep(const struct place *at, const char *s) {
    return px_arena_dup(&at->t->mem, px_str_c(s)).p;
}

static enum px_code load_setting(const struct place *at, const struct y_topic *y, size_t i,
                                 struct px_setting *ret) {
    const struct y_setting *s = &y->settings[i];
    const struct px_setting_rule *rule = px_setting_rule_of(s->name);
    int64_t number;
    if (!rule) {
        const char *names[PX_ARRAY_LEN(rules)];
        for (size_t k = 0; k < PX_ARRAY_LEN(rules); k++) {
            names[k] = rules[k].name;
        }
        const char *near = px_str_nearest(s->name, names, PX_ARRAY_LEN(rules));
        return PX_FAIL(at->reterr, PX_CONFIG,
                       "%s: topics[%zu].settings[%zu].name: \"%.48s\" is not known%s%s", at->file,
                       at->row, i, s->name, near ? ", did you mean " : "", near ? near : "");
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(y->settings[k].name, s->name) == 0) {
            return bad_topic(at, "settings", s->name, "is listed twice");
        }
    }
    if (rule->number && !px_parse_i64(px_str_c(s->value), -1, INT64_MAX, &number)) {
        return bad_topic(at, s->name, s->value, "is not a number from -1 on");
    }
    *ret = (struct px_setting){.name = rule->name, .value = keep(at, s->value)};
    return ret->value ? PX_OK : no_memory(at);
}

static enum px_code load_numbers(const struct place *at, const struct y_topic *y,
                                 struct px_cluster_topic *topic) {
    int64_t n = topic->partitions;
    if (y->partitions && !px_parse_i64(px_str_c(y->partitions), 1, 1000, &n)) {
        return bad_topic(at, "partitions", y->partitions, "is not a number from 1 to 1000");
    }
    topic->partitions = (int)n;
    if (!px_parse_i64(px_str_c(y->replication), 1, 15, &n)) {
        return bad_topic(at, "replication", y->replication, "is not a number from 1 to 15");
    }
    topic->replication = (int)n;
    return PX_OK;
}

/* min.insync.replicas above the replication would refuse every event for ever. */
static enum px_code check_insync(const struct place *at, const struct px_cluster_topic *topic) {
    for (size_t i = 0; i < topic->nsettings; i++) {
        int64_t n;
        if (strcmp(topic->settings[i].name, "min.insync.replicas") == 0 &&
            px_parse_i64(px_str_c(topic->settings[i].value), INT64_MIN, INT64_MAX, &n) &&
            (n < 1 || n > topic->replication)) {
            return bad_topic(at, "min.insync.replicas", topic->settings[i].value,
                             "must be from 1 to the replication: nothing could be acknowledged");
        }
    }
    return PX_OK;
}

/* What a row is about. */
enum kind {
    EVENTS,
    DEAD_LETTERS,
    ERASURES,
    NO_KIND
};

static enum kind kind_of(const char *of) {
    static const char *const names[] = {"events", "dead-letters", "erasures"};
    static_assert(PX_ARRAY_LEN(names) == KINDS, "one name per kind");
    size_t i = 0;
    while (i < PX_ARRAY_LEN(names) && strcmp(of, names[i]) != 0) {
        i++;
    }
    return (enum kind)i;
}

static enum px_code topic_name(const struct place *at, const struct px_family *f, enum kind kind,
                               const char **ret) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(249); /* what Kafka takes */
    const char *given = at->names->erasures;
    if (kind == ERASURES && given && *given) {
        px_buf_c(&b, given);
    } else if (kind == ERASURES) {
        px_erasure_topic_name(&b, &at->names->parts, f);
    } else {
        px_topic_name(&b, &at->names->parts, f, kind == DEAD_LETTERS);
    }
    if (b.failed) {
        return b.nomem ? no_memory(at)
                       : PX_FAIL(at->reterr, PX_CONFIG,
                                 "Kafka:Region, Kafka:Organization and Kafka:EnvironmentName make "
                                 "too long a topic name");
    }
    *ret = keep(at, px_buf_cstr(&b));
    return *ret ? PX_OK : no_memory(at);
}

static enum px_code load_topic(const struct place *at, const struct y_topic *y,
                               const struct px_family *f, struct px_cluster_topic *topic) {
    *topic = (struct px_cluster_topic){.partitions = f->partitions, .nsettings = y->settings_count};
    topic->settings = px_arena_zalloc(&at->t->mem, y->settings_count, sizeof *topic->settings);
    if (!topic->settings) {
        return no_memory(at);
    }
    enum px_code rc = topic_name(at, f, kind_of(y->of), &topic->name);
    for (size_t i = 0; rc == PX_OK && i < y->settings_count; i++) {
        rc = load_setting(at, y, i, &topic->settings[i]);
    }
    rc = rc == PX_OK ? load_numbers(at, y, topic) : rc;
    return rc == PX_OK ? check_insync(at, topic) : rc;
}

static enum px_code load_topics(struct place *at, const struct y_topics *y) {
    struct px_cluster *w = &at->t->want;
    const struct px_catalog *cat = at->names->catalog;
    size_t families = px_catalog_families(cat);
    w->topics = px_arena_zalloc(&at->t->mem, y->topics_count * families, sizeof *w->topics);
    if (!w->topics) {
        return no_memory(at);
    }
    for (at->row = 0; at->row < y->topics_count; at->row++) {
        const char *of = y->topics[at->row].of;
        if (kind_of(of) == NO_KIND) {
            return bad_topic(at, "of", of, "is none of events, dead-letters, erasures");
        }
        for (size_t k = 0; k < at->row; k++) {
            if (strcmp(of, y->topics[k].of) == 0) {
                return bad_topic(at, "of", of, "is listed twice");
            }
        }
        for (size_t i = 0; i < families; i++) {
            enum px_code rc = load_topic(at, &y->topics[at->row], px_catalog_family(cat, i),
                                         &w->topics[w->ntopics]);
            if (rc != PX_OK) {
                return rc;
            }
            w->ntopics++;
        }
    }
    return PX_OK;
}

/* --- principals ---------------------------------------------------------------------------------
 */

static enum px_code bad_principal(const struct place *at, const char *key, const char *value,
                                  const char *why) {
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: principals[%zu].%s: \"%.60s\" %s", at->file, at->row,
                   key, value, why);
}

static enum px_code add_acl(const struct place *at, struct px_acl acl) {
    struct px_cluster *w = &at->t->want;
    acl.host = "*";
    if (!acl.name) {
        return no_memory(at);
    }
    for (size_t i = 0; i < w->nacls; i++) {
        if (px_acl_same(&w->acls[i], &acl)) {
            return bad_principal(at, "may", px_acl_op_name(acl.op), "is given twice");
        }
    }
    if (w->nacls == ACLS_MAX) {
        return bad_principal(at, "may", acl.principal, "is one permission too many (1024)");
    }
    w->acls[w->nacls++] = acl;
    return PX_OK;
}

/* One operation on what the word means: the topics of all families, the group, the cluster. */
static enum px_code load_operation(const struct place *at, const char *on, struct px_acl acl) {
    const struct px_catalog *cat = at->names->catalog;
    if (strcmp(on, "cluster") == 0) {
        acl.on = PX_ACL_ON_CLUSTER;
        acl.name = PX_ACL_CLUSTER_NAME;
        return add_acl(at, acl);
    }
    if (strcmp(on, "group") == 0) {
        acl.on = PX_ACL_ON_GROUP;
        acl.name = keep(at, at->names->group);
        return add_acl(at, acl);
    }
    if (kind_of(on) == NO_KIND) {
        return bad_principal(at, "may.on", on,
                             "is none of events, dead-letters, erasures, group, cluster");
    }
    acl.on = PX_ACL_ON_TOPIC;
    for (size_t i = 0; i < px_catalog_families(cat); i++) {
        enum px_code rc = topic_name(at, px_catalog_family(cat, i), kind_of(on), &acl.name);
        rc = rc == PX_OK ? add_acl(at, acl) : rc;
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_OK;
}

static enum px_code load_may(const struct place *at, const char *principal, const struct y_may *y) {
    for (size_t i = 0; i < y->operations_count; i++) {
        struct px_acl acl = {.principal = principal};
        if (!px_acl_op_of(y->operations[i], &acl.op)) {
            return bad_principal(at, "may.operations", y->operations[i],
                                 "is no operation of Kafka's permissions");
        }
        enum px_code rc = load_operation(at, y->on, acl);
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_OK;
}

static enum px_code load_principal(const struct place *at, const struct y_principal *y) {
    struct px_topics *t = at->t;
    if (strncmp(y->principal, "User:", 5) != 0 || !y->principal[5] ||
        strcmp(y->principal, "User:*") == 0) {
        return bad_principal(at, "principal", y->principal, "must be User: and one user's name");
    }
    for (size_t i = 0; i < t->nprincipals; i++) {
        if (strcmp(t->principals[i], y->principal) == 0) {
            return bad_principal(at, "principal", y->principal, "is listed twice");
        }
    }
    const char *principal = keep(at, y->principal);
    if (!principal) {
        return no_memory(at);
    }
    t->principals[t->nprincipals++] = principal;
    for (size_t i = 0; i < y->may_count; i++) {
        enum px_code rc = load_may(at, principal, &y->may[i]);
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_OK;
}

static enum px_code load_principals(struct place *at, const struct y_topics *y) {
    struct px_topics *t = at->t;
    t->principals = px_arena_zalloc(&t->mem, y->principals_count, sizeof *t->principals);
    t->want.acls = px_arena_zalloc(&t->mem, ACLS_MAX, sizeof *t->want.acls);
    if (!t->principals || !t->want.acls) {
        return no_memory(at);
    }
    for (at->row = 0; at->row < y->principals_count; at->row++) {
        enum px_code rc = load_principal(at, &y->principals[at->row]);
        if (rc != PX_OK) {
            return rc;
        }
    }
    return PX_OK;
}

/* --- the file -----------------------------------------------------------------------------------
 */

void px_topics_free(struct px_topics *t) {
    if (t) {
        px_arena_fini(&t->mem);
        px_free(t);
    }
}

const struct px_cluster *px_topics_want(const struct px_topics *t) {
    return &t->want;
}

enum px_code px_topics_load(const char *path, const struct px_topics_names *names,
                            struct px_topics **ret, struct px_err *reterr) {
    void *data = NULL;
    enum px_code rc = px_yaml_load(path, &topics_schema, &data, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    struct px_topics *t = px_alloc(sizeof *t);
    struct place at = {.file = px_yaml_base(path), .t = t, .names = names, .reterr = reterr};
    if (!t) {
        rc = no_memory(&at);
    } else {
        px_arena_init(&t->mem, TOPICS_MAX_BYTES);
        rc = load_topics(&at, data);
        rc = rc == PX_OK ? load_principals(&at, data) : rc;
    }
    px_yaml_free(&topics_schema, data);
    if (rc != PX_OK) {
        px_topics_free(t);
        return rc;
    }
    *ret = t;
    return PX_OK;
}
