/* The migration runner on every dialect, and the schema that comes of it:
 * database/<dialect>/schema.sql is what the migrations make (PX_GOLDEN=write refreshes it), and
 * both dialects have the same tables, columns and keys. */
#include "sql_fixture.h"

#include <px/migrate.h>

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OUT (1 << 16)

static const struct px_dialect *dialect; /* of the group that runs */

struct ctx {
    struct sql_fixture f;
    char dir[64]; /* migrations of the test's own: dir/<dialect>/ */
    char sub[128];
};

static int setup(void **state) {
    struct ctx *c = calloc(1, sizeof *c);
    *state = c;
    if (!c || sql_fixture_why_not(dialect)) {
        return c ? 0 : -1;
    }
    sql_fixture_empty(&c->f, dialect);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/px-mig-XXXXXX");
    if (!mkdtemp(c->dir)) {
        return -1;
    }
    (void)snprintf(c->sub, sizeof c->sub, "%s/%s", c->dir, dialect->name);
    return mkdir(c->sub, 0755);
}

static int teardown(void **state) {
    struct ctx *c = *state;
    sql_fixture_close(&c->f);
    DIR *d = c->sub[0] ? opendir(c->sub) : NULL;
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", c->sub, e->d_name);
        (void)unlink(path);
    }
    if (d) {
        (void)closedir(d);
        (void)rmdir(c->sub);
        (void)rmdir(c->dir);
    }
    free(c);
    return 0;
}

static struct ctx *context(void **state) {
    const char *why = sql_fixture_why_not(dialect);
    if (why) {
        print_message("# SKIP %s: %s\n", dialect->name, why);
        skip();
    }
    return *state;
}

static void put(const struct ctx *c, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", c->sub, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void up(struct ctx *c, const char *want) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(OUT);
    struct px_err e = PX_ERR_INIT;
    if (px_migrate_up(c->f.s, c->dir, &out, &e)) {
        fail_msg("%s", e.msg);
    }
    assert_string_equal(px_buf_cstr(&out), want);
}

static void refuse(struct ctx *c, enum px_code code, const char *says) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(OUT);
    struct px_err e = PX_ERR_INIT;
    enum px_code got = px_migrate_up(c->f.s, c->dir, &out, &e);
    if (got != code || !strstr(e.msg, says)) {
        fail_msg("%s: '%s' does not name '%s'", px_code_name(got), e.msg, says);
    }
}

static struct px_migration_state status(struct ctx *c) {
    struct px_migration_state st;
    struct px_err e = PX_ERR_INIT;
    if (px_migrate_status(c->f.s, c->dir, &st, &e)) {
        fail_msg("%s", e.msg);
    }
    return st;
}

static void test_migrate_applies_in_order_and_once(void **state) {
    struct ctx *c = context(state);
    put(c, "0002_more.up.sql",
        "INSERT INTO t VALUES ('a;b'); -- it's; a comment?\nINSERT INTO t "
        "VALUES ('c'); /* ; ' ? */\n");
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    put(c, "0001_first.down.sql", "DROP TABLE t;");
    struct px_migration_state s = status(c);
    assert_int_equal(s.stored, 0);
    assert_int_equal(s.available, 2);
    assert_int_equal(s.pending, 2);

    up(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    up(c, "");
    s = status(c);
    assert_int_equal(s.stored, 2);
    assert_int_equal(s.pending, 0);
    assert_string_equal(s.drift, "");
    char out[256];
    sql_text(c->f.s, "SELECT x FROM t ORDER BY x", out, sizeof out);
    assert_string_equal(out, "a;b\nc");
    put(c, "0003_later.up.sql", "DROP TABLE t;");
    up(c, "applied 0003_later.up.sql\n");
    assert_int_equal(sql_int(c->f.s, "SELECT COUNT(*) FROM px_schema_migrations WHERE "
                                     "length(checksum) = 64 AND duration_ms >= 0"),
                     3);
}

static void test_migrate_refuses_drift(void **state) {
    struct ctx *c = context(state);
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    up(c, "applied 0001_first.up.sql\n");
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text, y text);");
    put(c, "0002_more.up.sql", "CREATE TABLE u (x text);");
    assert_non_null(strstr(status(c).drift, "0001_first.up.sql"));
    refuse(c, PX_SCHEMA, "0001_first.up.sql");
    assert_int_equal(status(c).pending, 1);
}

static void test_migrate_refuses_an_unknown_version(void **state) {
    struct ctx *c = context(state);
    char path[256];
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    put(c, "0002_more.up.sql", "CREATE TABLE u (x text);");
    up(c, "applied 0001_first.up.sql\napplied 0002_more.up.sql\n");
    (void)snprintf(path, sizeof path, "%s/0002_more.up.sql", c->sub);
    assert_int_equal(unlink(path), 0);
    refuse(c, PX_SCHEMA, "0002_more.up.sql");
}

static void test_migrate_undoes_a_file_that_fails(void **state) {
    struct ctx *c = context(state);
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    put(c, "0002_bad.up.sql", "CREATE TABLE u (x text); CREATE TABLE u (x text);");
    refuse(c, PX_SQL, "0002_bad.up.sql, statement 2");
    assert_int_equal(status(c).stored, 1);
    put(c, "0002_bad.up.sql", "CREATE TABLE u (x text);");
    up(c, "applied 0002_bad.up.sql\n");
}

