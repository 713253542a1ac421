/* The end of a consumer's handle. librdkafka 2.0 may never come back from it when a topic lost its
 * partitions under the consumer (a permission was taken away): so it ends on a thread of its own,
 * and after a while it is left to itself. */
#include "consumer_internal.h"
#include <pthread.h>
#include <time.h>

#define PX_DISPOSE_S 5

struct px_dispose {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    rd_kafka_t *rk;
    bool done, left; /* left: nobody waits any more */
};

static void px_dispose_free(struct px_dispose *e) {
    pthread_cond_destroy(&e->done_cond);
    pthread_mutex_destroy(&e->lock);
    px_free(e);
}

static void *px_dispose_run(void *arg) {
    struct px_dispose *e = arg;
    rd_kafka_destroy(e->rk);
    pthread_mutex_lock(&e->lock);
    bool left = e->left;
    e->done = true;
    pthread_cond_signal(&e->done_cond);
    pthread_mutex_unlock(&e->lock);
    if (left) {
        px_dispose_free(e);
    }
    return NULL;
}

static bool px_dispose_wait(struct px_dispose *e, pthread_t thread) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PX_DISPOSE_S;
    pthread_mutex_lock(&e->lock);
    int rc = 0;
    while (!e->done && rc == 0) {
        rc = pthread_cond_timedwait(&e->done_cond, &e->lock, &until);
    }
    bool done = e->done;
    e->left = !done;
    pthread_mutex_unlock(&e->lock);
    if (!done) {
        pthread_detach(thread);
        return false;
    }
    pthread_join(thread, NULL);
    px_dispose_free(e);
    return true;
}

bool px_consumer_dispose(rd_kafka_t *rk) {
    struct px_dispose *e = px_alloc(sizeof *e);
    pthread_t thread;
    if (!e) {
        rd_kafka_destroy(rk);
        return true;
    }
    e->rk = rk;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->done_cond, NULL);
    if (pthread_create(&thread, NULL, px_dispose_run, e) != 0) {
        px_dispose_free(e);
        rd_kafka_destroy(rk);
        return true;
    }
    return px_dispose_wait(e, thread);
}
