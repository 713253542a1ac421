/* --dlq=replay of the real binary, between a mock cluster and a database: what it writes, and that
 * a replay which is killed half-way, whatever it had not written down by then, still counts every
 * event once. */
#include "apply_rig.h"
#include "letters_rig.h"
#include "replay.h"
#include "unit.h"

#include <px/clock.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 256

static const char *failpoint_bin(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

struct order {
    int64_t last, n;
};

static void in_order(void *arg, const struct agg_replayed *r) {
    struct order *o = arg;
    assert_int_equal(r->outcome, AGG_STILL_BAD);
    assert_int_equal(r->letter->d.partition, 0);
    assert_true(r->letter->d.offset > o->last);
    o->last = r->letter->d.offset;
    o->n++;
}

/* A topic of which little fits into memory at a time: more rounds, the same outcome in order. */
static void test_replay_in_many_rounds(void **state) {
    struct letters_rig *f = *state;
    struct px_err err = PX_ERR_INIT;
    struct px_catalog *catalog = NULL;
    struct agg_replay_counts counts;
    struct order order = {.last = -1};
    letters_put_all(f);
    letters_put_strange(f);
    assert_int_equal(px_catalog_load("schemas/events.yaml", &catalog, &err), PX_OK);
    const struct agg_replay_conf conf = {.kafka = &f->log.conf,
                                         .sql = &f->s.db.conf,
                                         .catalog = catalog,
                                         .clock = &px_clock_system,
                                         .topic = SERVICE_TOPIC,
                                         .dlq = SERVICE_DLQ,
                                         .client_id = "test",
                                         .log_id = PX_S("log-1"),
                                         .filter = {.partition = -1, .offset = -1},
                                         .dry = true,
                                         .max_n = 40,
                                         .tell = in_order,
                                         .arg = &order};
    if (agg_replay(&conf, &counts, &err) != PX_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(order.n, LETTERS_UNKNOWN + 1);
    assert_int_equal(counts.of[AGG_STILL_BAD], LETTERS_UNKNOWN + 1);
    assert_int_equal(counts.of[AGG_OF_REQUEST], 1); /* counted in one round only */
    assert_int_equal(counts.of[AGG_OTHER_TOPIC], 1);
    assert_int_equal(counts.of[AGG_CUT], 1);
    assert_int_equal(counts.unreadable, 1);
    assert_int_equal(counts.copies, 0);
    px_catalog_free(catalog);
}

static void replay_and_die(struct letters_rig *f, const char *point) {
    service_rig_set(&f->s, "PX_FAILPOINTS_AT", point);
    assert_int_equal(letters_run(f, failpoint_bin(), "--dlq=replay", NULL), 128 + SIGKILL);
    service_rig_set(&f->s, "PX_FAILPOINTS_AT", "");
}

static void all_count_once(const struct letters_rig *f, int extra) {
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM events"),
                     LETTERS_GOOD + LETTERS_UNKNOWN + extra);
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM events WHERE disposition = 'counted'"),
                     LETTERS_GOOD + LETTERS_UNKNOWN + extra);
    assert_int_equal(letters_ask(f, "SELECT SUM(count) FROM daily_metrics"),
                     LETTERS_GOOD + LETTERS_UNKNOWN + extra);
    assert_int_equal(letters_ask(f, "SELECT count FROM daily_metrics WHERE event_type = 'bonus'"),
                     LETTERS_UNKNOWN / 3 + extra);
    assert_int_equal(letters_ask(f, "SELECT SUM(counted) FROM partition_ledger"),
                     LETTERS_GOOD + LETTERS_UNKNOWN + extra);
    assert_int_equal(letters_ask(f, "SELECT SUM(dead_lettered) FROM partition_ledger"),
                     LETTERS_UNKNOWN + 1);
    assert_int_equal(
        letters_ask(
            f, "SELECT SUM(next_offset - first_offset + rewound - counted - repeated - duplicate - "
               "conflict - excluded - late - erased - dead_lettered - hole - gap) FROM "
               "partition_ledger"),
        0);
}

