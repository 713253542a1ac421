/* --erase-player, --erase-pending and --erase-verify of the real binary, between a mock cluster and
 * every database: the player is gone from every table, the sums are not; nothing brings the player
 * back. */
#include "apply_rig.h"
#include "erase_rig.h"
#include "reconcile_rig.h"
#include "unit.h"
#include "unlink.h"

#include <px/event_avro.h>
#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define KEY_B "b2 1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100\n"
#define KEY_A "a1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static void from_the_start(struct erase_rig *e) {
    sql_do(e->s.db.s, "UPDATE consumer_offsets SET next_offset = 0");
    erase_once(e);
}

/* What the receipt says no longer holds, or is not what was signed. */
static void finds_what_is_wrong(struct erase_rig *e, const char *receipt) {
    sql_do(e->s.db.s, "INSERT INTO players (player_id) VALUES ('" ERASE_PLAYER "')");
    snprintf(e->out, sizeof e->out, "%s", receipt);
    ERASE_RUN(e, 1, "--erase-verify", erase_keep(e));
    erase_says(e, "differs   the player is in players");
    ERASE_RUN(e, 0, "--erase-player", ERASE_PLAYER, "--dry-run");
    erase_says(e, "players                         1  rows");
    ERASE_RUN(e, 0, "--erase-player", ERASE_PLAYER); /* a backup was put back */
    erase_says(e, "\"players\":2}");
    snprintf(e->out, sizeof e->out, "%s", receipt);
    ERASE_RUN(e, 0, "--erase-verify", erase_keep(e));

    snprintf(e->out, sizeof e->out, "%s", receipt);
    strstr(e->out, "\"players\":1")[10] = '3';
    ERASE_RUN(e, 1, "--erase-verify", erase_keep(e));
    erase_says(e, "its signature is not that of what it says");
    ERASE_RUN(e, 64, "--erase-verify", "/nonexistent");
    ERASE_RUN(e, 64, "--erase-verify");
    ERASE_RUN(e, 64, "--erase-player", "");
    ERASE_RUN(e, 64, "--erase-player", "a\tb");
}

static void test_erase_leaves_sums_and_no_trace(void **state) {
    static struct erase_rig e;
    static char first[1 << 20], now[1 << 20];
    char before[1024], after[1024], receipt[4096];
    erase_rig_open(&e, *state, rig_dialect());
    erase_once(&e);
    erase_totals(&e, before);
    assert_true(erase_rows(&e, ERASE_PLAYER) > 5);
    assert_int_equal(sql_int(e.s.db.s, "SELECT COUNT(*) FROM players"), 37);

    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER, "--dry-run");
    erase_says(&e, "the player is not erased");
    assert_true(erase_rows(&e, ERASE_PLAYER) > 5);
    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER);

    erase_says(&e, "\"players\":1}");
    snprintf(receipt, sizeof receipt, "%s", strstr(e.out, "{\"version\":1,\"kid\":\"a1\""));
    assert_null(strstr(e.out, ERASE_PLAYER));
    assert_int_equal(erase_rows(&e, ERASE_PLAYER), 0);
    erase_totals(&e, after);
    assert_string_equal(before, after);
    erase_exact(&e);
    snprintf(e.out, sizeof e.out, "%s", receipt);
    ERASE_RUN(&e, 0, "--erase-verify", erase_keep(&e));
    erase_says(&e, "verified, the player is in no table");

    service_rig_dump(&e.s, first, sizeof first); /* twice is nothing */
    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER);
    erase_says(&e, receipt);
    erase_says(&e, "\"px.already\":true");
    service_rig_dump(&e.s, now, sizeof now);
    assert_string_equal(first, now);

    from_the_start(&e); /* the log once more */
    assert_int_equal(erase_rows(&e, ERASE_PLAYER), 0);
    erase_totals(&e, after);
    assert_string_equal(before, after);
    assert_true(sql_int(e.s.db.s, "SELECT SUM(erased) FROM partition_ledger") > 5);
    service_rig_holds(&e.s);
    erase_exact(&e);
    snprintf(e.out, sizeof e.out, "%s", receipt);
    ERASE_RUN(&e, 0, "--erase-verify", erase_keep(&e));
    ERASE_RUN(&e, 0, "--rebuild");
    erase_says(&e, "nothing to change");
    finds_what_is_wrong(&e, receipt);
    erase_rig_close(&e);
}

