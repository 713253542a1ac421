/* SIGKILL at every step of a batch's way to SQL, with the real binary (built with failpoints):
 * whatever the moment, the next process resumes from SQL, and the tables end up byte for byte as
 * those of a run that nobody disturbed. On every database. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS     1500
#define PARTITIONS 3
#define DUMP_MAX   (1 << 20)
#define JOIN_S     90 /* the mock lets a new group wait for three seconds, and many start at once */
#define WAVE       6  /* processes at once: the test server takes few connections */

static const char *const points[] = {
    "agg.after_poll",
    "agg.after_decode",
    "agg.after_begin",
    "agg.before_fence",
    "agg.after_fence",
    "agg.after_floor",
    "agg.after_client_claims",
    "agg.after_natural_claims",
    "agg.after_store_events",
    "agg.after_store_players",
    "agg.after_store_event_summary",
    "agg.after_store_minute_summary",
    "agg.after_store_partition_ledger",
    "agg.after_store_daily_metrics",
    "agg.before_commit",
    "agg.after_commit",
    "agg.before_group_commit",
    "agg.in_revoke",
};
#define POINTS PX_ARRAY_LEN(points)

struct kills {
    struct log_rig log;
    struct service_rig at[POINTS]; /* each point on a database of its own, all at once */
    char *want, *got;
};

static const char *binary(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

/* What the tables hold when nobody disturbs the run. */
static void undisturbed(struct kills *k) {
    struct service_rig s;
    service_rig_open(&s, &k->log, rig_dialect());
    int status = service_rig_run(&s, binary(), "--once", JOIN_S);
    if (status != 0) {
        proc_log_show(&s.proc);
    }
    assert_int_equal(status, 0);
    assert_int_equal(sql_int(s.db.s, "SELECT SUM(next_offset) FROM consumer_offsets"), EVENTS);
    assert_true(sql_int(s.db.s, "SELECT SUM(dead_lettered) FROM partition_ledger") > 0);
    assert_int_equal(sql_int(s.db.s, "SELECT count(DISTINCT disposition) FROM events"), 4);
    service_rig_dump(&s, k->want, DUMP_MAX);
    service_rig_close(&s);
}

static int setup(void **state) {
    struct kills *k = calloc(1, sizeof *k);
    *state = k;
    k->want = malloc(DUMP_MAX);
    k->got = malloc(DUMP_MAX);
    log_rig_open(&k->log, PARTITIONS, true);
    log_rig_make(&k->log, EVENTS);
    undisturbed(k);
    return 0;
}

static int teardown(void **state) {
    struct kills *k = *state;
    log_rig_close(&k->log);
    free(k->want);
    free(k->got);
    free(k);
    return 0;
}

/* Every point is passed a few times before it kills, so that there is something to lose. */
static void start_to_die(struct service_rig *s, const char *point) {
    char spec[96];
    int passage = strstr(point, "_poll") || strstr(point, "_decode") ? 140
                  : strstr(point, "in_revoke")                       ? 1
                                                                     : 4;
    snprintf(spec, sizeof spec, "%s=kill@%d", point, passage);
    service_rig_set(s, "PX_FAILPOINTS_AT", spec);
    service_rig_start(s, binary(), NULL);
}

static void expect_death(struct service_rig *s, const char *point) {
    if (strcmp(point, "agg.in_revoke") == 0) {
        assert_true(service_rig_until(
            s, "SELECT CASE WHEN SUM(next_offset) > 0 THEN 1 ELSE 0 END FROM consumer_offsets", 1,
            JOIN_S));
        proc_signal(&s->proc, SIGTERM);
    }
    int status = proc_wait(&s->proc, JOIN_S);
    if (status != 128 + SIGKILL) {
        proc_log_show(&s->proc);
        fail_msg("%s: ended with %d instead of SIGKILL", point, status);
    }
    int64_t next = sql_int(s->db.s, "SELECT SUM(next_offset) FROM consumer_offsets");
    assert_true(next > 0);
    assert_true(next < EVENTS || strcmp(point, "agg.in_revoke") == 0);
}

static void expect_same(struct kills *k, struct service_rig *s, const char *point) {
    int status = proc_wait(&s->proc, JOIN_S);
    if (status != 0) {
        proc_log_show(&s->proc);
        fail_msg("%s: the next process ended with %d", point, status);
    }
    service_rig_dump(s, k->got, DUMP_MAX);
    if (strcmp(k->want, k->got) != 0) {
        fail_msg("%s: the tables differ from those of the undisturbed run", point);
    }
}

static void wave(struct kills *k, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        service_rig_open(&k->at[i], &k->log, rig_dialect());
        start_to_die(&k->at[i], points[i]);
    }
    for (size_t i = from; i < to; i++) {
        expect_death(&k->at[i], points[i]);
        service_rig_set(&k->at[i], "PX_FAILPOINTS_AT", "");
        service_rig_start(&k->at[i], binary(), "--once");
    }
    for (size_t i = from; i < to; i++) {
        expect_same(k, &k->at[i], points[i]);
        service_rig_close(&k->at[i]);
    }
}

static void test_kill_at_every_point_changes_nothing(void **state) {
    for (size_t i = 0; i < POINTS; i += WAVE) {
        wave(*state, i, i + WAVE < POINTS ? i + WAVE : POINTS);
    }
}

/* A transaction that hangs ends the process; the next one finds nothing half done. */
static void test_kill_by_the_watchdog(void **state) {
    struct kills *k = *state;
    struct service_rig s;
    service_rig_open(&s, &k->log, rig_dialect());
    service_rig_set(&s, "PX_Batch__TransactionBudget", "1s");
    service_rig_set(&s, "PX_FAILPOINTS_AT", "agg.before_commit=sleep:60000@2");

    assert_int_equal(service_rig_run(&s, binary(), NULL, 40), 75);

    assert_true(proc_log_wait(&s.proc, "sql.transaction_hangs", 1));
    service_rig_set(&s, "PX_FAILPOINTS_AT", "");
    service_rig_start(&s, binary(), "--once");
    expect_same(k, &s, "watchdog");
    service_rig_close(&s);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_at_every_point_changes_nothing),
        cmocka_unit_test(test_kill_by_the_watchdog),
    };
    return cmocka_run_group_tests_name(group, tests, setup, teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
