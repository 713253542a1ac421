/* The zero-filled table of counts. Pure. */
#include "counts.h"

enum px_code api_counts_init(struct api_counts *c, const struct api_range *range, size_t ntypes,
                             struct px_arena *arena) {
    int64_t *v = px_arena_zalloc(arena, range->buckets * ntypes, sizeof(*v));
    int64_t *total = px_arena_zalloc(arena, ntypes, sizeof(*total));

    if (!v || !total) {
        return PX_NOMEM;
    }
    *c = (struct api_counts){.range = range, .ntypes = ntypes, .v = v, .total = total};
    return PX_OK;
}

void api_counts_add(struct api_counts *c, size_t bucket, size_t type, int64_t n) {
    if (bucket >= c->range->buckets || type >= c->ntypes) {
        return;
    }
    c->v[bucket * c->ntypes + type] += n;
    c->total[type] += n;
}
