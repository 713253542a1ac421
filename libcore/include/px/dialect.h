/* Everything that differs between databases, as one row of functions per dialect; statements that
 * do not differ are written once in sql/statements.c (px/statements.h). Rendering is pure; golden
 * files hold the rendered SQL. */
#ifndef PX_DIALECT_H
#define PX_DIALECT_H

#include <px/buf.h>
#include <px/sql.h>

struct px_table_stmt { /* a set-based statement over px_rows */
    const char *table;
    const char *const *columns; /* in the order of the rows' cells */
    const enum px_column *types;
    size_t ncolumns;
    size_t nkeys;                 /* the first nkeys columns are the key */
    const enum px_op *ops;        /* per column behind the key (upsert)  */
    const char *const *returning; /* columns to return (claim, lookup)   */
    size_t nreturning;
};

struct px_dialect;
typedef void px_render_set(const struct px_dialect *d, const struct px_table_stmt *t,
                           struct px_buf *out);

/* Returned columns: a DATE or TIME column that is also among `columns` comes as ISO text or
 * microseconds, every other column as it is stored. Every identifier is quoted. */
struct px_dialect {
    const char *name;
    const char *package;     /* the Debian package of the driver, for the remedy of an error */
    const char *unreachable; /* what to look at when no connection comes about */
    const char *unproven;    /* what has never been tried with this dialect, for people; or NULL */
    bool rows_as_columns;    /* px_rows: one array literal per column instead of one JSON text;
                              * with JSON, dates and times are rendered as text by px_rows already */

    /* Each renders SQL of this dialect, ${d}, whose parameters are exactly those of px_rows_bind
     * from 0 on. */
    /* claim: insert what is new, return the `returning` columns of the rows that were inserted */
    px_render_set *claim;
    /* upsert: insert, or combine by ops; NULL cells leave the stored value alone, and a stored NULL
     * takes the cell. A NULL cell of an ADD column counts 0; in other NOT NULL columns it is
     * refused. Rows with equal keys in one call are refused (PostgreSQL): fold them first, sorted.
     */
    px_render_set *upsert;
    px_render_set
        *upsert_from; /* upsert, behind a "WITH v(...)" that stands in the buffer already */
    /* append: insert, ignore rows whose key exists */
    px_render_set *append;
    /* lookup: select `returning` columns of the rows whose key is among the given ones; only the
     * first nkeys columns of the rows are used */
    px_render_set *lookup;
    /* fence: rows of px_fence_rows(); advances those that match, returns partition_id of each */
    void (*fence)(const struct px_dialect *d, struct px_buf *out);

    /* rows: the rows as a common table expression v("column", ...): "WITH v(...) AS (SELECT ...)"
     */
    void (*rows)(const struct px_table_stmt *t, struct px_buf *out);
    /* Expressions for statements.c: a bound ISO date as this database's date; a stored date, time
     * as ISO text or microseconds */
    /* narrow: no row values, IS DISTINCT FROM, ON CONFLICT, LIMIT or true; MERGE, and the long way
     * round. text_size: where texts that differ in trailing blanks alone compare as equal, the
     * function that tells them apart; else NULL. own: statements that are worded otherwise, by enum
     * px_statement, NULL = as all; or NULL. */
    bool narrow;
    const char *text_size;
    const char *const *own;
    const char *dml;                                           /* before INSERT, UPDATE, DELETE   */
    const char *text_value;                                    /* a bound text                    */
    const char *null_time;                                     /* NULL where a time is expected   */
    const char *empty_text;                                    /* '', comparable with columns     */
    const char *date_param;                                    /* "CAST(? AS date)"               */
    void (*date_text)(struct px_buf *out, const char *column); /* -> 'YYYY-MM-DD'                 */
    void (*time_us)(struct px_buf *out, const char *column);   /* -> int64 us                     */
    void (*time_param)(struct px_buf *out);                    /* int64 us -> time                */
    /* bucket: a stored time rounded down to a multiple of ${width} since 1970, as a stored time */
    void (*bucket)(struct px_buf *out, const char *column, px_us width);
    const char *int_param, *text_param; /* a key to compare with: as plain as its type allows */
    const char *uuid_param;             /* text of 36 characters -> id     */
    const char *row_lock; /* behind a SELECT: its rows wait for, and then keep out, other writers */
    const char *sole;     /* 1 when no other session runs retention: until this one ends, else 0  */
    /* The smaller or greater of a stored and a given value, where NULL gives way to the other. */
    void (*pick)(struct px_buf *out, enum px_op op, const char *stored, const char *given);

