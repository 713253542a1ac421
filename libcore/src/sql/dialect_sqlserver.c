/* SQL Server (from 2016 on), through Microsoft's driver or FreeTDS: rows as one JSON text for
 * OPENJSON, transactions by text, so that COMMIT fails when the server has rolled back before.
 * With XACT_ABORT any error ends the transaction on the server: nothing partial can ever commit.
 *
 * No statement of this file has run on a server yet; docs/SQL-SERVER.md says what was tried. */
#include <px/num.h>

#include "internal.h"

#include <stdio.h>

#define EPOCH "CAST('1970-01-01' AS datetime2(6))"

static void date_text(struct px_buf *out, const char *column) {
    px_buf_printf(out, "CONVERT(char(10), %s, 23)", column);
}

static void time_us(struct px_buf *out, const char *column) {
    px_buf_printf(out, "DATEDIFF_BIG(microsecond, " EPOCH ", %s)", column);
}

/* DATEADD takes 32 bits: seconds would end in 2038, minutes do not. */
static void add_us(struct px_buf *out, const char *us) {
    px_buf_printf(out,
                  "DATEADD(microsecond, CAST(%s %% 60000000 AS int), "
                  "DATEADD(minute, CAST(%s / 60000000 AS int), " EPOCH "))",
                  us, us);
}

static void time_param(struct px_buf *out) {
    px_buf_c(out, "(SELECT ");
    add_us(out, "p.us");
    px_buf_c(out, " FROM (SELECT CAST(? AS bigint) AS us) AS p)");
}

static void bucket(struct px_buf *out, const char *column, px_us width) {
    PX_DEFER(px_buf_fini) struct px_buf us = PX_BUF_INIT(512);
    px_buf_c(&us, "(");
    time_us(&us, column);
    px_buf_printf(&us, " / %lld * %lld)", (long long)width, (long long)width);
    add_us(out, px_buf_cstr(&us));
}

static void pick(struct px_buf *out, enum px_op op, const char *stored, const char *given) {
    px_buf_printf(out, "CASE WHEN %s IS NULL OR %s %s %s THEN %s ELSE %s END", given, stored,
                  op == PX_OP_MIN ? "<=" : ">=", given, stored, given);
}

/* --- the session -------------------------------------------------------------------------------
 */

/* FreeTDS cuts long texts at its own TEXTSIZE; keys with computed columns want the ANSI settings.
 */
static const char settings[] =
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, "
    "QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; SET NOCOUNT ON; SET XACT_ABORT ON; "
    "SET LANGUAGE us_english; SET DATEFORMAT ymd; SET TEXTSIZE 2147483647; ";

/* Compatibility level, and the two kinds of snapshots. Asked before the isolation is set: the view
 * belongs to another database. The version says nothing, Azure counts its own. */
static const char able[] = "SELECT compatibility_level, CAST(is_read_committed_snapshot_on AS int),"
                           "\n    snapshot_isolation_state\nFROM sys.databases WHERE database_id = "
                           "DB_ID()";

static enum px_code judge_able(const struct px_stmt *st, struct px_err *reterr) {
    if (px_col_i64(st, 0) < 130) {
        return PX_FAIL(
            reterr, PX_CONFIG,
            "sqlserver: compatibility level %d knows no OPENJSON: ALTER DATABASE CURRENT "
            "SET COMPATIBILITY_LEVEL = 130 (SQL Server 2016) or higher",
            (int)px_col_i64(st, 0));
    }
    if (px_col_i64(st, 1) != 1) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "sqlserver: writers would make readers wait: ALTER DATABASE CURRENT SET "
                       "READ_COMMITTED_SNAPSHOT ON");
    }
    if (px_col_i64(st, 2) != 1) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "sqlserver: the API reads snapshots: ALTER DATABASE CURRENT SET "
                       "ALLOW_SNAPSHOT_ISOLATION ON");
    }
    return PX_OK;
}

static enum px_code check_able(struct px_sql *s, struct px_err *reterr) {
    struct px_stmt *st = NULL;
    enum px_code code = px_sql_prepare(s, px_str_c(able), &st, reterr);
    code = code ? code : px_stmt_run(st, reterr);
    code = code ? code : px_stmt_next(st, reterr);
    code = code ? code : judge_able(st, reterr);
    px_stmt_free(st);
    return code;
}

