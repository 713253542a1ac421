/* What px_settings says before anything goes, and the wait that makes it true for every batch: one
 * that reads the floor after its fence either reads this one, or has ended before the first claim
 * is removed. */
#include "retain_priv.h"

#include <px/failpoint.h>

#include <stdio.h>

#define AGG_PLACES_MAX (64 << 20)

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

struct place {
    char log_id[128], topic[256];
    int64_t partition;
};
struct wait {
    struct px_stmt *st;
    const struct place *at;
};

static enum px_code wait_work(void *arg, struct px_err *reterr) {
    const struct wait *w = arg;
    enum px_code rc = px_bind_text(w->st, 0, px_str_c(w->at->log_id), reterr);
    rc = rc == PX_OK ? px_bind_text(w->st, 1, px_str_c(w->at->topic), reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    px_bind_i64(w->st, 2, w->at->partition);
    rc = px_stmt_run(w->st, reterr);
    while (rc == PX_OK) {
        rc = px_stmt_next(w->st, reterr);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Every partition of every log that SQL knows. */
static enum px_code read_places(struct px_stmt *list, struct px_buf *out, struct px_err *reterr) {
    enum px_code rc = px_stmt_run(list, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(list, reterr)) == PX_OK) {
        struct place p = {.partition = px_col_i64(list, 2)};
        px_assert(px_str_copy(px_col_text(list, 0), p.log_id, sizeof p.log_id));
        px_assert(px_str_copy(px_col_text(list, 1), p.topic, sizeof p.topic));
        px_buf_add(out, (const char *)&p, sizeof p);
    }
    px_stmt_end(list);
    return rc == PX_NO_ROW ? px_buf_ok(out, reterr) : rc;
}

/* A batch that is under way has moved its offsets and may have read the old floor: it holds its
 * rows of consumer_offsets. One row after the other, so that nobody waits for us while we wait. */
static enum px_code wait_for_batches(const struct agg_retain *r, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf places = PX_BUF_INIT(AGG_PLACES_MAX);
    struct px_stmt *list = NULL;
    struct place at;
    struct wait w = {.at = &at};
    px_us took = 0;
    enum px_code rc = agg_stmt(r->sql, PX_ST_FRESHNESS, &list, reterr);
    rc = rc == PX_OK ? agg_stmt(r->sql, PX_ST_OFFSETS_WAIT, &w.st, reterr) : rc;
    rc = rc == PX_OK ? read_places(list, &places, reterr) : rc;
    for (size_t i = 0; rc == PX_OK && i < places.n / sizeof at; i++) {
        memcpy(&at, places.p + i * sizeof at, sizeof at);
        rc = agg_retain_tx(r, wait_work, &w, &took, reterr);
    }
    px_stmt_free(list);
    px_stmt_free(w.st);
    return rc;
}

enum px_code agg_retain_announce(const struct agg_retain *r, const struct agg_removal *what,
                                 struct px_err *reterr) {
    struct raise w = {.r = r, .what = what};
    px_us took = 0;
    enum px_code rc = agg_retain_tx(r, raise_work, &w, &took, reterr);
    PX_FAILPOINT("agg.retain_after_floor");
    return rc == PX_OK ? wait_for_batches(r, reterr) : rc;
}
