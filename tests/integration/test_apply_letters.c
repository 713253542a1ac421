/* --dlq of the real binary, between a mock cluster and real databases: what an operator sees, what
 * a replay does, and that a replay which is killed half-way, whatever it had not written down by
 * then, still counts every event once. */
#include "apply_rig.h"
#include "replay.h"
#include "service_rig.h"
#include "unit.h"

#include <px/event_avro.h>
#include <px/jsonw.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD     40
#define UNKNOWN  300 /* more than one chunk of a replay */
#define CHUNK    256
#define OUT_MAX  (1 << 20)
#define NOON     (INT64_C(20000) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR)
#define SECRET   "player-of-unknown"
#define DLQ_NAME "DLQ_LOCAL_PX_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS"

struct fixture {
    struct log_rig log;
    struct service_rig s;
    struct px_topic *dlq;
    char *out;
    int status;
};

static const char *failpoint_bin(void) {
    const char *bin = getenv("PX_FAILPOINT_BIN");
    return bin && *bin ? bin : "build/release-failpoints/bin/svc-aggregator";
}

/* One run of the program with these arguments; what it said is in f->out. */
static int run_bin(struct fixture *f, const char *bin, ...) {
    const char *argv[16] = {bin};
    va_list args;
    va_start(args, bin);
    for (size_t i = 1; i < PX_ARRAY_LEN(argv) && (argv[i] = va_arg(args, const char *)); i++) {
    }
    va_end(args);
    f->status = proc_run(argv, f->s.env, f->out, OUT_MAX);
    return f->status;
}
#define RUN(f, ...) run_bin((f), proc_bin("svc-aggregator"), __VA_ARGS__, NULL)
#define OK(f, ...)                                                                                 \
    do {                                                                                           \
        if (RUN(f, __VA_ARGS__) != 0) {                                                            \
            fail_msg("ended with %d: %s", (f)->status, (f)->out);                                  \
        }                                                                                          \
    } while (0)

static void says(const struct fixture *f, const char *text) {
    if (!strstr(f->out, text)) {
        fail_msg("no \"%s\" in: %s", text, f->out);
    }
}

static void says_not(const struct fixture *f, const char *text) {
    if (strstr(f->out, text)) {
        fail_msg("\"%s\" in: %s", text, f->out);
    }
}

static int count_of(const struct fixture *f, const char *text) {
    int n = 0;
    for (const char *at = f->out; (at = strstr(at, text)); at += strlen(text)) {
        n++;
    }
    return n;
}

/* The number of a row of the summary: "replayed               12  ...". */
static long row_of(const struct fixture *f, const char *name) {
    char label[32];
    snprintf(label, sizeof label, "\n%-18s ", name);
    const char *at = strstr(f->out, label);
    return at ? strtol(at + strlen(label), NULL, 10) : -1;
}

static int64_t ask(const struct fixture *f, const char *query) {
    return sql_int(f->s.db.s, query);
}

/* --- what stands in the log ------------------------------------------------------------------- */

/* Each of the three ways in which an event is known again: by its day, by its sender's id, by its
 * own id (bonus counts every event). */
static void event_of(struct fixture *f, const char *type, int i, struct px_buf *out) {
    char player[32], eid[32];
    snprintf(player, sizeof player, SECRET "-%d", i);
    snprintf(eid, sizeof eid, "eid-%d", i);
    struct px_event e = {.event_type = px_str_c(type),
                         .player_id = px_str_c(player),
                         .banner_tag = PX_S("b1"),
                         .client_event_id = i % 3 == 1 ? px_str_c(eid) : PX_S(""),
                         .received_at = NOON + i};
    e.id = px_uuid_next(&f->log.ids, NOON + i);
    px_event_to_avro(&e, out);
}

static void send_event(struct fixture *f, const char *type, int i) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    char player[32];
    snprintf(player, sizeof player, SECRET "-%d", i);
    event_of(f, type, i, &b);
    log_rig_send(&f->log, px_str_c(player), px_buf_view(&b));
}

