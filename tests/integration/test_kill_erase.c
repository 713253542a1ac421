/* Erasure by the real svc-aggregator (built with failpoints), on every database: killed at each of
 * its steps and run again, beside a batch that does not know of it yet, beside an aggregator that
 * dies; then the log is read once more. */
#include "apply_rig.h"
#include "erase_rig.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_A "a1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define KEY_B "b2 1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100\n"

static const char *binary(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

static void counts_of(struct erase_rig *e, const char *player, char out[128]) {
    char query[128];
    snprintf(query, sizeof query, "SELECT COUNT(*) FROM events WHERE player_id = '%s'", player);
    snprintf(out, 128, "\"rows\":{\"events\":%lld,\"players\":1}",
             (long long)sql_int(e->s.db.s, query));
}

/* Killed at ${point}; the next run says in its receipt what the first one did, too. */
static void killed_and_again(struct erase_rig *e, const char *point, const char *player) {
    char counts[128];
    counts_of(e, player, counts);
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", point);
    erase_run(e, binary(), 128 + SIGKILL, (const char *const[5]){"--erase-player", player});
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", "");
    erase_run(e, binary(), 0, (const char *const[5]){"--erase-player", player});
    erase_says(e, counts);
    assert_int_equal(erase_rows(e, player), 0);
}

static bool stopped(const struct proc *p) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)p->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0 && fclose(f) == 0);
    const char *state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] == 'T';
}

static void until_stopped(struct proc *p) {
    long until = now_ms() + 60000;
    while (!stopped(p)) {
        if (now_ms() > until) {
            proc_log_show(p);
            fail_msg("it never came to the failpoint");
        }
        pause_ms(20);
    }
}

/* Asked to stop between two transactions: that is not "done". */
static void stopped_and_again(struct erase_rig *e, const char *player) {
    char counts[128];
    struct proc p;
    const char *argv[] = {binary(), "--erase-player", player, NULL};
    counts_of(e, player, counts);
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", "agg.erase_after_batch=stop");
    proc_start(&p, argv, e->s.env);
    until_stopped(&p);
    proc_signal(&p, SIGTERM);
    proc_signal(&p, SIGCONT);
    assert_int_equal(proc_wait(&p, 60), 75);
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", "");
    erase_run(e, binary(), 0, (const char *const[5]){"--erase-player", player});
    erase_says(e, counts);
}

static void test_erase_goes_on_wherever_it_was_killed(void **state) {
    static struct erase_rig e;
    static const char *const points[][2] = {
        {"agg.erase_noted=kill", "player-20"},
        {"agg.erase_before_commit=kill@2", "player-21"},
        {"agg.erase_after_batch=kill@1", "player-22"},
        {"agg.erase_before_sums_commit=kill", "player-23"},
        {"agg.erase_after_sums=kill", "player-24"},
        {"agg.erase_announced=kill", "player-25"},
        {"agg.erase_finished=kill", "player-26"},
    };
    char before[1024], after[1024];
    erase_rig_open(&e, *state, rig_dialect());
    service_rig_set(&e.s, "PX_Retention__BatchRows", "5");
    erase_once(&e);
    erase_totals(&e, before);

    service_rig_set(&e.s, "PX_FAILPOINTS_AT", "agg.erase_after_batch=kill@1");
    erase_run(&e, binary(), 128 + SIGKILL, (const char *const[5]){"--erase-player", ERASE_PLAYER});
    service_rig_set(&e.s, "PX_FAILPOINTS_AT", "");
    ERASE_RUN(&e, 0, "--reconcile"); /* between two states */
    erase_says(&e, "unchecked rollup.players: not checked: a player is being erased");
    ERASE_RUN(&e, 0, "--rebuild");
    erase_says(&e, "nothing to change");
    ERASE_RUN(&e, 0, "--erase-pending");
    erase_says(&e, "1 finished");
    assert_int_equal(erase_rows(&e, ERASE_PLAYER), 0);
    for (size_t i = 0; i < PX_ARRAY_LEN(points); i++) {
        killed_and_again(&e, points[i][0], points[i][1]);
    }
    stopped_and_again(&e, "player-27");

    erase_totals(&e, after);
    assert_string_equal(before, after);
    erase_exact(&e);
    sql_do(e.s.db.s, "UPDATE consumer_offsets SET next_offset = 0"); /* the log once more */
    erase_once(&e);
    erase_totals(&e, after);
    assert_string_equal(before, after);
    for (size_t i = 0; i < PX_ARRAY_LEN(points); i++) {
        assert_int_equal(erase_rows(&e, points[i][1]), 0);
    }
    service_rig_holds(&e.s);
    erase_exact(&e);
    erase_rig_close(&e);
}

/* Two at once, the first one in the middle of adding the player to nobody; the second one reads
 * ${keys}. Each row counts once; of one erasure there is one receipt. */
static void two_at_once(struct erase_rig *e, const char *keys, struct proc *first,
                        struct proc *second) {
    char before[1024], after[1024];
    erase_totals(e, before);
    const char *argv[] = {binary(), "--erase-player", ERASE_PLAYER, NULL};
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", "agg.erase_before_sums_commit=stop");
    proc_start(first, argv, e->s.env);
    until_stopped(first);
    service_rig_set(&e->s, "PX_FAILPOINTS_AT", "");
    erase_rig_keys(e, keys);
    proc_start(second, argv, e->s.env);
    if (strcmp(rig_dialect()->name, "sqlite") != 0) { /* there nobody sees who waits for the lock */
        assert_true(service_rig_until(&e->s,
                                      "SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END FROM "
                                      "pg_locks WHERE NOT granted",
                                      1, 4));
    }
    proc_signal(first, SIGCONT);

    assert_int_equal(proc_wait(first, 60), 0);
    assert_int_equal(proc_wait(second, 60), 0);

    assert_int_equal(erase_rows(e, ERASE_PLAYER), 0);
    erase_totals(e, after);
    assert_string_equal(before, after);
}

