/* What px_settings says before anything goes, and the wait that makes it true for every batch: one
 * that reads the floor after its fence either reads this one, or has ended before the first claim
 * is removed. */
#include "retain_priv.h"

#include <px/failpoint.h>

#include <stdio.h>

struct raise {
    const struct agg_retain *r;
    const struct agg_removal *what;
};

static enum px_code mark(const struct raise *w, const char *name, px_day day,
                         struct px_err *reterr) {
    char text[128];
    snprintf(text, sizeof text, "%.96s_complete_from", name);
    return agg_setting_raise(w->r->sql, text, day, reterr);
}

/* rollup_values is the table of several. */
static enum px_code mark_generic(const struct raise *w, px_day day, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    for (size_t i = 0; rc == PX_OK && i < px_rollups_count(w->r->rollups); i++) {
        const struct px_rollup *p = px_rollups_get(w->r->rollups, i);
        if (px_str_is(px_str_c(p->table), PX_GENERIC_TABLE)) {
            rc = mark(w, p->name, day, reterr);
        }
    }
    return rc;
}

/* Only of tables that lose rows now. Where no raw rows are kept, none are complete. */
static enum px_code raise_work(void *arg, struct px_err *reterr) {
    const struct raise *w = arg;
    const struct agg_bounds *b = w->what->bounds;
    enum px_code rc = agg_setting_raise(w->r->sql, AGG_CLAIMS_FROM, b->claims_from, reterr);
    if (rc == PX_OK && !w->r->conf->raw_store) {
        rc = mark(w, "raw", b->raw_complete, reterr);
    }
    for (size_t i = 0; rc == PX_OK && i < w->what->olds->n; i++) {
        const struct agg_old *o = &w->what->olds->v[i];
        px_day day = agg_old_below(b, o->by);
        if (!w->what->found->v[i]) {
            continue;
        }
        bool generic = px_str_is(px_str_c(o->x.table), PX_GENERIC_TABLE);
        rc = generic   ? mark_generic(w, day, reterr)
             : o->name ? mark(w, o->name, day, reterr)
                       : PX_OK;
    }
    return rc;
}

enum px_code agg_retain_announce(const struct agg_retain *r, const struct agg_removal *what,
                                 struct px_err *reterr) {
    struct raise w = {.r = r, .what = what};
    px_us took = 0;
    enum px_code rc = agg_retain_tx(r, raise_work, &w, &took, reterr);
    PX_FAILPOINT("agg.retain_after_floor");
    return rc == PX_OK ? agg_retain_wait(r, reterr) : rc;
}
