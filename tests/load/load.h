/* px-load: makes traffic with a known truth and keeps the books of what was acknowledged.
 *
 * gen.c makes the requests (deterministic from the seed), client.c sends them over keep-alive
 * connections and reads the answers, truth.c computes afterwards what a correct pipeline must have
 * counted. px-load.c is the command line. */
#ifndef LOAD_H
#define LOAD_H

#include <px/buf.h>

#define LOAD_TYPES        3
#define LOAD_MAX_REQUESTS (16 * 1024 * 1024)

struct load_conf {
    char host[64], port[8];
    char prefix[32]; /* of player ids and banner tags: unique per seed unless given */
    uint64_t seed;
    int64_t rate, connections, players, banners;
    px_us duration;
    bool retry; /* send what got 503 and carries an id once more */
    const char *truth_file, *ids_file;
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
    LOAD_UNANSWERED,  /* the connection ended first: may be stored      */
    LOAD_STRANGE,     /* any other answer                               */
};

/* One request: what was asked for, and what came of it. */
struct load_request {
    px_us received;          /* X-Received-At; 0 = not acknowledged */
    uint32_t player, origin; /* origin: index of the request that first used this id */
    uint32_t latency;        /* microseconds */
    uint16_t banner;
    int16_t status;
    uint8_t type, kind, fault, state, variant;
    bool json, with_id, retried;
};

extern const char *const load_types[LOAD_TYPES];
extern const char *const load_fault_codes[LOAD_FAULTS];

/* All requests of the run, in order of being made. */
struct load_run {
    struct load_conf conf;
    struct load_request *v;
    uint32_t n, cap;
    px_us took;          /* of the sending */
    uint64_t late;       /* requests sent over 10 ms after their time: the target or this program
                            could not keep the rate */
    uint64_t unexpected; /* answers that a correct ingest does not give */
    char first_strange[128];
};

/* --- gen.c --- */
struct load_gen {
    uint64_t state;
    struct load_conf *conf;
    /* recent originals to come back to */
    struct load_ring {
        uint32_t v[4096];
        uint32_t n;
    } plain, with_id, deposits;
};
void load_gen_init(struct load_gen *g, struct load_conf *conf);
/* load_gen_next(g, run): the next request, appended to ${run}; its index. */
uint32_t load_gen_next(struct load_gen *g, struct load_run *run);
/* load_gen_write(run, i, out): the bytes of request ${i}. */
void load_gen_write(const struct load_run *run, uint32_t i, struct px_buf *out);
/* What must not be under way twice at a time, so that log order is the order of sending. */
uint64_t load_key(const struct load_request *r);

/* --- client.c --- */
PX_MUST_USE enum px_code load_client_run(struct load_run *run, struct px_err *reterr);

/* --- truth.c --- */
void load_truth_write(const struct load_run *run, struct px_buf *out);
void load_summary_print(const struct load_run *run);

#endif
