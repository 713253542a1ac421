/* One batch of records: filling, cutting, sorting, splitting. Pure memory work between the consumer
 * and the transaction; knows neither Kafka nor SQL and never looks at a clock. */
#include "batch.h"

#include <px/mem.h>

#include <stdlib.h>

/* Attributes of decoded events and the ranges of split slices share the arena with the bytes. */
#define AGG_ARENA_SLACK (UINT64_C(64) << 20)

/* A poll that took less had not to wait. */
#define AGG_AT_ONCE (1 * PX_US_PER_MS)

enum px_code agg_batch_init(struct agg_batch *b, const struct agg_batch_limits *limits,
                            struct px_err *reterr) {
    *b = (struct agg_batch){.limits = *limits};
    px_arena_init(&b->arena, 4 * limits->max_bytes + AGG_ARENA_SLACK);
    b->items = px_calloc2(limits->max_events, sizeof *b->items);
    b->order = px_calloc2(limits->max_events, sizeof(struct agg_item *));
    b->ranges = px_calloc2(AGG_MAX_RANGES, sizeof *b->ranges);
    if (!b->items || !b->order || !b->ranges) {
        agg_batch_fini(b);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a batch of %zu events", limits->max_events);
    }
    return PX_OK;
}

void agg_batch_fini(struct agg_batch *b) {
    px_arena_fini(&b->arena);
    px_free(b->items);
    px_free(b->order);
    px_free(b->ranges);
    *b = (struct agg_batch){0};
}

void agg_batch_reset(struct agg_batch *b) {
    px_arena_reset(&b->arena);
    b->n = 0;
    b->nranges = 0;
    b->bytes = 0;
    b->opened = 0;
}

static struct agg_range *range_find(const struct agg_batch *b, int32_t partition) {
    for (size_t i = 0; i < b->nranges; i++) {
        if (b->ranges[i].partition == partition) {
            return &b->ranges[i];
        }
    }
    return NULL;
}

static enum px_code range_open(struct agg_batch *b, int32_t partition, int64_t next, px_us mono,
                               struct agg_range **ret, struct px_err *reterr) {
    struct agg_range *r = range_find(b, partition);
    if (!r) {
        if (b->nranges == AGG_MAX_RANGES) {
            return PX_FAIL(reterr, PX_TOO_LARGE,
                           "more than %d partitions for one process: start more processes",
                           AGG_MAX_RANGES);
        }
        r = &b->ranges[b->nranges++];
        *r = (struct agg_range){.partition = partition, .lo = next, .hi = next};
    }
    if (!b->opened) {
        b->opened = mono;
    }
    *ret = r;
    return PX_OK;
}

int64_t agg_batch_next(const struct agg_batch *b, int32_t partition, int64_t next) {
    const struct agg_range *r = range_find(b, partition);
    return r ? r->hi : next;
}

static bool keep_bytes(struct px_arena *a, struct px_str from, struct px_str *to) {
    if (!from.p) {
        *to = (struct px_str){.p = NULL, .n = 0};
        return true;
    }
    *to = px_arena_dup(a, from);
    return to->p != NULL;
}

enum px_code agg_batch_add(struct agg_batch *b, int64_t next, const struct agg_record *r,
                           px_us mono, struct agg_item **ret_item, struct px_err *reterr) {
    if (r->offset < agg_batch_next(b, r->partition, next)) {
        *ret_item = NULL;
        return PX_OK;
    }
    px_assert(b->n < b->limits.max_events);
    struct agg_item *it = &b->items[b->n];
    *it = (struct agg_item){.partition = r->partition, .offset = r->offset};
    if (!keep_bytes(&b->arena, r->key, &it->key) || !keep_bytes(&b->arena, r->value, &it->value)) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory to keep a record of %zu bytes", r->value.n);
    }
    struct agg_range *range = NULL;
    enum px_code rc = range_open(b, r->partition, next, mono, &range, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    range->hi = r->offset + 1;
    b->bytes += r->key.n + r->value.n;
    b->n++;
    *ret_item = it;
    return PX_OK;
}

