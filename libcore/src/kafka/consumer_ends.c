/* Where the held partitions end: a thread of its own asks the brokers a few times a second and
 * keeps each answer with the time of the question. The library also remembers an end of its last
 * fetch, but not how old that is: a broker that hangs would be vouched for until a request times
 * out. Must not touch the consumer but for its handle; the owner tells it what is held. */
#include "consumer_internal.h"
#include <px/clock.h>
#include <signal.h>
#include <string.h>

#define PX_ENDS_EVERY (250 * PX_US_PER_MS)
/* Longest a question may take, and so how much longer a close can. */
#define PX_ENDS_WAIT PX_US_PER_S

static px_us px_ends_now(void) {
    return px_mono(&px_clock_system);
}

static void px_ends_sleep_until(struct px_ends *e, px_us until) {
    const struct timespec t = {.tv_sec = (time_t)(until / PX_US_PER_S),
                               .tv_nsec = until % PX_US_PER_S * 1000};
    PX_IGNORE(pthread_cond_timedwait(&e->wake, &e->lock, &t)); /* the caller looks at the time */
}

/* The held partitions, each with "latest" for its offset; NULL = none is held. */
static rd_kafka_topic_partition_list_t *px_ends_question(const struct px_ends *e) {
    rd_kafka_topic_partition_list_t *v = e->n ? rd_kafka_topic_partition_list_new((int)e->n) : NULL;
    for (size_t i = 0; i < e->n; i++) {
        rd_kafka_topic_partition_list_add(v, e->topic, e->v[i].partition)->offset =
            RD_KAFKA_OFFSET_END;
    }
    return v;
}

/* The list comes back in the order of the question unless the library sorts it. */
static void px_ends_keep(struct px_ends *e, rd_kafka_topic_partition_list_t *answer, px_us asked) {
    for (size_t i = 0; i < e->n; i++) {
        const rd_kafka_topic_partition_t *a =
            rd_kafka_topic_partition_list_find(answer, e->topic, e->v[i].partition);
        if (a && a->err == RD_KAFKA_RESP_ERR_NO_ERROR && a->offset >= 0) {
            e->v[i].high = a->offset;
            e->v[i].asked = asked;
        }
    }
}

/* With the lock, which is let go of while the brokers are asked. */
static void px_ends_ask(struct px_ends *e) {
    uint64_t held = e->held;
    px_us asked = px_ends_now();
    rd_kafka_topic_partition_list_t *v = px_ends_question(e);
    if (!v) {
        return;
    }
    pthread_mutex_unlock(&e->lock);
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(e->rk, v, px_kafka_ms(PX_ENDS_WAIT));
    pthread_mutex_lock(&e->lock);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && held == e->held) {
        px_ends_keep(e, v, asked);
    }
    rd_kafka_topic_partition_list_destroy(v);
}

static void *px_ends_run(void *arg) {
    struct px_ends *e = arg;
    pthread_mutex_lock(&e->lock);
    while (!e->stop) {
        px_us next = px_ends_now() + PX_ENDS_EVERY;
        uint64_t held = e->held;
        px_ends_ask(e);
        while (!e->stop && held == e->held && px_ends_now() < next) {
            px_ends_sleep_until(e, next);
        }
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

enum px_code px_ends_start(struct px_ends *e, rd_kafka_t *rk, const char *topic,
                           struct px_err *reterr) {
    pthread_condattr_t mono;
    sigset_t all, old;
    e->rk = rk;
    e->topic = topic;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &mono);
    pthread_condattr_destroy(&mono);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's business */
    e->running = pthread_create(&e->thread, NULL, px_ends_run, e) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!e->running) {
        pthread_cond_destroy(&e->wake);
        pthread_mutex_destroy(&e->lock);
        return PX_FAIL(reterr, PX_NOMEM, "no thread that asks for the ends of the log");
    }
    return PX_OK;
}

void px_ends_stop(struct px_ends *e) {
    if (!e->running) {
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    px_free(e->v);
    *e = (struct px_ends){.running = false};
}

enum px_code px_ends_hold(struct px_ends *e, const int32_t *partitions, size_t n,
                          struct px_err *reterr) {
    struct px_end *v = n ? px_calloc2(n, sizeof *v) : NULL;
    if (n && !v) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for the ends of %zu partitions", n);
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct px_end){.partition = partitions[i], .high = -1};
    }
    pthread_mutex_lock(&e->lock);
    px_free(e->v);
    e->v = v;
    e->n = n;
    e->held++;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    return PX_OK;
}

bool px_consumer_end(struct px_consumer *c, int32_t partition, int64_t *ret_high, px_us *ret_age) {
    struct px_ends *e = &c->ends;
    bool known = false;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n && !known; i++) {
        if (e->v[i].partition == partition && e->v[i].high >= 0) {
            *ret_high = e->v[i].high;
            *ret_age = px_ends_now() - e->v[i].asked;
            known = true;
        }
    }
    pthread_mutex_unlock(&e->lock);
    return known;
}
