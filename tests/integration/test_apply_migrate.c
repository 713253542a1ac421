/* --migrate of the real svc-aggregator on every database, and programs on a schema that is newer
 * than they are: from outside, by exit status, output and what is in the database afterwards. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *bin(void) {
    return proc_bin("svc-aggregator");
}

static void says(const char *text, const char *what) {
    if (!strstr(text, what)) {
        fail_msg("does not say '%s':\n%s", what, text);
    }
}

/* A copy of schemas/ and database/ that a test may change; the service then reads that one. */
static void own_files(struct service_rig *s, char *ret_dir, size_t cap) {
    static int n;
    char out[512], schemas[256];
    (void)snprintf(ret_dir, cap, "%s/files-%d", proc_tmpdir(), ++n);
    assert_int_equal(mkdir(ret_dir, 0755), 0);
    const char *argv[] = {"/bin/cp", "-r", "schemas", "database", ret_dir, NULL};
    assert_int_equal(proc_run(argv, s->env, out, sizeof out), 0);
    (void)snprintf(schemas, sizeof schemas, "%s/schemas", ret_dir);
    service_rig_set(s, "PX_Schemas__Directory", schemas);
}

static void put(const char *dir, const char *name, const char *text) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/database/%s/%s", dir, rig_dialect()->name, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

static int migrate(struct service_rig *s, const char *how, const char *yes, char *out, size_t cap) {
    const char *argv[] = {bin(), how, yes, NULL};
    return proc_run(argv, s->env, out, cap);
}

/* Highest number among the files, so that a test's own comes behind it. */
static int newest(struct service_rig *s) {
    return (int)sql_int(s->db.s, "SELECT MAX(version) FROM px_schema_migrations");
}

static void test_migrate_looking_makes_no_file(void **state) {
    struct service_rig s;
    char cs[300], file[200], out[262144];
    struct stat st;
    service_rig_open(&s, *state, rig_dialect());
    (void)snprintf(file, sizeof file, "%s/not-there.db", proc_tmpdir());
    (void)snprintf(cs, sizeof cs, "Driver={SQLite3};Database=%s", file);
    service_rig_set(&s, "PX_Sql__ConnectionString", cs);

    assert_int_equal(migrate(&s, "--migrate=status", NULL, out, sizeof out), 0);
    says(out, "pending  0001_initial.up.sql\n");
    says(out, "sqlite: 0 applied, ");
    assert_int_equal(migrate(&s, "--migrate=plan", NULL, out, sizeof out), 0);
    says(out, "-- 0001_initial.up.sql\nCREATE TABLE events");
    assert_int_equal(migrate(&s, "--migrate=down", NULL, out, sizeof out), 78);
    assert_int_equal(migrate(&s, "--migrate=adopt", NULL, out, sizeof out), 78);
    says(out, "does not exist");
    assert_int_equal(stat(file, &st), -1);

    assert_int_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(unlink(file), 0);
    service_rig_close(&s);
}

/* The plan is longer than what is kept back before it is written. */
static void test_migrate_tells_when_its_plan_cannot_be_written(void **state) {
    struct service_rig s;
    char cs[300], command[600], out[8192];
    service_rig_open(&s, *state, rig_dialect());
    (void)snprintf(cs, sizeof cs, "Driver={SQLite3};Database=%s/not-there.db", proc_tmpdir());
    service_rig_set(&s, "PX_Sql__ConnectionString", cs);
    (void)snprintf(command, sizeof command, "exec %s --migrate=plan >/dev/full", bin());
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(proc_run(argv, s.env, out, sizeof out), 74);
    says(out, "stdout: No space left on device");
    service_rig_close(&s);
}

static void test_migrate_goes_down_and_up(void **state) {
    struct service_rig s;
    char dir[256], out[8192];
    service_rig_open(&s, *state, rig_dialect());
    own_files(&s, dir, sizeof dir);
    put(dir, "9001_mine.up.sql", "CREATE TABLE mine (x text);");
    put(dir, "9001_mine.down.sql", "DROP TABLE mine;");

    assert_int_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 0);
    says(out, "applied 9001_mine.up.sql\n");
    sql_do(s.db.s, "INSERT INTO mine VALUES ('a')");
    assert_int_equal(migrate(&s, "--migrate=down", NULL, out, sizeof out), 78);
    says(out, "9001_mine.up.sql would lose rows of mine: make a backup, then --migrate=down --yes");
    assert_int_equal(migrate(&s, "--migrate=up", "--yes", out, sizeof out), 64);
    assert_int_equal(migrate(&s, "--migrate=down", "--yes", out, sizeof out), 0);
    says(out, "undone 9001_mine.up.sql\n");
    assert_int_equal(migrate(&s, "--migrate=status", NULL, out, sizeof out), 0);
    says(out, "pending  9001_mine.up.sql\n");
    service_rig_close(&s);
}

