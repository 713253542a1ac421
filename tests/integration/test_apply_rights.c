/* The real programs with login users of least privilege on a real PostgreSQL: they do their work,
 * --check proves what the account may and may not, and a right that is lost ends the aggregator
 * once and for good. */
#include "apply_rig.h"
#include "http_client.h"
#include "pg_user.h"
#include "postgres.h"
#include "service_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const postgresql = "postgresql";

static const char *password_path(const struct pg_user *u) {
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/password-%s", proc_tmpdir(), u->name);
    return path;
}

/* As a secret store does it: a new file in place of the old one. */
static void write_password(const struct pg_user *u) {
    char fresh[300];
    (void)snprintf(fresh, sizeof fresh, "%s.new", password_path(u));
    FILE *f = fopen(fresh, "we");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_true(fputs(u->conf.password, f) >= 0 && fclose(f) == 0);
    assert_int_equal(rename(fresh, password_path(u)), 0);
}

/* The rig's service becomes that user's. */
static void run_as(struct service_rig *s, const struct pg_user *u) {
    write_password(u);
    service_rig_set(s, "PX_Sql__PasswordFile", password_path(u));
    service_rig_set(s, "PX_Sql__ConnectionString", u->connection);
}

static void open_as(struct service_rig *s, struct log_rig *log, struct pg_user *u) {
    if (test_pg_start()) {
        skip();
    }
    service_rig_open(s, log, px_dialect_find(px_str_c(postgresql)));
    pg_user_make(&s->db, "agg", "px_agg", u);
    run_as(s, u);
}

static void close_as(struct service_rig *s, const struct pg_user *u) {
    (void)proc_stop(&s->proc);
    pg_user_drop(&s->db, u);
    service_rig_close(s);
}

static int check(struct service_rig *s, const char *program, char *out, size_t cap) {
    const char *argv[] = {proc_bin(program), "--check", NULL};
    return proc_run(argv, s->env, out, cap);
}

static void says(const char *text, const char *what) {
    if (!strstr(text, what)) {
        fail_msg("does not say '%s':\n%s", what, text);
    }
}

static void ask_metrics(int port, int status, const char *what) {
    struct http_answer a;
    http_get(port, "/api/metrics?from=2024-10-01&to=2024-10-10", &a);
    says(a.body, what);
    assert_int_equal(a.status, status);
    http_answer_fini(&a);
}

static void test_rights_programs_work_with_least_privilege(void **state) {
    struct service_rig s;
    struct pg_user agg, api;
    struct proc p = {.pid = 0};
    char out[8192];
    open_as(&s, *state, &agg);
    service_rig_set(&s, "PX_Sql__ExtraRights", "refuse");

    assert_int_equal(check(&s, "svc-aggregator", out, sizeof out), 0);
    says(out, "ok    sql.rights");
    says(out, "ok    sql.write");
    const char *down[] = {proc_bin("svc-aggregator"), "--migrate=down", "--yes", NULL};
    assert_int_equal(proc_run(down, s.env, out, sizeof out), 77);
    says(out, "migrate as the user that owns the schema: ");
    assert_int_equal(service_rig_run(&s, proc_bin("svc-aggregator"), "--once", 60), 0);
    service_rig_holds(&s);
    service_rig_set(&s, "PX_Sql__DayZone", "Europe/Berlin"); /* not that of the first start */
    assert_int_equal(check(&s, "svc-aggregator", out, sizeof out), 1);
    says(out, "set Sql:DayZone=UTC");
    service_rig_set(&s, "PX_Sql__DayZone", "UTC");

    pg_user_make(&s.db, "api", "px_api", &api);
    run_as(&s, &api);
    service_rig_set(&s, "PX_Api__Port", "0");
    if (check(&s, "svc-metrics-api", out, sizeof out) != 0) {
        fail_msg("%s", out);
    }
    says(out, "ok    sql.rights");
    says(out, "and no more");
    const char *argv[] = {proc_bin("svc-metrics-api"), NULL};
    proc_start(&p, argv, s.env);
    int port = (int)proc_log_int(&p, "http.listening", "server.port", 20);
    ask_metrics(port, 200, "\"visit\"");

    /* A right that is taken away is answered, and the service stays. */
    sql_do(s.db.s, "REVOKE SELECT ON daily_metrics FROM px_api");
    ask_metrics(port, 503, "database_refuses");
    sql_do(s.db.s, "GRANT SELECT ON daily_metrics TO px_api");
    ask_metrics(port, 200, "\"visit\"");
    assert_int_equal(proc_stop(&p), 0);
    pg_user_drop(&s.db, &api);
    close_as(&s, &agg);
}

