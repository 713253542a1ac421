/* Metrics: golden Prometheus text, sums over shards, writers beside a scrape, refused rows. */
#include <px/metric.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "torture.h"
#include "unit.h"

static const struct px_build build = {.service = "svc-test", .version = "1.2.3", .revision = "abc"};

static const char *const reason_names[] = {"bad \"json\"", "too\\long"};
static const struct px_labels reasons = {.v = reason_names, .n = 2};
static const char *const queue_names[] = {"in", "out"};
static const struct px_labels queues = {.v = queue_names, .n = 2};
static const px_us edge[] = {5000, 250000, 1000000};
static const struct px_buckets edges = {.edge = edge, .n = 3};

enum {
#include <px/metric_ids.h>
#include "test_metrics.def"
#include <px/metric_end.h>
    M_COUNT
};
static const struct px_metric_def defs[] = {
#include <px/metric_rows.h>
#include "test_metrics.def"
#include <px/metric_end.h>
};
static_assert(PX_ARRAY_LEN(defs) == M_COUNT, "ids and rows come from one table");

static void metrics_drop(struct px_metrics **m) {
    px_metrics_free(*m);
}
#define METRICS PX_DEFER(metrics_drop) struct px_metrics *

static struct px_metrics *make(size_t shards) {
    struct px_metrics *m = NULL;
    assert_int_equal(px_metrics_new(defs, M_COUNT, shards, &m, NULL), PX_OK);
    return m;
}

/* The rendered text up to the process metrics, which differ from run to run. */
static const char *own_part(const struct px_metrics *m, struct px_buf *b) {
    const char *text;
    char *end;

    px_metrics_render(m, &build, b);
    text = px_buf_cstr(b);
    end = strstr(text, "# HELP process_cpu");
    assert_non_null(end);
    *end = '\0';
    return text;
}

static void test_metric_renders_all_series_from_the_start(void **state PX_UNUSED) {
    METRICS m = make(2);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    assert_string_equal(
        own_part(m, &b),
        "# HELP px_plain_total Things \\\\ counted.\\nTwice.\n# TYPE px_plain_total counter\n"
        "px_plain_total 0\n"
        "# HELP px_refused_total Refused, by reason.\n# TYPE px_refused_total counter\n"
        "px_refused_total{reason=\"bad \\\"json\\\"\"} 0\n"
        "px_refused_total{reason=\"too\\\\long\"} 0\n"
        "# HELP px_busy_seconds_total Time spent.\n# TYPE px_busy_seconds_total counter\n"
        "px_busy_seconds_total 0\n"
        "# HELP px_depth Depth.\n# TYPE px_depth gauge\n"
        "px_depth{queue=\"in\",reason=\"bad \\\"json\\\"\"} 0\n"
        "px_depth{queue=\"in\",reason=\"too\\\\long\"} 0\n"
        "px_depth{queue=\"out\",reason=\"bad \\\"json\\\"\"} 0\n"
        "px_depth{queue=\"out\",reason=\"too\\\\long\"} 0\n"
        "# HELP px_last_commit_timestamp_seconds When.\n"
        "# TYPE px_last_commit_timestamp_seconds gauge\n"
        "px_last_commit_timestamp_seconds 0\n"
        "# HELP px_work_seconds Work.\n# TYPE px_work_seconds histogram\n"
        "px_work_seconds_bucket{queue=\"in\",le=\"0.005\"} 0\n"
        "px_work_seconds_bucket{queue=\"in\",le=\"0.25\"} 0\n"
        "px_work_seconds_bucket{queue=\"in\",le=\"1\"} 0\n"
        "px_work_seconds_bucket{queue=\"in\",le=\"+Inf\"} 0\n"
        "px_work_seconds_sum{queue=\"in\"} 0\n"
        "px_work_seconds_count{queue=\"in\"} 0\n"
        "px_work_seconds_bucket{queue=\"out\",le=\"0.005\"} 0\n"
        "px_work_seconds_bucket{queue=\"out\",le=\"0.25\"} 0\n"
        "px_work_seconds_bucket{queue=\"out\",le=\"1\"} 0\n"
        "px_work_seconds_bucket{queue=\"out\",le=\"+Inf\"} 0\n"
        "px_work_seconds_sum{queue=\"out\"} 0\n"
        "px_work_seconds_count{queue=\"out\"} 0\n");
}

