/* What follows a fatal error of the idempotent producer (one out-of-order reply is enough for it):
 * the old handle's reports come in, a helper thread destroys it, a new one takes over. Also the
 * probe that tells when brokers are back. The owner's thread only ever looks at flags here; what
 * may block is a task. */
#include "producer_internal.h"
#include <px/clock.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define PX_REBUILD_PURGE       (2 * PX_US_PER_S) /* in flight that long after the error: stop waiting */
#define PX_REBUILD_GIVE_UP     (4 * PX_US_PER_S) /* not even purged: report from our own table */
#define PX_REBUILD_BACKOFF     (100 * PX_US_PER_MS)
#define PX_REBUILD_BACKOFF_MAX (10 * PX_US_PER_S)
#define PX_PROBE_EVERY         PX_US_PER_S
#define PX_PROBE_MS            1000

/* --- tasks ------------------------------------------------------------------------------------ */

bool px_kafka_task_start(struct px_kafka_task *t, void *(*fn)(void *)) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's business */
    atomic_store(&t->done, false);
    t->ok = false;
    t->running = pthread_create(&t->thread, NULL, fn, t) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return t->running;
}

void px_kafka_task_join(struct px_kafka_task *t) {
    if (t->running) {
        pthread_join(t->thread, NULL);
        t->running = false;
    }
}

bool px_kafka_task_collect(struct px_kafka_task *t) {
    if (!t->running || !atomic_load(&t->done)) {
        return false;
    }
    px_kafka_task_join(t);
    return true;
}

static void px_kafka_task_end(struct px_kafka_task *t) {
    const uint64_t one = 1;
    atomic_store(&t->done, true);
    PX_IGNORE(write(t->wake_fd, &one, sizeof one) < 0); /* the owner's timer looks as well */
}

static void *px_producer_reap(void *arg) {
    struct px_kafka_task *t = arg;
    rd_kafka_destroy(t->rk);
    px_kafka_task_end(t);
    return NULL;
}

