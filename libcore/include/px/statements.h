/* The statements that the services run besides the set-based ones of px/dialect.h: written once,
 * rendered per dialect. Parameters are bound in the order given here. Dates are bound and returned
 * as text 'YYYY-MM-DD', times as int64 microseconds since 1970; ranges of days are inclusive, of
 * instants half-open. Golden files (tests/golden/sql) hold every one as rendered. */
#ifndef PX_STATEMENTS_H
#define PX_STATEMENTS_H

#include <px/dialect.h>

enum px_statement {
    /* -> 1 */
    PX_ST_PING,

    /* --- progress (aggregator) ------------------------------------------------------------------
     */
    /* (log_id, topic) -> partition_id, next_offset, epoch, high_watermark, owner; by partition */
    PX_ST_OFFSETS_LOAD,
    /* rows (log_id, topic, partition_id, first_offset, looked_at): partitions seen for the first
     * time get epoch 0, no owner, next_offset = high_watermark = first_offset; others stay ->
     * partition_id of new ones */
    PX_ST_OFFSETS_SEED,
    /* the same rows -> a ledger row of zeros for new ones -> partition_id of new ones */
    PX_ST_LEDGER_SEED,
    /* rows (log_id, topic, partition_id, owner): issue the next epoch -> partition_id, next_offset,
     * epoch */
    PX_ST_OFFSETS_TAKE,
    /* rows (log_id, topic, partition_id, epoch, high_watermark, looked_at): note that the owner
     * looked; the revision stays -> partition_id of those whose epoch still is the given one */
    PX_ST_OFFSETS_TOUCH,
    /* (topic, log_id) -> every other log_id that has offsets of the topic; sorted */
    PX_ST_LOGS_OTHER,
    /* (log_id, topic, partition_id, from_offset, to_offset, noted_at): once per from_offset */
    PX_ST_GAP_ADD,
    /* (log_id, topic) -> partition_id, first_offset, next_offset, rewound, counted, repeated,
     * duplicate, conflict, excluded, late, erased, dead_lettered, hole, gap; by partition */
    PX_ST_LEDGER_LOAD,

    /* --- settings -------------------------------------------------------------------------------
     */
    PX_ST_SETTING_GET,   /* (name) -> value */
    PX_ST_SETTING_ADD,   /* (name, value): kept as it is when the name exists; read it back */
    PX_ST_SETTING_RAISE, /* (name, value): kept when the stored one is greater, as text */

    /* (name) -> what a batch must know besides its fence: the value of that setting (or NULL), the
     * number of the newest erasure (or NULL) */
    PX_ST_BOUNDS,

    /* --- erasure of players (aggregator) ---------------------------------------------------------
     */
    /* (number) -> number, kid, fingerprint of all behind it, by number */
    PX_ST_ERASURES,
    PX_ST_ERASURES_OPEN, /* -> the same of those that are not finished, by number */
    /* (fingerprint) -> number, kid, asked_at, finished_at (or NULL), receipt (or NULL) */
    PX_ST_ERASURE_GET,
    PX_ST_ERASURE_LOCK, /* (number) -> number: until the end of the transaction nobody else has it
                         */
    /* (kid, fingerprint, asked_at): with the next number, unless the fingerprint is there or
     * somebody else took the number at the same time: read it back. Numbers are committed in
     * order. */
    PX_ST_ERASURE_ADD,
    PX_ST_ERASURE_REOPEN, /* (number) */
    PX_ST_ERASURE_FINISH, /* (receipt, finished_at, number) */
    PX_ST_ERASURE_COUNT,  /* (number, table, rows): that many more */
    PX_ST_ERASURE_COUNTS, /* (number) -> table, rows; by table */
    /* (id, player, n) -> ids of the next n events of the player, behind that id */
    PX_ST_EVENTS_OF_PLAYER,
    /* rows (id), then (metadata, player): nobody's events from now on -> a row for each */
    PX_ST_EVENTS_UNLINK,
    PX_ST_EVENTS_COUNT,   /* (player) -> how many events */
    PX_ST_EVENTS_PLAYERS, /* -> every player_id once */

