/* Dedupe keys: SHA-256 of a length-prefixed tuple, cut to 128 bits and kept as two int64, because
 * senders choose the values and every database has bigint. Pure.
 * Source: DECISIONS on what counts: client ids are scoped to player and type. */
#ifndef PX_DEDUPE_H
#define PX_DEDUPE_H

#include <px/catalog.h>

struct px_key128 {
    int64_t h1, h2;
};
static inline bool px_key_eq(struct px_key128 a, struct px_key128 b) {
    return a.h1 == b.h1 && a.h2 == b.h2;
}

/* px_dedupe_client_key(e): key of the claim on the sender's own id: ("cid", type, player, client
 * id). */
struct px_key128 px_dedupe_client_key(const struct px_event *e);
/* px_dedupe_fingerprint(e): 64 bits over type, player, banner, client time and attributes: the same
 * client id with another fingerprint is a conflict, not a retry. */
int64_t px_dedupe_fingerprint(const struct px_event *e);
/* px_dedupe_natural_key(e, type, day): key of the claim to be counted: by the type's rule
 * ("day", day, type, player, banner) or ("id", event id). */
struct px_key128 px_dedupe_natural_key(const struct px_event *e, const struct px_event_type *type,
                                       px_day day);

enum px_disposition {
    PX_COUNTED,
    PX_REPEAT,
    PX_DUPLICATE,
    PX_CONFLICT,
    PX_EXCLUDED,
    PX_LATE,
    PX_ERASED,
    PX_DEAD_LETTERED,
};
#define PX_DISPOSITIONS 8
const char *px_disposition_name(enum px_disposition d); /* "counted", "repeat", ... as in SQL */

#endif
