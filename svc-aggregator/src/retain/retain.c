/* The order of a run is the point of this file: px_settings says first what will be gone; then
 * every batch that began before that is waited for; then rows go. So no batch ever looks for a
 * claim that was just removed, and whoever reads raw_complete_from in a snapshot finds all rows it
 * promises. */
#include "retain_priv.h"

#include <px/failpoint.h>

#define AGG_CLOCK_SKEW PX_US_PER_HOUR

static px_us now_of(const struct agg_retain *r) {
    return px_wall(r->clock);
}

/* --- how far -------------------------------------------------------------------------------------
 */

/* A clock that is wrong by days would remove days; whose it is does not matter. */
static enum px_code check_clock(const struct agg_retain *r, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(r->sql, PX_ST_NOW, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    px_us theirs = rc == PX_OK ? px_col_i64(st, 0) : 0;
    px_us apart = theirs - px_wall(&px_clock_system);
    px_stmt_free(st);
    if (rc == PX_OK && (apart > AGG_CLOCK_SKEW || apart < -AGG_CLOCK_SKEW)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "this machine's clock and the database's are %lld s apart: nothing is "
                       "removed until they agree",
                       (long long)((apart < 0 ? -apart : apart) / PX_US_PER_S));
    }
    return rc;
}

/* Of a partition: everything received before this has been read. Where SQL stands behind the end of
 * the log that is its last event, though none was received after the look; at the end, the moment
 * when somebody looked. */
static px_us read_until(const struct px_stmt *st) {
    bool behind = px_col_i64(st, 3) < px_col_i64(st, 4);
    px_us looked = px_col_i64(st, 5), last = px_col_i64(st, 6); /* NULL reads as 0: nothing known */
    return behind && last < looked ? last : looked;
}

struct progress { /* of one log of one topic */
    char topic[256], log_id[128];
    px_us looked_at, unread;
};

static bool begins(const struct px_stmt *st, struct progress *log) {
    if (px_str_is(px_col_text(st, 1), log->topic) && px_str_is(px_col_text(st, 0), log->log_id)) {
        return false;
    }
    *log = (struct progress){.unread = AGG_NOTHING_UNREAD};
    px_assert(px_str_copy(px_col_text(st, 1), log->topic, sizeof log->topic));
    px_assert(px_str_copy(px_col_text(st, 0), log->log_id, sizeof log->log_id));
    return true;
}

/* Of a topic only the log counts that was looked at last; older ones are not read again. */
static void end_log(const struct progress *log, struct progress *newest, px_us *unread) {
    if (strcmp(log->topic, newest->topic) != 0) { /* sorted by topic: the one before is complete */
        *unread = newest->unread < *unread ? newest->unread : *unread;
        *newest = *log;
    } else if (log->looked_at > newest->looked_at) {
        *newest = *log;
    }
}