static int command(struct service_rig *s, const char *arg, char *out, size_t cap) {
    const char *argv[] = {proc_bin("svc-aggregator"), arg, NULL};
    return proc_run(argv, s->env, out, cap);
}

/* The roles of people: who checks the books reads them all and writes nothing; who sends dead
 * letters again needs no more than it was given. */
static void test_rights_of_those_who_look_after_it(void **state) {
    struct service_rig s;
    struct pg_user agg, verify, operator;
    char out[16384];
    open_as(&s, *state, &agg);
    assert_int_equal(service_rig_run(&s, proc_bin("svc-aggregator"), "--once", 60), 0);

    pg_user_make(&s.db, "verify", "px_verify", &verify);
    run_as(&s, &verify);
    if (command(&s, "--reconcile", out, sizeof out) != 0) {
        fail_msg("%s", out);
    }
    says(out, "reconcile: exact");
    sql_do(s.db.s, "UPDATE daily_metrics SET count = count + 1");
    assert_int_equal(command(&s, "--reconcile", out, sizeof out), 1);
    assert_int_equal(command(&s, "--rebuild", out, sizeof out), 77);
    says(out, "run it as the user that migrates: ");
    sql_do(s.db.s, "UPDATE daily_metrics SET count = count - 1");
    assert_int_equal(command(&s, "--retention=run", out, sizeof out), 77);
    says(out, "run it as a login user with the role px_retention: ");
    pg_user_drop(&s.db, &verify);

    pg_user_make(&s.db, "operator", "px_operator", &operator);
    run_as(&s, &operator);
    if (command(&s, "--dlq=replay", out, sizeof out) != 0) {
        fail_msg("%s", out);
    }
    says(out, "still_bad");
    assert_int_equal(command(&s, "--reconcile", out, sizeof out), 77);
    says(out, "run it as a login user with the role px_verify: ");
    pg_user_drop(&s.db, &operator);
    run_as(&s, &agg);
    assert_int_equal(command(&s, "--dlq=replay", out, sizeof out), 77);
    says(out, "run it as a login user with the role px_operator: ");
    close_as(&s, &agg);
}

static void test_rights_check_names_what_is_missing(void **state) {
    struct service_rig s;
    struct pg_user agg;
    char out[8192], grant[160];
    open_as(&s, *state, &agg);
    sql_do(s.db.s, "REVOKE UPDATE ON players FROM px_agg");
    sql_do(s.db.s, "REVOKE SELECT ON px_schema_migrations FROM px_agg");

    assert_int_equal(check(&s, "svc-aggregator", out, sizeof out), 1);
    says(out, "FAIL  sql.rights");
    (void)snprintf(grant, sizeof grant, "GRANT UPDATE ON players TO %s;\n", agg.name);
    says(out, grant);
    (void)snprintf(grant, sizeof grant, "GRANT SELECT ON px_schema_migrations TO %s;\n", agg.name);
    says(out, grant);

    sql_do(s.db.s, "GRANT UPDATE ON players TO px_agg");
    sql_do(s.db.s, "GRANT SELECT ON px_schema_migrations TO px_agg");
    close_as(&s, &agg);
}

/* The wrong account for a program: it lacks what this one needs and has what it must not. */
static void test_rights_check_warns_of_too_much(void **state) {
    struct service_rig s;
    struct pg_user agg;
    char out[8192];
    open_as(&s, *state, &agg);
    service_rig_set(&s, "PX_Api__Port", "0");
    if (check(&s, "svc-metrics-api", out, sizeof out) != 0) { /* a warning */
        fail_msg("%s", out);
    }
    says(out, "warn  sql.rights");
    says(out, "INSERT on events");
    says(out, "GRANT px_api TO");
    pg_user_do(&s.db, "GRANT SELECT ON events TO", &agg, "");
    service_rig_set(&s, "PX_Sql__ExtraRights", "refuse");
    assert_int_equal(check(&s, "svc-metrics-api", out, sizeof out), 1);
    says(out, "FAIL  sql.rights");
    says(out, "SELECT, INSERT on events");
    close_as(&s, &agg);
}

