/* Every row of tests/http/raw.txt against the real programs: svc-ingest's event port and admin
 * port, svc-metrics-api's port. Each row is sent in one piece and one byte at a time, with the same
 * result: the answers that the row names and no other, each refusal as a problem document with its
 * code, and the connection open or closed. At the end the log holds as many events as were
 * acknowledged. */
#include "api_rig.h"
#include "http_rig.h"
#include "ingest_rig.h"
#include "raw_table.h"
#include "unit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE  "tests/http/raw.txt"
#define PIECES 8192 /* larger rows come in about so many, not in single bytes */

struct run {
    int port;
    const struct raw_row *row;
    bool bytewise;
    size_t bad, receipts;
};

static void complain(struct run *t, const char *what, const char *got) {
    print_error("%s:%d: %s (%s): %s: %s\n", TABLE, t->row->line, t->row->name,
                t->bytewise ? "byte by byte" : "in one piece", what, got);
    t->bad++;
}

static void send_row(struct raw *c, const struct raw_row *row, bool bytewise) {
    struct px_str all = px_buf_view(&row->bytes);
    size_t piece = bytewise ? 1 + all.n / PIECES : all.n;
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (size_t at = 0; at < all.n; at += piece) {
        size_t n = all.n - at < piece ? all.n - at : piece;
        raw_send(c, (struct px_str){.p = all.p + at, .n = n});
    }
    if (row->end == RAW_CUT) {
        shutdown(c->fd, SHUT_WR);
    }
}

static bool field(const struct raw_answer *a, const char *name, char *out, size_t cap) {
    char key[64];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strstr(a->head, key);
    size_t n = at ? strcspn(at + strlen(key), "\r") : 0;
    snprintf(out, cap, "%.*s", (int)n, at ? at + strlen(key) : "");
    return at != NULL;
}

static void free_json(struct px_json **doc) {
    px_json_free(*doc);
}

/* RFC 9457, and what the status asks for beside it. */
static void check_problem(struct run *t, const struct raw_answer *a, bool bodiless) {
    PX_DEFER(free_json) struct px_json *doc = NULL;
    char type[64], code[64], other[64];
    int64_t status = 0;
    if (!field(a, "X-Error-Code", code, sizeof code)) {
        complain(t, "no X-Error-Code", a->head);
    }
    if (a->status == 405 && !field(a, "Allow", other, sizeof other)) {
        complain(t, "405 without Allow", a->head);
    }
    field(a, "Content-Type", type, sizeof type);
    bool image =
        strcmp(type, "image/gif") == 0 && memmem(t->row->bytes.p, t->row->bytes.n, "image/", 6);
    if (bodiless || image) {
        return;
    }
    struct px_str body = {.p = a->body, .n = a->length};
    if (strcmp(type, "application/problem+json") != 0 || a->length >= RIG_BODY_MAX ||
        px_json_parse(body, RIG_BODY_MAX, &doc, NULL)) {
        complain(t, "not a problem document", a->body);
        return;
    }
    const struct px_jnode *root = px_json_root(doc);
    bool same = px_json_int(px_json_get(root, "status"), &status) && status == a->status &&
                px_str_is(px_json_text(px_json_get(root, "code")), code) &&
                px_json_text(px_json_get(root, "type")).n &&
                px_json_text(px_json_get(root, "title")).n &&
                !px_json_bool(px_json_get(root, "retryable")); /* no row is refused for now only */
    if (!same) {
        complain(t, "the document says something else than the head", a->body);
    }
}

/* How many events an answer acknowledges: one, or as many as a batch says. */
static size_t acknowledged(const struct raw_answer *a) {
    PX_DEFER(free_json) struct px_json *doc = NULL;
    char id[64];
    int64_t n = 0;
    if (a->status != 200 || field(a, "X-Event-Id", id, sizeof id)) {
        return a->status == 200;
    }
    if (strstr(a->head, "\r\nContent-Type: application/json\r\n") && a->length < RIG_BODY_MAX &&
        px_json_parse((struct px_str){.p = a->body, .n = a->length}, RIG_BODY_MAX, &doc, NULL) ==
            PX_OK) {
        PX_IGNORE(!px_json_int(px_json_get(px_json_root(doc), "accepted"), &n)); /* none: 0 */
    }
    return (size_t)n;
}

