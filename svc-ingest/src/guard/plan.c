/* Options -> what the guards go by. Made on the main thread, at start and at SIGHUP. */
#include "guard.h"

#include <px/mem.h>

enum px_code ing_plan_new(const struct ing_conf *conf, size_t workers, struct ing_plan **ret,
                          struct px_err *reterr) {
    struct ing_plan *p = px_alloc(sizeof *p);

    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the limits");
    }
    p->address = ing_rate_of(conf->address_rate, PX_US_PER_S, conf->address_burst, workers);
    p->route = ing_rate_of(conf->route_rate, PX_US_PER_S, conf->route_burst, workers);
    struct px_err err = PX_ERR_INIT;
    if (px_nets_parse(px_str_c(conf->limit_exempt), &p->exempt, &err)) {
        ing_plan_free(p);
        return PX_FAIL(reterr, PX_CONFIG, "Limit:Exempt: %s", err.msg);
    }
    *ret = p;
    return PX_OK;
}

void ing_plan_free(struct ing_plan *p) {
    px_free(p);
}
