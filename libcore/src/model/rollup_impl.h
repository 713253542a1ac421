/* The body of the rollup list, shared by the file that reads it (rollup_yaml.c) and the file that
 * answers questions (rollup.c). Nobody else may look inside. */
#ifndef PX_ROLLUP_IMPL_H
#define PX_ROLLUP_IMPL_H

#include <px/arena.h>
#include <px/rollup.h>

#define PX_ROLLUPS_MAX 64

/* What a row without a table of its own is stored in: see database/. */

struct px_rollups {
    struct px_arena mem; /* everything below lives here */
    struct px_rollup v[PX_ROLLUPS_MAX];
    size_t n;
};

/* px_rollups_new(ret, reterr): an empty list. px_rollups_keep(r, s): a copy of ${s} that lives as
 * long as the list; NULL without memory. */
PX_MUST_USE enum px_code px_rollups_new(struct px_rollups **ret, struct px_err *reterr);
const char *px_rollups_keep(struct px_rollups *r, const char *s);

#endif
