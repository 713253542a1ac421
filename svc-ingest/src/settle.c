/* Answers: at once, or when the log has spoken, or when its time is up. Every request that was
 * taken gets exactly one. */
#include "handle.h"

#include <px/defect.h>

static void settle_count(struct ing_worker *w, enum ing_route route, int status) {
    px_count(w->shard, ING_M_HTTP_REQUESTS, route, (size_t)(status / 100 - 1), 1);
}

void ing_reply(struct ing_worker *w, const struct ing_request *rq,
               const struct px_http_reply *reply) {
    settle_count(w, rq->to.route, reply->status);
    px_http_reply(rq->req, reply);
}

void ing_reply_refusal(struct ing_worker *w, struct ing_request *rq, struct ing_refusal *r) {
    struct px_uuid id = ing_request_id(w, rq);

    r->request_id = &id;
    struct px_http_reply reply = ing_answer_refusal(&w->answer, r);
    ing_reply(w, rq, &reply);
}

/* What became of one queued event. */
struct settle_fate {
    enum settle_outcome {
        SETTLE_STORED,
        SETTLE_TOO_LARGE,
        SETTLE_LATER
    } what;
    enum ing_busy busy; /* LATER */
    int32_t partition;  /* STORED, as far as the log told */
    int64_t offset;
};

/* "Too large" is said of all messages that travelled together. One that is no larger than what the
 * log has stored before is not to blame: sent again it comes to stand in another request. */
static bool settle_to_blame(const struct ing_worker *w, const struct ing_slot *s) {
    return s->w.bytes > w->stored_bytes;
}

static struct settle_fate settle_later(enum ing_busy busy) {
    return (struct settle_fate){.what = SETTLE_LATER, .busy = busy};
}

static struct settle_fate settle_fate(const struct ing_worker *w, const struct ing_slot *s,
                                      const struct px_report *r) {
    if (r->delivery == PX_PERSISTED || PX_DEFECT("ing.ack_any_report")) {
        return (struct settle_fate){
            .what = SETTLE_STORED, .partition = r->partition, .offset = r->offset};
    }
    if (r->delivery == PX_MAYBE_PERSISTED) {
        return settle_later(ING_BUSY_UNKNOWN);
    }
    if (r->code == PX_TOO_LARGE && settle_to_blame(w, s)) {
        return (struct settle_fate){.what = SETTLE_TOO_LARGE};
    }
    /* PX_INVALID: the event was judged before, so it is the topic that takes no events like ours */
    bool refused = r->code == PX_DENIED || r->code == PX_NOT_FOUND || r->code == PX_INVALID;
    return settle_later(refused ? ING_BUSY_REFUSED : ING_BUSY_UNAVAILABLE);
}

/* A message that was sent again and had been stored the first time has no offset in its report. */
static struct ing_ack settle_ack(const struct ing_worker *w, const struct ing_waiting *x,
                                 const struct settle_fate *f) {
    if (!x->proof || f->partition < 0 || f->offset < 0) {
        return (struct ing_ack){.topic = NULL};
    }
    return (struct ing_ack){
        .topic = ing_publish_topic(w, x->type), .partition = f->partition, .offset = f->offset};
}

static void settle_answer(struct ing_worker *w, struct px_http_ticket t, enum ing_route route,
                          const struct px_http_reply *reply) {
    settle_count(w, route, reply->status);
    if (!px_http_answer(w->http, t, reply)) {
        px_count(w->shard, ING_M_CLIENTS_GONE, 0, 0, 1);
    }
}

/* Not inlined into the way of a stored event: a verdict is large, and made zero where it is made.
 */
__attribute__((noinline)) static struct px_http_reply settle_refusal(struct ing_worker *w,
                                                                     const struct ing_waiting *x,
                                                                     const struct settle_fate *f) {
    struct px_verdict v = {.nissues = 0};

    px_verdict_add(&v, PX_REASON_TOO_LARGE_FOR_LOG, "event");
    struct ing_refusal r = f->what == SETTLE_LATER ? ing_refusal_busy(f->busy) : ing_refusal_of(&v);
    r.request_id = &x->id;
    r.client_id = (struct px_str){.p = x->client_id, .n = x->client_n};
    r.image = x->pixel && x->image;
    return ing_answer_refusal(&w->answer, &r);
}

static struct px_http_reply settle_receipt(struct ing_worker *w, const struct ing_waiting *x,
                                           const struct settle_fate *f) {
    struct ing_receipt r = {.id = &x->id,
                            .received = x->received,
                            .client_id = {.p = x->client_id, .n = x->client_n},
                            .ack = settle_ack(w, x, f),
                            .retimed = x->retimed};

    return x->pixel ? ing_answer_pixel(&w->answer, &r) : ing_answer_event(&w->answer, &r);
}

static void settle_single(struct ing_worker *w, const struct ing_slot *s,
                          const struct settle_fate *f) {
    ing_answer_req(w, px_http_waiting(w->http, s->w.ticket));
    struct px_http_reply reply =
        f->what == SETTLE_STORED ? settle_receipt(w, &s->w, f) : settle_refusal(w, &s->w, f);

    settle_answer(w, s->w.ticket, s->w.pixel ? ING_ROUTE_PIXEL : ING_ROUTE_EVENTS, &reply);
}

