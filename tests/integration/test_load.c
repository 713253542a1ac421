/* px-load against an ingest that misbehaves on command: what it sends, when, what it writes down,
 * and how it ends. */
#include "book.h"

#include <px/json.h>
#include <px/num.h>

#include "fake_ingest.h"
#include "proc.h"
#include "unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)8 << 20)

/* --- running it ---------------------------------------------------------------------------------
 */

struct load {
    struct proc proc;
    char book[300], truth[300], url[120];
    const char *argv[40];
    size_t n;
};

static void load_add(struct load *l, const char *arg) {
    assert_true(l->n + 1 < PX_ARRAY_LEN(l->argv));
    l->argv[l->n++] = arg;
}

/* px-load against ${f} with a book and a truth, and ${more}, a NULL-ended list. */
static void load_of(struct load *l, const struct fake_ingest *f, const char *const *more) {
    static int number;
    *l = (struct load){.n = 0};
    number++;
    (void)snprintf(l->book, sizeof l->book, "%s/book-%d", proc_tmpdir(), number);
    (void)snprintf(l->truth, sizeof l->truth, "%s/truth-%d", proc_tmpdir(), number);
    (void)snprintf(l->url, sizeof l->url, "127.0.0.1:%d", f ? fake_ingest_port(f) : 1);
    const char *const first[] = {proc_bin("px-load"), "--book", l->book, "--truth", l->truth};
    for (size_t i = 0; i < PX_ARRAY_LEN(first); i++) {
        load_add(l, first[i]);
    }
    if (f) {
        load_add(l, "--url");
        load_add(l, l->url);
    }
    for (; *more; more++) {
        load_add(l, *more);
    }
}

static int load_go(struct load *l) {
    proc_start(&l->proc, l->argv, NULL);
    return proc_wait(&l->proc, 60);
}

static char *text_of(const char *path) {
    char *text = calloc(1, TEXT_MAX);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(text);
    size_t n = fread(text, 1, TEXT_MAX - 1, f);
    assert_true(n < TEXT_MAX - 1);
    fclose(f);
    return text;
}

static struct px_json *truth_of(const struct load *l) {
    char *text = text_of(l->truth);
    struct px_json *doc = NULL;
    struct px_str s = {.p = text, .n = strcspn(text, "\n")};
    assert_int_equal(px_json_parse(s, TEXT_MAX, &doc, NULL), PX_OK);
    free(text);
    return doc;
}

static int64_t number_of(const struct load *l, const char *name) {
    struct px_json *doc = truth_of(l);
    int64_t v = -1;
    assert_true(px_json_int(px_json_get(px_json_root(doc), name), &v));
    px_json_free(doc);
    return v;
}

/* --- the book -----------------------------------------------------------------------------------
 */

struct tally {
    size_t intents, outcomes, class[3], eids;
    size_t retries; /* intents with an eid that an earlier intent had */
};

#define EIDS 4096
static uint32_t eid_number(struct px_str eid) {
    int64_t v = 0;
    size_t e = eid.n;
    while (e && eid.p[e - 1] != 'e') {
        e--;
    }
    assert_true(px_parse_i64((struct px_str){.p = eid.p + e, .n = eid.n - e}, 0, EIDS - 1, &v));
    return (uint32_t)v;
}

