/* The metric registry: rows become series with a fixed place in every shard, each thread adds to
 * its own shard, the scrape sums. Hot path: no lock, no allocation, one relaxed load and store.
 * Must not know Prometheus (metric_prom.c) and must not take a label from input. */
#include <px/metric.h>

#include "metric_priv.h"

#include <px/mem.h>

#include <string.h>

#define METRIC_CACHE_LINE 64
#define METRIC_MAX_EDGES  24

#define EDGES(name, ...)                                                                           \
    static const px_us name##_edges[] = {__VA_ARGS__};                                             \
    static_assert(PX_ARRAY_LEN(name##_edges) <= METRIC_MAX_EDGES, "too many bucket edges");        \
    const struct px_buckets name = {.edge = name##_edges, .n = PX_ARRAY_LEN(name##_edges)}

EDGES(px_buckets_ack, 1000, 2500, 5000, 10000, 25000, 50000, 75000, 100000, 200000, 250000, 500000,
      750000, 1000000, 2500000, 5000000, 7500000, 10000000);
EDGES(px_buckets_fresh, 50000, 100000, 150000, 200000, 250000, 300000, 400000, 500000, 1000000,
      2000000, 2500000, 5000000, 10000000, 30000000, 60000000, 120000000, 300000000);
EDGES(px_buckets_work, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
      1000000, 2500000, 3000000, 5000000, 10000000);

static bool ends_in(const char *name, const char *suffix) {
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

static bool name_ok(const char *name) {
    if (!name || !(name[0] >= 'a' && name[0] <= 'z')) {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool edges_ok(const struct px_buckets *b) {
    if (!b || b->n == 0 || b->n > METRIC_MAX_EDGES || b->edge[0] <= 0) {
        return false;
    }
    for (size_t i = 1; i < b->n; i++) {
        if (b->edge[i] <= b->edge[i - 1]) {
            return false;
        }
    }
    return true;
}

static const char *row_fault(const struct px_metric_def *d) {
    if (!name_ok(d->name)) {
        return "the name must be lower case letters, digits and _";
    }
    if (!d->help || !d->help[0]) {
        return "the help sentence is missing";
    }
    if ((d->label[0] != NULL) != (d->set[0] != NULL) ||
        (d->label[1] != NULL) != (d->set[1] != NULL) || (d->label[1] && !d->label[0])) {
        return "every label needs a name and a set";
    }
    switch (d->kind) {
    case PX_METRIC_COUNTER:
        return ends_in(d->name, "_total") ? NULL : "a counter's name ends in _total";
    case PX_METRIC_GAUGE:
        return ends_in(d->name, "_total") ? "a gauge's name does not end in _total" : NULL;
    case PX_METRIC_HISTOGRAM:
        if (!ends_in(d->name, "_seconds")) {
            return "a histogram's name ends in _seconds";
        }
        return edges_ok(d->buckets) ? NULL : "bucket edges must ascend from above 0, at most 24";
    }
    return "unknown kind";
}

static bool row_place(const struct px_metric_def *d, size_t *at, struct px_metric_place *ret) {
    size_t width = d->kind == PX_METRIC_HISTOGRAM ? d->buckets->n + 2 : 1;
    size_t n1 = d->set[0] ? d->set[0]->n : 1;
    size_t n2 = d->set[1] ? d->set[1]->n : 1;

    if (n1 > PX_METRIC_MAX_SLOTS || n2 > PX_METRIC_MAX_SLOTS ||
        n1 * n2 > (PX_METRIC_MAX_SLOTS - *at) / width) {
        return false;
    }
    *ret = (struct px_metric_place){
        .first = *at,
        .width = width,
        .n1 = n1,
        .n2 = n2,
        .seconds = ends_in(d->name, "_seconds") || ends_in(d->name, "_seconds_total"),
    };
    *at += n1 * n2 * width;
    return true;
}

static enum px_code metrics_place(struct px_metrics *m, struct px_err *reterr) {
    for (size_t i = 0; i < m->n; i++) {
        const char *fault = row_fault(&m->defs[i]);
        if (fault) {
            return PX_FAIL(reterr, PX_INVALID, "metric %s: %s",
                           m->defs[i].name ? m->defs[i].name : "(unnamed)", fault);
        }
        if (!row_place(&m->defs[i], &m->nslots, &m->place[i])) {
            return PX_FAIL(reterr, PX_INVALID, "metric %s: more than %d values in all",
                           m->defs[i].name, PX_METRIC_MAX_SLOTS);
        }
    }
    return PX_OK;
}

static size_t cache_lines(size_t n) {
    return (n + METRIC_CACHE_LINE - 1) / METRIC_CACHE_LINE * METRIC_CACHE_LINE;
}

/* Shards start on a cache line and fill whole ones, so that two threads never share one. */
static bool metrics_shards(struct px_metrics *m) {
    m->stride = cache_lines(sizeof(struct px_shard) + m->nslots * sizeof(int64_t));
    m->block = px_calloc2(m->nshards + 1, m->stride);
    if (!m->block) {
        return false;
    }
    m->base = (char *)m->block;
    m->base += (METRIC_CACHE_LINE - (uintptr_t)m->base % METRIC_CACHE_LINE) % METRIC_CACHE_LINE;
    for (size_t i = 0; i < m->nshards; i++) {
        px_metrics_shard(m, i)->m = m;
    }
    return true;
}

enum px_code px_metrics_new(const struct px_metric_def *defs, size_t n, size_t shards,
                            struct px_metrics **ret, struct px_err *reterr) {
    struct px_metrics *m = px_alloc(sizeof *m);
    enum px_code code = PX_OK;

    px_assert(shards > 0 && shards <= 4096);
    if (!m) {
        return PX_FAIL(reterr, PX_NOMEM, "metrics");
    }
    m->defs = defs;
    m->n = n;
    m->nshards = shards;
    m->started = px_metric_started();
    m->place = px_calloc2(n ? n : 1, sizeof *m->place);
    if (!m->place) {
        code = PX_FAIL(reterr, PX_NOMEM, "metrics");
        goto out;
    }
    code = metrics_place(m, reterr);
    if (code != PX_OK) {
        goto out;
    }
    if (!metrics_shards(m)) {
        code = PX_FAIL(reterr, PX_NOMEM, "metrics");
        goto out;
    }
    *ret = PX_TAKE(m);
out:
    px_metrics_free(m);
    return code;
}

void px_metrics_free(struct px_metrics *m) {
    if (!m) {
        return;
    }
    px_free(m->block);
    px_free(m->place);
    px_free(m);
}

struct px_shard *px_metrics_shard(struct px_metrics *m, size_t i) {
    px_assert(i < m->nshards);
    return (struct px_shard *)(void *)(m->base + i * m->stride);
}

static size_t slot_of(const struct px_metrics *m, unsigned id, size_t l1, size_t l2) {
    const struct px_metric_place *p;

    px_assert(id < m->n);
    p = &m->place[id];
    px_assert(l1 < p->n1 && l2 < p->n2);
    return p->first + (l1 * p->n2 + l2) * p->width;
}

/* One writer per shard: a plain load and store, atomic only towards the scrape. */
static void slot_add(struct px_shard *s, size_t slot, int64_t n) {
    int64_t v = atomic_load_explicit(&s->slot[slot], memory_order_relaxed);
    int64_t sum;

    /* after some 10^18 the value starts anew, which readers of counters are used to */
    if (__builtin_add_overflow(v, n, &sum)) {
        sum = n;
    }
    atomic_store_explicit(&s->slot[slot], sum, memory_order_relaxed);
}

void px_count(struct px_shard *s, unsigned id, size_t l1, size_t l2, uint64_t n) {
    if (!s) {
        return;
    }
    px_assert(id < s->m->n && s->m->defs[id].kind == PX_METRIC_COUNTER);
    slot_add(s, slot_of(s->m, id, l1, l2), n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void gauge_set(struct px_shard *s, unsigned id, size_t slot, int64_t v) {
    px_assert(s->m->defs[id].kind == PX_METRIC_GAUGE);
    atomic_store_explicit(&s->slot[slot], v, memory_order_relaxed);
}

void px_gauge(struct px_shard *s, unsigned id, size_t l1, size_t l2, int64_t v) {
    int64_t kept = v;
    size_t slot;

    if (!s) {
        return;
    }
    slot = slot_of(s->m, id, l1, l2);
    if (s->m->place[id].seconds && __builtin_mul_overflow(v, PX_US_PER_S, &kept)) {
        kept = v < 0 ? INT64_MIN : INT64_MAX;
    }
    gauge_set(s, id, slot, kept);
}

void px_gauge_us(struct px_shard *s, unsigned id, size_t l1, size_t l2, px_us v) {
    size_t slot;

    if (!s) {
        return;
    }
    slot = slot_of(s->m, id, l1, l2);
    px_assert(s->m->place[id].seconds);
    gauge_set(s, id, slot, v);
}

void px_observe(struct px_shard *s, unsigned id, size_t l1, size_t l2, px_us v, uint64_t times) {
    const struct px_buckets *b;
    px_us span = v < 0 ? 0 : v;
    int64_t sum;
    size_t slot, i = 0;

    if (!s) {
        return;
    }
    slot = slot_of(s->m, id, l1, l2);
    px_assert(s->m->defs[id].kind == PX_METRIC_HISTOGRAM);
    b = s->m->defs[id].buckets;
    while (i < b->n && span > b->edge[i]) {
        i++;
    }
    if (__builtin_mul_overflow(span, times, &sum)) {
        sum = INT64_MAX;
    }
    slot_add(s, slot + i, times > INT64_MAX ? INT64_MAX : (int64_t)times);
    slot_add(s, slot + b->n + 1, sum);
}

int64_t px_metric_sum(const struct px_metrics *m, size_t slot) {
    uint64_t sum = 0;

    for (size_t i = 0; i < m->nshards; i++) {
        const struct px_shard *s = (const struct px_shard *)(const void *)(m->base + i * m->stride);
        sum += (uint64_t)atomic_load_explicit(&s->slot[slot], memory_order_relaxed);
    }
    return (int64_t)sum;
}

int64_t px_metrics_value(const struct px_metrics *m, unsigned id, size_t l1, size_t l2) {
    size_t slot = slot_of(m, id, l1, l2);
    uint64_t count = 0;

    if (m->defs[id].kind != PX_METRIC_HISTOGRAM) {
        return px_metric_sum(m, slot);
    }
    for (size_t i = 0; i <= m->defs[id].buckets->n; i++) {
        count += (uint64_t)px_metric_sum(m, slot + i);
    }
    return (int64_t)count;
}
