/* What the http layer itself needs of a loop: libevent's base and the turn's monotonic clock.
 * Private to src/http: nobody else may see libevent. */
#ifndef PX_LOOP_PRIV_H
#define PX_LOOP_PRIV_H

#include <px/loop.h>

struct event_base;

struct event_base *px_loop_base(struct px_loop *l);

/* px_loop_mono(l): monotonic time of this turn, read at most once per turn. Threads: owner. */
px_us px_loop_mono(const struct px_loop *l);

#endif
