/* A batch of POST /api/events, from an array or from lines: every item takes the way of a single
 * event, the answer waits for all. */
#include "handle.h"

#include <px/map.h>

#include <string.h>

/* Each part with its length in front. */
struct px_str ing_batch_scope(struct ing_worker *w, const struct px_raw_event *raw) {
    const struct px_str part[] = {raw->event_type, raw->player_id, raw->client_event_id};
    size_t n = 0;
    if (raw->client_event_id.n == 0) {
        return (struct px_str){0};
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(part); i++) {
        n += sizeof part[i].n + part[i].n;
    }
    char *p = px_arena_alloc(&w->scratch.arena, n);
    struct px_str scope = {.p = p, .n = n};
    for (size_t i = 0; p && i < PX_ARRAY_LEN(part); i++) {
        memcpy(p, &part[i].n, sizeof part[i].n);
        if (part[i].n) {
            memcpy(p + sizeof part[i].n, part[i].p, part[i].n);
        }
        p += sizeof part[i].n + part[i].n;
    }
    return scope.p ? scope : (struct px_str){0};
}

static void batch_echo(struct ing_item *item, struct px_str id) {
    if (id.n && id.n <= sizeof item->client_id) {
        item->client_n = (uint8_t)id.n;
        memcpy(item->client_id, id.p, id.n);
    }
}

/* Judge and queue item ${i}. */
static void batch_accept(struct ing_worker *w, struct ing_request *rq, struct ing_batch *b,
                         uint32_t i) {
    struct ing_item *item = &b->items[i];
    struct ing_slot *slot = NULL;
    enum ing_busy busy = ING_BUSY_OVERLOADED;

    switch (ing_accept(w, rq, &slot, &busy)) {
    case ING_QUEUED:
        item->id = slot->w.id;
        item->retimed = slot->w.retimed;
        slot->w.batch = b;
        slot->w.batch_index = i;
        b->refs++;
        return;
    case ING_REFUSED:
        ing_collect_names(rq->fields, rq->verdict);
        ing_batch_reject(b, i, rq->verdict->issues[0].reason, rq->verdict->issues[0].field);
        break;
    case ING_LATER:
        ing_batch_retry(b, i, busy);
        break;
    }
    item->id = ing_request_id(w, rq);
}

/* Read item ${i} into rq->fields; false when it has its outcome already. */
static bool batch_read(struct ing_worker *w, struct ing_request *rq, const struct ing_batch_ask *a,
                       struct ing_batch *b, uint32_t i) {
    const struct px_jnode *node = NULL;
    enum px_code rc = ing_items_next(rq->items, &node, NULL);

    if (rc == PX_INVALID) {
        ing_request_fault(rq, PX_REASON_BAD_JSON, "event");
        rq->asked.named = false; /* each has an id of its own */
        ing_reject(w, rq, NULL, ing_request_text(rq));
        b->items[i].id = ing_request_id(w, rq);
        ing_batch_reject(b, i, PX_REASON_BAD_JSON, "event");
        return false;
    }
    rc = rc ? rc : ing_collect_read(w->world->catalog, node, &w->scratch.arena, rq->fields, NULL);
    if (rc == PX_OK && a->key.n) {
        rc = ing_collect_item_key(rq->fields, a->key, i, &w->scratch.arena);
    }
    if (rc) {
        px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, 1);
        b->items[i].id = px_uuid_next(&w->uuids, b->received);
        ing_batch_retry(b, i, ING_BUSY_OVERLOADED);
        return false;
    }
    return true;
}

static void batch_item(struct ing_worker *w, struct ing_request *rq, struct ing_batch *b,
                       uint32_t i, struct px_map *seen) {
    uint64_t *place = NULL;

    batch_echo(&b->items[i], rq->fields->raw.client_event_id);
    struct px_str scope = ing_batch_scope(w, &rq->fields->raw);
    if (scope.n && (place = px_map_get(seen, scope))) {
        px_count(w->shard, ING_M_DUPLICATES, 0, 0, 1);
        ing_batch_duplicate(b, i, (uint32_t)*place);
        return;
    }
    batch_accept(w, rq, b, i);
    /* A refused item does not use up its id: a mended one may follow in the same request. Without
     * memory a repeat goes to the log too, where the same id makes it harmless. */
    bool fresh;
    if (scope.n && b->items[i].status != ING_ITEM_REJECTED) {
        PX_IGNORE(px_map_put(seen, scope, i, &place, &fresh));
    }
}

void ing_collect_batch(struct ing_worker *w, struct ing_request *rq,
                       const struct ing_batch_ask *a) {
    struct ing_batch *b = ing_batch_new(a->n, rq->asked.received);
    if (!b) {
        struct ing_refusal r = ing_refusal_busy(ING_BUSY_OVERLOADED);
        px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, a->n);
        ing_reply_refusal(w, rq, &r);
        return;
    }
    b->source = rq->asked.source;
    PX_DEFER(px_map_fini) struct px_map seen;
    px_map_init(&seen, ING_BATCH_MAX);
    for (uint32_t i = 0; i < a->n; i++) {
        if (batch_read(w, rq, a, b, i)) {
            batch_item(w, rq, b, i, &seen);
        }
    }
    if (b->waiting) {
        b->ticket = px_http_defer(rq->req);
        b->deferred = true;
    } else {
        struct px_http_reply reply = ing_batch_answer(b, &w->answer);
        ing_reply(w, rq, &reply);
    }
    ing_batch_unref(b);
}
