/* ThreadSanitizer knows pthreads, not C11's threads, which Debian's librdkafka uses: a thread
 * started by thrd_create crashes it. In SAN=thread builds these stand in front of libc's functions
 * and pass on to pthreads (glibc's own are the same thing under another name). Nothing at all in
 * other builds. */
#include "tsan_threads.h"

void tsan_threads(void) {
}

#ifdef __SANITIZE_THREAD__
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define EXPORT __attribute__((visibility("default")))

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "glibc: one is the other");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "glibc: one is the other");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "glibc: one is the other");

struct start {
    thrd_start_t fn;
    void *arg;
};

static void *run(void *arg) {
    struct start s = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)s.fn(s.arg);
}

static int result(int rc) {
    return rc == 0           ? thrd_success
           : rc == ETIMEDOUT ? thrd_timedout
           : rc == EBUSY     ? thrd_busy
                             : thrd_error;
}

EXPORT int thrd_create(thrd_t *t, thrd_start_t fn, void *arg) {
    struct start *s = malloc(sizeof *s);
    if (!s) {
        return thrd_nomem;
    }
    *s = (struct start){.fn = fn, .arg = arg};
    return result(pthread_create(t, NULL, run, s));
}

EXPORT int thrd_join(thrd_t t, int *ret) {
    void *value = NULL;
    int rc = pthread_join(t, &value);
    if (rc == 0 && ret) {
        *ret = (int)(intptr_t)value;
    }
    return result(rc);
}

EXPORT int thrd_detach(thrd_t t) {
    return result(pthread_detach(t));
}

EXPORT int mtx_init(mtx_t *m, int type) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                                       : PTHREAD_MUTEX_NORMAL);
    int rc = pthread_mutex_init((pthread_mutex_t *)m, &a);
    pthread_mutexattr_destroy(&a);
    return result(rc);
}

EXPORT int mtx_lock(mtx_t *m) {
    return result(pthread_mutex_lock((pthread_mutex_t *)m));
}

EXPORT int mtx_trylock(mtx_t *m) {
    return result(pthread_mutex_trylock((pthread_mutex_t *)m));
}

EXPORT int mtx_unlock(mtx_t *m) {
    return result(pthread_mutex_unlock((pthread_mutex_t *)m));
}

EXPORT void mtx_destroy(mtx_t *m) {
    pthread_mutex_destroy((pthread_mutex_t *)m);
}

EXPORT int cnd_init(cnd_t *c) {
    return result(pthread_cond_init((pthread_cond_t *)c, NULL));
}

EXPORT int cnd_signal(cnd_t *c) {
    return result(pthread_cond_signal((pthread_cond_t *)c));
}

EXPORT int cnd_broadcast(cnd_t *c) {
    return result(pthread_cond_broadcast((pthread_cond_t *)c));
}

EXPORT int cnd_wait(cnd_t *c, mtx_t *m) {
    return result(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

EXPORT int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict at) {
    return result(pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, at));
}

EXPORT void cnd_destroy(cnd_t *c) {
    pthread_cond_destroy((pthread_cond_t *)c);
}
#endif
