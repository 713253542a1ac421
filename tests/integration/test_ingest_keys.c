/* svc-ingest with a key file: what senders are told, what the file's next version changes, and that
 * no key comes into a log. */
#include "unit.h"

#include "ingest_rig.h"

#include <px/buf.h>
#include <px/clock.h>
#include <px/keys.h>
#include <px/mem.h>
#include <px/num.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PIXEL "/api/pixel/visit?playerId=p&bannerTag=b"

static struct {
    struct ingest_rig rig;
    char path[300];
    char good[PX_KEY_TEXT + 1], second[PX_KEY_TEXT + 1];
    char row[600], row_second[600];
} keys;

/* What --make-key prints: the key, and the row. */
static void make(const char *scopes, char *key, char *row, size_t cap) {
    const char *argv[] = {
        proc_bin("svc-ingest"), "--make-key", "billing", "--scopes", scopes, NULL};
    char out[2000];
    const char *p;

    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    p = strstr(out, "pxk_");
    assert_non_null(p);
    snprintf(key, PX_KEY_TEXT + 1, "%s", p);
    p = strstr(out, "  - client: billing\n");
    assert_non_null(p);
    assert_non_null(strstr(p, "hash: "));
    assert_null(strstr(p, key + 13)); /* the row holds nothing of the secret */
    snprintf(row, cap, "%s", p);
}

static void write_file(const char *rows) {
    FILE *f = fopen(keys.path, "we");

    assert_non_null(f);
    fprintf(f,
            "sites:\n  - {key: shop-7f3a, site: shop, origins: [\"https://shop.example\"]}\n"
            "keys:\n%s",
            rows);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(keys.path, 0640), 0);
}

static int keys_setup(void **state) {
    static char file[330];
    const char *sets[] = {file, "Keys:Require=site", "Limit:KeyFailures=10", NULL};

    snprintf(keys.path, sizeof keys.path, "%s/keys.yaml", proc_tmpdir());
    snprintf(file, sizeof file, "Keys:File=%s", keys.path);
    make("ip,timestamp,ack", keys.good, keys.row, sizeof keys.row);
    make("timestamp", keys.second, keys.row_second, sizeof keys.row_second);
    write_file(keys.row);
    ingest_rig_open(&keys.rig, sets);
    *state = &keys.rig;
    return 0;
}

static int keys_teardown(void **state) {
    ingest_rig_close(*state);
    return 0;
}

static struct ingest_said ask(const char *key, const char *more, const char *target) {
    char fields[300];
    struct ingest_ask a = {.target = target, .fields = fields};

    snprintf(fields, sizeof fields, "%s%s%s%s", key ? "Authorization: Bearer " : "", key ? key : "",
             key ? "\r\n" : "", more);
    return ingest_rig_ask(&keys.rig, &a);
}

static void test_keys_let_a_server_in(void **state PX_UNUSED) {
    assert_int_equal(ask(keys.good, "", PIXEL).status, 200);
    assert_true(proc_log_wait(&keys.rig.proc, "\"keys.used\"", 5));
    char *wrong = px_strdup_n(keys.good, PX_KEY_TEXT);
    assert_non_null(wrong);
    wrong[20] = wrong[20] == 'A' ? 'B' : 'A';
    struct ingest_said s = ask(wrong, "", PIXEL "&k=shop-7f3a");
    px_free(wrong);
    assert_int_equal(s.status, 401); /* never as if it had not been sent */
    assert_string_equal(s.code, "wrong_key");
    assert_non_null(strstr(s.head, "WWW-Authenticate: Bearer realm=\"pixel-analytics\"\r\n"));
    assert_non_null(strstr(s.body, "compare it with the one that you were given"));
    assert_true(proc_log_wait(&keys.rig.proc, "\"keys.refused\"", 5));
    s = ask(keys.second, "Accept: image/*\r\n", PIXEL);
    assert_int_equal(s.status, 401);
    assert_true(s.gif);
    assert_string_equal(s.code, "wrong_key");
}

