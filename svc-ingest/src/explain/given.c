/* A walk that is asked for beside the traffic: by the command and on the admin port, neither of
 * which has a worker. It takes the steps of every request, from a peer that is given. */
#include "explain_priv.h"
#include "tell.h"

enum px_code ing_given_walk(const struct ing_svc *svc, struct px_str peer, struct px_str value,
                            struct px_fwd_walk *ret, struct px_err *reterr) {
    struct px_fwd_fields fields = {.v = {px_str_trim(value)}, .n = value.p ? 1 : 0};
    struct px_addr addr;

    if (!px_addr_parse(peer, &addr)) {
        return PX_FAIL(reterr, PX_USAGE,
                       "the peer \"%.*s\" is no address: write 10.0.0.7 or 2001:db8::7",
                       (int)(peer.n < 60 ? peer.n : 60), peer.p ? peer.p : "");
    }
    px_fwd_walk(&svc->proxies, &addr, &fields, ret);
    return PX_OK;
}

enum px_code ing_given_tell(const struct ing_svc *svc, const struct px_fwd_walk *walk, bool json,
                            struct px_buf *out, struct px_err *reterr) {
    struct ing_address a;
    enum px_code rc = ing_address_init(&a, svc->world.conf, reterr);

    if (rc == PX_OK) {
        struct ing_told t = {.policy = &svc->proxies,
                             .walk = walk,
                             .mode = a.mode,
                             .kept = ing_address_kept(&a, &walk->client)};
        if (json) {
            ing_tell_json(&t, out);
        } else {
            ing_tell_text(&t, out);
        }
        rc = px_buf_ok(out, reterr);
        ing_address_fini(&a);
    }
    return rc;
}
