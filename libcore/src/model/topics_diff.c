/* What a cluster lacks, has otherwise, or has too much, compared with topics.yaml: pure, so that
 * every case is tried without a broker. Decides what may be done at once, what only on a person's
 * word, and what never. Must not know how any of it is done. */
#include "topics_impl.h"

#include <px/num.h>

struct diff {
    const struct px_topics *t;
    const struct px_cluster *have;
    struct px_buf *out;
};

static void found(const struct diff *d, struct px_change c) {
    px_buf_add(d->out, &c, sizeof c);
}

/* --- topics -------------------------------------------------------------------------------------
 */

static const char *value_of(const struct px_cluster_topic *t, const char *name) {
    for (size_t i = 0; i < t->nsettings; i++) {
        if (strcmp(t->settings[i].name, name) == 0) {
            return t->settings[i].value;
        }
    }
    return NULL;
}

/* As a number of which more is safer: -1 is without a limit. */
static int64_t rank(const char *s) {
    int64_t n = 0;
    return !px_parse_i64(px_str_c(s), INT64_MIN, INT64_MAX, &n) || n < 0 ? INT64_MAX : n;
}

static void setting(const struct diff *d, const struct px_cluster_topic *want,
                    const struct px_setting *s, const struct px_cluster_topic *there) {
    const char *have = value_of(there, s->name);
    const struct px_setting_rule *rule = px_setting_rule_of(s->name);
    struct px_change c = {
        .kind = PX_CHANGE_SETTING, .topic = want, .setting = s, .have_text = have};
    if (!have) {
        c.how = PX_CHANGE_BY_HAND;
        c.why = "the brokers do not tell its value: DESCRIBE_CONFIGS is missing";
        found(d, c);
        return;
    }
    if (strcmp(have, s->value) == 0) {
        return;
    }
    if (strcmp(s->name, "min.insync.replicas") == 0 && rank(s->value) > there->replication) {
        c.how = PX_CHANGE_BY_HAND;
        c.why = "the topic has fewer copies: nothing would be acknowledged";
    } else if (strcmp(s->name, "min.insync.replicas") == 0 && rank(s->value) > rank(have) &&
               rank(s->value) > there->insync) {
        c.how = PX_CHANGE_BY_HAND;
        c.why = "fewer copies are in sync: nothing would be acknowledged, look at the brokers";
    } else if (rule->risk == PX_SETTING_ANY ||
               (rule->risk == PX_SETTING_LOWER && rank(s->value) < rank(have))) {
        c.how = PX_CHANGE_CONFIRM;
        c.why = rule->why;
    }
    found(d, c);
}

static void partitions(const struct diff *d, const struct px_cluster_topic *want,
                       const struct px_cluster_topic *have) {
    struct px_change c = {.kind = PX_CHANGE_GROW,
                          .how = PX_CHANGE_CONFIRM,
                          .why = "players move to other partitions",
                          .topic = want,
                          .have = have->partitions};
    if (have->partitions == want->partitions) {
        return;
    }
    if (have->partitions > want->partitions) {
        c.kind = PX_CHANGE_SHRINK;
        c.how = PX_CHANGE_BY_HAND;
        c.why = "partitions cannot be taken away: correct the number in the file";
    }
    found(d, c);
}

/* In sync as many as the topic asks for now, whatever the file wants: that is what brokers go by.
 */
static void copies(const struct diff *d, const struct px_cluster_topic *want,
                   const struct px_cluster_topic *have) {
    const char *now = value_of(have, "min.insync.replicas");
    const char *isr = now ? now : value_of(want, "min.insync.replicas");
    if (have->replication != want->replication) {
        found(d, (struct px_change){.kind = PX_CHANGE_REPLICATION,
                                    .how = PX_CHANGE_BY_HAND,
                                    .why = "move replicas with kafka-reassign-partitions.sh",
                                    .topic = want,
                                    .have = have->replication});
    }
    if (isr && have->insync < rank(isr)) {
        found(d, (struct px_change){.kind = PX_CHANGE_INSYNC,
                                    .how = PX_CHANGE_BY_HAND,
                                    .why = "nothing is acknowledged there: look at the brokers",
                                    .topic = want,
                                    .have = have->insync});
    }
}

static void topic(const struct diff *d, const struct px_cluster_topic *want,
                  const struct px_cluster_topic *have) {
    if (have->partitions == 0) {
        struct px_change c = {.kind = PX_CHANGE_CREATE, .topic = want};
        if (want->replication > d->have->brokers) {
            c.how = PX_CHANGE_BY_HAND;
            c.why = "there are fewer brokers than it wants copies";
        }
        found(d, c);
        return;
    }
    partitions(d, want, have);
    copies(d, want, have);
    for (size_t i = 0; i < want->nsettings; i++) {
        setting(d, want, &want->settings[i], have);
    }
}

/* --- permissions --------------------------------------------------------------------------------
 */

static bool holds(const struct px_cluster *c, const struct px_acl *acl) {
    for (size_t i = 0; i < c->nacls; i++) {
        if (px_acl_same(&c->acls[i], acl)) {
            return true;
        }
    }
    return false;
}

