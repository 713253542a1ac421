/* The real svc-aggregator between a mock cluster and a real database, for tests: events are
 * produced into the log, the program runs as a process, results are read from SQL. */
#ifndef SERVICE_RIG_H
#define SERVICE_RIG_H

#include "mock_kafka.h"
#include "proc.h"
#include "sql_fixture.h"

#include <px/hash.h>
#include <px/kafka.h>

#define SERVICE_TOPIC "EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define SERVICE_DLQ   "DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define SERVICE_ENV   32

/* A log with events in it; shared by several databases. */
struct log_rig {
    struct mock_kafka *mock;
    struct px_kafka_conf conf;
    struct px_producer *producer;
    struct px_topic *topic;
    size_t open; /* records without a report */
    uint64_t made;
    struct px_uuid_gen ids;
};
void log_rig_open(struct log_rig *l, int partitions, bool with_dlq);
void log_rig_close(struct log_rig *l);
/* log_rig_make(l, n): ${n} more events, always the same sequence: retries, conflicts, two days,
 * poison. log_rig_send: one record. Both wait until the log has them. */
void log_rig_make(struct log_rig *l, size_t n);
void log_rig_send(struct log_rig *l, struct px_str key, struct px_str value);

/* What most tests share: a log of SERVICE_EVENTS records in SERVICE_PARTITIONS partitions. */
#define SERVICE_EVENTS     600
#define SERVICE_PARTITIONS 4
int service_rig_setup(void **state); /* *state: its struct log_rig */
int service_rig_teardown(void **state);

struct service_rig {
    struct log_rig *log;
    struct sql_fixture db; /* migrated */
    struct proc proc;
    char text[SERVICE_ENV][512];
    const char *env[SERVICE_ENV + 1];
    size_t nenv;
    char group[64];
    bool keep_group; /* the next starts join the group of the last one */
};
void service_rig_open(struct service_rig *s, struct log_rig *l, const struct px_dialect *d);
void service_rig_close(struct service_rig *s); /* stops the process */
/* service_rig_set(s, name, value): an environment variable for the next start; later ones win. */
void service_rig_set(struct service_rig *s, const char *name, const char *value);
/* service_rig_sql(s, db): only what reaches ${db}: for commands beside a rig that has its own. */
void service_rig_sql(struct service_rig *s, const struct sql_fixture *db);
/* service_rig_start(s, bin, arg): ${arg} NULL = none. Every start joins a group of its own: a
 * killed member would hold the partitions of the same group until its session ends. s->keep_group:
 * not so. */
void service_rig_start(struct service_rig *s, const char *bin, const char *arg);
/* service_rig_run: start and wait for the end; the exit status. */
int service_rig_run(struct service_rig *s, const char *bin, const char *arg, int seconds);
/* service_rig_until(s, query, want, seconds): until SQL answers ${want}; false when time is up. */
bool service_rig_until(struct service_rig *s, const char *query, int64_t want, int seconds);
/* How far SQL is, over all partitions. */
#define SERVICE_NEXT_SUM "SELECT COALESCE(SUM(next_offset), 0) FROM consumer_offsets"
/* Of the process whose admin port is ${port}. service_rig_ready: until /readyz answers ${want}.
 * service_rig_metric: until /metrics holds ${line}; gauges follow within a second or so. */
void service_rig_ready(int port, int want);
void service_rig_metric(int port, const char *line);
/* service_rig_holds(s): SQL stands at SERVICE_EVENTS, and the accounts add up. */
void service_rig_holds(struct service_rig *s);
/* service_rig_dump(s, out, cap): every table that events move, in a fixed order. */
void service_rig_dump(struct service_rig *s, char *out, size_t cap);

#endif
