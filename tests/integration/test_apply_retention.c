/* Retention on every database: what goes and what stays, to the day; what comes again after its
 * claims are gone is late and moves nothing; the accounts add up throughout. */
#include "apply_rig.h"
#include "retain.h"
#include "settings.h"
#include "unit.h"

#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_MAX (1 << 18)
#define DAYS     12

struct world {
    struct rig rig;
    struct agg_retained got;
    int stop_after; /* pauses until the wish to stop; -1 = never */
};

static void check(enum px_code code, const struct px_err *e) {
    if (code != PX_OK) {
        fail_msg("%s: %s", px_code_name(code), e->msg);
    }
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    w->stop_after = -1;
    rig_open(&w->rig, rig_dialect());
    w->rig.conf.retain_raw = 3 * PX_US_PER_DAY;
    w->rig.conf.retain_dedupe = 7 * PX_US_PER_DAY;
    w->rig.conf.retain_minutes = 8 * PX_US_PER_DAY;
    w->rig.conf.retain_aggregates = 10 * PX_US_PER_DAY;
    w->rig.conf.retain_rows = 7;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    rig_close(&w->rig);
    free(w);
    return 0;
}

static void in_zone(struct world *w, const char *name) {
    struct px_err e = PX_ERR_INIT;
    check(px_zone_load(name, &w->rig.zone, &e), &e);
}

static bool pauses(void *arg, px_us span) {
    struct world *w = arg;
    (void)span;
    return w->stop_after >= 0 && w->stop_after-- == 0;
}

static struct agg_retain work(struct world *w) {
    return (struct agg_retain){.conf = &w->rig.conf,
                               .rollups = w->rig.rollups,
                               .zone = w->rig.zone,
                               .clock = &w->rig.clock.clock,
                               .sql = w->rig.db.s,
                               .pause = pauses,
                               .arg = w};
}

static void retain(struct world *w) {
    struct px_err e = PX_ERR_INIT;
    struct agg_retain r = work(w);
    check(agg_retain_run(&r, &w->got, &e), &e);
    assert_false(w->got.busy);
}

/* The owner looks at the ends of its partitions: nothing is unread. */
static void look(struct rig *r) {
    struct px_err e = PX_ERR_INIT;
    const struct agg_part *v[RIG_PARTITIONS];
    for (size_t i = 0; i < r->core.parts.n; i++) {
        r->core.parts.v[i].looked_at = px_wall(&r->clock.clock);
        r->core.parts.v[i].high = r->core.parts.v[i].next;
        v[i] = &r->core.parts.v[i];
    }
    check(agg_core_touch(&r->core, v, r->core.parts.n, &e), &e);
}

/* A day's events: one with an id, one without, a deposit. */
static void one_day(struct rig *r, int day) {
    char eid[16];
    snprintf(eid, sizeof eid, "e%d", day);
    rig_add(r, &(struct rig_event){.type = "visit", .player = "p1", .banner = "b1", .eid = eid});
    rig_add(r, &(struct rig_event){.type = "visit", .player = "p2", .banner = "b2"});
    rig_add(r, &(struct rig_event){1, "deposit", "p3", "b1", eid});
    rig_settle(r);
}

/* From 2024-10-04 on, at noon; the clock ends at noon of the last one. */
static void some_days(struct rig *r) {
    for (int day = 0; day < DAYS; day++) {
        if (day) {
            px_clock_fake_advance(&r->clock, PX_US_PER_DAY);
        }
        one_day(r, day);
    }
    look(r);
}

static void again(struct rig *r, int64_t from) {
    struct px_err e = PX_ERR_INIT;
    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 0 WHERE partition_id < 2");
    check(rig_take(r, &r->core, 0, 100, &e), &e);
    r->offset[0] = r->offset[1] = from;
    look(r);
}

static void totals(struct rig *r, char out[512]) {
    sql_text(r->db.s,
             "SELECT (SELECT SUM(count) FROM daily_metrics), (SELECT SUM(count) FROM "
             "event_summary), (SELECT SUM(count) FROM minute_summary), (SELECT SUM(total_deposits) "
             "FROM players), (SELECT SUM(counted) FROM partition_ledger)",
             out, 512);
}

