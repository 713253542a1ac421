/* A thread of its own, because the one that it watches hangs in the driver. */
#include "watchdog.h"

#include <px/log.h>

#include <unistd.h>

#define AGG_LOOK_EVERY PX_US_PER_S

bool agg_watchdog_overdue(const struct agg_view *v, px_us now, px_us budget) {
    return v->tx_since != 0 && now - v->tx_since > budget;
}

static void *watch(void *arg) {
    struct agg_watchdog *w = arg;
    while (!agg_status_wait_done(w->status, AGG_LOOK_EVERY)) {
        struct agg_view v = agg_status_get(w->status);
        px_us now = px_mono(w->clock);
        if (agg_watchdog_overdue(&v, now, w->budget)) {
            px_log(PX_LOG_ERROR, "sql.transaction_hangs", PX_F_MS("px.open_for", now - v.tx_since),
                   PX_F_MS("px.budget", w->budget),
                   PX_F_C("remedy",
                          "the process ends and resumes from SQL when it is started again; "
                          "look at the database, or raise Batch:TransactionBudget"));
            _exit(px_code_exit(PX_TIMEOUT));
        }
    }
    return NULL;
}

enum px_code agg_watchdog_start(struct agg_watchdog *w, struct px_err *reterr) {
    if (pthread_create(&w->thread, NULL, watch, w) != 0) {
        return PX_FAIL(reterr, PX_NOMEM, "cannot start the watchdog thread");
    }
    w->running = true;
    return PX_OK;
}

void agg_watchdog_join(struct agg_watchdog *w) {
    if (w->running) {
        (void)pthread_join(w->thread, NULL);
        w->running = false;
    }
}
