/* Dry runs: an event is read and judged as if it were sent, and the answer says all that was found.
 * Nothing is queued, recorded or counted as an event. */
#include "handle.h"

#include <px/jsonw.h>
#include <px/map.h>

static void dry_errors(struct px_jsonw *j, const struct px_verdict *v) {
    px_jw_key(j, "errors");
    px_jw_arr(j);
    for (size_t i = 0; i < v->nissues; i++) {
        px_jw_obj(j);
        px_jw_kc(j, "field", v->issues[i].field);
        px_jw_kc(j, "code", px_reason_code(v->issues[i].reason));
        px_jw_kc(j, "message", px_reason_text(v->issues[i].reason));
        px_jw_obj_end(j);
    }
    px_jw_arr_end(j);
}

static void dry_dropped(struct px_jsonw *j, const struct ing_fields *f) {
    px_jw_key(j, "dropped");
    px_jw_arr(j);
    for (size_t i = 0; i < f->dropped && i < ING_DROPPED_NAMES; i++) {
        px_jw_str(j, f->dropped_names[i]);
    }
    px_jw_arr_end(j);
}

/* The members that tell of the event in hand. */
static void dry_event(struct ing_worker *w, const struct ing_request *rq, struct px_jsonw *j) {
    const struct px_str id = rq->fields->raw.client_event_id;
    const struct px_verdict *v = rq->verdict;
    bool valid = v->nissues == 0;

    px_count(w->shard, ING_M_DRY_RUNS, valid ? ING_DRY_VALID : ING_DRY_INVALID, 0, 1);
    px_jw_kbool(j, "valid", valid);
    if (id.n && id.n <= ING_CLIENT_ID_MAX) {
        px_jw_kstr(j, "clientEventId", id);
    }
    if (v->time_replaced) {
        px_jw_kbool(j, "timestampReplaced", true);
    }
    if (rq->sender.traffic_class.n) {
        px_jw_kstr(j, "trafficClass", rq->sender.traffic_class);
    }
    dry_errors(j, v);
    dry_dropped(j, rq->fields);
}

static struct px_jsonw dry_begin(struct ing_worker *w, const struct ing_request *rq) {
    ing_answer_start(&w->answer);
    if (rq->wishes.preferred) {
        px_buf_c(&w->answer.fields, "Preference-Applied: handling=dry-run\r\n");
    }
    struct px_jsonw j = px_jsonw_on(&w->answer.body);
    px_jw_obj(&j);
    px_jw_kbool(&j, "dryRun", true);
    return j;
}

static void dry_end(struct ing_worker *w, const struct ing_request *rq, struct px_jsonw *j) {
    px_jw_obj_end(j);
    struct px_http_reply reply = ing_answer_json(&w->answer, 0);
    ing_reply(w, rq, &reply);
}

static void dry_busy(struct ing_worker *w, struct ing_request *rq) {
    struct ing_refusal r = ing_refusal_busy(ING_BUSY_OVERLOADED);

    ing_reply_refusal(w, rq, &r);
}

void ing_dry_verdict(struct ing_worker *w, struct ing_request *rq) {
    struct px_jsonw j = dry_begin(w, rq);

    dry_event(w, rq, &j);
    dry_end(w, rq, &j);
}

void ing_dry_pixel(struct ing_worker *w, struct ing_request *rq) {
    struct px_event ev;

    if (ing_judge(w, rq, &ev) == PX_NOMEM) {
        dry_busy(w, rq);
        return;
    }
    ing_pixel_names(rq->verdict);
    ing_dry_verdict(w, rq);
}

void ing_dry_collect(struct ing_worker *w, struct ing_request *rq) {
    struct px_event ev;

    if (ing_judge(w, rq, &ev) == PX_NOMEM) {
        dry_busy(w, rq);
        return;
    }
    ing_collect_names(rq->fields, rq->verdict);
    ing_dry_verdict(w, rq);
}

/* --- a batch -------------------------------------------------------------------------------------
 */

/* The next item, judged into rq->verdict. Errors: PX_NOMEM. */
static enum px_code dry_next(struct ing_worker *w, struct ing_request *rq,
                             const struct ing_batch_ask *a, uint32_t i) {
    struct px_arena *arena = &w->scratch.arena;
    const struct px_jnode *node = NULL;
    struct px_event ev;
    enum px_code rc = ing_items_next(rq->items, &node, NULL);

    if (rc == PX_INVALID) {
        *rq->fields = (struct ing_fields){.dropped = 0};
        ing_request_fault(rq, PX_REASON_BAD_JSON, "event");
        return PX_OK;
    }
    rc = rc ? rc : ing_collect_read(w->world->catalog, node, arena, rq->fields, NULL);
    if (rc == PX_OK && a->key.n) {
        rc = ing_collect_item_key(rq->fields, a->key, i, arena);
    }
    if (rc) {
        return PX_NOMEM;
    }
    rc = ing_judge(w, rq, &ev);
    ing_collect_names(rq->fields, rq->verdict);
    return rc == PX_NOMEM ? rc : PX_OK;
}

/* As in a batch that counts: a refused item does not use up its id. */
static void dry_duplicate(struct ing_worker *w, const struct ing_request *rq, struct px_jsonw *j,
                          struct px_map *seen, uint32_t i) {
    struct px_str scope = ing_batch_scope(w, &rq->fields->raw);
    uint64_t *first = NULL;
    bool fresh = true;

    if (scope.n && rq->verdict->nissues == 0 &&
        px_map_put(seen, scope, i, &first, &fresh) == PX_OK && !fresh) {
        px_jw_ki64(j, "duplicateOf", (int64_t)*first);
    }
}

void ing_dry_batch(struct ing_worker *w, struct ing_request *rq, const struct ing_batch_ask *a) {
    PX_DEFER(px_map_fini) struct px_map seen;
    struct px_jsonw j = dry_begin(w, rq);
    bool valid = true;

    px_map_init(&seen, ING_BATCH_MAX);
    px_jw_key(&j, "results");
    px_jw_arr(&j);
    for (uint32_t i = 0; i < a->n; i++) {
        if (dry_next(w, rq, a, i)) {
            dry_busy(w, rq);
            return;
        }
        px_jw_obj(&j);
        px_jw_ki64(&j, "index", i);
        dry_event(w, rq, &j);
        dry_duplicate(w, rq, &j, &seen, i);
        px_jw_obj_end(&j);
        valid = valid && rq->verdict->nissues == 0;
    }
    px_jw_arr_end(&j);
    px_jw_kbool(&j, "valid", valid);
    dry_end(w, rq, &j);
}
