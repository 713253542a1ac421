/* The cache of schemas by id and the thread that fills it. Entries are made by the aggregator
 * thread and completed by the fetcher; a complete one does not change until the aggregator thread
 * gives its place away. The lock covers the entries' state and the wish to stop. */
#include "schemas.h"

#include <px/clock.h>
#include <px/log.h>
#include <px/mem.h>

#include <pthread.h>
#include <stdio.h>

#define FIRST_WAIT (2 * PX_US_PER_S)
#define PAUSE_MIN  PX_US_PER_S
#define PAUSE_MAX  (10 * PX_US_PER_S)
#define SCHEMA_MAX (64 * 1024) /* of text */

struct entry {
    uint32_t id;
    enum agg_schema_state state;
    struct px_event_plan *plan;
    enum px_reason reason;
    char why[PX_ERR_MSG_MAX];
};

struct agg_schemas {
    struct agg_schemas_conf conf;
    struct px_registry *registry; /* NULL = none; of the fetcher while it runs */
    uint32_t event, letter;       /* our own ids */
    const struct entry *last;     /* found by the last get: records of one writer come in rows */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the mono clock */
    pthread_t thread;
    bool running, stop;
    struct entry v[AGG_SCHEMAS_MAX];
    size_t n, oldest, turn;
};

/* --- life ---------------------------------------------------------------------------------------
 */

enum px_code agg_schemas_new(const struct agg_schemas_conf *conf, struct agg_schemas **ret,
                             struct px_err *reterr) {
    pthread_condattr_t attr;
    struct agg_schemas *s = px_alloc(sizeof *s);
    if (!s) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for schemas");
    }
    s->conf = *conf;
    s->event = PX_SCHEMA_EVENT;
    s->letter = PX_SCHEMA_DLQ;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    enum px_code rc = PX_OK;
    if (px_registry_used(conf->registry)) {
        rc = px_registry_open(conf->registry, &s->registry, reterr);
    }
    if (rc) {
        agg_schemas_free(s);
        return rc;
    }
    *ret = s;
    return PX_OK;
}

void agg_schemas_free(struct agg_schemas *s) {
    if (!s) {
        return;
    }
    if (s->running) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
        (void)pthread_join(s->thread, NULL);
    }
    px_registry_close(s->registry);
    for (size_t i = 0; i < s->n; i++) {
        px_event_plan_free(s->v[i].plan);
    }
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    px_free(s);
}

uint32_t agg_schemas_event(const struct agg_schemas *s) {
    return s ? s->event : PX_SCHEMA_EVENT;
}

uint32_t agg_schemas_letter(const struct agg_schemas *s) {
    return s ? s->letter : PX_SCHEMA_DLQ;
}

/* --- the fetcher --------------------------------------------------------------------------------
 */

static void wait_until(struct agg_schemas *s, px_us mono) {
    struct timespec at = {.tv_sec = (time_t)(mono / PX_US_PER_S),
                          .tv_nsec = (long)(mono % PX_US_PER_S) * 1000};
    pthread_cond_timedwait(&s->changed, &s->lock, &at);
}

/* The next one in turn, so that one that fails again and again is not in the way of others. */
static struct entry *awaited(struct agg_schemas *s) {
    for (size_t i = 0; i < s->n; i++) {
        s->turn = (s->turn + 1) % s->n;
        if (s->v[s->turn].state == AGG_SCHEMA_AWAITED) {
            return &s->v[s->turn];
        }
    }
    return NULL;
}

static enum px_code fetch(struct agg_schemas *s, uint32_t id, struct px_event_plan **ret_plan,
                          struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(SCHEMA_MAX);
    enum px_code rc = px_registry_schema(s->registry, id, &text, reterr);
    if (rc == PX_OK) {
        rc = px_event_plan_new(px_buf_view(&text), ret_plan, reterr);
        rc = rc ? px_err_context(reterr, "schema %u", id) : PX_OK;
    }
    return rc;
}

/* What is true for ever, or nearly so: ids are never given anew. The rest passes. */
static bool is_final(enum px_code rc) {
    return rc == PX_OK || rc == PX_NOT_FOUND || rc == PX_SCHEMA || rc == PX_UNSUPPORTED ||
           rc == PX_TOO_LARGE;
}

static void complete(struct entry *e, enum px_code rc, struct px_event_plan *plan,
                     const struct px_err *err) {
    e->plan = plan;
    e->reason = rc == PX_NOT_FOUND ? PX_REASON_UNKNOWN_SCHEMA : PX_REASON_INCOMPATIBLE_SCHEMA;
    snprintf(e->why, sizeof e->why, "%s", rc ? err->msg : "");
    e->state = rc ? AGG_SCHEMA_REFUSED : AGG_SCHEMA_KNOWN;
}

static void tell(uint32_t id, enum px_code rc, const struct px_err *err) {
    if (rc == PX_OK) {
        px_log(PX_LOG_INFO, "schema.learned", PX_F_INT("px.schema_id", id));
    } else if (is_final(rc)) {
        px_log(PX_LOG_ERROR, "schema.refused", PX_F_INT("px.schema_id", id), PX_F_ERR(err),
               PX_F_C("remedy", "its records are dead letters; find out who writes them"));
    } else {
        px_log(PX_LOG_WARN, "schema.awaited", PX_F_INT("px.schema_id", id), PX_F_ERR(err),
               PX_F_C("remedy",
                      "partitions with records of this schema wait until the registry tells it, "
                      "the others go on; look at SchemaRegistry:Url"));
    }
}

