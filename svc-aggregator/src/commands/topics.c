/* --topics=plan|apply|verify: what deploy/kafka/topics.yaml wants, what the cluster holds, and the
 * way from one to the other. The comparison is the model's, the requests are the adapter's; here is
 * only the order: read, compare, do, tell. Needs no database. */
#include "agg.h"

#include <px/jsonw.h>
#include <px/kafka_access.h>
#include <px/kafka_admin.h>
#include <px/topics.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TOPICS_WAIT     (15 * PX_US_PER_S)
#define TOPICS_TEXT_MAX ((size_t)8 << 20)

struct topics_run {
    const struct agg *a;
    struct px_topics *topics;
    struct px_kafka_admin *admin;
    struct px_cluster have;
    struct px_buf changes; /* struct px_change */
    struct px_buf out;
    bool json, yes;
    size_t done, left, notes; /* differences that were removed, that remain, that do not count */
};

static void topics_fini(struct topics_run *r) {
    px_kafka_admin_close(r->admin);
    px_topics_free(r->topics);
    px_buf_fini(&r->changes);
    px_buf_fini(&r->out);
}

static enum px_code topics_path(const struct agg *a, char *out, size_t cap, struct px_err *reterr) {
    const char *file = px_app_param(a->app, "file");
    char dir[1024];
    int n;
    if (file) {
        n = snprintf(out, cap, "%s", file);
    } else {
        enum px_code rc = px_app_data_dir(a->app, "deploy", dir, sizeof dir, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        n = snprintf(out, cap, "%s/kafka/topics.yaml", dir);
    }
    return n > 0 && (size_t)n < cap ? PX_OK
                                    : PX_FAIL(reterr, PX_USAGE, "--file: the path is too long");
}

static enum px_code topics_compare(struct topics_run *r, struct px_err *reterr) {
    px_buf_reset(&r->changes);
    enum px_code rc = px_kafka_admin_read(r->admin, px_topics_want(r->topics), &r->have, reterr);
    return rc == PX_OK ? px_topics_diff(r->topics, &r->have, &r->changes, reterr) : rc;
}

static enum px_code topics_look(struct topics_run *r, struct px_err *reterr) {
    const struct px_kafka_conf *k = &r->a->conf->kafka;
    const struct px_topics_names names = {
        .catalog = r->a->catalog,
        .parts = {.region = k->region, .org = k->org, .env = k->env},
        .group = r->a->conf->group,
        .erasures = r->a->conf->erasure_topic};
    char path[1100];
    enum px_code rc = topics_path(r->a, path, sizeof path, reterr);
    rc = rc == PX_OK ? px_topics_load(path, &names, &r->topics, reterr) : rc;
    rc = rc == PX_OK ? px_kafka_security_check(k, px_wall(&px_clock_system), reterr) : rc;
    rc = rc == PX_OK ? px_kafka_admin_open(k, TOPICS_WAIT, &r->admin, reterr) : rc;
    return rc == PX_OK ? topics_compare(r, reterr) : rc;
}

/* --- telling
 * -------------------------------------------------------------------------------------- */

static void topics_json_acl(struct px_jsonw *w, const struct px_acl *acl) {
    px_jw_kc(w, "principal", acl->principal);
    px_jw_kc(w, "operation", px_acl_op_name(acl->op));
    px_jw_kc(w, "on", px_acl_on_name(acl->on));
    px_jw_kc(w, "resource", acl->name);
    px_jw_kbool(w, "deny", acl->deny);
}

static void topics_json(struct topics_run *r, const struct px_change *c, const char *state) {
    static const char *const how[] = {"at_once", "confirm", "by_hand"};
    struct px_jsonw w = px_jsonw_on(&r->out);
    px_jw_obj(&w);
    px_jw_kc(&w, "state", state);
    px_jw_kc(&w, "change", px_change_verb(c));
    px_jw_kc(&w, "how", how[c->how]);
    if (c->topic) {
        px_jw_kc(&w, "topic", c->topic->name);
    }
    if (c->setting) {
        px_jw_kc(&w, "setting", c->setting->name);
        px_jw_kc(&w, "have", c->have_text);
        px_jw_kc(&w, "want", c->setting->value);
    }
    if (c->acl) {
        topics_json_acl(&w, c->acl);
    }
    if (c->why) {
        px_jw_kc(&w, "why", c->why);
    }
    px_jw_obj_end(&w);
    px_buf_byte(&r->out, '\n');
}

static void topics_tell(struct topics_run *r, const struct px_change *c, const char *state) {
    if (r->json) {
        topics_json(r, c, state);
        return;
    }
    px_buf_printf(&r->out, "%-8s ", state);
    px_change_text(c, &r->out);
    px_buf_byte(&r->out, '\n');
}

static void topics_sum(struct topics_run *r) {
    const struct px_cluster *want = px_topics_want(r->topics);
    if (r->json) {
        struct px_jsonw w = px_jsonw_on(&r->out);
        px_jw_obj(&w);
        px_jw_key(&w, "summary");
        px_jw_obj(&w);
        px_jw_ki64(&w, "topics", (int64_t)want->ntopics);
        px_jw_ki64(&w, "permissions", (int64_t)want->nacls);
        px_jw_ki64(&w, "done", (int64_t)r->done);
        px_jw_ki64(&w, "differences", (int64_t)r->left);
        px_jw_obj_end(&w);
        px_jw_obj_end(&w);
        px_buf_byte(&r->out, '\n');
        return;
    }
    px_buf_printf(&r->out, "%zu topics, %zu permissions: %zu done, %zu differences\n",
                  want->ntopics, want->nacls, r->done, r->left);
}

/* --- doing
 * ---------------------------------------------------------------------------------------- */

static enum px_code topics_do(struct topics_run *r, const struct px_change *c,
                              struct px_err *reterr) {
    switch (c->kind) {
    case PX_CHANGE_CREATE:
        return px_kafka_admin_create(r->admin, c->topic, reterr);
    case PX_CHANGE_GROW:
        return px_kafka_admin_grow(r->admin, c->topic, reterr);
    case PX_CHANGE_SETTING:
        return px_kafka_admin_configure(r->admin, c->topic->name, c->setting, reterr);
    case PX_CHANGE_GRANT:
        return px_kafka_admin_grant(r->admin, c->acl, reterr);
    case PX_CHANGE_SHRINK:
    case PX_CHANGE_REPLICATION:
    case PX_CHANGE_INSYNC:
    case PX_CHANGE_EXCESS:
    case PX_CHANGE_OPEN:
        break;
    }
    return PX_FAIL(reterr, PX_INTERNAL, "%s is done by hand", px_change_verb(c));
}

/* Without a word about security nothing is promised: a cluster for trying out has no permissions.
 */
static bool topics_ignored(const struct topics_run *r, const struct px_change *c) {
    return c->kind == PX_CHANGE_OPEN && r->a->conf->kafka.protocol == PX_KAFKA_PLAINTEXT;
}

static enum px_code topics_each(struct topics_run *r, const char *mode, struct px_err *reterr) {
    bool apply = strcmp(mode, "apply") == 0;
    size_t n = r->changes.n / sizeof(struct px_change);
    for (size_t i = 0; i < n; i++) {
        struct px_change c;
        memcpy(&c, r->changes.p + i * sizeof c, sizeof c);
        if (topics_ignored(r, &c)) {
            topics_tell(r, &c, "note");
            r->notes++;
            continue;
        }
        if (!apply || c.how == PX_CHANGE_BY_HAND || (c.how == PX_CHANGE_CONFIRM && !r->yes)) {
            topics_tell(r, &c, apply ? "left" : strcmp(mode, "plan") == 0 ? "would" : "differs");
            r->left++;
            continue;
        }
        enum px_code rc = topics_do(r, &c, reterr);
        topics_tell(r, &c, rc == PX_OK ? "done" : "failed");
        if (rc != PX_OK) {
            r->left += n - i;
            return rc;
        }
        r->done++;
    }
    return PX_OK;
}

/* A broker shows a change some time after it was accepted: wait for that, so that what comes next
 * finds it. */
static enum px_code topics_shown(struct topics_run *r, struct px_err *reterr) {
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100000000};
    px_us end = px_mono(&px_clock_system) + TOPICS_WAIT;
    for (;;) {
        enum px_code rc = topics_compare(r, reterr);
        size_t n = r->changes.n / sizeof(struct px_change);
        if (rc != PX_OK || n <= r->left + r->notes) {
            return rc;
        }
        if (px_mono(&px_clock_system) > end) {
            return PX_FAIL(reterr, PX_TIMEOUT,
                           "done, but the brokers do not show all of it yet: run --topics=verify");
        }
        nanosleep(&pause, NULL);
    }
}

enum px_code agg_topics(void *svc, const char *arg, struct px_err *reterr) {
    const struct agg *a = svc;
    PX_DEFER(topics_fini)
    struct topics_run r = {.a = a,
                           .changes = PX_BUF_INIT(TOPICS_TEXT_MAX),
                           .out = PX_BUF_INIT(TOPICS_TEXT_MAX),
                           .json = px_app_param(a->app, "json") != NULL,
                           .yes = px_app_param(a->app, "yes") != NULL};
    enum px_code rc = topics_look(&r, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = topics_each(&r, arg, reterr);
    rc = rc == PX_OK && r.done ? topics_shown(&r, reterr) : rc;
    topics_sum(&r);
    rc = rc == PX_OK ? px_buf_ok(&r.out, reterr) : rc;
    /* what was done, also when it ended early */
    enum px_code shown = px_app_print(px_buf_view(&r.out), rc == PX_OK ? reterr : NULL);
    rc = rc == PX_OK ? shown : rc;
    if (rc != PX_OK || r.left == 0 || strcmp(arg, "plan") == 0) {
        return rc;
    }
    return PX_FAIL(reterr, PX_DIFFERS, "%zu differences between the cluster and the file remain",
                   r.left);
}
