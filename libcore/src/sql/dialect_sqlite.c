/* SQLite through sqliteodbc: rows as one JSON text, dates and times as text. The driver keeps a
 * statement prepared, and returns rows of RETURNING, only when its text begins like a query:
 * everything here begins with WITH. Every error of the driver is HY000; the native code tells. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* LIMIT keeps q from being folded into v: otherwise each cell would render its row's text anew. */
static void rows(const struct px_table_stmt *t, struct px_buf *out) {
    px_buf_c(out, "WITH p(j) AS (SELECT ?), "
                  "q(r) AS (SELECT e.value FROM p, json_each(p.j) AS e LIMIT -1),\nv(");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        px_render_ident(out, t->columns[i]);
    }
    px_buf_c(out, ") AS (SELECT ");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_printf(out, "%sjson_extract(r, '$[%zu]')", i ? ", " : "", i);
    }
    px_buf_c(out, " FROM q)");
}

static void date_text(struct px_buf *out, const char *column) {
    px_buf_c(out, column);
}

/* Whole seconds and microseconds apart: no fraction ever passes through a float. */
static void time_us(struct px_buf *out, const char *column) {
    px_buf_printf(out,
                  "(CAST(strftime('%%s', substr(%s, 1, 19)) AS INTEGER) * 1000000 + "
                  "CAST(substr(%s, 21) AS INTEGER))",
                  column, column);
}

static void time_param(struct px_buf *out) {
    px_buf_c(out, "(SELECT strftime('%Y-%m-%d %H:%M:%S', us / 1000000, 'unixepoch') || "
                  "printf('.%06d', us % 1000000) FROM (SELECT CAST(? AS INTEGER) AS us))");
}

/* Whole minutes, the usual width, are cut from the text; others are counted. */
static void bucket(struct px_buf *out, const char *column, px_us width) {
    if (width == PX_US_PER_MIN) {
        px_buf_printf(out, "(substr(%s, 1, 16) || ':00.000000')", column);
        return;
    }
    px_buf_c(out, "(SELECT strftime('%Y-%m-%d %H:%M:%S', us / 1000000, 'unixepoch') || "
                  "printf('.%06d', us % 1000000) FROM (SELECT ");
    time_us(out, column);
    px_buf_printf(out, " / %lld * %lld AS us))", (long long)width, (long long)width);
}

/* min() and max() of two values are NULL when one is. */
static void pick(struct px_buf *out, enum px_op op, const char *stored, const char *given) {
    px_buf_printf(out, "%s(COALESCE(%s, %s), COALESCE(%s, %s))", op == PX_OP_MIN ? "min" : "max",
                  stored, given, given, stored);
}

/* Without a name SQLite works in a file that is gone with the connection. */
static enum px_code connectable(const struct px_sql_conf *c, struct px_err *reterr) {
    struct px_str user = px_str_c(c->connection), value = PX_S("");
    bool elsewhere = px_connstr_get(user, "DSN", &value) || px_connstr_get(user, "FILEDSN", &value);
    if (elsewhere || !px_connstr_get(user, "Driver", &value) ||
        (px_connstr_get(user, "Database", &value) && value.n > 0)) {
        return PX_OK; /* what has no driver is refused by its own name */
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "Sql:ConnectionString: name the file of the database, for example "
                   "Database=analytics.db");
}

static void connect_string(const struct px_sql_conf *c, enum px_sql_use use, struct px_buf *out) {
    struct px_str user = px_str_c(c->connection);
    char ms[32];
    (void)snprintf(ms, sizeof ms, "%lld", (long long)(c->lock_timeout / PX_US_PER_MS));
    px_connstr_default(out, user, "Timeout", ms);
    if (use == PX_SQL_READ) {
        px_connstr_default(out, user, "NoCreat", "1");
        return;
    }
    px_connstr_default(out, user, "JournalMode", "WAL");
    px_connstr_default(out, user, "SyncPragma", "FULL");
}

/* Primary result codes of SQLite. */
enum {
    LITE_ERROR = 1,
    LITE_PERM = 3,
    LITE_BUSY = 5,
    LITE_LOCKED = 6,
    LITE_NOMEM = 7,
    LITE_READONLY = 8,
    LITE_INTERRUPT = 9,
    LITE_IOERR = 10,
    LITE_FULL = 13,
    LITE_CANTOPEN = 14,
    LITE_PROTOCOL = 15,
    LITE_SCHEMA = 17,
    LITE_TOOBIG = 18,
    LITE_CONSTRAINT = 19,
    LITE_MISMATCH = 20,
    LITE_AUTH = 23,
    LITE_NOTADB = 26,
};

/* The first statement of a connection is the first to look into the file. */
static enum px_code about_file(enum px_code code, struct px_err *reterr) {
    if (code == PX_CONFIG) {
        return px_err_context(reterr, "Database= of Sql:ConnectionString is no SQLite file");
    }
    if (reterr && reterr->native == LITE_READONLY) {
        return px_err_context(reterr, "Database= of Sql:ConnectionString: this user must be able "
                                      "to write to the file and to its folder");
    }
    return code;
}

