/* What --reconcile and --rebuild say: one line per check with its numbers, one per row that
 * differs, for people or as JSON lines. Collected first and printed at the end, because a reader
 * that is slow must not hold a transaction open. */
#ifndef AGG_REPORT_H
#define AGG_REPORT_H

#include <px/buf.h>

#define AGG_REPORT_ROWS  100 /* differing rows that are named, of all checks together */
#define AGG_REPORT_CELLS 24  /* of one row */

struct agg_fact {
    const char *name;
    int64_t v;
};
enum agg_cell_kind {
    AGG_CELL_NULL,
    AGG_CELL_INT,
    AGG_CELL_TIME,
    AGG_CELL_TEXT
};
struct agg_cell {
    enum agg_cell_kind kind;
    int64_t i;
    struct px_str s;
};
struct agg_named_cell {
    const char *name;
    struct agg_cell v;
};
struct agg_two_cells {
    const char *name;
    struct agg_cell stored, computed;
};
/* A row that differs. Borrows everything. */
struct agg_difference {
    const char *check; /* id of the check */
    const char *table;
    bool stored, computed; /* false: the row is missing, or too many */
    struct agg_named_cell key[AGG_REPORT_CELLS];
    size_t nkeys;
    struct agg_two_cells values[AGG_REPORT_CELLS]; /* those that are equal are left out */
    size_t nvalues;
};

struct agg_report {
    struct px_buf out;
    bool json;
    const char *command; /* "reconcile" */
    size_t shown;
    int64_t differences; /* rows, named or not */
};
void agg_report_init(struct agg_report *r, const char *command, bool json);
void agg_report_fini(struct agg_report *r);

/* agg_report_check(r, id, ok, facts, n): the line of a check. */
void agg_report_check(struct agg_report *r, const char *id, bool ok, const struct agg_fact *facts,
                      size_t n);
/* agg_report_unchecked(r, id, days, why): what was not compared; ${days} is NULL or first and last
 * day. */
void agg_report_unchecked(struct agg_report *r, const char *id, const px_day days[2],
                          const char *why);
/* agg_report_room(r): how many more rows are named. */
unsigned agg_report_room(const struct agg_report *r);
/* agg_report_difference(r, d): name a row; not one more than AGG_REPORT_ROWS. Counts nothing: the
 * caller adds to r->differences what it found, named or not. */
void agg_report_difference(struct agg_report *r, const struct agg_difference *d);
/* agg_report_end(r, text, n): the last line, "reconcile: exact"; ${n} is its number in JSON. */
void agg_report_end(struct agg_report *r, const char *result, const char *text, int64_t n);
/* agg_report_print(r, reterr): everything to stdout. Errors: PX_IO, PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code agg_report_print(struct agg_report *r, struct px_err *reterr);

#endif