/* Killed between the acknowledgement and the row, once before and once after the copies were
 * counted; then a letter that is stored twice, an event that SQL refused, and a replay too many. */
static void test_replay_counts_once_whatever_kills_it(void **state) {
    struct letters_rig *f = *state;
    letters_fill_log(f);
    letters_apply_once(f);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "still bad"), LETTERS_UNKNOWN + 1);
    letters_mend_catalog(f);

    LETTERS_OK(f, "--dlq=replay", "--dry-run");
    assert_int_equal(letters_row(f, "replayable"), LETTERS_UNKNOWN);
    assert_int_equal(letters_count(f, "\nfixed "),
                     LETTERS_UNKNOWN); /* behind the line of the log */
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);

    replay_and_die(f, "agg.replay_acknowledged=kill@1");
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);
    letters_apply_once(f); /* the first chunk is counted, and nobody noted that it was written */
    replay_and_die(f, "agg.replay_acknowledged=kill@1");
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), LETTERS_UNKNOWN - CHUNK);
    assert_int_equal(letters_row(f, "already counted"), CHUNK);
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM dead_letter_replays"),
                     LETTERS_UNKNOWN - CHUNK);
    letters_apply_once(f);
    all_count_once(f, 0);
    /* what was written twice is a repeat, or a duplicate where the sender gave an id */
    assert_int_equal(letters_ask(f, "SELECT SUM(repeated + duplicate) FROM partition_ledger"),
                     LETTERS_UNKNOWN - CHUNK);
    assert_true(letters_ask(f, "SELECT SUM(duplicate) FROM partition_ledger") > 0);
    assert_true(letters_ask(f, "SELECT SUM(repeated) FROM partition_ledger") > 0);

    LETTERS_OK(f, "--dlq=replay", "--json");
    letters_say(f, "\"fixed\":0,\"still_bad\":1,\"already_counted\":256,\"already_replayed\":44,");
    letters_say(f, "\"px.already_replayed\":44,");
}

/* ${copies} letters of one record, a bonus that is accepted today; ${note}: an attribute. */
static void put_noted(struct letters_rig *f, int i, const char *reason, int copies,
                      const char *note) {
    struct px_attr attr = {
        .name = PX_S("note"), .kind = PX_ATTR_TEXT, .text = px_str_c(note ? note : "")};
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d = letters_one();
    struct px_event e = {.event_type = PX_S("bonus"),
                         .player_id = PX_S(LETTERS_SECRET),
                         .banner_tag = PX_S("b1"),
                         .attrs = &attr,
                         .nattrs = note ? 1 : 0,
                         .received_at = LETTERS_NOON};
    e.id = px_uuid_next(&f->log.ids, LETTERS_NOON);
    px_event_to_avro(&e, &event);
    d.reason = px_str_c(reason);
    d.offset += i;
    d.payload = px_buf_view(&event);
    px_dead_letter_to_avro(&d, &b);
    for (int k = 0; k < copies; k++) {
        letters_put(f, px_buf_view(&b));
    }
}

static void put_bonus(struct letters_rig *f, int i, const char *reason, int copies) {
    put_noted(f, i, reason, copies, NULL);
}

/* A limit is on what is written: a record that the log refuses is not of it. */
static void test_replay_looks_behind_what_the_log_refuses(void **state) {
    struct letters_rig *f = *state;
    char note[3001];
    memset(note, 'x', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    letters_mend_catalog(f);
    put_noted(f, 1, "unknown_event_type", 1, note);
    put_bonus(f, 2, "unknown_event_type", 1);
    put_bonus(f, 3, "unknown_event_type", 1);
    service_rig_set(&f->s, "PX_Kafka__Properties", "message.max.bytes=2000");
    LETTERS_OK(f, "--dlq=replay", "--limit", "1");
    letters_say(f, "too_large_for_log");
    assert_int_equal(letters_row(f, "replayed"), 1);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), 1);
    assert_int_equal(letters_row(f, "already replayed"), 1);
}

