/* The SQL Server of the environment: kept from other test programs by a lock of its own, emptied
 * before each test. */
#include "sqlserver.h"

#include <px/dialect.h>

#include <stdio.h>
#include <stdlib.h>

static struct px_sql *keeper; /* holds the lock until the program ends */

const char *test_mssql_why_not(void) {
    const char *cs = getenv("PX_TEST_SQLSERVER");
    return cs && *cs ? NULL : "PX_TEST_SQLSERVER names no server";
}

static struct px_sql_conf conf_of(px_us timeout) {
    const char *password = getenv("PX_TEST_SQLSERVER_PASSWORD");
    struct px_sql_conf c = {.connection = getenv("PX_TEST_SQLSERVER"),
                            .password = password ? password : "",
                            .statement_timeout = timeout,
                            .lock_timeout = 5 * PX_US_PER_S,
                            .tls = PX_SQL_TLS_ANY,
                            .zone = "UTC"};
    while (px_dialect_get((size_t)c.dialect) != px_dialect_find(PX_S("sqlserver"))) {
        c.dialect++;
    }
    return c;
}

static void run(struct px_str text) {
    struct px_err e = PX_ERR_INIT;
    if (px_sql_exec(keeper, text, &e)) {
        (void)fprintf(stderr, "test_mssql: %s\n", e.msg);
        exit(1);
    }
}

static void close_keeper(void) {
    px_sql_close(keeper);
}

static void open_keeper(void) {
    struct px_sql_conf c = conf_of(10 * PX_US_PER_MIN);
    struct px_err e = PX_ERR_INIT;
    if (px_sql_open(&c, PX_SQL_WRITE, &keeper, &e)) {
        (void)fprintf(stderr, "test_mssql: %s\n", e.msg);
        exit(1);
    }
    (void)atexit(close_keeper);
    run(PX_S("IF DB_NAME() NOT LIKE N'%test%' BEGIN; THROW 51206, N'the name of the database must "
             "hold test: all its tables are dropped', 1; END;"));
    run(PX_S("DECLARE @r int; EXEC @r = sp_getapplock @Resource = N'pixel-analytics tests', "
             "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 590000; "
             "IF @r < 0 BEGIN; THROW 51207, N'another test program keeps the database', 1; END;"));
}

void test_mssql_conf(struct px_sql_conf *ret) {
    if (!keeper) {
        open_keeper();
    }
    run(PX_S("DECLARE @s nvarchar(max) = N''; SELECT @s += N'DROP TABLE ' + QUOTENAME(name) + N';' "
             "FROM sys.tables WHERE schema_id = SCHEMA_ID(); EXEC(@s);"));
    *ret = conf_of(20 * PX_US_PER_S);
}
