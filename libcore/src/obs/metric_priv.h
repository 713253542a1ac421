/* Private to obs: the registry as metric.c fills it and metric_prom.c prints it. */
#ifndef PX_OBS_METRIC_PRIV_H
#define PX_OBS_METRIC_PRIV_H

#include <px/metric.h>

#include <stdatomic.h>

/* Where the values of one row lie in a shard. Series (l1, l2) starts at
 * first + (l1 * n2 + l2) * width; a histogram has one slot per edge, one for +Inf, one for the sum.
 */
struct px_metric_place {
    size_t first, width;
    size_t n1, n2; /* sizes of the label sets, 1 where there is none */
    bool seconds;  /* kept in microseconds, written in seconds       */
};

struct px_shard {
    const struct px_metrics *m;
    _Atomic int64_t slot[];
};

struct px_metrics {
    const struct px_metric_def *defs;
    size_t n;
    struct px_metric_place *place;
    size_t nslots;
    size_t nshards, stride; /* bytes from shard to shard, whole cache lines */
    void *block;            /* as allocated                                 */
    char *base;             /* the first shard, on a cache line             */
    px_us started;          /* of the process                               */
};

/* Sum of one slot over the shards. Threads: any. */
int64_t px_metric_sum(const struct px_metrics *m, size_t slot);

/* ${us} as seconds without trailing zeros: 250000 -> 0.25. */
void px_metric_seconds(struct px_buf *out, px_us us);

/* When this process started (wall clock), 0 when the kernel does not say. Asked once, since each
 * answer differs by a few milliseconds. */
px_us px_metric_started(void);

/* The process_* metrics of this process. */
void px_metric_process(px_us started, struct px_buf *out);

#endif
