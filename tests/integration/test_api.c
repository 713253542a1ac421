/* The real svc-metrics-api on a seeded database: numbers, zeros, grains, pages, faults, freshness.
 * Runs on SQLite and, where a server can be started, on PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <px/json.h>
#include <px/num.h>

#include "api_rig.h"
#include "http_client.h"
#include "postgres.h"

static int64_t sum_of(const char *type, int64_t from, int64_t to) {
    int64_t s = 0;

    for (int64_t i = from; i <= to; i++) {
        s += api_rig_count(type, i);
    }
    return s;
}

/* The number after "${name} " in the scrape of the admin port; -1 = not there. */
static long metric_of(struct api_rig *f, const char *name) {
    char line[80];
    long v = -1;
    struct http_answer h;
    http_get((int)proc_log_int(&f->api, "http.listening", "admin.port", 5), "/metrics", &h);
    assert_int_equal(h.status, 200);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(h.body, line);
    if (at) {
        v = strtol(at + strlen(line), NULL, 10);
    }
    http_answer_fini(&h);
    return v;
}

static bool metric_until(struct api_rig *f, const char *name, long want, long seconds) {
    long until = now_ms() + 1000 * seconds;
    while (metric_of(f, name) != want) {
        if (now_ms() > until) {
            return false;
        }
        pause_ms(20);
    }
    return true;
}

/* --- the tests
 * ------------------------------------------------------------------------------------------ */

static void test_api_conversion_rates(void **state) {
    struct api_answer a = api_rig_ask(
        *state, "/api/metrics/conversion-rates?startDate=2025-01-01&endDate=2025-01-31");

    assert_int_equal(a.status, 200);
    int64_t visits = sum_of("visit", 0, 30);
    int64_t registrations = sum_of("registration", 0, 30);
    assert_int_equal(json_int_of(a.data, "visits"), visits);
    assert_int_equal(json_int_of(a.data, "registrations"), registrations);
    assert_int_equal(json_int_of(a.data, "deposits"), sum_of("deposit", 0, 30));
    const struct px_jnode *rate = px_json_get(a.data, "visitToRegistration");
    assert_int_equal(json_int_of(rate, "numerator"), registrations);
    assert_int_equal(json_int_of(rate, "denominator"), visits);
    double want = (double)registrations / (double)visits;
    double got = px_json_double(px_json_get(rate, "rate"));
    assert_true(got > want - 0.000001 && got < want + 0.000001);
    assert_int_equal(json_length_of(px_json_get(a.data, "series")), 31);
    px_json_free(a.json);
}

static void test_api_empty_range_is_zeros(void **state) {
    struct api_answer a =
        api_rig_ask(*state, "/api/metrics/conversion-rates?from=2001-01-01&to=2001-01-03");

    assert_int_equal(a.status, 200);
    assert_int_equal(json_int_of(a.data, "visits"), 0);
    const struct px_jnode *rate = px_json_get(a.data, "visitToDeposit");
    assert_int_equal(px_json_type(px_json_get(rate, "rate")), PX_JSON_NULL);
    assert_int_equal(json_length_of(px_json_get(a.data, "series")), 3);
    px_json_free(a.json);
}

static void test_api_campaign(void **state) {
    struct api_answer a =
        api_rig_ask(*state, "/api/metrics/campaigns/sommer%20%C3%BC?from=2025-01-01&to=2025-01-10");

    assert_int_equal(a.status, 200);
    assert_true(px_str_is(px_json_text(px_json_get(a.data, "bannerTag")), "sommer \xc3\xbc"));
    assert_int_equal(json_int_of(a.data, "visits"), sum_of("visit", 0, 9) - 10);
    px_json_free(a.json);
    a = api_rig_ask(*state, "/api/metrics/campaigns/a+b?from=2025-01-01&to=2025-01-10");
    assert_true(px_str_is(px_json_text(px_json_get(a.data, "bannerTag")), "a+b"));
    px_json_free(a.json);
    a = api_rig_ask(*state, "/api/metrics/campaigns/never-seen?from=2025-01-01&to=2025-01-10");
    assert_int_equal(a.status, 200);
    assert_int_equal(json_int_of(a.data, "visits"), 0);
    px_json_free(a.json);
}

