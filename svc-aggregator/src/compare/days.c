/* Spans of days to windows: where each day begins and ends as instants, because the database cannot
 * cut days in its zone. */
#include "days.h"

#include <px/mem.h>
#include <px/num.h>

static enum px_code parse_day(const char *name, const char *text, px_day *ret,
                              struct px_err *reterr) {
    if (!text) {
        *ret = -1;
        return PX_OK;
    }
    if (!px_parse_date(px_str_c(text), ret)) {
        return PX_FAIL(
            reterr, PX_USAGE,
            "--%s: \"%.40s\" is no date since 1970; write YYYY-MM-DD, for example 2026-11-21", name,
            text);
    }
    return PX_OK;
}

static enum px_code check_width(px_day from, px_day to, struct px_err *reterr) {
    char a[PX_TIME_TEXT], b[PX_TIME_TEXT];
    (void)px_fmt_date(from, a);
    (void)px_fmt_date(to, b);
    if (from > to) {
        return PX_FAIL(reterr, PX_USAGE, "--from %s lies after --to %s: swap them", a, b);
    }
    if (to - from + 1 > AGG_SPAN_DAYS) {
        return PX_FAIL(
            reterr, PX_USAGE,
            "--from %s --to %s: %d days, at most %d at once: ask in parts, or leave both "
            "out for all days",
            a, b, to - from + 1, AGG_SPAN_DAYS);
    }
    return PX_OK;
}

enum px_code agg_span_parse(const char *from, const char *to, struct agg_span *ret,
                            struct px_err *reterr) {
    struct agg_span s;
    enum px_code rc = parse_day("from", from, &s.from, reterr);
    rc = rc == PX_OK ? parse_day("to", to, &s.to, reterr) : rc;
    if (rc == PX_OK && from && to) {
        rc = check_width(s.from, s.to, reterr);
    }
    if (rc == PX_OK) {
        *ret = s;
    }
    return rc;
}

static px_us start_of(const struct px_zone *zone, px_day day) {
    px_us t = day <= 0 ? 0 : px_zone_day_start(zone, day);
    return t < 0 ? 0 : t > PX_COL_TIME_MAX ? PX_COL_TIME_MAX : t;
}

static struct agg_day span_of(const struct agg_days_conf *c, px_day first, px_day last) {
    return (struct agg_day){
        .w = {.first = first,
              .last = last,
              .lo = start_of(c->zone, first),
              .hi = start_of(c->zone, last + 1)},
        .state = first < c->complete_from ? AGG_DAY_BEFORE : AGG_DAY_COMPLETE,
    };
}

static void add(struct agg_days *d, const struct agg_days_conf *c, px_day first, px_day last) {
    if (first <= last) {
        d->v[d->n++] = span_of(c, first, last);
    }
}

/* Everything: days with raw rows one by one, what lies around them in one piece. */
static void add_all(struct agg_days *d, const struct agg_days_conf *c, px_day first, px_day last) {
    px_day start = c->complete_from;
    add(d, c, 0, start - 1);
    if (last < start) {
        add(d, c, start, AGG_LAST_DAY);
        return;
    }
    first = first > start ? first : start;
    add(d, c, start, first - 1);
    for (px_day day = first; day <= last; day++) {
        add(d, c, day, day);
    }
    add(d, c, last + 1, AGG_LAST_DAY);
}

enum px_code agg_days_make(const struct agg_days_conf *c, struct agg_days *ret,
                           struct px_err *reterr) {
    bool raw = c->raw_min >= 0;
    px_day first = raw ? px_zone_day(c->zone, c->raw_min) : 0;
    px_day last = raw ? px_zone_day(c->zone, c->raw_max) : -1;
    struct agg_span s = c->span;
    bool all = s.from < 0 && s.to < 0;
    if (!all) {
        s.from = s.from >= 0 ? s.from : raw && first < s.to ? first : s.to;
        s.to = s.to >= 0 ? s.to : last > s.from ? last : s.from;
        enum px_code rc = check_width(s.from, s.to, reterr);
        if (rc != PX_OK) {
            return rc;
        }
    }
    size_t room = (all ? (size_t)(last - first + 1) : AGG_SPAN_DAYS) + 4;
    struct agg_days d = {.v = px_calloc2(room, sizeof *d.v)};
    if (!d.v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu days", room);
    }
    if (all) {
        add_all(&d, c, first, last);
    }
    for (px_day day = s.from; !all && day <= s.to; day++) {
        add(&d, c, day, day);
    }
    px_day next = d.v[d.n - 1].w.last + 1;
    d.after = span_of(c, next, next);
    *ret = d;
    return PX_OK;
}

void agg_days_fini(struct agg_days *d) {
    px_free(d->v);
    *d = (struct agg_days){0};
}

static px_us round_up(px_us t, px_us bucket) {
    px_us rest = t % bucket;
    px_us up = rest ? t - rest + bucket : t;
    return up > PX_COL_TIME_MAX ? PX_COL_TIME_MAX : up;
}

bool agg_days_bucket(const struct agg_days *d, size_t i, px_us bucket, struct px_window *ret) {
    const struct agg_day *day = &d->v[i];
    *ret = day->w;
    ret->lo = round_up(day->w.lo, bucket);
    ret->hi = round_up(day->w.hi, bucket);
    const struct agg_day *next = i + 1 < d->n ? &d->v[i + 1] : &d->after;
    bool beyond = ret->hi != day->w.hi;
    return day->state == AGG_DAY_COMPLETE && (!beyond || next->state == AGG_DAY_COMPLETE);
}