    /* connection: what to append to the connection string, session statements, driver check */
    const char
        *rewrites; /* a keyword of the user's string that connect_string writes anew, or NULL */
    void (*connect_string)(const struct px_sql_conf *c, enum px_sql_use use, struct px_buf *out);
    enum px_code (*session)(struct px_sql *s, const struct px_sql_conf *c, enum px_sql_use use,
                            struct px_err *reterr);
    const char *driver_hint; /* part of SQL_DBMS_NAME that must match: "SQLite", "PostgreSQL" */
    /* Statements that start a transaction; COMMIT and ROLLBACK then end it. NULL = the driver's own
     * transaction control; the session decides what a transaction of its use is. */
    const char *begin_write, *begin_read;
    const char *rollback; /* with them, unless it must be said otherwise: ROLLBACK */
    /* wide: text is bound as the wide type. column_bytes: room for a column at first; 0 = little,
     * longer values are read again. drains: errors come behind rows, so results are read to their
     * end, never cut off. */
    bool wide, drains;
    size_t column_bytes;

    /* patient: what readies a session for statements over whole tables: no statement timeout,
     * sorting on disk instead of in memory. */
    const char *patient;
    /* lock_progress: inside a transaction, keep every other writer of consumer_offsets out until
     * its end; NULL = begin_write does that. */
    const char *lock_progress;

    /* classify: SQLSTATE and native code -> px_code (PX_SQL, _RETRY, _LOST, _DATA, PX_DENIED,
     * PX_CONFIG, PX_TIMEOUT, PX_SCHEMA) */
    enum px_code (*classify)(const char sqlstate[6], int native, const char *message);
    /* refused: a COMMIT that failed like this certainly stored nothing */
    bool (*refused)(const char sqlstate[6], int native);
    /* migrate: take and release the lock that keeps two migrators apart for the whole run; NULL =
     * none is needed */
    enum px_code (*migrate_lock)(struct px_sql *s, bool take, struct px_err *reterr);

    /* What the database says about itself; queries that fail for nobody. columns_of: (table) ->
     * its column names, none when there is no such table. columns: () -> table, column; all base
     * tables of the schema, sorted. */
    const char *columns_of, *columns;
    /* The runner's own book: make it unless it is there; give it runs_with_from; note a file
     * (version, name, checksum, duration, runs_with_from). */
    const char *book_make, *book_extend, *book_note;
    /* NULL where there are no accounts. account: () -> name, and as 0 or 1: superuser, has no
     * schema, may make roles, databases, replicates, passes row security, may create tables,
     * schemas. rights: () -> table, for each of the PX_RIGHTS of px/rights.h 0, 1 (some
     * columns) or 2 (the table), acts as its owner (0 or 1); hides: a table without any right does
     * not show. join, join_to: around role and account, what makes the one a member of the other.
     */
    const char *account, *rights;
    bool hides;
    const char *join, *join_to;
    /* tls: () -> encrypted (0 or 1), version, cipher of this connection; NULL without a network.
     * tls_asked: where the server does not tell, what the connection string demands. */
    const char *tls;
    void (*tls_asked)(const struct px_sql_conf *c, bool *ret_warn, char *ret_text, size_t cap);
    /* durable: () -> setting as text, 1 when acknowledged commits can be lost by it, what mends it;
     * of the connection that asks. NULL where the database cannot be asked */
    const char *durable;
    /* Both may be NULL. connectable: is the way of connecting acceptable? PX_CONFIG when not.
     * explain: what a refused connection means, by the driver's message; PX_OK = nothing to add. */
    enum px_code (*connectable)(const struct px_sql_conf *c, struct px_err *reterr);
    enum px_code (*explain)(const struct px_sql_conf *c, const char *message,
                            struct px_err *reterr);
    /* absent (may be NULL): the database is a file that is not there yet */
    bool (*absent)(const struct px_sql_conf *c);
};

/* px_fence_rows(): the rows that a fence takes, sorted by key: log_id, topic, partition_id, lo, hi,
 * epoch, high_watermark, looked_at, max_event_at (may be NULL; the stored one never goes back).
 * Advances next_offset from lo to hi where the epoch is still the given one; revision grows by one.
 */
const struct px_table_stmt *px_fence_rows(void);

const struct px_dialect *px_dialect_get(size_t i); /* NULL behind the last; index of Sql:Dialect */
const struct px_dialect *px_dialect_find(struct px_str name);

#endif
