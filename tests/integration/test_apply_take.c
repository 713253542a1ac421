/* Taking partitions: first sight, epochs, gaps, logs cut back, rewinds, foreign logs, idle
 * progress, and the day zone of a database. On every database. */
#include "apply_rig.h"
#include "settings.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void visits(struct rig *r, int64_t n) {
    char name[16];
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "p%d", (int)r->offset[0]);
        rig_add(r, &(struct rig_event){0, "visit", name, "b1", NULL});
    }
}

static void test_take_starts_at_the_first_offset_of_the_log(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    snprintf(r->core.log_id, sizeof r->core.log_id, "log-2");
    sql_do(r->db.s, "DELETE FROM consumer_offsets");
    sql_do(r->db.s, "DELETE FROM partition_ledger");

    assert_int_equal(rig_take(r, &r->core, 700, 900, &e), PX_OK);

    const struct agg_part *p = agg_parts_find(&r->core.parts, 2);
    assert_int_equal(p->next, 700);
    assert_int_equal(p->epoch, 1);
    assert_int_equal(p->once_until, 900);
    rig_expect(
        r,
        "SELECT first_offset, next_offset, hole, gap FROM partition_ledger WHERE partition_id = 2",
        "700|700|0|0");
    rig_ledger_holds(r);
}

static void test_take_issues_a_new_epoch_each_time(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 5);
    rig_settle(r);

    assert_int_equal(rig_take(r, &r->core, 0, 5, &e), PX_OK);

    const struct agg_part *p = agg_parts_find(&r->core.parts, 0);
    assert_int_equal(p->next, 5);
    assert_int_equal(p->epoch, 2);
    rig_expect(r, "SELECT owner, epoch, next_offset FROM consumer_offsets WHERE partition_id = 0",
               "first|2|5");
}

static void test_take_halts_at_a_gap(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 5);
    rig_settle(r);

    assert_int_equal(rig_take(r, &r->core, 12, 20, &e), PX_GAP);

    assert_non_null(strstr(e.msg, "partition 0"));
    assert_non_null(strstr(e.msg, "[5,12)"));
    rig_expect(r, "SELECT MAX(epoch) FROM consumer_offsets", "1"); /* nothing was taken */
    rig_expect(r, "SELECT count(*) FROM ingest_gaps", "0");
}

static void test_take_records_a_gap_when_told(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 5);
    rig_settle(r);
    r->conf.on_gap = AGG_GAP_RECORD;

    assert_int_equal(rig_take(r, &r->core, 12, 20, &e), PX_OK);

    assert_int_equal(agg_parts_find(&r->core.parts, 0)->next, 12);
    rig_expect(r, "SELECT from_offset, to_offset FROM ingest_gaps WHERE partition_id = 0", "5|12");
    rig_expect(r, "SELECT gap, counted, next_offset FROM partition_ledger WHERE partition_id = 0",
               "7|5|12");
    rig_ledger_holds(r);
    r->offset[0] = 12;
    visits(r, 3);
    rig_settle(r);
    rig_ledger_holds(r);
}

/* Set back by hand into a gap that has grown since: one row says how far it reaches now. */
static void test_take_records_a_gap_that_grew(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 5);
    rig_settle(r);
    r->conf.on_gap = AGG_GAP_RECORD;
    assert_int_equal(rig_take(r, &r->core, 12, 20, &e), PX_OK);

    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 5 WHERE partition_id = 0");
    assert_int_equal(rig_take(r, &r->core, 16, 20, &e), PX_OK);

    rig_expect(r, "SELECT from_offset, to_offset FROM ingest_gaps WHERE partition_id = 0", "5|16");
    rig_expect(r, "SELECT gap, rewound, next_offset FROM partition_ledger WHERE partition_id = 0",
               "18|7|16");
    rig_ledger_holds(r);
}

static void test_take_notices_a_log_that_was_cut_back(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 5);
    rig_settle(r);

    assert_int_equal(rig_take(r, &r->core, 0, 3, &e), PX_GAP);
    assert_non_null(strstr(e.msg, "ends at offset 3"));
    assert_non_null(strstr(e.msg, RIG_LOG));

    r->conf.on_gap = AGG_GAP_RECORD;
    assert_int_equal(rig_take(r, &r->core, 0, 3, &e), PX_OK);
    rig_expect(r, "SELECT from_offset, to_offset FROM ingest_gaps", "5|0");
    rig_expect(r, "SELECT next_offset, rewound FROM partition_ledger WHERE partition_id = 0",
               "0|5");
    rig_ledger_holds(r);
    r->offset[0] = 0; /* made anew: what it holds was never seen */
    rig_add(r, &(struct rig_event){0, "visit", "new-1", "b1", NULL});
    rig_add(r, &(struct rig_event){0, "visit", "p0", "b1", NULL});
    rig_add(r, &(struct rig_event){0, "visit", "new-2", "b1", NULL});
    rig_settle(r);
    rig_expect(r, "SELECT counted, repeated FROM partition_ledger WHERE partition_id = 0", "7|1");
    rig_ledger_holds(r);
}

