/* The migration runner on every dialect, and the schema that comes of it:
 * database/<dialect>/schema.sql is what the migrations make (PX_GOLDEN=write refreshes it), and
 * both dialects have the same tables, columns and keys. */
#include "migrate_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_migrate_applies_in_order_and_once(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    migrate_put(c, "0002_more.up.sql",
                "INSERT INTO t VALUES ('a;b'); -- it's; a comment?\nINSERT INTO t "
                "VALUES ('c'); /* ; ' ? */\n");
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    migrate_put(c, "0001_first.down.sql", "DROP TABLE t;");
    struct px_migration_state s = migrate_status_of(c);
    assert_int_equal(s.stored, 0);
    assert_int_equal(s.available, 2);
    assert_int_equal(s.pending, 2);

    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    migrate_up_says(c, "");
    s = migrate_status_of(c);
    assert_int_equal(s.stored, 2);
    assert_int_equal(s.pending, 0);
    assert_string_equal(s.drift, "");
    char out[256];
    sql_text(c->f.s, "SELECT x FROM t ORDER BY x", out, sizeof out);
    assert_string_equal(out, "a;b\nc");
    migrate_put(c, "0003_later.up.sql", "DROP TABLE t;");
    migrate_up_says(c, "applied 0003_later.up.sql\n");
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM px_schema_migrations WHERE "
                                     "length(checksum) = 64 AND duration_ms >= 0"),
                     3);
}

static void test_migrate_refuses_drift(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    migrate_up_says(c, "applied 0001_first.up.sql\n");
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text, y text);");
    migrate_put(c, "0002_more.up.sql", "CREATE TABLE u (x text);");
    assert_non_null(strstr(migrate_status_of(c).drift, "0001_first.up.sql"));
    migrate_refused(c, PX_SCHEMA, "0001_first.up.sql");
    assert_int_equal(migrate_status_of(c).pending, 1);
}

