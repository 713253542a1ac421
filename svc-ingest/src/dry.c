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

/* The members that tell of one event, which w->verdict is about. */
static void dry_event(struct ing_worker *w, struct px_jsonw *j, const struct ing_fields *f) {
    const struct px_verdict *v = &w->verdict;
    bool valid = v->nissues == 0;

    px_count(w->shard, ING_M_DRY_RUNS, valid ? ING_DRY_VALID : ING_DRY_INVALID, 0, 1);
    px_jw_kbool(j, "valid", valid);
    if (f->raw.client_event_id.n && f->raw.client_event_id.n <= ING_CLIENT_ID_MAX) {
        px_jw_kstr(j, "clientEventId", f->raw.client_event_id);
    }
    if (v->time_replaced) {
        px_jw_kbool(j, "timestampReplaced", true);
    }
    if (w->sender.traffic_class.n) {
        px_jw_kstr(j, "trafficClass", w->sender.traffic_class);
    }
    dry_errors(j, v);
    dry_dropped(j, f);
}

static struct px_jsonw dry_begin(struct ing_worker *w) {
    ing_answer_start(&w->answer);
    if (w->wishes.preferred) {
        px_buf_c(&w->answer.fields, "Preference-Applied: handling=dry-run\r\n");
    }
    struct px_jsonw j = px_jsonw_on(&w->answer.body);
    px_jw_obj(&j);
    px_jw_kbool(&j, "dryRun", true);
    return j;
}

static void dry_end(struct ing_worker *w, struct px_http_req *req, enum ing_route route,
                    struct px_jsonw *j) {
    px_jw_obj_end(j);
    struct px_http_reply reply = ing_answer_json(&w->answer, 0);
    ing_reply(w, req, route, &reply);
}

static void dry_busy(struct ing_worker *w, struct px_http_req *req, enum ing_route route) {
    struct ing_refusal r = ing_refusal_busy(ING_BUSY_OVERLOADED);

    ing_reply_refusal(w, req, route, &r);
}

void ing_dry_verdict(struct ing_worker *w, struct px_http_req *req, enum ing_route route,
                     const struct ing_fields *f) {
    struct px_jsonw j = dry_begin(w);

    dry_event(w, &j, f);
    dry_end(w, req, route, &j);
}

void ing_dry_pixel(struct ing_worker *w, struct px_http_req *req, struct ing_fields *f) {
    struct px_event ev;

    if (ing_judge(w, req, f, &ev) == PX_NOMEM) {
        dry_busy(w, req, ING_ROUTE_PIXEL);
        return;
    }
    ing_pixel_names(&w->verdict);
    ing_dry_verdict(w, req, ING_ROUTE_PIXEL, f);
}

void ing_dry_collect(struct ing_worker *w, struct px_http_req *req, struct ing_fields *f) {
    struct px_event ev;

    if (ing_judge(w, req, f, &ev) == PX_NOMEM) {
        dry_busy(w, req, ING_ROUTE_EVENTS);
        return;
    }
    ing_collect_names(f, &w->verdict);
    ing_dry_verdict(w, req, ING_ROUTE_EVENTS, f);
}

/* --- a batch -------------------------------------------------------------------------------------
 */

/* The next item, judged into w->verdict. Errors: PX_NOMEM. */
static enum px_code dry_next(struct ing_worker *w, struct px_http_req *req,
                             const struct ing_batch_ask *a, uint32_t i) {
    const struct px_jnode *node = NULL;
    struct px_event ev;
    enum px_code rc = ing_items_next(a->items, &node, NULL);

    if (rc == PX_INVALID) {
        w->fields = (struct ing_fields){.dropped = 0};
        w->verdict.nissues = 0;
        w->verdict.time_replaced = false;
        px_verdict_add(&w->verdict, PX_REASON_BAD_JSON, "event");
        return PX_OK;
    }
    rc = rc ? rc : ing_collect_read(w->world->catalog, node, &w->arena, &w->fields, NULL);
    if (rc == PX_OK && a->key.n) {
        rc = ing_collect_item_key(&w->fields, a->key, i, &w->arena);
    }
    if (rc) {
        return PX_NOMEM;
    }
    rc = ing_judge(w, req, &w->fields, &ev);
    ing_collect_names(&w->fields, &w->verdict);
    return rc == PX_NOMEM ? rc : PX_OK;
}

/* As in a batch that counts: a refused item does not use up its id. */
static void dry_duplicate(struct ing_worker *w, struct px_jsonw *j, struct px_map *seen,
                          uint32_t i) {
    struct px_str scope = ing_batch_scope(w, &w->fields.raw);
    uint64_t *first = NULL;
    bool fresh = true;

    if (scope.n && w->verdict.nissues == 0 && px_map_put(seen, scope, i, &first, &fresh) == PX_OK &&
        !fresh) {
        px_jw_ki64(j, "duplicateOf", (int64_t)*first);
    }
}

void ing_dry_batch(struct ing_worker *w, struct px_http_req *req, const struct ing_batch_ask *a) {
    PX_DEFER(px_map_fini) struct px_map seen;
    struct px_jsonw j = dry_begin(w);
    bool valid = true;

    px_map_init(&seen, ING_BATCH_MAX);
    px_jw_key(&j, "results");
    px_jw_arr(&j);
    for (uint32_t i = 0; i < a->n; i++) {
        if (dry_next(w, req, a, i)) {
            dry_busy(w, req, ING_ROUTE_EVENTS);
            return;
        }
        px_jw_obj(&j);
        px_jw_ki64(&j, "index", i);
        dry_event(w, &j, &w->fields);
        dry_duplicate(w, &j, &seen, i);
        px_jw_obj_end(&j);
        valid = valid && w->verdict.nissues == 0;
    }
    px_jw_arr_end(&j);
    px_jw_kbool(&j, "valid", valid);
    dry_end(w, req, ING_ROUTE_EVENTS, &j);
}
