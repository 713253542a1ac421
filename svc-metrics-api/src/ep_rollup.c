/* GET /api/metrics/rollups/{name}: the stored rows of a generic aggregation. */
#include "endpoint.h"

void api_check_rollup(const struct api_call *call, struct api_faults *f) {
    const struct px_rollup *r = px_rollups_find(call->rollups, call->name);

    if (!r) {
        api_fault(f, 404, "name", "unknown_rollup", "not a rollup of rollups.yaml");
    } else if (strcmp(r->table, PX_GENERIC_TABLE) != 0) {
        api_fault(f, 404, "name", "unknown_rollup",
                  "kept in a table of its own; the other endpoints serve it");
    }
}

enum px_code api_load_rollup(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    struct api_rollup_query q = {.name = call->name, .range = &call->range, .arena = call->arena};
    enum px_code code = api_db_rollup(db, &q, &call->rows, &call->nrows, reterr);

    if (!code) {
        api_page_cut(&call->page, call->nrows);
    }
    return code;
}

void api_write_rollup(const struct api_call *call, struct px_jsonw *w) {
    px_jw_arr(w);
    for (size_t i = call->page.first; i < call->page.end; i++) {
        const struct api_rollup_row *row = &call->rows[i];
        char time[PX_TIME_TEXT];
        size_t n = px_fmt_instant(row->bucket, time);

        px_jw_obj(w);
        px_jw_kstr(w, "time", (struct px_str){.p = time, .n = n});
        px_jw_key(w, "dimensions");
        px_jw_arr(w);
        for (size_t d = 0; d < PX_ARRAY_LEN(row->dim); d++) {
            if (row->dim[d].n > 0) {
                px_jw_str(w, row->dim[d]);
            }
        }
        px_jw_arr_end(w);
        px_jw_ki64(w, "value", row->value);
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
}