/* Row by row: halted once, exit 77, nothing half done; started again it says which right. */
static void test_rights_lost_at_run_time(void **state) {
    struct service_rig s;
    struct pg_user agg;
    struct log_rig *log = *state;
    open_as(&s, log, &agg);
    service_rig_set(&s, "PX_Batch__MaxEvents", "1000");
    service_rig_start(&s, proc_bin("svc-aggregator"), NULL);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 30));

    sql_do(s.db.s, "REVOKE UPDATE ON daily_metrics FROM px_agg");
    log_rig_make(log, 40);
    assert_int_equal(proc_wait(&s.proc, 30), 77);
    assert_true(proc_log_wait(&s.proc, "\"message\":\"aggregator.halted\"", 1));
    if (proc_log_count(&s.proc, "\"message\":\"aggregator.halted\"") != 1) {
        proc_log_show(&s.proc);
        fail_msg("halted more than once");
    }
    assert_true(proc_log_count(&s.proc, "daily_metrics") >= 1);
    assert_true(proc_log_count(&s.proc, "\"message\":\"sql.transaction_failed\"") <= 1);
    service_rig_holds(&s);

    assert_int_equal(service_rig_run(&s, proc_bin("svc-aggregator"), NULL, 30), 77);
    assert_true(proc_log_wait(&s.proc, "GRANT UPDATE ON daily_metrics TO", 1));

    sql_do(s.db.s, "GRANT UPDATE ON daily_metrics TO px_agg");
    assert_int_equal(service_rig_run(&s, proc_bin("svc-aggregator"), "--once", 60), 0);
    assert_int_equal(sql_int(s.db.s, SERVICE_NEXT_SUM), SERVICE_EVENTS + 40);
    close_as(&s, &agg);
}

/* --- a password that changes -------------------------------------------------------------------
 */

static void end_sessions(struct service_rig *s, const struct pg_user *u) {
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE "
                   "usename = '%s'",
                   u->name);
    assert_int_equal(sql_int(s->db.s, sql), 1);
}

static void new_password(struct pg_user *u, const char *password) {
    u->conf.password = password;
    write_password(u);
}

/* Changed in the database and in the file while the aggregator runs: its next session has it. */
static void test_rights_password_changed_while_running(void **state) {
    struct service_rig s;
    struct pg_user agg;
    struct log_rig *log = *state;
    int64_t at = SERVICE_EVENTS + 40;
    open_as(&s, log, &agg);
    service_rig_start(&s, proc_bin("svc-aggregator"), NULL);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, at, 30));

    new_password(&agg, "second;}word");
    pg_user_do(&s.db, "ALTER ROLE", &agg, "PASSWORD 'second;}word'");
    end_sessions(&s, &agg);
    log_rig_make(log, 20);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, at + 20, 30));

    /* The database first, the file only when the aggregator has been refused. */
    pg_user_do(&s.db, "ALTER ROLE", &agg, "PASSWORD 'third'");
    end_sessions(&s, &agg);
    assert_true(proc_log_wait(&s.proc, "password authentication failed", 20));
    new_password(&agg, "third");
    log_rig_make(log, 20);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, at + 40, 30));
    assert_int_equal(proc_log_count(&s.proc, "second;}word"), 0);
    assert_int_equal(proc_stop(&s.proc), 0);
    close_as(&s, &agg);
}

/* The service's own account may not delete; the one made for it needs nothing else. */
static void test_rights_retention_has_a_role_of_its_own(void **state) {
    struct service_rig s;
    struct pg_user agg, cleaner;
    open_as(&s, *state, &agg);
    sql_do(s.db.s, "INSERT INTO dedupe_day (day, h1, h2) VALUES ('2024-10-04', 1, 1); INSERT INTO "
                   "consumer_offsets VALUES ('l', 't', 0, 1, 1, '', 1, 1, now(), now())");

    int status = service_rig_run(&s, proc_bin("svc-aggregator"), "--retention=run", 30);

    assert_int_equal(status, 77);
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM dedupe_day"), 1);
    pg_user_make(&s.db, "cleaner", "px_retention", &cleaner);
    run_as(&s, &cleaner);
    status = service_rig_run(&s, proc_bin("svc-aggregator"), "--retention=run", 30);
    if (status != 0) {
        proc_log_show(&s.proc);
    }
    assert_int_equal(status, 0);
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM dedupe_day"), 0);
    pg_user_drop(&s.db, &cleaner);
    close_as(&s, &agg);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_programs_work_with_least_privilege),
        cmocka_unit_test(test_rights_of_those_who_look_after_it),
        cmocka_unit_test(test_rights_check_names_what_is_missing),
        cmocka_unit_test(test_rights_check_warns_of_too_much),
        cmocka_unit_test(test_rights_lost_at_run_time),
        cmocka_unit_test(test_rights_password_changed_while_running),
        cmocka_unit_test(test_rights_retention_has_a_role_of_its_own),
    };
    return cmocka_run_group_tests_name(postgresql, tests, service_rig_setup, service_rig_teardown);
}