/* True when it was the last one missing. */
static bool settle_item(struct ing_worker *w, const struct ing_slot *s,
                        const struct settle_fate *f) {
    struct ing_ack ack = {.topic = NULL};

    switch (f->what) {
    case SETTLE_STORED:
        ack = settle_ack(w, &s->w, f);
        return ing_batch_accept(s->w.batch, s->w.batch_index, &ack);
    case SETTLE_TOO_LARGE:
        return ing_batch_reject(s->w.batch, s->w.batch_index, PX_REASON_TOO_LARGE_FOR_LOG, "event");
    case SETTLE_LATER:
        break;
    }
    return ing_batch_retry(s->w.batch, s->w.batch_index, f->busy);
}

void ing_settle_batch_done(struct ing_worker *w, struct ing_batch *b) {
    if (b->deferred) {
        ing_answer_req(w, px_http_waiting(w->http, b->ticket));
        struct px_http_reply reply = ing_batch_answer(b, &w->answer);
        settle_answer(w, b->ticket, ING_ROUTE_EVENTS, &reply);
    }
}

/* What was sent is gone by now; ${message} is what it became. How much the topic would take, the
 * broker does not say. */
__attribute__((noinline)) static void settle_reject(struct ing_worker *w,
                                                    const struct ing_waiting *x,
                                                    struct px_str message) {
    struct px_verdict v = {.nissues = 0};

    px_verdict_add(&v, PX_REASON_TOO_LARGE_FOR_LOG, "event");
    ing_reject_of(w, &(struct ing_refused){.type = px_catalog_type(w->world->catalog, x->type),
                                           .v = &v,
                                           .payload = message,
                                           .bytes = x->bytes,
                                           .judged = true,
                                           .asked = {.source = x->pixel   ? "pixel"
                                                               : x->batch ? x->batch->source
                                                                          : "json",
                                                     .received = x->received,
                                                     .id = x->id}});
}

/* The answer that ${s} is owed. */
static void settle_slot(struct ing_worker *w, struct ing_slot *s, const struct settle_fate *f) {
    enum ing_route route = s->w.pixel ? ING_ROUTE_PIXEL : ING_ROUTE_EVENTS;
    px_us waited;

    ing_pending_answered(&w->pending, s);
    switch (f->what) {
    case SETTLE_STORED:
        px_count(w->shard, ING_M_ACCEPTED, s->w.type, 0, 1);
        waited = px_mono(w->world->clock) - s->w.started;
        px_observe(w->shard, ING_M_ACK, route, 0, waited, 1);
        ing_overload_report(&w->overload, waited);
        break;
    case SETTLE_TOO_LARGE: /* recorded by ing_settle_report */
        break;
    case SETTLE_LATER:
        px_count(w->shard, ING_M_UNAVAILABLE, f->busy, 0, 1);
        break;
    }
    if (!s->w.batch) {
        settle_single(w, s, f);
    } else if (settle_item(w, s, f)) {
        ing_settle_batch_done(w, s->w.batch);
    }
}

void ing_settle_unstored(struct ing_worker *w) {
    w->unstored += w->unstored < ING_UNSTORED_MANY;
}

void ing_settle_report(struct ing_worker *w, const struct px_report *report) {
    if (report->tag == ING_TAG_DLQ) {
        px_count(w->shard, ING_M_DLQ,
                 report->delivery == PX_PERSISTED ? ING_DLQ_STORED : ING_DLQ_FAILED, 0, 1);
        return;
    }
    struct ing_slot *s = ing_pending_find(&w->pending, report->tag);
    px_assert(s); /* one report per message: the slot cannot be gone */
    px_count(w->shard, ING_M_DELIVERIES, report->delivery, 0, 1);
    if (report->delivery == PX_PERSISTED) {
        w->unstored = 0;
        w->stored_bytes = s->w.bytes > w->stored_bytes ? s->w.bytes : w->stored_bytes;
    } else if (report->code != PX_TOO_LARGE) {
        ing_settle_unstored(w);
    }
    if (s->owed) {
        struct settle_fate f = settle_fate(w, s, report);
        if (f.what == SETTLE_TOO_LARGE) {
            settle_reject(w, &s->w, report->value);
        }
        settle_slot(w, s, &f);
    } else {
        px_count(w->shard, ING_M_LATE_REPORTS, 0, 0, 1);
    }
    if (s->w.batch) {
        ing_batch_unref(s->w.batch);
    }
    ing_pending_release(&w->pending, s);
}

void ing_settle_expired(struct ing_worker *w, px_us now) {
    struct settle_fate f = settle_later(ING_BUSY_UNKNOWN);

    if (PX_DEFECT("ing.ack_when_queued")) {
        f.what = SETTLE_STORED;
        f.partition = -1;
    }
    for (struct ing_slot *s; (s = ing_pending_expired(&w->pending, now));) {
        settle_slot(w, s, &f);
    }
}
