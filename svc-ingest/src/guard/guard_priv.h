/* What the files of the room share. Nobody else may look inside. */
#ifndef ING_GUARD_PRIV_H
#define ING_GUARD_PRIV_H

#include "guard.h"

/* Kinds of buckets in the one table. */
enum {
    GUARD_ADDRESS = 1,
    GUARD_KEY,
    GUARD_SITE,
    GUARD_FAILED_ADDRESS, /* wrong keys */
    GUARD_FAILED_KEY
};

/* ing_guard_address(g, kind, a): names the bucket of that kind for ${a}, or for its /64. */
uint64_t ing_guard_address(const struct ing_guard *g, unsigned kind, const struct px_addr *a);
/* ing_guard_seconds(ns): for Retry-After. */
unsigned ing_guard_seconds(int64_t ns);

#endif
