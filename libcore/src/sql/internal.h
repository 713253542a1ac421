/* What the files of this folder share: the bodies of connection and statement, and the helpers
 * between them. The only header that knows ODBC types; it must not leave the folder. */
#ifndef PX_SQL_INTERNAL_H
#define PX_SQL_INTERNAL_H

#include <px/buf.h>
#include <px/dialect.h>

#include <sql.h>
#include <sqlext.h>

#define PX_SQL_TEXT_MAX (1 << 20) /* longest statement text */

struct px_sql {
    SQLHENV env;
    SQLHDBC dbc;
    const struct px_dialect *dialect;
    enum px_sql_use use;
    struct px_stmt *stmts; /* all that are open, so that close can free them first */
    px_us statement_timeout, lock_timeout; /* as configured */
    px_us query_timeout; /* kept by the driver, where the server keeps none; 0 = none */
    bool connected;
    bool in_tx, tx_failed;
    bool lost;            /* never to be trusted again */
    struct px_err tx_err; /* the first failure of the open transaction */
};

enum px_param_kind {
    PX_PARAM_UNSET,
    PX_PARAM_NULL,
    PX_PARAM_I64,
    PX_PARAM_TEXT
};
struct px_param {
    enum px_param_kind kind;
    int64_t i;
    struct px_str s;
    SQLLEN ind;
};

struct px_colbuf { /* one bound result column */
    char *p;
    size_t cap;
    SQLLEN ind; /* bytes, or SQL_NULL_DATA */
};

struct px_stmt {
    struct px_sql *s;
    SQLHSTMT h;
    struct px_stmt *prev, *next;
    unsigned nparams;
    struct px_param params[PX_SQL_MAX_PARAMS];
    size_t ncols, allocated;
    struct px_colbuf *cols;
    bool open;    /* a result is being read */
    bool on_row;  /* columns hold a row     */
    bool *badint; /* a column was read as integer and is none; owned */
};

/* px_sql_diag(s, type, handle, what, reterr): first diagnostic of ${handle} -> px_err; notes a lost
 * connection and a failed transaction in ${s}. Never includes values of rows. */
enum px_code px_sql_diag(struct px_sql *s, SQLSMALLINT type, SQLHANDLE handle, const char *what,
                         struct px_err *reterr);
/* px_sql_note(s, code, err): what a failure means for connection and transaction. */
void px_sql_note(struct px_sql *s, const struct px_err *err);
bool px_sql_ok(SQLRETURN rc);
/* px_sqlstate_code(table, n, sqlstate): for px_dialect.classify: of the first row whose prefix
 * fits, so longer prefixes come first; PX_SQL when none does. */
struct px_sqlstate {
    const char *prefix;
    enum px_code code;
};
enum px_code px_sqlstate_code(const struct px_sqlstate *table, size_t n, const char sqlstate[6]);
/* px_sql_timed(s, h): the next execution of ${h} takes no longer than s->query_timeout.
 * px_sql_drain(h): read whatever results are left; SQL_NO_DATA, or the failure behind them. */
void px_sql_timed(const struct px_sql *s, SQLHSTMT h);
SQLRETURN px_sql_drain(SQLHSTMT h);
/* px_sql_text(text, reterr): a copy with a NUL behind it; drivers look for one even when they are
 * told the length. Free with px_free; NULL with ${reterr} filled when too long or without memory.
 */
SQLCHAR *px_sql_text(struct px_str text, struct px_err *reterr);

/* px_bind_raw: like px_bind_text without looking at the bytes (px_rows has looked already). */
void px_bind_raw(struct px_stmt *st, unsigned i, struct px_str v);

/* --- connection strings (connstr.c) --- */
/* px_connstr_get(cs, key, ret): value of ${key} (ASCII case ignored, first wins, braces removed).
 */
bool px_connstr_get(struct px_str cs, const char *key, struct px_str *ret);
/* px_connstr_default(out, user, key, value): append ";key=value" unless ${user} says ${key} itself.
 */
void px_connstr_default(struct px_buf *out, struct px_str user, const char *key, const char *value);
/* px_connstr_without(out, user, key): append ${user} as it is, but without ${key}. */
void px_connstr_without(struct px_buf *out, struct px_str user, const char *key);
/* px_connstr_quoted(out, value): {value} with closing braces doubled. */
void px_connstr_quoted(struct px_buf *out, const char *value);

/* --- words that every dialect needs (words.c) --- */
void px_render_ident(struct px_buf *out, const char *name);
void px_render_limit(const struct px_dialect *d, const char *n, struct px_buf *out);
const char *px_render_true(const struct px_dialect *d);
/* px_render_same(d, a, b, type, out): the two are equal, to the last blank. */
void px_render_same(const struct px_dialect *d, const char *a, const char *b, enum px_column type,
                    struct px_buf *out);
