/* The connection and its life: opened, prepared, lost, opened again. All waiting for the database
 * happens here and in settle.c; every transaction is announced to the watchdog. */
#include "core.h"

#include "retry.h"
#include "settings.h"

#include <px/hash.h>
#include <px/log.h>

#define AGG_LOOK_EVERY PX_US_PER_S /* while waiting */

/* A new password is in the database a moment before it is in the file, or the other way round. */
#define AGG_PASSWORD_GRACE (15 * PX_US_PER_S)

enum px_code agg_core_init(struct agg_core *c, struct px_err *reterr) {
    const struct agg_conf *conf = c->conf;
    const struct px_dialect *d = px_dialect_get((size_t)conf->sql.dialect);
    if (!d) {
        return PX_FAIL(reterr, PX_CONFIG, "Sql:Dialect: no such dialect in this build");
    }
    px_random(&c->seed, sizeof c->seed);
    struct agg_apply_conf apply = {.rollups = c->rollups,
                                   .dialect = d,
                                   .topic = c->topic,
                                   .key_file = conf->erasure_keys,
                                   .store_raw = conf->raw_store,
                                   .max_events = (size_t)conf->batch_events,
                                   .max_bytes = (size_t)conf->batch_bytes};
    struct agg_offsets_conf offsets = {.dialect = d,
                                       .topic = c->topic,
                                       .owner = c->owner,
                                       .start_new_log = conf->on_new_log == AGG_NEW_LOG_START};
    enum px_code rc = agg_parts_init(&c->parts, reterr);
    rc = rc == PX_OK ? agg_apply_new(&apply, &c->apply, reterr) : rc;
    return rc == PX_OK ? agg_offsets_new(&offsets, &c->offsets, reterr) : rc;
}

static void detach(struct agg_core *c) {
    if (c->apply) {
        agg_apply_detach(c->apply);
    }
    if (c->offsets) {
        agg_offsets_detach(c->offsets);
    }
    px_sql_close(c->sql);
    c->sql = NULL;
}

void agg_core_fini(struct agg_core *c) {
    detach(c);
    agg_apply_free(c->apply);
    agg_offsets_free(c->offsets);
    agg_parts_fini(&c->parts);
    c->apply = NULL;
    c->offsets = NULL;
}

void agg_core_disconnect(struct agg_core *c, const struct px_err *why) {
    detach(c);
    agg_status_sql(c->status, false, why);
}

static enum px_code open_and_prepare(struct agg_core *c, struct px_err *reterr) {
    enum px_code rc = px_sql_open(&c->conf->sql, PX_SQL_WRITE, &c->sql, reterr);
    rc = rc == PX_OK ? agg_settings_zone(c->sql, c->conf->sql.zone, reterr) : rc;
    rc = rc == PX_OK ? agg_apply_attach(c->apply, c->sql, reterr) : rc;
    return rc == PX_OK ? agg_offsets_attach(c->offsets, c->sql, reterr) : rc;
}

enum px_code agg_core_connect(struct agg_core *c, struct px_err *reterr) {
    if (c->sql) {
        return PX_OK;
    }
    struct px_err err = PX_ERR_INIT;
    agg_status_tx(c->status, px_mono(c->clock));
    enum px_code rc = open_and_prepare(c, &err);
    agg_status_tx(c->status, 0);
    if (rc != PX_OK) {
        agg_core_disconnect(c, &err);
        if (reterr) {
            *reterr = err;
        }
        return rc;
    }
    agg_status_sql(c->status, true, NULL);
    px_count(c->shard, AGG_M_RECONNECTS, 0, 0, c->connected_before ? 1 : 0);
    px_log(PX_LOG_INFO, "sql.connected", PX_F_C("db.system.name", px_sql_dialect(c->sql)->name),
           PX_F_BOOL("px.again", c->connected_before));
    if (!c->connected_before && px_sql_dialect(c->sql)->unproven) {
        px_log(PX_LOG_WARN, "sql.unproven", PX_F_C("reason", px_sql_dialect(c->sql)->unproven));
    }
    c->connected_before = true;
    return PX_OK;
}

/* One slice of a wait: whoever looks from outside must see that time passes. */
static bool pause_slice(struct agg_core *c, px_us span) {
    agg_status_beat(c->status, px_mono(c->clock));
    if (c->waiting) {
        c->waiting(c->waiting_arg);
    }
    return agg_status_sleep(c->status, span);
}