static void test_keys_of_sites_are_asked_for(void **state PX_UNUSED) {
    static const struct {
        const char *target, *fields;
        int status;
        const char *code;
    } rows[] = {
        {PIXEL, "", 401, "site_key_required"},
        {PIXEL "&k=shop-7f3b", "Origin: https://shop.example\r\n", 401, "wrong_site_key"},
        {PIXEL "&k=shop-7f3a", "", 403, "wrong_origin"},
        {PIXEL "&k=shop-7f3a", "Referer: https://shop.example/cart?x\r\n", 200, ""},
        {PIXEL, "X-Site-Key: shop-7f3a\r\nOrigin: https://shop.example\r\n", 200, ""},
        {"/nowhere", "", 404, "not_found"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_said s = ask(NULL, rows[i].fields, rows[i].target);
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
    }
    struct ingest_ask a = {.method = "OPTIONS", .target = "/api/events"};
    struct ingest_said s = ingest_rig_ask(&keys.rig, &a);
    assert_int_equal(s.status, 204); /* a browser asks first, without any key */
    assert_non_null(strstr(s.head, "X-Site-Key"));
    assert_null(strstr(s.head, "Authorization"));
    assert_int_equal(ingest_rig_metric(&keys.rig, "px_metadata_dropped_total{type=\"visit\"}"), 0);
    assert_int_equal(
        ingest_rig_metric(&keys.rig, "px_requests_denied_total{reason=\"wrong_origin\"}"), 1);
}

static void test_keys_in_a_query_count_as_stolen(void **state PX_UNUSED) {
    char target[300];

    snprintf(target, sizeof target, PIXEL "&key=%s", keys.good);
    struct ingest_said s = ask(NULL, "", target);
    assert_int_equal(s.status, 400);
    assert_string_equal(s.code, "key_in_query");
    assert_non_null(strstr(s.body, "Authorization: Bearer"));
}

/* A proxy's own word is no key, and a visitor without a site key is not worth a line. */
static void test_keys_of_sites_are_not_logged(void **state PX_UNUSED) {
    struct ingest_said s = ask(NULL, "Authorization: Basic dXNlcjpwYXNz\r\n", PIXEL);

    assert_int_equal(s.status, 401);
    assert_string_equal(s.code, "site_key_required");
    assert_string_equal(ask("eyJhbGciOi", "", PIXEL).code, "bad_key");
    assert_true(proc_log_wait(&keys.rig.proc, "\"bad_key\"", 5));
    assert_int_equal(proc_log_count(&keys.rig.proc, "\"site_key_required\""), 0);
}

static void reload(const char *rows, const char *said) {
    size_t before = proc_log_count(&keys.rig.proc, said);
    long end = now_ms() + 10000;

    write_file(rows);
    proc_signal(&keys.rig.proc, SIGHUP);
    while (proc_log_count(&keys.rig.proc, said) == before) {
        assert_true(now_ms() < end);
        pause_ms(10);
    }
}

/* The worker goes by the new file soon after the signal was obeyed. */
static void until(const char *key, int status) {
    long end = now_ms() + 10000;

    while (ask(key, "", PIXEL).status != status) {
        assert_true(now_ms() < end);
        pause_ms(10);
    }
}

static void test_keys_rotate_without_a_restart(void **state PX_UNUSED) {
    char both[1300];

    snprintf(both, sizeof both, "%s%s", keys.row, keys.row_second);
    reload(both, "\"config.reloaded\"");
    until(keys.second, 200);
    assert_int_equal(ask(keys.good, "", PIXEL).status, 200);
    reload(keys.row_second, "\"config.reloaded\"");
    until(keys.good, 401);
    assert_int_equal(ask(keys.second, "", PIXEL).status, 200);

    reload("  - {client: billing, id: short}\n", "\"ingest.reload_failed\"");
    assert_int_equal(ask(keys.second, "", PIXEL).status, 200); /* as it was */
    reload(both, "\"config.reloaded\"");
    until(keys.good, 200);
}

static void test_keys_cannot_be_tried_for_long(void **state PX_UNUSED) {
    unsigned told = 0, waits = 0;
    char key[PX_KEY_TEXT + 1];

    for (unsigned i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "pxk_guess%03u_%.43s", i, keys.good + 13);
        struct ingest_said s = ask(key, "", PIXEL);
        told += s.status == 401;
        waits +=
            s.status == 429 && strcmp(s.code, "key_failures") == 0 && strtol(s.retry, NULL, 10) > 0;
    }
    assert_int_equal(told + waits, 60);
    assert_true(told <= 20); /* those above were failures too; ten a minute come back */
    assert_int_equal(ask(keys.good, "", PIXEL).status, 200);
}

struct claim {
    const char *key, *member;
    int status;
    const char *code;
};

static struct ingest_said claim(const struct claim *c, const char *id) {
    char fields[300], body[300];
    struct ingest_ask a = {
        .method = "POST", .target = "/api/events", .fields = fields, .body = body};

    snprintf(fields, sizeof fields,
             "Content-Type: application/json\r\nX-Site-Key: shop-7f3a\r\nOrigin: "
             "https://shop.example\r\n%s%s%s",
             c->key ? "Authorization: Bearer " : "", c->key ? c->key : "", c->key ? "\r\n" : "");
    snprintf(
        body, sizeof body,
        "{\"eventType\":\"visit\",\"playerId\":\"p\",\"bannerTag\":\"b\",\"eventId\":\"%s\",%s}",
        id, c->member);
    return ingest_rig_ask(&keys.rig, &a);
}

