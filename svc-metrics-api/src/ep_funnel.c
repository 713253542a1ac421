/* GET /api/metrics/conversion-rates and /campaigns/{bannerTag}: the funnel of S0, for all banners
 * or one. The three steps are event types of the catalog; a type that is not there counts as zero.
 */
#include <px/validate.h>

#include "endpoint.h"

enum {
    VISIT,
    REGISTRATION,
    DEPOSIT,
    STEPS
};

struct funnel {
    size_t type[STEPS]; /* index in the catalog, or SIZE_MAX */
};

static struct funnel funnel_of(const struct px_catalog *catalog) {
    static const struct px_str names[STEPS] = {PX_S_INIT("visit"), PX_S_INIT("registration"),
                                               PX_S_INIT("deposit")};
    struct funnel f;

    for (size_t i = 0; i < STEPS; i++) {
        const struct px_event_type *t = px_catalog_find(catalog, names[i]);
        f.type[i] = t ? t->index : SIZE_MAX;
    }
    return f;
}

static void write_steps(struct px_jsonw *w, const int64_t n[STEPS]) {
    px_jw_ki64(w, "visits", n[VISIT]);
    px_jw_ki64(w, "registrations", n[REGISTRATION]);
    px_jw_ki64(w, "deposits", n[DEPOSIT]);
    api_write_rate(w, "visitToRegistration", n[REGISTRATION], n[VISIT]);
    api_write_rate(w, "registrationToDeposit", n[DEPOSIT], n[REGISTRATION]);
    api_write_rate(w, "visitToDeposit", n[DEPOSIT], n[VISIT]);
}

static void write_members(const struct api_call *call, struct px_jsonw *w) {
    struct funnel f = funnel_of(call->catalog);
    const struct api_counts *c = &call->counts;
    int64_t n[STEPS];

    for (size_t s = 0; s < STEPS; s++) {
        n[s] = f.type[s] == SIZE_MAX ? 0 : c->total[f.type[s]];
    }
    write_steps(w, n);
    px_jw_key(w, "series");
    px_jw_arr(w);
    for (size_t i = call->page.first; i < call->page.end; i++) {
        for (size_t s = 0; s < STEPS; s++) {
            n[s] = f.type[s] == SIZE_MAX ? 0 : api_counts_at(c, i, f.type[s]);
        }
        px_jw_obj(w);
        api_write_bucket(call, w, i);
        write_steps(w, n);
        px_jw_obj_end(w);
    }
    px_jw_arr_end(w);
}

/* What is left out is told of the steps alone: they are what the answer shows. */
static enum px_code show_steps(struct api_call *call, struct px_err *reterr) {
    struct funnel f = funnel_of(call->catalog);
    bool *shown = px_arena_zalloc(call->arena, px_catalog_count(call->catalog), sizeof(*shown));

    if (!shown) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the types");
    }
    for (size_t s = 0; s < STEPS; s++) {
        if (f.type[s] != SIZE_MAX) {
            shown[f.type[s]] = true;
        }
    }
    call->left_out.shown = shown;
    return PX_OK;
}

static enum px_code load(struct api_db *db, struct api_call *call, const struct api_filter *filter,
                         struct px_err *reterr) {
    enum px_code code =
        api_counts_init(&call->counts, &call->range, px_catalog_count(call->catalog), call->arena);
    if (code) {
        return PX_FAIL(reterr, code, "no memory for %zu buckets", call->range.buckets);
    }
    api_page_cut(&call->page, call->range.buckets);
    code = show_steps(call, reterr);
    return code ? code : api_load_counts(db, call, filter, &call->counts, reterr);
}

enum px_code api_load_conversion(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    static const struct api_filter all = {.banner = {.p = NULL}};

    return load(db, call, &all, reterr);
}

void api_write_conversion(const struct api_call *call, struct px_jsonw *w) {
    px_jw_obj(w);
    write_members(call, w);
    px_jw_obj_end(w);
}

void api_check_banner(const struct api_call *call, struct api_faults *f) {
    if (call->name.n == 0 || call->name.n > 128 || !px_utf8_valid(call->name) ||
        px_str_has_control(call->name)) {
        api_fault(f, 400, "bannerTag", "bad_banner_tag",
                  "a banner tag has 1 to 128 bytes of UTF-8 without control characters");
    }
}

enum px_code api_load_campaign(struct api_db *db, struct api_call *call, struct px_err *reterr) {
    struct api_filter filter = {.banner = call->name};

    return load(db, call, &filter, reterr);
}

void api_write_campaign(const struct api_call *call, struct px_jsonw *w) {
    px_jw_obj(w);
    px_jw_kstr(w, "bannerTag", call->name);
    write_members(call, w);
    px_jw_obj_end(w);
}