static void *px_producer_ask(void *arg) {
    struct px_kafka_task *t = arg;
    const struct rd_kafka_metadata *md = NULL;
    t->ok = rd_kafka_metadata(t->rk, 0, NULL, &md, PX_PROBE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (md) {
        rd_kafka_metadata_destroy(md);
    }
    px_kafka_task_end(t);
    return NULL;
}

/* --- are brokers back? ------------------------------------------------------------------------ */

/* An idle producer hears of brokers that went, not of brokers that came back, and does not
 * reconnect by itself. So while they count as down, ask for metadata once a second. */
void px_producer_probe(struct px_producer *p) {
    px_us now = px_mono(&px_clock_system);
    if (px_kafka_task_collect(&p->prober) && p->prober.ok && p->phase == PX_PRODUCER_LIVE) {
        p->state.brokers_down = false;
    }
    if (p->phase != PX_PRODUCER_LIVE || !p->state.brokers_down || p->prober.running ||
        now < p->probe_at) {
        return;
    }
    p->probe_at = now + PX_PROBE_EVERY;
    p->prober.rk = p->rk;
    p->prober.wake_fd = p->fd;
    PX_IGNORE(px_kafka_task_start(&p->prober, px_producer_ask)); /* no thread now: next second */
}

void px_producer_tasks_join(struct px_producer *p) {
    px_kafka_task_join(&p->prober);
    for (size_t i = 0; i < PX_PRODUCER_REAPERS; i++) {
        px_kafka_task_join(&p->reapers[i]);
    }
}

/* --- the rebuild ------------------------------------------------------------------------------ */

static void px_producer_enter(struct px_producer *p, enum px_producer_phase phase) {
    p->phase = phase;
    p->phase_since = px_mono(&px_clock_system);
}

void px_producer_fatal(struct px_producer *p) {
    if (p->phase != PX_PRODUCER_LIVE) {
        return;
    }
    char text[128] = "";
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(p->rk, text, sizeof text);
    snprintf(p->state.last_error, sizeof p->state.last_error, "%s: %.120s", rd_kafka_err2name(err),
             text);
    p->purged = false;
    p->failures++;
    px_producer_enter(p, PX_PRODUCER_DRAINING);
}

/* xorshift64*: spreads the reconnects of many workers and pods; nothing secret hangs on it. */
static px_us px_producer_jitter(struct px_producer *p, px_us span) {
    p->jitter ^= p->jitter >> 12;
    p->jitter ^= p->jitter << 25;
    p->jitter ^= p->jitter >> 27;
    uint64_t r = (p->jitter * UINT64_C(2685821657736338717)) >> 33;
    return span / 2 + (px_us)(r % (uint64_t)(span / 2 + 1));
}

static px_us px_producer_backoff(struct px_producer *p) {
    if (p->failures <= 1) {
        return 0; /* one fatal error is routine */
    }
    unsigned doublings = p->failures - 2 > 7 ? 7 : p->failures - 2;
    px_us span = PX_REBUILD_BACKOFF << doublings;
    return px_producer_jitter(p, span > PX_REBUILD_BACKOFF_MAX ? PX_REBUILD_BACKOFF_MAX : span);
}

static struct px_kafka_task *px_producer_free_reaper(struct px_producer *p) {
    struct px_kafka_task *free = NULL;
    for (size_t i = 0; i < PX_PRODUCER_REAPERS; i++) {
        px_kafka_task_collect(&p->reapers[i]);
        if (!p->reapers[i].running) {
            free = &p->reapers[i];
        }
    }
    return free;
}

/* Every report of the old handle is out: hand it to a helper, if one and its thread can be had. */
static void px_producer_retire(struct px_producer *p) {
    px_kafka_task_collect(&p->prober);
    struct px_kafka_task *reaper = px_producer_free_reaper(p);
    if (p->prober.running || !reaper) {
        return; /* next dispatch */
    }
    reaper->rk = p->rk;
    reaper->wake_fd = p->fd;
    rd_kafka_t *rk = px_producer_handle_detach(p);
    if (!px_kafka_task_start(reaper, px_producer_reap)) {
        rd_kafka_destroy(rk); /* no thread to be had: blocking is what is left */
    }
    p->reopen_at = px_mono(&px_clock_system) + px_producer_backoff(p);
    px_producer_enter(p, PX_PRODUCER_WAITING);
}

static size_t px_producer_draining(struct px_producer *p) {
    px_us since = px_mono(&px_clock_system) - p->phase_since;
    size_t n = 0;
    if (p->state.in_flight && !p->purged && since >= PX_REBUILD_PURGE) {
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
        p->purged = true;
    } else if (p->state.in_flight && since >= PX_REBUILD_GIVE_UP) {
        n = px_producer_give_up(p);
    }
    if (p->state.in_flight == 0) {
        px_producer_retire(p);
    }
    return n;
}

static void px_producer_reopen(struct px_producer *p) {
    px_us now = px_mono(&px_clock_system);
    if (now < p->reopen_at) {
        return;
    }
    struct px_err err = PX_ERR_INIT;
    if (px_producer_handle_open(p, &err)) {
        p->failures++;
        p->reopen_at = now + px_producer_backoff(p);
        snprintf(p->state.last_error, sizeof p->state.last_error, "%.150s", err.msg);
        return;
    }
    p->state.rebuilds++;
    p->state.brokers_down = false;
    px_producer_enter(p, PX_PRODUCER_LIVE);
}

size_t px_producer_move(struct px_producer *p) {
    size_t n = 0;
    if (p->phase == PX_PRODUCER_DRAINING) {
        n = px_producer_draining(p);
    }
    if (p->phase == PX_PRODUCER_WAITING) {
        px_producer_reopen(p);
    }
    return n;
}
