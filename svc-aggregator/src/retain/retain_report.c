/* What a plan found or a run did, as a table, as JSON and as a line of the log. */
#include "retain.h"

#include <px/jsonw.h>
#include <px/log.h>
#include <px/num.h>

int64_t agg_retained_rows(const struct agg_retained *ret) {
    int64_t sum = 0;
    for (size_t i = 0; i < ret->n; i++) {
        sum += ret->v[i].rows;
    }
    return sum;
}

px_us agg_retained_longest(const struct agg_retained *ret) {
    px_us longest = 0;
    for (size_t i = 0; i < ret->n; i++) {
        longest = ret->v[i].longest > longest ? ret->v[i].longest : longest;
    }
    return longest;
}

static struct px_str day_text(px_day d, char out[PX_TIME_TEXT]) {
    return (struct px_str){.p = out, .n = px_fmt_date(d, out)};
}

static bool is_held(const struct agg_retained *ret) {
    return ret->bounds.claims_from < ret->bounds.claims_wanted;
}

static void notes(const struct agg_retained *ret, struct px_buf *out) {
    char wanted[PX_TIME_TEXT];
    if (is_held(ret)) {
        px_buf_printf(out,
                      "note: claims and sums are kept longer than to %.*s: events that old may not "
                      "have been read yet\n",
                      PX_S_ARG(day_text(ret->bounds.claims_wanted, wanted)));
    }
    if (ret->stopped) {
        px_buf_c(out, "note: asked to stop; the next run goes on\n");
    }
}

void agg_retained_text(const struct agg_retained *ret, bool plan, struct px_buf *out) {
    char day[PX_TIME_TEXT];
    if (ret->busy) {
        px_buf_c(out, "another process is removing old rows: nothing to do\n");
        return;
    }
    px_buf_printf(out, "%-20s %-10s %12s%s\n", "table", "before", "rows",
                  plan ? "" : "  transactions  longest ms");
    for (size_t i = 0; i < ret->n; i++) {
        const struct agg_removed *v = &ret->v[i];
        px_buf_printf(out, "%-20s %-10.*s %12lld", v->table, PX_S_ARG(day_text(v->below, day)),
                      (long long)v->rows);
        if (!plan) {
            px_buf_printf(out, "  %12lld  %10lld", (long long)v->batches,
                          (long long)(v->longest / PX_US_PER_MS));
        }
        px_buf_byte(out, '\n');
    }
    px_buf_printf(out, "raw rows are complete from %.*s",
                  PX_S_ARG(day_text(ret->raw_complete, day)));
    px_buf_printf(out, ", events before %.*s are late\n",
                  PX_S_ARG(day_text(ret->late_before, day)));
    notes(ret, out);
}

static void table_json(struct px_jsonw *w, const struct agg_removed *v, bool plan) {
    char day[PX_TIME_TEXT];
    px_jw_obj(w);
    px_jw_kc(w, "table", v->table);
    px_jw_kstr(w, "before", day_text(v->below, day));
    px_jw_ki64(w, "rows", v->rows);
    if (!plan) {
        px_jw_ki64(w, "transactions", v->batches);
        px_jw_key(w, "longestMs");
        px_jw_fixed(w, v->longest, 3);
    }
    px_jw_obj_end(w);
}

void agg_retained_json(const struct agg_retained *ret, bool plan, struct px_buf *out) {
    char day[PX_TIME_TEXT];
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    px_jw_kc(&w, "mode", plan ? "plan" : "run");
    px_jw_kbool(&w, "busy", ret->busy);
    if (!ret->busy) {
        px_jw_kbool(&w, "stopped", ret->stopped);
        px_jw_kstr(&w, "rawCompleteFrom", day_text(ret->raw_complete, day));
        px_jw_kstr(&w, "claimsFrom", day_text(ret->late_before, day));
        px_jw_kstr(&w, "claimsWanted", day_text(ret->bounds.claims_wanted, day));
        px_jw_key(&w, "tables");
        px_jw_arr(&w);
        for (size_t i = 0; i < ret->n; i++) {
            table_json(&w, &ret->v[i], plan);
        }
        px_jw_arr_end(&w);
    }
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}

void agg_retained_log(const struct agg_retained *ret, const struct px_err *err) {
    char raw[PX_TIME_TEXT], claims[PX_TIME_TEXT];
    if (err) {
        px_log(PX_LOG_ERROR, "retention.failed", PX_F_ERR(err),
               PX_F_INT("px.rows", agg_retained_rows(ret)),
               PX_F_C("remedy", "nothing is half done: the next run goes on"));
        return;
    }
    if (ret->busy) {
        px_log0(PX_LOG_INFO, "retention.busy");
        return;
    }
    px_log(PX_LOG_INFO, "retention.done", PX_F_INT("px.rows", agg_retained_rows(ret)),
           PX_F_MS("px.longest_transaction_ms", agg_retained_longest(ret)),
           PX_F_MS("event.duration_ms", ret->took), PX_F_BOOL("px.stopped", ret->stopped),
           PX_F_BOOL("px.held", is_held(ret)),
           PX_F_STR("px.raw_complete_from", day_text(ret->raw_complete, raw)),
           PX_F_STR("px.claims_from", day_text(ret->late_before, claims)));
}
