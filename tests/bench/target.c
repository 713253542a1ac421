/* Asking one server with the client of load.c: see target.h. */
#include "target.h"
#include "load.h"

#include <stdio.h>

uint64_t target_ask(struct target *t, size_t connections, int64_t ns,
                    const struct px_str *requests) {
    const struct load_conf c = {.port = t->port,
                                .connections = connections,
                                .ns = ns,
                                .requests = requests,
                                .nrequests = TARGET_REQUESTS};
    struct load_result r;
    int64_t from = bench_cpu_of(t->pid);
    load_run(&c, &r);
    int64_t used = bench_cpu_of(t->pid) - from;
    if (r.other > 0 || r.ok == 0) {
        bench_die(t->name, "an answer was not 200");
    }
    bench_add(&t->cpu, (double)used / 1000 / (double)r.ok);
    bench_add(&t->rate, (double)r.ok * 1e9 / (double)r.wall);
    bench_add(&t->p50, r.p50 / 1000);
    bench_add(&t->p95, r.p95 / 1000);
    return r.ok;
}

void target_forget(struct target *t) {
    t->cpu.n = t->rate.n = t->p50.n = t->p95.n = 0;
}

void target_report(const struct target *t, const struct target_report *r) {
    const struct {
        const char *what, *unit;
        const struct bench_runs *runs;
    } informs[] = {
        {"rate", "requests/s", &t->rate}, {"p50", "ms", &t->p50}, {"p95", "ms", &t->p95}};
    char name[96];
    (void)snprintf(name, sizeof name, "%s, %zu connections", t->name, r->connections);
    bench_print(&(struct bench_figure){.bench = r->bench,
                                       .name = name,
                                       .unit = "us CPU/request",
                                       .runs = &t->cpu,
                                       .reference_name = r->reference->name,
                                       .reference = r->reference == t ? NULL : &r->reference->cpu,
                                       .aim = r->aim,
                                       .judged = r->aim > 0});
    for (size_t i = 0; i < PX_ARRAY_LEN(informs); i++) {
        (void)snprintf(name, sizeof name, "%s, %zu connections: %s", t->name, r->connections,
                       informs[i].what);
        bench_print(&(struct bench_figure){
            .bench = r->bench, .name = name, .unit = informs[i].unit, .runs = informs[i].runs});
    }
}