static void send_visit(struct log_rig *l, const char *player) {
    px_us at = INT64_C(20003) * PX_US_PER_DAY;
    struct px_event ev = {.event_type = PX_S("visit"),
                          .player_id = px_str_c(player),
                          .banner_tag = PX_S("b9"),
                          .received_at = at};
    ev.id = px_uuid_next(&l->ids, at);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    px_event_to_avro(&ev, &b);
    log_rig_send(l, px_str_c(player), px_buf_view(&b));
}

/* Old keys go on working, new ones are taken up while the service runs, a missing one stops it
 * before it counts somebody who was erased. */
static void test_erase_knows_players_by_every_key(void **state) {
    static struct erase_rig e;
    struct log_rig l;
    (void)state;
    log_rig_open(&l, 2, true);
    log_rig_make(&l, 100);
    erase_rig_open(&e, &l, rig_dialect());
    erase_once(&e);
    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER);
    service_rig_start(&e.s, proc_bin("svc-aggregator"), NULL);
    assert_true(
        service_rig_until(&e.s, "SELECT COUNT(*) FROM consumer_offsets WHERE epoch > 1", 2, 60));

    erase_rig_keys(&e, KEY_B KEY_A);
    ERASE_RUN(&e, 0, "--erase-player", "player-6"); /* beside the service, with a key it lacks */
    erase_says(&e, "\"kid\":\"b2\"");
    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER);
    erase_says(&e, "\"kid\":\"a1\"");
    send_visit(&l, ERASE_PLAYER);
    send_visit(&l, "player-6");
    send_visit(&l, "player-7");
    assert_true(service_rig_until(&e.s, SERVICE_NEXT_SUM, 103, 30));
    assert_int_equal(sql_int(e.s.db.s, "SELECT SUM(erased) FROM partition_ledger"), 2);
    assert_int_equal(sql_int(e.s.db.s, "SELECT count FROM daily_metrics WHERE event_date = "
                                       "'2024-10-07'"),
                     1);
    assert_int_equal(erase_rows(&e, ERASE_PLAYER) + erase_rows(&e, "player-6"), 0);
    erase_exact(&e);

    erase_rig_keys(&e, KEY_B);
    assert_int_equal(proc_stop(&e.s.proc), 0);
    service_rig_start(&e.s, proc_bin("svc-aggregator"), NULL);
    assert_int_equal(proc_wait(&e.s.proc, 60), 78);
    assert_true(proc_log_wait(&e.s.proc, "erased with the key a1", 1));
    service_rig_set(&e.s, "PX_Erasure__KeyFile", "");
    send_visit(&l, "player-8");
    service_rig_start(&e.s, proc_bin("svc-aggregator"), "--once");
    assert_int_equal(proc_wait(&e.s.proc, 60), 78);
    assert_true(proc_log_wait(&e.s.proc, "Erasure:KeyFile must name the file", 1));
    erase_rig_close(&e);
    log_rig_close(&l);
}

/* Another database that is filled from the same events: it learns from the topic, and finds the
 * rows by the fingerprint. */