static void test_api_trend_change(void **state) {
    struct api_answer a =
        api_rig_ask(*state, "/api/metrics/trends/visit?from=2025-02-01&to=2025-02-10");
    int64_t now = sum_of("visit", 31, 40);
    int64_t before = sum_of("visit", 21, 30);

    assert_int_equal(a.status, 200);
    assert_int_equal(json_int_of(a.data, "total"), now);
    const struct px_jnode *change = px_json_get(a.data, "change");
    assert_int_equal(json_int_of(change, "previousTotal"), before);
    assert_int_equal(json_int_of(change, "absolute"), now - before);
    const char *direction = now > before ? "up" : now < before ? "down" : "flat";
    assert_true(px_str_is(px_json_text(px_json_get(change, "direction")), direction));
    px_json_free(a.json);
    /* nothing before: no ratio */
    a = api_rig_ask(*state, "/api/metrics/trends/visit?from=2025-01-01&to=2025-01-10");
    change = px_json_get(a.data, "change");
    assert_int_equal(px_json_type(px_json_get(change, "relative")), PX_JSON_NULL);
    px_json_free(a.json);
}

static void test_api_daily_list(void **state) {
    struct api_answer a = api_rig_ask(*state, "/api/metrics?from=2025-01-01&to=2025-01-02");
    static const char *const types[] = {"visit", "registration", "deposit"};
    int64_t i = 0;

    assert_int_equal(a.status, 200);
    assert_int_equal(json_length_of(a.data), 6);
    for (const struct px_jnode *c = px_json_first(a.data); c; c = px_json_next(c), i++) {
        assert_true(px_str_is(px_json_text(px_json_get(c, "eventType")), types[i % 3]));
        assert_true(
            px_str_is(px_json_text(px_json_get(c, "date")), i < 3 ? "2025-01-01" : "2025-01-02"));
        assert_int_equal(json_int_of(c, "count"), api_rig_count(types[i % 3], i / 3));
    }
    px_json_free(a.json);
}

static void test_api_minutes_and_hours(void **state) {
    struct api_rig *f = *state;
    char target[256];

    snprintf(target, sizeof(target),
             "/api/metrics/trends/visit?from=%sT00:00:00Z&to=%sT00:10:00Z&grain=minute", f->today,
             f->today);
    struct api_answer a = api_rig_ask(f, target);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_int_of(a.data, "total"), 7);
    const struct px_jnode *series = px_json_get(a.data, "series");
    assert_int_equal(json_length_of(series), 10);
    assert_int_equal(json_int_of(px_json_first(series), "count"), 3);
    assert_int_equal(json_int_of(px_json_next(px_json_first(series)), "count"), 4);
    px_json_free(a.json);
    snprintf(target, sizeof(target), "/api/metrics/campaigns/x?from=%s&to=%s&grain=hour", f->today,
             f->today);
    a = api_rig_ask(f, target);
    series = px_json_get(a.data, "series");
    assert_int_equal(json_length_of(series), 24);
    assert_int_equal(json_int_of(px_json_first(series), "deposits"), 0);
    assert_int_equal(json_int_of(px_json_next(px_json_first(series)), "deposits"), 5);
    px_json_free(a.json);
}

/* 400 days in pages of 150: every day once, in order, and the totals of the whole range on each
 * page. */
static void test_api_pages(void **state) {
    const char *base =
        "/api/metrics/trends/visit?startDate=2025-01-01&endDate=2026-02-04&limit=150";
    char target[1024];
    size_t seen = 0;
    int pages = 0;

    snprintf(target, sizeof(target), "%s", base);
    for (bool more = true; more; pages++) {
        struct api_answer a = api_rig_ask(*state, target);

        assert_int_equal(a.status, 200);
        assert_int_equal(json_int_of(a.data, "total"), sum_of("visit", 0, API_RIG_DAYS - 1));
        const struct px_jnode *c = px_json_first(px_json_get(a.data, "series"));
        for (; c; c = px_json_next(c), seen++) {
            char day[PX_TIME_TEXT];

            px_fmt_date(((struct api_rig *)*state)->first + (px_day)seen, day);
            assert_true(px_str_is(px_json_text(px_json_get(c, "date")), day));
            assert_int_equal(json_int_of(c, "count"), api_rig_count("visit", (int64_t)seen));
        }
        more = px_json_bool(px_json_get(a.page, "hasMore"));
        assert_int_equal(more, a.link[0] == '<');
        if (more) {
            snprintf(target, sizeof(target), "%s&cursor=%.*s", base,
                     PX_S_ARG(px_json_text(px_json_get(a.page, "nextCursor"))));
        }
        px_json_free(a.json);
    }
    assert_int_equal(seen, API_RIG_DAYS);
    assert_int_equal(pages, 3);
}

