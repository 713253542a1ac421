/* Raw fields -> event -> judged -> queued for the log: the one path of pixels and JSON events. */
#include "handle.h"

#include <string.h>

static void accept_fill(struct ing_slot *s, const struct px_event *ev, unsigned type, px_us now,
                        bool proof) {
    struct ing_waiting *x = &s->w;

    x->id = ev->id;
    x->received = ev->received_at;
    x->started = now;
    x->type = type;
    x->pixel = x->image = false;
    x->proof = proof;
    x->batch = NULL;
    px_assert(ev->client_event_id.n <= sizeof x->client_id);
    x->client_n = (uint8_t)ev->client_event_id.n;
    if (x->client_n) {
        memcpy(x->client_id, ev->client_event_id.p, x->client_n);
    }
}

static enum ing_accepted accept_later(struct ing_worker *w, enum ing_busy why,
                                      enum ing_busy *ret_busy) {
    px_count(w->shard, ING_M_UNAVAILABLE, why, 0, 1);
    *ret_busy = why;
    return ING_LATER;
}

static enum ing_accepted accept_refuse(struct ing_worker *w, struct ing_request *rq) {
    ing_reject(w, rq, px_catalog_find(w->world->catalog, rq->fields->raw.event_type),
               ing_request_text(rq));
    return ING_REFUSED;
}

/* Queue a judged event. */
static enum ing_accepted accept_send(struct ing_worker *w, struct ing_request *rq,
                                     const struct px_event *ev, struct ing_slot **ret_slot,
                                     enum ing_busy *ret_busy) {
    const struct px_event_type *type = px_catalog_find(w->world->catalog, ev->event_type);
    px_us now = rq->now; /* a deadline need not be younger than its request */
    struct ing_slot *s =
        ing_pending_take(&w->pending, now + w->world->conf->message_timeout + ING_REPLY_MARGIN);
    if (!s) {
        return accept_later(w, ING_BUSY_OVERLOADED, ret_busy);
    }
    accept_fill(s, ev, type->index, now, rq->wishes.proof);
    s->w.retimed = rq->verdict->time_replaced;
    enum ing_busy busy = ING_BUSY_UNAVAILABLE;
    enum px_code rc =
        ing_publish(w, ev, type->family, ing_pending_tag(&w->pending, s), &busy, NULL);
    if (rc == PX_OK) {
        s->w.bytes = (uint32_t)w->scratch.value.n;
        px_count(w->shard, ING_M_CLASSES, rq->sender.traffic, 0, 1);
        *ret_slot = s;
        return ING_QUEUED;
    }
    ing_pending_answered(&w->pending, s);
    ing_pending_release(&w->pending, s);
    if (rc != PX_TOO_LARGE) {
        if (busy == ING_BUSY_REFUSED) {
            ing_settle_unstored(w);
        }
        return accept_later(w, busy, ret_busy);
    }
    px_verdict_add(rq->verdict, PX_REASON_TOO_LARGE_FOR_LOG, "event");
    return accept_refuse(w, rq);
}

enum px_code ing_judge(struct ing_worker *w, struct ing_request *rq, struct px_event *ev) {
    const struct ing_world *world = w->world;
    struct px_validate_args args = {
        .catalog = world->catalog, .policy = &world->policy, .arena = &w->scratch.arena};

    *ev = (struct px_event){.received_at = rq->asked.received};
    ev->id = rq->asked.id = px_uuid_next(&w->uuids, ev->received_at);
    rq->asked.named = true; /* refused, the event is called so in the answer */
    enum px_code rc = ing_claims_stamp(w, rq);
    px_verdict_clear(rq->verdict);
    rc = rc ? rc : px_validate(&args, &rq->fields->raw, ev, rq->verdict);
    if (rc == PX_NOMEM) {
        return rc;
    }
    ing_fields_merge(&rq->fields->early, rq->verdict);
    return rq->verdict->nissues ? PX_INVALID : PX_OK;
}

enum ing_accepted ing_accept(struct ing_worker *w, struct ing_request *rq,
                             struct ing_slot **ret_slot, enum ing_busy *ret_busy) {
    PX_UNSET struct px_event ev; /* filled by ing_judge */
    enum px_code rc = ing_judge(w, rq, &ev);

    if (rc == PX_NOMEM) {
        return accept_later(w, ING_BUSY_OVERLOADED, ret_busy);
    }
    if (rc) {
        return accept_refuse(w, rq);
    }
    const struct px_event_type *type = px_catalog_find(w->world->catalog, ev.event_type);
    unsigned dropped = rq->fields->dropped + rq->verdict->dropped;
    if (dropped) {
        px_count(w->shard, ING_M_DROPPED, type->index, 0, dropped);
    }
    if (rq->verdict->time_replaced) {
        px_count(w->shard, ING_M_TIME_REPLACED, 0, 0, 1);
    }
    return accept_send(w, rq, &ev, ret_slot, ret_busy);
}
