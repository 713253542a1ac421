/* What a sender may: what its key allows, and how many events. One guard per worker, shared with
 * nobody; what it goes by is a plan that SIGHUP replaces as a whole. Knows neither replies, metrics
 * nor logs: it says why a request is turned away, admit.c does it. */
#ifndef ING_GUARD_H
#define ING_GUARD_H

#include "buckets.h"
#include "conf.h"
#include "routes.h"
#include "sender.h"

/* Why a request is turned away; ING_ADMITTED: it is not. */
enum ing_denial {
#define ING_DENIAL(name, code, http, text) ING_DENIED_##name,
#include "denial.def"
#undef ING_DENIAL
    ING_ADMITTED
};
#define ING_DENIALS ING_ADMITTED
/* The row of a reason; ING_ADMITTED has none. */
const char *ing_denial_code(enum ing_denial d);
const char *ing_denial_text(enum ing_denial d);
int ing_denial_http(enum ing_denial d);

/* A server key that was found right: hashed once, then known by two keyed hashes. */
struct ing_known {
    bool right;
    uint64_t tag[2];
};

/* What a guard goes by. */
struct ing_plan {
    struct ing_rate address, key, route;
    struct ing_rate failures; /* wrong keys */
    struct px_nets exempt;    /* from the limit per address */
    size_t workers;           /* that share all rates */
    bool need_site;           /* no event without a site key or a server key */
    struct px_keys *keys;     /* NULL: there is no file */
    struct ing_known *known;  /* by row of its server keys: all that changes here, by the guard */
};
/* ing_plan_new(conf, workers, ret, reterr): for one of ${workers}; reads the key file. Gives:
 * ${ret}, free with ing_plan_free. Errors: PX_CONFIG (names the option), PX_NOMEM. */
PX_MUST_USE enum px_code ing_plan_new(const struct ing_conf *conf, size_t workers,
                                      struct ing_plan **ret, struct px_err *reterr);
void ing_plan_free(struct ing_plan *p);

/* What a request presents of keys; views into it. */
struct ing_presented {
    struct px_str authorization; /* the field as it was sent; .p NULL: none */
    bool twice;                  /* more than one */
    struct px_str query;
    struct px_str site_key; /* of the header; .p NULL: that of the query, if any */
    struct px_str origin;   /* Origin or, without one, Referer; .p NULL: neither */
};
/* ing_presented_of(p, req, sites): from ${req}; with what concerns site keys only if ${sites}.
 * Threads: pure. */
void ing_presented_of(struct ing_presented *p, const struct px_http_req *req, bool sites);

struct ing_guard {
    struct ing_plan *plan;
    struct ing_buckets buckets;
    int64_t routes[ING_ROUTES]; /* buckets of their own: when they are full */
    uint64_t tag_key[4];
    uint64_t hashes; /* keys that had to be hashed: one for each, known or not, right or wrong */
};
/* ing_guard_open(g, plan, reterr): takes ${plan}, also on failure. ing_guard_close(g): also a
 * zeroed one. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code ing_guard_open(struct ing_guard *g, struct ing_plan *plan,
                                        struct px_err *reterr);
void ing_guard_close(struct ing_guard *g);
/* ing_guard_follow(g, plan): from now on by ${plan}, which it takes; debts stay. Threads: owner. */
void ing_guard_follow(struct ing_guard *g, struct ing_plan *plan);

/* ing_guard_knows_sites(g): is anybody asked for a site key? */
static inline bool ing_guard_knows_sites(const struct ing_guard *g) {
    return g->plan->need_site || px_keys_sites(g->plan->keys);
}

struct ing_moment {
    px_us mono, wall;
};
/* ing_guard_identify(g, p, at, s, ret): find the keys of ${p} and put them into ${s}. A server key
 * that is not right is never taken for none: the request is turned away. */
struct ing_finding {
    enum ing_denial denial;            /* ING_ADMITTED: nothing is wrong with what is there */
    unsigned wait;                     /* seconds; 0: waiting does not help */
    const struct px_server_key *about; /* whose id a refused key had; NULL: nobody's */
    bool fresh;                        /* a key was found right for the first time */
    bool of_server;                    /* ${denial} is about a server key */
};
void ing_guard_identify(struct ing_guard *g, const struct ing_presented *p,
                        const struct ing_moment *at, struct ing_sender *s, struct ing_finding *ret);
/* ing_guard_charge(g, sender, route, c, ret_wait): take what ${c} says from the buckets of the
 * sender's key, of its address unless a server key says who it is, and of the route. Returns
 * ING_ADMITTED, or the limit that was passed, with *ret_wait = seconds after which it is worth
 * trying again; then nothing was taken from any bucket. Threads: owner. */
enum ing_denial ing_guard_charge(struct ing_guard *g, const struct ing_sender *sender,
                                 enum ing_route route, const struct ing_charge *c,
                                 unsigned *ret_wait);

#endif
