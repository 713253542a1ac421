/* GET /api/metrics/trends/{eventType}: one type over time and its change against the period of
 * equal length right before. */
#include "endpoint.h"

void api_check_type(const struct api_call *call, struct api_faults *f) {
    if (!px_catalog_find(call->catalog, call->name)) {
        api_fault(f, 404, "eventType", "unknown_event_type", "not an event type of the catalog");
    }
}

enum px_code api_load_trends(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    struct api_filter filter = {.type = call->name};
    size_t ntypes = px_catalog_count(call->catalog);
    struct api_range *before = px_arena_zalloc(call->arena, 1, sizeof(*before));

    if (!before) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the range before");
    }
    *before = api_range_before(&call->range, call->zone);
    enum px_code code = api_counts_init(&call->counts, &call->range, ntypes, call->arena);
    if (!code) {
        code = api_counts_init(&call->before, before, ntypes, call->arena);
    }
    if (code) {
        return PX_FAIL(reterr, code, "no memory for %zu buckets", 2 * call->range.buckets);
    }
    api_page_cut(&call->page, call->range.buckets);
    code = api_load_counts(db, call, &filter, &call->counts, reterr);
    return code ? code : api_load_counts(db, call, &filter, &call->before, reterr);
}

static void write_change(struct px_jsonw *w, int64_t now, int64_t before) {
    px_jw_key(w, "change");
    px_jw_obj(w);
    px_jw_ki64(w, "previousTotal", before);
    px_jw_ki64(w, "absolute", now - before);
    px_jw_key(w, "relative");
    api_write_ratio(w, now - before, before);
    px_jw_kc(w, "direction", now > before ? "up" : now < before ? "down" : "flat");
    px_jw_obj_end(w);
}

void api_write_trends(const struct api_call *call, struct px_jsonw *w) {
    const struct px_event_type *t = px_catalog_find(call->catalog, call->name);
    size_t type = t ? t->index : 0;

    px_jw_obj(w);
    px_jw_kstr(w, "eventType", call->name);
    px_jw_ki64(w, "total", call->counts.total[type]);
    px_jw_key(w, "series");
    px_jw_arr(w);
    for (size_t i = call->page.first; i < call->page.end; i++) {
        px_jw_obj(w);
        api_write_bucket(call, w, i);
        px_jw_ki64(w, "count", api_counts_at(&call->counts, i, type));
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
    write_change(w, call->counts.total[type], call->before.total[type]);
    px_jw_obj_end(w);
}
