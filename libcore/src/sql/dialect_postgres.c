/* PostgreSQL through psqlODBC: rows as one array literal per column, turned into rows by unnest.
 * Protocol 7.4-0 makes the server refuse everything after an error, so nothing partial can ever
 * commit; sessions that hold locks without working are ended by the server. */
#include "tls_priv.h"

static const char *array_type(enum px_column type) {
    switch (type) {
    case PX_COL_INT:
    case PX_COL_TIME:
        return "bigint[]";
    case PX_COL_TEXT:
        return "text[]";
    case PX_COL_DATE:
        return "integer[]";
    case PX_COL_UUID:
        return "uuid[]";
    }
    return "text[]";
}

static void rows(const struct px_table_stmt *t, struct px_buf *out) {
    px_buf_c(out, "WITH v(");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        px_render_ident(out, t->columns[i]);
    }
    px_buf_c(out, ") AS (SELECT ");
    for (size_t i = 0; i < t->ncolumns; i++) {
        bool date = t->types[i] == PX_COL_DATE;
        bool time = t->types[i] == PX_COL_TIME;
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, date ? "DATE '1970-01-01' + " : time ? "TIMESTAMPTZ 'epoch' + " : "");
        px_buf_printf(out, "c%zu%s", i, time ? " * INTERVAL '1 microsecond'" : "");
    }
    px_buf_c(out, "\nFROM unnest(");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_printf(out, "%sCAST(? AS %s)", i ? ", " : "", array_type(t->types[i]));
    }
    px_buf_c(out, ") AS u(");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_printf(out, "%sc%zu", i ? ", " : "", i);
    }
    px_buf_c(out, "))");
}

static void date_text(struct px_buf *out, const char *column) {
    px_buf_printf(out, "to_char(%s, 'YYYY-MM-DD')", column);
}

/* EXTRACT gives numeric: exact. */
static void time_us(struct px_buf *out, const char *column) {
    px_buf_printf(out, "CAST(EXTRACT(EPOCH FROM %s) * 1000000 AS bigint)", column);
}

static void time_param(struct px_buf *out) {
    px_buf_c(out, "(TIMESTAMPTZ 'epoch' + CAST(? AS bigint) * INTERVAL '1 microsecond')");
}

static void bucket(struct px_buf *out, const char *column, px_us width) {
    px_buf_printf(out, "date_bin(INTERVAL '%lld microseconds', %s, TIMESTAMPTZ 'epoch')",
                  (long long)width, column);
}

/* LEAST and GREATEST pass over NULL. */
static void pick(struct px_buf *out, enum px_op op, const char *stored, const char *given) {
    px_buf_printf(out, "%s(%s, %s)", op == PX_OP_MIN ? "LEAST" : "GREATEST", stored, given);
}

/* libpq's options: those of the user, and ours where he is silent. A peer that is gone is noticed
 * in seconds; a server that became read-only is no server for a writer. */
static void pqopt(struct px_str user, enum px_sql_use use, struct px_buf *out) {
    static const struct {
        const char *key, *value;
        bool writers;
    } ours[] = {{"keepalives_idle", "5", false},
                {"keepalives_interval", "2", false},
                {"keepalives_count", "3", false},
                {"tcp_user_timeout", "8000", false},
                {"target_session_attrs", "read-write", true}};
    struct px_str given = PX_S(""), had;
    PX_IGNORE(px_connstr_get(user, "pqopt", &given)); /* none is empty */
    px_buf_c(out, ";pqopt={");
    px_buf_str(out, given);
    const char *before = given.n ? " " : "";
    for (size_t i = 0; i < PX_ARRAY_LEN(ours); i++) {
        if ((!ours[i].writers || use == PX_SQL_WRITE) && !px_pqopt_get(given, ours[i].key, &had)) {
            px_buf_printf(out, "%s%s=%s", before, ours[i].key, ours[i].value);
            before = " ";
        }
    }
    px_buf_c(out, "}");
}

static void connect_string(const struct px_sql_conf *c, enum px_sql_use use, struct px_buf *out) {
    struct px_str user = px_str_c(c->connection);
    struct px_str had;
    struct px_peer peer;
    px_peer_of(c, &peer);
    bool verify = peer.remote && c->tls == PX_SQL_TLS_VERIFY;
    px_connstr_default(out, user, "Protocol", "7.4-0"); /* no savepoint per statement */
    px_connstr_default(out, user, "UseServerSidePrepare", "1");
    px_connstr_default(out, user, "UseDeclareFetch", "0");
    px_connstr_default(out, user, "CommLog", "0"); /* Debian's odbcinst.ini switches a log on */
    px_connstr_default(out, user, "Debug", "0");
    /* the driver's own default is no TLS */
    px_connstr_default(out, user, "SSLmode", verify ? "verify-full" : "prefer");
    pqopt(user, use, out);
    if (c->password && *c->password && !px_connstr_get(user, "PWD", &had) &&
        !px_connstr_get(user, "Password", &had)) {
        px_buf_c(out, ";PWD=");
        px_connstr_quoted(out, c->password);
    }
}