static void fill_log(struct fixture *f) {
    for (int i = 0; i < GOOD; i++) {
        send_event(f, "visit", i);
    }
    for (int i = 0; i < UNKNOWN; i++) {
        send_event(f, i % 3 == 2 ? "bonus" : "level_up", i);
    }
    log_rig_send(&f->log, PX_S("k"), PX_S("somebody@example.com"));
}

static void put_letter(struct fixture *f, struct px_str bytes) {
    struct px_topic *events = f->log.topic;
    f->log.topic = f->dlq;
    log_rig_send(&f->log, PX_S("k"), bytes);
    f->log.topic = events;
}

static struct px_dead_letter letter(void) {
    return (struct px_dead_letter){.reason = PX_S("unknown_event_type"),
                                   .at = NOON,
                                   .service = PX_S("svc-aggregator"),
                                   .version = PX_S("0.0.9"),
                                   .topic = PX_S(SERVICE_TOPIC),
                                   .partition = 0,
                                   .offset = 900000,
                                   .payload = PX_S("x")};
}

/* The letters that the aggregator would write of the unknown ones. */
static void put_letters(struct fixture *f) {
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    for (int i = 0; i < UNKNOWN; i++) {
        struct px_dead_letter d = letter();
        px_buf_reset(&event);
        px_buf_reset(&b);
        event_of(f, i % 3 == 2 ? "bonus" : "level_up", i, &event);
        d.field = PX_S("event_type");
        d.at = px_wall(&px_clock_system);
        d.offset = i;
        d.payload = px_buf_view(&event);
        px_dead_letter_to_avro(&d, &b);
        put_letter(f, px_buf_view(&b));
    }
}

/* What others may have left there: no letter at all, one of the former schema, of a refused
 * request, of another topic, cut short. */
static void put_strange_ones(struct fixture *f) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d = letter();
    put_letter(f, PX_S("this is no letter"));
    px_dead_letter_to_avro(&d, &b);
    b.n -= 3; /* without the three fields that were added */
    b.p[4] = PX_SCHEMA_DLQ_1;
    put_letter(f, px_buf_view(&b));

    struct px_dead_letter request = letter();
    request.service = PX_S("svc-ingest");
    request.reason = PX_S("missing_field");
    request.topic = PX_S("");
    request.partition = -1;
    request.offset = -1;
    struct px_dead_letter other = letter();
    other.topic = PX_S("ANOTHER");
    struct px_dead_letter cut = letter();
    cut.offset = 900001;
    cut.payload_bytes = 5000;
    const struct px_dead_letter *all[] = {&request, &other, &cut};
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        px_buf_reset(&b);
        px_dead_letter_to_avro(all[i], &b);
        put_letter(f, px_buf_view(&b));
    }
}

static void copy_file(const char *from, const char *to, const char *more) {
    char bytes[4096];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    assert_true(fputs(more, out) >= 0);
    assert_true(fclose(in) == 0 && fclose(out) == 0);
}

/* The catalog with the two types that were missing; the migrations lie beside it. */
static void mend_catalog(struct fixture *f) {
    char base[300], dir[320], path[400], cwd[256], migrations[300];
    snprintf(base, sizeof base, "%s/mended-%s", proc_tmpdir(), rig_dialect()->name);
    snprintf(dir, sizeof dir, "%s/schemas", base);
    assert_true(mkdir(base, 0700) == 0 && mkdir(dir, 0700) == 0);
    snprintf(path, sizeof path, "%s/rollups.yaml", dir);
    copy_file("schemas/rollups.yaml", path, "");
    snprintf(path, sizeof path, "%s/events.yaml", dir);
    copy_file("schemas/events.yaml", path,
              "  - {type: level_up, family: pixel, pixel: true, dedupe: day}\n"
              "  - {type: bonus, family: pixel, pixel: true, dedupe: event_id}\n");
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(migrations, sizeof migrations, "%s/database", cwd);
    snprintf(path, sizeof path, "%s/database", base);
    assert_int_equal(symlink(migrations, path), 0);
    service_rig_set(&f->s, "PX_Schemas__Directory", dir);
}