static void test_metric_sums_shards(void **state PX_UNUSED) {
    METRICS m = make(3);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    struct px_shard *s0 = px_metrics_shard(m, 0), *s2 = px_metrics_shard(m, 2);
    const char *text;

    px_count(s0, M_REASON, 1, 0, 3);
    px_count(s2, M_REASON, 1, 0, 4);
    px_count(s2, M_BUSY, 0, 0, 1500000);
    px_gauge(s0, M_DEPTH, 1, 0, 10);
    px_gauge(s2, M_DEPTH, 1, 0, -4);
    px_gauge_us(s0, M_LAST, 0, 0, INT64_C(1795255200000042));
    px_observe(s0, M_WORK, 1, 0, 5000, 1); /* on an edge: belongs below it */
    px_observe(s0, M_WORK, 1, 0, -9, 1);   /* a clock stepped back: 0      */
    px_observe(s2, M_WORK, 1, 0, 250001, 2);
    px_observe(s2, M_WORK, 1, 0, 9000000, 1); /* past the last edge           */

    assert_int_equal(px_metrics_value(m, M_REASON, 1, 0), 7);
    assert_int_equal(px_metrics_value(m, M_DEPTH, 1, 0), 6);
    assert_int_equal(px_metrics_value(m, M_WORK, 1, 0), 5);
    assert_int_equal(px_metrics_value(m, M_WORK, 0, 0), 0);
    text = own_part(m, &b);
    assert_non_null(strstr(text, "px_refused_total{reason=\"too\\\\long\"} 7\n"));
    assert_non_null(strstr(text, "px_busy_seconds_total 1.5\n"));
    assert_non_null(strstr(text, "px_last_commit_timestamp_seconds 1795255200.000042\n"));
    assert_non_null(strstr(text, "px_work_seconds_bucket{queue=\"out\",le=\"0.005\"} 2\n"
                                 "px_work_seconds_bucket{queue=\"out\",le=\"0.25\"} 2\n"
                                 "px_work_seconds_bucket{queue=\"out\",le=\"1\"} 4\n"
                                 "px_work_seconds_bucket{queue=\"out\",le=\"+Inf\"} 5\n"
                                 "px_work_seconds_sum{queue=\"out\"} 9.505002\n"
                                 "px_work_seconds_count{queue=\"out\"} 5\n"));
}

static void test_metric_gauge_of_seconds_takes_seconds_and_spans(void **state PX_UNUSED) {
    METRICS m = make(1);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_gauge(px_metrics_shard(m, 0), M_LAST, 0, 0, -3);
    assert_int_equal(px_metrics_value(m, M_LAST, 0, 0), -3000000);
    px_gauge_us(px_metrics_shard(m, 0), M_LAST, 0, 0, -1500);
    assert_non_null(strstr(own_part(m, &b), "px_last_commit_timestamp_seconds -0.0015\n"));
}

static void test_metric_null_shard_does_nothing(void **state PX_UNUSED) {
    px_count(NULL, M_PLAIN, 0, 0, 1);
    px_gauge(NULL, M_DEPTH, 0, 0, 1);
    px_gauge_us(NULL, M_LAST, 0, 0, 1);
    px_observe(NULL, M_WORK, 0, 0, 1, 1);
}

/* The value of "name value\n" in the process part. */
static double process_value(const char *text, const char *name) {
    char key[80];
    const char *p;

    snprintf(key, sizeof key, "\n%s ", name);
    p = strstr(text, key);
    assert_non_null(p);
    return strtod(p + strlen(key), NULL);
}