static void test_keys_let_servers_say_whose_event_it_was_and_when(void **state PX_UNUSED) {
    struct px_arena arena;
    struct px_event e;
    char when[PX_TIME_TEXT], members[200];
    px_us at = px_wall(&px_clock_system) - PX_US_PER_HOUR;
    px_arena_init(&arena, 1 << 20);
    when[px_fmt_instant(at, when)] = '\0';
    snprintf(members, sizeof members, "\"ip\":\"2001:DB8:0::0007\",\"timestamp\":\"%s\"", when);
    const struct claim both = {keys.good, members, 200, ""};

    struct ingest_said s = claim(&both, "claim-1");

    assert_int_equal(s.status, 200);
    ingest_rig_event(&keys.rig, s.id, &arena, &e);
    assert_int_equal(e.occurred_at, at);
    assert_true(px_str_is(e.source_ip, "2001:db8::/48"));
    /* it sent no user agent, which tells nothing of the person */
    assert_true(px_str_is(e.traffic_class, "human") && px_str_is(e.traffic_reason, "server-key"));
    px_arena_fini(&arena);
}

static void test_keys_let_servers_ask_where_an_event_is(void **state PX_UNUSED) {
    static const char asks[] =
        "X-Event-Ack: 1\r\nX-Site-Key: shop-7f3a\r\nOrigin: https://shop.example\r\n";

    assert_non_null(strstr(ask(keys.good, asks, PIXEL).head, "\r\nX-Event-Ack: "));
    assert_null(strstr(ask(keys.second, asks, PIXEL).head, "\r\nX-Event-Ack: "));
    assert_null(strstr(ask(NULL, asks, PIXEL).head, "\r\nX-Event-Ack: "));
}

static void test_keys_bound_what_an_event_says_of_itself(void **state PX_UNUSED) {
    const struct claim rows[] = {
        {NULL, "\"ip\":\"192.0.2.77\"", 401, "needs_key"},
        {NULL, "\"timestamp\":\"2026-01-01T00:00:00Z\"", 401, "needs_key"},
        {keys.second, "\"ip\":\"192.0.2.77\"", 403, "missing_scope"},
        {keys.second, "\"timestamp\":\"2026-01-01T00:00:00Z\"", 200, ""},
        {keys.good, "\"ip\":\"192.0.2.77:80\"", 400, "bad_address"},
        {keys.good, "\"ip\":7", 400, "bad_type"},
        {keys.good, "\"ip\":null", 200, ""},
        {NULL, "\"sessionId\":\"s\"", 200, ""},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ingest_said s = claim(&rows[i], "claim-2");
        assert_int_equal(s.status, rows[i].status);
        assert_string_equal(s.code, rows[i].code);
        assert_int_equal(strstr(s.head, "WWW-Authenticate") != NULL, s.status == 401);
    }
    struct ingest_said s = claim(&rows[0], "claim-3");
    assert_non_null(strstr(s.body, "\"field\":\"ip\",\"code\":\"needs_key\""));
    assert_non_null(strstr(s.body, "Authorization: Bearer"));
}

static void test_keys_keep_addresses_of_a_batch_out_of_letters(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(65536);
    struct ingest_ask a = {.method = "POST",
                           .target = "/api/events",
                           .fields = "Content-Type: application/json\r\nX-Site-Key: shop-7f3a\r\n"
                                     "Origin: https://shop.example\r\n"};

    for (int n = 1; n <= 501; n += 500) { /* refused as an item, and as a whole */
        px_buf_reset(&body);
        for (int i = 0; i < n; i++) {
            px_buf_c(&body, i ? ",{\"ip\":\"192.0.2.77\"}" : "[{\"ip\":\"192.0.2.77\"}");
        }
        px_buf_c(&body, "]");
        a.body = px_buf_cstr(&body);
        struct ingest_said s = ingest_rig_ask(&keys.rig, &a);
        assert_non_null(strstr(s.body, n == 1 ? "needs_key" : "batch_size"));
    }
}

static void keys_letter(void *arg, struct px_str key, struct px_str value, struct px_str trace) {
    unsigned *n = arg;
    (void)key;
    (void)trace;

    ++*n;
    assert_null(memmem(value.p, value.n, "192.0.2.77", 10));
    assert_null(memmem(value.p, value.n, keys.good + 13, PX_KEY_SECRET));
}

