/* Addresses of IPv4 and IPv6 in one binary form, and networks of them. An IPv4 address is kept as
 * the IPv4-mapped IPv6 address (::ffff:a.b.c.d), so that one client has one form whichever socket
 * it came through, and every question is one comparison of bytes. Threads: pure, all of it.
 * Source: RFC 4291, RFC 5952. */
#ifndef PX_ADDR_H
#define PX_ADDR_H

#include <px/err.h>
#include <px/str.h>

struct px_addr {
    uint8_t b[16]; /* network order */
};

#define PX_ADDR_TEXT 46 /* of an address, with its NUL */
#define PX_NET_TEXT  50 /* of a network, with its NUL  */

/* px_addr_is_v4(a): an IPv4 address. px_addr_eq(a, b): the same. */
bool px_addr_is_v4(const struct px_addr *a);
/* px_addr_is_private(a): of the networks `loopback` and `private`, see below. */
bool px_addr_is_private(const struct px_addr *a);
static inline bool px_addr_eq(const struct px_addr *a, const struct px_addr *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* px_addr_parse(s, ret): an address and nothing else: four decimal numbers without leading zeros,
 * or IPv6 in any of its spellings; no port, no brackets, no zone. Leaves ${ret} alone when false.
 */
PX_MUST_USE bool px_addr_parse(struct px_str s, struct px_addr *ret);
/* px_addr_parse_hop(s, ret): an address as proxies write it, too: "a.b.c.d:port", "[v6]",
 * "[v6]:port". A port is 1 to 65535, 0, or a name that hides it ("_x", RFC 7239 §6.3). */
PX_MUST_USE bool px_addr_parse_hop(struct px_str s, struct px_addr *ret);
/* px_addr_fmt(a, out): its one spelling (lower case, "::" for the longest run of zeros, IPv4 as
 * four numbers). Returns the length. */
size_t px_addr_fmt(const struct px_addr *a, char out[PX_ADDR_TEXT]);

/* A network: ${bits} of its address count, of 128; an IPv4 network has 96 or more. */
struct px_net {
    struct px_addr base;
    uint8_t bits;
};

/* px_addr_net(a, v4_bits, v6_bits): the network around ${a} with the prefix for its kind. */
struct px_net px_addr_net(const struct px_addr *a, unsigned v4_bits, unsigned v6_bits);
/* px_net_has(net, a): an IPv6 network holds no IPv4 address, not even ::/0. */
bool px_net_has(const struct px_net *net, const struct px_addr *a);
/* px_net_fmt(net, out): "10.0.0.0/8". Returns the length. */
size_t px_net_fmt(const struct px_net *net, char out[PX_NET_TEXT]);
/* px_net_parse(s, ret, reterr): "10.0.0.0/8", "2001:db8::/32", or one address. Errors: PX_INVALID:
 * no network, or bits behind the prefix are set: the message names the right one. */
PX_MUST_USE enum px_code px_net_parse(struct px_str s, struct px_net *ret, struct px_err *reterr);

#define PX_NETS_MAX 256

/* Networks as an option lists them. */
struct px_nets {
    struct px_net v[PX_NETS_MAX];
    size_t n;
};

/* px_nets_parse(list, ret, reterr): networks between commas, blanks or both; the names `loopback`
 * (127.0.0.0/8, ::1) and `private` (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7) stand for
 * theirs. Nothing: no networks. Errors: PX_INVALID as px_net_parse; more than PX_NETS_MAX. */
PX_MUST_USE enum px_code px_nets_parse(struct px_str list, struct px_nets *ret,
                                       struct px_err *reterr);
/* px_nets_find(nets, a): the place of the first network that holds ${a}, or nets->n. */
size_t px_nets_find(const struct px_nets *nets, const struct px_addr *a);

#endif
