/* --rebuild beside a running aggregator, and killed half-way, with the real binaries on every
 * database: batches that arrive while it holds the lock are neither lost nor counted twice, and the
 * tables end up byte for byte as those of a run that nobody disturbed. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS 3
#define FIRST      200 /* records before the traffic      */
#define ROUND      120 /* records while one rebuild works */
#define ROUNDS     3
#define DUMP_MAX   (1 << 20)
#define OUT_MAX    (1 << 16)
#define JOIN_S     90

struct scene {
    struct log_rig log;
    struct service_rig s;
    struct service_rig beside; /* environment of the commands */
    char *want, *got, *out;
};

static const char *binary(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

/* One log, one database and one aggregator for all tests, because joining a group takes seconds:
 * each leaves the tables as they must be. */
static int setup(void **state) {
    struct scene *x = calloc(1, sizeof *x);
    *state = x;
    x->want = malloc(DUMP_MAX);
    x->got = malloc(DUMP_MAX);
    x->out = malloc(OUT_MAX);
    log_rig_open(&x->log, PARTITIONS, true);
    log_rig_make(&x->log, FIRST);
    service_rig_open(&x->s, &x->log, rig_dialect());
    service_rig_sql(&x->beside, &x->s.db);
    return 0;
}

static int teardown(void **state) {
    struct scene *x = *state;
    service_rig_close(&x->s);
    log_rig_close(&x->log);
    free(x->want);
    free(x->got);
    free(x->out);
    free(x);
    return 0;
}

static void command(struct scene *x, const char *arg, const char *failpoints, int want) {
    const char *argv[] = {binary(), arg, NULL};
    service_rig_set(&x->beside, "PX_FAILPOINTS_AT", failpoints);
    int status = proc_run(argv, x->beside.env, x->out, OUT_MAX);
    if (status != want) {
        (void)fputs(x->out, stderr);
        proc_log_show(&x->s.proc);
        fail_msg("%s (%s): exit %d, wanted %d", arg, failpoints, status, want);
    }
}

static void wound(struct scene *x) {
    static const char *const wounds[] = {
        "UPDATE event_summary SET count = count + 3 WHERE banner_tag = 'b1'",
        "UPDATE daily_metrics SET count = count + 1",
        "UPDATE minute_summary SET count = count + 1 WHERE event_type = 'visit'",
        "DELETE FROM event_summary WHERE banner_tag = 'b2'",
        "UPDATE players SET total_deposits = total_deposits + 1, first_seen = last_event_at",
        "DELETE FROM players WHERE player_id LIKE 'player-1%'",
        "INSERT INTO players (player_id) VALUES ('ghost')",
        "UPDATE partition_ledger SET counted = counted + 1 WHERE partition_id = 1",
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(wounds); i++) {
        sql_do(x->s.db.s, wounds[i]);
    }
}

/* What the same log makes of an empty database. */
static void undisturbed(struct scene *x) {
    struct service_rig s;
    service_rig_open(&s, &x->log, rig_dialect());
    assert_int_equal(service_rig_run(&s, proc_bin("svc-aggregator"), "--once", JOIN_S), 0);
    service_rig_dump(&s, x->want, DUMP_MAX);
    service_rig_close(&s);
}

/* The tables are those of x->want, and the command says so too. */
static void expect_same(struct scene *x) {
    command(x, "--reconcile", "", 0);
    assert_non_null(strstr(x->out, "reconcile: exact\n"));
    service_rig_dump(&x->s, x->got, DUMP_MAX);
    if (strcmp(x->want, x->got) != 0) {
        fail_msg("the tables are not what they must be");
    }
}

/* Rebuilds and batches at the same time, again and again, until both have worked in between each
 * other. */
static void test_rebuild_while_traffic_flows(void **state) {
    struct scene *x = *state;
    int64_t moved = 0;
    int64_t had = sql_int(x->s.db.s, SERVICE_NEXT_SUM);
    for (int i = 0; i < ROUNDS || (moved == 0 && i < 10 * ROUNDS); i++) {
        wound(x);
        int64_t from = sql_int(x->s.db.s, SERVICE_NEXT_SUM);
        log_rig_make(&x->log, ROUND);
        command(x, "--rebuild",
                "agg.rebuild_before_commit=sleep:50@2;agg.rebuild_locked=sleep:20@4", 0);
        moved += sql_int(x->s.db.s, SERVICE_NEXT_SUM) - from;
        command(x, "--reconcile", "", 0);
        had += ROUND;
        assert_true(service_rig_until(&x->s, SERVICE_NEXT_SUM, had, JOIN_S));
    }
    assert_true(moved > 0);
    assert_int_equal(proc_stop(&x->s.proc), 0);
    undisturbed(x);
    expect_same(x);
}

static void until_stopped(const struct proc *p) {
    char path[64], text[512] = "";
    long until = now_ms() + JOIN_S * 1000L;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)p->pid);
    while (!strstr(text, ") T ")) {
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        assert_true(fread(text, 1, sizeof text - 1, f) > 0 && fclose(f) == 0);
        if (now_ms() > until) {
            proc_log_show(p);
            fail_msg("it did not stop");
        }
        pause_ms(5);
    }
}

