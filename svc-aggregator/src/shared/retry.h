/* What to do after a failed transaction, by the class of its error. Pure: the caller waits,
 * reconnects and counts. The only place that decides about retries. */
#ifndef AGG_RETRY_H
#define AGG_RETRY_H

#include <px/err.h>

/* X-rows: enumerator, metric label, what it does and what is left to a person. */
#define AGG_RETRY_CLASSES(X)                                                                       \
    X(AGAIN, "again",                                                                              \
      "runs again by itself; if it repeats, look for the session that holds the locks")            \
    X(RECONNECT, "reconnect",                                                                      \
      "connects again and reads the offsets back by itself; if it repeats, look at the database")  \
    X(SPLIT, "split", "a row is refused: the batch is halved until it is found")                   \
    X(DEAD_LETTER, "dead_letter",                                                                  \
      "this record becomes a dead letter; see the constraint or trigger that refuses it")          \
    X(REJOIN, "rejoin", "another owner moved on: joins the group again by itself")                 \
    X(STOP, "stop", "no retry can help: the program ends; mend what the error names")

enum agg_retry {
#define AGG_X(name, label, text) AGG_##name,
    AGG_RETRY_CLASSES(AGG_X)
#undef AGG_X
};
#define AGG_X(name, label, text) +1
enum {
    AGG_RETRY_COUNT = 0 AGG_RETRY_CLASSES(AGG_X)
};
#undef AGG_X

#define AGG_AGAIN_MAX 5 /* then the refusal is taken for an outage */

/* agg_retry_decide(err, attempt, items): ${attempt} counts AGAIN answers in a row for this slice,
 * ${items} are the records of the slice. Threads: pure. */
enum agg_retry agg_retry_decide(const struct px_err *err, unsigned attempt, size_t items);
const char *agg_retry_name(enum agg_retry r);
const char *agg_retry_remedy(enum agg_retry r); /* for the log: what happens, what to do */

/* agg_retry_pause(attempt, random): 100 ms, doubled per attempt, at most 5 s, of which the upper
 * half is drawn from ${random} so that several processes do not come back in step. Threads: pure.
 */
px_us agg_retry_pause(unsigned attempt, uint64_t random);

#endif
