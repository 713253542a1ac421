/* What kind of traffic a request is, and why: classified, never refused and never left out. The
 * first that holds:
 *   human for a sender with a server key, whose user agent is that of a program in any case;
 *   email_proxy, scanner, bot by the user agent; prefetch by Sec-Purpose, Purpose, X-Purpose or
 *   X-Moz; opt_out by Sec-GPC or DNT; unknown without a user agent; human. */
#ifndef ING_CLASS_H
#define ING_CLASS_H

#include <px/err.h>
#include <px/traffic.h>

enum ing_opt_out { /* Privacy:OptOutSignals, in the order of its row */
    ING_OPT_OUT_BOTH,
    ING_OPT_OUT_GPC,
    ING_OPT_OUT_NONE
};

/* The header fields that tell. Absent: .n = 0. */
struct ing_signals {
    bool keyed; /* the sender has a server key */
    struct px_str user_agent, sec_purpose, purpose, x_purpose, x_moz, sec_gpc, dnt;
};

struct ing_class {
    enum px_traffic traffic;
    struct px_str reason; /* a constant: "ua:Googlebot", "sec-purpose"; n = 0: a human by no sign */
};

/* ing_class_of_agent(agent): by the user agent alone. Threads: pure. */
struct ing_class ing_class_of_agent(struct px_str agent);

/* Verdicts about user agents that were seen lately, of one worker. */
struct ing_classes;
PX_MUST_USE enum px_code ing_classes_new(enum ing_opt_out opt_out, struct ing_classes **ret,
                                         struct px_err *reterr);
void ing_classes_free(struct ing_classes *c);
/* ing_classes_get(c, s): the class of a request with ${s}. No allocation. Threads: owner. */
struct ing_class ing_classes_get(struct ing_classes *c, const struct ing_signals *s);

#endif