static void test_migrate_refuses_an_unknown_version(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    char path[256];
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    migrate_put(c, "0002_more.up.sql", "CREATE TABLE u (x text);");
    migrate_up_says(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    (void)snprintf(path, sizeof path, "%s/0002_more.up.sql", c->sub);
    assert_int_equal(unlink(path), 0);
    migrate_refused(c, PX_SCHEMA, "0002_more.up.sql");
}

static void test_migrate_undoes_a_file_that_fails(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    migrate_put(c, "0002_bad.up.sql", "CREATE TABLE u (x text); CREATE TABLE u (x text);");
    migrate_refused(c, PX_SQL, "0002_bad.up.sql, statement 2");
    assert_int_equal(migrate_status_of(c).stored, 1);
    migrate_put(c, "0002_bad.up.sql", "CREATE TABLE u (x text);");
    migrate_up_says(c, "applied 0002_bad.up.sql\n");
}

static void test_migrate_names_wrong_files(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_migration_state st;
    migrate_put(c, "1_first.up.sql", "SELECT 1;");
    migrate_refused(c, PX_CONFIG, "1_first.up.sql");
    char path[256];
    (void)snprintf(path, sizeof path, "%s/1_first.up.sql", c->sub);
    assert_int_equal(unlink(path), 0);
    migrate_put(c, "0001_a.up.sql", "SELECT 1;");
    migrate_put(c, "0001_b.up.sql", "SELECT 1;");
    migrate_refused(c, PX_CONFIG, "version 1 twice");
    assert_int_equal(px_migrate_status(c->f.s, "/nonexistent", &st, &e), PX_IO);
}

static void test_migrate_tells_status_and_plan(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    char want[256];
    migrate_put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    migrate_up_says(c, "applied 0001_first.up.sql\n");
    migrate_put(c, "0002_more.up.sql", "-- why\nCREATE TABLE u (x text);\n\nDROP TABLE t;");
    assert_int_equal(px_migrate_text(c->f.s, c->dir, false, &out, &e), PX_OK);
    (void)snprintf(want, sizeof want,
                   "applied  0001_first.up.sql\npending  0002_more.up.sql\n%s: 1 applied, 1 "
                   "pending\n",
                   c->f.dialect->name);
    assert_string_equal(px_buf_cstr(&out), want);
    px_buf_reset(&out);
    assert_int_equal(px_migrate_text(c->f.s, c->dir, true, &out, &e), PX_OK);
    assert_string_equal(px_buf_cstr(&out),
                        "-- 0002_more.up.sql\nCREATE TABLE u (x text);\nDROP TABLE t;\n");
}

/* --- two runners at once --- */

struct runner {
    const struct migrate_fixture *c;
    pthread_barrier_t *start;
    enum px_code code;
    struct px_err err;
};

static void *run_up(void *arg) {
    struct runner *r = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    struct px_sql *s = NULL;
    (void)pthread_barrier_wait(r->start);
    r->code = px_sql_open(&r->c->f.conf, PX_SQL_WRITE, &s, &r->err);
    r->code = r->code ? r->code : px_migrate_up(s, r->c->dir, &out, &r->err);
    px_sql_close(s);
    return NULL;
}

static void test_migrate_runs_twice_at_once(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    enum {
        RUNNERS = 4
    };
    pthread_t t[RUNNERS];
    pthread_barrier_t start;
    struct runner r[RUNNERS];
    for (int i = 1; i <= 20; i++) {
        char name[64];
        char text[128];
        (void)snprintf(name, sizeof name, "%04d_t.up.sql", i);
        (void)snprintf(text, sizeof text,
                       "CREATE TABLE t%d (x text); INSERT INTO t%d VALUES ('1');", i, i);
        migrate_put(c, name, text);
    }
    assert_int_equal(pthread_barrier_init(&start, NULL, RUNNERS), 0);
    for (int i = 0; i < RUNNERS; i++) {
        r[i] = (struct runner){.c = c, .start = &start};
        assert_int_equal(pthread_create(&t[i], NULL, run_up, &r[i]), 0);
    }
    for (int i = 0; i < RUNNERS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&start);
    for (int i = 0; i < RUNNERS; i++) {
        if (r[i].code) {
            fail_msg("runner %d: %s", i, r[i].err.msg);
        }
    }
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM px_schema_migrations"), 20);
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM t20"), 1);
}

/* --- the schema --- */

static void read_all(const char *path, struct px_buf *out) {
    FILE *f = fopen(path, "re");
    char chunk[4096];
    size_t n;
    while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        px_buf_add(out, chunk, n);
    }
    if (f) {
        (void)fclose(f);
    }
}

static void golden(const char *path, struct px_buf *got) {
    const char *mode = getenv("PX_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(got->p, 1, got->n, f), got->n);
        assert_int_equal(fclose(f), 0);
        return;
    }
    PX_DEFER(px_buf_fini) struct px_buf want = PX_BUF_INIT(1 << 20);
    read_all(path, &want);
    if (!px_str_eq(px_buf_view(got), px_buf_view(&want))) {
        fail_msg("%s is not what the migrations make; run `make golden` and review the change",
                 path);
    }
}

/* Every table as: name, columns (with type and NULL), primary key, indexes; sorted by name. */
static const char *const shape_sqlite =
    "SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name";