static enum px_code session(struct px_sql *s, const struct px_sql_conf *c, enum px_sql_use use,
                            struct px_err *reterr) {
    (void)c;
    static const char *const pragmas[] = {
        "PRAGMA cache_size = -16384", /* KiB */
        "PRAGMA temp_store = MEMORY", /* RETURNING and sorting keep their rows there */
        "PRAGMA wal_autocheckpoint = 4000",
        "PRAGMA query_only = 1",
    };
    size_t n = PX_ARRAY_LEN(pragmas) - (use == PX_SQL_READ ? 0 : 1);
    for (size_t i = 0; i < n; i++) {
        enum px_code code = px_sql_exec(s, px_str_c(pragmas[i]), reterr);
        if (code) {
            return about_file(code, reterr);
        }
    }
    return PX_OK;
}

static enum px_code classify(const char sqlstate[6], int native, const char *message) {
    static const struct {
        int native;
        enum px_code code;
    } table[] = {
        {LITE_PERM, PX_DENIED},         {LITE_BUSY, PX_SQL_RETRY},    {LITE_LOCKED, PX_SQL_RETRY},
        {LITE_NOMEM, PX_SQL_RETRY},     {LITE_READONLY, PX_SQL_LOST}, {LITE_INTERRUPT, PX_TIMEOUT},
        {LITE_IOERR, PX_SQL_LOST},      {LITE_FULL, PX_SQL_RETRY},    {LITE_CANTOPEN, PX_SQL_LOST},
        {LITE_PROTOCOL, PX_SQL_RETRY},  {LITE_SCHEMA, PX_SQL_RETRY},  {LITE_TOOBIG, PX_SQL_DATA},
        {LITE_CONSTRAINT, PX_SQL_DATA}, {LITE_MISMATCH, PX_SQL_DATA}, {LITE_AUTH, PX_DENIED},
        {LITE_NOTADB, PX_CONFIG},
    };
    if (strncmp(sqlstate, "08", 2) == 0) {
        return PX_CONFIG; /* this driver has no server: it is another's */
    }
    for (size_t i = 0; i < PX_ARRAY_LEN(table); i++) {
        if (table[i].native == native) {
            return table[i].code;
        }
    }
    bool missing = strstr(message, "no such table") || strstr(message, "no such column") ||
                   strstr(message, "has no column");
    return native == LITE_ERROR && missing ? PX_SCHEMA : PX_SQL;
}

static bool refused(const char sqlstate[6], int native) {
    (void)sqlstate;
    return native == LITE_BUSY || native == LITE_CONSTRAINT;
}

static bool absent(const struct px_sql_conf *c) {
    struct px_str file;
    char path[1024];
    return px_connstr_get(px_str_c(c->connection), "Database", &file) && file.n > 0 &&
           !px_str_is(file, ":memory:") && px_str_copy(file, path, sizeof path) &&
           access(path, F_OK) != 0 && errno == ENOENT;
}

const struct px_dialect px_dialect_sqlite = {
    .name = "sqlite",
    .package = "libsqliteodbc",
    .unreachable = "does the file of Database= exist? svc-aggregator --migrate=up makes it, but "
                   "not its folder; may this user open it?",
    .rows_as_columns = false,
    .claim = px_render_claim,
    .upsert = px_render_upsert,
    .upsert_from = px_render_upsert_from,
    .append = px_render_append,
    .lookup = px_render_lookup,
    .fence = px_render_fence,
    .rows = rows,
    .dml = "WITH w(x) AS (SELECT 1) ",
    .text_value = "CAST(? AS text)",
    .null_time = "NULL",
    .empty_text = "''",
    .date_param = "?",
    .date_text = date_text,
    .time_us = time_us,
    .time_param = time_param,
    .bucket = bucket,
    .int_param = "?", /* a CAST would keep a row of values from the index */
    .text_param = "?",
    .uuid_param = "?",
    .row_lock = "", /* BEGIN IMMEDIATE has kept them out already */
    .sole = "1",    /* two at once do each other no harm */
    .pick = pick,
    .connectable = connectable,
    .connect_string = connect_string,
    .session = session,
    .driver_hint = "SQLite",
    .begin_write = "BEGIN IMMEDIATE",
    .begin_read = "BEGIN",
    .patient = "PRAGMA temp_store = FILE",
    .lock_progress = NULL, /* there is one writer */
    .rollback = "ROLLBACK",
    .classify = classify,
    .refused = refused,
    .migrate_lock = NULL, /* BEGIN IMMEDIATE of each migration is the lock */
    .book_make = PX_BOOK_MAKE,
    .book_extend = PX_BOOK_EXTEND,
    .book_note = PX_BOOK_NOTE,
    .columns_of = "SELECT name FROM pragma_table_info(?)",
    .columns = "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
               "WHERE m.type = 'table' ORDER BY m.name, c.name",
    .durable =
        "SELECT 'synchronous=' || CASE synchronous WHEN 0 THEN 'OFF' WHEN 1 THEN 'NORMAL' WHEN 2 "
        "THEN 'FULL' ELSE 'EXTRA' END,\n"
        "    CASE WHEN synchronous < 2 THEN 1 ELSE 0 END,\n"
        "    '-- write SyncPragma=FULL into Sql:ConnectionString, or leave it out'\n"
        "FROM pragma_synchronous UNION ALL SELECT 'journal_mode=' || journal_mode,\n"
        "    CASE WHEN journal_mode IN ('off', 'memory') THEN 1 ELSE 0 END,\n"
        "    '-- write JournalMode=WAL into Sql:ConnectionString, or leave it out'\n"
        "FROM pragma_journal_mode",
    .absent = absent,
};
