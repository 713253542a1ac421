/* The part of the aggregator below Kafka: configuration, catalogs, and the one connection with
 * everything that is prepared on it. Belongs to the aggregator thread; tests drive it without a
 * broker. */
#ifndef AGG_CORE_H
#define AGG_CORE_H

#include "apply.h"
#include "conf.h"
#include "decode.h"
#include "metrics.h"
#include "offsets.h"
#include "status.h"

struct agg_core {
    /* set by the owner before agg_core_init; kept */
    const struct agg_conf *conf;
    const struct px_catalog *catalog;
    const struct px_rollups *rollups;
    const struct px_zone *zone;
    const struct px_clock *clock;
    struct agg_status *status;
    struct px_shard *shard;     /* may be NULL */
    void (*waiting)(void *arg); /* called about once a second while the database is waited for */
    void *waiting_arg;          /* (NULL = nobody looks)                                       */
    const char *topic, *owner;
    /* what follows belongs to core.c and settle.c */
    char log_id[128];
    struct px_sql *sql; /* NULL = no connection */
    struct agg_apply *apply;
    struct agg_offsets *offsets;
    struct agg_parts parts;
    uint64_t seed; /* of the jitter of pauses */
    bool connected_before;
};

PX_MUST_USE enum px_code agg_core_init(struct agg_core *c, struct px_err *reterr);
void agg_core_fini(struct agg_core *c); /* also closes the connection */

/* agg_core_connect(c, reterr): open and prepare unless that is done. Errors: those of px_sql_open
 * and px_sql_prepare. agg_core_disconnect(c, why): close, because of ${why}. */
PX_MUST_USE enum px_code agg_core_connect(struct agg_core *c, struct px_err *reterr);
void agg_core_disconnect(struct agg_core *c, const struct px_err *why);

/* agg_core_reconnect(c, reterr): connect with growing pauses for as long as the failure is one that
 * passes. Errors: PX_CANCELLED (a stop was asked), else what does not pass by itself. */
PX_MUST_USE enum px_code agg_core_reconnect(struct agg_core *c, struct px_err *reterr);

/* agg_core_pause(c, attempt): wait as agg_retry_pause says, calling c->waiting meanwhile; true = a
 * stop was asked. */
PX_MUST_USE bool agg_core_pause(struct agg_core *c, unsigned attempt);

/* agg_core_take, agg_core_touch: as agg_offsets_*, watched, with reconnects as long as it takes.
 * agg_core_take also adds the partitions to c->parts. */
PX_MUST_USE enum px_code agg_core_take(struct agg_core *c, const struct agg_take *t,
                                       struct px_err *reterr);
PX_MUST_USE enum px_code agg_core_touch(struct agg_core *c, const struct agg_part *const *v,
                                        size_t n, struct px_err *reterr);

#endif
