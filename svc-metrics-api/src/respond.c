/* JSON envelope and problem documents. Pure. */
#include "respond.h"

#include "params.h"

static void write_time(struct px_jsonw *w, const char *key, px_us t) {
    char text[PX_TIME_TEXT];
    size_t n = px_fmt_instant(t, text);

    px_jw_kstr(w, key, (struct px_str){.p = text, .n = n});
}

static void write_range(const struct api_call *call, struct px_jsonw *w) {
    char text[PX_TIME_TEXT];
    size_t n;

    px_jw_key(w, "range");
    px_jw_obj(w);
    if (call->range.grain == API_GRAIN_DAY) {
        n = px_fmt_date(call->range.first, text);
        px_jw_kstr(w, "startDate", (struct px_str){.p = text, .n = n});
        n = px_fmt_date(call->range.last, text);
        px_jw_kstr(w, "endDate", (struct px_str){.p = text, .n = n});
    } else {
        write_time(w, "startDate", call->range.from);
        write_time(w, "endDate", call->range.to);
    }
    px_jw_obj_end(w);
    px_jw_kc(w, "grain", api_grain_name(call->range.grain));
}

/* What is in the numbers, and what was left out of them. */
static void write_traffic(const struct api_call *call, struct px_jsonw *w) {
    const struct api_left_out *lo = &call->left_out;

    px_jw_key(w, "traffic");
    px_jw_obj(w);
    px_jw_kc(w, "mode", call->human ? "human" : "all");
    if (call->human) {
        px_jw_key(w, "excluded");
        px_jw_obj(w);
        for (size_t i = 0; i < lo->n; i++) {
            px_jw_ki64(w, lo->v[i].word, lo->v[i].n);
        }
        if (lo->v[API_CLASSES - 1].n) {
            px_jw_ki64(w, "other", lo->v[API_CLASSES - 1].n);
        }
        px_jw_obj_end(w);
        px_jw_ki64(w, "unclassified", lo->unclassified);
    }
    px_jw_obj_end(w);
}

/* complete: everything that was acknowledged before the end of the range is in the numbers. */
static void write_meta(const struct api_call *call, struct px_jsonw *w) {
    const struct api_freshness *f = &call->fresh;
    px_us lag = f->as_of - f->watermark;

    px_jw_key(w, "meta");
    px_jw_obj(w);
    write_range(call, w);
    px_jw_kc(w, "tz", px_zone_name(call->zone));
    write_time(w, "asOf", f->as_of);
    if (f->known) {
        write_time(w, "watermark", f->watermark);
    } else {
        px_jw_key(w, "watermark");
        px_jw_null(w);
    }
    px_jw_kbool(w, "complete", f->known && f->watermark >= call->range.to);
    px_jw_key(w, "lagSeconds");
    if (f->known) {
        px_jw_fixed(w, (lag > 0 ? lag : 0) / PX_US_PER_MS, 3);
    } else {
        px_jw_null(w);
    }
    px_jw_ki64(w, "revision", f->revision);
    if (call->ep->takes & API_TAKES_TRAFFIC) {
        write_traffic(call, w);
    }
    px_jw_obj_end(w);
}

static void write_page(const struct api_call *call, struct px_jsonw *w) {
    const struct api_page *p = &call->page;
    bool more = p->end < p->total;
    char cursor[API_CURSOR_TEXT];

    px_jw_key(w, "page");
    px_jw_obj(w);
    px_jw_ki64(w, "limit", (int64_t)p->limit);
    px_jw_kbool(w, "hasMore", more);
    px_jw_key(w, "nextCursor");
    if (more) {
        size_t n = api_cursor_write(call->fingerprint, p->end, cursor);
        px_jw_str(w, (struct px_str){.p = cursor, .n = n});
    } else {
        px_jw_null(w);
    }
    px_jw_obj_end(w);
}

void api_envelope(const struct api_call *call, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);

    px_jw_obj(&w);
    px_jw_key(&w, "data");
    call->ep->write(call, &w);
    write_meta(call, &w);
    if (call->ep->takes & API_TAKES_PAGE) {
        write_page(call, &w);
    }
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}

void api_link(const struct api_call *call, const struct api_target *t, struct px_buf *out) {
    struct px_form form = {.rest = t->query};
    struct px_str name;
    struct px_str value;
    bool has_value;
    char cursor[API_CURSOR_TEXT];

    if (call->page.end >= call->page.total) {
        return;
    }
    /* path and query were accepted as visible ASCII by the HTTP gate: they are safe to repeat */
    px_buf_c(out, "Link: <");
    px_buf_str(out, t->path);
    px_buf_byte(out, '?');
    while (px_form_next(&form, &name, &value, &has_value)) {
        if (!px_str_is(name, "cursor")) {
            px_buf_str(out, name);
            px_buf_byte(out, '=');
            px_buf_str(out, value);
            px_buf_byte(out, '&');
        }
    }
    size_t n = api_cursor_write(call->fingerprint, call->page.end, cursor);
    px_buf_c(out, "cursor=");
    px_buf_add(out, cursor, n);
    px_buf_c(out, ">; rel=\"next\"\r\n");
}

void api_problem(const struct api_faults *faults, struct px_str instance, struct px_buf *out) {
    struct px_problem_field fields[API_MAX_FIELD_ERRORS];

    for (size_t i = 0; i < faults->n; i++) {
        fields[i] = (struct px_problem_field){.field = faults->v[i].field,
                                              .code = faults->v[i].code,
                                              .message = px_str_c(faults->v[i].message)};
    }
    struct px_problem p = {
        .status = faults->status,
        .code = faults->v[0].code,
        .title = px_http_status_text(faults->status),
        .detail = px_str_c(faults->v[0].message),
        .instance = instance,
        .retryable = faults->status == 503,
        .errors = fields,
        .nerrors = faults->n,
    };
    px_problem_write(&p, out);
}

int api_problem_of(const struct px_err *err, struct px_str instance, struct px_buf *out) {
    static const struct {
        enum px_code code;
        int status;
        const char *name, *detail;
    } known[] = {
        {PX_SQL_LOST, 503, "database_unavailable", "the database cannot be reached; try again"},
        {PX_SQL_RETRY, 503, "database_busy", "the database is busy; try again"},
        {PX_DENIED, 503, "database_refuses",
         "the database refuses this service; its operator is needed"},
        {PX_SCHEMA, 503, "database_not_ready", "the database has no tables of this version yet"},
        {PX_TIMEOUT, 504, "timeout", "the query took too long; ask for a shorter range"},
        {PX_BUSY, 503, "overloaded", "too many requests are waiting; try again shortly"},
        {PX_TOO_LARGE, 400, "range_too_long", "too many rows; ask for a shorter range"},
        {PX_NOMEM, 503, "no_memory", "not enough memory for this answer; ask for a shorter range"},
        {PX_CONFIG, 500, "misconfigured", "the service and its database disagree; see its log"},
    };
    struct px_problem p = {.status = 500,
                           .code = "internal",
                           .detail = PX_S("the query failed; see the service's log"),
                           .instance = instance};

    for (size_t i = 0; i < PX_ARRAY_LEN(known); i++) {
        if (known[i].code == err->code) {
            p.status = known[i].status;
            p.code = known[i].name;
            p.detail = px_str_c(known[i].detail);
        }
    }
    p.title = px_http_status_text(p.status);
    p.retryable = p.status == 503 || p.status == 504;
    px_problem_write(&p, out);
    return p.status;
}
