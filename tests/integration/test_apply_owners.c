/* Partitions of the real svc-aggregator that change hands: an owner that was frozen, members that
 * come and go. On every database, with a mock cluster. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *bin(void) {
    return proc_bin("svc-aggregator");
}

static const char *failpoint_bin(void) {
    const char *path = getenv("PX_FAILPOINT_BIN");
    return path ? path : "build/release-failpoints/bin/svc-aggregator";
}

/* A process that is told to go on before it has stopped would stop for good. */
static void wait_frozen(const struct proc *p) {
    char path[64], line[256], state = '?';
    long until = now_ms() + 30000;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)p->pid);
    while (state != 'T' && now_ms() < until) {
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        const char *end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        state = end ? end[2] : '?';
        fclose(f);
        pause_ms(10);
    }
    assert_int_equal(state, 'T');
}

/* Frozen with an open batch, while another process takes the partitions and finishes; then thawed.
 */
static void test_owners_frozen_one_is_fenced(void **state) {
    struct service_rig s, rival;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_set(&s, "PX_FAILPOINTS_AT", "agg.after_begin=stop@3");
    service_rig_set(&s, "PX_Batch__TransactionBudget", "60s");
    service_rig_start(&s, failpoint_bin(), NULL);
    assert_true(
        service_rig_until(&s, SERVICE_NEXT_SUM, 50, 30)); /* two batches of 25, then it froze */
    wait_frozen(&s.proc);
    rival = s;
    rival.proc = (struct proc){0};
    service_rig_set(&rival, "PX_FAILPOINTS_AT", "");
    if (strcmp(rig_dialect()->name, "sqlite") !=
        0) { /* there the frozen one holds the file's lock */
        assert_int_equal(service_rig_run(&rival, bin(), "--once", 60), 0);
        assert_int_equal(sql_int(s.db.s, SERVICE_NEXT_SUM), SERVICE_EVENTS);
    }

    proc_signal(&s.proc, SIGCONT);

    if (strcmp(rig_dialect()->name, "sqlite") != 0) {
        assert_true(proc_log_wait(&s.proc, "\"fenced\"", 30));
    }
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 60));
    service_rig_holds(&s);
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
}

/* One that drains the log once must give all its partitions back for a moment because a member
 * joins: with none left it has not come to any end, and goes on when it gets some again. */
static void test_owners_once_does_not_end_without_partitions(void **state) {
    struct service_rig s, member;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_set(&s, "PX_FAILPOINTS_AT", "agg.after_commit=sleep:4000@2");
    service_rig_start(&s, failpoint_bin(), "--once");
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, 50, 30)); /* two batches of 25 */
    member = s;
    member.proc = (struct proc){0};
    member.keep_group = true;
    service_rig_set(&member, "PX_FAILPOINTS_AT", "");

    service_rig_start(&member, bin(), NULL);

    assert_int_equal(proc_wait(&s.proc, 60), 0);
    assert_int_equal(proc_log_count(&s.proc, "\"message\":\"consumer.assigned\""), 2);
    assert_true(service_rig_until(&member, SERVICE_NEXT_SUM, SERVICE_EVENTS, 60));
    assert_int_equal(proc_stop(&member.proc), 0);
    service_rig_holds(&s);
    service_rig_close(&s);
}

/* A second member joins in the middle, then the first one leaves. */
static void test_owners_that_come_and_go_lose_nothing(void **state) {
    struct service_rig s, second;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_set(&s, "PX_Batch__MaxEvents", "5");
    service_rig_start(&s, bin(), NULL);
    assert_true(proc_log_wait(&s.proc, "consumer.assigned", 30));
    second = s;
    second.proc = (struct proc){0};
    second.keep_group = true;
    service_rig_set(&second, "PX_Batch__MaxEvents", "7");
    service_rig_start(&second, bin(), NULL);
    assert_true(proc_log_wait(&second.proc, "consumer.assigned", 60));
    log_rig_make(*state, SERVICE_EVENTS);

    assert_true(service_rig_until(&second, SERVICE_NEXT_SUM, 2 * SERVICE_EVENTS, 60));
    assert_int_equal(sql_int(s.db.s, "SELECT count(DISTINCT owner) FROM consumer_offsets"), 2);
    assert_int_equal(proc_stop(&s.proc), 0);
    log_rig_make(*state, SERVICE_EVENTS);
    assert_true(service_rig_until(&second, SERVICE_NEXT_SUM, 3 * SERVICE_EVENTS, 60));

    assert_int_equal(sql_int(s.db.s, "SELECT count(DISTINCT owner) FROM consumer_offsets"), 1);
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM events") +
                         sql_int(s.db.s, "SELECT SUM(dead_lettered) FROM partition_ledger"),
                     3 * SERVICE_EVENTS);
    assert_int_equal(proc_stop(&second.proc), 0);
    service_rig_close(&s);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners_frozen_one_is_fenced),
        cmocka_unit_test(test_owners_once_does_not_end_without_partitions),
        /* last: it makes the log longer */
        cmocka_unit_test(test_owners_that_come_and_go_lose_nothing),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
