/* The metrics of svc-ingest by number, and their closed label sets. One writer per shard: a worker,
 * or behind them the admin thread. */
#ifndef ING_METRICS_H
#define ING_METRICS_H

#include <px/catalog.h>
#include <px/metric.h>
#include <px/tls.h>

enum {
#include <px/metric_ids.h>
#include "metrics.def"
#include <px/metric_end.h>
    ING_METRICS
};

/* Why an event got 503: label and X-Error-Code in one. */
enum ing_busy {
    ING_BUSY_UNAVAILABLE, /* the log cannot be reached; surely not stored  */
    ING_BUSY_UNKNOWN,     /* it may be stored; the same id makes a retry harmless */
    ING_BUSY_OVERLOADED,  /* admission limit: at once                      */
    ING_BUSY_REFUSED,     /* topic missing or denied: an operator must act */
};
#define ING_BUSY_COUNT 4
const char *ing_busy_code(enum ing_busy b);
const char *ing_busy_text(enum ing_busy b);
/* Seconds for Retry-After. */
unsigned ing_busy_retry(enum ing_busy b);

enum ing_dlq_outcome {
    ING_DLQ_STORED,
    ING_DLQ_FAILED,
    ING_DLQ_LEFT_OUT
};

enum ing_dry_verdict {
    ING_DRY_VALID,
    ING_DRY_INVALID
};

/* Label sets that only a running service knows. */
struct ing_label_sets {
    struct px_labels types, workers;
};
/* ing_metrics_new(sets, shards, defs, ret, reterr): the registry; the labels `type` and `worker`
 * take the values of ${sets}. ${sets} and ${defs}, the caller's storage for the rows, must outlive
 * it. */
PX_MUST_USE enum px_code ing_metrics_new(const struct ing_label_sets *sets, size_t shards,
                                         struct px_metric_def defs[ING_METRICS],
                                         struct px_metrics **ret, struct px_err *reterr);

/* For docs/metrics.md: the rows, with placeholders for those sets. */
extern const struct px_metric_def ing_metric_defs[ING_METRICS];

#endif
