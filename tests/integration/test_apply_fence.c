/* What happens to a batch when things go wrong: another owner, locks, lost connections, doubtful
 * commits, rows that SQL refuses. On every database; what only a server can do is skipped
 * elsewhere. */
#include "apply_rig.h"
#include "postgres.h"
#include "proc.h"
#include "retry.h"
#include "tcp_cut.h"
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_MAX (1 << 18)

static bool on_server(void) {
    return strcmp(rig_dialect()->name, "postgresql") == 0;
}

static void visits(struct rig *r, size_t n) {
    static char names[64][24];
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i % 64], sizeof names[0], "p%zu", i);
        rig_add(r, &(struct rig_event){(int32_t)(i % 2), "visit", names[i % 64], "b1", NULL});
    }
}

static int64_t counted(struct rig *r) {
    return sql_int(r->db.s, "SELECT COALESCE(SUM(count), 0) FROM daily_metrics");
}

/* A former owner that wakes up with a batch in its hands. */
static void test_fence_stops_a_former_owner(void **state) {
    struct rig *r = *state;
    struct agg_core rival;
    struct px_err e = PX_ERR_INIT;
    char *before = malloc(DUMP_MAX), *after = malloc(DUMP_MAX);
    visits(r, 10);
    rig_core(r, &rival, "second");
    assert_int_equal(rig_take(r, &rival, 0, 0, &e), PX_OK);
    rig_dump(r, before, DUMP_MAX);

    assert_int_equal(rig_try(r, &e), PX_FENCED);

    rig_dump(r, after, DUMP_MAX);
    assert_string_equal(before, after);
    assert_int_equal(sql_int(r->db.s, "SELECT MIN(epoch) FROM consumer_offsets"), 2);
    agg_core_fini(&rival);
    free(before);
    free(after);
}

/* One partition of the batch is enough to refuse all of it. */
static void test_fence_is_all_or_nothing(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 10);
    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 3 WHERE partition_id = 1");

    assert_int_equal(rig_try(r, &e), PX_FENCED);

    assert_int_equal(counted(r), 0);
    assert_int_equal(
        sql_int(r->db.s, "SELECT next_offset FROM consumer_offsets WHERE partition_id = 0"), 0);
}

static enum agg_fate fate(struct rig *r, const struct agg_slice *s) {
    struct px_err e = PX_ERR_INIT;
    enum agg_fate f = AGG_FATE_FENCED;
    assert_int_equal(agg_offsets_read_back(r->core.offsets, r->core.log_id, s, &f, &e), PX_OK);
    return f;
}

static void test_fence_read_back_tells_the_fate(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 10);
    struct agg_slice s = agg_batch_seal(&r->batch);
    for (size_t i = 0; i < s.nranges; i++) {
        s.ranges[i].epoch = agg_parts_find(&r->core.parts, s.ranges[i].partition)->epoch;
    }

    assert_int_equal(fate(r, &s), AGG_FATE_REDO);
    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 5 WHERE partition_id = 1");
    assert_int_equal(fate(r, &s), AGG_FATE_FENCED); /* one moved, one did not: not our doing */
    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 0 WHERE partition_id = 1");
    assert_int_equal(rig_try(r, &e), PX_OK);
    assert_int_equal(fate(r, &s), AGG_FATE_DONE);
    sql_do(r->db.s, "UPDATE consumer_offsets SET next_offset = 0, epoch = epoch + 1");
    assert_int_equal(fate(r, &s), AGG_FATE_FENCED);
}

/* The last store fails: nothing stays, and the same batch comes out as if nothing had happened. */
static void test_fence_redo_is_identical(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    char *before = malloc(DUMP_MAX), *after = malloc(DUMP_MAX);
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", "e1"});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b2", "e1"});
    rig_add(r, &(struct rig_event){0, "visit", "p1", "b1", NULL});
    rig_dump(r, before, DUMP_MAX);
    sql_do(r->db.s, "ALTER TABLE daily_metrics RENAME TO elsewhere");

    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_try(r, &e), PX_SCHEMA);
    }

    sql_do(r->db.s, "ALTER TABLE elsewhere RENAME TO daily_metrics");
    rig_dump(r, after, DUMP_MAX);
    assert_string_equal(before, after);
    rig_settle(r);
    char out[256];
    sql_text(r->db.s, "SELECT disposition FROM events ORDER BY \"offset\"", out, sizeof out);
    assert_string_equal(out, "counted\nduplicate\nconflict\nrepeat");
    assert_int_equal(counted(r), 1);
    rig_ledger_holds(r);
    free(before);
    free(after);
}

