/* The ways back and across, on every dialect: undoing the last migration, schemas that are newer
 * than a program, databases that golang-migrate made. */
#include "migrate_fixture.h"

#include <px/dialect.h>
#include <px/mem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void says(const char *text, const char *what) {
    if (!strstr(text, what)) {
        fail_msg("'%s' does not say '%s'", text, what);
    }
}

static enum px_code down(struct migrate_fixture *c, bool lose_rows, const char *what) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    struct px_err e = PX_ERR_INIT;
    enum px_code code = px_migrate_down(c->f.s, c->dir, lose_rows, &out, &e);
    says(code ? e.msg : px_buf_cstr(&out), what);
    return code;
}

static void one_and_two(const struct migrate_fixture *c, const char *two_down) {
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text); CREATE TABLE u (x text);");
    migrate_put(c, "0001_first.down.sql", "DROP TABLE t; DROP TABLE u;");
    migrate_put(c, "0002_more.up.sql", "ALTER TABLE t ADD COLUMN y text;");
    migrate_put(c, "0002_more.down.sql", two_down);
}

static void test_down_undoes_one_step(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "ALTER TABLE t DROP COLUMN y;");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    assert_int_equal(down(c, false, "undone 0002_more.up.sql\n"), PX_OK);
    assert_int_equal(migrate_status_of(c).stored, 1);
    migrate_up_says(c, "applied 0002_more.up.sql\n");
    assert_int_equal(down(c, false, "undone 0002_more.up.sql\n"), PX_OK);
    assert_int_equal(down(c, false, "undone 0001_first.up.sql\n"), PX_OK);
    assert_int_equal(down(c, false, "nothing is applied\n"), PX_OK);
}

static void test_down_refuses_to_lose_rows(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "ALTER TABLE t DROP COLUMN y;");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    sql_do(c->f.s, "INSERT INTO t VALUES ('a', 'b')");
    sql_do(c->f.s, "INSERT INTO u VALUES ('a')");
    assert_int_equal(down(c, false, "0002_more.up.sql would lose rows of t: make a backup"),
                     PX_CONFIG);
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM t WHERE y = 'b'"), 1);
    assert_int_equal(migrate_status_of(c).stored, 2);
    assert_int_equal(down(c, true, "undone 0002_more.up.sql\n"), PX_OK);
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM t WHERE x = 'a'"), 1);
    assert_int_equal(down(c, false, "would lose rows of t, u: "), PX_CONFIG);
    assert_int_equal(down(c, true, "undone 0001_first.up.sql\n"), PX_OK);
}

/* Rows that a file deletes are lost as well; a file that deletes none needs no yes. */
static void test_down_tells_by_the_effect(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "DELETE FROM t; UPDATE u SET x = 'z';");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    sql_do(c->f.s, "INSERT INTO u VALUES ('a')");
    assert_int_equal(down(c, false, "undone 0002_more.up.sql\n"), PX_OK);
    sql_do(c->f.s, "ALTER TABLE t DROP COLUMN y");
    migrate_up_says(c, "applied 0002_more.up.sql\n");
    sql_do(c->f.s, "INSERT INTO t VALUES ('a', 'b')");
    assert_int_equal(down(c, false, "would lose rows of t: "), PX_CONFIG);
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM t"), 1);
}

static void test_down_that_fails_leaves_all_as_it_was(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    char path[256];
    one_and_two(c, "DROP TABLE u; DROP TABLE nothing_of_the_kind;");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    assert_int_equal(down(c, false, "0002_more.up.sql, statement 2"), PX_SCHEMA);
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM u"), 0);
    assert_int_equal(migrate_status_of(c).stored, 2);
    (void)snprintf(path, sizeof path, "%s/0002_more.down.sql", c->sub);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(down(c, false, "0002_more.down.sql"), PX_IO);
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text, y text);");
    assert_int_equal(down(c, true, "0001_first.up.sql was changed"), PX_SCHEMA);
}

/* Every allocation fails once: the step is undone whole or not at all. */
static void test_down_survives_failing_memory(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    enum px_code code = PX_NOMEM;
    unsigned n = 0;
    one_and_two(c, "ALTER TABLE t DROP COLUMN y;");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    while (code && n < 1000) {
        PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
        struct px_err e = PX_ERR_INIT;
        px_mem_fail_at(++n);
        code = px_migrate_down(c->f.s, c->dir, false, &out, &e);
        px_mem_fail_at(0);
        if (code && code != PX_NOMEM) {
            fail_msg("allocation %u: %s %s", n, px_code_name(code), e.msg);
        }
        int stored = migrate_status_of(c).stored;
        sql_do(c->f.s, stored == 2 ? "SELECT y FROM t" : "SELECT x FROM t");
        if (code && stored == 1) { /* only the word that it is done was lost */
            migrate_up_says(c, "applied 0002_more.up.sql\n");
        }
    }
    assert_int_equal(code, PX_OK);
    assert_true(n > 20);
    assert_int_equal(migrate_status_of(c).stored, 1);
}

/* --- schemas that are newer than a program -----------------------------------------------------
 */

/* What a program thinks of the database whose files end at version 1. */
static enum px_code fits(struct migrate_fixture *c, const char *what) {
    char path[256], text[256] = "";
    struct px_err e = PX_ERR_INIT;
    (void)snprintf(path, sizeof path, "%s/0002_more.up.sql", c->sub);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/0003_last.up.sql", c->sub);
    (void)unlink(path);
    struct px_migration_state st = migrate_status_of(c);
    enum px_code code = px_migrate_fits(&st, text, sizeof text, &e);
    says(code ? e.msg : text, what);
    return code;
}

