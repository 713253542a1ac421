/* Where a request begins: the one place that knows all of it. */
#include "request.h"

#include "handle.h"

void ing_request_begin(struct ing_worker *w, struct ing_request *rq, struct px_http_req *req,
                       struct px_str path) {
    struct ing_match to = ing_route(w->world->catalog, path);

    px_arena_reset(&w->scratch.arena);
    ing_answer_req(w, req);
    *rq = (struct ing_request){.req = req,
                               .to = to,
                               .now = px_mono(w->world->clock),
                               .asked = {.source = to.route == ING_ROUTE_PIXEL ? "pixel" : "events",
                                         .received = px_req_received(req)},
                               .fields = &w->scratch.fields,
                               .verdict = &w->scratch.verdict};
}

struct px_uuid ing_request_id(struct ing_worker *w, struct ing_request *rq) {
    if (!rq->asked.named) {
        rq->asked.id = px_uuid_next(&w->uuids, px_wall(w->world->clock));
        rq->asked.named = true;
    }
    return rq->asked.id;
}

struct px_str ing_request_text(const struct ing_request *rq) {
    return rq->items ? ing_items_text(rq->items) : rq->text;
}

void ing_request_fault(struct ing_request *rq, enum px_reason why, const char *field) {
    px_verdict_clear(rq->verdict);
    px_verdict_add(rq->verdict, why, field);
}
