/* What the service's HTTP cost is compared with: tiny servers that answer 43 bytes and do
 * nothing else, each in a process of its own. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "proc.h"

#include <assert.h>
#include <stdbool.h>

#define FLOOR_GIF                                                                                  \
    "GIF89a\1\0\1\0\200\0\0\0\0\0\377\377\377!\371\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
static_assert(sizeof FLOOR_GIF == 44, "43 bytes");

/* A forked server; dies with the program. */
struct floor {
    pid_t pid;
    int port;
};
/* floor_bare(): libevent's event layer and llhttp, no gate, no limits, no deadlines.
 * floor_px_http(deferred): px_http with a handler that answers at once, or at the end of the turn.
 * Call before any thread exists. */
struct floor floor_bare(void);
struct floor floor_px_http(bool deferred);
/* floor_px_tls(conf): px_http by TLS, answering at once. */
struct px_tls_conf;
struct floor floor_px_tls(const struct px_tls_conf *conf);
/* floor_evhttp(): libevent's own HTTP server, its query parser, a handler that looks up two names.
 */
struct floor floor_evhttp(void);
void floor_stop(struct floor *f);

#endif
