/* --dlq=list, show and stats of the real binary, between a mock cluster and a database: what an
 * operator sees of dead letters, and what not. */
#include "apply_rig.h"
#include "letters_rig.h"
#include "unit.h"

#include <stdio.h>

static void test_letters_of_nothing(void **state) {
    struct letters_rig *f = *state;
    LETTERS_OK(f, "--dlq");
    assert_string_equal(f->out, "");
    LETTERS_OK(f, "--dlq=stats");
    letters_say(f, "letters                   0  ");
    assert_int_equal(LETTERS_RUN(f, "--dlq=show"), 65);
    letters_say(f, "--dlq=list shows which there are");
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "replayed"), 0);

    assert_int_equal(LETTERS_RUN(f, "--dlq=replay", "--reason", "bad_fram"), 64);
    letters_say(f, "did you mean bad_frame");
    assert_int_equal(LETTERS_RUN(f, "--dlq=list", "--dry-run"), 64);
    assert_int_equal(LETTERS_RUN(f, "--dlq=lost"), 64);
    assert_int_equal(LETTERS_RUN(f, "--limit", "4"), 64);

    mock_kafka_topic_error(f->log.mock, SERVICE_DLQ, MOCK_KAFKA_UNKNOWN_TOPIC);
    assert_int_equal(LETTERS_RUN(f, "--dlq=list"), 65);
    letters_say(f, SERVICE_DLQ " does not exist");
    letters_say(f, "create it, or correct Kafka:Region");
    mock_kafka_topic_error(f->log.mock, SERVICE_DLQ, MOCK_KAFKA_TOPIC_DENIED);
    assert_int_equal(LETTERS_RUN(f, "--dlq=list"), 77);
}

static void test_letters_are_listed_shown_and_counted(void **state) {
    struct letters_rig *f = *state;
    letters_put_all(f);
    letters_put_strange(f);

    LETTERS_OK(f, "--dlq=list");
    assert_int_equal(letters_count(f, " unknown_event_type "), LETTERS_UNKNOWN + 3);
    assert_int_equal(letters_count(f, " level_up event_type : event, "), LETTERS_UNKNOWN * 2 / 3);
    assert_int_equal(letters_count(f, " bonus event_type : event, "), LETTERS_UNKNOWN / 3);
    letters_say(f, "- unreadable 0/");
    letters_say(f, " missing_field request - - : ");
    letters_say(f, " unknown_event_type ANOTHER/0/900000 ");
    letters_say(f, "1 bytes of 5000");
    letters_say_not(f, LETTERS_SECRET);
    letters_say_not(f, "example.com");
    LETTERS_OK(f, "--dlq=list", "--reason", "missing_field");
    assert_int_equal(letters_count(f, "\n"), 1);
    LETTERS_OK(f, "--dlq=list", "--type", "bonus", "--limit", "7", "--json");
    assert_int_equal(letters_count(f, "\"type\":\"bonus\""), 7);
    LETTERS_OK(f, "--dlq=list", "--since", "1h", "--type", "bonus"); /* written just now */
    assert_int_equal(letters_count(f, "\n"), LETTERS_UNKNOWN / 3);
    LETTERS_OK(f, "--dlq=list", "--until", "2024-12-01");
    assert_int_equal(letters_count(f, "\n"), 4);

    LETTERS_OK(f, "--dlq=show", "--partition", "0", "--offset", "900000", "--limit", "5");
    letters_say(f, "svc-aggregator 0.0.9"); /* of the former schema */
    letters_say(f, "ANOTHER 0/900000");
    LETTERS_OK(f, "--dlq=show", "--type", "bonus");
    letters_say(f, "  player_id      text (");
    letters_say_not(f, LETTERS_SECRET);
    LETTERS_OK(f, "--dlq=show", "--type", "bonus", "--show-payload");
    letters_say(f, "  player_id      " LETTERS_SECRET);
    letters_say(f, "00000000  00 00 00 00 01");

    LETTERS_OK(f, "--dlq=stats");
    assert_int_equal(letters_row(f, "replayable"), 0);
    assert_int_equal(letters_row(f, "still bad"), LETTERS_UNKNOWN + 1);
    assert_int_equal(letters_row(f, "of requests"), 1);
    assert_int_equal(letters_row(f, "of other topics"), 1);
    assert_int_equal(letters_row(f, "cut"), 1);
    assert_int_equal(letters_row(f, "unreadable"), 1);
    letters_say(f, "svc-ingest/0.0.9");
    service_rig_set(&f->s, "PX_Sql__ConnectionString", "Driver={none};Database=none");
    LETTERS_OK(f, "--dlq=stats"); /* without SQL the rest is still told */
    letters_say(f, "replayable         not known: ");
    letters_say(f, "by reason");
}

/* More than one piece of output, and nobody who takes it. */
static void test_letters_that_cannot_be_printed(void **state) {
    struct letters_rig *f = *state;
    char command[600];
    letters_put_all(f);
    snprintf(command, sizeof command, "exec %s --dlq=list --json >/dev/full",
             proc_bin("svc-aggregator"));
    assert_int_equal(letters_run(f, "/bin/sh", "-c", command, NULL), 74);
    letters_say(f, "stdout: No space left on device");
}

#define GONE LETTERS_SECRET "-1"

/* The topic keeps the letters of an erased player: they are marked, not shown, never replayed. */
static void test_letters_of_erased_players_stay_unseen(void **state) {
    struct letters_rig *f = *state;
    char path[300];
    letters_put_all(f);
    snprintf(path, sizeof path, "%s/erasure.keys", proc_tmpdir());
    FILE *keys = fopen(path, "w");
    assert_non_null(keys);
    for (int i = 0; i < 32; i++) {
        fprintf(keys, "%s5a", i ? "" : "k1 ");
    }
    assert_int_equal(fclose(keys), 0);
    LETTERS_OK(f, "--dlq=show", "--limit", "400", "--show-payload");
    letters_say(f, "  player_id      " GONE "\n");
    service_rig_set(&f->s, "PX_Erasure__KeyFile", path);
    LETTERS_OK(f, "--erase-player", GONE);

    LETTERS_OK(f, "--dlq=list");
    assert_int_equal(letters_count(f, " (of an erased player)\n"), 1);
    LETTERS_OK(f, "--dlq=list", "--json");
    assert_int_equal(letters_count(f, "\"erased\":true"), 1);
    LETTERS_OK(f, "--dlq=show", "--limit", "400", "--show-payload");
    letters_say_not(f, "  player_id      " GONE "\n");
    letters_say(f, "  player_id      " LETTERS_SECRET "-2\n");
    assert_int_equal(letters_count(f, "erased: values and bytes are not shown"), 1);
    letters_mend_catalog(f);
    LETTERS_OK(f, "--dlq=replay");
    assert_int_equal(letters_row(f, "of erased players"), 1);
    assert_int_equal(letters_row(f, "replayed"), LETTERS_UNKNOWN - 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, letters_setup, letters_teardown)

static int run(const char *group) {
    const struct CMUnitTest tests[] = {
        TEST(test_letters_of_nothing),
        TEST(test_letters_are_listed_shown_and_counted),
        TEST(test_letters_that_cannot_be_printed),
        TEST(test_letters_of_erased_players_stay_unseen),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