/* Every line makes sense: an outcome stands behind its intent, once. */
static struct tally tally_of(const char *path) {
    static uint8_t seen[EIDS * 4], eids[EIDS];
    struct tally t = {.intents = 0};
    struct book_reader r = BOOK_READER_INIT;
    struct book_line l;
    struct px_err err = PX_ERR_INIT;
    memset(seen, 0, sizeof seen);
    memset(eids, 0, sizeof eids);
    assert_int_equal(book_open(&r, path, &err), PX_OK);
    enum px_code rc;
    while ((rc = book_next(&r, &l, &err)) == PX_OK) {
        if (l.kind == BOOK_OUTCOME) {
            assert_true(l.outcome.n < sizeof seen && seen[l.outcome.n]++ == 1);
            t.outcomes++;
            t.class[l.outcome.class]++;
            assert_int_equal(l.outcome.class == BOOK_OK, l.outcome.event_id.n == 36);
            continue;
        }
        assert_true(l.intent.n < sizeof seen && seen[l.intent.n]++ == 0);
        t.intents++;
        if (l.intent.eid.n && px_str_is(l.intent.want, "ok")) {
            t.eids++;
            t.retries += eids[eid_number(l.intent.eid)]++ > 0;
        }
    }
    if (rc != PX_NO_ROW) {
        fail_msg("%s", err.msg);
    }
    assert_false(r.torn);
    book_reader_close(&r);
    return t;
}

/* --- rules --------------------------------------------------------------------------------------
 */

static enum fake_answer rule_right(void *arg PX_UNUSED, const char *text PX_UNUSED,
                                   uint32_t n PX_UNUSED) {
    return FAKE_RIGHT;
}

static const char *const no_options[] = {NULL};

static void test_load_counts_what_was_asked_for(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "400", "--duration", "1s", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_right, NULL);
    struct load l;
    load_of(&l, f, options);

    assert_int_equal(load_go(&l), 0);

    struct tally t = tally_of(l.book);
    assert_int_equal(fake_ingest_requests(f), 400);
    assert_int_equal(t.intents, 400);
    assert_int_equal(t.class[BOOK_OK] + t.class[BOOK_NO], 400);
    assert_int_equal(number_of(&l, "acked"), t.class[BOOK_OK]);
    assert_int_equal(number_of(&l, "refused"), t.class[BOOK_NO]);
    assert_in_range(t.class[BOOK_NO], 2, 20);
    assert_int_equal(number_of(&l, "unexpected"), 0);
    assert_true(fake_ingest_connections(f) <= 128);
    fake_ingest_stop(f);
}

static enum fake_answer rule_strange(void *arg PX_UNUSED, const char *text PX_UNUSED, uint32_t n) {
    return n == 7 ? FAKE_STRANGE : FAKE_RIGHT;
}

static void test_load_tells_of_a_wrong_answer(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "100", "--duration", "1s", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_strange, NULL);
    struct load l;
    load_of(&l, f, options);
    assert_int_equal(load_go(&l), 1);
    assert_int_equal(number_of(&l, "unexpected"), 1);
    assert_int_equal(tally_of(l.book).class[BOOK_MAYBE], 1);
    fake_ingest_stop(f);
}

/* At the moment a request's bytes arrive, its intent stands in the file already. */
static enum fake_answer rule_intent_first(void *arg, const char *text, uint32_t n) {
    const struct load *l = arg;
    char eid[40] = "", *book;
    const char *at = strstr(text, "eid=");
    at = at ? at + 4 : (at = strstr(text, "\"eventId\":\"")) ? at + 11 : NULL;
    if (!at || n % 7) {
        return FAKE_RIGHT;
    }
    (void)snprintf(eid, sizeof eid, "\t%.*s\n", (int)strcspn(at, " \"&"), at);
    book = text_of(l->book);
    bool there = strstr(book, eid) != NULL;
    free(book);
    return there ? FAKE_RIGHT : FAKE_STRANGE;
}

static void test_load_writes_intents_before_their_bytes(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "300", "--duration", "1s", NULL};
    struct load l;
    struct fake_ingest *f = fake_ingest_start(rule_intent_first, &l);
    load_of(&l, f, options);
    load_go(&l);
    struct tally t = tally_of(l.book);
    assert_int_equal(t.class[BOOK_MAYBE], 0); /* no 500 */
    assert_int_equal(t.outcomes, 300);
    fake_ingest_stop(f);
}

struct attempts {
    uint8_t of[EIDS];
};

/* The first attempt of an id is refused for now, the second is cut, the third unknown, the fourth
 * stored. What has no id gets the right answer. */