static void test_erase_twice_at_once(void **state) {
    static struct erase_rig e;
    struct log_rig l;
    struct proc first, second;
    char counts[128];
    (void)state;
    log_rig_open(&l, 1, true);
    log_rig_make(&l, 150);
    erase_rig_open(&e, &l, rig_dialect());
    erase_once(&e);
    counts_of(&e, ERASE_PLAYER, counts);
    two_at_once(&e, KEY_A, &first, &second);
    ERASE_RUN(&e, 0, "--erase-player", ERASE_PLAYER);
    erase_says(&e, counts);
    const char *signature = strstr(e.out, "\"signature\":");
    assert_non_null(signature);
    snprintf(counts, sizeof counts, "%.78s", signature);
    assert_int_equal(proc_log_count(&first, counts), 1);
    assert_int_equal(proc_log_count(&second, counts), 1);
    erase_exact(&e);
    erase_rig_close(&e);
    log_rig_close(&l);
}

/* A player whom another database erased under another key meanwhile: there are two erasures, and
 * still one player. */
static void test_erase_twice_at_once_by_two_keys(void **state) {
    static struct erase_rig e;
    struct log_rig l;
    struct proc first, second;
    (void)state;
    log_rig_open(&l, 1, true);
    log_rig_make(&l, 150);
    erase_rig_open(&e, &l, rig_dialect());
    erase_once(&e);
    two_at_once(&e, KEY_B, &first, &second);
    assert_int_equal(sql_int(e.s.db.s, "SELECT COUNT(*) FROM erasures"), 2);
    erase_rig_keys(&e, KEY_A KEY_B);
    erase_exact(&e);
    erase_rig_close(&e);
    log_rig_close(&l);
}

/* A batch has read who is erased and takes its time; the erasure is noted meanwhile and must not
 * touch a row before that batch has ended, however it ends. */
static void beside_a_batch(const char *points, bool dies) {
    static struct erase_rig e;
    struct log_rig l;
    struct proc eraser;
    log_rig_open(&l, 1, true);
    log_rig_make(&l, 100);
    erase_rig_open(&e, &l, rig_dialect());
    service_rig_set(&e.s, "PX_FAILPOINTS_AT", points);
    service_rig_start(&e.s, binary(), NULL);
    until_stopped(&e.s.proc);
    const char *argv[] = {binary(), "--erase-player", ERASE_PLAYER, NULL};
    service_rig_set(&e.s, "PX_FAILPOINTS_AT", "");
    proc_start(&eraser, argv, e.s.env);
    if (strcmp(rig_dialect()->name, "sqlite") !=
        0) { /* there the batch holds the only write lock */
        assert_true(service_rig_until(&e.s, "SELECT COUNT(*) FROM erasures", 1, 4));
        assert_int_equal(sql_int(e.s.db.s, "SELECT COUNT(*) FROM events"), 0);
    }
    proc_signal(&e.s.proc, SIGCONT);

    if (dies) {
        assert_int_equal(proc_wait(&e.s.proc, 30), 128 + SIGKILL);
    }
    int status = proc_wait(&eraser, 60);
    if (status != 0) {
        proc_log_show(&eraser);
        fail_msg("--erase-player ended with %d", status);
    }
    if (dies) {
        erase_once(&e);
    } else {
        assert_true(service_rig_until(&e.s, SERVICE_NEXT_SUM, 100, 30));
        assert_int_equal(proc_stop(&e.s.proc), 0);
    }

    assert_int_equal(erase_rows(&e, ERASE_PLAYER), 0);
    assert_int_equal(sql_int(e.s.db.s, SERVICE_NEXT_SUM), 100);
    int64_t nobody = sql_int(e.s.db.s, "SELECT COUNT(*) FROM events WHERE player_id = ''");
    int64_t erased = sql_int(e.s.db.s, "SELECT SUM(erased) FROM partition_ledger");
    assert_true(nobody + erased >= 2); /* of both kinds together, each event once */
    assert_true(dies ? nobody == 0 : nobody > 0);
    erase_exact(&e);
    erase_rig_close(&e);
    log_rig_close(&l);
}

static void test_erase_waits_for_batches_that_do_not_know(void **state) {
    (void)state;
    beside_a_batch("agg.after_floor=stop", false);
}

static void test_erase_while_an_aggregator_dies(void **state) {
    (void)state;
    beside_a_batch("agg.after_floor=stop;agg.before_commit=kill", true);
}

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_erase_goes_on_wherever_it_was_killed),
        cmocka_unit_test(test_erase_twice_at_once),
        cmocka_unit_test(test_erase_twice_at_once_by_two_keys),
        cmocka_unit_test(test_erase_waits_for_batches_that_do_not_know),
        cmocka_unit_test(test_erase_while_an_aggregator_dies),
    };
    return cmocka_run_group_tests_name(group, tests, service_rig_setup, service_rig_teardown);
}

int main(void) {
    return rig_each_dialect(run);
}
