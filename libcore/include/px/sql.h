/* SQL over ODBC: one connection per thread, prepared statements, one transaction guard that believes no
 * driver. Nothing of ODBC is visible here.
 *
 * Measured: drivers report success for commits that did not happen (a failed statement before, a dead
 * backend, a second COMMIT). So a transaction here is committed if and only if COMMIT succeeded, no
 * statement of the transaction had failed, and the connection is still alive afterwards. */
#ifndef PX_SQL_H
#define PX_SQL_H

#include <px/column.h>
#include <px/err.h>
#include <px/str.h>

struct px_sql_conf {
#include <px/option_fields.h>
#include <px/options_sql.def>
#include <px/option_end.h>
};

struct px_dialect;
struct px_sql;  /* a connection */
struct px_stmt; /* a prepared statement of one connection */

enum px_sql_use { PX_SQL_WRITE, PX_SQL_READ /* read-only transactions, statement timeout */ };

/* px_sql_open(conf, use, ret, reterr): connect by full connection string (pooling off), apply the
 * dialect's session settings, check that the driver is the dialect's.
 * Errors: PX_CONFIG (unknown dialect, driver missing or of another database), PX_DENIED, PX_SQL_LOST
 * (unreachable), with the remedy in the message; never the password. Threads: owner. */
PX_MUST_USE enum px_code px_sql_open(const struct px_sql_conf *conf, enum px_sql_use use,
                                     struct px_sql **ret, struct px_err *reterr);
void px_sql_close(struct px_sql *s); /* frees all statements first, then disconnects */
const struct px_dialect *px_sql_dialect(const struct px_sql *s);
/* px_sql_alive(s): what the driver knows about the connection, without a round trip. */
bool px_sql_alive(const struct px_sql *s);

/* px_sql_exec(s, text, reterr): one statement without parameters or rows. */
PX_MUST_USE enum px_code px_sql_exec(struct px_sql *s, struct px_str text, struct px_err *reterr);

/* px_sql_prepare(s, text, ret, reterr): kept prepared until px_stmt_free or close. */
PX_MUST_USE enum px_code px_sql_prepare(struct px_sql *s, struct px_str text, struct px_stmt **ret, struct px_err *reterr);
void px_stmt_free(struct px_stmt *st);

/* Parameters count from 0. Text is borrowed until execution ends; a NUL inside is PX_SQL_DATA (drivers
 * cut there silently). */
void px_bind_i64(struct px_stmt *st, unsigned i, int64_t v);
PX_MUST_USE enum px_code px_bind_text(struct px_stmt *st, unsigned i, struct px_str v, struct px_err *reterr);
void px_bind_null(struct px_stmt *st, unsigned i);

/* px_stmt_run(st, reterr): execute. Rows, if any, are then read with px_stmt_next until PX_NO_ROW, or
 * dropped by px_stmt_end. Any failure marks the open transaction as failed for good. */
PX_MUST_USE enum px_code px_stmt_run(struct px_stmt *st, struct px_err *reterr);
PX_MUST_USE enum px_code px_stmt_next(struct px_stmt *st, struct px_err *reterr);
void px_stmt_end(struct px_stmt *st);
/* Columns count from 0; valid until the next px_stmt_next. */
bool px_col_null(const struct px_stmt *st, unsigned i);
int64_t px_col_i64(const struct px_stmt *st, unsigned i);
struct px_str px_col_text(const struct px_stmt *st, unsigned i);

/* --- transactions -------------------------------------------------------------------------- */
enum px_outcome { PX_COMMITTED, PX_ROLLED_BACK, PX_OUTCOME_UNKNOWN };

/* px_tx_begin(s, reterr): at most one open. Errors: PX_SQL_LOST, PX_INTERNAL (one is open). */
PX_MUST_USE enum px_code px_tx_begin(struct px_sql *s, struct px_err *reterr);
/* px_tx_commit(s, ret_outcome, reterr): one COMMIT, never a second one. PX_OK only with COMMITTED.
 * When a statement had failed it rolls back and returns that. UNKNOWN: reconnect and read the fence. */
PX_MUST_USE enum px_code px_tx_commit(struct px_sql *s, enum px_outcome *ret_outcome, struct px_err *reterr);
void px_tx_rollback(struct px_sql *s); /* no-op when none is open */
bool px_tx_failed(const struct px_sql *s);

/* --- rows as parameters: a whole table of values in one statement ---------------------------- */
/* Filled cell by cell, row by row, in the shape that the dialect transports best (one JSON text, or one
 * array literal per column). */
struct px_rows;
PX_MUST_USE enum px_code px_rows_new(const struct px_dialect *d, const enum px_column *types, size_t ncols,
                                     size_t max_bytes, struct px_rows **ret);
void px_rows_free(struct px_rows *r);
void px_rows_reset(struct px_rows *r);
void px_rows_i64(struct px_rows *r, int64_t v); /* INT, DATE as day, TIME as microseconds */
void px_rows_text(struct px_rows *r, struct px_str v);
void px_rows_null(struct px_rows *r);
size_t px_rows_count(const struct px_rows *r); /* complete rows */
/* px_rows_bind(r, st, first, reterr): bind as parameters from ${first} on. Errors: PX_NOMEM, PX_TOO_LARGE. */
PX_MUST_USE enum px_code px_rows_bind(const struct px_rows *r, struct px_stmt *st, unsigned first, struct px_err *reterr);

const char *px_odbc_version(void);

#endif