static enum fake_answer rule_fourth_time(void *arg, const char *text, uint32_t n PX_UNUSED) {
    static const enum fake_answer answers[] = {FAKE_BUSY, FAKE_CUT, FAKE_UNKNOWN, FAKE_RIGHT};
    struct attempts *a = arg;
    const char *at = strstr(text, "eid=");
    at = at ? at : strstr(text, "\"eventId\":\"");
    if (!at) {
        return FAKE_RIGHT;
    }
    at = strstr(at, "-e") + 1;
    uint32_t e = eid_number((struct px_str){.p = at, .n = 1 + strspn(at + 1, "0123456789")});
    uint8_t k = a->of[e]++;
    return answers[k < 3 ? k : 3];
}

static void test_load_retries_with_the_same_id_until_stored(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "200", "--duration", "1s", "--retry", NULL};
    static struct attempts a;
    struct fake_ingest *f = fake_ingest_start(rule_fourth_time, &a);
    struct load l;
    load_of(&l, f, options);

    assert_int_equal(load_go(&l), 0);

    struct tally t = tally_of(l.book);
    assert_int_equal(t.intents, t.outcomes);
    assert_int_equal(number_of(&l, "requests"), t.intents);
    assert_int_equal(number_of(&l, "requests") - number_of(&l, "retries"), 200);
    assert_true(number_of(&l, "retries") >= 150);
    assert_true(t.retries >= 150 && t.class[BOOK_MAYBE] >= 100);
    for (uint32_t e = 0; e < EIDS; e++) { /* every id that was sent was stored in the end */
        assert_true(a.of[e] == 0 || a.of[e] >= 4);
    }
    struct px_json *doc = truth_of(&l);
    /* All fates are definite, though attempts are not. */
    assert_true(px_json_bool(px_json_get(px_json_root(doc), "countedExact")));
    assert_false(px_json_bool(px_json_get(px_json_root(doc), "exact")));
    px_json_free(doc);
    fake_ingest_stop(f);
}

static enum fake_answer rule_busy(void *arg PX_UNUSED, const char *text PX_UNUSED,
                                  uint32_t n PX_UNUSED) {
    return FAKE_BUSY;
}

static void test_load_retries_end_with_the_grace(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate",  "50",    "--duration",  "1s",
                                          "--grace", "600ms", "--retry=200", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_busy, NULL);
    struct load l;
    load_of(&l, f, options);
    long from = now_ms();
    assert_int_equal(load_go(&l), 0); /* 503 is an answer */
    assert_true(now_ms() - from >= 1500);
    struct tally t = tally_of(l.book);
    assert_int_equal(t.intents, t.class[BOOK_NO]);
    assert_true(number_of(&l, "retries") > 30);
    fake_ingest_stop(f);
}

static void test_load_without_keep_alive_connects_each_time(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate",          "300", "--duration", "1s",
                                          "--keep-alive=no", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_right, NULL);
    struct load l;
    load_of(&l, f, options);
    load_go(&l);
    assert_int_equal(tally_of(l.book).outcomes, 300);
    assert_int_equal(number_of(&l, "unexpected"), 0);
    assert_int_equal(fake_ingest_connections(f), 300);
    fake_ingest_stop(f);
}

/* --- several targets, and none ------------------------------------------------------------------
 */

