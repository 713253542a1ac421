/* One thread's event loop over libevent: descriptors, timers, and calls posted by other threads
 * through an eventfd and a locked queue. It runs libevent turn by turn, so that the clock is read
 * once per turn and the after-hook has a place. It must not know HTTP. */
#include <px/loop.h>
#include <px/clock.h>
#include <px/mem.h>

#include "loop_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

/* The clocks of the current turn; behind a pointer because reading them is no change of the loop.
 */
struct turn {
    px_us wall, mono;
    bool valid;
};

struct calls {
    struct px_call *v;
    size_t n, cap;
};

struct px_loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    struct turn *turn;
    struct px_call after;
    bool stopping;        /* owner's copy of stop */
    struct calls running; /* owner's: the batch that is being run */
    pthread_mutex_t lock;
    struct calls posted; /* under the lock */
    bool stop;           /* under the lock */
};

struct px_watch {
    struct event *ev;
    struct px_call call;
};

struct px_timer {
    struct event *ev;
    struct px_call call;
};

/* A wake-up that is already pending says as much as a second one, so a full counter is no loss. */
static void wake(struct px_loop *l) {
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(l->wake_fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    px_assert(n == (ssize_t)sizeof(one) || errno == EAGAIN);
}

/* Takes the whole queue under the lock and runs it outside: a call may post again, which then runs
 * in the next turn. */
static void on_wake(evutil_socket_t fd, short what, void *arg) {
    struct px_loop *l = arg;
    uint64_t count;
    (void)what;
    ssize_t n = read((int)fd, &count, sizeof(count));
    px_assert(n == (ssize_t)sizeof(count) || errno == EAGAIN || errno == EINTR);

    pthread_mutex_lock(&l->lock);
    struct calls batch = l->posted;
    l->posted = l->running;
    l->posted.n = 0;
    l->stopping = l->stopping || l->stop;
    l->stop = false;
    pthread_mutex_unlock(&l->lock);

    l->running = batch;
    for (size_t i = 0; i < batch.n; i++) {
        batch.v[i].fn(batch.v[i].arg);
    }
}

/* The signal machinery of the base is never used: signals belong to the main thread's signalfd. */
static struct event_base *new_base(void) {
    struct event_config *conf = event_config_new();
    if (!conf) {
        return NULL;
    }
    event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(conf);
    event_config_free(conf);
    return base;
}

enum px_code px_loop_new(struct px_loop **ret, struct px_err *reterr) {
    struct px_loop *l = px_alloc(sizeof(*l));
    if (!l) {
        return PX_FAIL(reterr, PX_NOMEM, "event loop: out of memory");
    }
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0) {
        px_free(l);
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "event loop: eventfd");
    }
    px_assert(pthread_mutex_init(&l->lock, NULL) == 0);
    l->turn = px_alloc(sizeof(*l->turn));
    l->base = new_base();
    if (l->base) {
        l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    }
    if (!l->turn || !l->wake || event_add(l->wake, NULL) != 0) {
        px_loop_free(l);
        return PX_FAIL(reterr, PX_NOMEM,
                       "event loop: libevent gave no base (memory, descriptors?)");
    }
    *ret = l;
    return PX_OK;
}

void px_loop_free(struct px_loop *l) {
    if (!l) {
        return;
    }
    if (l->wake) {
        event_free(l->wake);
    }
    if (l->base) {
        event_base_free(l->base);
    }
    close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    px_free(l->posted.v);
    px_free(l->running.v);
    px_free(l->turn);
    px_free(l);
}

void px_loop_run(struct px_loop *l) {
    l->stopping = false;
    while (!l->stopping) {
        l->turn->valid = false;
        int rc = event_base_loop(l->base, EVLOOP_ONCE);
        px_assert(rc == 0);
        if (l->after.fn) {
            l->after.fn(l->after.arg);
        }
    }
    l->turn->valid = false;
}

void px_loop_stop(struct px_loop *l) {
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

enum px_code px_loop_post(struct px_loop *l, struct px_call call) {
    pthread_mutex_lock(&l->lock);
    struct calls *q = &l->posted;
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        struct px_call *v = px_realloc(q->v, cap * sizeof(*v));
        if (!v) {
            pthread_mutex_unlock(&l->lock);
            return PX_NOMEM;
        }
        q->v = v;
        q->cap = cap;
    }
    q->v[q->n++] = call;
    bool first = q->n == 1;
    pthread_mutex_unlock(&l->lock);
    if (first) {
        wake(l);
    }
    return PX_OK;
}

static void on_watch(evutil_socket_t fd, short what, void *arg) {
    struct px_watch *w = arg;
    (void)fd, (void)what;
    w->call.fn(w->call.arg);
}

enum px_code px_watch_new(struct px_loop *l, int fd, struct px_call call, struct px_watch **ret,
                          struct px_err *reterr) {
    struct px_watch *w = px_alloc(sizeof(*w));
    if (!w) {
        return PX_FAIL(reterr, PX_NOMEM, "watch: out of memory");
    }
    w->call = call;
    w->ev = event_new(l->base, fd, EV_READ | EV_PERSIST, on_watch, w);
    if (!w->ev || event_add(w->ev, NULL) != 0) {
        px_watch_free(w);
        return PX_FAIL(reterr, PX_UNAVAILABLE, "watch: descriptor %d cannot be watched", fd);
    }
    *ret = w;
    return PX_OK;
}

void px_watch_free(struct px_watch *w) {
    if (!w) {
        return;
    }
    if (w->ev) {
        event_free(w->ev);
    }
    px_free(w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct px_timer *t = arg;
    (void)fd, (void)what;
    t->call.fn(t->call.arg);
}

enum px_code px_timer_new(struct px_loop *l, px_us every, struct px_call call,
                          struct px_timer **ret, struct px_err *reterr) {
    struct px_timer *t = px_alloc(sizeof(*t));
    if (!t) {
        return PX_FAIL(reterr, PX_NOMEM, "timer: out of memory");
    }
    px_assert(every > 0);
    struct timeval tv = {.tv_sec = every / PX_US_PER_S, .tv_usec = every % PX_US_PER_S};
    t->call = call;
    t->ev = event_new(l->base, -1, EV_PERSIST, on_timer, t);
    if (!t->ev || event_add(t->ev, &tv) != 0) {
        px_timer_free(t);
        return PX_FAIL(reterr, PX_NOMEM, "timer: out of memory");
    }
    *ret = t;
    return PX_OK;
}

void px_timer_free(struct px_timer *t) {
    if (!t) {
        return;
    }
    if (t->ev) {
        event_free(t->ev);
    }
    px_free(t);
}

void px_loop_after(struct px_loop *l, struct px_call call) {
    l->after = call;
}

static const struct turn *turn_of(const struct px_loop *l) {
    struct turn *t = l->turn;
    if (!t->valid) {
        t->wall = px_wall(&px_clock_system);
        t->mono = px_mono(&px_clock_system);
        t->valid = true;
    }
    return t;
}

px_us px_loop_now(const struct px_loop *l) {
    return turn_of(l)->wall;
}

px_us px_loop_mono(const struct px_loop *l) {
    return turn_of(l)->mono;
}

struct event_base *px_loop_base(struct px_loop *l) {
    return l->base;
}