static void test_erase_reaches_other_databases(void **state) {
    static struct erase_rig here, there;
    struct log_rig l;
    char before[1024], after[1024];
    (void)state;
    log_rig_open(&l, 2, true);
    log_rig_make(&l, 200);
    erase_rig_open(&here, &l, rig_dialect());
    erase_rig_open(&there, &l, rig_dialect());
    erase_once(&here);
    erase_once(&there);
    erase_totals(&there, before);
    ERASE_RUN(&here, 0, "--erase-player", ERASE_PLAYER);
    assert_true(erase_rows(&there, ERASE_PLAYER) > 0);

    ERASE_RUN(&there, 0, "--erase-pending");

    erase_says(&there, "1 announced by others, 1 finished");
    assert_int_equal(erase_rows(&there, ERASE_PLAYER), 0);
    erase_totals(&there, after);
    assert_string_equal(before, after);
    erase_exact(&there);
    ERASE_RUN(&there, 0, "--erase-pending");
    erase_says(&there, "0 announced by others, 0 finished");

    ERASE_RUN(&here, 0, "--erase-player", "player-6"); /* and by itself, while it runs */
    service_rig_set(&there.s, "PX_Erasure__Every", "1s");
    service_rig_start(&there.s, proc_bin("svc-aggregator"), NULL);
    assert_true(service_rig_until(
        &there.s, "SELECT COUNT(*) FROM erasures WHERE finished_at IS NOT NULL", 2, 60));
    assert_int_equal(proc_stop(&there.s.proc), 0);
    assert_int_equal(erase_rows(&there, "player-6"), 0);
    erase_exact(&there);
    erase_rig_close(&here);
    erase_rig_close(&there);
    log_rig_close(&l);
}

static bool go_on(void *arg, px_us span) {
    (void)arg;
    (void)span;
    return false;
}

/* Aggregations that the product does not ship: per player and hour, per player in the shared table.
 * Below the command: what is recomputed must be what was combined, in each of them. */
static void test_erase_walks_whatever_is_kept_per_player(void **state) {
    struct book *b = NULL;
    struct px_err err = PX_ERR_INIT;
    struct agg_touched t;
    char player[64];
    px_us longest = 0;
    (void)state;
    assert_int_equal(book_setup((void **)&b), 0);
    b->seed = 11;
    b->no_copies = true;
    book_stream(b, 600);
    EXPECT_RUN(b, 0, "--reconcile");
    struct agg_unlink u = {
        .beside = {.sql = b->rig.db.s, .clock = &px_clock_system, .pause = go_on},
        .rollups = b->rig.rollups,
        .max_rows = 3};
    struct agg_entry e = {.kid = "k", .asked_at = px_wall(&px_clock_system)};
    memset(e.fingerprint, 'a', PX_HMAC_TEXT);
    for (int i = 0; i < 2; i++) { /* the second one meets rows of nobody */
        sql_text(b->rig.db.s,
                 "SELECT player_id FROM events WHERE player_id <> '' GROUP BY player_id "
                 "ORDER BY COUNT(*) DESC, player_id LIMIT 1",
                 player, sizeof player);
        e.fingerprint[0] = (char)('0' + i);
        assert_int_equal(agg_register_add(&u.beside, &e, &err), PX_OK);
        assert_int_equal(e.number, i + 1);
        assert_int_equal(agg_unlink_wait(&u, &err), PX_OK);
        assert_int_equal(agg_unlink_player(&u, e.number, px_str_c(player), &longest, &err), PX_OK);
        sql_do(b->rig.db.s, "UPDATE erasures SET finished_at = asked_at");

        assert_int_equal(agg_unlink_count(b->rig.db.s, b->rig.rollups, px_str_c(player), &t, &err),
                         PX_OK);
        assert_true(t.n >= 4);
        for (size_t k = 0; k < t.n; k++) {
            assert_int_equal(t.v[k].rows, 0);
        }
        assert_int_equal(agg_register_counts(b->rig.db.s, e.number, &t, &err), PX_OK);
        for (size_t k = 0; k < t.n; k++) {
            assert_true(t.v[k].rows > 0);
        }
        EXPECT_RUN(b, 0, "--reconcile");
        book_says(b, "reconcile: exact");
        EXPECT_RUN(b, 0, "--rebuild");
        book_says(b, "nothing to change");
    }
    void *s = b;
    assert_int_equal(book_teardown(&s), 0);
}

/* Keys know no database, and the topic does not either: each of the two on one is enough. */
static int run(const char *group) {
    const bool sqlite = strcmp(rig_dialect()->name, "sqlite") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_erase_leaves_sums_and_no_trace),
        cmocka_unit_test(test_erase_walks_whatever_is_kept_per_player),
        sqlite ? (struct CMUnitTest)cmocka_unit_test(test_erase_knows_players_by_every_key)
               : (struct CMUnitTest)cmocka_unit_test(test_erase_reaches_other_databases),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