static void test_fence_waits_for_a_lock(void **state) {
    struct rig *r = *state;
    struct px_err e = PX_ERR_INIT;
    visits(r, 10);
    assert_int_equal(px_tx_begin(r->db.s, &e), PX_OK);
    sql_do(r->db.s, "UPDATE consumer_offsets SET owner = 'an operator'");
    agg_status_ask_stop(&r->status); /* the pause before the second attempt ends it */

    assert_int_equal(rig_try(r, &e), PX_CANCELLED);

    assert_int_equal(px_metrics_value(r->metrics, AGG_M_FAILURES, AGG_AGAIN, 0), 1);
    px_tx_rollback(r->db.s);
    r->status.stop = false;
    rig_settle(r);
    assert_int_equal(counted(r), 10);
    rig_ledger_holds(r);
}

/* --- rows that SQL refuses ----------------------------------------------------------------------
 */
static void refuse_player(struct rig *r, const char *player) {
    char text[512];
    if (on_server()) {
        snprintf(text, sizeof text,
                 "ALTER TABLE players ADD CONSTRAINT refused CHECK (player_id <> '%s')", player);
    } else {
        snprintf(text, sizeof text,
                 "CREATE TRIGGER refused BEFORE INSERT ON players WHEN NEW.player_id = '%s' BEGIN "
                 "SELECT RAISE(ABORT, 'refused'); END",
                 player);
    }
    sql_do(r->db.s, text);
}

static void test_fence_refused_row_is_isolated(void **state) {
    struct rig *r = *state;
    refuse_player(r, "p23");
    visits(r, 50);
    rig_settle(r);

    assert_int_equal(r->buried, 1);
    assert_int_equal(r->buried_offset, 11); /* p23 is the twelfth of partition 1 */
    assert_int_equal(counted(r), 49);
    assert_int_equal(sql_int(r->db.s, "SELECT SUM(dead_lettered) FROM partition_ledger"), 1);
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_DLQ, (size_t)PX_REASON_REFUSED_BY_SQL, 0),
                     1);
    rig_ledger_holds(r);
}

/* A dead letter is not how far the events of a partition reach. */
static void test_fence_refused_row_moves_no_event_time(void **state) {
    struct rig *r = *state;
    refuse_player(r, "p0");
    visits(r, 1);
    rig_settle(r);

    assert_int_equal(r->buried, 1);
    assert_int_equal(
        sql_int(r->db.s, "SELECT COUNT(*) FROM consumer_offsets WHERE max_event_at IS NOT NULL"),
        0);
    rig_ledger_holds(r);
}

/* A time that no database here stores is a dead letter, not the end of the program. */
static void test_fence_time_beyond_every_database_is_a_dead_letter(void **state) {
    struct rig *r = *state;
    const px_us noon = px_wall(&r->clock.clock);
    visits(r, 3);
    r->clock.wall_now = PX_COL_TIME_MAX + 1;
    rig_add(r, &(struct rig_event){0, "visit", "late", "b1", NULL});
    r->clock.wall_now = noon;
    rig_settle(r);

    assert_int_equal(counted(r), 3);
    assert_int_equal(sql_int(r->db.s, "SELECT SUM(dead_lettered) FROM partition_ledger"), 1);
    rig_ledger_holds(r);
}

/* Without the dead-letter topic the partition waits before the row, the others go on. */
static void test_fence_refused_row_blocks_without_dead_letters(void **state) {
    struct rig *r = *state;
    refuse_player(r, "p23");
    r->dlq_down = true;
    visits(r, 50);
    rig_settle(r);

    struct agg_part *blocked = agg_parts_find(&r->core.parts, 1);
    assert_true(blocked->blocked);
    assert_int_equal(blocked->next, 11);
    assert_int_equal(agg_parts_find(&r->core.parts, 0)->next, 25);
    assert_int_equal(counted(r), 25 + 11);
    rig_ledger_holds(r);

    r->dlq_down = false;
    blocked->blocked = false; /* joining the group again does this */
    r->offset[0] = r->offset[1] = 0;
    visits(r, 50); /* the log is read again; what was folded in is skipped */
    rig_settle(r);
    assert_int_equal(counted(r), 49);
    assert_int_equal(r->buried, 1);
    rig_ledger_holds(r);
}

/* --- lost connections and doubtful commits (a server is needed)
 * ------------------------------------ */
static void test_fence_survives_a_killed_backend(void **state) {
    struct rig *r = *state;
    visits(r, 10);
    sql_int(r->db.s,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
            "current_database() AND pid <> pg_backend_pid()");

    rig_settle(r);

    assert_int_equal(counted(r), 10);
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_RECONNECTS, 0, 0), 1);
    rig_ledger_holds(r);
}

/* Cuts the connection of the core at its COMMIT. Triggers hold it there until the relay knows what
 * to do: one that waits for a lock at the last store (the next request is then COMMIT), and a
 * deferred one that waits inside COMMIT. */
struct cutter {
    struct rig *r;
    struct px_sql *look; /* a direct connection of its own; holds the lock */
    struct tcp_relay *relay;
    enum tcp_cut mode;
    bool seen;
};

