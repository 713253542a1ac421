/* Who may say of a span of days whether its raw rows are all there. A table that has counted more
 * than the raw rows make says that some are missing, whichever it is. That none is missing only the
 * tables may say that every release has kept from the first migration on: nobody knows since when,
 * and by which programs, another one was kept. */
#ifndef AGG_WITNESS_H
#define AGG_WITNESS_H

#include "days.h"
#include "recount.h"

/* agg_witness_is(r, counts_all): may the rollup vouch? Threads: pure. */
bool agg_witness_is(const struct px_rollup *r, bool counts_all);

/* What the tables say: counted events that have no raw row, negative when the table lacks some. */
struct agg_words {
    size_t witnesses;        /* that have their rows of these days       */
    size_t exact;            /* of them: agree with the raw rows; there are some */
    int64_t least;           /* of the witnesses                         */
    int64_t most;            /* of all that were asked; 0 = none claims  */
    const char *less, *more; /* the tables that say so; NULL = none      */
};
/* agg_words_note(c, rc, t): ${rc} was asked, and says ${t}. Threads: pure. */
void agg_words_note(struct agg_words *c, const struct agg_recount *rc, const struct agg_tally *t);
/* agg_words_judge(c): complete when two witnesses agree with the raw rows, or when there is a
 * witness and no table claims more. Threads: pure. */
enum agg_day_state agg_words_judge(const struct agg_words *c);

/* agg_witness_ask(v, n, w, ret, reterr): what the ${n} rollups say of ${w}: the witnesses, and the
 * others where they matter. Only sums are asked for, so ${w} may be many days, with raw rows.
 * Errors: PX_SQL*. */
PX_MUST_USE enum px_code agg_witness_ask(struct agg_recount *v, size_t n, const struct px_window *w,
                                         struct agg_words *ret, struct px_err *reterr);

#endif