static enum px_code connectable(const struct px_sql_conf *c, struct px_err *reterr) {
    struct px_peer p;
    px_peer_of(c, &p);
    if (c->tls == PX_SQL_TLS_ANY || !p.remote || !p.mode[0] || strcmp(p.mode, "verify-full") == 0) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_CONFIG,
                   "Sql:ConnectionString: SSLmode=%s does not check who answers as %.60s: write "
                   "SSLmode=verify-full, or set Sql:Tls=any where the network can be trusted",
                   p.mode, p.host);
}

static void timeouts(struct px_buf *b, px_us statement, px_us lock, px_us idle) {
    px_buf_printf(b,
                  "SET statement_timeout = %lld; SET lock_timeout = %lld; "
                  "SET idle_in_transaction_session_timeout = %lld",
                  (long long)(statement / PX_US_PER_MS), (long long)(lock / PX_US_PER_MS),
                  (long long)(idle / PX_US_PER_MS));
}

static enum px_code session(struct px_sql *s, const struct px_sql_conf *c, enum px_sql_use use,
                            struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    s->statement_timeout = c->statement_timeout;
    s->lock_timeout = c->lock_timeout;
    px_buf_c(&b, "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET jit = off; ");
    timeouts(&b, c->statement_timeout, c->lock_timeout, 5 * PX_US_PER_S);
    /* Writers read behind their locks what was committed before, whatever the server prefers. */
    px_buf_c(&b, use == PX_SQL_READ ? "; SET default_transaction_read_only = on; "
                                      "SET default_transaction_isolation = 'repeatable read'"
                                    : "; SET default_transaction_isolation = 'read committed'");
    enum px_code code = px_buf_ok(&b, reterr);
    return code ? code : px_sql_exec(s, px_buf_view(&b), reterr);
}

static bool contains_any(const char *message, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strstr(message, list[i])) {
            return true;
        }
    }
    return false;
}

/* Failures before there is a session come without a SQLSTATE of the server. */
static enum px_code classify_connect(const char *message) {
    static const char *const denied[] = {"authentication failed", "no password supplied",
                                         "pg_hba.conf", "permission denied", "is not permitted"};
    static const char *const config[] = {"does not exist", "could not translate host name",
                                         "invalid connection option", "invalid sslmode",
                                         "root certificate file"};
    if (contains_any(message, denied, PX_ARRAY_LEN(denied))) {
        return PX_DENIED;
    }
    return contains_any(message, config, PX_ARRAY_LEN(config)) ? PX_CONFIG : PX_SQL_LOST;
}

static enum px_code classify(const char sqlstate[6], int native, const char *message) {
    static const struct px_sqlstate table[] = {
        {"57014", PX_TIMEOUT},  {"57P0", PX_SQL_LOST},  {"25P03", PX_SQL_LOST},
        {"25006", PX_SQL_LOST}, {"26000", PX_SQL_LOST}, {"28", PX_DENIED},
        {"42501", PX_DENIED},   {"42P01", PX_SCHEMA},   {"42703", PX_SCHEMA},
        {"3F000", PX_SCHEMA},   {"40", PX_SQL_RETRY},   {"55P03", PX_SQL_RETRY},
        {"53", PX_SQL_RETRY},   {"22", PX_SQL_DATA},    {"23", PX_SQL_DATA},
        {"3D000", PX_CONFIG},   {"P0001", PX_SQL_DATA}, /* a trigger refuses what it was given */
    };
    (void)native;
    if (strncmp(sqlstate, "08001", 5) == 0) {
        return classify_connect(message);
    }
    if (strncmp(sqlstate, "08", 2) == 0) {
        return PX_SQL_LOST;
    }
    /* A plan that no longer fits the tables: only a new session prepares anew. */
    if (strncmp(sqlstate, "0A000", 5) == 0 && strstr(message, "cached plan")) {
        return PX_SQL_LOST;
    }
    return px_sqlstate_code(table, PX_ARRAY_LEN(table), sqlstate);
}

static bool refused(const char sqlstate[6], int native) {
    (void)native;
    return strncmp(sqlstate, "23", 2) == 0 || strncmp(sqlstate, "40", 2) == 0 ||
           strncmp(sqlstate, "P0001", 5) == 0;
}

/* Two migrators wait for each other up to a minute; the server frees the lock of one that dies. A
 * migration may take longer than a statement of the service. */
static enum px_code migrate_lock(struct px_sql *s, bool take, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    if (take) {
        timeouts(&b, 0, PX_US_PER_MIN, PX_US_PER_MIN);
        px_buf_c(&b, "; SELECT pg_advisory_lock(7017280452)");
    } else {
        px_buf_c(&b, "SELECT pg_advisory_unlock(7017280452); ");
        timeouts(&b, s->statement_timeout, s->lock_timeout, 5 * PX_US_PER_S);
    }
    enum px_code code = px_buf_ok(&b, reterr);
    return code ? code : px_sql_exec(s, px_buf_view(&b), reterr);
}