static void test_migrate_refuses_drift_and_keeps_nothing_half_done(void **state) {
    struct service_rig s;
    char dir[256], out[8192];
    service_rig_open(&s, *state, rig_dialect());
    own_files(&s, dir, sizeof dir);
    put(dir, "9001_mine.up.sql", "CREATE TABLE mine (x text); CREATE TABLE mine (x text);");
    int before = newest(&s);
    assert_int_not_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 0);
    says(out, "9001_mine.up.sql, statement 2");
    assert_int_equal(newest(&s), before);
    put(dir, "9001_mine.up.sql", "CREATE TABLE mine (x text);");
    assert_int_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 0); /* is free again */

    put(dir, "9001_mine.up.sql", "CREATE TABLE mine (x text, y text);");
    put(dir, "9002_more.up.sql", "CREATE TABLE more (x text);");
    assert_int_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 78);
    says(out, "9001_mine.up.sql was changed after it had been applied");
    assert_int_equal(migrate(&s, "--migrate=status", NULL, out, sizeof out), 0);
    says(out, "DRIFT: 9001_mine.up.sql");
    assert_int_equal(service_rig_run(&s, bin(), NULL, 30), 78);
    service_rig_close(&s);
}

#define MIGRATORS 3

static void test_migrate_by_several_processes_at_once(void **state) {
    struct service_rig s;
    struct proc p[MIGRATORS] = {{.pid = 0}};
    char dir[256];
    service_rig_open(&s, *state, rig_dialect());
    own_files(&s, dir, sizeof dir);
    for (int i = 1; i <= 20; i++) {
        char name[64], text[128];
        (void)snprintf(name, sizeof name, "9%03d_t.up.sql", i);
        (void)snprintf(text, sizeof text,
                       "CREATE TABLE t%d (x text); INSERT INTO t%d VALUES ('1');", i, i);
        put(dir, name, text);
    }
    const char *argv[] = {bin(), "--migrate=up", NULL};
    for (int i = 0; i < MIGRATORS; i++) {
        proc_start(&p[i], argv, s.env);
    }
    size_t applied = 0;
    for (int i = 0; i < MIGRATORS; i++) {
        if (proc_wait(&p[i], 60) != 0) {
            proc_log_show(&p[i]);
            fail_msg("one of the migrators failed");
        }
        applied += proc_log_count(&p[i], "applied 9");
    }
    assert_int_equal(applied, 20);
    assert_int_equal(newest(&s), 9020);
    assert_int_equal(sql_int(s.db.s, "SELECT COUNT(*) FROM t20"), 1);
    service_rig_close(&s);
}

/* A release further on has migrated; the programs of today meet its schema. */
static void ahead(struct service_rig *s, const char *migration) {
    char dir[256], out[8192];
    own_files(s, dir, sizeof dir);
    put(dir, "9001_next.up.sql", migration);
    assert_int_equal(migrate(s, "--migrate=up", NULL, out, sizeof out), 0);
    service_rig_set(s, "PX_Schemas__Directory", "schemas");
}

static void test_programs_run_on_a_newer_schema_that_allows_it(void **state) {
    struct service_rig s;
    char out[8192], text[256];
    service_rig_open(&s, *state, rig_dialect());
    (void)snprintf(text, sizeof text,
                   "-- px: runs-with-from %d\nALTER TABLE players ADD COLUMN segment text;\n"
                   "ALTER TABLE events ADD COLUMN campaign text;\n",
                   newest(&s));
    ahead(&s, text);

    assert_int_equal(service_rig_run(&s, bin(), "--once", 60), 0);
    service_rig_holds(&s);
    const char *check[] = {bin(), "--check", NULL};
    assert_int_equal(proc_run(check, s.env, out, sizeof out), 0);
    says(out, "version 9001, which lets programs of version ");
    const char *api[] = {proc_bin("svc-metrics-api"), "--check", NULL};
    assert_int_equal(proc_run(api, s.env, out, sizeof out), 0);
    says(out, "version 9001, which lets programs of version ");
    assert_int_equal(migrate(&s, "--migrate=up", NULL, out, sizeof out), 78);
    says(out, "migrate with the release that it belongs to");
    assert_int_equal(migrate(&s, "--migrate=status", NULL, out, sizeof out), 0);
    says(out, "newer    9001_next.up.sql\n");
    service_rig_close(&s);
}

static void test_programs_refuse_a_newer_schema_that_does_not(void **state) {
    struct service_rig s;
    char out[8192];
    service_rig_open(&s, *state, rig_dialect());
    ahead(&s, "ALTER TABLE players ADD COLUMN segment text;\n");

    assert_int_equal(service_rig_run(&s, bin(), "--once", 60), 78);
    assert_true(proc_log_wait(&s.proc, "wants programs that know 9001", 1));
    const char *api[] = {proc_bin("svc-metrics-api"), "--check", NULL};
    assert_int_equal(proc_run(api, s.env, out, sizeof out), 1);
    says(out, "wants programs that know 9001");
    service_rig_close(&s);
}

static int run_group(const char *group) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate_goes_down_and_up),
        cmocka_unit_test(test_migrate_refuses_drift_and_keeps_nothing_half_done),
        cmocka_unit_test(test_migrate_by_several_processes_at_once),
        cmocka_unit_test(test_programs_run_on_a_newer_schema_that_allows_it),
        cmocka_unit_test(test_programs_refuse_a_newer_schema_that_does_not),
    };
    static const struct CMUnitTest files[] = {
        cmocka_unit_test(test_migrate_looking_makes_no_file),
        cmocka_unit_test(test_migrate_tells_when_its_plan_cannot_be_written),
    };
    int failed = cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
    if (strcmp(rig_dialect()->name, "sqlite") == 0) { /* whose database is a file */
        failed +=
            cmocka_run_group_tests_name(group, files, service_rig_setup, service_rig_teardown);
    }
    return failed;
}

int main(void) {
    return rig_each_dialect(run_group);
}