    /* --- retention (aggregator) ------------------------------------------------------------------
     */
    /* (log_id, topic, partition_id) -> next_offset, once nobody is in the middle of moving it */
    PX_ST_OFFSETS_WAIT,
    PX_ST_RETENTION_SOLE,   /* -> 1: this session is the only one that removes rows; 0: it is not */
    PX_ST_RETENTION_OLDEST, /* -> received_at of the first raw row, day of the first claim; or NULL
                             */
    PX_ST_NOW,              /* -> the database's clock */

    /* --- reconciliation and rebuild (aggregator) ------------------------------------------------
     */
    /* -> log_id, topic, partition_id, next_offset of consumer_offsets (or NULL), the 13 columns of
     * PX_ST_LEDGER_LOAD from first_offset on (or NULL), offsets in ingest_gaps; every partition
     * that either table knows, sorted */
    PX_ST_ACCOUNTS,
    /* -> partition, disposition, rows of events, smallest offset; sorted by partition */
    PX_ST_RAW_COUNTS,
    /* -> earliest and latest event time of events; NULL without events */
    PX_ST_RAW_SPAN,
    /* (from day, to day, from day, to day) -> day, event_type, count of daily_metrics, the sum of
     * event_summary, how many there are; where the two differ, sorted, at most 100 */
    PX_ST_BANNER_SUMS,
    /* the same of event_summary and class_summary */
    PX_ST_CLASS_SUMS,
    /* () revision of every partition grows by one */
    PX_ST_REVISE,
    /* (log_id, topic, partition_id, then first_offset to gap as in PX_ST_LEDGER_LOAD): put the row
     */
    PX_ST_LEDGER_PUT,
    PX_ST_LEDGER_DROP, /* (log_id, topic, partition_id) */

    /* --- queries (metrics API) -------------------------------------------------------------------
     */
    /* -> log_id, topic, partition_id, next_offset, high_watermark, looked_at, max_event_at (or
     * NULL), revision; all logs, sorted by topic, log_id, partition_id */
    PX_ST_FRESHNESS,
    /* (from day, to day) -> day, event_type, count; sorted */
    PX_ST_DAILY,
    /* (from day, to day, event_type) -> day, event_type, count; sorted */
    PX_ST_DAILY_OF_TYPE,
    /* (from day, to day, banner_tag) -> day, event_type, count; sorted */
    PX_ST_DAILY_OF_BANNER,
    /* as PX_ST_DAILY and its two kin -> day, event_type, class of traffic, count; sorted */
    PX_ST_CLASSES,
    PX_ST_CLASSES_OF_TYPE,
    PX_ST_CLASSES_OF_BANNER,
    /* (from day, to day, three times) -> class of traffic, reason, count; sorted. What
     * daily_metrics holds beyond class_summary is unclassified */
    PX_ST_TRAFFIC,
    /* (grain, grain, from, to) -> bucket, event_type, count; sorted. The grain (us, both times the
     * same value) is a multiple of a minute; a bucket is its first instant, counted from 1970 UTC
     */
    PX_ST_SERIES,
    PX_ST_SERIES_OF_TYPE,   /* (grain, grain, from, to, event_type)             */
    PX_ST_SERIES_OF_BANNER, /* (grain, grain, from, to, banner_tag)             */
    /* (rollup, from, to) -> bucket, dim1, dim2, dim3, value; sorted */
    PX_ST_ROLLUP,
};
#define PX_STATEMENTS ((size_t)PX_ST_ROLLUP + 1)

/* px_statement_render(st, d, out): append the SQL of ${st} to ${out}. Threads: pure. */
void px_statement_render(enum px_statement st, const struct px_dialect *d, struct px_buf *out);
/* px_statement_rows(st): columns and types of the px_rows that ${st} takes; NULL = plain
 * parameters. */
const struct px_table_stmt *px_statement_rows(enum px_statement st);
const char *px_statement_name(enum px_statement st); /* "offsets_load" */

#endif
