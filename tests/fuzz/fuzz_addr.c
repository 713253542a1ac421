/* Addresses as text. The parser accepts what inet_pton accepts and reads it alike; what is printed
 * is read back; an address is in the networks around it; whatever a proxy may write around an
 * address does not change it. */
#include "fuzz.h"

#include <px/addr.h>

#include <arpa/inet.h>

static bool slow_parse(struct px_str s, struct px_addr *ret) {
    char text[128];
    struct in_addr v4;
    struct in6_addr v6;
    if (!px_str_copy(s, text, sizeof text)) {
        return false;
    }
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *ret = (struct px_addr){.b = {[10] = 0xff, [11] = 0xff}};
        memcpy(ret->b + 12, &v4, 4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        memcpy(ret->b, &v6, 16);
        return true;
    }
    return false;
}

static void check_written(const struct px_addr *a) {
    char text[PX_ADDR_TEXT], hop[PX_ADDR_TEXT + 8];
    struct px_addr again, none;
    size_t n = px_addr_fmt(a, text);
    FUZZ_CHECK(n < sizeof text && px_utf8_valid((struct px_str){.p = text, .n = n}));
    FUZZ_CHECK(px_addr_parse((struct px_str){.p = text, .n = n}, &again) && px_addr_eq(a, &again));
    bool v4 = px_addr_is_v4(a);
    size_t at = v4 ? 0 : 1;
    hop[0] = '[';
    memcpy(hop + at, text, n);
    memcpy(hop + at + n, v4 ? ":80" : "]:80", v4 ? 3 : 4);
    struct px_str s = {.p = hop, .n = at + n + (v4 ? 3 : 4)};
    FUZZ_CHECK(px_addr_parse_hop(s, &again) && px_addr_eq(a, &again));
    FUZZ_CHECK(!px_addr_parse(s, &none));
}

static void check_nets(const struct px_addr *a, uint8_t bits) {
    char text[PX_NET_TEXT];
    struct px_net net = px_addr_net(a, bits % 33, bits % 129), again;
    size_t n = px_net_fmt(&net, text);
    FUZZ_CHECK(px_net_has(&net, a));
    FUZZ_CHECK(px_net_parse((struct px_str){.p = text, .n = n}, &again, NULL) == PX_OK);
    FUZZ_CHECK(px_addr_eq(&net.base, &again.base) && net.bits == again.bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct px_nets nets;
    struct px_str s = {.p = (const char *)data, .n = size};
    struct px_addr a, b, hop;
    struct px_net net;
    bool ok = px_addr_parse(s, &a);
    FUZZ_CHECK(ok == slow_parse(s, &b));
    if (ok) {
        FUZZ_CHECK(px_addr_eq(&a, &b));
        FUZZ_CHECK(px_addr_parse_hop(s, &hop) && px_addr_eq(&a, &hop));
        check_written(&a);
        check_nets(&a, size ? data[size - 1] : 0);
    } else if (px_addr_parse_hop(s, &hop)) {
        check_written(&hop);
    }
    if (px_net_parse(s, &net, NULL) == PX_OK) {
        FUZZ_CHECK(px_net_has(&net, &net.base));
    }
    if (px_nets_parse(s, &nets, NULL) == PX_OK) {
        FUZZ_CHECK(nets.n <= PX_NETS_MAX);
        for (size_t i = 0; i < nets.n; i++) {
            FUZZ_CHECK(px_nets_find(&nets, &nets.v[i].base) <= i);
        }
    }
    return 0;
}
