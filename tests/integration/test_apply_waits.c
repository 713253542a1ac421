/* The real svc-aggregator while it has to wait: for dead letters that cannot be stored, for a
 * database that lets nobody write, for a broker that says nothing. It must not look as if all were
 * done. On every database, with a mock cluster. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <string.h>

static const char *bin(void) {
    return proc_bin("svc-aggregator");
}

static void test_waits_for_dead_letters(void **state) {
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
    service_rig_ready(port, 200); /* waiting is not broken */

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
static void test_waits_count_as_lag(void **state) {
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

    service_rig_metric(port, "px_consumer_paused_partitions 1\n");
    service_rig_metric(port, "px_consumer_lag_messages 3\n");
    assert_int_equal(proc_stop(&s.proc), 0);
    service_rig_close(&s);
    log_rig_close(&l);
}

/* While the database lets nobody write, the log grows, and whoever looks at the lag must see it. */
static void test_waits_for_sql_show_their_lag(void **state) {
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

    service_rig_metric(port, "px_consumer_lag_messages 5\n");
    px_tx_rollback(s.db.s);
    service_rig_metric(port, "px_consumer_lag_messages 0\n");
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
static void test_waits_vouch_for_no_end_that_was_not_told(void **state) {
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
        cmocka_unit_test(test_waits_for_dead_letters),
        cmocka_unit_test(test_waits_count_as_lag),
        cmocka_unit_test(test_waits_for_sql_show_their_lag),
        cmocka_unit_test(test_waits_vouch_for_no_end_that_was_not_told),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