static void test_api_refusals(void **state) {
    static const struct {
        const char *target;
        int status;
        const char *code, *field;
    } rows[] = {
        {"/api/metrics?from=2025-02-02&to=2025-02-01", 400, "reversed_range", "startDate"},
        {"/api/metrics?from=2025-02-30&to=2025-03-01", 400, "bad_date", "startDate"},
        {"/api/metrics?from=2006-01-01&to=2026-01-01", 400, "range_too_long", "endDate"},
        {"/api/metrics?from=2025-01-01", 400, "missing_field", "endDate"},
        {"/api/metrics/trends/nothing?from=2025-01-01&to=2025-01-02", 404, "unknown_event_type",
         "eventType"},
        {"/api/metrics/rollups/none?from=2025-01-01&to=2025-01-02", 404, "unknown_rollup", "name"},
        {"/api/metrics/rollups/players?from=2025-01-01&to=2025-01-02", 404, "unknown_rollup",
         "name"},
        {"/api/metrics/elsewhere", 404, "not_found", "path"},
        {"/api/metrics?from=2025-01-01&to=2025-01-02&limit=0", 400, "bad_limit", "limit"},
        {"/api/metrics?from=2025-01-01&to=2025-01-02&cursor=x", 400, "bad_cursor", "cursor"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct api_answer a = api_rig_ask(*state, rows[i].target);

        if (a.status != rows[i].status || strcmp(a.code, rows[i].code) != 0) {
            fail_msg("%s: %d %s", rows[i].target, a.status, a.text);
        }
        const struct px_jnode *first = px_json_first(px_json_get(px_json_root(a.json), "errors"));
        assert_true(px_str_is(px_json_text(px_json_get(first, "field")), rows[i].field));
        px_json_free(a.json);
    }
}

static void test_api_methods(void **state) {
    struct api_rig *f = *state;
    struct http_request post = {.method = "POST", .target = "/api/metrics", .body = "{}"};
    struct http_request head = {.method = "HEAD",
                                .target = "/api/metrics?from=2025-01-01&to=2025-01-02"};
    struct http_answer h;
    char text[64];

    http_ask(f->port, &post, &h);
    assert_int_equal(h.status, 405);
    assert_string_equal(http_field(&h, "Allow", text, sizeof(text)), "GET, HEAD");
    http_answer_fini(&h);
    http_ask(f->port, &head, &h);
    assert_int_equal(h.status, 200);
    assert_int_equal(h.body_n, 0);
    http_answer_fini(&h);
}

static void test_api_freshness(void **state) {
    struct api_rig *f = *state;

    struct api_answer a = api_rig_ask(f, "/api/metrics?from=2025-01-01&to=2025-05-31");
    assert_true(px_json_bool(px_json_get(a.meta, "complete")));
    assert_int_equal(json_int_of(a.meta, "revision"), 10);
    assert_true(
        px_str_is(px_json_text(px_json_get(a.meta, "watermark")), "2025-06-01T00:00:00.000000Z"));
    assert_true(px_json_double(px_json_get(a.meta, "lagSeconds")) > 86400.0);
    px_json_free(a.json);
    a = api_rig_ask(f, "/api/metrics?from=2025-01-01&to=2025-06-01");
    assert_false(px_json_bool(px_json_get(a.meta, "complete")));
    px_json_free(a.json);
    /* behind by one event: only what is folded in counts */
    api_rig_progress(f, "2026-06-01 00:00:00", 1);
    a = api_rig_ask(f, "/api/metrics?from=2026-01-01&to=2026-01-01");
    assert_false(px_json_bool(px_json_get(a.meta, "complete")));
    assert_true(
        px_str_is(px_json_text(px_json_get(a.meta, "watermark")), "2026-01-01T00:00:00.000000Z"));
    px_json_free(a.json);
    api_rig_exec(f, "DELETE FROM consumer_offsets");
    a = api_rig_ask(f, "/api/metrics?from=2026-01-01&to=2026-01-01");
    assert_int_equal(px_json_type(px_json_get(a.meta, "watermark")), PX_JSON_NULL);
    assert_false(px_json_bool(px_json_get(a.meta, "complete")));
    px_json_free(a.json);
    api_rig_progress(f, "2025-06-01 00:00:00", 0);
}

static void test_api_rollup(void **state) {
    struct api_answer a =
        api_rig_ask(*state, "/api/metrics/rollups/by_type?from=2025-01-01&to=2025-01-02");

    assert_int_equal(a.status, 200);
    assert_int_equal(json_length_of(a.data), 1);
    assert_int_equal(json_int_of(px_json_first(a.data), "value"), 9);
    px_json_free(a.json);
}

static void test_api_other_zone_is_refused(void **state) {
    struct api_rig *f = *state;

    api_rig_exec(f, "UPDATE px_settings SET value = 'Europe/Berlin' WHERE name = 'day_zone'");
    struct api_answer a = api_rig_ask(f, "/api/metrics?from=2025-01-01&to=2025-01-02");
    assert_int_equal(a.status, 500);
    px_json_free(a.json);
    api_rig_exec(f, "UPDATE px_settings SET value = 'UTC' WHERE name = 'day_zone'");
    a = api_rig_ask(f, "/api/metrics?from=2025-01-01&to=2025-01-02");
    assert_int_equal(a.status, 200);
    px_json_free(a.json);
}

/* Migrating is no remedy for a database that is ahead. */
static void test_api_check_names_a_newer_schema(void **state) {
    struct api_rig *f = *state;
    const char *argv[] = {proc_bin("svc-metrics-api"), "--check", NULL};
    char out[8192];

    api_rig_exec(f, "INSERT INTO px_schema_migrations (version, name, checksum, applied_at, "
                    "duration_ms) SELECT version + 1000, name, checksum, "
                    "applied_at, 0 FROM px_schema_migrations");
    assert_int_equal(proc_run(argv, f->env, out, sizeof(out)), 1);
    api_rig_exec(f, "DELETE FROM px_schema_migrations WHERE version > 1000");
    assert_non_null(strstr(out, "run the release that belongs to it"));
}

static void test_api_openapi_describes_every_route(void **state) {
    static const char *const paths[] = {
        "\"/api/metrics\":", "\"/api/metrics/conversion-rates\":",
        "\"/api/metrics/campaigns/{bannerTag}\":", "\"/api/metrics/trends/{eventType}\":",
        "\"/api/metrics/rollups/{name}\":"};
    struct api_rig *f = *state;
    struct http_answer h;

    http_get(f->port, "/openapi.json", &h);
    assert_int_equal(h.status, 200);
    for (size_t i = 0; i < PX_ARRAY_LEN(paths); i++) {
        assert_non_null(strstr(h.body, paths[i]));
    }
    http_answer_fini(&h);
}

/* What the loop alone knows reaches the scrape, and so does the sign that it turns. */
static void test_api_loop_tells_how_it_is(void **state) {
    struct api_rig *f = *state;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);

    assert_true(metric_until(f, "px_http_connections", 1, 20));
    long ticks = metric_of(f, "px_loop_ticks_total");
    assert_true(ticks > 0);
    close(fd);
    assert_true(metric_until(f, "px_http_connections", 0, 20));
    assert_true(metric_of(f, "px_loop_ticks_total") > ticks);
}

