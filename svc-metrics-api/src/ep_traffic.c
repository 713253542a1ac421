/* GET /api/metrics/traffic: counted events by class and reason; and what traffic=human leaves out
 * of the other endpoints' counts. */
#include "endpoint.h"

enum px_code api_load_counts(struct api_db *db, struct api_call *call,
                             const struct api_filter *filter, struct api_counts *counts,
                             struct px_err *reterr) {
    enum px_code code = api_db_counts(db, filter, counts, reterr);

    if (!code && call->human) {
        code = api_db_leave_out(db, filter, counts,
                                counts == &call->counts ? &call->left_out : NULL, reterr);
    }
    return code;
}

enum px_code api_load_traffic(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    enum px_code code = api_db_traffic(db, &call->range, call->arena, &call->traffic, reterr);

    if (!code) {
        api_page_cut(&call->page, call->traffic.n);
    }
    return code;
}

static void write_class(struct px_jsonw *w, struct px_str class, int64_t n) {
    px_jw_obj(w);
    px_jw_kstr(w, "class", class);
    px_jw_kbool(w, "person", px_traffic_is_person(class));
    px_jw_ki64(w, "count", n);
    px_jw_obj_end(w);
}

/* Rows come sorted by class. */
static void write_classes(const struct api_traffic *t, struct px_jsonw *w) {
    px_jw_key(w, "classes");
    px_jw_arr(w);
    for (size_t i = 0; i < t->n;) {
        struct px_str class = t->v[i].class;
        int64_t n = 0;

        for (; i < t->n && px_str_eq(t->v[i].class, class); i++) {
            n += t->v[i].n;
        }
        write_class(w, class, n);
    }
    px_jw_arr_end(w);
}

static void write_reasons(const struct api_call *call, struct px_jsonw *w) {
    px_jw_key(w, "reasons");
    px_jw_arr(w);
    for (size_t i = call->page.first; i < call->page.end; i++) {
        const struct api_traffic_row *row = &call->traffic.v[i];

        px_jw_obj(w);
        px_jw_kstr(w, "class", row->class);
        if (row->reason.n) {
            px_jw_kstr(w, "reason", row->reason);
        } else {
            px_jw_key(w, "reason");
            px_jw_null(w);
        }
        px_jw_ki64(w, "count", row->n);
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
}

void api_write_traffic(const struct api_call *call, struct px_jsonw *w) {
    const struct api_traffic *t = &call->traffic;
    int64_t total = 0, persons = 0;

    for (size_t i = 0; i < t->n; i++) {
        total += t->v[i].n;
        persons += px_traffic_is_person(t->v[i].class) ? t->v[i].n : 0;
    }
    px_jw_obj(w);
    px_jw_ki64(w, "total", total);
    px_jw_ki64(w, "persons", persons);
    write_classes(t, w);
    write_reasons(call, w);
    px_jw_obj_end(w);
}
