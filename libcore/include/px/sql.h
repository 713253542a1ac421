/* SQL over ODBC: one connection per thread, prepared statements, one transaction guard that
 * believes no driver. Nothing of ODBC is visible here.
 *
 * Measured: drivers report success for commits that did not happen (a failed statement before, a
 * dead backend, a second COMMIT). So a transaction here is committed if and only if COMMIT
 * succeeded, no statement of the transaction had failed, and the connection is still alive
 * afterwards. */
#ifndef PX_SQL_H
#define PX_SQL_H

#include <px/buf.h>
#include <px/column.h>
#include <px/err.h>
#include <px/str.h>

struct px_sql_conf {
#include <px/option_fields.h>
#include <px/options_sql.def>
#include <px/option_end.h>
};

enum px_sql_tls { /* Sql:Tls */
    PX_SQL_TLS_VERIFY,
    PX_SQL_TLS_ANY
};

struct px_dialect;
struct px_sql;  /* a connection */
struct px_stmt; /* a prepared statement of one connection */

enum px_sql_use {
    PX_SQL_WRITE,
    PX_SQL_READ /* read-only transactions, statement timeout */
};

/* px_sql_open(conf, use, ret, reterr): connect by full connection string (pooling off), apply the
 * dialect's session settings, check that the driver is the dialect's. What the connection string
 * says itself is left alone. With READ no statement can write (on SQL Server, which has no
 * such sessions, only rights forbid it), and a database file is never created. A password from a
 * file (Sql:PasswordFile) is read anew, a file that cannot be read is PX_SQL_LOST. Errors:
 * PX_CONFIG (unknown dialect, driver or database missing, driver of another database), PX_DENIED,
 * PX_SQL_LOST (unreachable), with the remedy in the message; never the password. Threads: owner. */
PX_MUST_USE enum px_code px_sql_open(const struct px_sql_conf *conf, enum px_sql_use use,
                                     struct px_sql **ret, struct px_err *reterr);
/* px_sql_login_refused(err): px_sql_open failed because of the user or the password. */
bool px_sql_login_refused(const struct px_err *err);
/* px_sql_as(rc, who, reterr): ${rc}; when it is a right that the account lacks, ${who} (who has it)
 * stands before the message. */
enum px_code px_sql_as(enum px_code rc, const char *who, struct px_err *reterr);
/* px_sql_absent(conf): the database is a file that does not exist; opening it to write would make
 * it. */
bool px_sql_absent(const struct px_sql_conf *conf);
void px_sql_close(struct px_sql *s); /* frees all statements first, then disconnects */
const struct px_dialect *px_sql_dialect(const struct px_sql *s);
/* px_sql_alive(s): what is known about the connection, without a round trip: false once it was lost
 * or a commit's outcome is unknown. A connection that is not alive stays so: close it, open
 * another. */
bool px_sql_alive(const struct px_sql *s);

/* px_sql_patient(s, reterr): from now on statements may take their time, and sort on disk: for work
 * over whole tables. Locks are waited for no longer than before. Errors: PX_SQL*. */
PX_MUST_USE enum px_code px_sql_patient(struct px_sql *s, struct px_err *reterr);

/* px_sql_versions(s, out): append driver manager, driver and database with their versions. */
void px_sql_versions(const struct px_sql *s, struct px_buf *out);

/* px_sql_exec(s, text, reterr): one statement without parameters or rows. */
PX_MUST_USE enum px_code px_sql_exec(struct px_sql *s, struct px_str text, struct px_err *reterr);

/* px_sql_prepare(s, text, ret, reterr): kept prepared until px_stmt_free or close. */
PX_MUST_USE enum px_code px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret,
                                        struct px_err *reterr);
void px_stmt_free(struct px_stmt *st);

#define PX_SQL_MAX_PARAMS 32
#define PX_SQL_MAX_TEXT   (16 << 20) /* longest text read from one column */

/* Parameters count from 0. Text is borrowed until execution ends; a NUL inside (drivers cut there
 * silently) and invalid UTF-8 are PX_SQL_DATA. */
void px_bind_i64(struct px_stmt *st, unsigned i, int64_t v);
PX_MUST_USE enum px_code px_bind_text(struct px_stmt *st, unsigned i, struct px_str v,
                                      struct px_err *reterr);
void px_bind_null(struct px_stmt *st, unsigned i);

