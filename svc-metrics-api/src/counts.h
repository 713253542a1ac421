/* A zero-filled table of counts: buckets x event types. What every metrics endpoint is made of; the
 * database rows go in, the writers read it. */
#ifndef API_COUNTS_H
#define API_COUNTS_H

#include <px/arena.h>
#include <px/catalog.h>

#include "range.h"

struct api_counts {
    const struct api_range *range;
    size_t ntypes;  /* the catalog's, in its order */
    int64_t *v;     /* [bucket * ntypes + type], in the arena */
    int64_t *total; /* per type, over the whole range */
};

/* api_counts_init(c, range, ntypes, arena): all zero. Errors: PX_NOMEM (arena full). */
PX_MUST_USE enum px_code api_counts_init(struct api_counts *c, const struct api_range *range,
                                         size_t ntypes, struct px_arena *arena);
/* api_counts_add(c, bucket, type, n): buckets outside the range are ignored. */
void api_counts_add(struct api_counts *c, size_t bucket, size_t type, int64_t n);

static inline int64_t api_counts_at(const struct api_counts *c, size_t bucket, size_t type) {
    return c->v[bucket * c->ntypes + type];
}

#endif
