/* The walk to the client behind proxies. The first byte picks the peer and the field that is
 * believed; then come the values of the field, 0xff between them; the last one is what a client
 * might have sent itself, in front of all. The client that is found is the peer or a hop; all hops
 * before it are trusted; and nothing in front of a list can choose another one, unless every hop of
 * the list is a trusted proxy. */
#include "fuzz.h"

#include <px/buf.h>
#include <px/forwarded.h>

static const struct px_fwd_policy *policy(enum px_fwd_header header) {
    static struct px_fwd_policy p;
    if (p.trusted.n == 0) {
        FUZZ_CHECK(px_nets_parse(PX_S("loopback, private, 2001:db8::/32"), &p.trusted, NULL) ==
                   PX_OK);
    }
    p.header = header;
    return &p;
}

static bool trusted(const struct px_fwd_policy *p, const struct px_addr *a) {
    return px_nets_find(&p->trusted, a) < p->trusted.n;
}

static void check_walk(const struct px_fwd_policy *p, const struct px_fwd_walk *w,
                       const struct px_addr *peer) {
    size_t last = 0;
    FUZZ_CHECK(w->n >= 1 && w->n <= PX_FWD_HOPS + 1);
    FUZZ_CHECK(px_addr_eq(&w->steps[0].addr, peer));
    for (size_t i = 0; i < w->n; i++) {
        last = w->steps[i].readable ? i : last;
        FUZZ_CHECK(w->steps[i].readable || i + 1 == w->n);
        FUZZ_CHECK(i + 1 == w->n || trusted(p, &w->steps[i].addr));
    }
    FUZZ_CHECK(px_addr_eq(&w->client, &w->steps[last].addr));
    bool outside = w->end == PX_FWD_DIRECT || w->end == PX_FWD_IGNORED || w->end == PX_FWD_FOUND;
    FUZZ_CHECK(trusted(p, &w->client) == !outside);
}

/* With the client's own text in front of the first value. */
static void check_forged(const struct px_fwd_policy *p, const struct px_addr *peer,
                         struct px_fwd_fields fields, struct px_str forged) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(1 << 20);
    static struct px_fwd_walk honest, walk;
    px_fwd_walk(p, peer, &fields, &honest);
    check_walk(p, &honest, peer);
    if (fields.n == 0 || honest.end == PX_FWD_INSIDE || honest.end == PX_FWD_ABSENT) {
        return;
    }
    px_buf_str(&text, forged);
    px_buf_byte(&text, ',');
    px_buf_str(&text, fields.v[0]);
    fields.v[0] = px_buf_view(&text);
    px_fwd_walk(p, peer, &fields, &walk);
    check_walk(p, &walk, peer);
    /* whom proxies named stays named; where they named nobody, at worst a proxy is found */
    FUZZ_CHECK(px_addr_eq(&walk.client, &honest.client) || trusted(p, &walk.client));
    FUZZ_CHECK(honest.end != PX_FWD_FOUND || walk.end == PX_FWD_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct px_str peers[] = {PX_S_INIT("127.0.0.1"), PX_S_INIT("10.1.2.3"),
                                          PX_S_INIT("2001:db8::1"), PX_S_INIT("198.51.100.7")};
    struct px_fwd_fields fields = {.n = 0};
    struct px_str rest = {.p = (const char *)data + 1, .n = size - 1};
    struct px_addr peer;
    if (size == 0) {
        return 0;
    }
    FUZZ_CHECK(px_addr_parse(peers[data[0] >> 1 & 3], &peer));
    while (rest.n && fields.n <= PX_FWD_HOPS) {
        fields.v[fields.n++] = fuzz_text(&rest);
    }
    struct px_str forged = {.p = "", .n = 0};
    if (fields.n) {
        forged = fields.v[--fields.n];
    }
    check_forged(policy(data[0] & 1 ? PX_FWD_FORWARDED : PX_FWD_X_FORWARDED_FOR), &peer, fields,
                 forged);
    return 0;
}
