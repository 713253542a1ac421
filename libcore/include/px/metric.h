/* Metrics: counters, gauges and histograms declared as rows, kept in one shard per thread and
 * summed at the scrape. Label values come from closed sets only.
 *
 * A program writes metrics.def with rows
 *     PX_COUNTER(id, "px_name_total", labels, "help")
 *     PX_GAUGE(id, "px_name", labels, "help")
 *     PX_HISTOGRAM(id, "px_name_seconds", labels, buckets, "help")
 * where labels is PX_NOLABEL, PX_LABEL1("reason", set) or PX_LABEL2("a", set_a, "b", set_b); a set
 * is a `const struct px_labels *` (&my_set), buckets a `const struct px_buckets *`
 * (&px_buckets_ack). The file is included twice, between the row macros and <px/metric_end.h>:
 *
 *     enum {
 *     #include <px/metric_ids.h>
 *     #include "metrics.def"
 *     #include <px/metric_end.h>
 *         ING_METRICS
 *     };
 *     static const struct px_metric_def defs[] = {
 *     #include <px/metric_rows.h>
 *     #include "metrics.def"
 *     #include <px/metric_end.h>
 *     };
 *
 * Sets filled at start (event types) are writable until px_metrics_new.
 * Units: a gauge named *_seconds and a counter named *_seconds_total are kept in microseconds and
 * written in seconds; everything else is written as it is counted. */
#ifndef PX_METRIC_H
#define PX_METRIC_H

#include <px/buf.h>

struct px_labels {
    const char *const *v; /* closed set of values */
    size_t n;
};
enum px_metric_kind {
    PX_METRIC_COUNTER,
    PX_METRIC_GAUGE,
    PX_METRIC_HISTOGRAM
};
struct px_buckets {
    const px_us *edge; /* upper bounds in microseconds, ascending; +Inf is implied; at most 24 */
    size_t n;
};
struct px_metric_def {
    enum px_metric_kind kind;
    const char *name, *help;
    const char *label[2];
    const struct px_labels *set[2]; /* NULL = no such label */
    const struct px_buckets *buckets;
};

/* Shared bucket tables (seconds on the page, microseconds here). */
extern const struct px_buckets
    px_buckets_ack; /* 1 ms .. 10 s with 0.2 s (the ack goal of the product) */
extern const struct px_buckets px_buckets_fresh; /* 0.05 .. 300 s with 0.25, 2 and 60 s */
extern const struct px_buckets px_buckets_work;  /* 0.1 ms .. 10 s: queries, transactions  */

struct px_metrics; /* the registry of one process          */
struct px_shard;   /* the counters that one thread writes  */

/* px_metrics_new(defs, n, shards, ret, reterr): registry with ${shards} shards. ${defs} must
 * outlive it. Gives: free with px_metrics_free. Errors: PX_NOMEM, PX_INVALID (over
 * PX_METRIC_MAX_SLOTS; a row that breaks the naming rules: counters end in _total, histograms in
 * _seconds, bucket edges ascend). */
#define PX_METRIC_MAX_SLOTS 65536
PX_MUST_USE enum px_code px_metrics_new(const struct px_metric_def *defs, size_t n, size_t shards,
                                        struct px_metrics **ret, struct px_err *reterr);
void px_metrics_free(struct px_metrics *m);
struct px_shard *px_metrics_shard(struct px_metrics *m, size_t i);

/* Label indexes l1, l2 are positions in the sets (0 when there is none); asserts the range.
 * Threads: one writer per shard (owner); relaxed atomics, no locks. A NULL shard does nothing. */
void px_count(struct px_shard *s, unsigned id, size_t l1, size_t l2, uint64_t n);
/* on a *_seconds gauge ${v} is whole seconds */
void px_gauge(struct px_shard *s, unsigned id, size_t l1, size_t l2, int64_t v);
/* a gauge of a span or an instant, whose name ends in _seconds (asserted) */
void px_gauge_us(struct px_shard *s, unsigned id, size_t l1, size_t l2, px_us v);
/* ${times} observations of ${v}; a negative span counts as 0 */
void px_observe(struct px_shard *s, unsigned id, size_t l1, size_t l2, px_us v, uint64_t times);

/* Sum over the shards, as kept (see Units); of a histogram: how many observations. For tests and
 * summaries. Threads: any. */
int64_t px_metrics_value(const struct px_metrics *m, unsigned id, size_t l1, size_t l2);

/* px_metrics_render(m, build, out): Prometheus text 0.0.4 with HELP and TYPE, all series from the
 * start, then the process_* metrics and px_build_info. Gauges are summed over shards. Threads: any.
 */
struct px_build {
    const char *service, *version, *revision;
};
void px_metrics_render(const struct px_metrics *m, const struct px_build *build,
                       struct px_buf *out);

/* px_metrics_markdown(defs, n, out): the rows of docs/metrics.md. Threads: pure. */
void px_metrics_markdown(const struct px_metric_def *defs, size_t n, struct px_buf *out);

#endif
