/* Addresses and networks: text to bytes and back, and who is inside. Pure; asks no resolver. */
#include <px/addr.h>

#include <px/num.h>

#include <arpa/inet.h>
#include <stdio.h>

#define V4_PREFIX 96

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool px_addr_is_v4(const struct px_addr *a) {
    return memcmp(a->b, mapped, sizeof mapped) == 0;
}

bool px_addr_is_private(const struct px_addr *a) {
    static const struct px_addr loopback = {.b = {[15] = 1}};
    const uint8_t *v4 = a->b + sizeof mapped;
    if (!px_addr_is_v4(a)) {
        return (a->b[0] & 0xfe) == 0xfc || px_addr_eq(a, &loopback);
    }
    return v4[0] == 10 || v4[0] == 127 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
           (v4[0] == 192 && v4[1] == 168);
}

/* inet_pton is as strict as the contract: no leading zeros, no zone, no fewer than four numbers. */
bool px_addr_parse(struct px_str s, struct px_addr *ret) {
    char text[PX_ADDR_TEXT];
    struct px_addr a;
    if (!px_str_copy(s, text, sizeof text)) {
        return false;
    }
    if (px_str_find(s, ':') < s.n) {
        if (inet_pton(AF_INET6, text, a.b) != 1) {
            return false;
        }
    } else {
        memcpy(a.b, mapped, sizeof mapped);
        if (inet_pton(AF_INET, text, a.b + sizeof mapped) != 1) {
            return false;
        }
    }
    *ret = a;
    return true;
}

static bool is_hidden_port(struct px_str s) {
    if (s.n < 2 || s.p[0] != '_') {
        return false;
    }
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-') {
            return false;
        }
    }
    return true;
}

static bool is_port(struct px_str s) {
    int64_t port;
    return px_parse_i64(s, 0, 65535, &port) || is_hidden_port(s);
}

static struct px_str from(struct px_str s, size_t at) {
    return (struct px_str){.p = s.p + at, .n = s.n - at};
}

bool px_addr_parse_hop(struct px_str s, struct px_addr *ret) {
    struct px_addr a;
    if (s.n > 0 && s.p[0] == '[') {
        size_t end = px_str_find(s, ']');
        struct px_str inside = {.p = s.p + 1, .n = end - 1};
        if (end == s.n || px_str_find(inside, ':') == inside.n || !px_addr_parse(inside, &a)) {
            return false;
        }
        struct px_str rest = from(s, end + 1);
        if (rest.n > 0 && (rest.p[0] != ':' || !is_port(from(rest, 1)))) {
            return false;
        }
        *ret = a;
        return true;
    }
    size_t colon = px_str_find(s, ':');
    if (colon < s.n && px_str_find(from(s, colon + 1), ':') == s.n - colon - 1) {
        /* one colon: IPv4 and a port */
        return is_port(from(s, colon + 1)) &&
               px_addr_parse((struct px_str){.p = s.p, .n = colon}, ret);
    }
    return px_addr_parse(s, ret);
}

size_t px_addr_fmt(const struct px_addr *a, char out[PX_ADDR_TEXT]) {
    bool v4 = px_addr_is_v4(a);
    const char *text =
        inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + sizeof mapped : a->b, out, PX_ADDR_TEXT);
    px_assert(text); /* every address fits */
    return strlen(text);
}

/* --- networks ----------------------------------------------------------------------------------
 */

static void clear_behind(struct px_addr *a, unsigned bits) {
    for (unsigned i = 0; i < sizeof a->b; i++) {
        unsigned left = bits > i * 8 ? bits - i * 8 : 0;
        unsigned keep = left >= 8 ? 0xffu : 0xff00u >> left;
        a->b[i] = (uint8_t)(a->b[i] & keep);
    }
}

struct px_net px_addr_net(const struct px_addr *a, unsigned v4_bits, unsigned v6_bits) {
    unsigned bits = px_addr_is_v4(a) ? V4_PREFIX + v4_bits : v6_bits;
    struct px_net net = {.base = *a, .bits = (uint8_t)bits};
    px_assert(bits <= 128);
    clear_behind(&net.base, bits);
    return net;
}

static bool net_is_v4(const struct px_net *net) {
    return net->bits >= V4_PREFIX && px_addr_is_v4(&net->base);
}

