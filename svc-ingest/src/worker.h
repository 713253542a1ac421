/* One share-nothing worker of ingest: loop, HTTP server, producer, pending table, metric shard and
 * scratch memory of one thread. Nothing here is shared but what `struct ing_world` points to, which
 * does not change after start. */
#ifndef ING_WORKER_H
#define ING_WORKER_H

#include "answer.h"
#include "body.h"
#include "conf.h"
#include "fields.h"
#include "guard.h"
#include "pages.h"
#include "overload.h"
#include "pending.h"
#include "routes.h"
#include "sender.h"

#include <px/arena.h>
#include <px/loop.h>

#include <pthread.h>

/* Schema ids of one family's messages. */
struct ing_schema_ids {
    uint32_t events, dead;
};

/* What all workers read. */
struct ing_world {
    const struct ing_conf *conf;
    const struct px_catalog *catalog;
    const struct px_clock *clock;
    struct px_metrics *metrics; /* a shard for each worker, then the admin thread's */
    struct px_tls *tls;         /* NULL = HTTP without TLS */
    size_t workers;
    int64_t connections; /* over all of them */
    struct px_validate_policy policy;
    const char *client_id;            /* of the producers */
    const struct ing_schema_ids *ids; /* by family */
    const struct ing_pages *pages;
    const struct px_fwd_policy *proxies;
    uint64_t explain_key[2]; /* of the tickets for /api/explain-ip; drawn at start */
};

/* Memory that one request after another uses: it is kept because it has grown, and nothing in it
 * outlives the turn in which it was filled. */
struct ing_scratch {
    struct px_arena arena;    /* what a request's events need while they are read and judged */
    struct px_buf inflated;   /* a body that came compressed */
    struct ing_fields fields; /* what a request points to as its fields */
    struct px_verdict verdict;
    struct px_buf value; /* one encoded message */
};

/* A token bucket: at most `rate` a second, one second's worth at once. */
struct ing_bucket {
    int64_t rate, tokens_us; /* one token = PX_US_PER_S / rate */
    px_us last;
};
void ing_bucket_init(struct ing_bucket *b, int64_t rate, px_us now);
/* ing_bucket_take(b, now): may one more pass? Rate 0: never. */
bool ing_bucket_take(struct ing_bucket *b, px_us now);

/* What was said last about the log; of the first worker only. */
struct ing_changes {
    enum ing_log {
        ING_LOG_STORES,
        ING_LOG_REFUSES,
        ING_LOG_UNREACHABLE
    } log, seen; /* said; as the last look saw it, since seen_at */
    bool fatal;
    px_us lost_at, seen_at, fatal_at;
};
/* So many events in a row that the log did not take, none of them to blame itself. */
#define ING_UNSTORED_MANY 3

struct ing_topics { /* of one family */
    struct px_topic *events, *dead;
    char name[256]; /* of the events */
    struct ing_schema_ids ids;
};

struct ing_worker {
    const struct ing_world *world;
    size_t index;
    struct px_shard *shard;
    struct px_loop *loop;
    struct px_http_server *http;
    struct px_producer *producer;
    struct px_watch *watch;
    struct px_timer *tick;
    struct ing_topics *topics; /* by family */
    struct ing_pending pending;
    struct ing_overload overload;
    struct px_http_pressure pressure; /* as last seen, for the counters */
    struct ing_bucket dlq_bucket;
    struct px_uuid_gen uuids;
    uint64_t rebuilds;     /* as last seen, for the counter */
    uint64_t evicted;      /* likewise, of the guard's buckets */
    uint32_t stored_bytes; /* the largest message that the log has stored so far */
    uint32_t unstored;     /* events in a row that the log did not take, up to ING_UNSTORED_MANY */
    struct ing_changes changes;

    struct ing_finder finder;
    struct ing_guard guard;
    struct ing_classes *classes;
    struct ing_scratch scratch;
    struct ing_answer answer; /* scratch too: the answer that is being written */

    pthread_t thread;
    int ended;         /* eventfd: readable when the loop has returned */
    bool running;      /* the thread was started: written by the main thread only */
    bool draining;     /* on the loop's thread */
    px_us drain_until; /* mono clock */
};

/* ing_changes_look(w, now): log what has changed about the log since the last look, over all
 * workers; for the timer of the first one, after its gauges. */
void ing_changes_look(struct ing_worker *w, px_us now);

/* ing_worker_open(w, world, index, port, reterr): build everything and listen on ${port}; runs
 * nothing yet. A failure leaves a worker that ing_worker_close accepts. */
PX_MUST_USE enum px_code ing_worker_open(struct ing_worker *w, const struct ing_world *world,
                                         size_t index, uint16_t port, struct px_err *reterr);
PX_MUST_USE enum px_code ing_worker_run(struct ing_worker *w,
                                        struct px_err *reterr); /* its thread */
/* ing_worker_follow(w, plan, reterr): its guard goes by ${plan} soon; takes it, also on failure.
 * Errors: PX_NOMEM (it goes on by the old one). Threads: main. */
PX_MUST_USE enum px_code ing_worker_follow(struct ing_worker *w, struct ing_plan *plan,
                                           struct px_err *reterr);
/* ing_worker_drain(w, until): stop listening, answer what was taken, end the thread; whatever is
 * unanswered half a second before ${until} (mono clock) gets 503. Returns at once. Threads: main.
 */
void ing_worker_drain(struct ing_worker *w, px_us until);
/* ing_worker_join(w, until): wait for the thread; at ${until} it is told to stop. */
void ing_worker_join(struct ing_worker *w, px_us until);
void ing_worker_close(struct ing_worker *w);

#endif