/* An operator sets the offset back: everything is read again and nothing counts twice. */
static void test_take_survives_a_rewind(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d1"});
    rig_add(r, &(struct rig_event){0, "deposit", "p1", "b1", "d2"});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    struct agg_slice s = agg_batch_seal(&r->batch);
    char bytes[3][512];
    struct px_str again[3];
    for (size_t i = 0; i < s.n; i++) {
        memcpy(bytes[i], s.items[i]->value.p, s.items[i]->value.n);
        again[i] = (struct px_str){.p = bytes[i], .n = s.items[i]->value.n};
    }
    rig_settle(r);

    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 0 WHERE partition_id = 0");
    assert_int_equal(rig_take(r, &r->core, 0, 3, &e), PX_OK);
    r->offset[0] = 0;
    for (size_t i = 0; i < 3; i++) {
        rig_raw(r, 0, again[i]);
    }
    rig_settle(r);

    rig_expect(r, "SELECT SUM(count) FROM daily_metrics", "2");
    rig_expect(r, "SELECT total_deposits FROM players", "2");
    rig_expect(r, "SELECT count(*) FROM events", "3");
    rig_expect(
        r,
        "SELECT rewound, counted, repeated, duplicate FROM partition_ledger WHERE partition_id = 0",
        "3|2|2|2");
    rig_ledger_holds(r);
}

static void test_take_refuses_a_foreign_log(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    struct agg_core other;
    rig_core(r, &other, "second");
    snprintf(other.log_id, sizeof other.log_id, "log-2");

    assert_int_equal(rig_take(r, &other, 0, 0, &e), PX_NEW_LOG);
    assert_non_null(strstr(e.msg, "log-1"));
    assert_non_null(strstr(e.msg, "log-2"));
    rig_expect(r, "SELECT count(*) FROM consumer_offsets WHERE log_id = 'log-2'", "0");
    agg_core_fini(&other);

    r->conf.on_new_log = AGG_NEW_LOG_START;
    rig_core(r, &other, "second");
    snprintf(other.log_id, sizeof other.log_id, "log-2");
    assert_int_equal(rig_take(r, &other, 0, 0, &e), PX_OK);
    rig_expect(r, "SELECT log_id, count(*) FROM consumer_offsets GROUP BY log_id ORDER BY log_id",
               "log-1|4\nlog-2|4");
    agg_core_fini(&other);
}

static void test_take_touch_tells_how_far_the_log_reaches(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    struct agg_part *p = agg_parts_find(&r->core.parts, 1);
    const struct agg_part *idle[] = {p};
    p->high = 77;
    p->looked_at = RIG_NOON + PX_US_PER_HOUR;

    assert_int_equal(agg_core_touch(&r->core, idle, 1, &e), PX_OK);
    rig_expect(r, "SELECT high_watermark, next_offset FROM consumer_offsets WHERE partition_id = 1",
               "77|0");

    p->epoch = 0; /* somebody else took it */
    assert_int_equal(agg_core_touch(&r->core, idle, 1, &e), PX_FENCED);
}

static void test_take_day_zone_is_fixed_per_database(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'day_zone'", "UTC");

    assert_int_equal(agg_settings_zone(r->db.s, "UTC", &e), PX_OK);
    assert_int_equal(agg_settings_zone(r->db.s, "Europe/Berlin", &e), PX_CONFIG);

    assert_non_null(strstr(e.msg, "Europe/Berlin"));
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'day_zone'", "UTC");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_take_starts_at_the_first_offset_of_the_log),
        TEST(test_take_issues_a_new_epoch_each_time),
        TEST(test_take_halts_at_a_gap),
        TEST(test_take_records_a_gap_when_told),
        TEST(test_take_records_a_gap_that_grew),
        TEST(test_take_notices_a_log_that_was_cut_back),
        TEST(test_take_survives_a_rewind),
        TEST(test_take_refuses_a_foreign_log),
        TEST(test_take_touch_tells_how_far_the_log_reaches),
        TEST(test_take_day_zone_is_fixed_per_database),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