/* 12 days, 4 to 15 October; now is the 15th. */
static void test_retention_bounds_are_whole_days(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    some_days(r);

    retain(w);

    rig_expect(r, "SELECT count(*), CAST(MIN(created_at) AS text) FROM events",
               strcmp(rig_dialect()->name, "sqlite") == 0 ? "12|2024-10-12 12:00:00.000000"
                                                          : "12|2024-10-12 12:00:00+00");
    rig_expect(r, "SELECT MIN(day), count(*) FROM dedupe_day", "2024-10-08|24");
    rig_expect(r, "SELECT MIN(seen_day), count(*) FROM dedupe_event", "2024-10-06|20");
    rig_expect(r, "SELECT MIN(event_date), count(*) FROM daily_metrics", "2024-10-05|22");
    rig_expect(r, "SELECT MIN(event_date), count(*) FROM event_summary", "2024-10-05|33");
    rig_expect(r, "SELECT MIN(event_date), count(*) FROM class_summary", "2024-10-05|33");
    rig_expect(r, "SELECT count(*) FROM minute_summary", "27");
    rig_expect(r, "SELECT count(*) FROM players", "3");
    rig_expect(r, "SELECT name, value FROM px_settings WHERE name <> 'day_zone' ORDER BY name",
               "claims_from|2024-10-08\nclass_summary_complete_from|2024-10-05\n"
               "daily_metrics_complete_from|2024-10-05\n"
               "event_summary_complete_from|2024-10-05\nminute_summary_complete_from|2024-10-07\n"
               "raw_complete_from|2024-10-12");
    assert_int_equal(agg_retained_rows(&w->got), 24 + 12 + 4 + 2 + 3 + 3 + 9);
    rig_ledger_holds(r);
}

static void test_retention_twice_is_nothing_to_do(void **state) {
    struct world *w = *state;
    char *before = malloc(DUMP_MAX), *after = malloc(DUMP_MAX);
    some_days(&w->rig);
    retain(w);
    rig_dump(&w->rig, before, DUMP_MAX);

    retain(w);

    rig_dump(&w->rig, after, DUMP_MAX);
    assert_string_equal(before, after);
    assert_int_equal(agg_retained_rows(&w->got), 0);
    free(before);
    free(after);
}

static void test_retention_plan_touches_nothing(void **state) {
    struct world *w = *state;
    struct px_err e = PX_ERR_INIT;
    char *before = malloc(DUMP_MAX), *after = malloc(DUMP_MAX);
    some_days(&w->rig);
    rig_dump(&w->rig, before, DUMP_MAX);
    struct agg_retain r = work(w);
    r.sql = sql_fixture_connect(&w->rig.db, PX_SQL_READ);

    check(agg_retain_plan(&r, &w->got, &e), &e);

    px_sql_close(r.sql);
    rig_dump(&w->rig, after, DUMP_MAX);
    assert_string_equal(before, after);
    rig_expect(&w->rig, "SELECT count(*) FROM px_settings WHERE name <> 'day_zone'", "0");
    int64_t planned = agg_retained_rows(&w->got);
    retain(w);
    assert_int_equal(planned, agg_retained_rows(&w->got));
    free(before);
    free(after);
}

static void test_retention_stops_between_transactions_and_goes_on(void **state) {
    struct world *w = *state;
    some_days(&w->rig);
    w->stop_after = 1;

    retain(w);

    assert_true(w->got.stopped);
    assert_int_equal(agg_retained_rows(&w->got), 14); /* two batches of seven */
    rig_expect(&w->rig, "SELECT count(*) FROM events", "22");
    retain(w);
    assert_false(w->got.stopped);
    rig_expect(&w->rig, "SELECT count(*) FROM events", "12");
    rig_expect(&w->rig, "SELECT MIN(day), count(*) FROM dedupe_day", "2024-10-08|24");
}

/* Clocks in Berlin go back at 01:00 UTC of 27 October 2024: that day begins at 22:00 UTC of the
 * 26th and ends at 23:00 UTC. */