/* Only this thread completes entries, and places of awaited ones are not given away. */
static void *fetcher(void *arg) {
    struct agg_schemas *s = arg;
    px_us pause = 0;

    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct entry *e = awaited(s);
        if (!e) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        uint32_t id = e->id;
        struct px_event_plan *plan = NULL;
        struct px_err err = PX_ERR_INIT;
        pthread_mutex_unlock(&s->lock);
        enum px_code rc = fetch(s, id, &plan, &err);
        if (is_final(rc) || pause == 0) {
            tell(id, rc, &err);
        }
        pthread_mutex_lock(&s->lock);
        if (is_final(rc)) {
            complete(e, rc, plan, &err);
            pause = 0;
            pthread_cond_broadcast(&s->changed);
            continue;
        }
        pause = pause == 0 ? PAUSE_MIN : pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
        px_us until = px_mono(&px_clock_system) + pause;
        while (!s->stop && px_mono(&px_clock_system) < until) {
            wait_until(s, until);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum px_code agg_schemas_start(struct agg_schemas *s, struct px_err *reterr) {
    struct px_registry_want event = {
        .dir = s->conf.dir, .name = "event.avsc", .topic = s->conf.topic};
    struct px_registry_want letter = {.dir = s->conf.dir, .name = "dlq.avsc", .topic = s->conf.dlq};
    if (!s->registry) {
        return PX_OK;
    }
    enum px_code rc = px_registry_resolve(s->registry, &event, &s->event, reterr);
    rc = rc ? rc : px_registry_resolve(s->registry, &letter, &s->letter, reterr);
    if (rc) {
        return rc;
    }
    if (pthread_create(&s->thread, NULL, fetcher, s) != 0) {
        return PX_FAIL(reterr, PX_NOMEM, "cannot start the thread that fetches schemas");
    }
    s->running = true;
    return PX_OK;
}

/* --- asked by the aggregator thread -------------------------------------------------------------
 */

static struct entry *find(struct agg_schemas *s, uint32_t id) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].id == id) {
            return &s->v[i];
        }
    }
    return NULL;
}

static bool has_place(const struct agg_schemas *s) {
    bool any = s->n < AGG_SCHEMAS_MAX;
    for (size_t i = 0; i < s->n && !any; i++) {
        any = s->v[i].state != AGG_SCHEMA_AWAITED;
    }
    return any;
}

/* A place for a new id: a free one, or that of the entry that has been there longest and is not
 * awaited; NULL when all are. */
static struct entry *place(struct agg_schemas *s) {
    if (s->n < AGG_SCHEMAS_MAX) {
        return &s->v[s->n++];
    }
    for (size_t i = 0; i < AGG_SCHEMAS_MAX; i++) {
        struct entry *e = &s->v[s->oldest];
        s->oldest = (s->oldest + 1) % AGG_SCHEMAS_MAX;
        if (e->state != AGG_SCHEMA_AWAITED) {
            px_event_plan_free(e->plan);
            return e;
        }
    }
    return NULL;
}

/* With the lock held. Asks for ${id} when it is new, and then waits a little. */
static const struct entry *look(struct agg_schemas *s, uint32_t id) {
    struct entry *e = find(s, id);
    if (e) {
        return e;
    }
    e = place(s);
    if (!e) {
        return NULL;
    }
    *e = (struct entry){.id = id, .state = AGG_SCHEMA_AWAITED};
    pthread_cond_broadcast(&s->changed);
    px_us until = px_mono(&px_clock_system) + FIRST_WAIT;
    while (e->state == AGG_SCHEMA_AWAITED && px_mono(&px_clock_system) < until) {
        wait_until(s, until);
    }
    return e;
}

static struct agg_schema result(const struct entry *e) {
    if (!e) {
        return (struct agg_schema){.state = AGG_SCHEMA_AWAITED};
    }
    return (struct agg_schema){
        .state = e->state, .plan = e->plan, .reason = e->reason, .why = e->why};
}

struct agg_schema agg_schemas_get(struct agg_schemas *s, uint32_t id) {
    if (id == agg_schemas_event(s)) {
        return (struct agg_schema){.state = AGG_SCHEMA_KNOWN};
    }
    if (!s || !s->running) {
        return (struct agg_schema){.state = AGG_SCHEMA_REFUSED,
                                   .reason = PX_REASON_UNKNOWN_SCHEMA,
                                   .why = "not the id of our schema"};
    }
    if (s->last && s->last->id == id) {
        return result(s->last);
    }
    pthread_mutex_lock(&s->lock);
    s->last = NULL; /* its place may be given away */
    const struct entry *e = look(s, id);
    struct agg_schema found = result(e);
    if (found.state != AGG_SCHEMA_AWAITED) {
        s->last = e;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool agg_schemas_settled(struct agg_schemas *s, uint32_t id) {
    pthread_mutex_lock(&s->lock);
    const struct entry *e = find(s, id);
    bool yes = e ? e->state != AGG_SCHEMA_AWAITED : has_place(s);
    pthread_mutex_unlock(&s->lock);
    return yes;
}
