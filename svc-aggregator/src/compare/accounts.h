/* The accounts of the partitions, read back: consumer_offsets, partition_ledger, ingest_gaps and
 * the rows of `events`, side by side, and what follows from them. Loading reads; judging is pure.
 */
#ifndef AGG_ACCOUNTS_H
#define AGG_ACCOUNTS_H

#include "report.h"

#include <px/arena.h>
#include <px/dedupe.h>
#include <px/sql.h>

/* Columns of partition_ledger from first_offset on. */
enum agg_book {
    AGG_BOOK_FIRST,
    AGG_BOOK_NEXT,
    AGG_BOOK_REWOUND,
    AGG_BOOK_COUNTED, /* PX_DISPOSITIONS of them, in the order of the table */
    AGG_BOOK_DEAD = AGG_BOOK_COUNTED + PX_DISPOSITIONS - 1,
    AGG_BOOK_HOLE,
    AGG_BOOK_GAP,
};
#define AGG_BOOK_COLUMNS ((size_t)AGG_BOOK_GAP + 1)
extern const char *const agg_book_names[AGG_BOOK_COLUMNS];

struct agg_account { /* of a partition of a log */
    struct px_str log_id, topic;
    int32_t partition;
    bool has_offset, has_book;
    int64_t next_offset;            /* of consumer_offsets               */
    int64_t book[AGG_BOOK_COLUMNS]; /* of partition_ledger               */
    int64_t recorded;               /* offsets in ingest_gaps            */
    /* rows of events; they do not say which log they are from, so they belong to a partition only
     * where its number occurs once */
    bool alone;
    int64_t raw[PX_DISPOSITIONS];
    int64_t raw_first; /* smallest offset; -1 = no rows */
};

struct agg_raw_count { /* rows of events of a partition number, over all logs */
    int64_t partition;
    int64_t rows[PX_DISPOSITIONS];
    int64_t first;
};
struct agg_accounts {
    struct px_arena arena;
    struct agg_account *v;
    size_t n;
    struct agg_raw_count *raw;
    size_t nraw;
};
/* agg_accounts_load(s, ret, reterr): read them, in the caller's transaction. Free with
 * agg_accounts_fini. Errors: PX_SQL*, PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_accounts_load(struct px_sql *s, struct agg_accounts *ret,
                                           struct px_err *reterr);
void agg_accounts_fini(struct agg_accounts *a);

enum agg_verdict {
    AGG_SOUND,
    AGG_PROVEN,  /* wrong, and the raw rows prove what is right */
    AGG_UNPROVEN /* wrong, and nothing in SQL tells what is right */
};
/* agg_account_judge(a, ret): ${ret} is the account as it must be (PROVEN; has_book false: the row
 * must go). Raw rows must be complete from the beginning for a proof by them: ${raw_whole}.
 * Threads: pure. */
enum agg_verdict agg_account_judge(const struct agg_account *a, bool raw_whole,
                                   struct agg_account *ret);
/* agg_account_holds(a): the accounting identity, and the same offset in both tables. */
bool agg_account_holds(const struct agg_account *a);

/* agg_accounts_missing(a, raw_whole): counted events without a raw row, over the partitions whose
 * account holds or is PROVEN. 0 = raw rows are complete, as far as counts can tell. */
int64_t agg_accounts_missing(const struct agg_accounts *a, bool raw_whole);

/* agg_accounts_copies(a): repeats and duplicates in the ledger that have no raw row: copies of a
 * record under one event id, which `events` holds once, or rows that are gone. */
int64_t agg_accounts_copies(const struct agg_accounts *a);

/* agg_accounts_doubtful(a, raw_whole): an account is UNPROVEN. */
bool agg_accounts_doubtful(const struct agg_accounts *a, bool raw_whole);

/* agg_accounts_report(a, raw_whole, report): the checks "partition_ledger" and "raw", with the rows
 * that differ. */
void agg_accounts_report(const struct agg_accounts *a, bool raw_whole, struct agg_report *report);

#endif
