/* A private PostgreSQL for tests: Debian's server in a temporary folder, on loopback and a free
 * port, ended with the test program however that ends. With PX_TEST_PG (an ODBC connection string
 * without Database) in the environment that server is used instead; its password comes from
 * PX_TEST_PG_PASSWORD. */
#ifndef TEST_POSTGRES_H
#define TEST_POSTGRES_H

#include <px/sql.h>

#define TEST_PG_USER     "postgres"
#define TEST_PG_PASSWORD "test;}secret"

/* test_pg_start(): NULL when a server is up, else why there is none (the package is missing): a
 * reason to skip. Fails the program when a server is installed but does not start. One per program.
 */
const char *test_pg_start(void);
void test_pg_stop(void); /* also run at exit */

/* test_pg_conf(ret): a fresh empty database and the configuration that reaches it. The strings live
 * until the end of the program. */
void test_pg_conf(struct px_sql_conf *ret);
/* test_pg_port(): 0 with PX_TEST_PG. */
int test_pg_port(void);
/* test_pg_pid(): of the postmaster; 0 with PX_TEST_PG. */
int test_pg_pid(void);

#endif