enum px_code agg_batch_eof(struct agg_batch *b, int64_t next, int32_t partition, int64_t offset,
                           px_us mono, struct px_err *reterr) {
    if (offset <= agg_batch_next(b, partition, next)) {
        return PX_OK;
    }
    struct agg_range *range = NULL;
    enum px_code rc = range_open(b, partition, next, mono, &range, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    range->hi = offset;
    return PX_OK;
}

bool agg_batch_full(const struct agg_batch *b) {
    return b->n >= b->limits.max_events || b->bytes >= b->limits.max_bytes;
}

void agg_pace_polled(struct agg_pace *p, bool nothing, px_us asked, px_us now) {
    p->empty = nothing;
    if (nothing || now - asked > AGG_AT_ONCE) {
        p->empty_at = now;
    }
}

void agg_pace_cut(struct agg_pace *p, px_us now) {
    p->empty = false;
    p->empty_at = now;
}

bool agg_batch_ready(const struct agg_batch *b, const struct agg_pace *pace, px_us mono) {
    return agg_batch_full(b) || (pace->empty && agg_batch_due(b, mono));
}

bool agg_batch_due(const struct agg_batch *b, px_us mono) {
    return !agg_batch_empty(b) && mono - b->opened >= b->limits.max_delay;
}

static int by_place(const void *x, const void *y) {
    const struct agg_item *a = *(struct agg_item *const *)x;
    const struct agg_item *b = *(struct agg_item *const *)y;
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int by_partition(const void *x, const void *y) {
    const struct agg_range *a = x;
    const struct agg_range *b = y;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

void agg_slice_measure(struct agg_slice *s) {
    size_t at = 0;
    for (size_t i = 0; i < s->nranges; i++) {
        struct agg_range *r = &s->ranges[i];
        r->nitems = 0;
        r->max_event_at = 0;
        for (; at < s->n && s->items[at]->partition == r->partition; at++) {
            const struct agg_item *it = s->items[at];
            px_us t = it->dead ? 0 : it->event.received_at; /* a sender's clock may run ahead */
            r->max_event_at = t > r->max_event_at ? t : r->max_event_at;
            r->nitems++;
        }
    }
    px_assert(at == s->n);
}

struct agg_slice agg_batch_seal(struct agg_batch *b) {
    for (size_t i = 0; i < b->n; i++) {
        b->order[i] = &b->items[i];
    }
    qsort(b->order, b->n, sizeof(struct agg_item *), by_place);
    qsort(b->ranges, b->nranges, sizeof *b->ranges, by_partition);
    struct agg_slice s = {.items = b->order, .n = b->n, .ranges = b->ranges, .nranges = b->nranges};
    agg_slice_measure(&s);
    return s;
}

void agg_slice_cut(struct agg_slice *s, int32_t partition, int64_t offset) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct agg_item *it = s->items[i];
        if (it->partition != partition || it->offset < offset) {
            s->items[n++] = it;
        }
    }
    s->n = n;
    size_t kept = 0;
    for (size_t i = 0; i < s->nranges; i++) {
        struct agg_range r = s->ranges[i];
        if (r.partition == partition && r.hi > offset) {
            r.hi = offset;
        }
        if (r.hi > r.lo) {
            s->ranges[kept++] = r;
        }
    }
    s->nranges = kept;
    agg_slice_measure(s);
}

/* The range in which the second half begins is cut at its first offset there; ranges before belong
 * to the first half, ranges behind to the second, those without records included. */
enum px_code agg_slice_split(const struct agg_slice *s, struct px_arena *arena,
                             struct agg_slice ret[2], struct px_err *reterr) {
    px_assert(s->n >= 2);
    size_t half = s->n / 2;
    const struct agg_item *first = s->items[half];
    struct agg_range *left = px_arena_zalloc(arena, s->nranges, sizeof *left);
    struct agg_range *right = px_arena_zalloc(arena, s->nranges, sizeof *right);
    if (!left || !right) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory to split a batch");
    }
    struct agg_slice a = {.items = s->items, .n = half, .ranges = left};
    struct agg_slice b = {.items = s->items + half, .n = s->n - half, .ranges = right};
    for (size_t i = 0; i < s->nranges; i++) {
        struct agg_range r = s->ranges[i];
        if (r.partition < first->partition) {
            left[a.nranges++] = r;
        } else if (r.partition > first->partition) {
            right[b.nranges++] = r;
        } else {
            struct agg_range head = r;
            head.hi = first->offset;
            r.lo = first->offset;
            right[b.nranges++] = r;
            if (head.hi > head.lo) {
                left[a.nranges++] = head;
            }
        }
    }
    agg_slice_measure(&a);
    agg_slice_measure(&b);
    ret[0] = a;
    ret[1] = b;
    return PX_OK;
}