static void test_api_check_and_stop(void **state) {
    struct api_rig *f = *state;
    const char *argv[] = {proc_bin("svc-metrics-api"), "--check", NULL};
    char out[8192];

    assert_int_equal(proc_run(argv, f->env, out, sizeof(out)), 0);
    assert_non_null(strstr(out, "sql.schema_version"));
    assert_int_equal(proc_stop(&f->api), 0);
}

static void test_api_check_names_what_fails(void **state) {
    char db[300];
    const char *argv[] = {proc_bin("svc-metrics-api"), "--check=json", NULL};
    const char *env[] = {"PX_Sql__Dialect=sqlite", db, "PX_Schemas__Directory=schemas", NULL};
    char out[8192];

    (void)state;
    snprintf(db, sizeof(db), "PX_Sql__ConnectionString=Driver={SQLite3};Database=%s/none.db",
             proc_tmpdir());
    assert_int_equal(proc_run(argv, env, out, sizeof(out)), 1);
    assert_non_null(strstr(out, "sql.connect"));
}

static void ask_status(struct api_rig *f, const char *target, int want) {
    struct http_answer h;
    http_get(f->port, target, &h);
    assert_int_equal(h.status, want);
    http_answer_fini(&h);
}

/* Started before the migration: not ready, 503, and fine as soon as the tables are there. */
static void test_api_waits_for_the_tables(void **state) {
    struct api_rig late;
    struct http_answer h;
    char name[40];

    snprintf(name, sizeof(name), "late-%s", ((struct api_rig *)*state)->dialect);
    api_rig_sqlite(&late, name);
    assert_int_equal(px_sql_open(&late.conf, PX_SQL_WRITE, &late.sql, NULL), PX_OK);
    api_rig_start(&late);
    int admin = (int)proc_log_int(&late.api, "http.listening", "admin.port", 20);
    http_get(admin, "/readyz", &h);
    assert_int_equal(h.status, 503);
    http_answer_fini(&h);
    ask_status(&late, "/api/metrics?from=2025-01-01&to=2025-01-02", 503);
    api_rig_seed(&late);
    ask_status(&late, "/api/metrics?from=2025-01-01&to=2025-01-02", 200);
    api_rig_close(&late);
}

