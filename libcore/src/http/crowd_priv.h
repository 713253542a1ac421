/* Room for connections: who gives way, and how many each address has. Private to src/http. */
#ifndef PX_CROWD_PRIV_H
#define PX_CROWD_PRIV_H

#include <px/addr.h>

struct px_http_server;
struct px_peers;

/* Accepted, and known to be welcome, but there is no room yet. */
struct px_parked {
    int fd; /* -1: nobody */
    uint32_t counted_at;
    struct px_addr addr;
};

/* --- crowd.c: who gives way when there is no room ----------------------------------------------
 */
/* px_crowd_yield(s): close one; false when nobody is to give way. */
bool px_crowd_yield(struct px_http_server *s);
/* px_crowd_sweep(s, now): bodies that come too slowly are refused. */
void px_crowd_sweep(struct px_http_server *s, px_us now);

/* --- peers.c: connections per address ----------------------------------------------------------
 */
/* px_peers_new(connections, most): NULL without memory. px_peers_enter: false when ${a} (of IPv6:
 * its /64) has its share already; *ret is for px_peers_leave. */
#define PX_PEERS_NOBODY UINT32_MAX /* not counted */
struct px_peers *px_peers_new(size_t connections, size_t most);
void px_peers_free(struct px_peers *p);
PX_MUST_USE bool px_peers_enter(struct px_peers *p, const struct px_addr *a, uint32_t *ret);
void px_peers_leave(struct px_peers *p, uint32_t at); /* PX_PEERS_NOBODY is fine */

#endif
