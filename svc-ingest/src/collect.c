/* POST /api/events: the handler. One event waits for its report like a pixel; a batch waits for all
 * of its items. */
#include "handle.h"

#define COLLECT_BODY_MAX (256 * 1024)

static void collect_refuse(struct ing_worker *w, struct px_http_req *req, struct ing_refusal r) {
    ing_reply_refusal(w, req, ING_ROUTE_EVENTS, &r);
}

/* A refusal of the request as a whole, counted and recorded; ${detail} NULL = the reason's
 * sentence. */
static void collect_reject(struct ing_worker *w, struct px_http_req *req, enum px_reason reason,
                           const char *field, const char *detail) {
    w->verdict.nissues = 0;
    px_verdict_add(&w->verdict, reason, field);
    ing_reject(w, NULL, &w->verdict, px_req_body(req));
    struct ing_refusal r = ing_refusal_of(&w->verdict);
    r.detail = detail;
    collect_refuse(w, req, r);
}

static void collect_busy(struct ing_worker *w, struct px_http_req *req) {
    px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, 1);
    collect_refuse(w, req, ing_refusal_busy(ING_BUSY_OVERLOADED));
}

/* JSON, or the text/plain that a beacon sends to spare itself the preflight. */
static bool collect_type_ok(const struct px_http_req *req) {
    struct px_str type = px_req_header(req, "content-type", NULL);

    type.n = px_str_find(type, ';');
    type = px_str_trim(type);
    return px_str_ieq(type, PX_S("application/json")) || px_str_ieq(type, PX_S("text/plain"));
}

static void collect_one(struct ing_worker *w, struct px_http_req *req,
                        const struct px_jnode *node) {
    struct ing_fields *f = &w->fields;
    struct ing_slot *slot = NULL;
    enum ing_busy busy = ING_BUSY_OVERLOADED;
    bool twice = false;

    if (ing_collect_read(w->world->catalog, node, &w->arena, f, NULL)) {
        collect_busy(w, req);
        return;
    }
    f->source = px_req_body(req);
    struct px_str key = px_req_header(req, "idempotency-key", &twice);
    ing_collect_key(f, key, twice);
    struct ing_refusal r;
    switch (ing_accept(w, req, f, &slot, &busy)) {
    case ING_QUEUED:
        slot->w.ticket = px_http_defer(req);
        return;
    case ING_REFUSED:
        r = ing_refusal_of(&w->verdict);
        break;
    case ING_LATER:
    default:
        r = ing_refusal_busy(busy);
        break;
    }
    r.client_id =
        f->raw.client_event_id.n <= ING_CLIENT_ID_MAX ? f->raw.client_event_id : (struct px_str){0};
    collect_refuse(w, req, r);
}

/* The array of a batch: the document itself or its member `events`; NULL = one event. False when
 * the wrapper holds anything else; w->verdict says what. */
static bool collect_find_batch(struct ing_worker *w, const struct px_jnode *root,
                               const struct px_jnode **ret) {
    *ret = px_json_type(root) == PX_JSON_ARRAY ? root : px_json_get(root, "events");
    if (!*ret || *ret == root) {
        return true;
    }
    w->verdict.nissues = 0;
    for (const struct px_jnode *c = px_json_first(root); c; c = px_json_next(c)) {
        if (c != *ret) {
            char field[64];
            struct px_str name = px_json_name(c);
            name.n = name.n < sizeof field ? name.n : sizeof field - 1;
            px_verdict_add(&w->verdict, PX_REASON_UNKNOWN_MEMBER,
                           px_str_copy(name, field, sizeof field) ? field : "?");
        }
    }
    if (px_json_type(*ret) != PX_JSON_ARRAY) {
        px_verdict_add(&w->verdict, PX_REASON_BAD_TYPE, "events");
    }
    return w->verdict.nissues == 0;
}

static size_t collect_count(const struct px_jnode *array) {
    size_t n = 0;

    for (const struct px_jnode *c = px_json_first(array); c && n <= ING_BATCH_MAX;
         c = px_json_next(c)) {
        n++;
    }
    return n;
}

static void collect_document(struct ing_worker *w, struct px_http_req *req,
                             const struct px_jnode *root) {
    const struct px_jnode *events = NULL;

    if (!collect_find_batch(w, root, &events)) {
        ing_reject(w, NULL, &w->verdict, px_req_body(req));
        collect_refuse(w, req, ing_refusal_of(&w->verdict));
        return;
    }
    if (!events) {
        collect_one(w, req, root);
        return;
    }
    size_t n = collect_count(events);
    if (n == 0 || n > ING_BATCH_MAX) {
        collect_reject(w, req, PX_REASON_BATCH_SIZE, "events", NULL);
    } else if (px_req_header(req, "idempotency-key", NULL).p) {
        collect_reject(w, req, PX_REASON_UNKNOWN_MEMBER, "Idempotency-Key",
                       "Idempotency-Key names one event; a batch gives an eventId in each event");
    } else {
        ing_collect_batch(w, req, events);
    }
}

static void collect_json_free(struct px_json **doc) {
    px_json_free(*doc);
}

void ing_collect(struct ing_worker *w, struct px_http_req *req) {
    PX_DEFER(collect_json_free) struct px_json *doc = NULL;
    struct px_err err = PX_ERR_INIT;

    if (!collect_type_ok(req)) {
        collect_reject(w, req, PX_REASON_BAD_CONTENT_TYPE, "Content-Type", NULL);
        return;
    }
    switch ((int)px_json_parse(px_req_body(req), COLLECT_BODY_MAX, &doc, &err)) {
    case PX_OK:
        collect_document(w, req, px_json_root(doc));
        break;
    case PX_NOMEM:
        collect_busy(w, req);
        break;
    case PX_TOO_LARGE:
        collect_reject(w, req, PX_REASON_BODY_TOO_LARGE, "body", NULL);
        break;
    default:
        collect_reject(w, req, PX_REASON_BAD_JSON, "body", err.msg);
        break;
    }
}