/* A database thread that hangs keeps its request; whoever asked is answered all the same. */
static void test_api_answers_what_hangs(void **state) {
    struct api_rig *f = *state;
    struct api_rig slow = {.dialect = f->dialect, .conf = f->conf, .sql = f->sql};
    snprintf(slow.settings[6], sizeof(slow.settings[6]), "PX_Api__RequestTimeout=500ms");
    api_rig_start(&slow);
    assert_int_equal(px_tx_begin(f->sql, NULL), PX_OK);
    api_rig_exec(f, "LOCK TABLE daily_metrics IN ACCESS EXCLUSIVE MODE");
    long from = now_ms();
    ask_status(&slow, "/api/metrics?from=2025-01-01&to=2025-01-02", 504);
    assert_true(now_ms() - from < 4000); /* the lock's own timeout is 5 s */
    px_tx_rollback(f->sql);
    ask_status(&slow, "/api/metrics?from=2025-01-01&to=2025-01-02", 200);
    assert_int_equal(proc_stop(&slow.api), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_api_conversion_rates),
        cmocka_unit_test(test_api_empty_range_is_zeros),
        cmocka_unit_test(test_api_campaign),
        cmocka_unit_test(test_api_trend_change),
        cmocka_unit_test(test_api_daily_list),
        cmocka_unit_test(test_api_minutes_and_hours),
        cmocka_unit_test(test_api_pages),
        cmocka_unit_test(test_api_refusals),
        cmocka_unit_test(test_api_methods),
        cmocka_unit_test(test_api_freshness),
        cmocka_unit_test(test_api_rollup),
        cmocka_unit_test(test_api_other_zone_is_refused),
        cmocka_unit_test(test_api_check_names_a_newer_schema),
        cmocka_unit_test(test_api_openapi_describes_every_route),
        cmocka_unit_test(test_api_check_names_what_fails),
        cmocka_unit_test(test_api_waits_for_the_tables),
        cmocka_unit_test(test_api_loop_tells_how_it_is),
        cmocka_unit_test(test_api_check_and_stop),
    };
    int failed =
        cmocka_run_group_tests_name("api on sqlite", tests, api_rig_setup_sqlite, api_rig_teardown);

    const char *none = test_pg_start();
    if (none) {
        printf("ok - api on postgresql # SKIP %s\n", none);
        return failed;
    }
    /* in SQLite nobody who reads waits for anybody */
    const struct CMUnitTest locks[] = {cmocka_unit_test(test_api_answers_what_hangs)};
    failed += cmocka_run_group_tests_name("api on postgresql", tests, api_rig_setup_postgres,
                                          api_rig_teardown);
    return failed + cmocka_run_group_tests_name("api on postgresql, locked", locks,
                                                api_rig_setup_postgres, api_rig_teardown);
}
