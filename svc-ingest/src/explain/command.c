/* --explain-ip PEER: the walk from there, printed. */
#include "explain.h"

#include "explain_priv.h"

#include <string.h>

const struct px_app_param ing_explain_params[ING_EXPLAIN_PARAMS] = {
    {.name = "x-forwarded-for",
     .value = "LIST",
     .help = "Value of that field; of several, joined."},
    {.name = "forwarded", .value = "LIST", .help = "Value of that field; of several, joined."},
    {.name = "json", .help = "Print JSON."},
};

enum px_code ing_explain_ip(void *arg, const char *peer, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(EXPLAIN_TEXT_MAX);
    const char *believed = px_fwd_header_name(svc->proxies.header);
    struct px_fwd_walk walk;

    for (size_t i = 0; i < 2; i++) {
        const char *name = ing_explain_params[i].name;
        if (px_app_param(svc->app, name) && strcmp(name, believed) != 0) {
            return PX_FAIL(reterr, PX_USAGE,
                           "--%s: this field is not looked at, Proxy:Header is %s", name, believed);
        }
    }
    enum px_code rc = ing_given_walk(svc, px_str_c(peer),
                                     px_str_c(px_app_param(svc->app, believed)), &walk, reterr);
    bool json = px_app_param(svc->app, "json") != NULL;
    rc = rc ? rc : ing_given_tell(svc, &walk, json, &out, reterr);
    return rc ? rc : px_app_print(px_buf_view(&out), reterr);
}
