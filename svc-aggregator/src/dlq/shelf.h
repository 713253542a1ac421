/* A shelf of dead letters in the order of their origin that holds as many as fit. What does not fit
 * waits for the next round: the letters on the shelf are always the first ones behind those of the
 * round before, each origin once, so that rounds over a topic of any size need bounded memory and
 * still go in order. Pure. */
#ifndef AGG_SHELF_H
#define AGG_SHELF_H

#include <px/err.h>
#include <px/str.h>

/* Where a record stood: ordered by log, partition, offset. */
struct agg_origin {
    uint64_t log; /* hash of the log's name */
    int32_t partition;
    int64_t offset;
};

struct agg_shelved {
    struct agg_origin origin;
    struct px_str bytes; /* owned by the shelf */
    size_t nth;          /* among equal ones: the first that came is kept */
    int64_t copies;      /* other letters of this origin                  */
};

struct agg_shelf {
    size_t max_n, max_bytes; /* kept to, but for one letter that is larger than all of it */
    struct agg_shelved *v;
    size_t n, cap, bytes;
    struct agg_origin after, before; /* what this round may hold lies between */
    bool has_after, has_before;
    int64_t copies; /* of all rounds that are closed */
};

void agg_shelf_init(struct agg_shelf *s, size_t max_n, size_t max_bytes);
void agg_shelf_fini(struct agg_shelf *s);

/* agg_shelf_add(s, origin, bytes, reterr): copy one letter, unless it belongs to another round.
 * Errors: PX_NOMEM. */
PX_MUST_USE enum px_code agg_shelf_add(struct agg_shelf *s, struct agg_origin origin,
                                       struct px_str bytes, struct px_err *reterr);
/* agg_shelf_close(s): the round has all: sorted, each origin once. */
void agg_shelf_close(struct agg_shelf *s);
/* agg_shelf_turn(s): empty it for the next round; false: there was nothing left out. */
PX_MUST_USE bool agg_shelf_turn(struct agg_shelf *s);

int agg_origin_cmp(const struct agg_origin *a, const struct agg_origin *b);

#endif
