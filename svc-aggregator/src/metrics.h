/* The metrics of svc-aggregator by number, and their closed label sets. A shard per thread
 * that counts. */
#ifndef AGG_METRICS_H
#define AGG_METRICS_H

#include <px/catalog.h>
#include <px/metric.h>
#include <px/tls.h>

/* One writer each. */
enum {
    AGG_SHARD_MAIN,
    AGG_SHARD_RETENTION,
    AGG_SHARD_ADMIN,
    AGG_SHARDS
};

enum {
#include <px/metric_ids.h>
#include "metrics.def"
#include <px/metric_end.h>
    AGG_METRICS
};

/* As declared; the set of event types is a placeholder here. */
extern const struct px_metric_def agg_metric_defs[AGG_METRICS];

/* agg_metrics_new(types, defs, ret, reterr): the registry with the catalog's types as label values.
 * ${types} and ${defs} (filled here) must outlive it. Errors: PX_NOMEM, PX_INVALID. */
PX_MUST_USE enum px_code agg_metrics_new(const struct px_labels *types,
                                         struct px_metric_def defs[AGG_METRICS],
                                         struct px_metrics **ret, struct px_err *reterr);

#endif
