/* px-ledger: an independent check of a whole run: what clients were told, what the log holds, what
 * SQL holds, what the API answers. Reads only. docs/LEDGER.md is its manual. */
#ifndef LEDGER_H
#define LEDGER_H

#include "ledger_rules.h"

#include <px/buf.h>
#include <px/catalog.h>
#include <px/sql.h>

enum lg_class {
#define LG_CLASS(name, text, way, says) LG_##name,
#include "ledger_classes.def"
#undef LG_CLASS
    LG_CLASSES
};

#define LG_MAX_BOOKS 64
struct lg_conf {
    const char *kafka, *kafka_config, *topic, *dlq, *log_id, *schemas;
    const char *dialect, *sql, *password_file, *erasure_keys;
    const char *api, *json;
    const char *books[LG_MAX_BOOKS];
    size_t nbooks;
    int64_t expect_dead; /* -1 = not said */
    px_us wait;
    uint32_t event_schema, letter_schema; /* ids of the messages */
    bool rejects_exact, no_raw, live, verbose;
};

/* --- the book: one request -------------------------------------------------------------------- */
enum lg_answer {
    LG_ANSWER_MAYBE,
    LG_ANSWER_OK,
    LG_ANSWER_NO
};
struct lg_request {
    int64_t n;
    px_us sent, ended, received; /* ended 0 = no outcome; received 0 = none said */
    struct px_uuid id;
    uint32_t want, type, player, banner, eid, code; /* texts; want 0 = ok, code 0 = none */
    uint32_t line, end_line;                        /* of the intent, of the outcome     */
    int16_t status;
    uint8_t book;
    uint8_t answer; /* enum lg_answer */
    bool has_id;
};
struct lg_book {
    const char *file;
    struct px_str prefix;
    size_t told; /* bytes that it had before the log was read: answers behind them are left out */
};

/* How many bytes of a record an oversized letter keeps. */
#define LG_EXCERPT 4096
/* --- dead letters ----------------------------------------------------------------------------- */
struct lg_letter {
    int64_t offset, at_offset; /* origin; where it stands itself */
    int32_t partition, at_partition;
    uint32_t reason, topic; /* texts; topic 0 = a refused request */
    uint32_t length;        /* of the payload */
    bool of_book;           /* its payload names a book's prefix */
    uint64_t content;       /* hash of the payload */
    uint64_t event;         /* when the payload is an event: hash of its attributes, */
    struct px_uuid id;      /* and its id                                            */
};

/* --- partitions ------------------------------------------------------------------------------- */
enum { /* columns of partition_ledger behind next_offset, in the table's order */
    LG_COL_REWOUND,
    LG_COL_COUNTED,
    LG_COL_REPEATED,
    LG_COL_DUPLICATE,
    LG_COL_CONFLICT,
    LG_COL_EXCLUDED,
    LG_COL_LATE,
    LG_COL_ERASED,
    LG_COL_DEAD,
    LG_COL_HOLE,
    LG_COL_GAP,
    LG_COLUMNS
};
struct lg_part {
    int64_t low, high, records;       /* of the log */
    int64_t next, first, ledger_next; /* of SQL */
    int64_t column[LG_COLUMNS];       /* of SQL */
    bool has_offset, has_ledger;
};
struct lg_range { /* offsets of SQL that this log cannot show or that were given up */
    int32_t partition;
    int64_t from, to;
};
struct lg_other { /* another log or topic, as SQL remembers it */
    int32_t partition;
    int64_t first, next, events, rewound, rows; /* events = of its ledger; rows = found */
};

struct lg_witness {
    char *text; /* owned */
    struct px_uuid id;
    int32_t partition; /* -1 = no position */
    int64_t offset;
    int64_t request; /* place, -1 = none */
    bool has_id;
};
#define LG_WITNESSES 20
struct lg_finding {
    int64_t n;
    struct lg_witness v[LG_WITNESSES];
};

struct ledger {
    struct lg_conf conf;
    struct lg_texts texts;
    struct px_catalog *catalog;
    struct px_zone *zone;
    char log_id[128];

