/* GET /api/pixel/{type} and its aliases: the handler. Reads, accepts, and leaves the answer to the
 * log's report. */
#include "handle.h"

#include "dry_run.h"

#include <px/defect.h>

static void pixel_refuse(struct ing_worker *w, struct px_http_req *req, struct ing_refusal r,
                         struct px_str client_id) {
    r.image = px_req_accepts(req, "image/");
    /* Echo the id only when it was itself acceptable as one. */
    r.client_id = client_id.n <= ING_CLIENT_ID_MAX ? client_id : (struct px_str){0};
    ing_reply_refusal(w, req, ING_ROUTE_PIXEL, &r);
}

static void pixel_unknown(struct ing_worker *w, struct px_http_req *req) {
    bool dry = false;

    w->verdict.nissues = 0;
    w->verdict.time_replaced = false;
    px_verdict_add(&w->verdict, PX_REASON_UNKNOWN_TYPE, "eventType");
    if (w->wishes.dry_run || (ing_dry_run_asked(px_req_query(req), &dry) && dry)) {
        w->fields = (struct ing_fields){.dropped = 0};
        ing_dry_verdict(w, req, ING_ROUTE_PIXEL, &w->fields);
        return;
    }
    ing_reject(w, NULL, &w->verdict, px_req_path(req));
    pixel_refuse(w, req, ing_refusal_of(&w->verdict), (struct px_str){0});
}

static void pixel_event(struct ing_worker *w, struct px_http_req *req,
                        const struct px_event_type *type) {
    struct ing_fields *f = &w->fields;
    struct ing_slot *slot = NULL;
    enum ing_busy busy = ING_BUSY_OVERLOADED;

    if (ing_pixel_read(type, px_req_query(req), &w->arena, f, NULL)) {
        px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, 1);
        pixel_refuse(w, req, ing_refusal_busy(ING_BUSY_OVERLOADED), (struct px_str){0});
        return;
    }
    if (f->dry || w->wishes.dry_run) {
        ing_dry_pixel(w, req, f);
        return;
    }
    f->source = px_req_query(req);
    switch (ing_accept(w, req, f, &slot, &busy)) {
    case ING_QUEUED:
        slot->w.pixel = true;
        slot->w.image = px_req_accepts(req, "image/");
        slot->w.ticket = px_http_defer(req);
        if (PX_DEFECT("ing.ack_when_queued")) {
            ing_settle_expired(w, INT64_MAX);
        }
        break;
    case ING_REFUSED:
        ing_pixel_names(&w->verdict);
        pixel_refuse(w, req, ing_refusal_of(&w->verdict), f->raw.client_event_id);
        break;
    case ING_LATER:
        pixel_refuse(w, req, ing_refusal_busy(busy), f->raw.client_event_id);
        break;
    }
}

void ing_pixel(struct ing_worker *w, struct px_http_req *req, const struct px_event_type *type) {
    w->asked.source = "pixel";
    if (!type) {
        pixel_unknown(w, req);
    } else if (px_req_method(req) == PX_HEAD) {
        struct px_http_reply reply = ing_answer_head(&w->answer);
        ing_reply(w, req, ING_ROUTE_PIXEL, &reply);
    } else {
        pixel_event(w, req, type);
    }
}