static enum px_code read_progress(const struct agg_retain *r, px_us *ret_unread,
                                  struct px_err *reterr) {
    static const struct progress none = {.unread = AGG_NOTHING_UNREAD};
    struct px_stmt *st = NULL;
    struct progress log = none, before = none, newest = none;
    size_t n = 0;
    *ret_unread = AGG_NOTHING_UNREAD;
    enum px_code rc = agg_stmt(r->sql, PX_ST_FRESHNESS, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    for (; rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK; n++) {
        before = log;
        if (begins(st, &log)) {
            end_log(&before, &newest, ret_unread);
        }
        px_us looked = px_col_i64(st, 5), until = read_until(st);
        log.looked_at = looked > log.looked_at ? looked : log.looked_at;
        log.unread = until < log.unread ? until : log.unread;
    }
    end_log(&log, &newest, ret_unread);
    end_log(&none, &newest, ret_unread);
    *ret_unread = n ? *ret_unread : 0; /* nobody has begun to read */
    px_stmt_free(st);
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Marks only rise: with longer options, or with more that is unread, they stay above the bounds. */
static enum px_code read_marks(const struct agg_retain *r, struct agg_retained *ret,
                               struct px_err *reterr) {
    struct px_stmt *st = NULL;
    px_day late = 0, raw = 0;
    enum px_code rc = agg_stmt(r->sql, PX_ST_SETTING_GET, &st, reterr);
    rc = rc == PX_OK ? agg_setting_day(st, AGG_CLAIMS_FROM, &late, reterr) : rc;
    rc = rc == PX_OK ? agg_setting_day(st, "raw_complete_from", &raw, reterr) : rc;
    px_stmt_free(st);
    const struct agg_bounds *b = &ret->bounds;
    ret->late_before = late > b->claims_from ? late : b->claims_from;
    ret->raw_complete = raw > b->raw_complete ? raw : b->raw_complete;
    return rc;
}

static enum px_code find_bounds(const struct agg_retain *r, struct agg_retained *ret,
                                struct agg_olds *olds, struct px_err *reterr) {
    px_us unread = AGG_NOTHING_UNREAD;
    enum px_code rc = r->clock == &px_clock_system ? check_clock(r, reterr) : PX_OK;
    rc = rc == PX_OK ? read_progress(r, &unread, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    ret->bounds = agg_bounds_of(r->conf, r->zone, now_of(r), unread);
    agg_olds_of(r->rollups, olds);
    ret->n = olds->n;
    for (size_t i = 0; i < olds->n; i++) {
        ret->v[i] = (struct agg_removed){.table = olds->v[i].x.table,
                                         .below = agg_old_below(&ret->bounds, olds->v[i].by)};
    }
    return read_marks(r, ret, reterr);
}

static struct agg_beside beside(const struct agg_retain *r) {
    return (struct agg_beside){.sql = r->sql, .clock = r->clock, .pause = r->pause, .arg = r->arg};
}

struct watched {
    agg_beside_work *work;
    void *arg;
};

static enum px_code watched(void *arg, struct px_err *reterr) {
    const struct watched *w = arg;
    enum px_code rc = w->work(w->arg, reterr);
    PX_FAILPOINT("agg.retain_before_commit");
    return rc;
}

enum px_code agg_retain_tx(const struct agg_retain *r, agg_beside_work *work, void *arg,
                           px_us *ret_took, struct px_err *reterr) {
    struct agg_beside b = beside(r);
    struct watched w = {.work = work, .arg = arg};
    return agg_beside_tx(&b, watched, &w, ret_took, reterr);
}

enum px_code agg_retain_wait(const struct agg_retain *r, struct px_err *reterr) {
    struct agg_beside b = beside(r);
    return agg_beside_wait(&b, reterr);
}

/* --- plan and run --------------------------------------------------------------------------------
 */

enum px_code agg_retain_plan(const struct agg_retain *r, struct agg_retained *ret,
                             struct px_err *reterr) {
    struct agg_olds olds;
    px_us from = px_mono(r->clock);
    *ret = (struct agg_retained){.n = 0};
    enum px_code rc = find_bounds(r, ret, &olds, reterr);
    for (size_t i = 0; rc == PX_OK && i < olds.n; i++) {
        rc = agg_retain_count(r, &olds.v[i], &ret->bounds, &ret->v[i].rows, reterr);
    }
    ret->took = px_mono(r->clock) - from;
    return rc;
}

static enum px_code is_sole(const struct agg_retain *r, bool *ret, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code rc = agg_stmt(r->sql, PX_ST_RETENTION_SOLE, &st, reterr);
    rc = rc == PX_OK ? px_stmt_run(st, reterr) : rc;
    rc = rc == PX_OK ? px_stmt_next(st, reterr) : rc;
    *ret = rc == PX_OK && px_col_i64(st, 0) == 1;
    px_stmt_free(st);
    return rc;
}

enum px_code agg_retain_run(const struct agg_retain *r, struct agg_retained *ret,
                            struct px_err *reterr) {
    struct agg_olds olds;
    struct agg_found found = {.v = {false}};
    bool sole = false;
    px_us from = px_mono(r->clock);
    *ret = (struct agg_retained){.n = 0};
    enum px_code rc = is_sole(r, &sole, reterr);
    if (rc != PX_OK || !sole) {
        ret->busy = rc == PX_OK;
        return rc;
    }
    rc = find_bounds(r, ret, &olds, reterr);
    for (size_t i = 0; rc == PX_OK && i < ret->n; i++) {
        rc = agg_retain_any(r, &olds.v[i], &ret->bounds, &found.v[i], reterr);
    }
    const struct agg_removal what = {.olds = &olds, .found = &found, .bounds = &ret->bounds};
    rc = rc == PX_OK ? agg_retain_announce(r, &what, reterr) : rc;
    for (size_t i = 0; rc == PX_OK && i < ret->n && !ret->stopped; i++) {
        rc = !found.v[i] ? PX_OK : agg_retain_sweep(r, &olds.v[i], ret, &ret->v[i], reterr);
    }
    if (rc == PX_CANCELLED) {
        ret->stopped = true;
        rc = PX_OK;
    }
    ret->took = px_mono(r->clock) - from;
    return rc;
}