/* Runs last. */
static void test_keys_leave_no_trace(void **state PX_UNUSED) {
    assert_int_equal(proc_log_count(&keys.rig.proc, keys.good + 13), 0);
    assert_int_equal(proc_log_count(&keys.rig.proc, keys.second + 13), 0);
    unsigned letters = 0;

    assert_true(
        ingest_rig_metric_until(&keys.rig, "px_dlq_records_total{outcome=\"stored\"}", 8, 10));
    ingest_rig_read(mock_kafka_bootstrap(keys.rig.mock), INGEST_RIG_DLQ, keys_letter, &letters);
    assert_true(letters >= 8);
    assert_int_equal(proc_log_count(&keys.rig.proc, "127.0.0.1\""),
                     1); /* the address it listens on */
}

static int check(const char *option, char *out, size_t cap) {
    const char *argv[] = {proc_bin("svc-ingest"), "--set", option, "--check=offline", NULL};

    return proc_run(argv, NULL, out, cap);
}

static void test_keys_are_checked(void **state PX_UNUSED) {
    char option[330], out[8000], row[700];
    const char *argv[] = {proc_bin("svc-ingest"), "--make-key", "billing", "--expires",
                          "2020-01-01T00:00:00Z", NULL};

    snprintf(option, sizeof option, "Keys:File=%s", keys.path);
    write_file(keys.row);
    assert_int_equal(check(option, out, sizeof out), 0);
    assert_non_null(strstr(out, "ok    keys.file"));
    assert_non_null(strstr(out, "1 site keys, 1 server keys"));
    assert_int_equal(proc_run(argv, NULL, out, sizeof out), 0);
    snprintf(row, sizeof row, "%s", strstr(out, "  - client: "));
    write_file(row);
    assert_int_equal(chmod(keys.path, 0666), 0);
    assert_int_equal(check(option, out, sizeof out), 0);
    assert_non_null(strstr(out, "warn  keys.file"));
    assert_non_null(strstr(out, "expired: billing ("));
    assert_non_null(strstr(out, "chmod go-w"));
    write_file("  - {client: billing, id: short}\n");
    assert_int_equal(check(option, out, sizeof out), 1);
    assert_non_null(strstr(out, "FAIL  keys.file"));
}

/* No row is printed that the file would not be taken with. */
static void test_keys_are_made_with_names_that_the_file_takes(void **state PX_UNUSED) {
    static const struct {
        const char *client, *rate;
        int says;
    } rows[] = {{"billing.eu-1_a", "partner_a-1", 0},
                {"billing", "part.ner", 64},
                {"Billing", "partner", 64},
                {"billing", "", 64},
                {"", "partner", 64},
                {"billing", "1st", 64}};

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        const char *argv[] = {proc_bin("svc-ingest"), "--make-key", rows[i].client, "--rate",
                              rows[i].rate,           NULL};
        char out[2000];
        assert_int_equal(proc_run(argv, NULL, out, sizeof out), rows[i].says);
    }
}

/* Keys that ran out while the service was up must not keep it from its next start. */
static void test_keys_may_expire_in_any_number(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf rows = PX_BUF_INIT(65536);
    char option[330], out[8000];

    for (unsigned i = 0; i < 100; i++) {
        px_buf_printf(&rows,
                      "  - {client: a-client-with-a-long-name-%03u, id: client%02x, hash: %064x, "
                      "expires: 2020-01-01T00:00:00Z}\n",
                      i, i, i + 1);
    }
    write_file(px_buf_cstr(&rows));
    snprintf(option, sizeof option, "Keys:File=%s", keys.path);
    assert_int_equal(check(option, out, sizeof out), 0);
    assert_non_null(strstr(out, "warn  keys.file"));
    assert_non_null(strstr(out, "expired: a-client-with-a-long-name-000 (client00), "));
    assert_non_null(strstr(out, " and 97 more; "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_let_a_server_in),
        cmocka_unit_test(test_keys_of_sites_are_asked_for),
        cmocka_unit_test(test_keys_in_a_query_count_as_stolen),
        cmocka_unit_test(test_keys_of_sites_are_not_logged),
        cmocka_unit_test(test_keys_rotate_without_a_restart),
        cmocka_unit_test(test_keys_cannot_be_tried_for_long),
        cmocka_unit_test(test_keys_let_servers_say_whose_event_it_was_and_when),
        cmocka_unit_test(test_keys_let_servers_ask_where_an_event_is),
        cmocka_unit_test(test_keys_bound_what_an_event_says_of_itself),
        cmocka_unit_test(test_keys_keep_addresses_of_a_batch_out_of_letters),
        cmocka_unit_test(test_keys_leave_no_trace),
        cmocka_unit_test(test_keys_are_checked),
        cmocka_unit_test(test_keys_are_made_with_names_that_the_file_takes),
        cmocka_unit_test(test_keys_may_expire_in_any_number),
    };
    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
