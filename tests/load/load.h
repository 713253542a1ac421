/* px-load: makes traffic with a known truth and keeps the books of what was acknowledged.
 *
 * gen.c makes the requests (deterministic from the seed), request.c turns them into bytes, order.c
 * keeps those apart whose order matters, pool.c owns the connections, client.c is the loop,
 * exchange.c sends and reads, record.c writes down what came of each, truth.c computes afterwards
 * what a correct pipeline must have counted, options.c is the command line. */
#ifndef LOAD_H
#define LOAD_H

#include "histogram.h"

#include <px/buf.h>

#define LOAD_TYPES        3
#define LOAD_TARGETS      16
#define LOAD_MAX_REQUESTS (16 * 1024 * 1024)
#define LOAD_NONE         UINT32_MAX

struct load_target {
    char host[64], port[8];
};

struct load_conf {
    struct load_target targets[LOAD_TARGETS];
    uint32_t ntargets;
    char prefix[32]; /* of player ids and banner tags: unique per seed unless given */
    uint64_t seed;
    int64_t rate, connections, players, banners;
    int64_t attempts; /* of each request, retries included; 1 = no retries */
    px_us duration, timeout, grace;
    px_us midnight; /* a share of the events carries times around this one; 0 = none does */
    bool keep_alive;
    const char *truth_file, *ids_file, *book_file;
};

enum load_kind {
    LOAD_NEW,
    LOAD_AGAIN,    /* an identical pixel, without an id      */
    LOAD_SAME_ID,  /* the same event with the same id        */
    LOAD_CONFLICT, /* the same id, another attribute         */
    LOAD_INVALID,
};
enum load_fault {
    LOAD_MISSING_FIELD,
    LOAD_BAD_ESCAPE,
    LOAD_JUNK_ID,
    LOAD_EMAIL,
    LOAD_UNKNOWN_TYPE,
    LOAD_UNKNOWN_MEMBER,
};
#define LOAD_FAULTS 6
enum load_state {
    LOAD_UNSENT,
    LOAD_SENT,
    LOAD_ACKED,       /* 200                                            */
    LOAD_REFUSED,     /* 4xx                                            */
    LOAD_BUSY,        /* 503: surely not stored                         */
    LOAD_UNKNOWN,     /* 503 log_unknown: may be stored                 */
    LOAD_UNREACHABLE, /* no connection: surely not stored               */
    LOAD_UNANSWERED,  /* cut or too late: may be stored                 */
    LOAD_STRANGE,     /* any other answer: may be stored                */
};
#define LOAD_STATES (LOAD_STRANGE + 1)

/* One request: what was asked for, and what came of it. A retry is a request of its own. */
struct load_request {
    px_us at; /* acknowledged: X-Received-At; sent: unix time of that; else: when it was due */
    uint32_t player; /* from conf.players on: with a client timestamp */
    uint32_t origin; /* number of the planned request that first used this id */
    uint32_t next;   /* order.c: who waits behind it */
    uint16_t banner;
    int16_t midnight_ms; /* stamped: its time, counted from conf.midnight */
    uint8_t type, kind, fault, state;
    uint8_t attempt; /* from 1 */
    bool variant : 1, json : 1, with_id : 1, stamped : 1, retried : 1;
};
static_assert(sizeof(struct load_request) <= 32, "there are millions of them");

extern const char *const load_types[LOAD_TYPES];
extern const char *const load_fault_codes[LOAD_FAULTS];

/* What was measured at one target. */
struct load_target_stats {
    uint64_t sent, acked, unanswered;
    struct histogram service;
};

/* All requests of the run, in order of being due, and what was measured. */
struct load_run {
    struct load_conf conf;
    struct load_request *v;
    uint32_t n, cap;
    px_us took;          /* of the sending */
    px_us ended;         /* unix time: nothing was received later */
    px_us cpu;           /* of this program meanwhile */
    uint64_t late;       /* sent over 10 ms after their time: whoever was the cause */
    uint64_t ordered;    /* had to wait for an earlier request of their key or id */
    uint64_t retries;    /* of the requests, how many repeat an earlier one */
    uint64_t unexpected; /* answers that a correct ingest does not give */
    bool full;           /* ended because no more requests fit */
    char first_strange[128];
    struct histogram latency; /* acknowledged: from the time a request was due to its answer */
    struct histogram lag;     /* from the time a request was due to its sending */
    struct histogram asleep;  /* from the time a request was due until this program saw that */
    struct load_target_stats targets[LOAD_TARGETS];
};

/* --- gen.c --- */

/* Originals to come back to: the newest, and a few of long ago. */
struct load_ring {
    struct load_request recent[4096], old[1024];
    uint32_t n;
};
struct load_gen {
    uint64_t state;
    const struct load_conf *conf;
    uint32_t made;
    struct load_ring plain, with_id, deposits;
};
/* load_gen_init(g, conf): ${g} keeps ${conf}. */
void load_gen_init(struct load_gen *g, const struct load_conf *conf);

/* load_gen_next(g): the next request of the plan. Depends on ${conf} and how many were made, never
 * on what came of them. */
struct load_request load_gen_next(struct load_gen *g);

/* load_key(r): its natural key but for the day, below 2^40. */
uint64_t load_key(const struct load_request *r);

/* --- request.c --- */

/* load_request_write(conf, target, r, out): append the bytes of ${r} for ${target}. */
void load_request_write(const struct load_conf *conf, const struct load_target *target,
                        const struct load_request *r, struct px_buf *out);

/* What the request says, for the book; n = 0: nothing (that can be said). */
struct load_texts {
    struct px_str want, type, player, banner, eid;
    char bytes[192];
};
void load_request_texts(const struct load_conf *conf, const struct load_request *r,
                        struct load_texts *ret);

/* load_event_time(conf, r): of an acknowledged request: the time that decides its day. */
px_us load_event_time(const struct load_conf *conf, const struct load_request *r);

/* --- client.c --- */

/* load_client_run(run, reterr): send, and wait for the answers. Errors: PX_UNAVAILABLE (no target
 * answers at the start), PX_USAGE, PX_IO (a file), PX_NOMEM. */
PX_MUST_USE enum px_code load_client_run(struct load_run *run, struct px_err *reterr);

/* --- truth.c, summary.c --- */

/* load_truth_write(run, out, reterr): the truth as JSON. */
PX_MUST_USE enum px_code load_truth_write(const struct load_run *run, struct px_buf *out,
                                          struct px_err *reterr);
void load_summary_print(const struct load_run *run);

/* load_measures_write(run, w): members of the open object: the times and the cost. */
struct px_jsonw;
void load_measures_write(const struct load_run *run, struct px_jsonw *w);

/* load_all_answered(run): the last attempt of every request got an answer, as expected. */
bool load_all_answered(const struct load_run *run);

/* --- options.c --- */

/* load_options_read(conf, argc, argv, ret_status): false: end with ${ret_status}, all is said. */
PX_MUST_USE bool load_options_read(struct load_conf *conf, int argc, char **argv, int *ret_status);

#endif