static void open_all(struct fixture *f) {
    struct px_err err = PX_ERR_INIT;
    log_rig_open(&f->log, 3, true);
    assert_int_equal(px_producer_topic(f->log.producer, SERVICE_DLQ, &f->dlq, &err), PX_OK);
    service_rig_open(&f->s, &f->log, rig_dialect());
    f->out = malloc(OUT_MAX);
    assert_non_null(f->out);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    open_all(f);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    service_rig_close(&f->s);
    log_rig_close(&f->log);
    free(f->out);
    free(f);
    return 0;
}

static void apply(struct fixture *f) {
    int status = service_rig_run(&f->s, proc_bin("svc-aggregator"), "--once", 60);
    if (status != 0) {
        proc_log_show(&f->s.proc);
    }
    assert_int_equal(status, 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_letters_of_nothing(void **state) {
    struct fixture *f = *state;
    OK(f, "--dlq");
    assert_string_equal(f->out, "");
    OK(f, "--dlq=stats");
    says(f, "letters                   0  ");
    assert_int_equal(RUN(f, "--dlq=show"), 65);
    says(f, "--dlq=list shows which there are");
    OK(f, "--dlq=replay");
    assert_int_equal(row_of(f, "replayed"), 0);

    assert_int_equal(RUN(f, "--dlq=replay", "--reason", "bad_fram"), 64);
    says(f, "did you mean bad_frame");
    assert_int_equal(RUN(f, "--dlq=list", "--dry-run"), 64);
    assert_int_equal(RUN(f, "--dlq=lost"), 64);
    assert_int_equal(RUN(f, "--limit", "4"), 64);

    mock_kafka_topic_error(f->log.mock, SERVICE_DLQ, MOCK_KAFKA_UNKNOWN_TOPIC);
    assert_int_equal(RUN(f, "--dlq=list"), 65);
    says(f, DLQ_NAME " does not exist");
    says(f, "create it, or correct Kafka:Region");
    mock_kafka_topic_error(f->log.mock, SERVICE_DLQ, MOCK_KAFKA_TOPIC_DENIED);
    assert_int_equal(RUN(f, "--dlq=list"), 77);
}

static void test_letters_are_listed_shown_and_counted(void **state) {
    struct fixture *f = *state;
    put_letters(f);
    put_strange_ones(f);

    OK(f, "--dlq=list");
    assert_int_equal(count_of(f, " unknown_event_type "), UNKNOWN + 3);
    assert_int_equal(count_of(f, " level_up event_type : event, "), UNKNOWN * 2 / 3);
    assert_int_equal(count_of(f, " bonus event_type : event, "), UNKNOWN / 3);
    says(f, "- unreadable 0/");
    says(f, " missing_field request - - : ");
    says(f, " unknown_event_type ANOTHER/0/900000 ");
    says(f, "1 bytes of 5000");
    says_not(f, SECRET);
    says_not(f, "example.com");
    OK(f, "--dlq=list", "--reason", "missing_field");
    assert_int_equal(count_of(f, "\n"), 1);
    OK(f, "--dlq=list", "--type", "bonus", "--limit", "7", "--json");
    assert_int_equal(count_of(f, "\"type\":\"bonus\""), 7);
    OK(f, "--dlq=list", "--since", "1h", "--type", "bonus"); /* written just now */
    assert_int_equal(count_of(f, "\n"), UNKNOWN / 3);
    OK(f, "--dlq=list", "--until", "2024-12-01");
    assert_int_equal(count_of(f, "\n"), 4);

    OK(f, "--dlq=show", "--partition", "0", "--offset", "900000", "--limit", "5");
    says(f, "svc-aggregator 0.0.9"); /* of the former schema */
    says(f, "ANOTHER 0/900000");
    OK(f, "--dlq=show", "--type", "bonus");
    says(f, "  player_id      text (");
    says_not(f, SECRET);
    OK(f, "--dlq=show", "--type", "bonus", "--show-payload");
    says(f, "  player_id      " SECRET);
    says(f, "00000000  00 00 00 00 01");

    OK(f, "--dlq=stats");
    assert_int_equal(row_of(f, "replayable"), 0);
    assert_int_equal(row_of(f, "still bad"), UNKNOWN + 1);
    assert_int_equal(row_of(f, "of requests"), 1);
    assert_int_equal(row_of(f, "of other topics"), 1);
    assert_int_equal(row_of(f, "cut"), 1);
    assert_int_equal(row_of(f, "unreadable"), 1);
    says(f, "svc-ingest/0.0.9");
    service_rig_set(&f->s, "PX_Sql__ConnectionString", "Driver={none};Database=none");
    OK(f, "--dlq=stats"); /* without SQL the rest is still told */
    says(f, "replayable         not known: ");
    says(f, "by reason");
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
    struct fixture *f = *state;
    struct px_err err = PX_ERR_INIT;
    struct px_catalog *catalog = NULL;
    struct agg_replay_counts counts;
    struct order order = {.last = -1};
    put_letters(f);
    put_strange_ones(f);
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
    assert_int_equal(order.n, UNKNOWN + 1);
    assert_int_equal(counts.of[AGG_STILL_BAD], UNKNOWN + 1);
    assert_int_equal(counts.of[AGG_OF_REQUEST], 1); /* counted in one round only */
    assert_int_equal(counts.of[AGG_OTHER_TOPIC], 1);
    assert_int_equal(counts.of[AGG_CUT], 1);
    assert_int_equal(counts.unreadable, 1);
    assert_int_equal(counts.copies, 0);
    px_catalog_free(catalog);
}

static void replay_and_die(struct fixture *f, const char *point) {
    service_rig_set(&f->s, "PX_FAILPOINTS_AT", point);
    assert_int_equal(run_bin(f, failpoint_bin(), "--dlq=replay", NULL), 128 + SIGKILL);
    service_rig_set(&f->s, "PX_FAILPOINTS_AT", "");
}

static void all_count_once(const struct fixture *f, int extra) {
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM events"), GOOD + UNKNOWN + extra);
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM events WHERE disposition = 'counted'"),
                     GOOD + UNKNOWN + extra);
    assert_int_equal(ask(f, "SELECT SUM(count) FROM daily_metrics"), GOOD + UNKNOWN + extra);
    assert_int_equal(ask(f, "SELECT count FROM daily_metrics WHERE event_type = 'bonus'"),
                     UNKNOWN / 3 + extra);
    assert_int_equal(ask(f, "SELECT SUM(counted) FROM partition_ledger"), GOOD + UNKNOWN + extra);
    assert_int_equal(ask(f, "SELECT SUM(dead_lettered) FROM partition_ledger"), UNKNOWN + 1);
    assert_int_equal(
        ask(f, "SELECT SUM(next_offset - first_offset + rewound - counted - repeated - duplicate - "
               "conflict - excluded - late - erased - dead_lettered - hole - gap) FROM "
               "partition_ledger"),
        0);
}

/* Killed between the acknowledgement and the row, once before and once after the copies were
 * counted; then a letter that is stored twice, an event that SQL refused, and a replay too many. */
static void test_replay_counts_once_whatever_kills_it(void **state) {
    struct fixture *f = *state;
    fill_log(f);
    apply(f);
    OK(f, "--dlq=replay");
    assert_int_equal(row_of(f, "still bad"), UNKNOWN + 1);
    mend_catalog(f);

    OK(f, "--dlq=replay", "--dry-run");
    assert_int_equal(row_of(f, "replayable"), UNKNOWN);
    assert_int_equal(count_of(f, "\nfixed "), UNKNOWN); /* behind the line of the log */
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);

    replay_and_die(f, "agg.replay_acknowledged=kill@1");
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);
    apply(f); /* the first chunk is counted, and nobody noted that it was written */
    replay_and_die(f, "agg.replay_acknowledged=kill@1");
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), 0);
    OK(f, "--dlq=replay");
    assert_int_equal(row_of(f, "replayed"), UNKNOWN - CHUNK);
    assert_int_equal(row_of(f, "already counted"), CHUNK);
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), UNKNOWN - CHUNK);
    apply(f);
    all_count_once(f, 0);
    /* what was written twice is a repeat, or a duplicate where the sender gave an id */
    assert_int_equal(ask(f, "SELECT SUM(repeated + duplicate) FROM partition_ledger"),
                     UNKNOWN - CHUNK);
    assert_true(ask(f, "SELECT SUM(duplicate) FROM partition_ledger") > 0);
    assert_true(ask(f, "SELECT SUM(repeated) FROM partition_ledger") > 0);

    OK(f, "--dlq=replay", "--json");
    says(f, "\"fixed\":0,\"still_bad\":1,\"already_counted\":256,\"already_replayed\":44,");
    says(f, "\"px.already_replayed\":44,");
}

