/* The shared view between the aggregator thread and the rest of the process. */
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

void agg_status_init(struct agg_status *s) {
    *s = (struct agg_status){0};
    pthread_condattr_t attr;
    px_assert(pthread_mutex_init(&s->lock, NULL) == 0);
    px_assert(pthread_condattr_init(&attr) == 0);
    px_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    px_assert(pthread_cond_init(&s->changed, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
}

void agg_status_fini(struct agg_status *s) {
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
}

static void enter(struct agg_status *s) {
    px_assert(pthread_mutex_lock(&s->lock) == 0);
}

static void leave(struct agg_status *s) {
    px_assert(pthread_mutex_unlock(&s->lock) == 0);
}

void agg_status_beat(struct agg_status *s, px_us mono) {
    enter(s);
    s->view.beat = mono;
    leave(s);
}

void agg_status_tx(struct agg_status *s, px_us since) {
    enter(s);
    s->view.tx_since = since;
    leave(s);
}

void agg_status_sql(struct agg_status *s, bool up, const struct px_err *trouble) {
    enter(s);
    s->view.sql_up = up;
    snprintf(s->view.trouble, sizeof s->view.trouble, "%s", trouble ? trouble->msg : "");
    leave(s);
}

void agg_status_kafka(struct agg_status *s, bool up, size_t owned, size_t paused) {
    enter(s);
    s->view.kafka_up = up;
    s->view.owned = owned;
    s->view.paused = paused;
    leave(s);
}

struct agg_view agg_status_get(struct agg_status *s) {
    enter(s);
    struct agg_view v = s->view;
    leave(s);
    return v;
}

void agg_status_ask_stop(struct agg_status *s) {
    enter(s);
    s->stop = true;
    (void)pthread_cond_broadcast(&s->changed);
    leave(s);
}

bool agg_status_stopping(struct agg_status *s) {
    enter(s);
    bool stop = s->stop;
    leave(s);
    return stop;
}

void agg_status_set_done(struct agg_status *s) {
    enter(s);
    s->done = true;
    (void)pthread_cond_broadcast(&s->changed);
    leave(s);
}

/* Wait until *flag is set (under the lock) or the span is over. */
static bool wait_for(struct agg_status *s, const bool *flag, px_us span) {
    struct timespec until;
    px_assert(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    int64_t ns = until.tv_nsec + (span % PX_US_PER_S) * 1000;
    until.tv_sec += (time_t)(span / PX_US_PER_S + ns / 1000000000);
    until.tv_nsec = (int32_t)(ns % 1000000000);
    enter(s);
    while (!*flag && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT) {
    }
    bool is_set = *flag;
    leave(s);
    return is_set;
}

bool agg_status_sleep(struct agg_status *s, px_us span) {
    return wait_for(s, &s->stop, span);
}

bool agg_status_wait_done(struct agg_status *s, px_us span) {
    return wait_for(s, &s->done, span);
}
