/* How far retention may go: whole days of the database's zone, from the options, the clock and how
 * far the log was read. And the rules, one per table, that say which rows are meant. Pure. */
#ifndef AGG_BOUNDS_H
#define AGG_BOUNDS_H

#include "conf.h"

#include <px/expiry.h>
#include <px/rollup.h>

#define AGG_NOTHING_UNREAD INT64_MAX

struct agg_bounds {
    px_day raw_from;      /* events of this day and later keep their raw rows            */
    px_us raw_at;         /* its first instant: rows go that were received before it, and
                             whose own time is before it                                 */
    px_day raw_complete;  /* the same, or tomorrow when Raw:Store is off: no row is kept  */
    px_day claims_from;   /* events of earlier days are late; their claims may go        */
    px_day claims_wanted; /* what Retention:Dedupe says; claims_from is earlier when events
                             that nobody has read yet may be that old                    */
    px_day seen_from;     /* claims on sender's ids go by the day of their receipt       */
    px_day minutes_from, aggregates_from;
    px_us minutes_at, aggregates_at; /* their first instants */
};

/* agg_bounds_of(conf, zone, now, unread): ${unread}: receipt of the oldest event that may not have
 * been read yet, or AGG_NOTHING_UNREAD. Of days that such an event may belong to nothing goes but
 * raw rows. Threads: pure. */
struct agg_bounds agg_bounds_of(const struct agg_conf *conf, const struct px_zone *zone, px_us now,
                                px_us unread);

enum agg_bound {
    AGG_BOUND_RAW,
    AGG_BOUND_CLAIM,     /* by the day of the event              */
    AGG_BOUND_SEEN,      /* by the UTC day of receipt            */
    AGG_BOUND_MINUTES,   /* by the bucket                        */
    AGG_BOUND_DAYS,      /* by the day                           */
    AGG_BOUND_AGGREGATES /* by the bucket, for as long as days   */
};
struct agg_old {
    struct px_expiry x;
    enum agg_bound by;
    const char *name; /* of "<name>_complete_from" in px_settings; NULL = none */
};
/* The rules of a database. */
#define AGG_MAX_OLD 68
struct agg_olds {
    struct agg_old v[AGG_MAX_OLD];
    size_t n;
    const char *columns[AGG_MAX_OLD][PX_ROLLUP_MAX_KEYS];
    enum px_column types[AGG_MAX_OLD][PX_ROLLUP_MAX_KEYS];
};
/* agg_olds_of(rollups, o): raw rows, both claims, and every rollup whose key holds a day or a
 * bucket; one without (players) stays. Borrows from ${rollups}; ${o} may not move. Threads: pure.
 */
void agg_olds_of(const struct px_rollups *rollups, struct agg_olds *o);

/* agg_old_below(b, by): the day below which rows go. */
px_day agg_old_below(const struct agg_bounds *b, enum agg_bound by);

/* How many rows the next transaction takes. */
struct agg_stride {
    int64_t rows, max;
};
/* agg_stride_took(s, took): the transaction of s->rows took ${took}. Half as many when that was
 * long, twice as many when it was short; few rows are halved only when a promise is broken, and
 * never below a hundred: it is the disk's sync that takes the time then. Threads: pure. */
void agg_stride_took(struct agg_stride *s, px_us took);

#endif
