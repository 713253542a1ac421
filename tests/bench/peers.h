/* Other people's servers for the same task, started beside ours: see tests/bench/peers. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "proc.h"

/* A server that a benchmark asks; cpu is whose clock counts (nginx: its worker). */
struct peer {
    struct proc proc;
    pid_t cpu;
    int port;
};

/* Each ends the program, naming `make bench-peers`, when it was not built. Brokers and topic are
 * what the stack uses. */
void peer_nginx(struct peer *p);
void peer_axum(struct peer *p, const char *brokers, const char *topic);
void peer_fastapi(struct peer *p, const char *brokers, const char *topic);
/* svc-ingest linked with a sink that stores nothing. */
void peer_null_sink(struct peer *p, const char *brokers);
void peer_stop(struct peer *p);

#endif
