/* The real svc-aggregator from outside: exit codes, health and metrics, dead letters that cannot be
 * stored, logs that are not the one remembered. On every database, with a mock cluster. */
#include "apply_rig.h"
#include "http_client.h"
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

static void wait_ready(int port, int want) {
    struct http_answer a;
    long until = now_ms() + 30000;
    int status = 0;
    while (status != want && now_ms() < until) {
        http_get(port, "/readyz", &a);
        status = a.status;
        http_answer_fini(&a);
        pause_ms(50);
    }
    assert_int_equal(status, want);
}

/* Gauges follow within a second or so. */
static void expect_metric(int port, const char *line) {
    long until = now_ms() + 10000;
    for (;;) {
        struct http_answer a;
        http_get(port, "/metrics", &a);
        bool found = a.status == 200 && strstr(a.body, line);
        http_answer_fini(&a);
        if (found) {
            return;
        }
        if (now_ms() > until) {
            fail_msg("/metrics does not hold: %s", line);
        }
        pause_ms(50);
    }
}

static void test_service_tells_how_it_is(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_start(&s, bin(), NULL);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 30));
    int port = (int)proc_log_int(&s.proc, "aggregator.started", "admin.port", 5);

    wait_ready(port, 200);
    expect_metric(port, "px_consumed_messages_total 600\n");
    expect_metric(port, "px_dlq_events_total{reason=\"bad_frame\"}");
    expect_metric(port, "px_applied_events_total{type=\"visit\",disposition=\"counted\"}");
    expect_metric(port, "px_consumer_lag_messages 0\n");
    expect_metric(port, "px_consumer_partitions 4\n");

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

/* --- dead letters
 * --------------------------------------------------------------------------------- */
static void test_service_waits_for_dead_letters(void **state) {
    struct log_rig *l = *state;
    struct service_rig s;
    service_rig_open(&s, l, rig_dialect());
    mock_kafka_topic_error(l->mock, SERVICE_DLQ, MOCK_KAFKA_TOPIC_DENIED);
    service_rig_start(&s, bin(), NULL);
    assert_true(proc_log_wait(&s.proc, "dlq.unavailable", 30));
    int port = (int)proc_log_int(&s.proc, "aggregator.started", "admin.port", 5);
    assert_true(sql_int(s.db.s, SERVICE_NEXT_SUM) < SERVICE_EVENTS);
    assert_int_equal(
        sql_int(s.db.s, "SELECT COALESCE(SUM(dead_lettered), 0) FROM partition_ledger"), 0);
    wait_ready(port, 200); /* waiting is not broken */

    mock_kafka_topic_error(l->mock, SERVICE_DLQ, 0);

    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, SERVICE_EVENTS, 60));
    service_rig_holds(&s);
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
}

static void send_poison(struct log_rig *l, int n) {
    for (int i = 0; i < n; i++) {
        log_rig_send(l, PX_S("k"), PX_S("poison"));
    }
}

/* Records that came after the start, and wait: it must not look as if all were done. */
static void test_service_counts_what_waits_as_lag(void **state) {
    (void)state;
    struct log_rig l;
    struct service_rig s;
    log_rig_open(&l, 1, true);
    mock_kafka_topic_error(l.mock, SERVICE_DLQ, MOCK_KAFKA_TOPIC_DENIED);
    service_rig_open(&s, &l, rig_dialect());
    service_rig_start(&s, bin(), NULL);
    assert_true(proc_log_wait(&s.proc, "consumer.assigned", 30));
    int port = (int)proc_log_int(&s.proc, "aggregator.started", "admin.port", 5);

    send_poison(&l, 3);

    expect_metric(port, "px_consumer_paused_partitions 1\n");
    expect_metric(port, "px_consumer_lag_messages 3\n");
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
    log_rig_close(&l);
}

/* While the database lets nobody write, the log grows, and whoever looks at the lag must see it. */
static void test_service_shows_its_lag_while_it_waits_for_sql(void **state) {
    (void)state;
    struct px_err e = PX_ERR_INIT;
    struct log_rig l;
    struct service_rig s;
    log_rig_open(&l, 1, true);
    service_rig_open(&s, &l, rig_dialect());
    service_rig_set(&s, "PX_Sql__LockTimeout", "300ms");
    service_rig_start(&s, bin(), NULL);
    send_poison(&l, 1);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, 1, 30));
    int port = (int)proc_log_int(&s.proc, "aggregator.started", "admin.port", 5);
    if (strcmp(rig_dialect()->name, "postgresql") == 0) {
        sql_do(s.db.s, "SET idle_in_transaction_session_timeout = 0");
    }
    assert_int_equal(px_tx_begin(s.db.s, &e), PX_OK);
    sql_do(s.db.s, "UPDATE consumer_offsets SET owner = owner");

    send_poison(&l, 3);
    assert_true(proc_log_wait(&s.proc, "sql.transaction_failed", 30));
    send_poison(&l, 2);

    expect_metric(port, "px_consumer_lag_messages 5\n");
    px_tx_rollback(s.db.s);
    expect_metric(port, "px_consumer_lag_messages 0\n");
    assert_int_equal(sql_int(s.db.s, SERVICE_NEXT_SUM), 6);
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
    log_rig_close(&l);
}

static void last_look(struct service_rig *s, char out[64]) {
    sql_text(s->db.s, "SELECT CAST(MAX(looked_at) AS text) FROM consumer_offsets", out, 64);
}

/* A broker that is connected and says nothing: what it said before must not pass for its word now,
 * or the API would call answers complete while events pile up. */
static void test_service_vouches_for_no_end_that_it_was_not_told(void **state) {
    (void)state;
    char before[64], after[64];
    struct log_rig l;
    struct service_rig s;
    log_rig_open(&l, 1, true);
    service_rig_open(&s, &l, rig_dialect());
    service_rig_start(&s, bin(), NULL);
    send_poison(&l, 1);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, 1, 30));
    last_look(&s, before);
    long until = now_ms() + 10000;
    do { /* while it answers, the end is looked at again and again */
        pause_ms(50);
        last_look(&s, after);
    } while (strcmp(before, after) == 0 && now_ms() < until);
    assert_string_not_equal(before, after);

    mock_kafka_rtt(l.mock, -1, 5000);
    pause_ms(1300); /* answers that were on their way, and the second after which SQL is told */
    last_look(&s, before);
    pause_ms(1500);
    last_look(&s, after);

    assert_string_equal(before, after);
    mock_kafka_rtt(l.mock, -1, 0);
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
    log_rig_close(&l);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_refuses_an_old_schema),
        cmocka_unit_test(test_service_refuses_a_newer_schema),
        cmocka_unit_test(test_service_drains_once_and_ends),
        cmocka_unit_test(test_service_tells_how_it_is),
        cmocka_unit_test(test_service_halts_at_a_foreign_log),
        cmocka_unit_test(test_service_halts_at_a_gap),
        cmocka_unit_test(test_service_waits_for_dead_letters),
        cmocka_unit_test(test_service_counts_what_waits_as_lag),
        cmocka_unit_test(test_service_shows_its_lag_while_it_waits_for_sql),
        cmocka_unit_test(test_service_vouches_for_no_end_that_it_was_not_told),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
