/* CPU per acknowledged pixel of svc-ingest against px-devbroker, beside px_http alone and a bare
 * responder, all asked by the same client in turn, repetition by repetition. The service counts
 * with all its threads, librdkafka's too; broker and client do not. */
#include "bench.h"
#include "floor.h"
#include "load.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPAN INT64_C(1200000000)

struct target {
    const char *name;
    pid_t pid;
    int port;
    struct bench_runs cpu, rate, p50, p95;
};

static void once(struct target *t, size_t connections, const struct px_str *requests, size_t n) {
    const struct load_conf c = {.port = t->port,
                                .connections = connections,
                                .ns = SPAN,
                                .requests = requests,
                                .nrequests = n};
    struct load_result r;
    int64_t from = bench_cpu_of(t->pid);
    load_run(&c, &r);
    int64_t ns = bench_cpu_of(t->pid) - from;
    if (r.other > 0 || r.ok == 0) {
        bench_die(t->name, "an answer was not 200");
    }
    bench_add(&t->cpu, (double)ns / 1000 / (double)r.ok);
    bench_add(&t->rate, (double)r.ok * 1e9 / (double)r.wall);
    bench_add(&t->p50, r.p50 / 1000);
    bench_add(&t->p95, r.p95 / 1000);
}

/* Most of a request is the kernel's work, and machines differ threefold in that: the aim was set
 * where the bare responder takes 1.86 us. Where that one alone takes the 6 us, the run fails; the
 * ratio says whether the service is to blame. */
#define AIM_US 6.0

static double aim_of(const struct target *t, const struct target *floor) {
    if (t == floor) {
        return 0;
    }
    return strcmp(t->name, "svc-ingest") == 0 ? AIM_US : 1.5 * bench_median(&floor->cpu);
}

static void report(const struct target *t, const struct target *floor, size_t connections,
                   bool judged) {
    const struct {
        const char *what, *unit;
        const struct bench_runs *runs;
    } informs[] = {
        {"rate", "requests/s", &t->rate}, {"p50", "ms", &t->p50}, {"p95", "ms", &t->p95}};
    char name[96];
    (void)snprintf(name, sizeof name, "%s, %zu connections", t->name, connections);
    bench_print(&(struct bench_figure){.bench = "ingest",
                                       .name = name,
                                       .unit = "us CPU/request",
                                       .runs = &t->cpu,
                                       .reference_name = floor->name,
                                       .reference = floor == t ? NULL : &floor->cpu,
                                       .aim = judged ? aim_of(t, floor) : 0,
                                       .judged = judged});
    for (size_t i = 0; i < PX_ARRAY_LEN(informs); i++) {
        (void)snprintf(name, sizeof name, "%s, %zu connections: %s", t->name, connections,
                       informs[i].what);
        bench_print(&(struct bench_figure){
            .bench = "ingest", .name = name, .unit = informs[i].unit, .runs = informs[i].runs});
    }
}

static void measure(struct target *t, size_t n, size_t connections, const struct px_str *requests) {
    for (size_t i = 0; i < n; i++) {
        t[i].cpu.n = t[i].rate.n = t[i].p50.n = t[i].p95.n = 0;
    }
    for (size_t rep = 0; rep < bench_reps(5); rep++) {
        for (size_t i = 0; i < n; i++) {
            once(&t[i], connections, requests, 4096);
        }
    }
}

int main(void) {
    struct floor bare = floor_bare();
    struct floor at_once = floor_px_http(false);
    struct floor deferred = floor_px_http(true);
    static struct stack s;
    stack_broker(&s);
    stack_ingest(&s, getenv("BENCH_INGEST_ENV")); /* to try a setting */
    const struct px_str *requests = load_pixels(4096);
    struct target t[] = {{.name = "bare responder", .pid = bare.pid, .port = bare.port},
                         {.name = "px_http alone", .pid = at_once.pid, .port = at_once.port},
                         {.name = "px_http deferred", .pid = deferred.pid, .port = deferred.port},
                         {.name = "svc-ingest", .pid = s.ingest.pid, .port = s.ingest_port}};
    const size_t connections[] = {256, 32};
    for (size_t k = 0; k < PX_ARRAY_LEN(connections); k++) {
        measure(t, PX_ARRAY_LEN(t), connections[k], requests);
        for (size_t i = 0; i < PX_ARRAY_LEN(t); i++) {
            report(&t[i], &t[0], connections[k], k == 0);
        }
    }
    floor_stop(&bare);
    floor_stop(&at_once);
    floor_stop(&deferred);
    stack_stop(&s);
    return 0;
}