static const char account_query[] =
    "SELECT quote_ident(current_user), CAST(rolsuper AS integer), CAST(current_schema() IS NULL AS "
    "integer),\n"
    "    CAST(rolcreaterole AS integer), CAST(rolcreatedb AS integer),\n"
    "    CAST(rolreplication AS integer), CAST(rolbypassrls AS integer),\n"
    "    CAST(COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AS integer),\n"
    "    CAST(has_database_privilege(current_database(), 'CREATE') AS integer)\n"
    "FROM pg_roles WHERE rolname = current_user";

/* The whole table counts two, single columns one. */
#define HELD(right)                                                                                \
    "CAST(has_table_privilege(c.oid, '" right                                                      \
    "') AS integer) + CAST(has_any_column_privilege(c.oid, '" right "') AS integer)"
static const char rights_query[] =
    "SELECT c.relname, " HELD("SELECT") ",\n    " HELD("INSERT") ",\n    " HELD(
        "UPDATE") ",\n"
                  "    2 * CAST(has_table_privilege(c.oid, 'DELETE') AS integer),\n"
                  "    2 * CAST(has_table_privilege(c.oid, 'TRUNCATE') AS integer),\n"
                  "    CAST(pg_has_role(c.relowner, 'USAGE') AS integer)\n"
                  "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
                  "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm') ORDER "
                  "BY c.relname";

/* Where a setting comes from decides what mends it. */
static const char durable_query[] =
    "SELECT name || '=' || setting, CASE WHEN setting = 'off' THEN 1 ELSE 0 END,\n"
    "    CASE source WHEN 'database' THEN format('ALTER DATABASE %I RESET %I;', "
    "current_database(), name)\n"
    "    WHEN 'user' THEN format('ALTER ROLE %I RESET %I;', current_user, name)\n"
    "    WHEN 'database user' THEN format('ALTER ROLE %I IN DATABASE %I RESET %I;', current_user, "
    "current_database(), name)\n"
    "    WHEN 'client' THEN format('-- take %s out of Sql:ConnectionString', name)\n"
    "    WHEN 'command line' THEN format('-- start the server without %s=off', name)\n"
    "    ELSE format('ALTER SYSTEM SET %I = on; SELECT pg_reload_conf();', name) END\n"
    "FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')\n"
    "UNION ALL SELECT c.relname || ' is unlogged', 1, format('ALTER TABLE %I SET LOGGED;', "
    "c.relname)\n"
    "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
    "WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1";

const struct px_dialect px_dialect_postgresql = {
    .name = "postgresql",
    .package = "odbc-postgresql",
    .unreachable = "is the server up, and are Servername, Port and Database right?",
    .rows_as_columns = true,
    .claim = px_render_claim,
    .upsert = px_render_upsert,
    .upsert_from = px_render_upsert_from,
    .append = px_render_append,
    .lookup = px_render_lookup,
    .fence = px_render_fence,
    .rows = rows,
    .dml = "",
    .text_value = "CAST(? AS text)",
    .null_time = "NULL",
    .empty_text = "''",
    .date_param = "CAST(? AS date)",
    .date_text = date_text,
    .time_us = time_us,
    .time_param = time_param,
    .bucket = bucket,
    .int_param = "CAST(? AS bigint)",
    .text_param = "CAST(? AS text)",
    .uuid_param = "CAST(? AS uuid)",
    .row_lock = "\nFOR UPDATE",
    .sole = "CASE WHEN pg_try_advisory_lock(7017280453) THEN 1 ELSE 0 END",
    .pick = pick,
    .rewrites = "pqopt", /* given twice it would leak in the driver */
    .connect_string = connect_string,
    .session = session,
    .driver_hint = "PostgreSQL",
    .begin_write = NULL,
    .begin_read = NULL,
    .patient = "SET statement_timeout = 0",
    .lock_progress = "LOCK TABLE consumer_offsets IN EXCLUSIVE MODE",
    .rollback = "ROLLBACK",
    .classify = classify,
    .refused = refused,
    .migrate_lock = migrate_lock,
    .book_make = PX_BOOK_MAKE,
    .book_extend = PX_BOOK_EXTEND,
    .book_note = PX_BOOK_NOTE,
    .columns_of = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(CAST(? AS text)) "
                  "AND attnum > 0 AND NOT attisdropped",
    .columns = "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
               "c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE n.nspname = "
               "current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT "
               "a.attisdropped ORDER BY c.relname, a.attname",
    .tls = "SELECT CASE WHEN ssl THEN 1 ELSE 0 END, COALESCE(version, ''), COALESCE(cipher, '') "
           "FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    .durable = durable_query,
    .connectable = connectable,
    .explain = px_tls_explain,
    .account = account_query,
    .rights = rights_query,
    .join = "GRANT ",
    .join_to = " TO ",
};
