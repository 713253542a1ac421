/* Aggregations as rows: schemas/rollups.yaml says per table which columns make the key, which
 * measures move, and which dispositions move them. fold turns classified events into sorted deltas;
 * the SQL layer stores them. Pure after load. */
#ifndef PX_ROLLUP_H
#define PX_ROLLUP_H

#include <px/catalog.h>
#include <px/column.h>
#include <px/dedupe.h>
#include <px/traffic.h>
#include <px/zone.h>

enum px_dim {      /* where a key column comes from */
    PX_DIM_DAY,    /* day of the event time in the database's zone  -> date column      */
    PX_DIM_BUCKET, /* event time rounded down to bucket             -> timestamp column */
    PX_DIM_TYPE,   /* event type                                    -> text             */
    PX_DIM_BANNER, /* banner tag                                    -> text             */
    PX_DIM_PLAYER, /* player id                                     -> text             */
    PX_DIM_CLASS,  /* class of traffic, or PX_TRAFFIC_NONE          -> text             */
    PX_DIM_REASON, /* why it is that class, or ''                   -> text             */
    PX_DIM_NAME,   /* the rollup's own name (generic table)         -> text             */
    PX_DIM_EMPTY,  /* '' (an unused key column of the generic table)                    */
};

#define PX_ROLLUP_MAX_KEYS     6
#define PX_ROLLUP_MAX_MEASURES 8

struct px_rollup_key {
    const char *column;
    enum px_dim dim;
    enum px_column type;
};
struct px_measure {
    const char *column;
    enum px_op op;
    bool of_time; /* value is the event time; else the constant `one` = 1 */
    enum px_on on;
    const struct px_event_type *when; /* only events of this type; NULL = all */
};
struct px_rollup {
    const char *name, *table;
    px_us bucket; /* of PX_DIM_BUCKET: 1 min by default */
    const struct px_rollup_key *keys;
    size_t nkeys;
    const struct px_measure *measures;
    size_t nmeasures;
    bool last; /* stored last: the hottest rows are locked shortest */
};

/* Where rollups without a table of their own are kept. */
#define PX_GENERIC_TABLE "rollup_values"

struct px_rollups;
/* px_rollups_load(path, cat, ret, reterr): read and cross-check rollups.yaml: known dims and ops,
 * known event types in `when`, column names of [a-z_]. A row without `table` uses the generic table
 * `rollup_values` (see schemas/README.md). Errors: PX_CONFIG naming row and key, PX_NOMEM. */
PX_MUST_USE enum px_code px_rollups_load(const char *path, const struct px_catalog *cat,
                                         struct px_rollups **ret, struct px_err *reterr);
void px_rollups_free(struct px_rollups *r);
size_t px_rollups_count(const struct px_rollups *r);
const struct px_rollup *px_rollups_get(const struct px_rollups *r, size_t i);
const struct px_rollup *px_rollups_find(const struct px_rollups *r, struct px_str name);

/* One classified event, as the fold sees it. */
struct px_classified {
    const struct px_event *event;
    const struct px_event_type *type;
    px_day day;
    enum px_disposition disposition;
    bool own_new_id; /* it won the claim on a client event id of its own */
};

union px_cell { /* a key value: INT, DATE (day) and TIME (us) in i, TEXT in s */
    int64_t i;
    struct px_str s;
};
struct px_delta {
    union px_cell key[PX_ROLLUP_MAX_KEYS];
    int64_t value[PX_ROLLUP_MAX_MEASURES];
    uint32_t present; /* bit per measure: this batch moves it */
};
struct px_deltas { /* of one rollup, sorted by key, keys unique; in the arena given to fold */
    const struct px_rollup *rollup;
    struct px_delta *v;
    size_t n;
};

/* px_fold(r, events, n, arena, ret): deltas of one rollup. Events that move no measure make no row.
 * The order of ${events} does not matter. Errors: PX_NOMEM, PX_TOO_LARGE (arena). Threads: pure. */
PX_MUST_USE enum px_code px_fold(const struct px_rollup *r, const struct px_classified *events,
                                 size_t n, struct px_arena *arena, struct px_deltas *ret);

#endif
