/* Life of one worker: built on the main thread, run on its own, drained by a message, taken apart
 * on the main thread again. The order matters: reports answer requests, so the producer goes before
 * the HTTP server and the table outlives both. */
#include "worker.h"

#include "handle.h"

#include <px/log.h>
#include <px/mem.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKER_TICK (100 * PX_US_PER_MS)
/* What is unanswered so long before the end of a drain is answered 503, so that it still gets out.
 */
#define WORKER_LAST_WORDS (500 * PX_US_PER_MS)
/* Largest memory of one request: a body of 256 KiB decodes into less. */
#define WORKER_ARENA_MAX (4 * 1024 * 1024)
static_assert(ING_BODY_MAX <= WORKER_ARENA_MAX / 8, "a body decodes into less than the arena");

/* --- callbacks of the loop ----------------------------------------------------------------------
 */

static void worker_request(void *arg, struct px_http_req *req) {
    struct ing_worker *w = arg;

    ing_handle(w, req);
}

static void worker_refused(void *arg, enum px_http_refusal why, struct px_http_req *req) {
    struct ing_worker *w = arg;

    ing_handle_refused(w, why, req);
}

static void worker_reports(void *arg) {
    struct ing_worker *w = arg;

    px_producer_dispatch(w->producer);
}

static void worker_gauges(struct ing_worker *w) {
    struct px_producer_state state;

    px_producer_get(w->producer, &state);
    px_gauge(w->shard, ING_M_IN_FLIGHT, 0, 0, (int64_t)state.in_flight);
    px_gauge(w->shard, ING_M_PENDING, 0, 0, w->pending.used);
    px_gauge(w->shard, ING_M_CONNECTIONS, 0, 0, (int64_t)px_http_connections(w->http));
    px_gauge(w->shard, ING_M_BROKERS_DOWN, 0, 0, state.brokers_down);
    px_gauge(w->shard, ING_M_FATAL, 0, 0, state.fatal);
    px_gauge(w->shard, ING_M_NOT_STORING, 0, 0, w->unstored == ING_UNSTORED_MANY);
    px_count(w->shard, ING_M_REBUILDS, 0, 0, state.rebuilds - w->rebuilds);
    w->rebuilds = state.rebuilds;
    px_count(w->shard, ING_M_EVICTED, 0, 0, w->guard.buckets.evicted - w->evicted);
    w->evicted = w->guard.buckets.evicted;
    px_count(w->shard, ING_M_TICKS, w->index, 0, 1);
}

static void worker_pressure(struct ing_worker *w) {
    struct px_http_pressure p;

    px_http_get(w->http, &p);
    px_count(w->shard, ING_M_GAVE_WAY, 0, 0, p.gave_way - w->pressure.gave_way);
    px_count(w->shard, ING_M_TURNED_AWAY, 0, 0, p.turned_away - w->pressure.turned_away);
    px_gauge(w->shard, ING_M_INPUT, 0, 0, (int64_t)p.memory);
    w->pressure = p;
}

/* Said when it begins and when it is over. */
static void worker_overload(struct ing_worker *w, px_us now) {
    bool before = w->overload.active;

    w->pending.limit = ing_overload_look(&w->overload, now, w->pending.used);
    px_gauge(w->shard, ING_M_ADMISSION, 0, 0, w->pending.limit);
    if (!before && w->overload.active) {
        px_log(PX_LOG_WARN, "ingest.overloaded", PX_F_INT("worker", w->index),
               PX_F_INT("events.may_wait", w->pending.limit),
               PX_F_C("consequence", "what comes beyond that is answered 503"));
    } else if (before && !w->overload.active) {
        px_log(PX_LOG_INFO, "ingest.overload_over", PX_F_INT("worker", w->index));
    }
}

static void worker_drained(struct ing_worker *w, px_us now) {
    if (now >= w->drain_until - WORKER_LAST_WORDS) {
        ing_settle_expired(w, INT64_MAX);
    }
    bool idle =
        w->pending.used == 0 && px_http_pending(w->http) == 0 && px_http_connections(w->http) == 0;
    if (idle || now >= w->drain_until) {
        px_loop_stop(w->loop);
    }
}

