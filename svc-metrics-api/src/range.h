/* The time range of a query and its buckets: from the text of startDate and endDate to half-open
 * instants, days and bucket numbers. Pure. */
#ifndef API_RANGE_H
#define API_RANGE_H

#include <px/num.h>
#include <px/zone.h>

enum api_grain {
    API_GRAIN_DAY,
    API_GRAIN_HOUR,
    API_GRAIN_MINUTE
};
const char *api_grain_name(enum api_grain g);
px_us api_grain_span(enum api_grain g);

struct api_range {
    enum api_grain grain;
    px_day first, last; /* inclusive days (day grain)             */
    px_us from, to;     /* the same as instants, half-open        */
    size_t buckets;     /* days, hours or minutes between the two */
};

struct api_range_rules {
    const struct px_zone *zone;
    px_us now;
    int64_t max_days;
    px_us minute_retention;
};

/* api_range_parse(rules, start, end, grain, ret, ret_field, reterr): both ends as dates (inclusive)
 * or both as RFC 3339 instants (half-open, hour and minute grain only, on whole buckets). Errors:
 * PX_INVALID; *ret_field is "startDate" or "endDate", the message is the code, a colon, and a
 * sentence ("reversed_range: startDate lies after endDate"). Threads: pure. */
struct api_range_text {
    struct px_str start, end;
    enum api_grain grain;
};
PX_MUST_USE enum px_code api_range_parse(const struct api_range_rules *rules,
                                         const struct api_range_text *text, struct api_range *ret,
                                         const char **ret_field, struct px_err *reterr);

/* api_range_before(r, zone): the range of equal length that ends where ${r} begins. */
struct api_range api_range_before(const struct api_range *r, const struct px_zone *zone);

/* api_range_start(r, i): where bucket ${i} begins: a day (day grain) or an instant. */
px_day api_range_day(const struct api_range *r, size_t i);
px_us api_range_instant(const struct api_range *r, size_t i);

#endif
