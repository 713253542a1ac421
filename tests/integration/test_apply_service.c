/* The real svc-aggregator from outside: exit codes, health and metrics, logs that are not the one
 * remembered. On every database, with a mock cluster. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *bin(void) {
    return proc_bin("svc-aggregator");
}

static void expect_exit(struct service_rig *s, const char *arg, int want, const char *says) {
    int status = service_rig_run(s, bin(), arg, 60);
    if (status != want || !proc_log_wait(&s->proc, says, 1)) {
        proc_log_show(&s->proc);
        fail_msg("ended with %d instead of %d, or did not say: %s", status, want, says);
    }
}

static void test_service_refuses_an_old_schema(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    sql_do(s.db.s, "DROP TABLE px_schema_migrations");

    expect_exit(&s, NULL, 78, "--migrate=up");

    service_rig_close(&s);
}

static void test_service_refuses_a_newer_schema(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    sql_do(s.db.s, "INSERT INTO px_schema_migrations (version, name, checksum, applied_at, "
                   "duration_ms) SELECT version + 1000, name, checksum, applied_at, 0 FROM "
                   "px_schema_migrations");

    expect_exit(&s, NULL, 78, "run the release that belongs to it");

    service_rig_close(&s);
}

static void test_service_drains_once_and_ends(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());

    expect_exit(&s, "--once", 0, "aggregator.drained");
    service_rig_holds(&s);
    expect_exit(&s, "--once", 0, "aggregator.drained"); /* nothing left: nothing moves */
    service_rig_holds(&s);

    service_rig_close(&s);
}

static void test_service_tells_how_it_is(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_start(&s, bin(), NULL);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 30));
    int port = (int)proc_log_int(&s.proc, "aggregator.started", "admin.port", 5);

    service_rig_ready(port, 200);
    service_rig_metric(port, "px_consumed_messages_total 600\n");
    service_rig_metric(port, "px_dlq_events_total{reason=\"bad_frame\"}");
    service_rig_metric(port, "px_applied_events_total{type=\"visit\",disposition=\"counted\"}");
    service_rig_metric(port, "px_consumer_lag_messages 0\n");
    service_rig_metric(port, "px_consumer_partitions 4\n");

    proc_signal(&s.proc, SIGTERM);
    assert_int_equal(proc_wait(&s.proc, 25), 0);
    service_rig_holds(&s);
    service_rig_close(&s);
}

static void test_service_halts_at_a_foreign_log(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    expect_exit(&s, "--once", 0, "aggregator.drained");
    service_rig_set(&s, "PX_Kafka__LogId", "log-2");

    expect_exit(&s, NULL, 65, "Kafka:OnNewLog");
    assert_true(proc_log_wait(&s.proc, "log-1", 1) && proc_log_wait(&s.proc, "log-2", 1));

    service_rig_set(&s, "PX_Kafka__OnNewLog", "start");
    expect_exit(&s, "--once", 0, "aggregator.drained");
    assert_int_equal(sql_int(s.db.s, SERVICE_NEXT_SUM), 2 * SERVICE_EVENTS);
    service_rig_close(&s);
}

/* SQL remembers offsets that the log does not have (any more). */
static void test_service_halts_at_a_gap(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    expect_exit(&s, "--once", 0, "aggregator.drained");
    sql_do(s.db.s,
           "UPDATE consumer_offsets SET next_offset = next_offset + 1000 WHERE partition_id = 1");

    expect_exit(&s, NULL, 65, "Kafka:OnGap=record");
    assert_int_equal(sql_int(s.db.s, SERVICE_NEXT_SUM), SERVICE_EVENTS + 1000);

    service_rig_start(&s, bin(), "--accept-gap");
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS,
                                  30)); /* it goes on at the log's end */
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM ingest_gaps"), 1);
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_holds(&s);
    service_rig_close(&s);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_refuses_an_old_schema),
        cmocka_unit_test(test_service_refuses_a_newer_schema),
        cmocka_unit_test(test_service_drains_once_and_ends),
        cmocka_unit_test(test_service_tells_how_it_is),
        cmocka_unit_test(test_service_halts_at_a_foreign_log),
        cmocka_unit_test(test_service_halts_at_a_gap),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
