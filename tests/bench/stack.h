/* The platform on free ports: px-devbroker and whichever of the three services a benchmark asks
 * for, with the release binaries. */
#ifndef BENCH_STACK_H
#define BENCH_STACK_H

#include "proc.h"

struct stack {
    struct proc broker, ingest, aggregator, api;
    char bootstrap[80], log_id[64];
    int ingest_port, ingest_admin, aggregator_admin, api_port, api_admin;
};

#define STACK_TOPIC "EVT_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"
#define STACK_DLQ   "DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"

void stack_broker(struct stack *s);
void stack_ingest(struct stack *s, const char *more); /* one further NAME=VALUE, or NULL */
void stack_ingest_with(struct stack *s, const char *const more[2]);
/* A database, migrated: what the two services connect to. */
struct stack_sql {
    const char *dialect, *connection, *password;
};
void stack_migrate(const struct stack_sql *q);
void stack_aggregator(struct stack *s, const struct stack_sql *q);
void stack_api(struct stack *s, const struct stack_sql *q);
void stack_stop(struct stack *s);

#endif
