/* GET /api/pixel/{type} and its aliases: the handler. Reads, accepts, and leaves the answer to the
 * log's report. */
#include "handle.h"

#include "dry_run.h"

#include <px/defect.h>

static void pixel_refuse(struct ing_worker *w, struct ing_request *rq, struct ing_refusal r,
                         struct px_str client_id) {
    r.image = px_req_accepts(rq->req, "image/");
    /* Echo the id only when it was itself acceptable as one. */
    r.client_id = client_id.n <= ING_CLIENT_ID_MAX ? client_id : (struct px_str){0};
    ing_reply_refusal(w, rq, &r);
}

static void pixel_unknown(struct ing_worker *w, struct ing_request *rq) {
    bool dry = false;

    ing_request_fault(rq, PX_REASON_UNKNOWN_TYPE, "eventType");
    if (rq->wishes.dry_run || (ing_dry_run_asked(px_req_query(rq->req), &dry) && dry)) {
        *rq->fields = (struct ing_fields){.dropped = 0};
        ing_dry_verdict(w, rq);
        return;
    }
    ing_reject(w, rq, NULL, px_req_path(rq->req));
    pixel_refuse(w, rq, ing_refusal_of(rq->verdict), (struct px_str){0});
}

static void pixel_event(struct ing_worker *w, struct ing_request *rq) {
    struct ing_fields *f = rq->fields;
    struct ing_slot *slot = NULL;
    enum ing_busy busy = ING_BUSY_OVERLOADED;

    if (ing_pixel_read(rq->to.type, px_req_query(rq->req), &w->scratch.arena, f, NULL)) {
        px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, 1);
        pixel_refuse(w, rq, ing_refusal_busy(ING_BUSY_OVERLOADED), (struct px_str){0});
        return;
    }
    if (f->dry || rq->wishes.dry_run) {
        ing_dry_pixel(w, rq);
        return;
    }
    rq->text = px_req_query(rq->req);
    switch (ing_accept(w, rq, &slot, &busy)) {
    case ING_QUEUED:
        slot->w.pixel = true;
        slot->w.image = px_req_accepts(rq->req, "image/");
        slot->w.ticket = px_http_defer(rq->req);
        if (PX_DEFECT("ing.ack_when_queued")) {
            ing_settle_expired(w, INT64_MAX);
        }
        break;
    case ING_REFUSED:
        ing_pixel_names(rq->verdict);
        pixel_refuse(w, rq, ing_refusal_of(rq->verdict), f->raw.client_event_id);
        break;
    case ING_LATER:
        pixel_refuse(w, rq, ing_refusal_busy(busy), f->raw.client_event_id);
        break;
    }
}

void ing_pixel(struct ing_worker *w, struct ing_request *rq) {
    if (!rq->to.type) {
        pixel_unknown(w, rq);
    } else if (px_req_method(rq->req) == PX_HEAD) {
        struct px_http_reply reply = ing_answer_head(&w->answer);
        ing_reply(w, rq, &reply);
    } else {
        pixel_event(w, rq);
    }
}
