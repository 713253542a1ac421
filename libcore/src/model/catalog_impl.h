/* The body of the catalog, shared by the file that reads it (catalog_yaml.c) and the file that
 * answers questions (catalog.c). Nobody else may look inside. */
#ifndef PX_CATALOG_IMPL_H
#define PX_CATALOG_IMPL_H

#include <px/catalog.h>
#include <px/map.h>

struct px_catalog {
    struct px_arena mem; /* everything below lives here */
    struct px_map index; /* type name -> position       */
    struct px_family *families;
    size_t nfamilies;
    struct px_event_type *types;
    const char **names;
    size_t ntypes;
};

/* px_catalog_new(ret, reterr): an empty catalog. px_catalog_keep(c, s): a copy of ${s} that lives
 * as long as the catalog; NULL without memory. */
PX_MUST_USE enum px_code px_catalog_new(struct px_catalog **ret, struct px_err *reterr);
const char *px_catalog_keep(struct px_catalog *c, const char *s);

#endif
