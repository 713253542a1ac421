/* The catalog that the repository ships, loaded once for a fuzz target, and the judge that every
 * reader's fields meet: what is accepted must keep the promises of an event. */
#ifndef FUZZ_CATALOG_H
#define FUZZ_CATALOG_H

#include "fields.h"

const struct px_catalog *fuzz_catalog(void);

/* fuzz_judge(f, arena, ret): true when the fields make an event; then it was checked that its ids,
 * tags and attributes are UTF-8 without NUL within their limits. Id and times are fixed. */
bool fuzz_judge(const struct ing_fields *f, struct px_arena *arena, struct px_event *ret);

#endif
