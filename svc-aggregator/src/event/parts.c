/* The partitions that this process owns, in memory: a cache of committed rows, dropped on revoke.
 */
#include "offsets.h"

#include <px/mem.h>

enum px_code agg_parts_init(struct agg_parts *p, struct px_err *reterr) {
    *p = (struct agg_parts){.v = px_calloc2(AGG_MAX_RANGES, sizeof *p->v)};
    return p->v ? PX_OK : PX_FAIL(reterr, PX_NOMEM, "no memory for the partitions");
}

void agg_parts_fini(struct agg_parts *p) {
    px_free(p->v);
    *p = (struct agg_parts){0};
}

struct agg_part *agg_parts_find(const struct agg_parts *p, int32_t partition) {
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].partition == partition) {
            return &p->v[i];
        }
    }
    return NULL;
}

enum px_code agg_parts_add(struct agg_parts *p, const struct agg_part *part,
                           struct px_err *reterr) {
    struct agg_part *at = agg_parts_find(p, part->partition);
    if (!at && p->n == AGG_MAX_RANGES) {
        return PX_FAIL(reterr, PX_TOO_LARGE,
                       "more than %d partitions for one process: start more processes",
                       AGG_MAX_RANGES);
    }
    at = at ? at : &p->v[p->n++];
    *at = *part;
    return PX_OK;
}

void agg_parts_remove(struct agg_parts *p, int32_t partition) {
    struct agg_part *at = agg_parts_find(p, partition);
    if (at) {
        *at = p->v[--p->n];
    }
}
