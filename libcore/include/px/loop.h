/* The event loop of one thread: sockets, timers, and work posted from other threads. Wraps
 * libevent; nothing of libevent is visible here. */
#ifndef PX_LOOP_H
#define PX_LOOP_H

#include <px/err.h>

struct px_loop;
struct px_watch; /* a watched descriptor */
struct px_timer;

/* A function and its argument. */
struct px_call {
    void (*fn)(void *arg);
    void *arg;
};
#define PX_CALL(f, a) ((struct px_call){.fn = (f), .arg = (a)})

/* px_loop_new(ret, reterr): a loop with nothing to do yet. Gives: free with px_loop_free. */
PX_MUST_USE enum px_code px_loop_new(struct px_loop **ret, struct px_err *reterr);
void px_loop_free(struct px_loop *l); /* after px_loop_run returned; frees leftovers */
/* px_loop_run(l): until px_loop_stop. Threads: the caller becomes the owner. */
void px_loop_run(struct px_loop *l);
void px_loop_stop(struct px_loop *l); /* Threads: any */

/* px_loop_post(l, call): run it on the loop's thread soon, in order of posting.
 * Errors: PX_NOMEM. Threads: any. */
PX_MUST_USE enum px_code px_loop_post(struct px_loop *l, struct px_call call);

/* px_watch_new(l, fd, call, ret): call while ${fd} is readable. The fd stays the caller's. */
PX_MUST_USE enum px_code px_watch_new(struct px_loop *l, int fd, struct px_call call,
                                      struct px_watch **ret, struct px_err *reterr);
void px_watch_free(struct px_watch *w);

/* px_timer_new(l, every, call, ret): call each ${every} microseconds. */
PX_MUST_USE enum px_code px_timer_new(struct px_loop *l, px_us every, struct px_call call,
                                      struct px_timer **ret, struct px_err *reterr);
void px_timer_free(struct px_timer *t);

/* px_loop_after(l, call): call once at the end of each turn of the loop that ran callbacks;
 * for work that is cheaper in batches (one produce per turn). One hook per loop; a NULL fn removes.
 */
void px_loop_after(struct px_loop *l, struct px_call call);

/* Wall-clock of the start of this turn, refreshed once per turn: cheap. Threads: owner. */
px_us px_loop_now(const struct px_loop *l);

#endif
