/* A fresh, migrated database per test, on any dialect of the registry, and short ways to ask it.
 * Needs the repository's root as current folder (database/ is read from there). */
#ifndef TEST_SQL_FIXTURE_H
#define TEST_SQL_FIXTURE_H

#include <px/statements.h>

struct sql_fixture {
    const struct px_dialect *dialect;
    struct px_sql_conf conf;
    struct px_sql *s; /* WRITE, migrated */
    char dir[64];     /* of the SQLite file; "" elsewhere */
    char connection[160];
};

/* sql_fixture_why_not(d): NULL when tests can run on ${d}, else the reason to skip. Starts the
 * server. */
const char *sql_fixture_why_not(const struct px_dialect *d);
/* sql_fixture_each(i): the dialects that tests run on, like px_dialect_get(i); SQL Server, the last
 * one, only when the environment names a server (support/sqlserver.h). */
const struct px_dialect *sql_fixture_each(size_t i);
void sql_fixture_empty(struct sql_fixture *f,
                       const struct px_dialect *d);                       /* connected, no tables */
void sql_fixture_open(struct sql_fixture *f, const struct px_dialect *d); /* migrated             */
void sql_fixture_close(struct sql_fixture *f);
/* Another connection to the same database; close it with px_sql_close. */
struct px_sql *sql_fixture_connect(const struct sql_fixture *f, enum px_sql_use use);

/* For cmocka: a migrated database per test, of the dialect that sql_fixture_use named last. Get
 * skips the test when that database cannot be had. */
void sql_fixture_use(const struct px_dialect *d);
const struct px_dialect *sql_fixture_dialect(void); /* the one in use */
int sql_fixture_setup(void **state);
int sql_fixture_teardown(void **state);
struct sql_fixture *sql_fixture_get(void **state);
#define SQL_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, sql_fixture_setup, sql_fixture_teardown)
/* Runs the array ${tests} once per dialect and adds the failures to ${failed}. */
#define SQL_TEST_EACH_DIALECT(tests, failed)                                                       \
    for (size_t i_ = 0; sql_fixture_each(i_); i_++) {                                              \
        sql_fixture_use(sql_fixture_each(i_));                                                     \
        (failed) += cmocka_run_group_tests_name(px_dialect_get(i_)->name, tests, NULL, NULL);      \
    }

/* All of these fail the test when the database refuses. */
void sql_do(struct px_sql *s, const char *text);
int64_t sql_int(struct px_sql *s, const char *query); /* first column, first row  */
void sql_text(struct px_sql *s, const char *query, char *out,
              size_t cap); /* rows joined by '|' and '\n' */
struct px_stmt *sql_prepare(struct px_sql *s, const char *text);
struct px_stmt *sql_prepare_statement(struct px_sql *s, enum px_statement which);
/* EXPECT(f, which, want, params...): run with parameters given as text ("tvalue") or integers
 * ("i42"), or
 * "" for none, and compare the rows with ${want}. */
void sql_expect(const struct sql_fixture *f, enum px_statement which, const char *const *params,
                size_t n, const char *want);
#define EXPECT(f, which, want, ...)                                                                \
    sql_expect(f, which, (const char *const[]){__VA_ARGS__},                                       \
               PX_ARRAY_LEN(((const char *const[]){__VA_ARGS__})), want)
/* Renders with one of the dialect's functions and prepares. */
struct px_stmt *sql_prepare_set(struct px_sql *s, px_render_set *render,
                                const struct px_table_stmt *t);
struct px_rows *sql_rows(struct px_sql *s, const struct px_table_stmt *t);
/* Binds, runs, and gives all rows in the form of sql_text. */
void sql_run_rows(struct px_stmt *st, struct px_rows *r, char *out, size_t cap);
void sql_run(struct px_stmt *st, char *out, size_t cap);
/* The same rows in whatever order: what a statement that writes returns comes in none. */
void sql_same_rows(const char *out, const char *want);

#endif