static int64_t waiting(struct cutter *c) {
    return sql_int(c->look,
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND "
                   "datname = current_database()");
}

static void *cut(void *arg) {
    struct cutter *c = arg;
    long until = now_ms() + 20000;
    while (!(c->seen = waiting(c) > 0) && now_ms() < until) {
        pause_ms(5);
    }
    tcp_relay_mode(c->relay, c->mode);
    sql_do(c->look, "SELECT pg_advisory_unlock(42)");
    const char *left =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
        "pid <> pg_backend_pid() AND state <> 'idle'";
    /* The backend may be done before the relay has seen its answer. */
    while ((tcp_relay_cuts(c->relay) == 0 || sql_int(c->look, left) > 0) && now_ms() < until) {
        pause_ms(5);
    }
    tcp_relay_mode(c->relay, TCP_PASS);
    return NULL;
}

static void through_relay(struct rig *r, struct tcp_relay *relay, char *cs, size_t cap) {
    char port[32];
    snprintf(port, sizeof port, "Port=%d;", test_pg_port());
    const char *at = strstr(r->db.conf.connection, port);
    assert_non_null(at);
    snprintf(cs, cap, "%.*sPort=%d;%s", (int)(at - r->db.conf.connection), r->db.conf.connection,
             tcp_relay_port(relay), at + strlen(port));
    struct px_err none = PX_ERR_INIT;
    agg_core_disconnect(&r->core, &none);
    r->core.connected_before = false;
    r->conf.sql.connection = cs;
    assert_int_equal(agg_core_connect(&r->core, &none), PX_OK);
}

static void doubtful(struct rig *r, enum tcp_cut mode, const char *trigger) {
    char cs[1024];
    pthread_t thread;
    struct px_err e = PX_ERR_INIT;
    struct cutter c = {.r = r, .mode = mode, .relay = tcp_relay_start(test_pg_port())};
    c.look = sql_fixture_connect(&r->db, PX_SQL_WRITE);
    sql_do(c.look, "SELECT pg_advisory_lock(42)");
    sql_do(r->db.s, "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
                    "pg_advisory_xact_lock_shared(42); RETURN NULL; END $$");
    sql_do(r->db.s, trigger);
    through_relay(r, c.relay, cs, sizeof cs);
    visits(r, 10);
    assert_int_equal(pthread_create(&thread, NULL, cut, &c), 0);

    enum px_code rc = rig_try(r, &e);

    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(c.seen);
    assert_int_equal(rc, PX_OK);
    assert_int_equal(counted(r), 10);
    assert_true(px_metrics_value(r->metrics, AGG_M_RECONNECTS, 0, 0) >= 1);
    rig_ledger_holds(r);
    px_sql_close(c.look);
    struct px_err none = PX_ERR_INIT;
    agg_core_disconnect(&r->core, &none);
    tcp_relay_stop(c.relay);
}

static void test_fence_doubtful_commit_that_took_place(void **state) {
    struct rig *r = *state;
    if (test_pg_port() == 0) {
        skip(); /* a server that is not ours cannot be reached through the relay */
    }
    doubtful(r, TCP_CUT_ANSWER,
             "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON daily_metrics DEFERRABLE INITIALLY "
             "DEFERRED FOR EACH ROW EXECUTE FUNCTION stay()");
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_DOUBTFUL, AGG_FATE_DONE, 0), 1);
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_COMMITS, 0, 0), 1);
}

static void test_fence_doubtful_commit_that_did_not(void **state) {
    struct rig *r = *state;
    if (test_pg_port() == 0) {
        skip(); /* a server that is not ours cannot be reached through the relay */
    }
    doubtful(r, TCP_CUT_REQUEST,
             "CREATE TRIGGER t AFTER INSERT ON daily_metrics FOR EACH STATEMENT EXECUTE FUNCTION "
             "stay()");
    assert_int_equal(px_metrics_value(r->metrics, AGG_M_DOUBTFUL, AGG_FATE_DONE, 0), 0);
    assert_true(px_metrics_value(r->metrics, AGG_M_FAILURES, AGG_RECONNECT, 0) >= 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_fence_stops_a_former_owner),
        TEST(test_fence_is_all_or_nothing),
        TEST(test_fence_read_back_tells_the_fate),
        TEST(test_fence_redo_is_identical),
        TEST(test_fence_waits_for_a_lock),
        TEST(test_fence_refused_row_is_isolated),
        TEST(test_fence_refused_row_moves_no_event_time),
        TEST(test_fence_time_beyond_every_database_is_a_dead_letter),
        TEST(test_fence_refused_row_blocks_without_dead_letters),
        TEST(test_fence_survives_a_killed_backend),
        TEST(test_fence_doubtful_commit_that_took_place),
        TEST(test_fence_doubtful_commit_that_did_not),
    };
    size_t n = PX_ARRAY_LEN(tests) - (on_server() ? 0 : 3); /* the last three need a server */
    return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
