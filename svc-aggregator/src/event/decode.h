/* Bytes of the log -> event, or the reason why they belong in the dead letters. */
#ifndef AGG_DECODE_H
#define AGG_DECODE_H

#include "batch.h"
#include "schemas.h"

#include <px/zone.h>

struct agg_decoder {
    const struct px_catalog *catalog; /* kept */
    const struct px_zone *zone;       /* kept; NULL = UTC */
    struct agg_schemas *schemas;      /* kept; NULL = fixed ids */
};

/* agg_decode(d, item, arena, reterr): fill the event, its type, day and keys from item->value;
 * bytes that can never be applied mark the item dead, with the reason. Poison is not a failure.
 * Errors: PX_NOMEM, PX_TOO_LARGE (arena), PX_BUSY (its schema is awaited; see agg_schemas_get).
 * Threads: owner of the schemas. */
PX_MUST_USE enum px_code agg_decode(const struct agg_decoder *d, struct agg_item *item,
                                    struct px_arena *arena, struct px_err *reterr);

#endif
