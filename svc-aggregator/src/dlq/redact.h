/* Dead letters of erased players: the topic keeps them until they are too old, so whoever prints or
 * replays letters asks here first. Knows them from the topic of erasures; without Erasure:KeyFile
 * nobody can be known. */
#ifndef AGG_REDACT_H
#define AGG_REDACT_H

#include "erased.h"

struct agg;
struct agg_letter;

struct agg_redact {
    struct px_keyring ring;
    struct agg_erased erased;
};

/* agg_redact_open(a, r, reterr): fine without a key file. Close it also after a failure. Errors:
 * PX_CONFIG (the file), those of topic.h. */
PX_MUST_USE enum px_code agg_redact_open(const struct agg *a, struct agg_redact *r,
                                         struct px_err *reterr);
void agg_redact_close(struct agg_redact *r);

/* agg_redact_letter(r, l, arena): is the letter's record of an erased player, by its key or its
 * content? Of an excerpt only the key can tell. ${arena}: scratch. */
bool agg_redact_letter(const struct agg_redact *r, const struct agg_letter *l,
                       struct px_arena *arena);

#endif