static const char *const shape_postgresql =
    "SELECT text FROM (SELECT t.table_name AS n, 1 AS o, 'CREATE TABLE ' || t.table_name || E' "
    "(\\n' || "
    "(SELECT string_agg('    ' || quote_ident(c.column_name) || ' ' || c.data_type || CASE WHEN "
    "c.is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || "
    "c.column_default, "
    "''), E',\\n' ORDER BY c.ordinal_position) FROM information_schema.columns AS c WHERE "
    "c.table_schema = t.table_schema AND c.table_name = t.table_name) || E',\\n    PRIMARY KEY (' "
    "|| "
    "(SELECT string_agg(quote_ident(k.column_name), ', ' ORDER BY k.ordinal_position) FROM "
    "information_schema.key_column_usage AS k WHERE k.table_schema = t.table_schema AND "
    "k.table_name "
    "= t.table_name) || E')\\n)' || COALESCE((SELECT ' WITH (' || array_to_string(p.reloptions, ', "
    "') "
    "|| ')' FROM pg_class AS p WHERE p.relname = t.table_name AND p.reloptions IS NOT NULL), '') "
    "|| "
    "';' AS text FROM information_schema.tables AS t WHERE t.table_schema = 'public' UNION ALL "
    "SELECT "
    "i.tablename, 2, replace(i.indexdef, 'public.', '') || ';' FROM pg_indexes AS i WHERE "
    "i.schemaname "
    "= 'public' AND i.indexname NOT LIKE '%\\_pkey') AS s ORDER BY n, o, text";

static void test_schema_file_is_what_the_migrations_make(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 20);
    char path[128];
    char *text = calloc(1, MIGRATE_OUT);
    assert_non_null(text);
    if (px_migrate_up(c->f.s, "database", &out, &e)) {
        fail_msg("%s", e.msg);
    }
    sql_text(c->f.s, strcmp(c->f.dialect->name, "sqlite") == 0 ? shape_sqlite : shape_postgresql,
             text, MIGRATE_OUT);
    px_buf_reset(&out);
    px_buf_printf(&out,
                  "-- Generated by `make golden` from the migrations beside it; do not edit.\n%s\n",
                  text);
    free(text);
    (void)snprintf(path, sizeof path, "database/%s/schema.sql", c->f.dialect->name);
    golden(path, &out);
}

/* Tables, columns, which may be NULL, and keys, in one normal form for all dialects. */
static const char *const normal_sqlite = "SELECT m.name || '.' || c.name || ' null=' || (CASE WHEN "
                                         "c.\"notnull\" OR c.pk THEN 0 ELSE 1 END) || "
                                         "' key=' || c.pk FROM sqlite_master AS m, "
                                         "pragma_table_info(m.name) AS c WHERE m.type = 'table' "
                                         "ORDER BY m.name, c.cid";
static const char *const normal_postgresql =
    "SELECT c.table_name || '.' || c.column_name || ' null=' || (CASE WHEN c.is_nullable = 'NO' "
    "THEN 0 "
    "ELSE 1 END) || ' key=' || COALESCE((SELECT k.ordinal_position FROM "
    "information_schema.key_column_usage AS k WHERE k.table_name = c.table_name AND k.table_schema "
    "= "
    "c.table_schema AND k.column_name = c.column_name), 0) FROM information_schema.columns AS c "
    "WHERE "
    "c.table_schema = 'public' ORDER BY CAST(c.table_name AS text) COLLATE \"C\", "
    "c.ordinal_position";

/* Without the sizes that SQL Server keeps with texts of a key. */
static const char *const normal_sqlserver =
    "SELECT t.name + N'.' + c.name + N' null=' + CAST(CAST(c.is_nullable AS int) AS nvarchar(2)) "
    "+ N' key=' + CAST(COALESCE((SELECT COUNT(*) FROM sys.indexes AS i JOIN sys.index_columns AS k "
    "ON k.object_id = i.object_id AND k.index_id = i.index_id JOIN sys.index_columns AS me ON "
    "me.object_id = i.object_id AND me.index_id = i.index_id WHERE i.is_primary_key = 1 AND "
    "i.object_id = t.object_id AND me.column_id = c.column_id AND k.key_ordinal <= "
    "me.key_ordinal), 0) AS nvarchar(4)) FROM sys.tables AS t JOIN sys.columns AS c ON "
    "c.object_id = t.object_id WHERE t.schema_id = SCHEMA_ID() AND c.is_computed = 0 ORDER BY "
    "t.name, c.column_id";

