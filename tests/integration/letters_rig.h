/* A log with events of two types that the catalog does not know, its dead letters, and the real
 * svc-aggregator with --dlq on a database of its own. */
#ifndef LETTERS_RIG_H
#define LETTERS_RIG_H

#include "service_rig.h"

#include <px/event_avro.h>

#define LETTERS_GOOD    40
#define LETTERS_UNKNOWN 300 /* more than one chunk of a replay */
#define LETTERS_NOON    (INT64_C(20000) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR)
#define LETTERS_SECRET  "player-of-unknown" /* stands in every player id */

struct letters_rig {
    struct log_rig log;
    struct service_rig s;
    struct px_topic *dlq;
    char *out;
    int status;
};

int letters_setup(void **state); /* *state: its struct letters_rig, on rig_dialect() */
int letters_teardown(void **state);

/* letters_run(f, bin, argument..., NULL): one run; its output is in f->out, its status in
 * f->status. LETTERS_RUN: of the program under test. LETTERS_OK: it must end with 0. */
int letters_run(struct letters_rig *f, const char *bin, ...);
#define LETTERS_RUN(f, ...) letters_run((f), proc_bin("svc-aggregator"), __VA_ARGS__, NULL)
#define LETTERS_OK(f, ...)                                                                         \
    do {                                                                                           \
        if (LETTERS_RUN(f, __VA_ARGS__) != 0) {                                                    \
            fail_msg("ended with %d: %s", (f)->status, (f)->out);                                  \
        }                                                                                          \
    } while (0)

/* letters_say, letters_say_not: the output must (not) hold ${text}. letters_count: how often it
 * does. letters_row: the number of a row of a summary, "replayed     12 ..."; -1 = there is none.
 */
void letters_say(const struct letters_rig *f, const char *text);
void letters_say_not(const struct letters_rig *f, const char *text);
int letters_count(const struct letters_rig *f, const char *text);
long letters_row(const struct letters_rig *f, const char *name);
int64_t letters_ask(const struct letters_rig *f, const char *query); /* one number of SQL */

/* letters_fill_log: good visits, events of unknown types that are known again in each of three
 * ways, and one record of text. letters_apply_once: --once, so that their letters are there. */
void letters_fill_log(struct letters_rig *f);
void letters_apply_once(struct letters_rig *f);
/* letters_put: one record of the dead-letter topic. letters_put_all: what the aggregator would
 * write of the unknown ones. letters_put_strange: what others may leave there. letters_one: a
 * letter to begin with. */
void letters_put(struct letters_rig *f, struct px_str bytes);
void letters_put_all(struct letters_rig *f);
void letters_put_strange(struct letters_rig *f);
struct px_dead_letter letters_one(void);
/* letters_mend_catalog: from the next start on the two types are known. */
void letters_mend_catalog(struct letters_rig *f);

#endif
