/* The real svc-ingest in front of a mock Kafka cluster, questions to it, and what it left in the
 * log. */
#ifndef TEST_INGEST_RIG_H
#define TEST_INGEST_RIG_H

#include "http_client.h"
#include "mock_kafka.h"
#include "proc.h"

#include <px/event_avro.h>

#define INGEST_RIG_TOPIC "EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define INGEST_RIG_DLQ   "DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define INGEST_RIG_GIF   43

struct ingest_rig {
    struct mock_kafka *mock;
    struct proc proc;
    int port, admin;
};

/* ingest_rig_open(r, sets): ${sets}: up to 12 further "Section:Key=value", ended by NULL; may be
 * NULL. One worker and a message timeout of 2 s unless they say otherwise. */
void ingest_rig_open(struct ingest_rig *r, const char *const *sets);
/* ingest_rig_close(r): SIGTERM; the service must leave with 0. */
void ingest_rig_close(struct ingest_rig *r);

struct ingest_ask {
    const char *method, *target, *fields, *body; /* method NULL = GET */
    size_t body_n;                               /* 0: ${body} is text */
};
struct ingest_said {
    int status;
    char code[64], id[64], received[64], type[64], allow[64], retry[16], client[512];
    char head[2048], body[4096]; /* cut */
    size_t body_n;
    bool gif;
    long ms;
};
struct ingest_said ingest_rig_ask(const struct ingest_rig *r, const struct ingest_ask *a);
struct ingest_said ingest_rig_get(const struct ingest_rig *r, const char *target);
/* ingest_rig_post: to /api/events. */
struct ingest_said ingest_rig_post(const struct ingest_rig *r, const char *fields,
                                   const char *body);
/* ingest_rig_holds, _lacks: the test fails, showing ${text}, unless it does. */
void ingest_rig_holds(const char *text, const char *want);
void ingest_rig_lacks(const char *text, const char *stray);
/* ingest_rig_metric(r, series): its value now, 0 when absent; `name{label="x"}`. */
long ingest_rig_metric(const struct ingest_rig *r, const char *series);
/* ingest_rig_metric_until: until it is at least ${want}; false when ${seconds} have passed. */
bool ingest_rig_metric_until(const struct ingest_rig *r, const char *series, long want,
                             int seconds);
/* ingest_rig_ready_until: until /readyz answers ${status}; the milliseconds it took, or -1. */
long ingest_rig_ready_until(const struct ingest_rig *r, int status, int seconds);

/* ingest_rig_read(bootstrap, topic, fn, arg): every message of a topic, all partitions from the
 * beginning to the end. ${traceparent}: n = 0 when there is no such header. Returns how many. */
typedef void ingest_rig_fn(void *arg, struct px_str key, struct px_str value,
                           struct px_str traceparent);
size_t ingest_rig_read(const char *bootstrap, const char *topic, ingest_rig_fn *fn, void *arg);
/* ingest_rig_event: the only event of the log whose id is ${id}, copied into ${arena}; fails the
 * test when there is none. ingest_rig_has: whether there is one. */
void ingest_rig_event(const struct ingest_rig *r, const char *id, struct px_arena *arena,
                      struct px_event *ret);
bool ingest_rig_has(const struct ingest_rig *r, const char *id);

#endif
