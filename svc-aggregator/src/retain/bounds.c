/* The bounds of retention. Rows go by whole days only, so that a day's rows are all there or none
 * is promised; and never a claim of an event that may still come. No I/O, no clock of its own. */
#include "bounds.h"

/* A claim on a sender's id bears the UTC day of receipt. The event's own day is later by this at
 * most: a zone ahead of UTC by 14 hours, and a sender's clock ahead by Events:MaxFuture, a day. */
#define AGG_DAYS_AHEAD 2

/* A transaction. Locks are promised for 200 ms at most; on a busy machine one takes several times
 * as long as the next. */
#define AGG_TOO_LONG (200 * PX_US_PER_MS)
#define AGG_LONG     (60 * PX_US_PER_MS)
#define AGG_SHORT    (15 * PX_US_PER_MS)
/* A few rows take as long as the disk's sync, and fewer would not be faster. */
#define AGG_FEW   500
#define AGG_LEAST 100

static px_day earlier(px_day a, px_day b) {
    return a < b ? a : b;
}

static px_day day_before(const struct px_zone *zone, px_us now, px_us span) {
    return now > span ? px_zone_day(zone, now - span) : 0;
}

struct agg_bounds agg_bounds_of(const struct agg_conf *conf, const struct px_zone *zone, px_us now,
                                px_us unread) {
    struct agg_bounds b = {.raw_from = day_before(zone, now, conf->retain_raw),
                           .claims_wanted = day_before(zone, now, conf->retain_dedupe)};
    px_day open =
        unread == AGG_NOTHING_UNREAD ? b.claims_wanted : day_before(zone, unread, conf->retain_raw);
    b.claims_from = earlier(b.claims_wanted, open);
    b.raw_complete = conf->raw_store ? b.raw_from : px_zone_day(zone, now) + 1;
    b.raw_at = px_zone_day_start(zone, b.raw_from);
    b.seen_from = b.claims_from > AGG_DAYS_AHEAD ? b.claims_from - AGG_DAYS_AHEAD : 0;
    b.minutes_from = earlier(day_before(zone, now, conf->retain_minutes), b.claims_from);
    b.aggregates_from = earlier(day_before(zone, now, conf->retain_aggregates), b.claims_from);
    b.minutes_at = px_zone_day_start(zone, b.minutes_from);
    b.aggregates_at = px_zone_day_start(zone, b.aggregates_from);
    return b;
}

px_day agg_old_below(const struct agg_bounds *b, enum agg_bound by) {
    switch (by) {
    case AGG_BOUND_RAW:
        return b->raw_from;
    case AGG_BOUND_CLAIM:
        return b->claims_from;
    case AGG_BOUND_SEEN:
        return b->seen_from;
    case AGG_BOUND_MINUTES:
        return b->minutes_from;
    case AGG_BOUND_DAYS:
    case AGG_BOUND_AGGREGATES:
        return b->aggregates_from;
    }
    return 0;
}

void agg_stride_took(struct agg_stride *s, px_us took) {
    bool few = s->rows <= AGG_FEW;
    int64_t least = s->max < AGG_LEAST ? s->max : AGG_LEAST;
    if (took > (few ? AGG_TOO_LONG : AGG_LONG)) {
        s->rows = s->rows / 2 > least ? s->rows / 2 : least;
    } else if (took < (s->rows < AGG_FEW ? AGG_LONG : AGG_SHORT)) {
        s->rows = s->rows < s->max / 2 ? s->rows * 2 : s->max;
    }
}

/* --- the rules ----------------------------------------------------------------------------------
 */
static const char *const raw_keys[] = {"id"};
static const enum px_column raw_types[] = {PX_COL_UUID};
static const char *const claim_keys[] = {"day", "h1", "h2"};
static const enum px_column claim_types[] = {PX_COL_DATE, PX_COL_INT, PX_COL_INT};
static const char *const generic_keys[] = {"rollup", "bucket_start", "dim1", "dim2", "dim3"};
static const enum px_column generic_types[] = {PX_COL_TEXT, PX_COL_TIME, PX_COL_TEXT, PX_COL_TEXT,
                                               PX_COL_TEXT};

/* Ids begin with the time of receipt: a range of the primary key is a range of time. The guard is
 * for senders whose clock runs ahead, and for ids that somebody else made. */
static const struct agg_old fixed[] = {
    {.x = {.table = "events",
           .keys = raw_keys,
           .types = raw_types,
           .nkeys = PX_ARRAY_LEN(raw_keys),
           .bound = "id",
           .bound_type = PX_COL_UUID,
           .guard = "created_at",
           .walks = true},
     .by = AGG_BOUND_RAW,
     .name = "raw"},
    {.x = {.table = "dedupe_day",
           .keys = claim_keys,
           .types = claim_types,
           .nkeys = PX_ARRAY_LEN(claim_keys),
           .bound = "day",
           .bound_type = PX_COL_DATE,
           .walks = true},
     .by = AGG_BOUND_CLAIM},
    {.x = {.table = "dedupe_event",
           .keys = claim_keys + 1,
           .types = claim_types + 1,
           .nkeys = PX_ARRAY_LEN(claim_keys) - 1,
           .bound = "seen_day",
           .bound_type = PX_COL_DATE},
     .by = AGG_BOUND_SEEN},
    {.x = {.table = PX_GENERIC_TABLE,
           .keys = generic_keys,
           .types = generic_types,
           .nkeys = PX_ARRAY_LEN(generic_keys),
           .bound = "bucket_start",
           .bound_type = PX_COL_TIME,
           .walks = true},
     .by = AGG_BOUND_AGGREGATES},
};

static const struct px_rollup_key *key_of(const struct px_rollup *r, enum px_dim dim) {
    for (size_t k = 0; k < r->nkeys; k++) {
        if (r->keys[k].dim == dim) {
            return &r->keys[k];
        }
    }
    return NULL;
}

static void add_rollup(struct agg_olds *o, const struct px_rollup *r) {
    const struct px_rollup_key *day = key_of(r, PX_DIM_DAY);
    const struct px_rollup_key *key = day ? day : key_of(r, PX_DIM_BUCKET);
    if (!key || px_str_is(px_str_c(r->table), PX_GENERIC_TABLE)) {
        return;
    }
    px_assert(o->n < AGG_MAX_OLD); /* there are no more rollups than operators */
    for (size_t k = 0; k < r->nkeys; k++) {
        o->columns[o->n][k] = r->keys[k].column;
        o->types[o->n][k] = r->keys[k].type;
    }
    o->v[o->n] = (struct agg_old){
        .x = {.table = r->table,
              .keys = o->columns[o->n],
              .types = o->types[o->n],
              .nkeys = r->nkeys,
              .bound = key->column,
              .bound_type = key->type,
              .walks = true},
        .by = day                         ? AGG_BOUND_DAYS
              : r->bucket < PX_US_PER_DAY ? AGG_BOUND_MINUTES
                                          : AGG_BOUND_AGGREGATES,
        .name = r->name,
    };
    o->n++;
}

void agg_olds_of(const struct px_rollups *rollups, struct agg_olds *o) {
    *o = (struct agg_olds){.n = PX_ARRAY_LEN(fixed)};
    for (size_t i = 0; i < o->n; i++) {
        o->v[i] = fixed[i];
    }
    for (size_t i = 0; i < px_rollups_count(rollups); i++) {
        add_rollup(o, px_rollups_get(rollups, i));
    }
}
