/* What --check asks about erasures. Without a key file nobody was erased, or counting stops by
 * itself: nothing to ask. */
#include "erase_probes.h"

#include "agg.h"
#include "erase.h"

#include <px/kafka_access.h>

#include <stdio.h>

#define LOOK     (5 * PX_US_PER_S)
#define LIST_MAX ((size_t)1 << 30)

static bool no_keys(const struct agg *a, struct px_probe_out *out) {
    out->skip = !a->conf->erasure_keys[0];
    if (out->skip) {
        snprintf(out->detail, sizeof out->detail, "Erasure:KeyFile is empty: nobody is erased");
    }
    return out->skip;
}

enum px_code agg_probe_erasure_keys(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    struct px_keyring ring = {.n = 0};
    if (no_keys(a, out)) {
        return PX_OK;
    }
    enum px_code rc = px_keyring_load("Erasure:KeyFile", a->conf->erasure_keys, &ring, reterr);
    if (rc == PX_OK) {
        out->warn = ring.exposed;
        snprintf(out->detail, sizeof out->detail, "%zu keys, new erasures by %s%s", ring.n,
                 ring.v[0].kid, ring.exposed ? "; every user can read the file: chmod o-rwx" : "");
    }
    px_keyring_fini(&ring);
    return rc;
}

/* Every erasure is known by a key that is there, and none waits. */
enum px_code agg_probe_erasures(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    struct agg_eraser r;
    PX_DEFER(px_buf_fini) struct px_buf all = PX_BUF_INIT(LIST_MAX);
    PX_DEFER(px_buf_fini) struct px_buf open = PX_BUF_INIT(LIST_MAX);
    if (no_keys(a, out)) {
        return PX_OK;
    }
    enum px_code rc = agg_eraser_open(a, PX_SQL_READ, &r, reterr);
    struct px_sql *s = r.unlink.beside.sql;
    rc = rc == PX_OK ? agg_register_list(s, false, &all, reterr) : rc;
    rc = rc == PX_OK ? agg_register_list(s, true, &open, reterr) : rc;
    const struct agg_entry *v = (const void *)all.p;
    for (size_t i = 0; rc == PX_OK && i < all.n / sizeof *v; i++) {
        rc = agg_erased_add(&r.told, px_str_c(v[i].kid), px_str_c(v[i].fingerprint), reterr);
    }
    out->warn = rc == PX_OK && open.n > 0;
    snprintf(out->detail, sizeof out->detail, "%zu players, %zu not finished%s", all.n / sizeof *v,
             open.n / sizeof *v, out->warn ? ": run svc-aggregator --erase-pending" : "");
    agg_eraser_close(&r);
    return rc;
}

enum px_code agg_probe_erasure_topic(void *svc, struct px_probe_out *out, struct px_err *reterr) {
    const struct agg *a = svc;
    const struct px_topic_ask ask = {
        .topic = a->erasures, .setting = "cleanup.policy", .timeout = LOOK};
    PX_DEFER(px_buf_fini) struct px_buf policy = PX_BUF_INIT(256);
    struct px_err err = PX_ERR_INIT;
    if (no_keys(a, out)) {
        return PX_OK;
    }
    enum px_code rc = px_kafka_topic_setting(&a->conf->kafka, &ask, &policy, &err);
    if (rc == PX_OK && !px_str_is(px_buf_view(&policy), "compact")) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "%s: cleanup.policy is %.60s: records of erasures would be deleted; set it "
                       "to compact (svc-aggregator --topics=apply)",
                       a->erasures, px_buf_cstr(&policy));
    }
    bool untold = rc == PX_UNSUPPORTED;
    if (rc == PX_OK || untold) {
        rc = px_kafka_try_read(&a->conf->kafka, a->erasures, LOOK, &err);
    }
    if (rc != PX_OK) {
        return PX_FAIL(reterr, rc, "%s%s", err.msg,
                       rc == PX_NOT_FOUND ? ": svc-aggregator --topics=apply makes it" : "");
    }
    out->warn = untold;
    snprintf(out->detail, sizeof out->detail, "%.200s%s", a->erasures,
             untold ? ": the brokers do not tell whether it is compacted" : " is compacted");
    return PX_OK;
}