/* px_render_is(d, column, out): a text column equals a bound text. */
void px_render_is(const struct px_dialect *d, const char *column, struct px_buf *out);
/* px_render_differ(d, a, b, out): they are different, NULL being a value like others. */
void px_render_differ(const struct px_dialect *d, const char *a, const char *b, struct px_buf *out);
/* px_render_in(d, in, out): a row's columns are among the rows of ${from}. */
struct px_in {
    const char *left_of; /* before each column of the row: "e."           */
    const char *const *left;
    const char *table; /* of the row, where left_of is empty              */
    const char *right_of;
    const char *const *right;
    const char *from, *where; /* where: a condition on its rows, or NULL  */
    const enum px_column *types;
    size_t n;
};
void px_render_in(const struct px_dialect *d, const struct px_in *in, struct px_buf *out);

/* --- rendering shared by databases that know ON CONFLICT and RETURNING (render.c) --- */
px_render_set px_render_claim, px_render_upsert, px_render_append, px_render_lookup;
/* px_render_upsert_from: the upsert behind a "WITH v(...)" that stands in ${out} already. */
px_render_set px_render_upsert_from;
void px_render_fence(const struct px_dialect *d, struct px_buf *out);

/* The migration runner's book, in words that SQLite and PostgreSQL share. */
#define PX_BOOK_MAKE                                                                               \
    "CREATE TABLE IF NOT EXISTS px_schema_migrations (version bigint PRIMARY KEY, "                \
    "name text NOT NULL, checksum text NOT NULL, applied_at text NOT NULL, "                       \
    "duration_ms bigint NOT NULL, runs_with_from bigint NOT NULL DEFAULT 0)"
#define PX_BOOK_EXTEND                                                                             \
    "ALTER TABLE px_schema_migrations ADD COLUMN runs_with_from bigint NOT NULL DEFAULT 0"
#define PX_BOOK_NOTE                                                                               \
    "INSERT INTO px_schema_migrations (version, name, checksum, applied_at, "                      \
    "duration_ms, runs_with_from) VALUES (CAST(? AS bigint), CAST(? AS text), "                    \
    "CAST(? AS text), CAST(CURRENT_TIMESTAMP AS text), CAST(? AS bigint), CAST(? AS bigint))"

extern const struct px_dialect px_dialect_sqlite;
extern const struct px_dialect px_dialect_postgresql;
extern const struct px_dialect px_dialect_sqlserver;

/* --- SQL Server: its statements (render_sqlserver.c), its connection strings (encrypt.c) --- */
px_render_set px_tsql_claim, px_tsql_upsert, px_tsql_append, px_tsql_lookup, px_tsql_upsert_from;
void px_tsql_fence(const struct px_dialect *d, struct px_buf *out);
void px_tsql_rows(const struct px_table_stmt *t, struct px_buf *out);
#define PX_TSQL_COLLATE " COLLATE Latin1_General_100_BIN2"
extern const char *const px_tsql_own[];
void px_encrypt_connect_string(const struct px_sql_conf *c, enum px_sql_use use,
                               struct px_buf *out);
enum px_code px_encrypt_connectable(const struct px_sql_conf *c, struct px_err *reterr);
enum px_code px_encrypt_explain(const struct px_sql_conf *c, const char *message,
                                struct px_err *reterr);
void px_encrypt_asked(const struct px_sql_conf *c, bool *ret_warn, char *ret_text, size_t cap);

/* --- migration files (migrate_files.c) --- */
/* px_sql_read_file(path, out, reterr): append the file. Errors: PX_IO, PX_TOO_LARGE. */
PX_MUST_USE enum px_code px_sql_read_file(const char *path, struct px_buf *out,
                                          struct px_err *reterr);
#define PX_MIGRATION_NAME 128
struct px_migration {
    int version;
    char name[PX_MIGRATION_NAME]; /* file name */
    char checksum[65];            /* SHA-256 of the file, hex */
    int runs_with_from;           /* a program that knows this version may run on it */
    struct px_buf text;
};
struct px_migrations {
    struct px_migration *v; /* by version, ascending, versions unique */
    size_t n;
};
/* px_migrations_load(dir, dialect, ret, reterr): read every NNNN_name.up.sql of dir/dialect.
 * Errors: PX_IO (folder or file), PX_CONFIG (a file name out of shape, a version twice). */
PX_MUST_USE enum px_code px_migrations_load(const char *dir, const char *dialect,
                                            struct px_migrations *ret, struct px_err *reterr);
void px_migrations_fini(struct px_migrations *m);
/* px_migration_down_text(dir, dialect, m, out, reterr): the file that undoes ${m}. Errors: PX_IO.
 */
PX_MUST_USE enum px_code px_migration_down_text(const char *dir, const char *dialect,
                                                const struct px_migration *m, struct px_buf *out,
                                                struct px_err *reterr);
/* px_split_next(text, at, out): the next statement of ${text} from *at on, without comments and
 * without its semicolon, into ${out}; false at the end. Semicolons count outside quotes, dollar
 * quotes, comments. */
bool px_split_next(struct px_str text, size_t *at, struct px_buf *out);

#endif