/* px_stmt_run(st, reterr): execute; every parameter must have been bound (PX_INTERNAL). Rows, if
 * any, are then read with px_stmt_next until PX_NO_ROW, or dropped by px_stmt_end. A statement that
 * changes no row is PX_OK without rows. Any failure marks the open transaction as failed for good.
 * Errors: PX_SQL, PX_SQL_RETRY, PX_SQL_LOST, PX_SQL_DATA, PX_DENIED, PX_TIMEOUT
 * (Sql:StatementTimeout passed), PX_SCHEMA (table or column missing). Messages hold no values. */
PX_MUST_USE enum px_code px_stmt_run(struct px_stmt *st, struct px_err *reterr);
PX_MUST_USE enum px_code px_stmt_next(struct px_stmt *st, struct px_err *reterr);
void px_stmt_end(struct px_stmt *st);
/* Columns count from 0; valid until the next px_stmt_next. NULL reads as 0 and as empty text. A
 * column that is not an integer reads as 0 and makes the next px_stmt_next fail with PX_SQL. */
unsigned px_stmt_columns(const struct px_stmt *st); /* of the result; 0 = none */
bool px_col_null(const struct px_stmt *st, unsigned i);
int64_t px_col_i64(const struct px_stmt *st, unsigned i);
struct px_str px_col_text(const struct px_stmt *st, unsigned i);

/* --- transactions -------------------------------------------------------------------------- */
enum px_outcome {
    PX_COMMITTED,
    PX_ROLLED_BACK,
    PX_OUTCOME_UNKNOWN
};

/* px_tx_begin(s, reterr): at most one open. WRITE: read committed on servers, the write lock at
 * once on SQLite (PX_SQL_RETRY when Sql:LockTimeout passes). READ: one snapshot for all statements.
 * Errors: PX_SQL_RETRY, PX_SQL_LOST, PX_INTERNAL (one is open). */
PX_MUST_USE enum px_code px_tx_begin(struct px_sql *s, struct px_err *reterr);
/* px_tx_lock_progress(s, reterr): inside a transaction of a WRITE connection: nobody else moves
 * offsets, and so nobody applies a batch, until it ends; batches at work are waited for, up to
 * Sql:LockTimeout. Errors: PX_SQL_RETRY, PX_SQL_LOST. */
PX_MUST_USE enum px_code px_tx_lock_progress(struct px_sql *s, struct px_err *reterr);
/* px_tx_commit(s, ret_outcome, reterr): one COMMIT, never a second one. PX_OK only with COMMITTED.
 * ${ret_outcome} is set in every case. When a statement had failed it rolls back and returns that
 * failure (ROLLED_BACK). PX_UNKNOWN_OUTCOME with UNKNOWN: close, reconnect and read the fence.
 * PX_INTERNAL (ROLLED_BACK) when none is open. */
PX_MUST_USE enum px_code px_tx_commit(struct px_sql *s, enum px_outcome *ret_outcome,
                                      struct px_err *reterr);
void px_tx_rollback(struct px_sql *s); /* no-op when none is open */
bool px_tx_failed(const struct px_sql *s);

/* --- rows as parameters: a whole table of values in one statement ---------------------------- */
/* Filled cell by cell, row by row, in the shape that the dialect transports best (one JSON text, or
 * one array literal per column). ${max_bytes} caps each parameter's text. A cell that no database
 * takes (NUL, invalid UTF-8, a date outside 1970 to 9999, a time outside 1970 to 2255) makes
 * px_rows_bind fail with PX_SQL_DATA. */
struct px_rows;
PX_MUST_USE enum px_code px_rows_new(const struct px_dialect *d, const enum px_column *types,
                                     size_t ncols, size_t max_bytes, struct px_rows **ret);
void px_rows_free(struct px_rows *r);
void px_rows_reset(struct px_rows *r);
void px_rows_i64(struct px_rows *r, int64_t v);        /* INT, DATE as day, TIME as microseconds */
void px_rows_text(struct px_rows *r, struct px_str v); /* TEXT, UUID */
void px_rows_null(struct px_rows *r);
size_t px_rows_count(const struct px_rows *r); /* complete rows */
/* px_rows_bind(r, st, first, reterr): bind as parameters from ${first} on; ${r} stays untouched
 * until the statement has run. Errors: PX_NOMEM, PX_TOO_LARGE, PX_SQL_DATA. */
PX_MUST_USE enum px_code px_rows_bind(const struct px_rows *r, struct px_stmt *st, unsigned first,
                                      struct px_err *reterr);

#endif
