/* The loop: requests become due, go out and are answered or not. Open loop: nothing that the target
 * does changes when a request is due, and what it costs to wait, for a connection too, counts as
 * latency. */
#include "client.h"

#include <px/mem.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_NAP_LEAST 50 /* us: at high rates what is due meanwhile goes out together */
#define CLIENT_NAP_MOST  (100 * PX_US_PER_MS)

/* --- what is due --------------------------------------------------------------------------------
 */

static enum px_code client_enter(struct client *c, const struct load_request *r) {
    struct load_run *run = c->run;
    size_t waiting = c->order.waiting;

    run->v[run->n] = *r;
    c->rest++;
    enum px_code rc = order_admit(&c->order, run->n++, &c->ready);
    run->ordered += c->order.waiting > waiting;
    return rc;
}

static bool client_making(const struct client *c) {
    return c->gen.made < c->total && c->run->n < c->run->cap && c->stops == 0;
}

static px_us client_due(const struct client *c, uint64_t number) {
    return c->began + (px_us)((double)number * 1e6 / (double)c->run->conf.rate);
}

static enum px_code client_make(struct client *c) {
    enum px_code rc = PX_OK;
    px_us now = client_now();

    while (!rc && client_making(c)) {
        px_us at = client_due(c, c->gen.made);
        if (at > now) {
            break;
        }
        struct load_request r = load_gen_next(&c->gen);
        r.at = at;
        histogram_add(&c->run->asleep, now - at);
        rc = client_enter(c, &r);
    }
    return rc;
}

static enum px_code client_again(struct client *c) {
    struct retry_entry e;
    enum px_code rc = PX_OK;

    while (!rc && retry_due(&c->retry, c->turn, &e)) {
        if (c->run->n == c->run->cap) {
            return PX_OK; /* the last attempt stays the last */
        }
        struct load_request r = c->run->v[e.request];
        c->run->v[e.request].retried = true;
        r.state = LOAD_UNSENT;
        r.attempt++;
        r.at = e.at;
        c->run->retries++;
        rc = client_enter(c, &r);
    }
    return rc;
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static px_us least(px_us a, px_us b) {
    return a < b ? a : b;
}

/* How long there is nothing to do but wait for answers. */
static px_us client_nap(struct client *c) {
    px_us next = c->turn + CLIENT_NAP_MOST;

    if (c->ready.n != c->stuck) {
        return 0;
    }
    if (client_making(c)) {
        next = least(next, client_due(c, c->gen.made));
    }
    next = least(next, retry_next(&c->retry));
    next = c->ready.n ? least(next, pool_next(&c->pool)) : next;
    next -= client_now();
    return next < CLIENT_NAP_LEAST ? CLIENT_NAP_LEAST : next;
}

static enum px_code client_wait(struct client *c) {
    struct epoll_event ev[CLIENT_BATCH];
    px_us nap = client_nap(c);
    const struct timespec t = {.tv_nsec = nap * 1000};
    enum px_code rc = PX_OK;
    int n = epoll_pwait2(c->pool.epoll, ev, CLIENT_BATCH, &t, NULL);

    if (n < 0 && errno == ENOSYS) {
        n = epoll_wait(c->pool.epoll, ev, CLIENT_BATCH, nap ? 1 : 0);
    }
    c->turn = client_now();
    for (int i = 0; !rc && i < n; i++) {
        rc = exchange_event(c, &ev[i]);
    }
    return rc;
}

static bool client_over(struct client *c) {
    if (client_making(c)) {
        return false;
    }
    c->give_up = least(c->give_up, c->turn + c->run->conf.grace);
    return c->turn >= c->give_up || c->stops > 1 || (c->rest == 0 && c->retry.n == 0);
}

static enum px_code client_loop(struct client *c, struct px_err *reterr) {
    enum px_code rc = PX_OK;

    while (!rc && !client_over(c)) {
        rc = client_make(c);
        rc = rc ? rc : client_again(c);
        rc = rc ? rc : exchange_overdue(c);
        rc = rc ? rc : exchange_dispatch(c);
        rc = rc ? rc : exchange_send(c, reterr);
        rc = rc ? rc : client_wait(c);
    }
    return rc == PX_NOMEM ? PX_FAIL(reterr, PX_NOMEM, "no memory for more requests") : rc;
}

/* --- life ---------------------------------------------------------------------------------------
 */

/* SIGINT and SIGTERM end the making; what is under way is still answered. */
static enum px_code client_signals(struct client *c, struct px_err *reterr) {
    sigset_t set;
    struct epoll_event ev = {.events = EPOLLIN};

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    c->signals =
        sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (c->signals < 0 || epoll_ctl(c->pool.epoll, EPOLL_CTL_ADD, c->signals, &ev)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, "signals");
    }
    return PX_OK;
}

static px_us client_cpu(void) {
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u)) {
        return 0;
    }
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * (px_us)PX_US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static enum px_code client_work(struct client *c, struct px_err *reterr) {
    px_us cpu = client_cpu();

    c->began = c->turn = client_now();
    enum px_code rc = client_loop(c, reterr);
    c->run->took = client_now() - c->began;
    c->run->ended = px_wall(&px_clock_system);
    c->run->cpu = client_cpu() - cpu;
    c->run->full = c->run->n == c->run->cap && c->gen.made < c->total;
    exchange_abandon(c);
    return rc;
}

static uint64_t client_total(const struct load_conf *c) {
    return c->duration ? (uint64_t)((double)c->duration * (double)c->rate / 1e6) : UINT64_MAX;
}

enum px_code load_client_run(struct load_run *run, struct px_err *reterr) {
    struct client *c = px_alloc(sizeof *c);
    if (!c) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory");
    }
    c->run = run;
    c->signals = c->record.ids = c->record.book.fd = c->pool.epoll = -1;
    c->total = client_total(&run->conf);
    c->give_up = INT64_MAX;
    c->retry.state = run->conf.seed;
    px_buf_init(&c->out, PX_ARRAY_LEN(c->batch) * 1024);
    load_gen_init(&c->gen, &run->conf);
    enum px_code rc = order_init(&c->order, run, c->total);
    rc = rc ? PX_FAIL(reterr, rc, "no memory") : pool_open(&c->pool, &run->conf, reterr);
    rc = rc ? rc : record_open(&c->record, run, reterr);
    rc = rc ? rc : client_signals(c, reterr);
    rc = rc ? rc : client_work(c, reterr);
    enum px_code closed = record_close(&c->record, rc ? NULL : reterr);
    if (c->signals >= 0) {
        close(c->signals);
    }
    pool_close(&c->pool);
    order_fini(&c->order);
    retry_fini(&c->retry);
    queue_fini(&c->ready);
    px_buf_fini(&c->out);
    px_free(c);
    return rc ? rc : closed;
}
