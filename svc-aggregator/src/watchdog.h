/* Ends the process when a transaction hangs. A stopped database server defeats every timeout of the
 * driver, so the only cure is a new process; the fence makes its restart safe. */
#ifndef AGG_WATCHDOG_H
#define AGG_WATCHDOG_H

#include "status.h"

#include <px/clock.h>

struct agg_watchdog {
    struct agg_status *status;    /* kept */
    const struct px_clock *clock; /* kept */
    px_us budget;                 /* longest a transaction may be open */
    pthread_t thread;
    bool running;
};

/* agg_watchdog_start(w, reterr): look every second until the aggregator thread is done. A
 * transaction past the budget ends the process at once with exit 75. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code agg_watchdog_start(struct agg_watchdog *w, struct px_err *reterr);
void agg_watchdog_join(struct agg_watchdog *w); /* after agg_status_set_done */

/* agg_watchdog_overdue(v, now, budget): is the open transaction past it? Threads: pure. */
bool agg_watchdog_overdue(const struct agg_view *v, px_us now, px_us budget);

#endif
