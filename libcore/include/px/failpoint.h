/* Failpoints: named places where a test build can be told to die, stop or fail. They exist only
 * when PX_FAILPOINTS is defined (make FAILPOINTS=1); a release binary holds none of them.
 *
 * PX_FAILPOINTS_AT="agg.after_fence=kill@3;agg.before_commit=stop" in the environment: at the third
 * passage of the first SIGKILL the own process; at the first of the second raise SIGSTOP. Actions:
 * kill, abort, stop, sleep:MILLISECONDS. A name that never passes is not an error. */
#ifndef PX_FAILPOINT_H
#define PX_FAILPOINT_H

#ifdef PX_FAILPOINTS
/* px_failpoint_hit(name): one passage of ${name}. Threads: any. */
void px_failpoint_hit(const char *name);
#define PX_FAILPOINT(name) px_failpoint_hit(name)
#else
#define PX_FAILPOINT(name) ((void)0)
#endif

#endif
