/* What an event says of itself that only its server can know: whose address it came from, and when
 * it was. Taken from senders whose key has the scope; from others the event is refused, so that
 * nobody counts on what would be left out. */
#include "handle.h"

/* May the sender say what is in the member ${name} of its event? */
static bool claims_may(struct ing_request *rq, enum px_scope scope, const char *name) {
    bool may = ing_sender_may(&rq->sender, scope);

    if (!may) {
        px_verdict_add(&rq->fields->early,
                       rq->sender.key ? PX_REASON_MISSING_SCOPE : PX_REASON_NEEDS_KEY, name);
    }
    return may;
}

static void claims_time(const struct ing_worker *w, struct ing_request *rq) {
    bool anybody = w->world->conf->client_time == ING_CLIENT_TIME_ANY;

    if (!anybody && !claims_may(rq, PX_SCOPE_TIMESTAMP, "timestamp")) {
        rq->fields->raw.timestamp = (struct px_str){.p = NULL}; /* not worth a second complaint */
    }
}

/* The address ${ip} as events keep it; where it may not be, the verdict says why. */
static enum px_code claims_address(struct ing_worker *w, struct ing_request *rq, struct px_str ip) {
    struct ing_address *a = &w->finder.address;
    struct ing_fields *f = rq->fields;
    struct px_addr addr;

    if (!claims_may(rq, PX_SCOPE_IP, "ip")) {
        return PX_OK;
    }
    if (!px_addr_parse(ip, &addr)) {
        px_verdict_add(&f->early, PX_REASON_BAD_ADDRESS, "ip");
        return PX_OK;
    }
    /* A copy: its place in the table may be that of the sender's own address, which the next event
     * of this request needs again. */
    f->raw.source_ip = px_arena_dup(&w->scratch.arena, ing_address_kept(a, &addr));
    rq->sender.address = ing_address_kept(a, &rq->sender.client);
    return f->raw.source_ip.p ? PX_OK : PX_NOMEM;
}

enum px_code ing_claims_stamp(struct ing_worker *w, struct ing_request *rq) {
    struct px_str ip = rq->fields->raw.source_ip;

    if (rq->fields->raw.timestamp.p) {
        claims_time(w, rq);
    }
    ing_sender_stamp(&rq->sender, &rq->fields->raw);
    return ip.p ? claims_address(w, rq, ip) : PX_OK;
}