static void test_load_spreads_over_targets_and_survives_one(void **state PX_UNUSED) {
    struct fake_ingest *a = fake_ingest_start(rule_right, NULL);
    struct fake_ingest *b = fake_ingest_start(rule_right, NULL);
    char both[80];
    struct load l;
    (void)snprintf(both, sizeof both, "127.0.0.1:%d,http://127.0.0.1:%d", fake_ingest_port(a),
                   fake_ingest_port(b));
    /* Port 1 refuses from the beginning. */
    const char *const options[] = {"--url", both,         "--url", "127.0.0.1:1", "--rate",
                                   "400",   "--duration", "2s",    NULL};
    load_of(&l, NULL, options);
    proc_start(&l.proc, l.argv, NULL);
    for (long until = now_ms() + 20000; fake_ingest_requests(b) < 200 && now_ms() < until;) {
        pause_ms(5);
    }
    uint32_t of_b = fake_ingest_requests(b);
    fake_ingest_stop(b);
    assert_true(of_b >= 200);
    proc_wait(&l.proc, 60);

    struct tally t = tally_of(l.book);
    assert_int_equal(t.intents, 800);
    assert_true(fake_ingest_requests(a) >= 500);       /* it took over */
    assert_int_equal(number_of(&l, "unreachable"), 0); /* who is refused goes elsewhere */
    assert_true(t.class[BOOK_MAYBE] <= 5);             /* under way to b as it ended */
    fake_ingest_stop(a);
}

static void test_load_needs_somebody_at_the_start(void **state PX_UNUSED) {
    static const char *const options[] = {"--url", "127.0.0.1:1", NULL};
    struct load l;
    load_of(&l, NULL, options);
    assert_int_equal(load_go(&l), 69);
    assert_int_equal(access(l.book, F_OK), -1); /* nothing to keep a book of */
}

static void test_load_goes_on_when_its_target_is_gone(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "300", "--duration", "1s", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_right, NULL);
    struct load l;
    load_of(&l, f, options);
    proc_start(&l.proc, l.argv, NULL);
    for (long until = now_ms() + 20000; fake_ingest_requests(f) < 50 && now_ms() < until;) {
        pause_ms(2);
    }
    fake_ingest_stop(f);
    assert_int_equal(proc_wait(&l.proc, 60), 1);
    struct tally t = tally_of(l.book);
    assert_int_equal(t.intents, 300);
    assert_int_equal(t.outcomes, 300);
    assert_true(t.class[BOOK_NO] > 50); /* refused: surely not stored */
    assert_int_equal(number_of(&l, "unreachable") + number_of(&l, "refused"), t.class[BOOK_NO]);
}

/* --- time ---------------------------------------------------------------------------------------
 */

static enum fake_answer rule_stall(void *arg PX_UNUSED, const char *text PX_UNUSED, uint32_t n) {
    if (n == 100) {
        pause_ms(800);
    }
    return FAKE_RIGHT;
}

static double ms_of(const struct px_json *doc, const char *times, const char *member) {
    return px_json_double(px_json_get(px_json_get(px_json_root(doc), times), member));
}

/* One stall of 0.8 s on the only connection: one service time shows it, but a fifth of the requests
 * were due meanwhile and waited. */
static void test_load_omits_no_latency(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate",        "200", "--duration", "2s",
                                          "--connections", "1",   NULL};
    struct fake_ingest *f = fake_ingest_start(rule_stall, NULL);
    struct load l;
    load_of(&l, f, options);
    load_go(&l);
    struct px_json *doc = truth_of(&l);
    assert_true(ms_of(doc, "serviceMs", "max") >= 790);
    assert_true(ms_of(doc, "latencyMs", "max") >= 790);
    assert_true(ms_of(doc, "latencyMs", "p95") >= 300);
    assert_true(ms_of(doc, "sendLagMs", "p95") >= 300);
    assert_true(ms_of(doc, "serviceMs", "p95") < ms_of(doc, "latencyMs", "p95") / 2);
    assert_true(ms_of(doc, "latencyMs", "n") > 350);
    px_json_free(doc);
    assert_in_range(number_of(&l, "late"), 100, 400);
    fake_ingest_stop(f);
}

static enum fake_answer rule_seventh_hangs(void *arg PX_UNUSED, const char *text PX_UNUSED,
                                           uint32_t n) {
    return n % 7 == 0   ? FAKE_NOTHING
           : n % 7 == 1 ? FAKE_RIGHT_LAST
           : n % 7 == 2 ? FAKE_GARBAGE
                        : FAKE_RIGHT;
}

