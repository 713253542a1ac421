/* Admission: a request that its sender may not send is answered here, before anything reads it. */
#include "handle.h"

static bool admit_deny(struct ing_worker *w, struct px_http_req *req, enum ing_denial d,
                       unsigned wait) {
    struct ing_refusal r = {.status = ing_denial_http(d),
                            .code = ing_denial_code(d),
                            .detail = ing_denial_text(d),
                            .retryable = wait > 0,
                            .retry_after = wait,
                            .image = w->route == ING_ROUTE_PIXEL && px_req_accepts(req, "image/")};

    px_count(w->shard, ING_M_DENIED, d, 0, 1);
    ing_reply_refusal(w, req, w->route, &r);
    return false;
}

static bool admit_charge(struct ing_worker *w, struct px_http_req *req, unsigned cost,
                         unsigned paid) {
    struct ing_charge c = {.now = w->now, .cost = cost, .paid = paid};
    uint64_t evicted = w->guard.buckets.evicted;
    unsigned wait = 0;
    enum ing_denial d = ing_guard_charge(&w->guard, &w->sender, w->route, &c, &wait);

    if (w->guard.buckets.evicted != evicted) {
        px_count(w->shard, ING_M_EVICTED, 0, 0, w->guard.buckets.evicted - evicted);
    }
    return d == ING_ADMITTED || admit_deny(w, req, d, wait);
}

bool ing_admit(struct ing_worker *w, struct px_http_req *req, enum ing_route route) {
    w->route = route;
    w->now = px_mono(w->world->clock);
    return admit_charge(w, req, 1, 0);
}

bool ing_admit_batch(struct ing_worker *w, struct px_http_req *req, unsigned n) {
    return admit_charge(w, req, n, 1);
}