static void test_a_newer_schema_lets_older_programs_run_when_it_says_so(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "");
    migrate_put(c, "0002_more.up.sql",
                "-- More.\n-- px: runs-with-from 1\nALTER TABLE t ADD COLUMN y text;");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    assert_int_equal(fits(c, "version 2, which lets programs of version 1 go on"), PX_OK);
    migrate_refused(c, PX_SCHEMA, "0002_more.up.sql is applied and newer than the files");
    assert_int_equal(down(c, true, "0002_more.up.sql is newer than the files"), PX_SCHEMA);
    sql_do(c->f.s, "UPDATE px_schema_migrations SET runs_with_from = 0"); /* of another runner */
    assert_int_equal(fits(c, "wants programs that know 2, this one knows 1"), PX_SCHEMA);
}

static void test_a_newer_schema_refuses_older_programs_by_default(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "");
    migrate_put(c, "0003_last.up.sql", "-- px: runs-with-from 1\nCREATE TABLE v (x text);");
    migrate_up_says(
        c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\napplied 0003_last.up.sql\n");
    assert_int_equal(fits(c, "at version 3 and wants programs that know 2"), PX_SCHEMA);
}

static void test_the_header_must_be_right(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    static const char *const wrong[] = {"-- px: runs-with-from 3\n",   "-- px: runs-with-from 0\n",
                                        "-- px: runs-with-from one\n", "-- px: run-with-from 1\n",
                                        "-- px:runs-with-from 1\n",    "-- a\n-- px: \n"};
    for (size_t i = 0; i < PX_ARRAY_LEN(wrong); i++) {
        migrate_put(c, "0002_more.up.sql", wrong[i]);
        migrate_refused(c, PX_CONFIG, "0002_more.up.sql: a line \"-- px:\" must read");
    }
    migrate_put(c, "0002_more.up.sql",
                "CREATE TABLE t (x text);\n-- px: only among the first comments\n");
    migrate_up_says(c, "applied 0002_more.up.sql\n");
}

/* The book of a release that did not know runs-with-from gets the column. */
static void test_an_older_book_is_extended(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    sql_do(c->f.s, "ALTER TABLE px_schema_migrations DROP COLUMN runs_with_from");
    assert_int_equal(migrate_status_of(c).stored, 2);
    migrate_put(c, "0003_last.up.sql", "CREATE TABLE v (x text);");
    migrate_up_says(c, "applied 0003_last.up.sql\n");
    assert_int_equal(sql_int(c->f.s, "SELECT SUM(runs_with_from) FROM px_schema_migrations"), 3);
}

/* --- golang-migrate -----------------------------------------------------------------------------
 */

static enum px_code adopt(struct migrate_fixture *c, const char *what) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    struct px_err e = PX_ERR_INIT;
    enum px_code code = px_migrate_adopt(c->f.s, c->dir, &out, &e);
    says(code ? e.msg : px_buf_cstr(&out), what);
    return code;
}

static void test_adopt_takes_over_what_golang_migrate_made(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    one_and_two(c, "");
    migrate_put(c, "0003_last.up.sql", "CREATE TABLE v (x text);");
    assert_int_equal(adopt(c, "no schema_migrations of golang-migrate"), PX_SCHEMA);
    sql_do(c->f.s, "CREATE TABLE t (x text, y text)");
    sql_do(c->f.s, "CREATE TABLE u (x text)");
    sql_do(c->f.s, "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty "
                   "boolean NOT NULL)");
    sql_do(c->f.s, "INSERT INTO schema_migrations VALUES (2, true)");
    migrate_refused(c, PX_SCHEMA,
                    "golang-migrate made this database (schema_migrations says version 2)");
    assert_int_equal(adopt(c, "version 2 is dirty"), PX_SCHEMA);
    sql_do(c->f.s, "UPDATE schema_migrations SET dirty = false, version = 7");
    assert_int_equal(adopt(c, "says version 7, for which"), PX_SCHEMA);
    sql_do(c->f.s, "UPDATE schema_migrations SET version = 2");
    assert_true(migrate_status_of(c).foreign);
    assert_int_equal(fits(c, "--migrate=adopt"), PX_SCHEMA);
    one_and_two(c, "");
    migrate_put(c, "0003_last.up.sql", "CREATE TABLE v (x text);");

    assert_int_equal(adopt(c, "adopted 0001_first.up.sql\nadopted 0002_more.up.sql\n"), PX_OK);
    assert_int_equal(adopt(c, "0002_more.up.sql here already"), PX_SCHEMA);
    assert_false(migrate_status_of(c).foreign);
    migrate_up_says(c, "applied 0003_last.up.sql\n");
    assert_string_equal(migrate_status_of(c).drift, "");
}

#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, migrate_fixture_setup, migrate_fixture_teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(test_down_undoes_one_step),
        T(test_down_refuses_to_lose_rows),
        T(test_down_tells_by_the_effect),
        T(test_down_that_fails_leaves_all_as_it_was),
        T(test_down_survives_failing_memory),
        T(test_a_newer_schema_lets_older_programs_run_when_it_says_so),
        T(test_a_newer_schema_refuses_older_programs_by_default),
        T(test_the_header_must_be_right),
        T(test_an_older_book_is_extended),
        T(test_adopt_takes_over_what_golang_migrate_made),
    };
    int failed = 0;
    /* These migrations are worded for SQLite and PostgreSQL. */
    for (size_t i = 0; strcmp(px_dialect_get(i)->name, "sqlserver") != 0; i++) {
        sql_fixture_use(px_dialect_get(i));
        failed += cmocka_run_group_tests_name(px_dialect_get(i)->name, tests, NULL, NULL);
    }
    return failed;
}