static bool is(const struct migrate_fixture *c, const char *dialect) {
    return strcmp(c->f.dialect->name, dialect) == 0;
}

static char *first_shape; /* of the first dialect that could be asked */

static void test_schema_is_the_same_in_all_dialects(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MIGRATE_OUT);
    char *text = calloc(1, MIGRATE_OUT);
    assert_non_null(text);
    assert_int_equal(px_migrate_up(c->f.s, "database", &out, &e), PX_OK);
    sql_text(c->f.s,
             is(c, "sqlite")      ? normal_sqlite
             : is(c, "sqlserver") ? normal_sqlserver
                                  : normal_postgresql,
             text, MIGRATE_OUT);
    assert_non_null(strstr(text, "daily_metrics.count null=0 key=0"));
    assert_non_null(strstr(text, "consumer_offsets.partition_id null=0 key=3"));
    if (!first_shape) {
        first_shape = text;
        return;
    }
    assert_string_equal(text, first_shape);
    free(text);
}

/* The way back from every version, on tables without rows. */
static void test_down_removes_everything(void **state) {
    struct migrate_fixture *c = migrate_fixture_get(state);
    struct px_err e = PX_ERR_INIT;
    struct px_migration_state st;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 20);
    assert_int_equal(px_migrate_up(c->f.s, "database", &out, &e), PX_OK);
    do {
        if (px_migrate_down(c->f.s, "database", false, &out, &e)) {
            fail_msg("%s", e.msg);
        }
        assert_int_equal(px_migrate_status(c->f.s, "database", &st, &e), PX_OK);
    } while (st.stored > 0);
    assert_non_null(strstr(px_buf_cstr(&out), "undone 0001_initial.up.sql\n"));
    px_buf_reset(&out);
    assert_int_equal(px_migrate_down(c->f.s, "database", false, &out, &e), PX_OK);
    assert_string_equal(px_buf_cstr(&out), "nothing is applied\n");
    sql_do(c->f.s, "DROP TABLE px_schema_migrations");
    assert_int_equal(sql_int(c->f.s, is(c, "sqlite") ? "SELECT COUNT(*) FROM sqlite_master"
                                     : is(c, "sqlserver")
                                         ? "SELECT COUNT(*) FROM sys.tables WHERE schema_id = "
                                           "SCHEMA_ID()"
                                         : "SELECT COUNT(*) FROM information_schema.tables WHERE "
                                           "table_schema = 'public'"),
                     0);
    if (px_migrate_up(c->f.s, "database", &out, &e)) { /* and there again */
        fail_msg("%s", e.msg);
    }
}

#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, migrate_fixture_setup, migrate_fixture_teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(test_migrate_applies_in_order_and_once),  T(test_migrate_refuses_drift),
        T(test_migrate_refuses_an_unknown_version), T(test_migrate_undoes_a_file_that_fails),
        T(test_migrate_names_wrong_files),          T(test_migrate_tells_status_and_plan),
        T(test_migrate_runs_twice_at_once),         T(test_schema_file_is_what_the_migrations_make),
        T(test_schema_is_the_same_in_all_dialects), T(test_down_removes_everything),
    };
    /* The other tests bring migrations that are worded for SQLite and PostgreSQL. */
    static const struct CMUnitTest server_tests[] = {
        T(test_schema_is_the_same_in_all_dialects),
        T(test_down_removes_everything),
    };
    int failed = 0;
    for (size_t i = 0; sql_fixture_each(i); i++) {
        const char *name = px_dialect_get(i)->name;
        sql_fixture_use(px_dialect_get(i));
        failed += strcmp(name, "sqlserver") == 0
                      ? cmocka_run_group_tests_name(name, server_tests, NULL, NULL)
                      : cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    free(first_shape);
    return failed;
}