/* Is it about us: one of our principals, or everybody on one of our topics? */
static bool concerns(const struct px_topics *t, const struct px_acl *acl) {
    for (size_t i = 0; i < t->nprincipals; i++) {
        if (strcmp(t->principals[i], acl->principal) == 0) {
            return true;
        }
    }
    if (strcmp(acl->principal, "User:*") != 0 || acl->on != PX_ACL_ON_TOPIC) {
        return false;
    }
    for (size_t i = 0; i < t->want.ntopics; i++) {
        const char *name = t->want.topics[i].name;
        if (strcmp(acl->name, "*") == 0 || strcmp(acl->name, name) == 0 ||
            (acl->prefixed && strncmp(acl->name, name, strlen(acl->name)) == 0)) {
            return true;
        }
    }
    return false;
}

static void permissions(const struct diff *d) {
    const struct px_cluster *want = &d->t->want, *have = d->have;
    if (!have->authorizer) {
        if (want->nacls) {
            found(d, (struct px_change){.kind = PX_CHANGE_OPEN,
                                        .how = PX_CHANGE_BY_HAND,
                                        .why = "set authorizer.class.name on every broker"});
        }
        return;
    }
    for (size_t i = 0; i < want->nacls; i++) {
        if (!holds(have, &want->acls[i])) {
            found(d, (struct px_change){.kind = PX_CHANGE_GRANT, .acl = &want->acls[i]});
        }
    }
    for (size_t i = 0; i < have->nacls; i++) {
        if (concerns(d->t, &have->acls[i]) && !holds(want, &have->acls[i])) {
            found(d, (struct px_change){.kind = PX_CHANGE_EXCESS,
                                        .how = PX_CHANGE_BY_HAND,
                                        .why = "take it away with kafka-acls.sh --remove",
                                        .acl = &have->acls[i]});
        }
    }
}

enum px_code px_topics_diff(const struct px_topics *t, const struct px_cluster *have,
                            struct px_buf *out, struct px_err *reterr) {
    struct diff d = {.t = t, .have = have, .out = out};
    px_assert(have->ntopics == t->want.ntopics);
    for (size_t i = 0; i < t->want.ntopics; i++) {
        topic(&d, &t->want.topics[i], &have->topics[i]);
    }
    permissions(&d);
    return px_buf_ok(out, reterr);
}

/* --- in words -----------------------------------------------------------------------------------
 */

const char *px_change_verb(const struct px_change *c) {
    static const char *const verbs[] = {
        [PX_CHANGE_CREATE] = "create",   [PX_CHANGE_GROW] = "grow",
        [PX_CHANGE_SHRINK] = "shrink",   [PX_CHANGE_REPLICATION] = "replication",
        [PX_CHANGE_INSYNC] = "insync",   [PX_CHANGE_SETTING] = "set",
        [PX_CHANGE_GRANT] = "grant",     [PX_CHANGE_EXCESS] = "excess",
        [PX_CHANGE_OPEN] = "authorizer",
    };
    return verbs[c->kind];
}

static void acl_text(const struct px_acl *a, struct px_buf *out) {
    px_buf_printf(out, "%s %s %s on %s%s %s", a->principal, a->deny ? "may not" : "may",
                  px_acl_op_name(a->op), px_acl_on_name(a->on), a->prefixed ? "s that begin" : "",
                  a->name);
    if (strcmp(a->host, "*") != 0) {
        px_buf_printf(out, " from %s", a->host);
    }
}

static void create_text(const struct px_cluster_topic *t, struct px_buf *out) {
    px_buf_printf(out, "topic %s: %d partitions, replication %d", t->name, t->partitions,
                  t->replication);
    for (size_t i = 0; i < t->nsettings; i++) {
        px_buf_printf(out, ", %s=%s", t->settings[i].name, t->settings[i].value);
    }
}

static void count_text(const struct px_change *c, const char *what, int want, struct px_buf *out) {
    px_buf_printf(out, "topic %s: %s %d, wanted %d", c->topic->name, what, c->have, want);
}

void px_change_text(const struct px_change *c, struct px_buf *out) {
    px_buf_printf(out, "%-11s ", px_change_verb(c));
    switch (c->kind) {
    case PX_CHANGE_CREATE:
        create_text(c->topic, out);
        break;
    case PX_CHANGE_GROW:
    case PX_CHANGE_SHRINK:
        count_text(c, "partitions", c->topic->partitions, out);
        break;
    case PX_CHANGE_REPLICATION:
        count_text(c, "copies", c->topic->replication, out);
        break;
    case PX_CHANGE_INSYNC:
        px_buf_printf(out, "topic %s: a partition has %d copies in sync, fewer than %s",
                      c->topic->name, c->have, "min.insync.replicas");
        break;
    case PX_CHANGE_SETTING:
        px_buf_printf(out, "topic %s: %s is %s, wanted %s", c->topic->name, c->setting->name,
                      c->have_text ? c->have_text : "not known", c->setting->value);
        break;
    case PX_CHANGE_GRANT:
    case PX_CHANGE_EXCESS:
        acl_text(c->acl, out);
        break;
    case PX_CHANGE_OPEN:
        px_buf_c(out, "the brokers have no authorizer: everybody may do everything");
        break;
    }
    if (c->how != PX_CHANGE_AT_ONCE) {
        px_buf_printf(out, " (%s%s)", c->how == PX_CHANGE_CONFIRM ? "only with --yes: " : "",
                      c->why);
    }
}
