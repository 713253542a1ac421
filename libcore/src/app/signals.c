/* Signals of a run: blocked in every thread, read from a signalfd by a thread of their own, handed
 * to the main thread as flags and a wake-up. That thread also keeps the promise that a stop ends: a
 * second signal or the deadline leaves the process whatever the main thread does. */
#include "app_priv.h"

#include <px/log.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* One wish to stop may arrive as several signals: coreutils' timeout sends it to the process and to
 * its group, a supervisor and a terminal both pass it on. Only what comes later is impatience. */
#define PX_SIGNALS_SAME_WISH (200 * PX_US_PER_MS)

static void wake(int fd) {
    const uint64_t one = 1;
    ssize_t n;

    do {
        n = write(fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
}

static void calm(int fd) {
    uint64_t n;
    PX_IGNORE(read(fd, &n, sizeof n) < 0); /* empty is fine: it was only a wake-up */
}

/* Milliseconds until ${when} for poll, rounded up; -1 = no end. */
static int poll_ms(const struct px_app *app, px_us when) {
    px_us left = when - px_mono(app->clock);

    if (when == 0) {
        return -1;
    }
    if (left <= 0) {
        return 0;
    }
    return left > 3600 * PX_US_PER_S ? 3600 * 1000 : (int)((left + 999) / PX_US_PER_MS);
}

px_us px_signals_bound(const struct px_app *app, px_us from) {
    const struct px_app_conf *shared = px_app_shared(app);
    return from + shared->drain_delay + shared->drain_timeout;
}

/* The end without the main thread. Nothing is flushed or freed: what matters is on disk or was
 * never acknowledged. */
static _Noreturn void leave(const struct px_app *app, const char *why, int status) {
    int finish = atomic_load_explicit(&app->finish, memory_order_acquire);

    if (finish != PX_APP_UNFINISHED && finish != PX_OK) {
        status = px_code_exit((enum px_code)finish);
    }
    px_log(PX_LOG_WARN, "app.stopped", PX_F_C("stop.reason", why),
           PX_F_BOOL("stop.cut_short", true),
           PX_F_MS("app.uptime_ms", px_mono(app->clock) - app->began),
           PX_F_INT("process.exit_code", status));
    _exit(status);
}

static void on_stop(struct px_app *app, int signo) {
    struct px_signals *s = &app->sig;
    px_us now = px_mono(app->clock);

    if (atomic_load_explicit(&app->phase, memory_order_acquire) == PX_APP_INIT) {
        leave(app, "signal before the start", EXIT_SUCCESS);
    }
    if (atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        if (now - atomic_load_explicit(&s->asked_at, memory_order_relaxed) < PX_SIGNALS_SAME_WISH) {
            return;
        }
        leave(app, "second signal", EXIT_SUCCESS);
    }
    atomic_store_explicit(&s->asked_at, now, memory_order_relaxed);
    if (atomic_load_explicit(&s->leave_by, memory_order_relaxed) == 0) {
        atomic_store_explicit(&s->leave_by, px_signals_bound(app, now), memory_order_relaxed);
    }
    atomic_store_explicit(&s->stop, signo, memory_order_release);
    wake(s->wake_main);
}

static void on_signals(struct px_app *app) {
    struct signalfd_siginfo info;

    while (read(app->sig.signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            atomic_store_explicit(&app->sig.reload, true, memory_order_release);
            wake(app->sig.wake_main);
        } else {
            on_stop(app, (int)info.ssi_signo);
        }
    }
}

static void *signals_thread(void *arg) {
    struct px_app *app = arg;
    struct px_signals *s = &app->sig;
    struct pollfd pfd[] = {{.fd = s->signal_fd, .events = POLLIN},
                           {.fd = s->wake_thread, .events = POLLIN}};

    while (!atomic_load_explicit(&s->end, memory_order_acquire)) {
        px_us leave_by = atomic_load_explicit(&s->leave_by, memory_order_acquire);
        int n = poll(pfd, PX_ARRAY_LEN(pfd), poll_ms(app, leave_by));
        if (n > 0 && pfd[1].revents) {
            calm(s->wake_thread);
        }
        if (n > 0 && pfd[0].revents) {
            on_signals(app);
        }
        if (leave_by && px_mono(app->clock) >= leave_by &&
            !atomic_load_explicit(&s->end, memory_order_acquire)) {
            leave(app, "draining passed its bound", px_code_exit(PX_TIMEOUT));
        }
    }
    return NULL;
}

enum px_code px_signals_start(struct px_app *app, struct px_err *reterr) {
    struct px_signals *s = &app->sig;
    pthread_attr_t attr;
    sigset_t set;
    int rc;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->wake_main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->wake_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rc != 0 || s->signal_fd < 0 || s->wake_main < 0 || s->wake_thread < 0) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "signalfd or eventfd");
    }
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 512 * 1024);
    rc = pthread_create(&s->thread, &attr, signals_thread, app);
    pthread_attr_destroy(&attr);
    if (rc != 0) {
        errno = rc;
        return px_err_errno(reterr, PX_IO, PX_HERE, "a thread for the signals");
    }
    s->running = true;
    return PX_OK;
}

static void fd_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void px_signals_stop(struct px_app *app) {
    struct px_signals *s = &app->sig;

    if (s->running) {
        atomic_store_explicit(&s->end, true, memory_order_release);
        wake(s->wake_thread);
        pthread_join(s->thread, NULL);
        s->running = false;
    }
    fd_close(&s->signal_fd);
    fd_close(&s->wake_main);
    fd_close(&s->wake_thread);
}

void px_signals_wait(struct px_app *app, px_us until) {
    struct pollfd pfd = {.fd = app->sig.wake_main, .events = POLLIN};

    if (poll(&pfd, 1, poll_ms(app, until)) > 0) {
        calm(app->sig.wake_main);
    }
}

void px_signals_leave_by(struct px_app *app, px_us when) {
    px_us none = 0;

    /* a signal may have set it in the meantime; the first bound holds */
    if (atomic_compare_exchange_strong_explicit(&app->sig.leave_by, &none, when,
                                                memory_order_acq_rel, memory_order_relaxed)) {
        wake(app->sig.wake_thread);
    }
}

void px_app_finish(struct px_app *app, enum px_code code) {
    int none = PX_APP_UNFINISHED;

    if (atomic_compare_exchange_strong_explicit(&app->finish, &none, (int)code,
                                                memory_order_acq_rel, memory_order_relaxed)) {
        wake(app->sig.wake_main);
    }
}