    struct lg_vec events;   /* struct lg_event: the log's, then foreign ones of SQL */
    struct lg_table ids;    /* event id -> want = place of the first, got = how often in the log */
    struct lg_table copies; /* of ids in the log more than once: (id, partition) -> want = place of
                               the first there */
    int64_t ncopies;        /* records whose event id another one had before */
    struct lg_table places; /* (partition, offset) -> want = place in events */
    struct lg_part *parts;
    size_t nparts;
    struct lg_vec letters; /* struct lg_letter */
    struct lg_table
        by_letter;     /* (partition, offset) of this topic -> want = place, got = how many */
    int64_t *dlq_next; /* by partition: read up to */
    size_t ndlq;
    bool dlq_found;
    int64_t dead_valid; /* records that today's rules accept, dead by their letters */

    struct px_sql *db;
    struct lg_kept kept;              /* what px_settings says about retention */
    struct lg_vec gaps, others, cuts; /* struct lg_range, lg_other, lg_range */
    int64_t sql_rows, foreign, foreign_missing, unseen, removed;
    struct lg_sums sums;
    struct lg_event **order; /* those that take part, as lg_decide sorted them */
    size_t norder;

    struct lg_book books[LG_MAX_BOOKS];
    struct lg_vec requests;    /* struct lg_request */
    struct lg_table by_answer; /* event id -> want = place of the request */

    struct lg_finding findings[LG_CLASSES];
    struct lg_vec notes; /* char * */
    struct px_buf facts; /* one line per way */
};

/* --- reading; errors end the run with 69, 64 or 65 -------------------------------------------- */
/* lg_books_open: before the log is read; lg_books_read: after it, so that no record of the log is
 * there before its intent. */
PX_MUST_USE enum px_code lg_books_open(struct ledger *l, struct px_err *reterr);
PX_MUST_USE enum px_code lg_books_read(struct ledger *l, struct px_err *reterr);
/* lg_log_ends: partitions with their ends, and the log's id. lg_log_read: all records, decoded, and
 * the dead letters. */
PX_MUST_USE enum px_code lg_log_ends(struct ledger *l, struct px_err *reterr);
PX_MUST_USE enum px_code lg_log_read(struct ledger *l, struct px_err *reterr);
/* lg_log_more: what was written and applied since then, so that a snapshot of SQL that was taken
 * later still meets its records. */
PX_MUST_USE enum px_code lg_log_more(struct ledger *l, struct px_err *reterr);
PX_MUST_USE enum px_code lg_sql_open(struct ledger *l, struct px_err *reterr);
/* lg_sql_progress: consumer_offsets alone, in a transaction of its own. */
PX_MUST_USE enum px_code lg_sql_progress(struct ledger *l, struct px_err *reterr);
/* lg_sql_offsets: consumer_offsets, partition_ledger, ingest_gaps, other logs, the zone. */
PX_MUST_USE enum px_code lg_sql_offsets(struct ledger *l, struct px_err *reterr);
/* lg_sql_erased: which events are of erased players. lg_sql_rows: the table events against the log
 * (way 2 but for dispositions); foreign rows become events. */
PX_MUST_USE enum px_code lg_sql_erased(struct ledger *l, struct px_err *reterr);
PX_MUST_USE enum px_code lg_sql_rows(struct ledger *l, struct px_err *reterr);
PX_MUST_USE enum px_code lg_wait(struct ledger *l, struct px_err *reterr);
void lg_progress(const struct ledger *l, const char *format, ...) PX_PRINTF(2, 3);

/* --- the ways -----------------------------------------------------------------------------------
 */
void lg_way_book(struct ledger *l);
void lg_way_dispositions(struct ledger *l);
PX_MUST_USE enum px_code lg_way_sums(struct ledger *l, struct px_err *reterr);
void lg_way_offsets(struct ledger *l);
void lg_way_letters(struct ledger *l);
/* lg_letters_apply(l): records that were dead by their letters, though the rules accept them today:
 * SQL refused them, or the catalog did not know their type. Before the ways. */
void lg_letters_apply(struct ledger *l);
PX_MUST_USE enum px_code lg_way_api(struct ledger *l, struct px_err *reterr);

/* --- lookups ------------------------------------------------------------------------------------
 */
struct lg_key lg_id_key(const struct px_uuid *id);
struct lg_key lg_copy_key(const struct px_uuid *id, int32_t partition); /* of ledger.copies */
struct lg_event *lg_event_of(const struct ledger *l, const struct px_uuid *id); /* or NULL */
struct lg_event *lg_event_at(const struct ledger *l, int32_t partition, int64_t offset);
static inline struct lg_event *lg_event_no(const struct ledger *l, size_t i) {
    return lg_vec_at(&l->events, i);
}
uint64_t lg_hash(struct px_str s);

#endif
