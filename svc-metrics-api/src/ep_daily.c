/* GET /api/metrics: counts per bucket and event type as one flat, ordered, zero-filled list. */
#include "endpoint.h"

enum px_code api_load_daily(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    static const struct api_filter all = {.banner = {.p = NULL}};
    size_t ntypes = px_catalog_count(call->catalog);
    enum px_code code = api_counts_init(&call->counts, &call->range, ntypes, call->arena);

    if (code) {
        return PX_FAIL(reterr, code, "no memory for %zu buckets", call->range.buckets);
    }
    api_page_cut(&call->page, call->range.buckets * ntypes);
    return api_load_counts(db, call, &all, &call->counts, reterr);
}

void api_write_daily(const struct api_call *call, struct px_jsonw *w) {
    size_t ntypes = call->counts.ntypes;

    px_jw_arr(w);
    for (size_t i = call->page.first; i < call->page.end; i++) {
        px_jw_obj(w);
        api_write_bucket(call, w, i / ntypes);
        px_jw_kc(w, "eventType", px_catalog_type(call->catalog, i % ntypes)->name);
        px_jw_ki64(w, "count", api_counts_at(&call->counts, i / ntypes, i % ntypes));
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
}
