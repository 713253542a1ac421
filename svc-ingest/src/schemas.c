/* The ids of our schemas, before the first message is written. Must not be asked by a worker: it
 * waits for the registry. */
#include "schemas.h"

#include <px/event_avro.h>
#include <px/mem.h>

#include <stdio.h>

bool ing_schemas_topic(const struct ing_svc *svc, size_t family, bool dead, char *out, size_t cap) {
    const struct px_kafka_conf *k = &svc->world.conf->kafka;
    struct px_topic_parts parts = {.region = k->region, .org = k->org, .env = k->env};
    PX_DEFER(px_buf_fini) struct px_buf name = PX_BUF_INIT(cap - 1);

    px_topic_name(&name, &parts, px_catalog_family(svc->catalog, family), dead);
    return !name.failed && px_str_copy(px_buf_view(&name), out, cap);
}

static enum px_code resolve_one(struct ing_svc *svc, struct px_registry *r, size_t family,
                                bool dead, uint32_t *ret_id, struct px_err *reterr) {
    char topic[256];
    struct px_registry_want want = {
        .dir = svc->schemas, .name = dead ? "dlq.avsc" : "event.avsc", .topic = topic};

    if (!ing_schemas_topic(svc, family, dead, topic, sizeof topic)) {
        return PX_FAIL(reterr, PX_CONFIG, "the parts of the topic name make it too long");
    }
    return px_registry_resolve(r, &want, ret_id, reterr);
}

enum px_code ing_schemas_resolve(struct ing_svc *svc, struct px_err *reterr) {
    size_t n = px_catalog_families(svc->catalog);
    struct px_registry *r = NULL;
    enum px_code rc = PX_OK;

    svc->ids = px_calloc2(n, sizeof *svc->ids);
    if (!svc->ids) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu schema ids", n);
    }
    svc->world.ids = svc->ids;
    for (size_t i = 0; i < n; i++) {
        svc->ids[i] = (struct ing_schema_ids){.events = PX_SCHEMA_EVENT, .dead = PX_SCHEMA_DLQ};
    }
    if (!px_registry_used(&svc->world.conf->registry)) {
        return PX_OK;
    }
    rc = px_registry_open(&svc->world.conf->registry, &r, reterr);
    for (size_t i = 0; i < n && rc == PX_OK; i++) {
        rc = resolve_one(svc, r, i, false, &svc->ids[i].events, reterr);
        rc = rc ? rc : resolve_one(svc, r, i, true, &svc->ids[i].dead, reterr);
    }
    px_registry_close(r);
    return rc;
}

enum px_code ing_schemas_ours(const char *dir, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(PX_REGISTRY_FILE_MAX);
    struct px_event_plan *plan = NULL;

    enum px_code rc = px_registry_file(dir, "event.avsc", &text, reterr);
    if (rc == PX_OK) {
        rc = px_event_plan_new(px_buf_view(&text), &plan, reterr);
        rc = rc ? px_err_context(reterr, "%.100s/avro/event.avsc", dir) : PX_OK;
    }
    if (rc == PX_OK && !px_event_plan_same(plan)) {
        rc = PX_FAIL(reterr, PX_SCHEMA,
                     "%.100s/avro/event.avsc: its fields or types are not those that this build "
                     "writes: take the file of this release",
                     dir);
    }
    px_event_plan_free(plan);
    return rc;
}

/* --- probes -------------------------------------------------------------------------------------
 */

enum px_code ing_probe_registry(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct px_registry_conf *conf = &svc->world.conf->registry;
    struct px_registry *r = NULL;

    if (!px_registry_used(conf)) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "SchemaRegistry:Url is empty: fixed ids");
        return PX_OK;
    }
    enum px_code rc = px_registry_open(conf, &r, reterr);
    rc = rc ? rc : px_registry_ping(r, reterr);
    px_registry_close(r);
    snprintf(out->detail, sizeof out->detail, "%.200s", conf->url);
    return rc;
}

static enum px_code judge(const struct ing_svc *svc, struct px_registry *r,
                          struct px_probe_out *out, struct px_err *reterr) {
    struct ing_schema_ids ids = {.events = 0};
    char topic[256];
    struct px_registry_want want = {.dir = svc->schemas, .topic = topic};

    for (size_t i = 0; i < px_catalog_families(svc->catalog); i++) {
        for (int dead = 0; dead < 2; dead++) {
            want.name = dead ? "dlq.avsc" : "event.avsc";
            if (!ing_schemas_topic(svc, i, dead, topic, sizeof topic)) {
                return PX_FAIL(reterr, PX_CONFIG, "the parts of the topic name make it too long");
            }
            enum px_code rc = px_registry_judge(r, &want, dead ? &ids.dead : &ids.events, reterr);
            if (rc) {
                return rc;
            }
        }
    }
    snprintf(out->detail, sizeof out->detail, "events are schema %u, dead letters %u", ids.events,
             ids.dead);
    return PX_OK;
}

enum px_code ing_probe_registered(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    struct px_registry *r = NULL;

    if (!px_registry_used(&svc->world.conf->registry)) {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "no registry");
        return PX_OK;
    }
    enum px_code rc = px_registry_open(&svc->world.conf->registry, &r, reterr);
    rc = rc ? rc : judge(svc, r, out, reterr);
    px_registry_close(r);
    return rc;
}
