/* An HTTP client on keep-alive connections: each sends its next request when the answer to the last
 * one is complete, or at a given pace. The same client measures every server of a run. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <px/str.h>

#include <sys/types.h>

struct load_conf {
    int port; /* on 127.0.0.1 */
    bool tls;
    pid_t pid; /* of the server, for its CPU; 0 = do not look */
    size_t connections;
    int64_t ns;  /* how long          */
    double rate; /* per second, over all connections; 0 = as fast as answers come */
    const struct px_str *requests; /* sent in turn      */
    size_t nrequests;
};

struct load_result {
    uint64_t ok, other; /* answers with 200; with another status */
    int64_t wall;       /* ns */
    int64_t cpu;        /* ns of the server, from when all connections stand */
    double p50, p95;    /* us from the first byte sent to the last one read */
};

/* load_run(c, ret): ends the program when a connection breaks: a figure would be wrong then. */
void load_run(const struct load_conf *c, struct load_result *ret);

/* load_pixels(n): ${n} pixel requests as a browser sends them, of different players. Kept for the
 * life of the program. */
const struct px_str *load_pixels(size_t n);

#endif
