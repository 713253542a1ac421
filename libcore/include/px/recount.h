/* Aggregations computed again from the raw rows of `events`, by the database, and compared with
 * what is stored. Nothing of the rows comes to the program but sums and what differs.
 *
 * A statement works on a window: the rows of one or more days, or (a key without day and bucket)
 * all rows of the table. What a raw row moves is read from its disposition: a repeat that carries a
 * client event id won the claim on it, because one that lost would be a duplicate or a conflict. So
 * the columns of `events` say what px_fold knew. Rendering is pure; golden files hold examples. */
#ifndef PX_RECOUNT_H
#define PX_RECOUNT_H

#include <px/dialect.h>

#define PX_RECOUNT_KEYS     6
#define PX_RECOUNT_MEASURES 8

enum px_recount_from {   /* where a key column comes from                      */
    PX_RECOUNT_DAY,      /* the day of the window                              */
    PX_RECOUNT_BUCKET,   /* the event time, rounded down                       */
    PX_RECOUNT_COLUMN,   /* a text column of `events`                          */
    PX_RECOUNT_NAME,     /* the aggregation's name: its rows share their table */
    PX_RECOUNT_CONSTANT, /* ''                                                 */
};
struct px_recount_key {
    const char *column;
    enum px_recount_from from;
    const char *of;   /* COLUMN: its name in `events` */
    const char *none; /* COLUMN: what stands for NULL there; NULL = it is never NULL */
};
struct px_recount_measure {
    const char *column;
    enum px_op op;
    bool of_time; /* min or max of the event time; else it counts */
    enum px_on on;
    const char *when; /* an event type; NULL = all */
};
/* Borrows every text. */
struct px_recount {
    const char *name, *table;
    px_us bucket;
    struct px_recount_key keys[PX_RECOUNT_KEYS];
    size_t nkeys;
    struct px_recount_measure measures[PX_RECOUNT_MEASURES];
    size_t nmeasures;
    int since; /* the measure that says when a key was first seen (min of time, on accepted); -1 =
                  there is none */
};

/* What a statement looks at. ${first} to ${last} are the days of the stored rows (a DAY key),
 * [lo, hi) the instants of the raw rows and of the stored buckets. Several days only where there
 * are no raw rows. */
struct px_window {
    px_day first, last;
    px_us lo, hi;
    px_us since_lo, since_hi; /* by_since: rows whose `since` is stored in [since_lo, since_hi) */
};

enum px_recount_what {
    /* -> rows stored, rows computed, rows that differ in a value, rows that are missing, rows that
     * are too many; then two columns per measure, the sums of a count as stored and as computed
     * (NULL otherwise) */
    PX_RECOUNT_TALLY,
    /* -> per row that differs: 1 = it is stored, 1 = it is computed, the key (days as text, times
     * as microseconds), then each measure as stored and as computed. In the order of the key, at
     * most shape.limit rows. */
    PX_RECOUNT_ROWS,
    PX_RECOUNT_REMOVE, /* delete what is too many */
    PX_RECOUNT_STORE,  /* insert what is missing, correct what differs */
};
struct px_recount_shape {
    enum px_recount_what what;
    bool all_time; /* raw rows of every time: w->lo and w->hi say nothing (no key has a bucket) */
    bool by_since; /* needs r->since */
    bool partial;  /* ROWS, STORE: the raw rows of a key may not reach back to its first event:
                      correct stored rows, insert none */
    bool given;    /* only the keys of px_recount_keys() rows, bound from parameter 0 on; every key
                      is then a COLUMN */
    unsigned limit;
};

#define PX_RECOUNT_PARAMS 32
struct px_recount_text {
    struct px_buf sql;
    uint8_t params[PX_RECOUNT_PARAMS]; /* private: what each parameter is, in order */
    size_t nparams;
    unsigned first;             /* parameters of the given rows before them */
    char days[2][16];           /* private: bound text                      */
    const struct px_recount *r; /* kept */
};
void px_recount_init(struct px_recount_text *t);
void px_recount_fini(struct px_recount_text *t);
/* px_recount_render(t, r, shape, d): the statement, in t->sql. Threads: pure. */
void px_recount_render(struct px_recount_text *t, const struct px_recount *r,
                       const struct px_recount_shape *shape, const struct px_dialect *d);
/* px_recount_bind(t, w, st, reterr): everything but given rows; ${t} stays until it has run. */
PX_MUST_USE enum px_code px_recount_bind(struct px_recount_text *t, const struct px_window *w,
                                         struct px_stmt *st, struct px_err *reterr);
/* px_recount_keys(r, columns, ret): the key of ${r} as rows; ${columns} has PX_RECOUNT_KEYS places
 * that must outlive ${ret}. */
void px_recount_keys(const struct px_recount *r, const char **columns, struct px_table_stmt *ret);

#endif
