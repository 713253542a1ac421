/* CPU per acknowledged pixel of svc-ingest against px-devbroker, beside px_http alone and a bare
 * responder, all asked by the same client in turn, repetition by repetition. The service counts
 * with all its threads, librdkafka's too; broker and client do not. */
#include "bench.h"
#include "floor.h"
#include "load.h"
#include "stack.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define SPAN INT64_C(1200000000)

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

static void measure(struct target *t, size_t n, size_t connections, const struct px_str *requests) {
    for (size_t i = 0; i < n; i++) {
        target_forget(&t[i]);
    }
    for (size_t rep = 0; rep < bench_reps(5); rep++) {
        for (size_t i = 0; i < n; i++) {
            (void)target_ask(&t[i], connections, SPAN, requests);
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
    const struct px_str *requests = load_pixels(TARGET_REQUESTS);
    struct target t[] = {{.name = "bare responder", .pid = bare.pid, .port = bare.port},
                         {.name = "px_http alone", .pid = at_once.pid, .port = at_once.port},
                         {.name = "px_http deferred", .pid = deferred.pid, .port = deferred.port},
                         {.name = "svc-ingest", .pid = s.ingest.pid, .port = s.ingest_port}};
    const size_t connections[] = {256, 32};
    for (size_t k = 0; k < PX_ARRAY_LEN(connections); k++) {
        measure(t, PX_ARRAY_LEN(t), connections[k], requests);
        for (size_t i = 0; i < PX_ARRAY_LEN(t); i++) {
            target_report(&t[i], &(struct target_report){.bench = "ingest",
                                                         .connections = connections[k],
                                                         .reference = &t[0],
                                                         .aim = k == 0 ? aim_of(&t[i], &t[0]) : 0});
        }
    }
    floor_stop(&bare);
    floor_stop(&at_once);
    floor_stop(&deferred);
    stack_stop(&s);
    return 0;
}
