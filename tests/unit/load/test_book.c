/* The book: what is written is read back, hostile lines are refused by number, a torn end is not.
 */
#include "book.h"

#include <px/num.h>

#include "proc.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

static void book_path(char out[300], const char *name) {
    (void)snprintf(out, 300, "%s/%s", proc_tmpdir(), name);
    (void)unlink(out);
}

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, true);
    assert_int_equal(fclose(f), 0);
}

#define HEAD "#px-book 1\tseed=7\tprefix=load7\n"

static const struct book_intent an_intent = {.n = 1,
                                             .at = 1700000000000001,
                                             .want = PX_S_INIT("ok"),
                                             .type = PX_S_INIT("visit"),
                                             .player = PX_S_INIT("load7-p1"),
                                             .banner = PX_S_INIT("load7-b00"),
                                             .eid = PX_S_INIT("load7-e1")};

static void test_book_what_is_written_is_read(void **state PX_UNUSED) {
    char path[300];
    struct book b = BOOK_INIT;
    book_path(path, "book");
    assert_int_equal(book_create(&b, path, UINT64_C(9007199254740993), PX_S("load7"), NULL), PX_OK);
    book_intent(&b, &an_intent);
    assert_int_equal(book_flush(&b, NULL), PX_OK);
    book_outcome(&b, &(struct book_outcome){.n = 1,
                                            .at = 1700000000000002,
                                            .class = BOOK_NO,
                                            .status = 503,
                                            .code = PX_S("log_unavailable")});
    book_intent(&b, &(struct book_intent){.n = 2, .at = 3, .want = PX_S("junk_value")});
    assert_int_equal(book_close(&b, NULL), PX_OK);
    assert_int_equal(book_close(&b, NULL), PX_OK);

    struct book_reader r = BOOK_READER_INIT;
    struct book_line l;
    assert_int_equal(book_open(&r, path, NULL), PX_OK);
    assert_true(r.seed == UINT64_C(9007199254740993));
    assert_true(px_str_is(r.prefix, "load7"));
    assert_int_equal(book_next(&r, &l, NULL), PX_OK);
    assert_int_equal(l.kind, BOOK_INTENT);
    assert_int_equal(l.intent.n, 1);
    assert_true(l.intent.at == 1700000000000001);
    assert_true(px_str_is(l.intent.want, "ok"));
    assert_true(px_str_is(l.intent.type, "visit"));
    assert_true(px_str_is(l.intent.player, "load7-p1"));
    assert_true(px_str_is(l.intent.banner, "load7-b00"));
    assert_true(px_str_is(l.intent.eid, "load7-e1"));
    assert_int_equal(book_next(&r, &l, NULL), PX_OK);
    assert_int_equal(l.kind, BOOK_OUTCOME);
    assert_int_equal(l.outcome.n, 1);
    assert_int_equal(l.outcome.class, BOOK_NO);
    assert_int_equal(l.outcome.status, 503);
    assert_int_equal(l.outcome.event_id.n, 0);
    assert_int_equal(l.outcome.received.n, 0);
    assert_true(px_str_is(l.outcome.code, "log_unavailable"));
    assert_int_equal(book_next(&r, &l, NULL), PX_OK);
    assert_int_equal(l.intent.eid.n, 0);
    assert_int_equal(book_next(&r, &l, NULL), PX_NO_ROW);
    assert_int_equal(book_next(&r, &l, NULL), PX_NO_ROW);
    assert_false(r.torn);
    book_reader_close(&r);
    book_reader_close(&r);
}

/* What a flush has written stands in the file while the writer lives, and not before. */
static void test_book_reaches_the_file_with_its_flush(void **state PX_UNUSED) {
    char path[300];
    struct stat before, held, after;
    struct book b = BOOK_INIT;
    book_path(path, "flush");
    assert_int_equal(book_create(&b, path, 1, PX_S("x"), NULL), PX_OK);
    assert_int_equal(stat(path, &before), 0);
    book_intent(&b, &an_intent);
    assert_int_equal(stat(path, &held), 0);
    assert_int_equal(book_flush(&b, NULL), PX_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_size > 0);
    assert_int_equal(held.st_size, before.st_size);
    assert_true(after.st_size > before.st_size);
    assert_int_equal(book_close(&b, NULL), PX_OK);
}

static void test_book_is_never_overwritten(void **state PX_UNUSED) {
    char path[300];
    struct book b = BOOK_INIT;
    struct px_err err = PX_ERR_INIT;
    book_path(path, "twice");
    put(path, HEAD);
    assert_int_equal(book_create(&b, path, 1, PX_S("x"), &err), PX_INVALID);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(b.fd, -1);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, strlen(HEAD));
    assert_int_equal(book_create(&b, "/nowhere/at/all", 1, PX_S("x"), &err), PX_IO);
}

static void test_book_refuses_texts_that_break_a_line(void **state PX_UNUSED) {
    static const struct px_str bad[] = {PX_S_INIT("a\tb"), PX_S_INIT("a\nb"), PX_S_INIT("a\rb"),
                                        PX_S_INIT("a\0b"), PX_S_INIT("-")};
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        char path[300];
        struct book b = BOOK_INIT;
        struct px_err err = PX_ERR_INIT;
        book_path(path, "bad");
        assert_int_equal(book_create(&b, path, 1, bad[i], NULL), PX_INVALID);
        assert_int_equal(book_create(&b, path, 1, PX_S("x"), NULL), PX_OK);
        struct book_intent in = an_intent;
        in.player = bad[i];
        book_intent(&b, &in);
        assert_int_equal(book_flush(&b, &err), PX_INVALID);
        assert_int_equal(book_close(&b, &err), PX_INVALID);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, strlen("#px-book 1\tseed=1\tprefix=x\n"));
    }
}

