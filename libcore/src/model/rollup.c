/* The list of aggregations in memory: look-ups by position and by name. Immutable once loaded, so
 * every thread reads it without a lock. Reading the file is rollup_yaml.c, folding is fold.c. */
#include "rollup_impl.h"

#include <px/mem.h>

#define ROLLUPS_MAX_BYTES ((size_t)1024 * 1024)

enum px_code px_rollups_new(struct px_rollups **ret, struct px_err *reterr) {
    struct px_rollups *r = px_alloc(sizeof *r);
    if (!r) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the rollups");
    }
    px_arena_init(&r->mem, ROLLUPS_MAX_BYTES);
    *ret = r;
    return PX_OK;
}

void px_rollups_free(struct px_rollups *r) {
    if (!r) {
        return;
    }
    px_arena_fini(&r->mem);
    px_free(r);
}

const char *px_rollups_keep(struct px_rollups *r, const char *s) {
    return px_arena_dup(&r->mem, px_str_c(s)).p;
}

size_t px_rollups_count(const struct px_rollups *r) {
    return r->n;
}

const struct px_rollup *px_rollups_get(const struct px_rollups *r, size_t i) {
    px_assert(i < r->n);
    return &r->v[i];
}

const struct px_rollup *px_rollups_find(const struct px_rollups *r, struct px_str name) {
    for (size_t i = 0; i < r->n; i++) {
        if (px_str_is(name, r->v[i].name)) {
            return &r->v[i];
        }
    }
    return NULL;
}
