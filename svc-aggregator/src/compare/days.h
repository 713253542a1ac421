/* Which days --reconcile and --rebuild look at, cut in the zone of the database, and of which of
 * them the raw rows are complete. Pure. */
#ifndef AGG_DAYS_H
#define AGG_DAYS_H

#include <px/recount.h>
#include <px/zone.h>

#define AGG_SPAN_DAYS 550              /* --from to --to, at most */
#define AGG_LAST_DAY  INT32_C(2932896) /* 9999-12-31 */

/* What was asked for; a bound that was not given is -1. */
struct agg_span {
    px_day from, to;
};
/* agg_span_parse(from, to, ret, reterr): texts or NULL. Errors: PX_USAGE naming the parameter and
 * the remedy (no date, reversed, too wide). */
PX_MUST_USE enum px_code agg_span_parse(const char *from, const char *to, struct agg_span *ret,
                                        struct px_err *reterr);

enum agg_day_state {
    AGG_DAY_COMPLETE,
    AGG_DAY_BEFORE,  /* before the day from which on raw rows are complete */
    AGG_DAY_MISSING, /* raw rows are missing, as the counts show           */
    /* somewhere raw rows are missing, and whether here: */
    AGG_DAY_DISPUTED,  /* tables by day disagree                           */
    AGG_DAY_UNVOUCHED, /* no table is left that could say                  */
};
struct agg_day {
    struct px_window w; /* one day, or several without raw rows */
    enum agg_day_state state;
    const char *less, *more; /* DISPUTED: a table that says no, one that says yes */
};
struct agg_days {
    struct agg_day *v; /* without a gap between them */
    size_t n;
    struct agg_day after; /* the next one, into which the last buckets may reach; not looked at */
};
struct agg_days_conf {
    struct agg_span span;
    const struct px_zone *zone;
    px_day complete_from;   /* raw rows of earlier days are not complete; 0 = all are */
    px_us raw_min, raw_max; /* event times of the raw rows; -1 = there are none      */
};
/* agg_days_make(c, ret, reterr): with a span its days, else all there are, from 1970 to 9999. Free
 * with agg_days_fini. Errors: PX_USAGE (an open span that is too wide), PX_NOMEM. */
PX_MUST_USE enum px_code agg_days_make(const struct agg_days_conf *c, struct agg_days *ret,
                                       struct px_err *reterr);
void agg_days_fini(struct agg_days *d);

/* agg_days_bucket(d, i, bucket, ret): day ${i} for a table of buckets: those that begin in it. True
 * when the raw rows of all of them are complete, the last one's beyond midnight included. */
bool agg_days_bucket(const struct agg_days *d, size_t i, px_us bucket, struct px_window *ret);

#endif
