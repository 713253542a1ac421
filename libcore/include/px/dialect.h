/* Everything that differs between databases, as one row of functions per dialect; statements that do not
 * differ are ANSI text in sql/statements.c. Rendering is pure; golden files hold the rendered SQL. */
#ifndef PX_DIALECT_H
#define PX_DIALECT_H

#include <px/buf.h>
#include <px/sql.h>

struct px_table_stmt { /* a set-based statement over px_rows */
    const char *table;
    const char *const *columns; /* in the order of the rows' cells */
    const enum px_column *types;
    size_t ncolumns;
    size_t nkeys;                  /* the first nkeys columns are the key */
    const enum px_op *ops;         /* per column behind the key (upsert)  */
    const char *const *returning;  /* columns to return (claim)           */
    size_t nreturning;
};

struct px_dialect {
    const char *name;
    bool rows_as_columns; /* px_rows: one array literal per column instead of one JSON text */

    /* Each renders SQL whose parameters are exactly those of px_rows_bind from 0 on. */
    /* claim: insert what is new, return the keys that were inserted */
    void (*claim)(const struct px_table_stmt *t, struct px_buf *out);
    /* upsert: insert, or combine by ops; NULL cells leave the stored value alone */
    void (*upsert)(const struct px_table_stmt *t, struct px_buf *out);
    /* append: insert, ignore rows whose key exists */
    void (*append)(const struct px_table_stmt *t, struct px_buf *out);
    /* lookup: select `returning` columns of the rows whose key is among the given ones */
    void (*lookup)(const struct px_table_stmt *t, struct px_buf *out);
    /* fence: columns (partition_id, lo, hi, epoch); advances those that match, returns partition_id */
    void (*fence)(struct px_buf *out);

    /* expressions for statements.c: a bound ISO date as this database's date; a stored date, time as ISO
     * text or microseconds */
    const char *date_param;                                      /* "CAST(? AS date)" */
    void (*date_text)(struct px_buf *out, const char *column);   /* -> 'YYYY-MM-DD'   */
    void (*time_us)(struct px_buf *out, const char *column);     /* -> int64 us       */
    void (*time_param)(struct px_buf *out);                      /* int64 us -> time  */

    /* connection: what to append to the connection string, session statements, driver check */
    void (*connect_string)(const struct px_sql_conf *c, enum px_sql_use use, struct px_buf *out);
    enum px_code (*session)(struct px_sql *s, const struct px_sql_conf *c, enum px_sql_use use, struct px_err *reterr);
    const char *driver_hint; /* part of SQL_DBMS_NAME that must match: "SQLite", "PostgreSQL" */
    const char *begin_read;  /* statement that starts a read snapshot, NULL = plain transaction */

    /* classify: SQLSTATE and native code -> px_code (PX_SQL, _RETRY, _LOST, _DATA, PX_DENIED ...) */
    enum px_code (*classify)(const char sqlstate[6], int native, const char *message);
    /* migrate: take and release the lock that keeps two migrators apart */
    enum px_code (*migrate_lock)(struct px_sql *s, bool take, struct px_err *reterr);
};

const struct px_dialect *px_dialect_get(size_t i); /* NULL behind the last; index of Sql:Dialect */
const struct px_dialect *px_dialect_find(struct px_str name);

#endif
