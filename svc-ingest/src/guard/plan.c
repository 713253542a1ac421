/* Options -> what the guards go by. Made on the main thread, at start and at SIGHUP. */
#include "guard.h"

#include <px/mem.h>

/* A promise about all workers together, so a share is rounded down: but for one try each. */
static struct ing_rate plan_failures(int64_t per_minute, size_t workers) {
    int64_t share = per_minute / (int64_t)workers;

    share = share > 0 ? share : 1;
    return ing_rate_of(share, PX_US_PER_MIN, share, 1);
}

static enum px_code plan_keys(struct ing_plan *p, const char *path, struct px_err *reterr) {
    if (!*path) {
        return p->need_site ? PX_FAIL(reterr, PX_CONFIG,
                                      "Keys:Require=site, but Keys:File names no file: nobody "
                                      "could send anything")
                            : PX_OK;
    }
    enum px_code rc = px_keys_load(path, &p->keys, reterr);
    if (rc) {
        return px_err_context(reterr, "Keys:File");
    }
    p->known = px_calloc2(px_keys_servers(p->keys) + 1, sizeof *p->known);
    return p->known ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for the keys");
}

enum px_code ing_plan_new(const struct ing_conf *conf, size_t workers, struct ing_plan **ret,
                          struct px_err *reterr) {
    struct ing_plan *p = px_alloc(sizeof *p);

    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the limits");
    }
    p->address = ing_rate_of(conf->address_rate, PX_US_PER_S, conf->address_burst, workers);
    p->route = ing_rate_of(conf->route_rate, PX_US_PER_S, conf->route_burst, workers);
    p->key = ing_rate_of(conf->key_rate, PX_US_PER_S, conf->key_burst, workers);
    p->failures = plan_failures(conf->key_failures, workers);
    p->workers = workers;
    p->need_site = conf->keys_require == ING_REQUIRE_SITE;
    enum px_code rc = plan_keys(p, conf->keys_file, reterr);
    if (rc) {
        ing_plan_free(p);
        return rc;
    }
    struct px_err err = PX_ERR_INIT;
    if (px_nets_parse(px_str_c(conf->limit_exempt), &p->exempt, &err)) {
        ing_plan_free(p);
        return PX_FAIL(reterr, PX_CONFIG, "Limit:Exempt: %s", err.msg);
    }
    *ret = p;
    return PX_OK;
}

void ing_plan_free(struct ing_plan *p) {
    if (p) {
        px_keys_free(p->keys);
        px_free(p->known);
    }
    px_free(p);
}
