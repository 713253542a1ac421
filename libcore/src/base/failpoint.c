/* Failpoints of test builds: reads PX_FAILPOINTS_AT once and acts at the counted passage.
 * Compiled to nothing in a release. A spec that cannot be read ends the program at once: a test
 * that believes it kills something must not pass because of a typing error. */
#include <px/failpoint.h>

#include <px/base.h>

#ifdef PX_FAILPOINTS

#include <px/num.h>
#include <px/str.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POINTS_MAX 16

enum action {
    ACT_KILL,
    ACT_ABORT,
    ACT_STOP,
    ACT_SLEEP
};

struct point {
    struct px_str name; /* into the environment */
    enum action action;
    int64_t sleep_ms, at;
    _Atomic int64_t passed;
};

static struct point points[POINTS_MAX];
static size_t n_points;
static pthread_once_t points_once = PTHREAD_ONCE_INIT;

static _Noreturn void bad_spec(struct px_str spec) {
    fprintf(stderr,
            "PX_FAILPOINTS_AT: cannot read '%.*s'; write name=kill|abort|stop|sleep:MS[@N]\n",
            PX_S_ARG(spec));
    abort();
}

static bool read_action(struct px_str times, struct point *p) {
    struct px_str arg = px_str_part(&times, '@');
    struct px_str text = px_str_part(&arg, ':');
    p->at = 1;
    if (times.n && !px_parse_i64(times, 1, INT32_MAX, &p->at)) {
        return false;
    }
    if (px_str_is(text, "sleep")) {
        p->action = ACT_SLEEP;
        return px_parse_i64(arg, 0, 600000, &p->sleep_ms);
    }
    p->action = px_str_is(text, "kill")    ? ACT_KILL
                : px_str_is(text, "abort") ? ACT_ABORT
                                           : ACT_STOP;
    return arg.n == 0 && (p->action != ACT_STOP || px_str_is(text, "stop"));
}

static void read_points(void) {
    struct px_str all = px_str_c(getenv("PX_FAILPOINTS_AT"));
    while (all.n) {
        struct px_str spec = px_str_part(&all, ';'), action = spec;
        struct px_str name = px_str_part(&action, '=');
        if (n_points == POINTS_MAX || name.n == 0 || !read_action(action, &points[n_points])) {
            bad_spec(spec);
        }
        points[n_points++].name = name;
    }
}

static void act(const struct point *p) {
    struct timespec ts = {.tv_sec = p->sleep_ms / 1000, .tv_nsec = p->sleep_ms % 1000 * 1000000};
    switch (p->action) {
    case ACT_KILL:
        raise(SIGKILL);
        break;
    case ACT_ABORT:
        abort();
    case ACT_STOP:
        raise(SIGSTOP);
        break;
    case ACT_SLEEP:
        nanosleep(&ts, NULL);
        break;
    }
}

void px_failpoint_hit(const char *name) {
    pthread_once(&points_once, read_points);
    for (size_t i = 0; i < n_points; i++) {
        if (!px_str_is(points[i].name, name)) {
            continue;
        }
        if (atomic_fetch_add_explicit(&points[i].passed, 1, memory_order_relaxed) + 1 ==
            points[i].at) {
            act(&points[i]);
        }
    }
}

#endif