static enum px_code session(struct px_sql *s, const struct px_sql_conf *c, enum px_sql_use use,
                            struct px_err *reterr) {
    static const struct px_str snapshot = PX_S_INIT("SET TRANSACTION ISOLATION LEVEL SNAPSHOT");
    static const struct px_str committed =
        PX_S_INIT("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
    s->statement_timeout = c->statement_timeout;
    s->lock_timeout = c->lock_timeout;
    s->query_timeout = c->statement_timeout;
    px_buf_printf(&b, "%sSET LOCK_TIMEOUT %lld", settings,
                  (long long)(c->lock_timeout / PX_US_PER_MS));
    enum px_code code = px_buf_ok(&b, reterr);
    code = code ? code : px_sql_exec(s, px_buf_view(&b), reterr);
    code = code ? code : check_able(s, reterr);
    return code ? code : px_sql_exec(s, use == PX_SQL_READ ? snapshot : committed, reterr);
}

/* --- errors ------------------------------------------------------------------------------------
 */

struct meaning {
    enum px_code code;
    int native[16]; /* ends with 0 */
};
static const struct meaning meanings[] = {
    /* deadlock, lock timeout, no lock or memory or room, snapshot conflict, limits of Azure, a
     * transaction that the server had ended, another migrator */
    {PX_SQL_RETRY,
     {1205, 1222, 1204, 701, 8645, 9002, 1105, 3960, 10928, 10929, 49918, 49919, 49920, 3902,
      51205}},
    /* duplicate keys, constraints, NULL, too long, not that type, no JSON */
    {PX_SQL_DATA, {2627, 2601, 547, 515, 2628, 8152, 245, 8114, 241, 242, 8115, 220, 13609}},
    {PX_SCHEMA, {208, 207, 2812}},
    /* on an object, a column, the database, the server; the login itself */
    {PX_DENIED,
     {229, 230, 262, 297, 300, 371, 15247, 18456, 18470, 18486, 18487, 18488, 4060, 4064}},
    {PX_CONFIG, {3951, 3952, 911}},
    /* the network, a killed session, a shutdown, another replica, a read-only database, Azure */
    {PX_SQL_LOST,
     {233, 64, 121, 10053, 10054, 10060, 10061, 596, 6005, 17142, 976, 978, 983, 3906, 3908}},
    {PX_SQL_LOST, {40197, 40501, 40613, 40143, 40166, 4221}},
    /* FreeTDS itself: connecting, timeout, reading, writing, end of file, dead */
    {PX_SQL_LOST, {20002, 20003, 20004, 20006, 20009, 20017, 20047}},
};

static enum px_code by_native(int native) {
    for (size_t i = 0; i < PX_ARRAY_LEN(meanings); i++) {
        for (const int *n = meanings[i].native; n < meanings[i].native + 16 && *n; n++) {
            if (*n == native) {
                return meanings[i].code;
            }
        }
    }
    return PX_OK;
}

static enum px_code classify(const char sqlstate[6], int native, const char *message) {
    static const struct px_sqlstate table[] = {
        {"28", PX_DENIED},     {"08", PX_SQL_LOST},  {"HYT01", PX_SQL_LOST}, {"HYT00", PX_TIMEOUT},
        {"HY008", PX_TIMEOUT}, {"40", PX_SQL_RETRY}, {"22", PX_SQL_DATA},    {"23", PX_SQL_DATA},
        {"42S02", PX_SCHEMA},  {"42S22", PX_SCHEMA}, {"S1T00", PX_TIMEOUT},
    };
    enum px_code known = by_native(native);
    if (known) {
        return known;
    }
    if (strstr(message, "Login timeout")) {
        return PX_SQL_LOST;
    }
    return px_sqlstate_code(table, PX_ARRAY_LEN(table), sqlstate);
}

static bool refused(const char sqlstate[6], int native) {
    static const int natives[] = {1205, 2627, 2601, 547, 3902, 3960};
    for (size_t i = 0; i < PX_ARRAY_LEN(natives); i++) {
        if (natives[i] == native) {
            return true;
        }
    }
    return strncmp(sqlstate, "23", 2) == 0 || strncmp(sqlstate, "40001", 5) == 0;
}

/* --- migrations --------------------------------------------------------------------------------
 */

static enum px_code migrate_lock(struct px_sql *s, bool take, struct px_err *reterr) {
    /* Neither begins with EXEC, which FreeTDS would take for a call of its own making. */
    static const char get[] =
        "DECLARE @r int; EXEC @r = sp_getapplock @Resource = N'pixel-analytics migrations', "
        "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 60000; "
        "IF @r < 0 BEGIN; THROW 51205, N'another migrator has held the lock for a minute', 1; END;";
    static const char let_go[] = "DECLARE @r int; EXEC @r = sp_releaseapplock @Resource = "
                                 "N'pixel-analytics migrations', @LockOwner = 'Session';";
    s->query_timeout = take ? 0 : s->statement_timeout;
    return px_sql_exec(s, px_str_c(take ? get : let_go), reterr);
}

/* Commits that may be delayed are those that ask for it, and ours do not; forced is another matter.
 */
static const char durable_query[] =
    "SELECT N'DELAYED_DURABILITY=' + delayed_durability_desc,\n"
    "    CASE WHEN delayed_durability_desc = 'FORCED' THEN 1 ELSE 0 END,\n"
    "    N'ALTER DATABASE CURRENT SET DELAYED_DURABILITY = DISABLED;'\n"
    "FROM sys.databases WHERE database_id = DB_ID()";

/* --- rights ------------------------------------------------------------------------------------
 */

#define ANY_MAY(securable, class, right)                                                           \
    "COALESCE(HAS_PERMS_BY_NAME(" securable ", " class ", '" right "'), 0)"
static const char account_query[] =
    "SELECT QUOTENAME(USER_NAME()),\n"
    "    CASE WHEN IS_SRVROLEMEMBER('sysadmin') = 1 OR "
    "IS_ROLEMEMBER('db_owner') = 1 THEN 1 ELSE 0 "
    "END,\n    CASE WHEN SCHEMA_NAME() IS NULL THEN 1 ELSE 0 "
    "END,\n    " ANY_MAY("QUOTENAME(DB_NAME())", "'DATABASE'", "ALTER ANY ROLE") ",\n    " ANY_MAY(
        "NULL", "NULL",
        "CREATE ANY DATABASE") ", 0,\n    " ANY_MAY("QUOTENAME(DB_"
                                                    "NAME())",
                                                    "'DATABASE'",
                                                    "ALTER ANY "
                                                    "SECURITY "
                                                    "POLICY") ",\n "
                                                              "  "
                                                              " " ANY_MAY(
                                                                  "QUOTENAME(DB_NAME())",
                                                                  "'DATABASE'",
                                                                  "CREATE TABLE") ",\n    " ANY_MAY("QUOTENAME(DB_NAME())",
                                                                                                    "'DATABASE'",
                                                                                                    "CREATE SCHEMA");

/* Of whole tables: px_agg is granted the ids of events, to tell those that are stored already, and
 * that is no right to read events. */
#define MAY(right) "COALESCE(HAS_PERMS_BY_NAME(o.n, 'OBJECT', '" right "'), 0)"
static const char rights_query[] =
    "SELECT o.name, 2 * " MAY("SELECT") ",\n    2 * " MAY("INSERT") ",\n    2 * " MAY(
        "UPDATE") ",\n    2 * " MAY("DELETE") ",\n    2 * " MAY("ALTER") ",\n    " MAY("CONTRO"
                                                                                       "L") "\n"
                                                                                            "FR"
                                                                                            "OM"
                                                                                            " ("
                                                                                            "SE"
                                                                                            "LE"
                                                                                            "CT"
                                                                                            " t"
                                                                                            ".n"
                                                                                            "am"
                                                                                            "e,"
                                                                                            " Q"
                                                                                            "UO"
                                                                                            "TE"
                                                                                            "NA"
                                                                                            "ME"
                                                                                            "(S"
                                                                                            "CH"
                                                                                            "EM"
                                                                                            "A_"
                                                                                            "NA"
                                                                                            "ME"
                                                                                            "(t"
                                                                                            ".s"
                                                                                            "ch"
                                                                                            "em"
                                                                                            "a_"
                                                                                            "id"
                                                                                            "))"
                                                                                            " +"
                                                                                            " N"
                                                                                            "'."
                                                                                            "' "
                                                                                            "+ "
                                                                                            "QU"
                                                                                            "OT"
                                                                                            "EN"
                                                                                            "AM"
                                                                                            "E("
                                                                                            "t."
                                                                                            "na"
                                                                                            "me"
                                                                                            ") "
                                                                                            "AS"
                                                                                            " n"
                                                                                            "\n"
                                                                                            "  "
                                                                                            "  "
                                                                                            "FR"
                                                                                            "OM"
                                                                                            " s"
                                                                                            "ys"
                                                                                            ".t"
                                                                                            "ab"
                                                                                            "le"
                                                                                            "s "
                                                                                            "AS"
                                                                                            " t"
                                                                                            " W"
                                                                                            "HE"
                                                                                            "RE"
                                                                                            " t"
                                                                                            ".s"
                                                                                            "ch"
                                                                                            "em"
                                                                                            "a_"
                                                                                            "id"
                                                                                            " ="
                                                                                            " S"
                                                                                            "CH"
                                                                                            "EM"
                                                                                            "A_"
                                                                                            "ID"
                                                                                            "()"
                                                                                            ") "
                                                                                            "AS"
                                                                                            " o"
                                                                                            "\n"
                                                                                            "OR"
                                                                                            "DE"
                                                                                            "R "
                                                                                            "BY"
                                                                                            " o"
                                                                                            ".n"
                                                                                            "am"
                                                                                            "e";

const struct px_dialect px_dialect_sqlserver = {
    .name = "sqlserver",
    .package = "tdsodbc (FreeTDS), or Microsoft's msodbcsql18",
    .unreachable = "is the server up, and are Server, Port and Database right?",
    .unproven = "the dialect sqlserver is parsed, but has never run on a server: "
                "docs/SQL-SERVER.md",
    .rows_as_columns = false,
    .claim = px_tsql_claim,
    .upsert = px_tsql_upsert,
    .upsert_from = px_tsql_upsert_from,
    .append = px_tsql_append,
    .lookup = px_tsql_lookup,
    .fence = px_tsql_fence,
    .rows = px_tsql_rows,
    .narrow = true,
    .text_size = "DATALENGTH",
    .own = px_tsql_own,
    .dml = "",
    .text_value = "CAST(? AS nvarchar(4000))" PX_TSQL_COLLATE,
    .null_time = "CAST(NULL AS datetime2(6))",
    .empty_text = "CAST('' AS nvarchar(4000))" PX_TSQL_COLLATE,
    .date_param = "CAST(? AS date)",
    .date_text = date_text,
    .time_us = time_us,
    .time_param = time_param,
    .bucket = bucket,
    .int_param = "CAST(? AS bigint)",
    .text_param = "CAST(? AS nvarchar(4000))" PX_TSQL_COLLATE,
    .uuid_param =
        "CAST(? AS char(36))" PX_TSQL_COLLATE, /* their own type sorts by its last bytes */
    .row_lock = "",                            /* a hint in the statement of its own   */
    .sole = "0",                               /* likewise: a procedure, no expression */
    .pick = pick,
    .rewrites = NULL,
    .connect_string = px_encrypt_connect_string,
    .session = session,
    .driver_hint = "SQL Server",
    .begin_write = "BEGIN TRANSACTION",
    .begin_read = "BEGIN TRANSACTION",
    .rollback = "IF @@TRANCOUNT > 0 ROLLBACK", /* an error may have rolled back already */
    .wide = true,
    .drains = true,
    .column_bytes = 8192,
    .patient = "SET DEADLOCK_PRIORITY LOW",
    .lock_progress = "DECLARE @n bigint; SELECT @n = COUNT_BIG(*) FROM consumer_offsets WITH "
                     "(TABLOCKX, HOLDLOCK)",
    .classify = classify,
    .refused = refused,
    .migrate_lock = migrate_lock,
    .columns_of = "SELECT c.name FROM sys.columns AS c WHERE c.object_id = "
                  "OBJECT_ID(CAST(? AS nvarchar(256)), N'U')",
    .columns = "SELECT t.name, c.name FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = "
               "t.object_id WHERE t.schema_id = SCHEMA_ID() ORDER BY t.name, c.name",
    .book_make =
        "IF OBJECT_ID(N'px_schema_migrations', N'U') IS NULL CREATE TABLE "
        "px_schema_migrations (version bigint NOT NULL PRIMARY KEY, name nvarchar(128) NOT "
        "NULL, checksum nvarchar(64) NOT NULL, applied_at nvarchar(64) NOT NULL, "
        "duration_ms bigint NOT NULL, runs_with_from bigint NOT NULL DEFAULT 0)",
    .book_extend = "ALTER TABLE px_schema_migrations ADD runs_with_from bigint NOT NULL DEFAULT 0",
    .book_note =
        "INSERT INTO px_schema_migrations (version, name, checksum, applied_at, duration_ms, "
        "runs_with_from) VALUES (CAST(? AS bigint), CAST(? AS nvarchar(4000)), "
        "CAST(? AS nvarchar(4000)), CONVERT(nvarchar(64), SYSUTCDATETIME(), 121), "
        "CAST(? AS bigint), CAST(? AS bigint))",
    .durable = durable_query,
    .tls = NULL, /* seeing it takes a right that no service needs */
    .tls_asked = px_encrypt_asked,
    .connectable = px_encrypt_connectable,
    .explain = px_encrypt_explain,
    .account = account_query,
    .rights = rights_query,
    .hides = true,
    .join = "ALTER ROLE ",
    .join_to = " ADD MEMBER ",
};
