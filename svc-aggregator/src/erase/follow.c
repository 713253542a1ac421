/* The running service follows the topic of erasures: once before its first event, then every
 * Erasure:Every. What it finds it notes, which is all that counting needs; taking the player out of
 * the tables follows on the same thread, where the account may do that, and else is left to
 * --erase-pending. A failure is logged and tried again the next time. */
#include "erase.h"

#include "agg.h"

#include <px/log.h>

static bool pause_or_stop(void *arg, px_us span) {
    struct agg *a = arg;
    return agg_status_sleep(&a->status, span);
}

static enum px_code open_here(struct agg *a, struct agg_eraser *r, struct px_err *reterr) {
    enum px_code rc = agg_eraser_open(a, PX_SQL_WRITE, r, reterr);
    r->unlink.beside.pause = pause_or_stop;
    r->unlink.beside.arg = a;
    return rc;
}

static void tell_strange(const struct agg_eraser *r) {
    if (r->strange > 0) {
        px_log(PX_LOG_WARN, "erasures.strange_records", PX_F_INT("px.records", r->strange),
               PX_F_C("px.topic", r->topic.topic),
               PX_F_C("remedy", "something else writes to the topic of erasures: find it"));
    }
}

static enum px_code follow(struct agg *a, struct px_err *reterr) {
    struct agg_eraser r;
    int64_t added = 0;
    enum px_code rc = open_here(a, &r, reterr);
    rc = rc == PX_OK ? agg_erase_import(&r, &added, reterr) : rc;
    if (rc == PX_OK) {
        px_log(PX_LOG_INFO, "erasures.followed", PX_F_C("px.topic", r.topic.topic),
               PX_F_INT("px.erasures", (int64_t)agg_erased_count(&r.told)),
               PX_F_INT("px.new", added));
        tell_strange(&r);
    }
    agg_eraser_close(&r);
    return rc;
}

static bool passes(enum px_code code) {
    return code == PX_SQL_LOST || code == PX_SQL_RETRY || code == PX_TIMEOUT ||
           code == PX_UNKNOWN_OUTCOME;
}

/* The database may be away for a while, as for a batch. */
enum px_code agg_follow_first(struct agg *a, struct px_err *reterr) {
    if (!a->conf->erasure_keys[0]) {
        return PX_OK;
    }
    for (unsigned attempt = 0;; attempt++) {
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = follow(a, &err);
        if (!passes(rc)) {
            if (rc != PX_OK && reterr) {
                *reterr = err;
            }
            return rc;
        }
        if (attempt == 0) {
            px_log(PX_LOG_WARN, "erasures.not_followed", PX_F_ERR(&err),
                   PX_F_C("remedy", "no event is read before: check the database"));
        }
        if (agg_core_pause(&a->core, attempt)) {
            return PX_FAIL(reterr, PX_CANCELLED, "asked to stop while the database is away");
        }
    }
}

struct following {
    struct agg *a;
    bool denied; /* it was said that the account may not */
};

static void work(struct following *w) {
    struct agg_eraser r;
    struct px_err err = PX_ERR_INIT;
    int64_t added = 0, done = 0;
    bool imported = false;
    enum px_code rc = open_here(w->a, &r, &err);
    rc = rc == PX_OK ? agg_erase_import(&r, &added, &err) : rc;
    imported = rc == PX_OK;
    rc = rc == PX_OK ? agg_erase_open(&r, &done, &err) : rc;
    if (added > 0 || done > 0) {
        px_log(PX_LOG_INFO, "erasures.taken_over", PX_F_INT("px.new", added),
               PX_F_INT("px.finished", done));
    }
    if (imported && rc == PX_DENIED) {
        if (!w->denied) {
            px_log(PX_LOG_WARN, "erasures.pending",
                   PX_F_C("remedy", "this account may not rewrite events: run svc-aggregator "
                                    "--erase-pending with the role px_eraser"));
        }
        w->denied = true;
    } else if (rc != PX_OK && rc != PX_CANCELLED) {
        px_log(PX_LOG_WARN, "erasures.not_followed", PX_F_ERR(&err),
               PX_F_C("remedy", "who was erased here is honoured; erasures of others wait"));
    } else {
        w->denied = false;
    }
    agg_eraser_close(&r);
}

void *agg_follow_thread(void *arg) {
    struct following w = {.a = arg};
    while (!agg_status_sleep(&w.a->status, w.a->conf->erasure_every)) {
        work(&w);
    }
    return NULL;
}
