/* Memory and CPU of the three services at 2,000 events/s: px-devbroker, SQLite, pixels at that pace
 * for 20 s, questions to the API at the end. Nothing here is judged but by eye: memory is no CPU.
 */
#include "bench.h"
#include "load.h"
#include "sql_fixture.h"
#include "stack.h"

#include <px/clock.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE    2000.0
#define SECONDS 20
#define MIB     64.0

static double status_mib(pid_t pid, const char *key) {
    char path[64];
    char line[256];
    double kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtod(line + strlen(key) + 1, NULL);
        }
    }
    if (!f || kib < 0) {
        bench_die(path, "no such field");
    }
    (void)fclose(f);
    return kib / 1024;
}

static void figure(const char *name, const char *unit, double v, double aim) {
    struct bench_runs runs = {.n = 0};
    bench_add(&runs, v);
    bench_print(&(struct bench_figure){
        .bench = "rss", .name = name, .unit = unit, .runs = &runs, .aim = aim});
}

static void report(const char *service, pid_t pid, int64_t cpu, double seconds) {
    char name[96];
    (void)snprintf(name, sizeof name, "%s: peak resident memory", service);
    figure(name, "MiB", status_mib(pid, "VmHWM:"), MIB);
    (void)snprintf(name, sizeof name, "%s: resident memory at the end", service);
    figure(name, "MiB", status_mib(pid, "VmRSS:"), MIB);
    (void)snprintf(name, sizeof name, "%s: share of one core", service);
    figure(name, "% CPU", 100 * (double)cpu / 1e9 / seconds, 0);
}

/* Everything acknowledged must be in the tables, else the memory is that of a service at rest. */
static void wait_folded(struct sql_fixture *f, uint64_t acked) {
    int64_t end = bench_wall() + INT64_C(20000000000);
    while (sql_int(f->s, "SELECT COALESCE(sum(next_offset - first_offset), 0) FROM "
                         "partition_ledger") < (int64_t)acked) {
        if (bench_wall() > end) {
            bench_die("rss", "the aggregator has not caught up within 20 s");
        }
        pause_ms(50);
    }
}

static void ask_api(const struct stack *s) {
    char text[256];
    char day[PX_TIME_TEXT];
    struct load_result r;
    (void)px_fmt_date(px_day_of(px_wall(&px_clock_system)), day);
    int n = snprintf(text, sizeof text,
                     "GET /api/metrics/conversion-rates?startDate=%s&endDate=%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1\r\n\r\n",
                     day, day);
    struct px_str request = {.p = text, .n = (size_t)n};
    const struct load_conf c = {.port = s->api_port,
                                .connections = 16,
                                .ns = INT64_C(2000000000),
                                .requests = &request,
                                .nrequests = 1};
    load_run(&c, &r);
    if (r.other || !r.ok) {
        bench_die("rss", "the API did not answer 200");
    }
}

int main(void) {
    static struct stack s;
    static struct sql_fixture f;
    struct load_result r;
    sql_fixture_open(&f, px_dialect_find(PX_S("sqlite")));
    const struct stack_sql q = {
        .dialect = "sqlite", .connection = f.conf.connection, .password = ""};
    stack_broker(&s);
    stack_ingest(&s, NULL);
    stack_aggregator(&s, &q);
    stack_api(&s, &q);
    const struct load_conf c = {.port = s.ingest_port,
                                .connections = 64,
                                .ns = SECONDS * INT64_C(1000000000),
                                .rate = RATE,
                                .requests = load_pixels(40000),
                                .nrequests = 40000};
    int64_t ingest = bench_cpu_of(s.ingest.pid);
    int64_t aggregator = bench_cpu_of(s.aggregator.pid);
    load_run(&c, &r);
    ingest = bench_cpu_of(s.ingest.pid) - ingest;
    aggregator = bench_cpu_of(s.aggregator.pid) - aggregator;
    if (r.other || (double)r.ok < 0.9 * RATE * SECONDS) {
        bench_die("rss", "the pace was not kept");
    }
    wait_folded(&f, r.ok);
    int64_t api = bench_cpu_of(s.api.pid);
    int64_t from = bench_wall();
    ask_api(&s);
    api = bench_cpu_of(s.api.pid) - api;
    figure("events acknowledged", "events/s", (double)r.ok * 1e9 / (double)r.wall, 0);
    figure("acknowledgement p95", "ms", r.p95 / 1000, 0);
    report("svc-ingest", s.ingest.pid, ingest, SECONDS);
    report("svc-aggregator", s.aggregator.pid, aggregator, SECONDS);
    report("svc-metrics-api", s.api.pid, api, (double)(bench_wall() - from) / 1e9);
    stack_stop(&s);
    sql_fixture_close(&f);
    return 0;
}