static void test_metric_tells_about_the_process(void **state PX_UNUSED) {
    METRICS m = make(1);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    const char *text;
    double started;

    px_metrics_render(m, &build, &b);
    text = px_buf_cstr(&b);

    started = process_value(text, "process_start_time_seconds");
    assert_true(started > (double)time(NULL) - 3600 && started < (double)time(NULL) + 2);
    assert_true(process_value(text, "process_resident_memory_bytes") > 100000);
    assert_true(process_value(text, "process_open_fds") >= 3);
    assert_true(process_value(text, "process_max_fds") >= 3);
    assert_true(process_value(text, "process_cpu_seconds_total") > 0);
    assert_non_null(strstr(
        text, "\npx_build_info{service=\"svc-test\",version=\"1.2.3\",revision=\"abc\"} 1\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

struct writer {
    struct px_shard *shard;
    atomic_bool *go;
};

static void *write_much(void *arg) {
    struct writer *w = arg;

    while (!atomic_load(w->go)) {
    }
    for (int i = 0; i < 20000; i++) {
        px_count(w->shard, M_PLAIN, 0, 0, 1);
        px_observe(w->shard, M_WORK, 0, 0, i, 1);
        px_gauge(w->shard, M_DEPTH, 0, 0, i);
    }
    return NULL;
}

static void test_metric_scrapes_beside_writers(void **state PX_UNUSED) {
    METRICS m = make(4);
    atomic_bool go = false;
    struct writer w[4];
    pthread_t t[4];

    for (size_t i = 0; i < 4; i++) {
        w[i] = (struct writer){.shard = px_metrics_shard(m, i), .go = &go};
        assert_int_equal(pthread_create(&t[i], NULL, write_much, &w[i]), 0);
    }
    atomic_store(&go, true);
    for (int i = 0; i < 20; i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
        px_metrics_render(m, &build, &b);
        assert_false(b.failed);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    assert_int_equal(px_metrics_value(m, M_PLAIN, 0, 0), 80000);
    assert_int_equal(px_metrics_value(m, M_WORK, 0, 0), 80000);
}

static void test_metric_shards_share_no_cache_line(void **state PX_UNUSED) {
    METRICS m = make(3);

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal((uintptr_t)px_metrics_shard(m, i) % 64, 0);
    }
}

static void test_metric_refuses_bad_rows(void **state PX_UNUSED) {
    static const px_us falling[] = {5, 5};
    static const struct px_buckets bad_edges = {.edge = falling, .n = 2};
    static const struct px_labels huge = {.v = reason_names, .n = 70000};
    static const struct px_labels large = {.v = reason_names, .n = 300};
    static const struct px_metric_def bad[] = {
        {.kind = PX_METRIC_COUNTER, .name = "px_a", .help = "x"},
        {.kind = PX_METRIC_GAUGE, .name = "px_a_total", .help = "x"},
        {.kind = PX_METRIC_GAUGE, .name = "px-a", .help = "x"},
        {.kind = PX_METRIC_GAUGE, .name = "Px_a", .help = "x"},
        {.kind = PX_METRIC_GAUGE, .name = "px_a", .help = ""},
        {.kind = PX_METRIC_GAUGE, .name = "px_a", .help = "x", .label = {"l", NULL}},
        {.kind = PX_METRIC_HISTOGRAM, .name = "px_a_seconds", .help = "x"},
        {.kind = PX_METRIC_HISTOGRAM, .name = "px_a_seconds", .help = "x", .buckets = &bad_edges},
        {.kind = PX_METRIC_HISTOGRAM, .name = "px_a", .help = "x", .buckets = &edges},
        {.kind = PX_METRIC_GAUGE,
         .name = "px_a",
         .help = "x",
         .label = {"l", NULL},
         .set = {&huge, NULL}},
        {.kind = PX_METRIC_GAUGE,
         .name = "px_a",
         .help = "x",
         .label = {"l", "m"},
         .set = {&large, &large}},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        struct px_metrics *m = NULL;
        struct px_err err = PX_ERR_INIT;
        assert_int_equal(px_metrics_new(&bad[i], 1, 1, &m, &err), PX_INVALID);
        assert_null(m);
        assert_non_null(strstr(err.msg, bad[i].name));
    }
}

static enum px_code make_once(void *arg PX_UNUSED) {
    struct px_metrics *m = NULL;
    enum px_code code = px_metrics_new(defs, M_COUNT, 2, &m, NULL);

    px_metrics_free(m);
    return code;
}

static void test_metric_survives_lack_of_memory(void **state PX_UNUSED) {
    assert_true(torture(make_once, NULL) >= 3);
}

static void test_metric_bucket_tables_hold_the_goals(void **state PX_UNUSED) {
    static const struct {
        const struct px_buckets *b;
        px_us edge;
    } rows[] = {{&px_buckets_ack, 200000},     {&px_buckets_ack, 1000},
                {&px_buckets_fresh, 250000},   {&px_buckets_fresh, 2000000},
                {&px_buckets_fresh, 60000000}, {&px_buckets_work, 100}};

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        bool found = false;
        for (size_t k = 0; k < rows[i].b->n; k++) {
            found = found || rows[i].b->edge[k] == rows[i].edge;
            assert_true(k == 0 || rows[i].b->edge[k] > rows[i].b->edge[k - 1]);
        }
        assert_true(found);
    }
}

static void test_metric_documents_its_rows(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_metrics_markdown(defs + M_DEPTH, 1, &b);

    assert_string_equal(px_buf_cstr(&b), "| metric | kind | labels | meaning |\n|---|---|---|---|\n"
                                         "| `px_depth` | gauge | `queue`, `reason` | Depth. |\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric_renders_all_series_from_the_start),
        cmocka_unit_test(test_metric_sums_shards),
        cmocka_unit_test(test_metric_gauge_of_seconds_takes_seconds_and_spans),
        cmocka_unit_test(test_metric_null_shard_does_nothing),
        cmocka_unit_test(test_metric_tells_about_the_process),
        cmocka_unit_test(test_metric_scrapes_beside_writers),
        cmocka_unit_test(test_metric_shards_share_no_cache_line),
        cmocka_unit_test(test_metric_refuses_bad_rows),
        cmocka_unit_test(test_metric_survives_lack_of_memory),
        cmocka_unit_test(test_metric_bucket_tables_hold_the_goals),
        cmocka_unit_test(test_metric_documents_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