/* Whoever may write to the topic may leave a name there that fits nowhere. */
static void test_replay_passes_over_names_without_end(void **state) {
    struct letters_rig *f = *state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 18);
    struct px_dead_letter d = letters_one();
    char *name = malloc(1 << 17);
    memset(name, 'x', 1 << 17);
    letters_mend_catalog(f);
    put_bonus(f, 99, "unknown_event_type", 1);
    d.log_id = (struct px_str){.p = name, .n = 1 << 17};
    for (int i = 0; i < 10; i++) { /* together more than one parameter of SQL may hold */
        d.offset++;
        px_buf_reset(&b);
        px_dead_letter_to_avro(&d, &b);
        letters_put(f, px_buf_view(&b));
    }
    free(name);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), 1);
    assert_int_equal(letters_row(f, "of other topics"), 10);
}

/* What a limit leaves, a filter leaves out and a death behind the row leaves is replayed later, a
 * letter that is stored twice once. */
static void test_replay_goes_on_where_it_was_left(void **state) {
    struct letters_rig *f = *state;
    letters_fill_log(f);
    letters_apply_once(f);
    letters_mend_catalog(f);

    sql_do(f->s.db.s, "INSERT INTO px_settings (name, value) VALUES ('claims_from', '2024-10-05')");
    LETTERS_OK(f, "--dlq=replay"); /* the day after: nobody can tell any more what was counted */
    assert_int_equal(letters_row(f, "replayed"), 0);
    assert_int_equal(letters_row(f, "too old"), LETTERS_UNKNOWN);
    sql_do(f->s.db.s, "UPDATE px_settings SET value = '2024-10-04' WHERE name = 'claims_from'");

    LETTERS_OK(f, "--dlq=replay", "--limit", "5", "--type", "bonus");
    assert_int_equal(letters_row(f, "replayed"), 5);
    replay_and_die(f, "agg.replay_remembered=kill@1");
    assert_int_equal(letters_ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), CHUNK);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), LETTERS_UNKNOWN - CHUNK);
    assert_int_equal(letters_row(f, "already replayed"), CHUNK);

    put_bonus(f, 1, "unknown_event_type", 2);
    put_bonus(f, 2, "refused_by_sql", 1);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), 1);
    assert_int_equal(letters_row(f, "stored twice"), 1);
    assert_int_equal(letters_row(f, "not asked for"), 1);
    LETTERS_OK(f, "--dlq=replay", "--reason", "refused_by_sql");
    assert_int_equal(letters_row(f, "replayed"), 1);
    letters_apply_once(f);
    all_count_once(f, 2);
    assert_int_equal(letters_ask(f, "SELECT SUM(repeated + duplicate) FROM partition_ledger"), 0);
    assert_int_equal(
        letters_ask(f, "SELECT COUNT(*) FROM events e JOIN dead_letter_replays r ON e.id = "
                       "r.event_id AND e.\"partition\" = r.to_partition AND e.\"offset\" = "
                       "r.to_offset"),
        LETTERS_UNKNOWN + 2);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, letters_setup, letters_teardown)

/* Each database does one half: what they do differently is one set-based statement. */
static int run(const char *group) {
    const struct CMUnitTest first[] = {
        TEST(test_replay_in_many_rounds),
        TEST(test_replay_counts_once_whatever_kills_it),
        TEST(test_replay_looks_behind_what_the_log_refuses),
        TEST(test_replay_passes_over_names_without_end),
    };
    const struct CMUnitTest second[] = {
        TEST(test_replay_goes_on_where_it_was_left),
    };
    bool sqlite = strcmp(rig_dialect()->name, "sqlite") == 0;
    return sqlite ? cmocka_run_group_tests_name(group, first, NULL, NULL)
                  : cmocka_run_group_tests_name(group, second, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