static void test_migrate_names_wrong_files(void **state) {
    struct ctx *c = context(state);
    struct px_err e = PX_ERR_INIT;
    struct px_migration_state st;
    put(c, "1_first.up.sql", "SELECT 1;");
    refuse(c, PX_CONFIG, "1_first.up.sql");
    char path[256];
    (void)snprintf(path, sizeof path, "%s/1_first.up.sql", c->sub);
    assert_int_equal(unlink(path), 0);
    put(c, "0001_a.up.sql", "SELECT 1;");
    put(c, "0001_b.up.sql", "SELECT 1;");
    refuse(c, PX_CONFIG, "version 1 twice");
    assert_int_equal(px_migrate_status(c->f.s, "/nonexistent", &st, &e), PX_IO);
}

static void test_migrate_tells_status_and_plan(void **state) {
    struct ctx *c = context(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(OUT);
    char want[256];
    put(c, "0001_first.up.sql", "CREATE TABLE t (x text);");
    up(c, "applied 0001_first.up.sql\n");
    put(c, "0002_more.up.sql", "-- why\nCREATE TABLE u (x text);\n\nDROP TABLE t;");
    assert_int_equal(px_migrate_text(c->f.s, c->dir, false, &out, &e), PX_OK);
    (void)snprintf(want, sizeof want,
                   "applied  0001_first.up.sql\npending  0002_more.up.sql\n%s: 1 applied, 1 "
                   "pending\n",
                   dialect->name);
    assert_string_equal(px_buf_cstr(&out), want);
    px_buf_reset(&out);
    assert_int_equal(px_migrate_text(c->f.s, c->dir, true, &out, &e), PX_OK);
    assert_string_equal(px_buf_cstr(&out),
                        "-- 0002_more.up.sql\nCREATE TABLE u (x text);\nDROP TABLE t;\n");
}

/* --- two runners at once --- */

struct runner {
    const struct ctx *c;
    pthread_barrier_t *start;
    enum px_code code;
    struct px_err err;
};

static void *run_up(void *arg) {
    struct runner *r = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(OUT);
    struct px_sql *s = NULL;
    (void)pthread_barrier_wait(r->start);
    r->code = px_sql_open(&r->c->f.conf, PX_SQL_WRITE, &s, &r->err);
    r->code = r->code ? r->code : px_migrate_up(s, r->c->dir, &out, &r->err);
    px_sql_close(s);
    return NULL;
}

static void test_migrate_runs_twice_at_once(void **state) {
    struct ctx *c = context(state);
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
        put(c, name, text);
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
    struct ctx *c = context(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 20);
    char path[128];
    char *text = calloc(1, OUT);
    assert_non_null(text);
    if (px_migrate_up(c->f.s, "database", &out, &e)) {
        fail_msg("%s", e.msg);
    }
    sql_text(c->f.s, strcmp(dialect->name, "sqlite") == 0 ? shape_sqlite : shape_postgresql, text,
             OUT);
    px_buf_reset(&out);
    px_buf_printf(&out,
                  "-- Generated by `make golden` from the migrations beside it; do not edit.\n%s\n",
                  text);
    free(text);
    (void)snprintf(path, sizeof path, "database/%s/schema.sql", dialect->name);
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

static char *first_shape; /* of the first dialect that could be asked */

static void test_schema_is_the_same_in_all_dialects(void **state) {
    struct ctx *c = context(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(OUT);
    char *text = calloc(1, OUT);
    assert_non_null(text);
    assert_int_equal(px_migrate_up(c->f.s, "database", &out, &e), PX_OK);
    sql_text(c->f.s, strcmp(dialect->name, "sqlite") == 0 ? normal_sqlite : normal_postgresql, text,
             OUT);
    assert_non_null(strstr(text, "daily_metrics.count null=0 key=0"));
    assert_non_null(strstr(text, "consumer_offsets.partition_id null=0 key=3"));
    if (!first_shape) {
        first_shape = text;
        return;
    }
    assert_string_equal(text, first_shape);
    free(text);
}

/* down undoes what up made. */
static void test_down_removes_everything(void **state) {
    struct ctx *c = context(state);
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 20);
    char path[128];
    assert_int_equal(px_migrate_up(c->f.s, "database", &out, &e), PX_OK);
    px_buf_reset(&out);
    (void)snprintf(path, sizeof path, "database/%s/0001_initial.down.sql", dialect->name);
    read_all(path, &out);
    char *rest = NULL;
    char *text = strdup(px_buf_cstr(&out));
    for (char *one = strtok_r(text, ";", &rest); one; one = strtok_r(NULL, ";", &rest)) {
        if (strstr(one, "DROP")) {
            sql_do(c->f.s, strstr(one, "DROP"));
        }
    }
    free(text);
    sql_do(c->f.s, "DROP TABLE px_schema_migrations");
    assert_int_equal(sql_int(c->f.s, strcmp(dialect->name, "sqlite") == 0
                                         ? "SELECT COUNT(*) FROM sqlite_master"
                                         : "SELECT COUNT(*) FROM information_schema.tables WHERE "
                                           "table_schema = 'public'"),
                     0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(test_migrate_applies_in_order_and_once),  T(test_migrate_refuses_drift),
        T(test_migrate_refuses_an_unknown_version), T(test_migrate_undoes_a_file_that_fails),
        T(test_migrate_names_wrong_files),          T(test_migrate_tells_status_and_plan),
        T(test_migrate_runs_twice_at_once),         T(test_schema_file_is_what_the_migrations_make),
        T(test_schema_is_the_same_in_all_dialects), T(test_down_removes_everything),
    };
    int failed = 0;
    for (size_t i = 0; (dialect = px_dialect_get(i)); i++) {
        failed += cmocka_run_group_tests_name(dialect->name, tests, NULL, NULL);
    }
    free(first_shape);
    return failed;
}