/* PostgreSQL says who waits for a lock; SQLite's waiters are not to be seen. */
static void until_it_waits(struct scene *x) {
    if (strcmp(rig_dialect()->name, "postgresql") == 0) {
        assert_true(service_rig_until(
            &x->s,
            "SELECT LEAST(count(*), 1) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()",
            1, 4));
    } else {
        pause_ms(300);
    }
}

/* A batch has stored its sums and has not committed them. A rebuild that did not wait for it would
 * count without it, and then overwrite what it made. */
static void test_rebuild_waits_for_a_batch_at_work(void **state) {
    struct scene *x = *state;
    struct proc rebuild = {0};
    const char *argv[] = {binary(), "--rebuild", NULL};
    /* of the day that the batch moves too: nothing else makes the rebuild wait */
    sql_do(x->s.db.s, "INSERT INTO daily_metrics VALUES ('2024-10-04', 'visit', 5)");
    sql_do(x->s.db.s, "INSERT INTO event_summary VALUES ('2024-10-04', 'visit', 'b1', 7)");
    service_rig_set(&x->s, "PX_FAILPOINTS_AT", "agg.before_commit=stop@5");
    service_rig_start(&x->s, binary(), NULL);
    until_stopped(&x->s.proc);

    service_rig_set(&x->beside, "PX_FAILPOINTS_AT", "");
    proc_start(&rebuild, argv, x->beside.env);
    until_it_waits(x);
    proc_signal(&x->s.proc, SIGCONT);

    assert_int_equal(proc_wait(&rebuild, 60), 0);
    assert_true(service_rig_until(&x->s, SERVICE_NEXT_SUM, FIRST, JOIN_S));
    command(x, "--reconcile", "", 0);
    assert_true(sql_int(x->s.db.s, "SELECT SUM(revision) FROM consumer_offsets") > FIRST / 25);
}

static void test_kill_rebuild_anywhere_and_run_it_again(void **state) {
    static const char *const points[] = {"agg.rebuild_locked=kill@2",
                                         "agg.rebuild_before_commit=kill@3",
                                         "agg.rebuild_after_commit=kill@4"};
    struct scene *x = *state;
    service_rig_dump(&x->s, x->want, DUMP_MAX);
    for (size_t i = 0; i < PX_ARRAY_LEN(points); i++) {
        wound(x);
        command(x, "--rebuild", points[i], 128 + SIGKILL);
        command(x, "--reconcile", "", 1);
        command(x, "--rebuild", "", 0);
        command(x, "--reconcile", "", 0);
    }
    expect_same(x);
}

/* Whoever holds the lock is waited for; the rebuild does not fail because of it. */
static void test_rebuild_outlasts_locks(void **state) {
    struct scene *x = *state;
    service_rig_dump(&x->s, x->want, DUMP_MAX);
    wound(x);
    service_rig_set(&x->beside, "PX_Sql__LockTimeout", "100ms");
    service_rig_set(&x->beside, "PX_FAILPOINTS_AT", "");
    assert_int_equal(px_tx_begin(x->s.db.s, NULL), PX_OK);
    sql_do(x->s.db.s, "UPDATE consumer_offsets SET looked_at = looked_at");
    struct proc rebuild;
    const char *argv[] = {binary(), "--rebuild", NULL};
    proc_start(&rebuild, argv, x->beside.env);
    pause_ms(700); /* longer than several of its waits */
    enum px_outcome outcome;
    assert_int_equal(px_tx_commit(x->s.db.s, &outcome, NULL), PX_OK);
    int status = proc_wait(&rebuild, 60);
    if (status != 0) {
        proc_log_show(&rebuild);
        fail_msg("exit %d", status);
    }
    expect_same(x);
}

/* Its connection dies after a table without days was mended, when it looks whether all of it was.
 */
static void test_rebuild_outlasts_its_connection(void **state) {
    struct scene *x = *state;
    struct proc rebuild;
    const char *argv[] = {binary(), "--rebuild", NULL};
    service_rig_dump(&x->s, x->want, DUMP_MAX);
    sql_do(x->s.db.s, "UPDATE players SET total_deposits = total_deposits + 1");
    int64_t revision = sql_int(x->s.db.s, "SELECT SUM(revision) FROM consumer_offsets");
    service_rig_set(&x->beside, "PX_FAILPOINTS_AT", "agg.rebuild_after_commit=sleep:1000@1");
    proc_start(&rebuild, argv, x->beside.env);
    assert_true(service_rig_until(&x->s, "SELECT SUM(revision) FROM consumer_offsets",
                                  revision + PARTITIONS, JOIN_S));
    sql_do(x->s.db.s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                      "current_database() AND pid <> pg_backend_pid()");
    int status = proc_wait(&rebuild, 60);
    if (status != 0) {
        proc_log_show(&rebuild);
        fail_msg("exit %d", status);
    }
    expect_same(x);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rebuild_waits_for_a_batch_at_work),
        cmocka_unit_test(test_rebuild_while_traffic_flows),
        cmocka_unit_test(test_kill_rebuild_anywhere_and_run_it_again),
        cmocka_unit_test(test_rebuild_outlasts_locks),
        cmocka_unit_test(test_rebuild_outlasts_its_connection),
    };
    bool server = strcmp(group, "postgresql") == 0; /* else there is no connection to lose */
    return _cmocka_run_group_tests(group, tests, PX_ARRAY_LEN(tests) - (server ? 0 : 1), setup,
                                   teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
