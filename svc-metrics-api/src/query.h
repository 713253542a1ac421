/* Database threads: each has one connection; the loop hands them calls and gets them back. ODBC
 * blocks, so none of it ever runs on the loop. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <px/clock.h>
#include <px/loop.h>
#include <px/metric.h>

#include "endpoint.h"

struct api_query_pool;

/* One request between the loop and a database thread: owned by whoever holds it. */
struct api_job {
    struct api_job *next;
    struct api_query_pool *pool;
    struct px_arena arena;
    struct api_call call;
    struct px_http_ticket ticket;
    struct px_str path, query; /* copies in the arena, for the Link field */
    char instance[PX_UUID_TEXT + 1];
    size_t route; /* metric label */
    px_us received, deadline;
    bool head;
    /* of the loop alone, also while a database thread has the job */
    struct api_job *later, **link; /* the list of requests without an answer, oldest first */
    bool answered;                 /* its deadline passed first                            */

    /* the answer */
    struct px_err err; /* code PX_OK: body holds the envelope */
    struct px_buf body, fields;
};
struct api_job *api_job_new(void); /* NULL without memory */
void api_job_free(struct api_job *j);

struct api_query_conf {
    const struct px_sql_conf *sql;
    const struct px_catalog *catalog;
    const struct px_clock *clock;
    struct px_loop *loop;
    struct px_metrics *metrics; /* shard 1 + i belongs to worker i */
    size_t workers, limit;
    void (*done)(void *arg, struct api_job *j); /* on the loop; takes the job */
    void *arg;
};
/* api_query_start(conf, ret, reterr): threads run, connections open with the first call. */
PX_MUST_USE enum px_code api_query_start(const struct api_query_conf *conf,
                                         struct api_query_pool **ret, struct px_err *reterr);
/* api_query_submit(p, job): takes the job. Errors: PX_BUSY (the job stays the caller's). */
PX_MUST_USE enum px_code api_query_submit(struct api_query_pool *p, struct api_job *j);
size_t api_query_waiting(struct api_query_pool *p); /* Threads: any */
/* api_query_hangs(p, longest): every thread has worked on its job for longer than that: no answer
 * will come any more. Threads: any. */
bool api_query_hangs(struct api_query_pool *p, px_us longest);
/* api_query_join(p): end the threads; what they have finished is posted to the loop, which must
 * still run. api_query_free(p): afterwards, when the loop has stopped; jobs that no thread took are
 * freed. NULL is fine for both. */
void api_query_join(struct api_query_pool *p);
void api_query_free(struct api_query_pool *p);

#endif
