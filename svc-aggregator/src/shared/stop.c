/* The signals that end a command, looked at between transactions; see the header. */
#include "stop.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum px_code agg_stop_begin(struct agg_stop *s, struct px_err *reterr) {
    (void)sigemptyset(&s->waits);
    (void)sigaddset(&s->waits, SIGTERM);
    (void)sigaddset(&s->waits, SIGINT);
    return pthread_sigmask(SIG_BLOCK, &s->waits, &s->before) == 0
               ? PX_OK
               : px_err_errno(reterr, PX_INTERNAL, PX_HERE, "pthread_sigmask");
}

void agg_stop_end(const struct agg_stop *s) {
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

bool agg_stop_pause(void *arg, px_us span) {
    const struct agg_stop *s = arg;
    struct timespec t = {.tv_sec = span / PX_US_PER_S, .tv_nsec = span % PX_US_PER_S * 1000};
    int got;
    while ((got = sigtimedwait(&s->waits, NULL, &t)) < 0 && errno == EINTR) {
    }
    return got > 0;
}