/* ${copies} letters of one record, a bonus that is accepted today. */
static void put_bonus(struct fixture *f, int i, const char *reason, int copies) {
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d = letter();
    struct px_event e = {.event_type = PX_S("bonus"),
                         .player_id = PX_S(SECRET),
                         .banner_tag = PX_S("b1"),
                         .received_at = NOON};
    e.id = px_uuid_next(&f->log.ids, NOON);
    px_event_to_avro(&e, &event);
    d.reason = px_str_c(reason);
    d.offset += i;
    d.payload = px_buf_view(&event);
    px_dead_letter_to_avro(&d, &b);
    for (int k = 0; k < copies; k++) {
        put_letter(f, px_buf_view(&b));
    }
}

/* What a limit leaves, a filter leaves out and a death behind the row leaves is replayed later, a
 * letter that is stored twice once. */
static void test_replay_goes_on_where_it_was_left(void **state) {
    struct fixture *f = *state;
    fill_log(f);
    apply(f);
    mend_catalog(f);

    OK(f, "--dlq=replay", "--limit", "5", "--type", "bonus");
    assert_int_equal(row_of(f, "replayed"), 5);
    replay_and_die(f, "agg.replay_remembered=kill@1");
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM dead_letter_replays"), CHUNK);
    OK(f, "--dlq=replay");
    assert_int_equal(row_of(f, "replayed"), UNKNOWN - CHUNK);
    assert_int_equal(row_of(f, "already replayed"), CHUNK);

    put_bonus(f, 1, "unknown_event_type", 2);
    put_bonus(f, 2, "refused_by_sql", 1);
    OK(f, "--dlq=replay");
    assert_int_equal(row_of(f, "replayed"), 1);
    assert_int_equal(row_of(f, "stored twice"), 1);
    assert_int_equal(row_of(f, "not asked for"), 1);
    OK(f, "--dlq=replay", "--reason", "refused_by_sql");
    assert_int_equal(row_of(f, "replayed"), 1);
    apply(f);
    all_count_once(f, 2);
    assert_int_equal(ask(f, "SELECT SUM(repeated + duplicate) FROM partition_ledger"), 0);
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM events e JOIN dead_letter_replays r ON e.id = "
                            "r.event_id AND e.\"partition\" = r.to_partition AND e.\"offset\" = "
                            "r.to_offset"),
                     UNKNOWN + 2);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static int run(const char *group) {
    const struct CMUnitTest first[] = {
        TEST(test_letters_of_nothing),
        TEST(test_letters_are_listed_shown_and_counted),
        TEST(test_replay_in_many_rounds),
        TEST(test_replay_counts_once_whatever_kills_it),
    };
    const struct CMUnitTest others[] = {
        TEST(test_replay_goes_on_where_it_was_left),
    };
    bool sqlite = strcmp(rig_dialect()->name, "sqlite") == 0;
    return sqlite ? cmocka_run_group_tests_name(group, first, NULL, NULL)
                  : cmocka_run_group_tests_name(group, others, NULL, NULL);
}

int main(void) {
    return rig_each_dialect(run);
}
