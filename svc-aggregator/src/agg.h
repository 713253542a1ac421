/* The whole service: what main.c's px_app_def works on. Built by service.c, run by run.c, asked by
 * probes.c. */
#ifndef AGG_H
#define AGG_H

#include "consume.h"
#include "retain.h"
#include "watchdog.h"

#include <px/admin.h>

struct agg {
    struct px_app *app;
    const struct agg_conf *conf;
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_zone *zone;
    struct agg_schemas *schemas;
    struct px_labels types; /* label values of the metrics below */
    struct px_metric_def defs[AGG_METRICS];
    struct px_metrics *metrics;
    struct px_admin *admin;
    struct px_tls *tls; /* while running; NULL without a certificate */
    struct agg_status status;
    struct agg_watchdog watchdog;
    struct agg_core core;     /* of the aggregator thread while it runs */
    struct agg_reader reader; /* likewise                               */
    /* the second one only with Retention:Every, the third with Erasure:KeyFile */
    pthread_t thread, retainer, follower;
    bool threaded, retains, follows;
    char topic[256], dlq[256], erasures[256], client_id[160], schemas_dir[1024];
};

/* service.c: the life of the service, as px/app.h defines it. */
extern const struct px_app_def agg_app;

/* run.c: the aggregator thread; arg is the struct agg. */
void *agg_run(void *arg);

/* retain_cmd.c: --retention=plan|run. Errors: PX_USAGE, PX_CONFIG, those of retain.h. */
enum px_code agg_retention(void *svc, const char *arg, struct px_err *reterr);
/* agg_retain_open(a, run, r, reterr): fill all of ${r} but how to pause, with a connection to a
 * database that fits; close r->sql. */
PX_MUST_USE enum px_code agg_retain_open(const struct agg *a, bool run, struct agg_retain *r,
                                         struct px_err *reterr);
/* retain_thread.c: the same every now and then; arg is the struct agg. */
void *agg_retain_thread(void *arg);

/* erase/command.c: --erase-player ID, --erase-pending, --erase-verify FILE. Errors: PX_USAGE,
 * PX_CONFIG, PX_DIFFERS (verify: what was found was printed), those of erase.h. */
enum px_code agg_erase_player(void *svc, const char *arg, struct px_err *reterr);
enum px_code agg_erase_pending(void *svc, const char *arg, struct px_err *reterr);
enum px_code agg_erase_verify(void *svc, const char *arg, struct px_err *reterr);
/* erase/follow.c: agg_follow_first(a, reterr): take over what the topic of erasures says now,
 * before the first event is read; nothing without Erasure:KeyFile. agg_follow_thread: the same
 * every now and then, and the work that follows from it; arg is the struct agg. */
PX_MUST_USE enum px_code agg_follow_first(struct agg *a, struct px_err *reterr);
void *agg_follow_thread(void *arg);

/* probes.c */
extern const struct px_probe agg_probes[];
extern const size_t agg_nprobes;

/* migrate.c: --migrate=status|plan|up|down|adopt. Errors: PX_USAGE, those of px/migrate.h. */
enum px_code agg_migrate(void *svc, const char *arg, struct px_err *reterr);
/* topics.c: --topics=plan|apply|verify. Errors: PX_DIFFERS (apply and verify: something remains; it
 * was printed), PX_CONFIG (the file), those of px/kafka_admin.h. */
enum px_code agg_topics(void *svc, const char *arg, struct px_err *reterr);
/* agg_schema_current(a, s, ret_text, cap, reterr): does the schema fit this program? PX_SCHEMA with
 * the remedy when not. ${ret_text}: what was found. */
PX_MUST_USE enum px_code agg_schema_current(const struct agg *a, struct px_sql *s, char *ret_text,
                                            size_t cap, struct px_err *reterr);

#endif
