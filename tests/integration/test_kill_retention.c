/* Retention by the real svc-aggregator (built with failpoints), on every database: stopped, killed,
 * started again, beside a service at work; then the log is read once more. Nothing may be counted
 * twice, and nothing young may go. */
#include "apply_rig.h"
#include "service_rig.h"
#include "unit.h"

#include <px/event_avro.h>
#include <px/num.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_S 60
#define YOUNG  150

static const char *binary(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

static void run_to(struct service_rig *s, const char *arg, int want, const char *says) {
    int status = service_rig_run(s, binary(), arg, JOIN_S);
    if (status != want || (says && !proc_log_wait(&s->proc, says, 1))) {
        proc_log_show(&s->proc);
        fail_msg("%s ended with %d instead of %d, or did not say: %s", arg, status, want,
                 says ? says : "");
    }
}

static int64_t old_rows(struct service_rig *s) {
    return sql_int(s->db.s, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM "
                            "dedupe_day) + (SELECT count(*) FROM dedupe_event) + (SELECT count(*) "
                            "FROM minute_summary)");
}

static void totals(struct service_rig *s, char out[512]) {
    sql_text(s->db.s,
             "SELECT (SELECT SUM(count) FROM daily_metrics), (SELECT SUM(count) FROM "
             "event_summary), (SELECT SUM(total_deposits) FROM players), (SELECT MIN(first_seen) "
             "FROM players), (SELECT SUM(counted) FROM partition_ledger)",
             out, 512);
}

/* The events of the shared log are two years old; only sums per day are kept that long. */
static void open_old(struct service_rig *s, struct log_rig *l) {
    service_rig_open(s, l, rig_dialect());
    service_rig_set(s, "PX_Retention__Aggregates", "3650d");
    service_rig_set(s, "PX_Retention__BatchRows", "40");
    service_rig_set(s, "PX_Batch__MaxEvents", "200");
}

static void asks_json(struct service_rig *s, const char *mode, const char *says) {
    char out[8192];
    const char *argv[] = {binary(), mode, "--json", NULL};
    assert_int_equal(proc_run(argv, s->env, out, sizeof out), 0);
    if (!strstr(out, says)) {
        fail_msg("%s does not say %s: %s", mode, says, out);
    }
}

static void checked(struct service_rig *s, const char *says) {
    char out[8192];
    const char *argv[] = {binary(), "--check", NULL};
    (void)proc_run(argv, s->env, out, sizeof out);
    if (!strstr(out, says)) {
        fail_msg("--check does not say %s: %s", says, out);
    }
}

/* The independent checker, on what retention has left. */
static void ledger_says(struct service_rig *s, const char *says) {
    char out[16384], password[300];
    snprintf(password, sizeof password, "%s/password", proc_tmpdir());
    const char *argv[] = {proc_bin("px-ledger"),
                          "--kafka",
                          s->log->conf.bootstrap,
                          "--log-id",
                          "log-1",
                          "--sql-dialect",
                          rig_dialect()->name,
                          "--sql",
                          s->db.conf.connection,
                          s->db.conf.password[0] ? "--sql-password-file" : NULL,
                          password,
                          NULL};
    (void)proc_run(argv, s->env, out, sizeof out);
    if (!strstr(out, says)) {
        fail_msg("px-ledger does not say %s: %s", says, out);
    }
}

/* ${query} breaks something that the checker must see; ${mend} takes it back. */
static void ledger_finds(struct service_rig *s, const char *query, const char *class,
                         const char *mend) {
    char says[64];
    snprintf(says, sizeof says, "VIOLATION %s:", class);
    sql_do(s->db.s, query);
    ledger_says(s, says);
    sql_do(s->db.s, mend);
}

static void stopped_between_transactions(struct service_rig *s) {
    int64_t before = old_rows(s);
    service_rig_set(s, "PX_FAILPOINTS_AT", "agg.retain_after_batch=sleep:1500@2");
    service_rig_start(s, binary(), "--retention=run");
    assert_true(service_rig_until(
        s, "SELECT CASE WHEN count(*) < 541 THEN 1 ELSE 0 END FROM events", 1, 20));
    proc_signal(&s->proc, SIGTERM);
    assert_int_equal(proc_wait(&s->proc, 20), 0);
    assert_true(proc_log_wait(&s->proc, "asked to stop; the next run goes on", 1));
    assert_true(old_rows(s) < before && old_rows(s) > 0);
}

static void killed(struct service_rig *s, const char *point, int passage) {
    char spec[96];
    int64_t before = old_rows(s);
    snprintf(spec, sizeof spec, "%s=kill@%d", point, passage);
    service_rig_set(s, "PX_FAILPOINTS_AT", spec);
    run_to(s, "--retention=run", 128 + SIGKILL, NULL);
    assert_true(old_rows(s) <= before && old_rows(s) > 0);
    service_rig_set(s, "PX_FAILPOINTS_AT", "");
}

static void test_retention_goes_on_whatever_ends_it(void **state) {
    struct service_rig s;
    char before[512], after[512];
    open_old(&s, *state);
    run_to(&s, "--once", 0, "aggregator.drained");
    totals(&s, before);
    checked(&s, "warn  sql.retention");
    int64_t rows = old_rows(&s);

    asks_json(&s, "--retention=plan", "{\"mode\":\"plan\",\"busy\":false,\"stopped\":false,");
    run_to(&s, "--retention=plan", 0, "events before");
    assert_int_equal(old_rows(&s), rows);
    killed(&s, "agg.retain_after_floor", 1);
    assert_int_equal(old_rows(&s), rows);
    stopped_between_transactions(&s);
    killed(&s, "agg.retain_after_batch", 3);
    killed(&s, "agg.retain_before_commit", 2);

    run_to(&s, "--retention=run", 0, "retention.done");

    assert_int_equal(old_rows(&s), 0);
    ledger_says(&s, "ledger: exact");
    asks_json(&s, "--retention=run", "\"table\":\"events\",");
    checked(&s, "ok    sql.retention");
    totals(&s, after);
    assert_string_equal(before, after);

    sql_do(s.db.s, "UPDATE consumer_offsets SET next_offset = 0"); /* the log once more */
    run_to(&s, "--once", 0, "aggregator.drained");
    totals(&s, after);
    assert_string_equal(before, after);
    assert_int_equal(old_rows(&s), 0);
    service_rig_holds(&s);
    assert_int_equal(sql_int(s.db.s, "SELECT SUM(rewound) FROM partition_ledger"), SERVICE_EVENTS);
    assert_int_equal(sql_int(s.db.s, "SELECT SUM(2 * late + dead_lettered) FROM partition_ledger"),
                     2 * SERVICE_EVENTS);
    ledger_says(&s, "ledger: exact");
    ledger_finds(&s, "UPDATE daily_metrics SET count = count + 1", "daily_differs",
                 "UPDATE daily_metrics SET count = count - 1");
    service_rig_close(&s);
}

static void send_young(struct log_rig *l, int i) {
    char player[32];
    px_us now = px_wall(&px_clock_system);
    snprintf(player, sizeof player, "young-%d", i);
    struct px_event ev = {.event_type = PX_S("visit"),
                          .player_id = px_str_c(player),
                          .banner_tag = PX_S("b1"),
                          .received_at = now};
    ev.id = px_uuid_next(&l->ids, now);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    px_event_to_avro(&ev, &b);
    log_rig_send(l, px_str_c(player), px_buf_view(&b));
}

/* The service counts young events and removes old rows itself, and a second process does, too. */
static void test_retention_beside_a_service_at_work(void **state) {
    (void)state;
    struct log_rig l;
    struct service_rig s, other;
    log_rig_open(&l, 2, true);
    log_rig_make(&l, 300);
    open_old(&s, &l);
    other = s;
    service_rig_set(&s, "PX_Retention__Every", "6s");
    service_rig_set(&other, "PX_Retention__BatchRows", "1");
    service_rig_start(&s, binary(), NULL);
    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, 300, JOIN_S));
    service_rig_start(&other, binary(), "--retention=run");

    for (int i = 0; i < YOUNG; i++) {
        send_young(&l, i);
    }

    assert_true(service_rig_until(&s, SERVICE_NEXT_SUM, 300 + YOUNG, 30));
    assert_int_equal(proc_wait(&other.proc, JOIN_S), 0);
    assert_true(service_rig_until(&s, "SELECT count(*) FROM events", YOUNG, 20));
    assert_true(service_rig_until(&s, "SELECT count(*) FROM dedupe_event", 0, 20));
    assert_true(proc_log_wait(&s.proc, "retention.done", 20));
    assert_int_equal(proc_stop(&s.proc), 0);
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM dedupe_day"), YOUNG);
    assert_int_equal(sql_int(s.db.s, "SELECT SUM(counted) FROM partition_ledger"),
                     sql_int(s.db.s, "SELECT SUM(count) FROM daily_metrics"));
    assert_int_equal(sql_int(s.db.s, "SELECT count(*) FROM players WHERE player_id LIKE 'young%'"),
                     YOUNG);
    assert_int_equal(
        sql_int(s.db.s, "SELECT SUM(next_offset - first_offset - counted - repeated - duplicate - "
                        "conflict - late - dead_lettered) FROM partition_ledger"),
        0);
    ledger_says(&s, "ledger: exact");
    ledger_finds(&s, "UPDATE daily_metrics SET count = count - 1", "daily_differs",
                 "UPDATE daily_metrics SET count = count + 1");
    ledger_finds(&s, "UPDATE players SET player_id = 'x' || player_id WHERE player_id = 'young-7'",
                 "player_differs",
                 "UPDATE players SET player_id = 'young-7' WHERE player_id = 'xyoung-7'");
    ledger_finds(&s, "UPDATE events SET disposition = 'repeat' WHERE player_id = 'young-8'",
                 "disposition_differs",
                 "UPDATE events SET disposition = 'counted' WHERE player_id = 'young-8'");
    ledger_finds(&s, "DELETE FROM events WHERE player_id = 'young-9'", "missing_in_sql",
                 "SELECT 1");
    service_rig_close(&s);
    log_rig_close(&l);
}