/* The disk takes half a line: the writer says so, the reader ignores the half. */
static void test_book_tells_of_a_full_disk(void **state PX_UNUSED) {
    char path[300];
    struct book b = BOOK_INIT;
    struct px_err err = PX_ERR_INIT;
    struct rlimit was, small;
    book_path(path, "full");
    assert_int_equal(book_create(&b, path, 7, PX_S("load7"), NULL), PX_OK);
    book_intent(&b, &an_intent);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){.rlim_cur = strlen(HEAD) + 10, .rlim_max = was.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

    enum px_code rc = book_flush(&b, &err);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(rc, PX_IO);
    struct book_reader r = BOOK_READER_INIT;
    struct book_line l;
    assert_int_equal(book_open(&r, path, NULL), PX_OK);
    assert_int_equal(book_next(&r, &l, NULL), PX_NO_ROW);
    assert_true(r.torn);
    book_reader_close(&r);
    assert_int_equal(ftruncate(b.fd, 0), 0);
    PX_IGNORE(book_close(&b, NULL)); /* frees; what it says was tested above */
}

#define GOOD_I "i\t1\t5\tok\tvisit\tp\tb\t-\n"
#define GOOD_O "o\t1\t6\tok\t200\tid\t2026-11-21T10:00:00Z\t-\n"

static void test_book_reader_refuses_what_is_no_line(void **state PX_UNUSED) {
    static const struct {
        const char *text;
        const char *where; /* NULL: the whole file is good, but for a torn end */
    } rows[] = {
        {HEAD GOOD_I GOOD_O, NULL},
        {HEAD "# a comment\n" GOOD_I "#\n" GOOD_O, NULL},
        {HEAD GOOD_I "o\t1\t6\tok\t200\tid\tnow", NULL},
        {HEAD GOOD_I "i\tgarbage", NULL},
        {HEAD, NULL},
        {HEAD GOOD_I "\n" GOOD_O, ":3:"},
        {HEAD "i\t1\t5\tok\tvisit\tp\tb\n", ":2:"},
        {HEAD "i\t1\t5\tok\tvisit\tp\tb\t-\tmore\n", ":2:"},
        {HEAD "i\t-1\t5\tok\tvisit\tp\tb\t-\n", ":2:"},
        {HEAD "i\t01\t5\tok\tvisit\tp\tb\t-\n", ":2:"},
        {HEAD "i\t1\tsoon\tok\tvisit\tp\tb\t-\n", ":2:"},
        {HEAD "i\t1\t5\t-\tvisit\tp\tb\t-\n", ":2:"},
        {HEAD "i\t1\t5\tok\t\tp\tb\t-\n", ":2:"},
        {HEAD "i\t99999999999999999999\t5\tok\tvisit\tp\tb\t-\n", ":2:"},
        {HEAD GOOD_I "o\t1\t6\tyes\t200\tid\tnow\t-\n", ":3:"},
        {HEAD GOOD_I "o\t1\t6\tok\tOK\tid\tnow\t-\n", ":3:"},
        {HEAD GOOD_I "x\t1\t6\tok\t200\tid\tnow\t-\n", ":3:"},
        {"", ":1:"},
        {"#px-book 1\tseed=7\tprefix=load7", ":1:"},
        {"#px-book 2\tseed=7\tprefix=load7\n", ":1:"},
        {"#px-book 1\tseed=x\tprefix=load7\n", ":1:"},
        {"#px-book 1\tseed=7\tprefix=\n", ":1:"},
        {GOOD_I, ":1:"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        char path[300];
        struct book_reader r = BOOK_READER_INIT;
        struct book_line l;
        struct px_err err = PX_ERR_INIT;
        book_path(path, "hostile");
        put(path, rows[i].text);
        enum px_code rc = book_open(&r, path, &err);
        while (rc == PX_OK) {
            rc = book_next(&r, &l, &err);
        }
        book_reader_close(&r);
        if (rc != (rows[i].where ? PX_INVALID : PX_NO_ROW) ||
            (rows[i].where && !strstr(err.msg, rows[i].where))) {
            fail_msg("row %zu: %d %s", i, (int)rc, err.msg);
        }
    }
}

static void test_book_open_needs_a_file(void **state PX_UNUSED) {
    struct book_reader r = BOOK_READER_INIT;
    assert_int_equal(book_open(&r, "/nowhere/at/all", NULL), PX_IO);
    assert_int_equal(book_open(&r, "/tmp", NULL), PX_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_what_is_written_is_read),
        cmocka_unit_test(test_book_reaches_the_file_with_its_flush),
        cmocka_unit_test(test_book_is_never_overwritten),
        cmocka_unit_test(test_book_refuses_texts_that_break_a_line),
        cmocka_unit_test(test_book_tells_of_a_full_disk),
        cmocka_unit_test(test_book_reader_refuses_what_is_no_line),
        cmocka_unit_test(test_book_open_needs_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
