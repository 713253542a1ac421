/* Ranges and buckets of a query. Everything that can be wrong with a range is said here, with the
 * field that is to be mended. Pure: the clock, the zone and the limits are arguments. */
#include "range.h"

#include <px/base.h>

static const char *const names[] = {"day", "hour", "minute"};
static const px_us spans[] = {PX_US_PER_DAY, PX_US_PER_HOUR, PX_US_PER_MIN};

const char *api_grain_name(enum api_grain g) {
    return names[g];
}

px_us api_grain_span(enum api_grain g) {
    return spans[g];
}

px_day api_range_day(const struct api_range *r, size_t i) {
    return r->first + (px_day)i;
}

px_us api_range_instant(const struct api_range *r, size_t i) {
    return r->from + (px_us)i * spans[r->grain];
}

static enum px_code dates(const struct api_range_rules *rules, px_day first, px_day last,
                          struct api_range *r, struct px_err *reterr) {
    if (first > last) {
        return PX_FAIL(reterr, PX_INVALID, "reversed_range: startDate lies after endDate");
    }
    r->first = first;
    r->last = last;
    r->from = px_zone_day_start(rules->zone, first);
    r->to = px_zone_day_start(rules->zone, last + 1);
    return PX_OK;
}

static enum px_code instants(const struct api_range_text *text, px_us from, px_us to,
                             struct api_range *r, struct px_err *reterr) {
    if (text->grain == API_GRAIN_DAY) {
        return PX_FAIL(reterr, PX_INVALID,
                       "bad_range: grain=day takes dates (YYYY-MM-DD), not instants");
    }
    if (from >= to) {
        return PX_FAIL(reterr, PX_INVALID, "reversed_range: startDate does not lie before endDate");
    }
    r->from = from;
    r->to = to;
    return PX_OK;
}

/* Sub-day grains are cut at whole UTC hours or minutes, as they are stored. */
static enum px_code check_buckets(const struct api_range_rules *rules, struct api_range *r,
                                  const char **ret_field, struct px_err *reterr) {
    px_us span = spans[r->grain];

    if (r->from % span != 0 || r->to % span != 0) {
        *ret_field = r->from % span != 0 ? "startDate" : "endDate";
        return PX_FAIL(reterr, PX_INVALID, "bad_range: not on a whole %s (UTC)", names[r->grain]);
    }
    if (r->from < rules->now - rules->minute_retention - PX_US_PER_DAY) {
        *ret_field = "startDate";
        return PX_FAIL(reterr, PX_INVALID,
                       "out_of_retention: grain=%s reaches back %d days; ask for grain=day",
                       names[r->grain], (int)(rules->minute_retention / PX_US_PER_DAY));
    }
    if ((r->to - r->from) > rules->minute_retention + 2 * PX_US_PER_DAY) {
        *ret_field = "endDate";
        return PX_FAIL(reterr, PX_INVALID, "range_too_long: grain=%s covers at most %d days",
                       names[r->grain], (int)(rules->minute_retention / PX_US_PER_DAY));
    }
    r->buckets = (size_t)((r->to - r->from) / span);
    return PX_OK;
}

static enum px_code check_length(const struct api_range_rules *rules, struct api_range *r,
                                 const char **ret_field, struct px_err *reterr) {
    *ret_field = "endDate";
    if ((r->to - r->from) / PX_US_PER_DAY > rules->max_days + 1 ||
        (r->grain == API_GRAIN_DAY && r->last - r->first + 1 > rules->max_days)) {
        return PX_FAIL(reterr, PX_INVALID, "range_too_long: at most %d days", (int)rules->max_days);
    }
    if (r->grain != API_GRAIN_DAY) {
        return check_buckets(rules, r, ret_field, reterr);
    }
    r->buckets = (size_t)(r->last - r->first + 1);
    return PX_OK;
}

enum px_code api_range_parse(const struct api_range_rules *rules, const struct api_range_text *text,
                             struct api_range *ret, const char **ret_field, struct px_err *reterr) {
    struct api_range r = {.grain = text->grain};
    px_day first = 0;
    px_day last = 0;
    px_us from = 0;
    px_us to = 0;
    bool start_day = px_parse_date(text->start, &first);
    bool end_day = px_parse_date(text->end, &last);

    *ret_field = "startDate";
    if (!start_day && !px_parse_instant(text->start, &from)) {
        return PX_FAIL(reterr, PX_INVALID,
                       "bad_date: not a date (YYYY-MM-DD) or an RFC 3339 instant");
    }
    *ret_field = "endDate";
    if (!end_day && !px_parse_instant(text->end, &to)) {
        return PX_FAIL(reterr, PX_INVALID,
                       "bad_date: not a date (YYYY-MM-DD) or an RFC 3339 instant");
    }
    if (start_day != end_day) {
        return PX_FAIL(reterr, PX_INVALID, "bad_range: one end is a date, the other an instant");
    }
    *ret_field = "startDate";
    enum px_code code =
        start_day ? dates(rules, first, last, &r, reterr) : instants(text, from, to, &r, reterr);
    if (code) {
        return code;
    }
    code = check_length(rules, &r, ret_field, reterr);
    if (code) {
        return code;
    }
    *ret = r;
    return PX_OK;
}

struct api_range api_range_before(const struct api_range *r, const struct px_zone *zone) {
    struct api_range b = *r;

    if (r->grain != API_GRAIN_DAY) {
        b.from = r->from - (r->to - r->from);
        b.to = r->from;
        return b;
    }
    b.first = r->first - (px_day)r->buckets;
    b.last = r->first - 1;
    b.from = px_zone_day_start(zone, b.first);
    b.to = r->from;
    return b;
}