static void test_retention_refuses_options_that_contradict(void **state) {
    struct service_rig s;
    service_rig_open(&s, *state, rig_dialect());
    service_rig_set(&s, "PX_Retention__Raw", "8d");
    run_to(&s, "--retention=run", 78, "Retention:Dedupe must not be shorter than Retention:Raw");
    service_rig_set(&s, "PX_Retention__Raw", "3d");
    service_rig_set(&s, "PX_Retention__Minutes", "6d");
    run_to(&s, "--retention=run", 78,
           "Retention:Minutes must not be shorter than Retention:Dedupe");
    service_rig_set(&s, "PX_Retention__Minutes", "30d");
    service_rig_set(&s, "PX_Retention__Aggregates", "6d");
    run_to(&s, "--retention=plan", 78,
           "Retention:Aggregates must not be shorter than Retention:Dedupe");
    service_rig_set(&s, "PX_Retention__Aggregates", "550d");
    run_to(&s, "--retention=later", 64, "later");
    sql_do(s.db.s, "INSERT INTO px_settings (name, value) VALUES ('day_zone', 'Europe/Berlin')");
    run_to(&s, "--retention=run", 78, "Sql:DayZone");
    service_rig_close(&s);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retention_goes_on_whatever_ends_it),
        cmocka_unit_test(test_retention_beside_a_service_at_work),
        cmocka_unit_test(test_retention_refuses_options_that_contradict),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
