/* Pieces that the endpoints' writers share: how a bucket, a rate and a page look in JSON. Pure. */
#include "endpoint.h"

#include <stdlib.h>

void api_write_bucket(const struct api_call *call, struct px_jsonw *w, size_t i) {
    char text[PX_TIME_TEXT];
    bool day = call->range.grain == API_GRAIN_DAY;
    size_t n = day ? px_fmt_date(api_range_day(&call->range, i), text)
                   : px_fmt_instant(api_range_instant(&call->range, i), text);

    px_jw_kstr(w, day ? "date" : "time", (struct px_str){.p = text, .n = n});
}

void api_write_ratio(struct px_jsonw *w, int64_t num, int64_t den) {
    const int64_t scale = 1000000;

    if (den == 0) {
        px_jw_null(w);
        return;
    }
    if (num > INT64_MAX / (2 * scale) || num < INT64_MIN / (2 * scale)) {
        px_jw_double(w, (double)num / (double)den);
        return;
    }
    int64_t scaled = llabs(num) * scale;
    int64_t d = llabs(den);
    int64_t rounded = scaled / d + (scaled % d >= d - scaled % d ? 1 : 0);
    px_jw_fixed(w, (num < 0) == (den < 0) ? rounded : -rounded, 6);
}

void api_write_rate(struct px_jsonw *w, const char *key, int64_t num, int64_t den) {
    px_jw_key(w, key);
    px_jw_obj(w);
    px_jw_ki64(w, "numerator", num);
    px_jw_ki64(w, "denominator", den);
    px_jw_key(w, "rate");
    api_write_ratio(w, num, den);
    px_jw_obj_end(w);
}

void api_page_cut(struct api_page *page, size_t total) {
    page->total = total;
    if (page->first > total) {
        page->first = total;
    }
    page->end = page->limit < total - page->first ? page->first + page->limit : total;
}
