/* Replaying dead letters: those whose record today's catalog accepts are written to the event topic
 * again, the same key and bytes, so that they go through fence, claims and ledger like every other
 * record. Applies nothing itself: SQL only remembers what was written. docs/DEAD-LETTERS.md says
 * what follows for whom, docs/adr/0016-dead-letters-go-through-the-log.md why. */
#ifndef AGG_REPLAY_H
#define AGG_REPLAY_H

#include "letters.h"
#include "schemas.h"

#include <px/catalog.h>
#include <px/clock.h>
#include <px/sql.h>
#include <px/validate.h>
#include <px/zone.h>

/* What becomes of one letter. */
enum agg_outcome {
    AGG_FIXED,            /* accepted today: written (or, in a dry run, would be)   */
    AGG_STILL_BAD,        /* refused today as well; agg_replayed.reason says why    */
    AGG_ALREADY_COUNTED,  /* the table events holds an event of this id            */
    AGG_ALREADY_REPLAYED, /* an earlier replay wrote it                           */
    AGG_TOO_OLD,          /* its day's claims may be gone: it would be late, and not count */
    AGG_NOT_ASKED,        /* SQL refused it: only written when asked for by name    */
    AGG_CUT,              /* only the beginning of its bytes is kept                */
    AGG_OF_REQUEST,       /* never got into the log; its sender was told            */
    AGG_OTHER_TOPIC,      /* of another topic's log, or not of a record at all      */
    AGG_OF_ERASED,        /* its player was erased: it would not count              */
    AGG_LEFT,             /* the log did not take it before the run had to end      */
};
#define AGG_OUTCOMES ((size_t)AGG_LEFT + 1)
const char *agg_outcome_name(enum agg_outcome o); /* "still_bad" */

struct agg_replay_counts {
    int64_t of[AGG_OUTCOMES];
    int64_t still_bad[PX_REASON_COUNT]; /* by the reason now */
    int64_t unreadable, copies;         /* no letters at all; letters of an origin told of twice */
};

/* One judged letter; of the last six outcomes only the counts are told. */
struct agg_replayed {
    const struct agg_letter *letter;
    enum agg_outcome outcome;
    enum px_reason reason; /* STILL_BAD: why today */
    int32_t to_partition;  /* FIXED, not dry: where the copy stands */
    int64_t to_offset;
};

struct agg_replay_conf {
    const struct px_kafka_conf *kafka; /* all kept */
    const struct px_sql_conf *sql;
    const struct px_catalog *catalog;
    const struct px_zone *zone;
    const struct agg_redact *redact; /* NULL = nobody is erased */
    struct agg_schemas *schemas;     /* started; NULL = fixed ids */
    const struct px_clock *clock;
    const char *topic, *dlq, *client_id;
    struct px_str log_id; /* of letters that do not name theirs */
    struct agg_letter_filter filter;
    int64_t limit; /* most letters that are written; 0 = all */
    bool dry;
    px_us timeout;           /* longest wait for a delivery */
    size_t max_n, max_bytes; /* letters held at once; 0 = as is good */
    void (*tell)(void *arg, const struct agg_replayed *r); /* may be NULL */
    void *arg;
};

/* agg_replay(conf, ret, reterr): go through all letters that match, by partition and offset of
 * their origin. ${ret} is right also when it ends early; what was written by then is remembered, so
 * that the next call goes on behind it. Errors: those of Kafka and SQL. */
PX_MUST_USE enum px_code agg_replay(const struct agg_replay_conf *conf,
                                    struct agg_replay_counts *ret, struct px_err *reterr);

#endif