/* "200 ~404 400:bad_host": the next of it into ${word}, false at the end. */
static bool next_word(const char **at, char *word, size_t cap) {
    size_t n = strcspn(*at, " ");
    snprintf(word, cap, "%.*s", (int)n, *at);
    *at += n + strspn(*at + n, " ");
    return n > 0 && strcmp(word, "-") != 0;
}

static void check_answer(struct run *t, const struct raw_answer *a, const char *want) {
    char code[64], got[96];
    bool bodiless = want[0] == '~';
    want += bodiless;
    field(a, "X-Error-Code", code, sizeof code);
    snprintf(got, sizeof got, "%d%s%s", a->status, strchr(want, ':') ? ":" : "",
             strchr(want, ':') ? code : "");
    if (strcmp(got, want) != 0) {
        char both[256];
        snprintf(both, sizeof both, "wanted %s, got %d:%s", want, a->status, code);
        complain(t, "another answer", both);
    } else if (a->status >= 400) {
        check_problem(t, a, bodiless);
    }
    t->receipts += bodiless ? 0 : acknowledged(a);
}

/* The sentinel shows two things: that the connection lives, and that no answer was left over. */
static void check_end(struct run *t, struct raw *c, const struct raw_answer *last) {
    struct raw_answer a;
    char said[32] = "";
    bool open = t->row->end == RAW_OPEN;
    if (t->row->end != RAW_CUT) {
        field(last, "Connection", said, sizeof said);
    }
    if (t->row->end == RAW_CLOSED && strcmp(said, "close") != 0) {
        complain(t, "closed without a word", last->head);
    }
    if (open) {
        raw_send(c, PX_S("GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        if (!raw_next(c, false, &a, NULL) || a.status != 404) {
            complain(t, "should be open, with no further answer", a.head);
        }
    }
    while (raw_next(c, false, &a, NULL)) {
        complain(t, "one answer too many", a.head);
    }
    if (c->n) {
        complain(t, "bytes behind the last answer", c->buf);
    }
}

static void check_row(struct run *t) {
    struct raw c;
    struct raw_answer a = {.status = 0};
    char want[96];
    const char *at = t->row->answers;
    raw_open(&c, t->port);
    send_row(&c, t->row, t->bytewise);
    while (next_word(&at, want, sizeof want)) {
        if (!raw_next(&c, want[0] == '~', &a, NULL)) {
            complain(t, "no such answer", want);
            break;
        }
        check_answer(t, &a, want);
    }
    check_end(t, &c, &a);
    raw_close(&c);
}

/* All rows of a port, both ways. Returns how many events were acknowledged. */
static size_t check_rows(int port, enum raw_port which, size_t at_least) {
    struct raw_table table;
    struct run t = {.port = port};
    raw_table_load(TABLE, which, &table);
    assert_true(table.n >= at_least);
    for (size_t i = 0; i < 2 * table.n; i++) {
        t.row = &table.rows[i / 2];
        t.bytewise = i % 2;
        check_row(&t);
    }
    if (t.bad) {
        fail_msg("%zu answers are not as the table says", t.bad);
    }
    raw_table_free(&table);
    return t.receipts;
}

static void ignore(void *arg, struct px_str key, struct px_str value, struct px_str traceparent) {
    (void)arg, (void)key, (void)value, (void)traceparent;
}

static void test_raw_ingest_answers_each_row(void **state) {
    /* a busy machine may take its time between two bytes */
    const char *const sets[] = {"Kafka:Linger=0s", "Reject:DlqRate=0", "Http:HeaderDeadline=1m",
                                "Http:BodyDeadline=1m", NULL};
    struct ingest_rig rig;
    (void)state;
    ingest_rig_open(&rig, sets);

    size_t receipts = check_rows(rig.port, RAW_INGEST, 250);
    check_rows(rig.admin, RAW_ADMIN, 200);

    size_t stored = ingest_rig_read(mock_kafka_bootstrap(rig.mock), INGEST_RIG_TOPIC, ignore, NULL);
    assert_true(receipts > 100);
    assert_int_equal(stored, receipts);
    ingest_rig_close(&rig);
}

static void test_raw_metrics_api_answers_each_row(void **state) {
    struct api_rig rig;
    (void)state; /* what is asked for needs no tables */
    api_rig_sqlite(&rig, "raw");
    api_rig_start(&rig);

    check_rows(rig.port, RAW_METRICS, 200);

    api_rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_ingest_answers_each_row),
        cmocka_unit_test(test_raw_metrics_api_answers_each_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
