/* A server that a benchmark asks, and what came of it, repetition by repetition. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "bench.h"

#include <px/str.h>

struct target {
    const char *name;
    pid_t pid; /* whose clock counts */
    int port;
    bool logs; /* acknowledges what the log has */
    struct bench_runs cpu, rate, p50, p95;
};

#define TARGET_REQUESTS 4096 /* of load_pixels */

/* target_ask(t, connections, ns, requests): ask for ${ns} and add a run to each figure; returns how
 * many answers there were. One that is not 200 ends the program. */
uint64_t target_ask(struct target *t, size_t connections, int64_t ns,
                    const struct px_str *requests);
void target_forget(struct target *t); /* the runs so far */

/* target_report: four figures of ${bench}; CPU beside ${reference} and judged by ${aim}, 0 = by
 * none. */
struct target_report {
    const char *bench;
    size_t connections;
    const struct target *reference;
    double aim;
};
void target_report(const struct target *t, const struct target_report *r);

#endif