bool px_net_has(const struct px_net *net, const struct px_addr *a) {
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (memcmp(net->base.b, a->b, whole) != 0 || (px_addr_is_v4(a) && !net_is_v4(net))) {
        return false;
    }
    return rest == 0 || ((net->base.b[whole] ^ a->b[whole]) >> (8 - rest)) == 0;
}

size_t px_net_fmt(const struct px_net *net, char out[PX_NET_TEXT]) {
    bool v4 = net_is_v4(net);
    size_t n;
    if (v4) {
        n = px_addr_fmt(&net->base, out);
    } else {
        const char *text = inet_ntop(AF_INET6, net->base.b, out, PX_ADDR_TEXT);
        px_assert(text);
        n = strlen(text);
    }
    int more = snprintf(out + n, PX_NET_TEXT - n, "/%d", net->bits - (v4 ? V4_PREFIX : 0));
    px_assert(more > 0 && (size_t)more < PX_NET_TEXT - n);
    return n + (size_t)more;
}

enum px_code px_net_parse(struct px_str s, struct px_net *ret, struct px_err *reterr) {
    size_t slash = px_str_find(s, '/');
    struct px_str text = {.p = s.p, .n = slash};
    struct px_addr a;
    if (!px_addr_parse(text, &a)) {
        return PX_FAIL(reterr, PX_INVALID,
                       "\"%.*s\" is no network: write 10.0.0.0/8, 2001:db8::/32 or one address",
                       (int)(s.n < 60 ? s.n : 60), s.p ? s.p : "");
    }
    /* "::ffff:10.0.0.0/104" is written in the long form and counts its bits so */
    bool colon = px_str_find(text, ':') < text.n;
    int64_t most = colon ? 128 : 32, bits = most;
    if (slash < s.n && !px_parse_i64(from(s, slash + 1), 0, most, &bits)) {
        return PX_FAIL(reterr, PX_INVALID,
                       "\"%.*s\": behind the stroke stands a number from 0 to %d", PX_S_ARG(s),
                       (int)most);
    }
    struct px_net net = {.base = a, .bits = (uint8_t)(colon ? bits : V4_PREFIX + bits)};
    clear_behind(&net.base, net.bits);
    if (!px_addr_eq(&net.base, &a)) {
        char right[PX_NET_TEXT];
        px_net_fmt(&net, right);
        return PX_FAIL(reterr, PX_INVALID,
                       "\"%.*s\" has bits set behind its prefix: the network is %s", PX_S_ARG(s),
                       right);
    }
    *ret = net;
    return PX_OK;
}

/* --- lists --------------------------------------------------------------------------------------
 */

static const struct {
    struct px_str name;
    const char *nets[5];
} names[] = {
    {PX_S_INIT("loopback"), {"127.0.0.0/8", "::1"}},
    {PX_S_INIT("private"), {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}},
};

static enum px_code put(struct px_nets *nets, struct px_str s, struct px_err *reterr) {
    if (nets->n == PX_NETS_MAX) {
        return PX_FAIL(reterr, PX_INVALID, "more than %d networks", PX_NETS_MAX);
    }
    enum px_code rc = px_net_parse(s, &nets->v[nets->n], reterr);
    nets->n += rc == PX_OK;
    return rc;
}

static enum px_code put_word(struct px_nets *nets, struct px_str word, struct px_err *reterr) {
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        if (!px_str_ieq(word, names[i].name)) {
            continue;
        }
        enum px_code rc = PX_OK;
        for (size_t j = 0; rc == PX_OK && names[i].nets[j]; j++) {
            rc = put(nets, px_str_c(names[i].nets[j]), reterr);
        }
        return rc;
    }
    return put(nets, word, reterr);
}

static bool is_gap(char c) {
    return c == ',' || c == ' ' || c == '\t';
}

enum px_code px_nets_parse(struct px_str list, struct px_nets *ret, struct px_err *reterr) {
    ret->n = 0;
    for (size_t i = 0; i < list.n;) {
        size_t end = i;
        while (end < list.n && !is_gap(list.p[end])) {
            end++;
        }
        struct px_str word = {.p = list.p + i, .n = end - i};
        enum px_code rc = word.n ? put_word(ret, word, reterr) : PX_OK;
        if (rc) {
            ret->n = 0;
            return rc;
        }
        i = end + 1;
    }
    return PX_OK;
}

size_t px_nets_find(const struct px_nets *nets, const struct px_addr *a) {
    size_t i = 0;
    while (i < nets->n && !px_net_has(&nets->v[i], a)) {
        i++;
    }
    return i;
}
