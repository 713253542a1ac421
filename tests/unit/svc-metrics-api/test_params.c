/* Parameters: the declared ones are typed, everything else is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <px/buf.h>

#include "params.h"
#include "respond.h"

#define CATALOG                                                                                    \
    "families:\n  - {name: pixel, topic: PIXEL_EVENTS, partitions: 10}\n"                          \
    "types:\n"                                                                                     \
    "  - {type: visit, family: pixel, pixel: true, dedupe: day, attributes: []}\n"                 \
    "  - {type: registration, family: pixel, pixel: true, dedupe: day, attributes: []}\n"          \
    "  - {type: deposit, family: pixel, pixel: true, dedupe: day, attributes: []}\n"

struct fixture {
    struct px_catalog *catalog;
    struct px_rollups *rollups;
    struct px_arena arena;
    struct api_param_rules rules;
};

#define ROLLUPS "rollups:\n  - {name: x, key: [{from: event_type}], set: [{op: add}]}\n"

/* A file with that text; the caller removes it. */
static bool write_file(char *path, const char *text) {
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

static int setup(void **state) {
    static struct fixture f;
    char events[] = "/tmp/px-test-events-XXXXXX";
    char rollups[] = "/tmp/px-test-rollups-XXXXXX";
    struct px_err err = PX_ERR_INIT;

    if (!write_file(events, CATALOG) || !write_file(rollups, ROLLUPS)) {
        return -1;
    }
    enum px_code code = px_catalog_load(events, &f.catalog, &err);
    code = code ? code : px_rollups_load(rollups, f.catalog, &f.rollups, &err);
    remove(events);
    remove(rollups);
    if (code) {
        print_error("%s\n", err.msg);
        return -1;
    }
    px_arena_init(&f.arena, 1 << 20);
    f.rules =
        (struct api_param_rules){.range = {.max_days = 550, .minute_retention = 30 * PX_US_PER_DAY},
                                 .page_default = 100,
                                 .page_max = 1000};
    *state = &f;
    return px_parse_instant(PX_S("2026-11-21T10:00:00Z"), &f.rules.range.now) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    px_rollups_free(f->rollups);
    px_catalog_free(f->catalog);
    px_arena_fini(&f->arena);
    return 0;
}

static bool ask(struct fixture *f, const char *path, const char *query, struct api_call *call,
                struct api_faults *faults) {
    struct px_str part;

    *call = (struct api_call){.catalog = f->catalog, .rollups = f->rollups, .arena = &f->arena};
    *faults = (struct api_faults){.status = 0};
    call->ep = api_match(px_str_c(path), &part);
    assert_non_null(call->ep);
    struct api_param_text text = {.query = px_str_c(query), .part = part};
    return api_params(&f->rules, &text, call, faults);
}

static void test_params_match(void **state) {
    static const struct {
        const char *path, *id, *part;
    } rows[] = {
        {"/api/metrics", "getDailyMetrics", NULL},
        {"/api/metrics/conversion-rates", "getConversionRates", NULL},
        {"/api/metrics/campaigns/summer", "getCampaign", "summer"},
        {"/api/metrics/campaigns/a%2Fb", "getCampaign", "a%2Fb"},
        {"/api/metrics/campaigns/a/b", NULL, NULL},
        {"/api/metrics/campaigns/", NULL, NULL},
        {"/api/metrics/trends/visit", "getTrend", "visit"},
        {"/api/metrics/", NULL, NULL},
        {"/api/metric", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_str part;
        const struct api_endpoint *ep = api_match(px_str_c(rows[i].path), &part);

        if (!rows[i].id) {
            assert_null(ep);
            continue;
        }
        assert_non_null(ep);
        assert_string_equal(ep->id, rows[i].id);
        if (rows[i].part) {
            assert_true(px_str_is(part, rows[i].part));
        }
    }
}

static void test_params_good(void **state) {
    struct fixture *f = *state;
    struct api_call call;
    struct api_faults faults;

    assert_true(ask(f, "/api/metrics", "from=2026-11-01&to=2026-11-21", &call, &faults));
    assert_int_equal(call.range.buckets, 21);
    assert_int_equal(call.page.limit, 100);
    assert_true(ask(f, "/api/metrics",
                    "startDate=2026-11-01&from=2026-11-01&endDate=2026-11-21&limit=7", &call,
                    &faults));
    assert_int_equal(call.page.limit, 7);
    assert_true(ask(f, "/api/metrics/campaigns/sommer%20%C3%BC", "from=2026-11-01&to=2026-11-21",
                    &call, &faults));
    assert_true(px_str_is(call.name, "sommer \xc3\xbc"));
}

static void test_params_faults_name_the_field(void **state) {
    static const struct {
        const char *path, *query;
        int status;
        const char *field, *code;
    } rows[] = {
        {"/api/metrics", "", 400, "startDate", "missing_field"},
        {"/api/metrics", "startDate=2026-11-01", 400, "endDate", "missing_field"},
        {"/api/metrics", "startDate=&endDate=2026-11-01", 400, "startDate", "missing_field"},
        {"/api/metrics", "from=2026-11-01&startDate=2026-11-02&to=2026-11-03", 400, "startDate",
         "conflicting_parameters"},
        {"/api/metrics", "from=2026-11-01&from=2026-11-01&to=2026-11-03", 400, "from",
         "duplicate_parameter"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&grian=day", 400, "grian",
         "unknown_parameter"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&grain=week", 400, "grain", "bad_grain"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&limit=0", 400, "limit", "bad_limit"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&limit=1001", 400, "limit", "bad_limit"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&limit=5x", 400, "limit", "bad_limit"},
        {"/api/metrics", "from=2026-11-01&to=2026-11-03&cursor=abc", 400, "cursor", "bad_cursor"},
        {"/api/metrics", "from=2026-11-0%zz&to=2026-11-03", 400, "from", "bad_escape"},
        {"/api/metrics", "from=2026-11-0%00&to=2026-11-03", 400, "from", "nul_byte"},
        {"/api/metrics", "from=%ff%fe&to=2026-11-03", 400, "from", "bad_utf8"},
        {"/api/metrics", "from=2026-11-05&to=2026-11-03", 400, "startDate", "reversed_range"},
        {"/api/metrics/trends/nothing", "from=2026-11-01&to=2026-11-03", 404, "eventType",
         "unknown_event_type"},
        {"/api/metrics/rollups/y", "from=2026-11-01&to=2026-11-03", 404, "name", "unknown_rollup"},
        {"/api/metrics/campaigns/%00", "from=2026-11-01&to=2026-11-03", 400, "bannerTag",
         "nul_byte"},
        {"/api/metrics/campaigns/a%0Ab", "from=2026-11-01&to=2026-11-03", 400, "bannerTag",
         "bad_banner_tag"},
        {"/api/metrics/rollups/x", "from=2026-11-01&to=2026-11-03&grain=hour", 400, "grain",
         "unknown_parameter"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct api_call call;
        struct api_faults faults;

        if (ask(f, rows[i].path, rows[i].query, &call, &faults)) {
            fail_msg("row %zu was accepted", i);
        }
        if (faults.status != rows[i].status || strcmp(faults.v[0].field, rows[i].field) != 0 ||
            strcmp(faults.v[0].code, rows[i].code) != 0) {
            fail_msg("row %zu: %d %s %s", i, faults.status, faults.v[0].field, faults.v[0].code);
        }
    }
}

static void test_params_all_faults_at_once(void **state) {
    struct api_call call;
    struct api_faults faults;

    assert_false(ask(*state, "/api/metrics", "grain=week&limit=x&colour=red", &call, &faults));
    assert_int_equal(faults.n, 5); /* colour, grain, startDate, endDate, limit */
}

static void test_params_cursor_belongs_to_its_query(void **state) {
    struct fixture *f = *state;
    struct api_call call;
    struct api_faults faults;
    char cursor[API_CURSOR_TEXT];
    char query[256];

    assert_true(ask(f, "/api/metrics", "from=2026-11-01&to=2026-11-21", &call, &faults));
    size_t n = api_cursor_write(call.fingerprint, 40, cursor);
    snprintf(query, sizeof(query), "from=2026-11-01&to=2026-11-21&cursor=%.*s", (int)n, cursor);
    assert_true(ask(f, "/api/metrics", query, &call, &faults));
    assert_int_equal(call.page.first, 40);
    snprintf(query, sizeof(query), "from=2026-11-02&to=2026-11-21&cursor=%.*s", (int)n, cursor);
    assert_false(ask(f, "/api/metrics", query, &call, &faults));
    assert_string_equal(faults.v[0].code, "bad_cursor");
    snprintf(query, sizeof(query), "from=2026-11-01&to=2026-11-21&cursor=%.*s0", (int)n, cursor);
    assert_false(ask(f, "/api/metrics", query, &call, &faults));
}

static void test_params_ratio(void **state) {
    static const struct {
        int64_t num, den;
        const char *text;
    } rows[] = {
        {1, 3, "0.333333"},       {2, 3, "0.666667"},       {0, 5, "0.000000"},
        {5, 0, "null"},           {0, 0, "null"},           {7, 2, "3.500000"},
        {-1, 3, "-0.333333"},     {-2, 3, "-0.666667"},     {1, 1, "1.000000"},
        {1, 2000000, "0.000001"}, {1, 2000001, "0.000000"},
    };

    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
        struct px_jsonw w = px_jsonw_on(&b);

        api_write_ratio(&w, rows[i].num, rows[i].den);
        assert_string_equal(px_buf_cstr(&b), rows[i].text);
    }
}

static void test_params_page_cut(void **state) {
    struct api_page p = {.limit = 100};

    (void)state;
    api_page_cut(&p, 250);
    assert_int_equal(p.end, 100);
    p.first = 200;
    api_page_cut(&p, 250);
    assert_int_equal(p.end, 250);
    p.first = 900;
    api_page_cut(&p, 250);
    assert_int_equal(p.first, 250);
    assert_int_equal(p.end, 250);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_params_match),
        cmocka_unit_test(test_params_good),
        cmocka_unit_test(test_params_faults_name_the_field),
        cmocka_unit_test(test_params_all_faults_at_once),
        cmocka_unit_test(test_params_cursor_belongs_to_its_query),
        cmocka_unit_test(test_params_ratio),
        cmocka_unit_test(test_params_page_cut),
    };

    return cmocka_run_group_tests_name("api.params", tests, setup, teardown);
}