static void test_load_gives_up_on_an_answer(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate",    "140",   "--duration", "1s",
                                          "--timeout", "300ms", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_seventh_hangs, NULL);
    struct load l;
    load_of(&l, f, options);
    assert_int_equal(load_go(&l), 1);
    struct tally t = tally_of(l.book);
    assert_int_equal(t.intents, 140);
    assert_int_equal(t.class[BOOK_MAYBE], 40); /* no answer, or not one */
    assert_int_equal(t.class[BOOK_OK] + t.class[BOOK_NO], 100);
    assert_int_equal(number_of(&l, "unanswered"), 40);
    fake_ingest_stop(f);
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static enum fake_answer rule_late_300th(void *arg PX_UNUSED, const char *text PX_UNUSED,
                                        uint32_t n) {
    if (n == 299) {
        pause_ms(400);
    }
    return FAKE_RIGHT;
}

/* What is under way when it is asked to end is still answered, even when it is asked twice at once.
 */
static void test_load_sigterm_leaves_whole_books(void **state PX_UNUSED) {
    static const char *const options[] = {"--rate", "500", "--duration", "0s", NULL};
    struct fake_ingest *f = fake_ingest_start(rule_late_300th, NULL);
    struct load l;
    load_of(&l, f, options);
    proc_start(&l.proc, l.argv, NULL);
    for (long until = now_ms() + 20000; fake_ingest_requests(f) < 300 && now_ms() < until;) {
        pause_ms(5);
    }
    proc_signal(&l.proc, SIGTERM);
    proc_signal(&l.proc, SIGINT);
    proc_wait(&l.proc, 30);
    struct tally t = tally_of(l.book);
    assert_true(t.intents >= 300);
    assert_int_equal(t.intents, t.class[BOOK_OK] + t.class[BOOK_NO]);
    assert_int_equal(t.intents, fake_ingest_requests(f));
    assert_int_equal(number_of(&l, "acked"), t.class[BOOK_OK]);
    fake_ingest_stop(f);
}

static void test_load_stops_when_the_book_cannot_be_written(void **state PX_UNUSED) {
    struct fake_ingest *f = fake_ingest_start(rule_right, NULL);
    struct load l;
    char line[900], said[4096] = "";
    load_of(&l, f, no_options);
    (void)snprintf(line, sizeof line, "ulimit -f 8; exec %s --rate 500 --url %s --book %s",
                   l.argv[0], l.url, l.book);
    const char *const limited[] = {"/bin/sh", "-c", line, NULL};
    assert_int_equal(proc_run(limited, NULL, said, sizeof said), 74);
    assert_non_null(strstr(said, "--book"));
    assert_non_null(strstr(said, l.book));
    assert_true(fake_ingest_requests(f) > 10);

    const char *const full[] = {proc_bin("px-load"), "--url", l.url, "--book", "/dev/full", NULL};
    assert_int_equal(proc_run(full, NULL, said, sizeof said), 74);
    const char *const again[] = {proc_bin("px-load"), "--url", l.url, "--book", l.book, NULL};
    assert_int_equal(proc_run(again, NULL, said, sizeof said), 64); /* never overwritten */
    fake_ingest_stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_counts_what_was_asked_for),
        cmocka_unit_test(test_load_tells_of_a_wrong_answer),
        cmocka_unit_test(test_load_writes_intents_before_their_bytes),
        cmocka_unit_test(test_load_retries_with_the_same_id_until_stored),
        cmocka_unit_test(test_load_retries_end_with_the_grace),
        cmocka_unit_test(test_load_without_keep_alive_connects_each_time),
        cmocka_unit_test(test_load_spreads_over_targets_and_survives_one),
        cmocka_unit_test(test_load_needs_somebody_at_the_start),
        cmocka_unit_test(test_load_goes_on_when_its_target_is_gone),
        cmocka_unit_test(test_load_omits_no_latency),
        cmocka_unit_test(test_load_gives_up_on_an_answer),
        cmocka_unit_test(test_load_sigterm_leaves_whole_books),
        cmocka_unit_test(test_load_stops_when_the_book_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
