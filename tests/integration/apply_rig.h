/* The aggregator below Kafka on a fresh database, for tests: events are encoded, decoded and
 * settled as the service does it; the clock stands still until a test moves it. */
#ifndef APPLY_RIG_H
#define APPLY_RIG_H

#include "settle.h"
#include "sql_fixture.h"

#define RIG_TOPIC      "EVT_TEST"
#define RIG_LOG        "log-1"
#define RIG_PARTITIONS 4
#define RIG_NOON       (INT64_C(20000) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR) /* 2024-10-04 12:00 */

struct rig {
    struct sql_fixture db; /* its connection is the test's own */
    struct px_clock_fake clock;
    struct agg_status status;
    struct agg_conf conf;
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_labels types;
    struct px_metric_def defs[AGG_METRICS];
    struct px_metrics *metrics;
    struct agg_core core;
    struct agg_batch batch;
    struct px_uuid_gen ids;
    struct px_zone *zone;           /* of its days; NULL = UTC */
    int64_t offset[RIG_PARTITIONS]; /* of the next record that is made */
    /* the dead-letter topic */
    bool dlq_down;
    size_t buried;
    int64_t buried_offset;
};

struct rig_event {
    int32_t partition;
    const char *type, *player, *banner, *eid; /* eid NULL = none */
};

/* rig_open(r, d): a migrated database, the partitions taken from offset 0. */
void rig_open(struct rig *r, const struct px_dialect *d);
void rig_close(struct rig *r);
/* For cmocka: a rig of its own per test, on rig_dialect(). */
int rig_setup(void **state);
int rig_teardown(void **state);
/* rig_core(r, core, owner): one more process on the same database (a rival); free with
 * agg_core_fini. */
void rig_core(struct rig *r, struct agg_core *core, const char *owner);

/* rig_take(r, core, low, high): take all partitions, whose log holds [low, high). */
enum px_code rig_take(struct rig *r, struct agg_core *core, int64_t low, int64_t high,
                      struct px_err *reterr);

/* rig_add: one record at the next offset of its partition, received now. rig_raw: any bytes;
 * p NULL = a null value. rig_hole: an offset without a record. rig_again: the same record bytes at
 * a new offset (a producer's retry). */
struct agg_item *rig_add(struct rig *r, const struct rig_event *e);
/* rig_add_at: the same with a time of the sender's own. */
struct agg_item *rig_add_at(struct rig *r, const struct rig_event *e, px_us occurred);
struct agg_item *rig_raw(struct rig *r, int32_t partition, struct px_str bytes);
void rig_hole(struct rig *r, int32_t partition);

/* rig_settle(r): settle the batch and start a new one; fails the test unless it is PX_OK.
 * rig_try: returns the code, keeps the batch. */
void rig_settle(struct rig *r);
enum px_code rig_try(struct rig *r, struct px_err *reterr);

/* rig_ledger_holds(r): the accounting identity in SQL, for every partition. */
void rig_ledger_holds(struct rig *r);
/* rig_dump(r, out, cap): every table that events move, as text in a fixed order. */
void rig_dump(struct rig *r, char *out, size_t cap);
/* rig_expect(r, query, want): the rows of ${query}, as sql_text gives them, are ${want}. */
void rig_expect(struct rig *r, const char *query, const char *want);

/* rig_each_dialect(run): call ${run} for each dialect of this build; a missing server skips. The
 * dialect under test is rig_dialect(). Returns the failures of all runs. */
const struct px_dialect *rig_dialect(void);
int rig_each_dialect(int (*run)(const char *group));

#endif
