/* Binds the parameters of a recount, in the order in which they were rendered. */
#include <px/num.h>

#include "recount_priv.h"

static enum px_code bind_day(struct px_recount_text *t, px_day day, unsigned which,
                             struct px_stmt *st, unsigned at) {
    char full[PX_TIME_TEXT];
    size_t n = px_fmt_date(day, full);
    memcpy(t->days[which], full, n + 1 < sizeof t->days[0] ? n + 1 : sizeof t->days[0]);
    return px_bind_text(st, at, px_str_c(t->days[which]), NULL);
}

enum px_code px_recount_bind(struct px_recount_text *t, const struct px_window *w,
                             struct px_stmt *st, struct px_err *reterr) {
    const px_us instants[] = {
        [P_LO] = w->lo, [P_HI] = w->hi, [P_SINCE_LO] = w->since_lo, [P_SINCE_HI] = w->since_hi};
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < t->nparams; i++) {
        unsigned kind = t->params[i];
        unsigned at = t->first + (unsigned)i;
        if (kind == P_FIRST || kind == P_LAST) {
            rc = bind_day(t, kind == P_FIRST ? w->first : w->last, kind, st, at);
        } else if (kind == P_NAME) {
            rc = px_bind_text(st, at, px_str_c(t->r->name), reterr);
        } else if (kind >= P_WHEN) {
            rc = px_bind_text(st, at, px_str_c(t->r->measures[kind - P_WHEN].when), reterr);
        } else {
            px_bind_i64(st, at, instants[kind]);
        }
    }
    return rc;
}