static void worker_tick(void *arg) {
    struct ing_worker *w = arg;
    px_us now = px_mono(w->world->clock);

    px_producer_dispatch(w->producer);
    ing_settle_expired(w, now);
    worker_gauges(w);
    worker_pressure(w);
    worker_overload(w, now);
    if (w->index == 0) {
        ing_changes_look(w, now);
    }
    if (w->draining) {
        worker_drained(w, now);
    }
}

static void worker_drain_begin(void *arg) {
    struct ing_worker *w = arg;

    w->draining = true;
    px_http_drain(w->http);
}

/* --- life ---------------------------------------------------------------------------------------
 */

static size_t worker_share(const struct ing_worker *w, int64_t total) {
    int64_t n = (int64_t)w->world->workers;

    return (size_t)((total + n - 1) / n);
}

static enum px_code worker_listen(struct ing_worker *w, uint16_t port, struct px_err *reterr) {
    const struct ing_conf *c = w->world->conf;
    struct px_http_conf hc = {.address = c->address,
                              .port = port,
                              .reuse_port = w->world->workers > 1,
                              .limits = px_http_default_limits,
                              .handler = worker_request,
                              .refused = worker_refused,
                              .tls = {w->world->tls, w->shard, PX_M_TLS_HANDSHAKES},
                              .many = &w->world->proxies->trusted,
                              .arg = w};

    hc.limits.body = ING_BODY_MAX;
    hc.limits.connections = worker_share(w, w->world->connections);
    hc.limits.per_address = worker_share(w, c->per_address);
    hc.limits.memory = worker_share(w, c->input_memory);
    hc.limits.body_rate = (size_t)c->body_rate;
    hc.limits.header_deadline = c->header_deadline;
    hc.limits.body_deadline = c->body_deadline;
    hc.limits.write_deadline = c->write_deadline;
    hc.limits.idle_deadline = c->idle_deadline;
    enum px_code rc = px_http_open(w->loop, &hc, &w->http, reterr);
    return rc ? px_err_context(reterr, "Ingest:Port") : PX_OK;
}

static enum px_code worker_loop(struct ing_worker *w, struct px_err *reterr) {
    w->ended = eventfd(0, EFD_CLOEXEC);
    if (w->ended < 0) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "eventfd");
    }
    enum px_code rc = px_loop_new(&w->loop, reterr);
    if (rc == PX_OK) {
        rc = ing_publish_open(w, reterr);
    }
    if (rc == PX_OK) {
        rc = px_watch_new(w->loop, px_producer_fd(w->producer), PX_CALL(worker_reports, w),
                          &w->watch, reterr);
    }
    return rc ? rc : px_timer_new(w->loop, WORKER_TICK, PX_CALL(worker_tick, w), &w->tick, reterr);
}

enum px_code ing_worker_open(struct ing_worker *w, const struct ing_world *world, size_t index,
                             uint16_t port, struct px_err *reterr) {
    w->world = world;
    w->index = index;
    w->ended = -1;
    w->shard = px_metrics_shard(world->metrics, index);
    px_arena_init(&w->scratch.arena, WORKER_ARENA_MAX);
    px_buf_init(&w->scratch.inflated, ING_BODY_MAX);
    ing_answer_init(&w->answer);
    ing_bucket_init(&w->dlq_bucket,
                    (world->conf->dlq_rate + (int64_t)world->workers - 1) / (int64_t)world->workers,
                    px_mono(world->clock));
    struct ing_plan *plan = NULL;
    enum px_code rc = ing_plan_new(world->conf, world->workers, &plan, reterr);
    rc = rc ? rc : ing_guard_open(&w->guard, plan, reterr);
    rc = rc ? rc
            : ing_pending_init(&w->pending, (uint32_t)worker_share(w, world->conf->max_in_flight),
                               reterr);
    w->finder.proxies = world->proxies;
    rc = rc ? rc : ing_address_init(&w->finder.address, world->conf, reterr);
    rc = rc ? rc
            : ing_classes_new((enum ing_opt_out)world->conf->opt_out_signals, &w->classes, reterr);
    ing_overload_init(&w->overload, world->conf->max_log_delay, w->pending.cap,
                      px_mono(world->clock));
    if (rc == PX_OK) {
        rc = worker_loop(w, reterr);
    }
    return rc ? rc : worker_listen(w, port, reterr);
}

