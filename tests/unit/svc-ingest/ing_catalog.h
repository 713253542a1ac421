/* The catalog that the repository ships, for tests of ingest's pure parts. */
#ifndef ING_TEST_CATALOG_H
#define ING_TEST_CATALOG_H

#include "unit.h"

#include <px/catalog.h>

static inline int ing_catalog_setup(void **state) {
    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;

    if (px_catalog_load("schemas/events.yaml", &cat, &err)) {
        print_error("%s\n", err.msg);
        return -1;
    }
    *state = cat;
    return 0;
}

static inline int ing_catalog_teardown(void **state) {
    px_catalog_free(*state);
    return 0;
}

#endif
