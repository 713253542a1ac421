/* A SQL Server for tests, named by the environment: PX_TEST_SQLSERVER is an ODBC connection string
 * with a Database whose name holds "test" (every table of it is dropped, again and again),
 * PX_TEST_SQLSERVER_PASSWORD the password. docs/SQL-SERVER.md says how to set one up. */
#ifndef TEST_SQLSERVER_H
#define TEST_SQLSERVER_H

#include <px/sql.h>

/* test_mssql_why_not(): NULL when there is one, else the reason to skip. */
const char *test_mssql_why_not(void);
/* test_mssql_conf(ret): the database, emptied. Programs that do this at once wait for each other.
 * Fails the program when it cannot be reached or is not meant for tests. */
void test_mssql_conf(struct px_sql_conf *ret);

#endif
