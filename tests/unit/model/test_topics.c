/* topics.yaml: what the shipped file wants, every way in which a file can be wrong, and what is
 * found different about a cluster. */
#include <px/mem.h>
#include <px/topics.h>

#include <stdio.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

#define TOPICS "deploy/kafka/topics.yaml"
#define EVT    "EVT_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define DLQ    "DLQ_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define ERS    "ERS_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"

static enum px_code load(const char *path, struct px_topics **ret, struct px_err *reterr) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    const struct px_topics_names names = {.catalog = cat,
                                          .parts = {.region = "EU", .org = "ORG", .env = "DEV"},
                                          .group = "the-group"};
    enum px_code rc = px_topics_load(path, &names, ret, reterr);
    px_catalog_free(cat); /* everything that is wanted was copied */
    return rc;
}

static struct px_topics *shipped(void) {
    struct px_topics *t = NULL;
    struct px_err err = PX_ERR_INIT;
    if (load(TOPICS, &t, &err) != PX_OK) {
        fail_msg("%s", err.msg);
    }
    return t;
}

static bool wants(const struct px_cluster *c, const char *principal, enum px_acl_op op,
                  const char *name) {
    for (size_t i = 0; i < c->nacls; i++) {
        const struct px_acl *a = &c->acls[i];
        if (strcmp(a->principal, principal) == 0 && a->op == op && strcmp(a->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void test_topics_as_shipped(void **state PX_UNUSED) {
    struct px_topics *t = shipped();
    const struct px_cluster *c = px_topics_want(t);

    assert_int_equal(c->ntopics, 3);
    assert_string_equal(c->topics[0].name, EVT);
    assert_string_equal(c->topics[1].name, DLQ);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c->topics[i].partitions, 10);
        assert_int_equal(c->topics[i].replication, 3);
        assert_string_equal(c->topics[i].settings[0].name, "min.insync.replicas");
        assert_string_equal(c->topics[i].settings[0].value, "2");
    }
    assert_string_equal(c->topics[2].name, ERS);
    assert_int_equal(c->topics[2].partitions, 1);
    assert_string_equal(c->topics[2].settings[2].name, "cleanup.policy");
    assert_string_equal(c->topics[2].settings[2].value, "compact");
    assert_true(wants(c, "User:svc-aggregator", PX_ACL_READ, ERS));
    assert_true(wants(c, "User:svc-eraser", PX_ACL_WRITE, ERS));
    assert_false(wants(c, "User:svc-eraser", PX_ACL_READ, EVT));
    assert_true(wants(c, "User:svc-ingest", PX_ACL_WRITE, EVT));
    assert_true(wants(c, "User:svc-ingest", PX_ACL_WRITE, DLQ));
    assert_false(wants(c, "User:svc-ingest", PX_ACL_READ, EVT));
    assert_true(wants(c, "User:svc-aggregator", PX_ACL_READ, EVT));
    assert_true(wants(c, "User:svc-aggregator", PX_ACL_READ, "the-group"));
    assert_false(wants(c, "User:svc-aggregator", PX_ACL_WRITE, EVT));
    assert_false(wants(c, "User:svc-aggregator", PX_ACL_READ, DLQ));
    assert_true(wants(c, "User:svc-operator", PX_ACL_READ, DLQ));
    assert_true(wants(c, "User:svc-deployer", PX_ACL_ALTER, PX_ACL_CLUSTER_NAME));
    for (size_t i = 0; i < c->nacls; i++) {
        assert_string_not_equal(c->acls[i].principal, "User:svc-metrics-api");
        assert_false(c->acls[i].deny || c->acls[i].prefixed);
    }

    px_topics_free(t);
    px_topics_free(NULL);
}

struct edit {
    const char *find, *put, *says;
};

static void refuse(const struct edit *e) {
    struct model_file f;
    struct px_topics *t = NULL;
    struct px_err err = PX_ERR_INIT;
    model_file_copy(&f, TOPICS, e->find, e->put);
    enum px_code rc = load(f.path, &t, &err);
    model_file_fini(&f);
    if (rc != PX_CONFIG || t) {
        fail_msg("\"%s\" -> \"%s\" was accepted (%d)", e->find, e->put, rc);
    }
    if (strncmp(err.msg, "topics.yaml: ", 13) != 0 || !strstr(err.msg, e->says)) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", e->put, err.msg, e->says);
    }
}

static void test_topics_names_the_wrong_row(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        {"of: dead-letters", "of: events", "topics[1].of: \"events\" is listed twice"},
        {"of: dead-letters", "of: letters", "topics[1].of: \"letters\" is none of"},
        {"replication: 3", "replication: 0", "topics[0].replication: \"0\" is not a number"},
        {"replication: 3", "replication: 3x", "is not a number from 1 to 15"},
        {"of: dead-letters", "of: dead-letters\n    partitions: 0", "partitions: \"0\" is not"},
        {"replication: 3", "replication: 1", "min.insync.replicas: \"2\" must be from 1 to"},
        {"value: 259200000", "value: 3d", "retention.ms: \"3d\" is not a number"},
        {"value: 259200000", "value: -2", "retention.ms: \"-2\" is not a number"},
        {"name: retention.ms", "name: retention.msx", "did you mean retention.ms"},
        {"name: retention.ms", "name: log.cleaner", "\"log.cleaner\" is not known"},
        {"name: retention.ms", "name: cleanup.policy", "\"cleanup.policy\" is listed twice"},
        {"on: group", "on: groups", "principals[1].may.on: \"groups\" is none of"},
        {"[write, describe-configs]", "[writes]", "\"writes\" is no operation"},
        {"[write, describe-configs]", "[write, write]", "principals[0].may: \"WRITE\" is given"},
        {"User:svc-ingest", "svc-ingest", "principals[0].principal: \"svc-ingest\" must be User:"},
        {"User:svc-ingest", "User:*", "must be User: and one"},
        {"User:svc-ingest", "User:svc-aggregator", "\"User:svc-aggregator\" is listed twice"},
        {"replication: 3", "replicas: 3", "Unexpected key: replicas"},
        {"topics:\n", "topic:\n", "Unexpected key: topic"},
        {"    replication: 3\n", "", "Missing required mapping field: replication"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        refuse(&edits[i]);
    }
}

/* --- differences
 * ---------------------------------------------------------------------------------- */

/* A cluster exactly as ${t} wants it, to be changed by the test. */
struct twin {
    struct px_cluster c;
    struct px_cluster_topic topics[3];
    struct px_setting settings[3][16];
    struct px_acl acls[64];
};

static void twin(struct twin *w, const struct px_topics *t) {
    const struct px_cluster *want = px_topics_want(t);
    memset(w, 0, sizeof *w);
    w->c = (struct px_cluster){.brokers = 3,
                               .authorizer = true,
                               .topics = w->topics,
                               .ntopics = want->ntopics,
                               .acls = w->acls,
                               .nacls = want->nacls};
    for (size_t i = 0; i < want->ntopics; i++) {
        w->topics[i] = want->topics[i];
        w->topics[i].insync = want->topics[i].replication;
        memcpy(w->settings[i], want->topics[i].settings,
               want->topics[i].nsettings * sizeof w->settings[i][0]);
        w->topics[i].settings = w->settings[i];
    }
    memcpy(w->acls, want->acls, want->nacls * sizeof w->acls[0]);
}

/* The only difference, in words; "" when there is none. */
static void expect(const struct px_topics *t, const struct twin *w, enum px_change_how how,
                   const char *text) {
    PX_DEFER(px_buf_fini) struct px_buf v = PX_BUF_INIT(65536);
    PX_DEFER(px_buf_fini) struct px_buf said = PX_BUF_INIT(4096);
    struct px_change c;
    assert_int_equal(px_topics_diff(t, &w->c, &v, NULL), PX_OK);
    assert_int_equal(v.n, text[0] ? sizeof c : 0);
    if (!text[0]) {
        return;
    }
    memcpy(&c, v.p, sizeof c);
    px_change_text(&c, &said);
    if (c.how != how || strncmp(px_buf_cstr(&said), text, strlen(text)) != 0) {
        fail_msg("\"%s\" (%d), not \"%s\" (%d)", px_buf_cstr(&said), (int)c.how, text, (int)how);
    }
}

static void test_topics_finds_what_topics_lack(void **state PX_UNUSED) {
    struct px_topics *t = shipped();
    struct twin w;

    twin(&w, t);
    expect(t, &w, PX_CHANGE_AT_ONCE, "");
    w.topics[0].partitions = 0;
    expect(t, &w, PX_CHANGE_AT_ONCE,
           "create      topic " EVT ": 10 partitions, replication 3, min");
    w.c.brokers = 2;
    expect(t, &w, PX_CHANGE_BY_HAND, "create      topic " EVT);
    twin(&w, t);
    w.topics[1].partitions = 6;
    expect(t, &w, PX_CHANGE_CONFIRM,
           "grow        topic " DLQ ": partitions 6, wanted 10 (only with");
    w.topics[1].partitions = 12;
    expect(t, &w, PX_CHANGE_BY_HAND, "shrink      topic " DLQ ": partitions 12, wanted 10");
    twin(&w, t);
    w.topics[0].replication = 2;
    expect(t, &w, PX_CHANGE_BY_HAND, "replication topic " EVT ": copies 2, wanted 3");
    twin(&w, t);
    w.topics[0].insync = 1;
    expect(t, &w, PX_CHANGE_BY_HAND, "insync      topic " EVT ": a partition has 1 copies in sync");

    px_topics_free(t);
}

static void test_topics_asks_before_something_is_lost(void **state PX_UNUSED) {
    static const struct {
        const char *setting, *have;
        enum px_change_how how;
    } cases[] = {
        {"retention.ms", "259199999", PX_CHANGE_AT_ONCE}, /* longer from now on */
        {"retention.ms", "259200001", PX_CHANGE_CONFIRM},
        {"retention.ms", "-1", PX_CHANGE_CONFIRM},
        {"max.message.bytes", "1000", PX_CHANGE_AT_ONCE},
        {"max.message.bytes", "9000000", PX_CHANGE_CONFIRM},
        {"min.insync.replicas", "1", PX_CHANGE_AT_ONCE},
        {"min.insync.replicas", "3", PX_CHANGE_CONFIRM},
        {"cleanup.policy", "compact", PX_CHANGE_CONFIRM},
        {"compression.type", "lz4", PX_CHANGE_AT_ONCE},
    };
    struct px_topics *t = shipped();

    for (size_t i = 0; i < PX_ARRAY_LEN(cases); i++) {
        struct twin w;
        char text[200];
        twin(&w, t);
        w.topics[0].insync = 3;
        for (size_t k = 0; k < w.topics[0].nsettings; k++) {
            if (strcmp(w.settings[0][k].name, cases[i].setting) == 0) {
                w.settings[0][k].value = cases[i].have;
            }
        }
        snprintf(text, sizeof text, "set         topic " EVT ": %s is %s, wanted ",
                 cases[i].setting, cases[i].have);
        expect(t, &w, cases[i].how, text);
    }

    px_topics_free(t);
}

static void test_topics_never_stops_a_topic(void **state PX_UNUSED) {
    struct px_topics *t = shipped();
    struct twin w;
    PX_DEFER(px_buf_fini) struct px_buf v = PX_BUF_INIT(65536);
    bool seen = false;

    twin(&w, t);
    w.topics[0].replication = w.topics[0].insync = 1; /* two cannot be in sync */
    w.settings[0][0].value = "1";
    assert_int_equal(px_topics_diff(t, &w.c, &v, NULL), PX_OK);
    for (size_t i = 0; i < v.n / sizeof(struct px_change); i++) {
        struct px_change c;
        memcpy(&c, v.p + i * sizeof c, sizeof c);
        seen = seen || c.kind == PX_CHANGE_SETTING;
        assert_int_equal(c.how, PX_CHANGE_BY_HAND);
    }
    assert_true(seen);

    twin(&w, t);
    w.topics[0].insync = 1; /* enough for what the topic asks now, not for what is wanted */
    w.settings[0][0].value = "1";
    expect(t, &w, PX_CHANGE_BY_HAND,
           "set         topic " EVT ": min.insync.replicas is 1, wanted 2 (fewer copies are in");

    px_topics_free(t);
}

static void test_topics_finds_permissions(void **state PX_UNUSED) {
    struct px_topics *t = shipped();
    struct twin w;
    struct px_acl extra = {.principal = "User:svc-metrics-api",
                           .name = EVT,
                           .host = "*",
                           .on = PX_ACL_ON_TOPIC,
                           .op = PX_ACL_READ};

    twin(&w, t);
    w.c.nacls--;
    expect(t, &w, PX_CHANGE_AT_ONCE,
           "grant       User:svc-deployer may ALTER_CONFIGS on topic " ERS);
    twin(&w, t);
    w.acls[w.c.nacls++] = extra;
    expect(t, &w, PX_CHANGE_BY_HAND, "excess      User:svc-metrics-api may READ on topic " EVT);
    w.acls[w.c.nacls - 1].principal = "User:*";
    expect(t, &w, PX_CHANGE_BY_HAND, "excess      User:* may READ on topic " EVT);
    w.acls[w.c.nacls - 1].prefixed = true;
    w.acls[w.c.nacls - 1].name = "EVT_";
    expect(t, &w, PX_CHANGE_BY_HAND, "excess      User:* may READ on topics that begin EVT_");
    w.acls[w.c.nacls - 1].name = "other";
    expect(t, &w, PX_CHANGE_AT_ONCE, "");
    w.acls[w.c.nacls - 1].principal = "User:connect"; /* other people's */
    expect(t, &w, PX_CHANGE_AT_ONCE, "");
    twin(&w, t);
    extra.principal = "User:svc-ingest", extra.deny = true, extra.host = "10.0.0.1";
    w.acls[w.c.nacls++] = extra;
    expect(t, &w, PX_CHANGE_BY_HAND,
           "excess      User:svc-ingest may not READ on topic " EVT " from 10.0.0.1");
    twin(&w, t);
    w.c.authorizer = false;
    w.c.nacls = 0;
    expect(t, &w, PX_CHANGE_BY_HAND, "authorizer  the brokers have no authorizer");

    px_topics_free(t);
}

/* --- memory
 * --------------------------------------------------------------------------------------- */

static enum px_code load_and_compare(void *arg) {
    const struct px_topics_names *names = arg;
    struct px_topics *t = NULL;
    PX_DEFER(px_buf_fini) struct px_buf v = PX_BUF_INIT(65536);
    enum px_code rc = px_topics_load(TOPICS, names, &t, NULL);
    if (rc == PX_OK) {
        struct px_cluster_topic none[3] = {{.name = EVT}, {.name = DLQ}, {.name = ERS}};
        struct px_cluster have = {.brokers = 3, .authorizer = true, .topics = none, .ntopics = 3};
        rc = px_topics_diff(t, &have, &v, NULL);
    }
    px_topics_free(t);
    return rc;
}

static void test_topics_without_memory(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    struct px_topics_names names = {
        .catalog = cat, .parts = {.region = "EU", .org = "ORG", .env = "DEV"}, .group = "g"};

    assert_true(torture(load_and_compare, &names) > 20);

    px_catalog_free(cat);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_as_shipped),
        cmocka_unit_test(test_topics_names_the_wrong_row),
        cmocka_unit_test(test_topics_finds_what_topics_lack),
        cmocka_unit_test(test_topics_asks_before_something_is_lost),
        cmocka_unit_test(test_topics_never_stops_a_topic),
        cmocka_unit_test(test_topics_finds_permissions),
        cmocka_unit_test(test_topics_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
