/* Admission: a request that its sender may not send is answered here, before anything reads it. */
#include "handle.h"

#include <px/log.h>

static bool admit_deny(struct ing_worker *w, struct ing_request *rq, enum ing_denial d,
                       unsigned wait) {
    struct ing_refusal r = {.status = ing_denial_http(d),
                            .code = ing_denial_code(d),
                            .detail = ing_denial_text(d),
                            .retryable = wait > 0,
                            .retry_after = wait,
                            .fields = ing_denial_http(d) == 401 ? ING_CHALLENGE : NULL,
                            .image = rq->to.route == ING_ROUTE_PIXEL &&
                                     px_req_accepts(rq->req, "image/")};

    px_count(w->shard, ING_M_DENIED, d, 0, 1);
    ing_reply_refusal(w, rq, &r);
    return false;
}

static bool admit_charge(struct ing_worker *w, struct ing_request *rq, unsigned cost,
                         unsigned paid) {
    struct ing_charge c = {.now = rq->now, .cost = cost, .paid = paid};
    unsigned wait = 0;
    enum ing_denial d = ing_guard_charge(&w->guard, &rq->sender, rq->to.route, &c, &wait);

    return d == ING_ADMITTED || admit_deny(w, rq, d, wait);
}

/* Of server keys: never the key, and not the address, but whose key it is about, if anybody's. */
static void admit_log(const struct ing_finding *f) {
    const char *client = f->about ? f->about->client : "", *id = f->about ? f->about->id : "";

    if (f->denial != ING_ADMITTED) {
        px_log(PX_LOG_WARN, "keys.refused", PX_F_C("error.code", ing_denial_code(f->denial)),
               PX_F_C("key.client", client), PX_F_C("key.id", id));
    } else if (f->fresh) {
        px_log(PX_LOG_INFO, "keys.used", PX_F_C("key.client", client), PX_F_C("key.id", id));
    }
}

static bool admit_keys(struct ing_worker *w, struct ing_request *rq) {
    struct ing_moment at = {.mono = rq->now, .wall = rq->asked.received};
    struct ing_presented p;
    struct ing_finding f;

    ing_presented_of(&p, rq->req, ing_guard_knows_sites(&w->guard));
    ing_guard_identify(&w->guard, &p, &at, &rq->sender, &f);
    if (f.of_server) {
        admit_log(&f);
    }
    return f.denial == ING_ADMITTED || admit_deny(w, rq, f.denial, f.wait);
}

/* A preflight carries no keys, and what is behind other paths is for everybody. */
static bool admit_asks_keys(const struct ing_request *rq) {
    return (rq->to.route == ING_ROUTE_PIXEL || rq->to.route == ING_ROUTE_EVENTS) &&
           px_req_method(rq->req) != PX_OPTIONS;
}

bool ing_admit(struct ing_worker *w, struct ing_request *rq) {
    return (!admit_asks_keys(rq) || admit_keys(w, rq)) && admit_charge(w, rq, 1, 0);
}

bool ing_admit_batch(struct ing_worker *w, struct ing_request *rq, unsigned n) {
    return admit_charge(w, rq, n, 1);
}