static void test_retention_cuts_days_in_the_zone(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    in_zone(w, "Europe/Berlin");
    static const char *const at[] = {"2024-10-25T21:59:59Z",                         /* the 25th */
                                     "2024-10-25T22:00:00Z", "2024-10-26T21:59:59Z", /* the 26th */
                                     "2024-10-26T22:00:00Z", "2024-10-27T22:59:59Z", /* the 27th */
                                     "2024-10-27T23:00:00Z"};                        /* the 28th */
    for (size_t i = 0; i < PX_ARRAY_LEN(at); i++) {
        assert_true(px_parse_instant(px_str_c(at[i]), &r->clock.wall_now));
        rig_add(r, &(struct rig_event){0, "visit", "p1", i % 2 ? "b1" : "b2", NULL});
        rig_settle(r);
    }
    rig_expect(r, "SELECT event_date, count FROM daily_metrics ORDER BY 1",
               "2024-10-25|1\n2024-10-26|2\n2024-10-27|2\n2024-10-28|1");
    w->rig.conf.retain_minutes = w->rig.conf.retain_dedupe;
    assert_true(px_parse_instant(PX_S("2024-10-30T22:59:59Z"), &r->clock.wall_now));
    look(r);
    retain(w); /* three days before 23:59:59 of the 30th is 23:59:59 of the 27th: the 27th stays */
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'raw_complete_from'", "2024-10-27");
    rig_expect(r, "SELECT count(*) FROM events", "3");

    px_clock_fake_advance(&r->clock, PX_US_PER_S); /* midnight */
    look(r);
    retain(w);

    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'raw_complete_from'", "2024-10-28");
    rig_expect(r, "SELECT count(*) FROM events", "1");
    assert_true(px_parse_instant(PX_S("2024-11-03T22:59:59Z"), &r->clock.wall_now));
    look(r);
    retain(w); /* seven days: claims of the 27th stay to the last second */
    rig_expect(r, "SELECT day, count(*) FROM dedupe_day GROUP BY day ORDER BY day",
               "2024-10-27|2\n2024-10-28|1");
    px_clock_fake_advance(&r->clock, PX_US_PER_S);
    look(r);
    retain(w);
    rig_expect(r, "SELECT day, count(*) FROM dedupe_day GROUP BY day ORDER BY day", "2024-10-28|1");
    rig_expect(r, "SELECT count(*) FROM minute_summary", "1");
}

static void test_retention_makes_old_events_late(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    char before[512], after[512];
    some_days(r);
    retain(w);
    totals(r, before);
    px_us now = px_wall(&r->clock.clock);

    rig_add_at(r, &(struct rig_event){0, "deposit", "p9", "b9", "old"}, now - 8 * PX_US_PER_DAY);
    rig_add_at(r, &(struct rig_event){0, "deposit", "p9", "b9", NULL}, now - 9 * PX_US_PER_DAY);
    rig_settle(r);

    totals(r, after);
    assert_string_equal(before, after);
    rig_expect(r, "SELECT late FROM partition_ledger WHERE partition_id = 0", "2");
    rig_expect(r, "SELECT count(*) FROM events WHERE player_id = 'p9'", "0");
    rig_expect(r, "SELECT count(*) FROM players WHERE player_id = 'p9'", "0");
    rig_expect(r, "SELECT MIN(day), count(*) FROM dedupe_day", "2024-10-08|24");
    rig_expect(r, "SELECT count(*) FROM dedupe_event", "20");
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_APPLIED,
                                      px_catalog_find(r->catalog, PX_S("deposit"))->index, PX_LATE),
                     2);
    rig_add_at(r, &(struct rig_event){0, "deposit", "p9", "b9", "young"}, now - 7 * PX_US_PER_DAY);
    rig_settle(r);
    rig_expect(r, "SELECT disposition FROM events WHERE player_id = 'p9'", "counted");
    rig_ledger_holds(r);
}

/* The log is read again from its start: what still has its claims is recognised by them, the rest
 * by its day. */
static void test_retention_counts_no_replay_twice(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    char before[512], after[512];
    px_us end;
    some_days(r);
    retain(w);
    totals(r, before);
    end = r->clock.wall_now;
    again(r, 0);
    r->clock.wall_now = RIG_NOON;
    r->ids = (struct px_uuid_gen){0};

    for (int day = 0; day < DAYS; day++) {
        one_day(r, day);
        r->clock.wall_now += PX_US_PER_DAY;
    }

    totals(r, after);
    assert_string_equal(before, after);
    rig_expect(r, "SELECT SUM(late), SUM(counted), SUM(rewound) FROM partition_ledger", "12|36|36");
    rig_expect(r, "SELECT MIN(day), count(*) FROM dedupe_day", "2024-10-08|24");
    r->clock.wall_now = end;
    rig_ledger_holds(r);
}

