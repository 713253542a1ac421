/* A seeded database with the real svc-metrics-api in front of it, and JSON questions to it. */
#ifndef TEST_API_RIG_H
#define TEST_API_RIG_H

#include <px/json.h>
#include <px/num.h>
#include <px/sql.h>

#include "proc.h"

#define API_RIG_DAYS 400 /* seeded, from 2025-01-01 on */

struct api_rig {
    const char *dialect;
    struct px_sql_conf conf;
    char connection[600];
    char settings[8][600]; /* [6] and [7]: further ones of a test, set before the start */
    const char *env[9];
    struct px_sql *sql;
    struct proc api;
    int port;
    px_day first; /* of the 400 seeded days */
    char today[PX_TIME_TEXT];
};

struct api_answer {
    int status;
    struct px_json *json;
    const struct px_jnode *data, *meta, *page;
    char link[512], code[64];
    char text[512]; /* the beginning of the body, for messages */
};

/* Counts of seeded day ${i}: visits 10 + i % 7, registrations i % 5, deposits i % 3. */
int64_t api_rig_count(const char *type, int64_t i);

/* api_rig_sqlite(f, name): an empty rig on the file ${name}.db of the program's folder.
 * api_rig_postgres(f): on a fresh database of test_pg_start's server. ${f} may not move. */
void api_rig_sqlite(struct api_rig *f, const char *name);
void api_rig_postgres(struct api_rig *f);

/* api_rig_seed(f): migrate f->conf's database and fill it. api_rig_start(f): run the service on it.
 * Both fail the test when they cannot. */
void api_rig_seed(struct api_rig *f);
void api_rig_start(struct api_rig *f);
/* For cmocka's groups: one rig for all tests of a group, seeded, then handed to ${more} (NULL =
 * nothing to add), then started. api_rig_seed_also(more): before the group runs. */
void api_rig_seed_also(void (*more)(struct api_rig *f));
int api_rig_setup_sqlite(void **state);
int api_rig_setup_postgres(void **state);
int api_rig_teardown(void **state);
/* api_rig_close(f): SIGTERM, unless the test stopped the service: it must leave with 0. */
void api_rig_close(struct api_rig *f);
void api_rig_exec(struct api_rig *f, const char *fmt, ...) PX_PRINTF(2, 3);
/* api_rig_progress(f, looked_at, lag): one partition, looked at then, ${lag} events behind. */
void api_rig_progress(struct api_rig *f, const char *looked_at, int lag);

/* api_rig_ask(f, target): GET and parse; free .json. The json_ helpers fail the test on other
 * types. */
struct api_answer api_rig_ask(struct api_rig *f, const char *target);
int64_t json_int_of(const struct px_jnode *n, const char *name);
size_t json_length_of(const struct px_jnode *list);

#endif
