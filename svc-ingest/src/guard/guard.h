/* What a sender may: how many events. One guard per worker, shared
 * with nobody; what it goes by is a plan that SIGHUP replaces as a whole. Knows neither replies nor
 * metrics: it says why a request is turned away, admit.c does it. */
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
const char *ing_denial_code(enum ing_denial d);
const char *ing_denial_text(enum ing_denial d);
int ing_denial_http(enum ing_denial d);

/* What a guard goes by; never changed once a guard has it. */
struct ing_plan {
    struct ing_rate address, route;
    struct px_nets exempt; /* from the limit per address */
};
/* ing_plan_new(conf, workers, ret, reterr): for one of ${workers}. Gives: ${ret}, free with
 * ing_plan_free. Errors: PX_CONFIG (names the option), PX_NOMEM. */
PX_MUST_USE enum px_code ing_plan_new(const struct ing_conf *conf, size_t workers,
                                      struct ing_plan **ret, struct px_err *reterr);
void ing_plan_free(struct ing_plan *p);

struct ing_guard {
    struct ing_plan *plan;
    struct ing_buckets buckets;
    int64_t routes[ING_ROUTES]; /* buckets of their own: when they are full */
};
/* ing_guard_open(g, plan, reterr): takes ${plan}, also on failure. ing_guard_close(g): also a
 * zeroed one. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code ing_guard_open(struct ing_guard *g, struct ing_plan *plan,
                                        struct px_err *reterr);
void ing_guard_close(struct ing_guard *g);
/* ing_guard_follow(g, plan): from now on by ${plan}, which it takes; debts stay. Threads: owner. */
void ing_guard_follow(struct ing_guard *g, struct ing_plan *plan);

/* ing_guard_charge(g, sender, route, c, ret_wait): take what ${c} says from the buckets of the
 * sender's address and of the route. Returns ING_ADMITTED, or the limit that was passed, with
 * *ret_wait = seconds after which it is worth trying again. What other buckets gave is not given
 * back. Threads: owner. */
enum ing_denial ing_guard_charge(struct ing_guard *g, const struct ing_sender *sender,
                                 enum ing_route route, const struct ing_charge *c,
                                 unsigned *ret_wait);

#endif
