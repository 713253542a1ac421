/* How many dead letters there are of each kind. Bounded: what a sender can make up (types, reasons
 * of other writers) takes a limited number of rows, the rest is counted as "others". Pure. */
#ifndef AGG_LETTER_STATS_H
#define AGG_LETTER_STATS_H

#include "letters.h"

#include <px/buf.h>

#define AGG_TALLY_NAME 64
struct agg_tally_row {
    char name[AGG_TALLY_NAME];
    int64_t n;
};
struct agg_tally {
    struct agg_tally_row *v; /* sorted by name */
    size_t n, max;
    int64_t others; /* of names behind the first ${max} */
};

enum { /* what is counted apart */
    AGG_BY_REASON,
    AGG_BY_TYPE,
    AGG_BY_SERVICE,
    AGG_BY_TIME, /* hours; days when they are more than two */
    AGG_TALLIES
};

struct agg_letter_stats {
    struct agg_tally by[AGG_TALLIES];
    int64_t letters, unreadable, of_log, of_requests;
    px_us first, last; /* 0 = none */
};

PX_MUST_USE enum px_code agg_letter_stats_init(struct agg_letter_stats *s, struct px_err *reterr);
void agg_letter_stats_fini(struct agg_letter_stats *s);
void agg_letter_stats_add(struct agg_letter_stats *s, const struct agg_letter *l);
/* agg_letter_stats_print(s, out): a paragraph per kind. agg_letter_stats_json(s, w): members of an
 * open object. Both close the books: hours become days. */
struct px_jsonw;
void agg_letter_stats_print(struct agg_letter_stats *s, struct px_buf *out);
void agg_letter_stats_json(struct agg_letter_stats *s, struct px_jsonw *w);

#endif
