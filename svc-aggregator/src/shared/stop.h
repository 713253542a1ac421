/* How a command that changes much is stopped: SIGTERM and Ctrl-C wait until it looks, which it does
 * between transactions. */
#ifndef AGG_STOP_H
#define AGG_STOP_H

#include <px/err.h>

#include <signal.h>

struct agg_stop {
    sigset_t waits, before;
};

/* agg_stop_begin(s, reterr): from now on the two signals of this thread wait. agg_stop_end(s): as
 * before; one that waits still takes effect. Threads: owner. */
PX_MUST_USE enum px_code agg_stop_begin(struct agg_stop *s, struct px_err *reterr);
void agg_stop_end(const struct agg_stop *s);

/* agg_stop_pause(s, span): wait ${span}; true = stop now. A signal that waits since the last look
 * ends the pause as well. For agg_beside and agg_retain: ${s} is a struct agg_stop. */
bool agg_stop_pause(void *s, px_us span);

#endif