/* Received a minute before midnight of the last day whose claims go, by a sender whose clock is
 * ahead: the event belongs to a day that still counts, so its claim must stay. */
static void test_retention_keeps_the_claims_of_senders_ahead(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    char before[512], after[512];
    px_us midnight = RIG_NOON - 12 * PX_US_PER_HOUR + 4 * PX_US_PER_DAY; /* 8 October */
    for (int round = 0; round < 2; round++) {
        r->clock.wall_now = midnight - PX_US_PER_MIN;
        rig_add_at(r, &(struct rig_event){0, "deposit", "p1", "b1", "one"},
                   midnight + PX_US_PER_MIN);
        rig_add_at(r, &(struct rig_event){0, "deposit", "p1", "b1", "two"},
                   midnight + PX_US_PER_MIN);
        rig_settle(r);
        r->clock.wall_now = RIG_NOON + 11 * PX_US_PER_DAY;
        look(r);
        if (round == 0) {
            retain(w);
            rig_expect(r, "SELECT value FROM px_settings WHERE name = 'claims_from'", "2024-10-08");
            totals(r, before);
            again(r, 0);
        }
    }
    totals(r, after);
    assert_string_equal(before, after);
    rig_expect(r, "SELECT SUM(late), SUM(duplicate) FROM partition_ledger", "0|2");
    rig_ledger_holds(r);
}

/* The aggregator was away: what it has not read yet must not become late under its hands. */
static void test_retention_waits_for_unread_events(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    some_days(r);
    px_clock_fake_advance(&r->clock, 6 * PX_US_PER_DAY); /* the 21st; SQL was last looked at on the
                                                            15th */
    retain(w);

    assert_true(w->got.bounds.claims_from < w->got.bounds.claims_wanted);
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'claims_from'", "2024-10-12");
    rig_expect(r, "SELECT MIN(event_date) FROM daily_metrics", "2024-10-11");
    rig_expect(r, "SELECT count(*) FROM events", "0"); /* raw rows are of events that were read */
    look(r);
    retain(w);
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'claims_from'", "2024-10-14");
}

static void put_progress(struct rig *r, const char *log, int partition, const char *looked_at,
                         const char *received) {
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO consumer_offsets (log_id, topic, partition_id, next_offset, epoch, owner, "
        "revision, high_watermark, looked_at, max_event_at) VALUES ('%s', 'EVT_MORE', %d, 5, "
        "1, '', 0, %d, '%s', '%s')",
        log, partition, received[0] ? 9 : 5, looked_at, received[0] ? received : looked_at);
    sql_do(r->db.s, sql);
}

/* Another topic, of which an older log was read too: of the newest one every partition holds the
 * floor, also one that was looked at before the older log was, and none that knows an event of a
 * clock that runs ahead. Now is the 15th. */
static void test_retention_asks_every_partition_of_the_newest_log(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    some_days(r);
    put_progress(r, "a-old", 0, "2024-10-10 12:00:00.000000", "2024-09-20 12:00:00.000000");
    put_progress(r, "b-new", 0, "2024-10-08 12:00:00.000000", "");
    put_progress(r, "b-new", 1, "2024-10-15 12:00:00.000000", "");
    retain(w);
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'claims_from'", "2024-10-05");

    sql_do(r->db.s, "UPDATE consumer_offsets SET looked_at = '2024-10-15 12:00:00.000000' WHERE "
                    "log_id = 'b-new'");
    put_progress(r, "b-new", 2, "2024-10-10 12:00:00.000000", "2026-01-01 00:00:00.000000");
    retain(w);
    rig_expect(r, "SELECT value FROM px_settings WHERE name = 'claims_from'", "2024-10-07");
}

