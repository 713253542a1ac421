/* Who sent a request that came through proxies. Each trusted proxy wrote at the right end of a list
 * who had connected to it; so the list is read from the right, and only as far as a trusted proxy
 * vouches for what stands there. What lies further left is the client's own text.
 * Source: RFC 7239; ADR on client addresses. */
#ifndef PX_FORWARDED_H
#define PX_FORWARDED_H

#include <px/addr.h>

#define PX_FWD_HOPS 32 /* of the list that are looked at */

/* The one field that is believed: a proxy that writes one passes the other on as it came, so
 * whoever believed both would believe the client. */
enum px_fwd_header {
    PX_FWD_X_FORWARDED_FOR,
    PX_FWD_FORWARDED /* RFC 7239 */
};
const char *px_fwd_header_name(enum px_fwd_header h); /* in lower case */

enum px_fwd_end {
#define PX_FWD_END(name, text, doc) PX_FWD_##name,
#include <px/forwarded.def>
#undef PX_FWD_END
};
#define PX_FWD_END(name, text, doc) +1
enum {
    PX_FWD_ENDS = 0
#include <px/forwarded.def>
};
#undef PX_FWD_END
const char *px_fwd_end_code(enum px_fwd_end e); /* "found" */
const char *px_fwd_end_text(enum px_fwd_end e); /* a sentence */

/* Whom to believe. */
struct px_fwd_policy {
    struct px_nets trusted; /* networks of proxies; none: the peer is the client */
    enum px_fwd_header header;
};

/* The values of the believed field as they arrived, in order; of more than fit the last ones. */
struct px_fwd_fields {
    struct px_str v[PX_FWD_HOPS + 1];
    size_t n;
};

struct px_fwd_step {
    struct px_str text;  /* as it was written, a view; n = 0 for the peer */
    struct px_addr addr; /* when it was readable */
    bool readable;
    size_t trusted; /* the network of the policy that holds it; trusted.n = none */
};

/* How it went: steps[0] is the peer, each further one the next hop to the left. */
struct px_fwd_walk {
    struct px_addr client;
    enum px_fwd_end end;
    size_t n;
    struct px_fwd_step steps[PX_FWD_HOPS + 1];
};

/* px_fwd_walk(policy, peer, fields, ret): find the client of a request whose socket's peer is
 * ${peer}. Always finds one: where a hop cannot be read, the last trusted one. Threads: pure. */
void px_fwd_walk(const struct px_fwd_policy *policy, const struct px_addr *peer,
                 const struct px_fwd_fields *fields, struct px_fwd_walk *ret);

#endif
