/* The rule at the end of a TZif file, which says how clocks are set after the last listed change.
 * Internal to base: zone.c asks it for instants that its table does not reach. */
#ifndef PX_TZRULE_H
#define PX_TZRULE_H

#include <px/str.h>

enum tzrule_kind {
    TZRULE_JULIAN,
    TZRULE_ZERO_BASED,
    TZRULE_MONTH_WEEK_DAY
};

struct tzrule_date {
    enum tzrule_kind kind;
    int month, week, day; /* day alone for the first two kinds */
    int64_t at;           /* seconds after local midnight      */
};

struct tzrule {
    int64_t std, dst; /* seconds east of UTC */
    bool has_dst;
    struct tzrule_date start, end;
};

/* px_tzrule_parse(s, ret): a POSIX TZ string with the extended hours of TZif version 3.
 * Source: RFC 8536 §3.3. Threads: pure. */
PX_MUST_USE bool px_tzrule_parse(struct px_str s, struct tzrule *ret);

/* px_tzrule_at(r, t, ret_end): seconds east of UTC at ${t} (seconds since 1970), and the first
 * instant at which that may change. Threads: pure. */
int64_t px_tzrule_at(const struct tzrule *r, int64_t t, int64_t *ret_end);

#endif
