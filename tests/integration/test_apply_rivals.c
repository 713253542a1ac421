/* Two aggregators that do not know of each other on one database: they take the partitions from
 * each other until one gives way. A program of its own, because that takes most of a minute. On
 * every database, with a mock cluster. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <stdio.h>

static const char *bin(void) {
    return proc_bin("svc-aggregator");
}

/* Two groups on one database take the partitions from each other: the counts stay right, and one of
 * them gives way. */
static void test_rivals_give_way_to_another_group(void **state) {
    struct service_rig s, rival;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_start(&s, bin(), NULL);
    assert_true(proc_log_wait(&s.proc, "consumer.assigned", 30));
    rival = s;
    rival.proc = (struct proc){0};
    service_rig_start(&rival, bin(), NULL);

    struct proc *loser = &s.proc, *winner = &rival.proc;
    for (long until = now_ms() + 120000; now_ms() < until;) {
        if (proc_log_wait(loser, "aggregator.halted", 0)) {
            break;
        }
        loser = winner;
        winner = loser == &s.proc ? &rival.proc : &s.proc;
        pause_ms(20);
    }
    int status = proc_wait(loser, 30);
    if (status != 78) {
        proc_log_show(loser);
    }
    assert_int_equal(status, 78);
    assert_true(proc_log_wait(loser, "Kafka:GroupId", 1));
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 60));
    service_rig_holds(&s);
    assert_int_equal(proc_stop(winner), 0);
    s.proc = (struct proc){0};
    service_rig_close(&s);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rivals_give_way_to_another_group),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
