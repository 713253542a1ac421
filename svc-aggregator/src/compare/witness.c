/* Are the raw rows of a day all there? Asked before a rebuild makes rows of what is there: whoever
 * is believed wrongly has numbers taken away. */
#include "witness.h"

#include <px/unlink.h>

#include <string.h>

bool agg_witness_is(const struct px_rollup *r, bool counts_all) {
    static const char *const first[] = {"daily_metrics", "event_summary", "minute_summary"};
    for (size_t i = 0; i < PX_ARRAY_LEN(first); i++) {
        if (strcmp(r->name, first[i]) == 0 && strcmp(r->table, first[i]) == 0) {
            return counts_all;
        }
    }
    return false;
}

void agg_words_note(struct agg_words *c, const struct agg_recount *rc, const struct agg_tally *t) {
    int64_t missing = t->sum_stored[0] - t->sum_computed[0];
    if (rc->witness) {
        if (c->witnesses == 0 || missing < c->least) {
            c->least = missing;
            c->less = rc->def.name;
        }
        c->witnesses++;
        c->exact += missing == 0 && t->sum_stored[0] > 0 ? 1 : 0;
    }
    if (missing > c->most) {
        c->most = missing;
        c->more = rc->def.name;
    }
}

enum agg_day_state agg_words_judge(const struct agg_words *c) {
    /* that two tables lack just as many events as there are raw rows missing, and not all of them,
     * does not happen; that one counts too many does */
    if (c->exact >= 2) {
        return AGG_DAY_COMPLETE;
    }
    if (c->witnesses == 0) {
        return c->most > 0 ? AGG_DAY_MISSING : AGG_DAY_UNVOUCHED;
    }
    if (c->most <= 0) {
        return AGG_DAY_COMPLETE;
    }
    return c->least > 0 ? AGG_DAY_MISSING : AGG_DAY_DISPUTED;
}

/* Buckets that reach over the ends of the window have counted events of other days. */
static bool fits(const struct agg_recount *rc, const struct px_window *w) {
    bool end = w->hi == PX_COL_TIME_MAX || w->hi % rc->def.bucket == 0;
    return !rc->by_bucket || (w->lo % rc->def.bucket == 0 && end);
}

static bool may_speak(const struct agg_recount *rc, const struct px_window *w, bool witness) {
    if (rc->witness != witness || !fits(rc, w)) {
        return false;
    }
    return witness ? w->first >= rc->kept_from : rc->counts_all && !px_unlink_column(&rc->def);
}

static enum px_code ask(struct agg_recount *v, size_t n, const struct px_window *w, bool witness,
                        struct agg_words *c, struct px_err *reterr) {
    for (size_t i = 0; i < n; i++) {
        struct agg_tally t = {0};
        if (!may_speak(&v[i], w, witness)) {
            continue;
        }
        enum px_code rc = agg_recount_tally(&v[i], w, &t, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        agg_words_note(c, &v[i], &t);
    }
    return PX_OK;
}

enum px_code agg_witness_ask(struct agg_recount *v, size_t n, const struct px_window *w,
                             struct agg_words *ret, struct px_err *reterr) {
    *ret = (struct agg_words){.witnesses = 0};
    enum px_code rc = ask(v, n, w, true, ret, reterr);
    bool decided = ret->exact >= 2 || ret->most > 0;
    return rc == PX_OK && !decided ? ask(v, n, w, false, ret, reterr) : rc;
}