static void *worker_main(void *arg) {
    struct ing_worker *w = arg;
    char name[16];
    const uint64_t one = 1;

    snprintf(name, sizeof name, "ingest-%zu", w->index);
    pthread_setname_np(pthread_self(), name);
    px_loop_run(w->loop);
    PX_IGNORE(write(w->ended, &one, sizeof one) < 0); /* cannot be full: written once */
    return NULL;
}

enum px_code ing_worker_run(struct ing_worker *w, struct px_err *reterr) {
    errno = pthread_create(&w->thread, NULL, worker_main, w);
    if (errno) {
        return px_err_errno(reterr, PX_UNAVAILABLE, PX_HERE, "a worker thread");
    }
    w->running = true;
    return PX_OK;
}

/* A plan on its way to a worker's thread. */
struct worker_news {
    struct ing_worker *w;
    struct ing_plan *plan;
};

static void worker_follow(void *arg) {
    struct worker_news *news = arg;

    ing_guard_follow(&news->w->guard, news->plan);
    px_free(news);
}

enum px_code ing_worker_follow(struct ing_worker *w, struct ing_plan *plan, struct px_err *reterr) {
    struct worker_news *news = px_alloc(sizeof *news);

    if (news) {
        *news = (struct worker_news){.w = w, .plan = plan};
    }
    if (!news || px_loop_post(w->loop, PX_CALL(worker_follow, news))) {
        px_free(news);
        ing_plan_free(plan);
        return PX_FAIL(reterr, PX_NOMEM, "no memory to tell a worker");
    }
    return PX_OK;
}

void ing_worker_drain(struct ing_worker *w, px_us until) {
    if (!w->running) {
        return;
    }
    w->drain_until = until; /* seen by the loop with the message */
    if (px_loop_post(w->loop, PX_CALL(worker_drain_begin, w))) {
        px_loop_stop(w->loop);
    }
}

/* Waits for the end of the thread; false when time is up. */
static bool worker_wait(const struct ing_worker *w, px_us until) {
    struct pollfd p = {.fd = w->ended, .events = POLLIN};

    for (;;) {
        px_us left = until - px_mono(w->world->clock);
        int ms = left <= 0 ? 0 : (int)(left / PX_US_PER_MS) + 1;
        int n = poll(&p, 1, ms);
        if (n > 0) {
            return true;
        }
        if (ms == 0 || (n < 0 && errno != EINTR)) {
            return false;
        }
    }
}

void ing_worker_join(struct ing_worker *w, px_us until) {
    if (!w->running) {
        return;
    }
    if (!worker_wait(w, until)) {
        px_loop_stop(w->loop);
    }
    pthread_join(w->thread, NULL);
    w->running = false;
}

void ing_worker_close(struct ing_worker *w) {
    px_assert(!w->running);
    px_watch_free(w->watch);
    px_timer_free(w->tick);
    /* Reports that come now still settle their slots; who is connected still gets an answer. */
    ing_publish_close(w, WORKER_LAST_WORDS);
    if (w->http) {
        px_http_close(w->http);
    }
    if (w->loop) {
        px_loop_free(w->loop);
    }
    ing_guard_close(&w->guard);
    ing_pending_fini(&w->pending);
    px_arena_fini(&w->scratch.arena);
    px_buf_fini(&w->scratch.inflated);
    ing_answer_fini(&w->answer);
    ing_address_fini(&w->finder.address);
    ing_classes_free(w->classes);
    if (w->ended >= 0) {
        close(w->ended);
    }
    memset(w, 0, sizeof *w);
    w->ended = -1;
}