bool agg_core_pause(struct agg_core *c, unsigned attempt) {
    c->seed = c->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    px_us left = agg_retry_pause(attempt, c->seed >> 16);
    for (; left > AGG_LOOK_EVERY; left -= AGG_LOOK_EVERY) {
        if (pause_slice(c, AGG_LOOK_EVERY)) {
            return true;
        }
    }
    return pause_slice(c, left);
}

static bool passes(enum px_code code) {
    return code == PX_SQL_LOST || code == PX_SQL_RETRY || code == PX_UNAVAILABLE ||
           code == PX_TIMEOUT || code == PX_UNKNOWN_OUTCOME || code == PX_NOMEM;
}

/* A login that worked before and is refused now may be waiting for the new password's file. */
static bool may_be_renewed(const struct agg_core *c, const struct px_err *err, px_us since) {
    return c->connected_before && c->conf->sql.password_file && px_sql_login_refused(err) &&
           px_mono(c->clock) - since < AGG_PASSWORD_GRACE;
}

enum px_code agg_core_reconnect(struct agg_core *c, struct px_err *reterr) {
    struct px_err err = PX_ERR_INIT;
    px_us since = px_mono(c->clock);
    for (unsigned attempt = 0;; attempt++) {
        enum px_code rc = agg_core_connect(c, &err);
        if (rc == PX_OK) {
            return PX_OK;
        }
        if (!passes(rc) && !may_be_renewed(c, &err, since)) {
            if (reterr) {
                *reterr = err;
            }
            return rc;
        }
        if (attempt == 0) {
            px_log(PX_LOG_WARN, "sql.unreachable", PX_F_ERR(&err),
                   PX_F_C("remedy",
                          "nothing is lost: events wait in the log; check the database and "
                          "Sql:ConnectionString"));
        }
        if (agg_core_pause(c, attempt)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop while the database is away");
        }
    }
}

/* Work outside the batch transaction: idempotent, so a lost connection just means once more. */
typedef enum px_code work_fn(struct agg_core *c, void *arg, struct px_err *reterr);

static enum px_code insist(struct agg_core *c, work_fn *fn, void *arg, struct px_err *reterr) {
    for (unsigned attempt = 0;; attempt++) {
        enum px_code rc = agg_core_reconnect(c, reterr);
        if (rc != PX_OK) {
            return rc;
        }
        struct px_err err = PX_ERR_INIT;
        agg_status_tx(c->status, px_mono(c->clock));
        rc = fn(c, arg, &err);
        agg_status_tx(c->status, 0);
        if (rc == PX_OK || !passes(rc)) {
            if (rc != PX_OK && reterr) {
                *reterr = err;
            }
            return rc;
        }
        if (attempt == 0) {
            enum agg_retry what = agg_retry_decide(&err, 0, 0);
            px_log(PX_LOG_WARN, "sql.transaction_failed", PX_F_ERR(&err),
                   PX_F_C("px.retry", agg_retry_name(what)), PX_F_INT("px.events", 0),
                   PX_F_C("remedy", agg_retry_remedy(what)));
        }
        if (rc != PX_SQL_RETRY || !px_sql_alive(c->sql)) {
            agg_core_disconnect(c, &err);
        }
        if (agg_core_pause(c, attempt)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop");
        }
    }
}

struct take_work {
    const struct agg_take *take;
    struct agg_part parts[AGG_MAX_RANGES];
};

static enum px_code work_take(struct agg_core *c, void *arg, struct px_err *reterr) {
    struct take_work *w = arg;
    return agg_offsets_take(c->offsets, w->take, w->parts, reterr);
}

enum px_code agg_core_take(struct agg_core *c, const struct agg_take *t, struct px_err *reterr) {
    if (t->n > AGG_MAX_RANGES) {
        return PX_FAIL(reterr, PX_TOO_LARGE, "%zu partitions assigned, at most %d fit one process",
                       t->n, AGG_MAX_RANGES);
    }
    struct take_work w = {.take = t};
    enum px_code rc = insist(c, work_take, &w, reterr);
    for (size_t i = 0; rc == PX_OK && i < t->n; i++) {
        rc = agg_parts_add(&c->parts, &w.parts[i], reterr);
    }
    return rc;
}

struct touch_work {
    const struct agg_part *const *v;
    size_t n;
};

static enum px_code work_touch(struct agg_core *c, void *arg, struct px_err *reterr) {
    const struct touch_work *w = arg;
    return agg_offsets_touch(c->offsets, c->log_id, w->v, w->n, reterr);
}

enum px_code agg_core_touch(struct agg_core *c, const struct agg_part *const *v, size_t n,
                            struct px_err *reterr) {
    struct touch_work w = {.v = v, .n = n};
    return insist(c, work_touch, &w, reterr);
}