/* A batch is past its fence and has read the old floor: no claim goes before it has ended. */
static void test_retention_waits_for_batches_under_way(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    struct px_err e = PX_ERR_INIT;
    struct px_sql *own = NULL;
    some_days(r);
    check(px_sql_open(&r->conf.sql, PX_SQL_WRITE, &own, &e), &e);
    check(px_tx_begin(r->db.s, &e), &e);
    sql_do(r->db.s, "UPDATE consumer_offsets SET owner = owner WHERE partition_id = 3");
    struct agg_retain work_on = work(w);
    work_on.sql = own;
    w->stop_after = 0;

    check(agg_retain_run(&work_on, &w->got, &e), &e);

    assert_true(w->got.stopped);
    assert_int_equal(agg_retained_rows(&w->got), 0);
    px_tx_rollback(r->db.s);
    check(agg_retain_run(&work_on, &w->got, &e), &e);
    assert_int_equal(agg_retained_rows(&w->got), 57);
    px_sql_close(own);
}

static void says(const struct world *w, const char *text) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(8192);
    agg_retained_text(&w->got, false, &out);
    if (!strstr(px_buf_cstr(&out), text)) {
        fail_msg("nothing of %s in\n%s", text, px_buf_cstr(&out));
    }
}

static void test_retention_raises_its_marks_only(void **state) {
    struct world *w = *state;
    some_days(&w->rig);
    retain(w);
    w->rig.conf.retain_raw = 5 * PX_US_PER_DAY;
    w->rig.conf.retain_dedupe = 9 * PX_US_PER_DAY;

    retain(w);

    rig_expect(
        &w->rig,
        "SELECT name, value FROM px_settings WHERE name IN ('claims_from', 'raw_complete_from') "
        "ORDER BY name",
        "claims_from|2024-10-08\nraw_complete_from|2024-10-12");
    assert_int_equal(agg_retained_rows(&w->got), 0);
    says(w, "raw rows are complete from 2024-10-12, events before 2024-10-08 are late\n");
}

static void test_retention_refuses_a_floor_that_is_no_day(void **state) {
    struct world *w = *state;
    struct rig *r = &w->rig;
    struct px_err e = PX_ERR_INIT;
    some_days(r);
    sql_do(r->db.s, "INSERT INTO px_settings (name, value) VALUES ('claims_from', 'soon')");
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});

    assert_int_equal(rig_try(r, &e), PX_SCHEMA);

    assert_non_null(strstr(e.msg, "claims_from"));
    agg_batch_reset(&r->batch);
    struct agg_retain rt = work(w);
    assert_int_equal(agg_retain_run(&rt, &w->got, &e), PX_SCHEMA);
    assert_int_equal(agg_retained_rows(&w->got), 0); /* nobody would know which are late */
}

/* The role that is made for it suffices. */
static void test_retention_needs_few_rights(void **state) {
    struct world *w = *state;
    struct px_err e = PX_ERR_INIT;
    some_days(&w->rig);
    struct agg_retain r = work(w);
    r.sql = sql_fixture_connect(&w->rig.db, PX_SQL_WRITE);
    sql_do(r.sql, "SET ROLE px_retention");

    check(agg_retain_run(&r, &w->got, &e), &e);

    assert_int_equal(agg_retained_rows(&w->got), 57);
    px_sql_close(r.sql);
}

static int run(const char *group) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_retention_bounds_are_whole_days),
        T(test_retention_twice_is_nothing_to_do),
        T(test_retention_plan_touches_nothing),
        T(test_retention_stops_between_transactions_and_goes_on),
        T(test_retention_cuts_days_in_the_zone),
        T(test_retention_makes_old_events_late),
        T(test_retention_counts_no_replay_twice),
        T(test_retention_keeps_the_claims_of_senders_ahead),
        T(test_retention_waits_for_unread_events),
        T(test_retention_asks_every_partition_of_the_newest_log),
        T(test_retention_waits_for_batches_under_way),
        T(test_retention_raises_its_marks_only),
        T(test_retention_refuses_a_floor_that_is_no_day),
        T(test_retention_needs_few_rights),
    };
    bool roles = strcmp(group, "postgresql") == 0; /* the last one */
    return _cmocka_run_group_tests(group, tests, PX_ARRAY_LEN(tests) - (roles ? 0 : 1), NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
