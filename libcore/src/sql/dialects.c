/* The registry of dialects, in the order of the choices of Sql:Dialect. One row per dialect;
 * nothing else knows which exist. */
#include "internal.h"

static const struct px_dialect *const dialects[] = {
    &px_dialect_sqlite,
    &px_dialect_postgresql,
    &px_dialect_sqlserver,
};

const struct px_dialect *px_dialect_get(size_t i) {
    return i < PX_ARRAY_LEN(dialects) ? dialects[i] : NULL;
}

const struct px_dialect *px_dialect_find(struct px_str name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(dialects); i++) {
        if (px_str_is(name, dialects[i]->name)) {
            return dialects[i];
        }
    }
    return NULL;
}
