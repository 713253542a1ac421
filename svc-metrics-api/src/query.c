/* The pool of database threads: a bounded queue in, completions posted to the loop. One snapshot
 * per request: counts and freshness are of the same instant. */
#include "query.h"

#include <pthread.h>
#include <time.h>

#include <px/log.h>
#include <px/mem.h>

#include "respond.h"
#include "service.h"

/* Enough for a range of minutes over every type of a large catalog, twice (trends). */
#define ARENA_MAX ((size_t)32 << 20)
#define BODY_MAX  ((size_t)8 << 20)

struct worker {
    struct api_query_pool *pool;
    struct px_shard *shard;
    pthread_t thread;
    px_us since; /* of the job that it works on; 0 = none; under the pool's lock */
};

struct api_query_pool {
    struct api_query_conf conf;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct api_job *head, **tail;
    size_t waiting;
    bool stop;
    size_t started;
    struct worker worker[];
};

struct api_job *api_job_new(void) {
    struct api_job *j = px_alloc(sizeof(*j));

    if (!j) {
        return NULL;
    }
    px_arena_init(&j->arena, ARENA_MAX);
    px_buf_init(&j->body, BODY_MAX);
    px_buf_init(&j->fields, 16384);
    j->call.arena = &j->arena;
    return j;
}

void api_job_free(struct api_job *j) {
    if (!j) {
        return;
    }
    px_arena_fini(&j->arena);
    px_buf_fini(&j->body);
    px_buf_fini(&j->fields);
    px_free(j);
}

static enum px_code load(struct api_db *db, struct api_job *j, px_us now) {
    struct api_call *call = &j->call;
    enum px_code code = api_db_begin(db, &j->err);

    if (code) {
        return code;
    }
    code = api_db_freshness(db, now, &call->fresh, &j->err);
    if (!code) {
        code = call->ep->load(db, call, &j->err);
    }
    api_db_end(db, code);
    return code;
}

static void run(struct worker *w, struct api_db *db, struct api_job *j) {
    const struct px_clock *clock = w->pool->conf.clock;
    px_us begun = px_mono(clock);

    if (begun > j->deadline) {
        PX_IGNORE(PX_FAIL(&j->err, PX_TIMEOUT, "waited too long for a database thread"));
        return;
    }
    /* A connection that died while idle is noticed by its first use: one more try on a new one. */
    enum px_code code = load(db, j, px_wall(clock));
    if (code == PX_SQL_LOST && !db->sql) {
        j->err = PX_ERR_INIT;
        code = load(db, j, px_wall(clock));
    }
    px_observe(w->shard, API_M_QUERY_SECONDS, j->route, 0, px_mono(clock) - begun, 1);
    if (code) {
        px_count(w->shard, API_M_QUERY_ERRORS, j->route, 0, 1);
        return;
    }
    api_envelope(&j->call, &j->body);
    struct api_target target = {.path = j->path, .query = j->query};
    api_link(&j->call, &target, &j->fields);
    PX_IGNORE(px_buf_ok(&j->body, &j->err)); /* the error is in j->err */
}

static struct api_job *take(struct worker *w) {
    struct api_query_pool *p = w->pool;

    pthread_mutex_lock(&p->lock);
    w->since = 0;
    while (!p->head && !p->stop) {
        pthread_cond_wait(&p->wake, &p->lock);
    }
    struct api_job *j = p->stop ? NULL : p->head;
    if (j) {
        p->head = j->next;
        p->tail = p->head ? p->tail : &p->head;
        p->waiting--;
        w->since = px_mono(p->conf.clock);
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void finished(void *arg) {
    struct api_job *j = arg;

    j->pool->conf.done(j->pool->conf.arg, j);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct api_query_pool *p = w->pool;
    struct api_db db;
    struct api_job *j;

    api_db_init(&db, p->conf.sql, p->conf.catalog);
    while ((j = take(w)) != NULL) {
        run(w, &db, j);
        j->pool = p;
        /* posting needs a little memory; a request must not be forgotten for lack of it */
        while (px_loop_post(p->conf.loop, PX_CALL(finished, j))) {
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
        }
    }
    api_db_fini(&db);
    return NULL;
}

enum px_code api_query_start(const struct api_query_conf *conf, struct api_query_pool **ret,
                             struct px_err *reterr) {
    struct api_query_pool *p = px_alloc(sizeof(*p) + conf->workers * sizeof(p->worker[0]));

    if (!p) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu database threads", conf->workers);
    }
    p->conf = *conf;
    p->tail = &p->head;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (size_t i = 0; i < conf->workers; i++) {
        struct worker *w = &p->worker[i];

        w->pool = p;
        w->shard = px_metrics_shard(conf->metrics, 1 + i);
        if (pthread_create(&w->thread, NULL, worker_main, w)) {
            api_query_join(p);
            api_query_free(p);
            return PX_FAIL(reterr, PX_UNAVAILABLE, "cannot start a database thread");
        }
        p->started++;
    }
    *ret = p;
    return PX_OK;
}

enum px_code api_query_submit(struct api_query_pool *p, struct api_job *j) {
    enum px_code code = PX_OK;

    pthread_mutex_lock(&p->lock);
    if (p->waiting >= p->conf.limit) {
        code = PX_BUSY;
    } else {
        j->next = NULL;
        *p->tail = j;
        p->tail = &j->next;
        p->waiting++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return code;
}

size_t api_query_waiting(struct api_query_pool *p) {
    pthread_mutex_lock(&p->lock);
    size_t n = p->waiting;
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool api_query_hangs(struct api_query_pool *p, px_us longest) {
    px_us now = px_mono(p->conf.clock);
    size_t hanging = 0;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->started; i++) {
        hanging += p->worker[i].since && now - p->worker[i].since > longest;
    }
    bool all = hanging == p->started;
    pthread_mutex_unlock(&p->lock);
    return all;
}

void api_query_join(struct api_query_pool *p) {
    if (!p) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->started; i++) {
        pthread_join(p->worker[i].thread, NULL);
    }
    p->started = 0;
}

void api_query_free(struct api_query_pool *p) {
    if (!p) {
        return;
    }
    while (p->head) {
        struct api_job *j = p->head;

        p->head = j->next;
        api_job_free(j);
    }
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    px_free(p);
}
