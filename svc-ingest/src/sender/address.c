/* An address -> what events keep of it. Must not log an address, nor keep one longer than its place
 * in the table lasts. */
#include "address.h"

#include <string.h>

const char *ing_address_mode_name(enum ing_address_mode m) {
    static const char *const names[] = {"truncated", "full", "hashed", "none"}; /* as the row */

    return names[m];
}

enum px_code ing_address_init(struct ing_address *a, const struct ing_conf *conf,
                              struct px_err *reterr) {
    memset(a, 0, sizeof *a);
    a->mode = (enum ing_address_mode)conf->client_address;
    if (a->mode != ING_ADDRESS_HASHED) {
        return PX_OK;
    }
    if (!conf->address_keys[0]) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Privacy:ClientAddress=hashed needs Privacy:KeyFile, a file with a line "
                       "NAME HEXADECIMAL: make the key with openssl rand -hex 32");
    }
    return px_keyring_load("Privacy:KeyFile", conf->address_keys, &a->ring, reterr);
}

void ing_address_fini(struct ing_address *a) {
    px_keyring_fini(&a->ring);
    memset(a->seen, 0, sizeof a->seen);
}

static size_t address_place(const struct px_addr *addr) {
    uint64_t hi, lo;

    memcpy(&hi, addr->b, sizeof hi);
    memcpy(&lo, addr->b + sizeof hi, sizeof lo);
    return ((hi ^ (lo * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd)) >> 56;
}

/* The label keeps these codes apart from those that the same key makes elsewhere. */
static size_t address_hash(struct ing_address *a, const struct px_addr *addr,
                           char out[ING_ADDRESS_TEXT]) {
    struct px_str kid = px_str_c(a->ring.v[0].kid);
    const struct px_str parts[] = {PX_S("pixel-analytics client address 1"),
                                   {.p = (const char *)addr->b, .n = sizeof addr->b}};
    uint8_t mac[PX_HMAC_BYTES];
    char hex[PX_HMAC_TEXT];

    px_hmac(a->ring.v[0].hmac, parts, PX_ARRAY_LEN(parts), mac);
    px_hmac_hex(mac, hex);
    memcpy(out, kid.p, kid.n);
    out[kid.n] = ':';
    memcpy(out + kid.n + 1, hex, ING_ADDRESS_HEX);
    return kid.n + 1 + ING_ADDRESS_HEX;
}

static size_t address_text(struct ing_address *a, const struct px_addr *addr,
                           char out[ING_ADDRESS_TEXT]) {
    static_assert(ING_ADDRESS_TEXT >= PX_NET_TEXT && ING_ADDRESS_TEXT >= PX_ADDR_TEXT,
                  "room for every form");
    struct px_net net;

    switch (a->mode) {
    case ING_ADDRESS_TRUNCATED:
        net = px_addr_net(addr, ING_ADDRESS_V4_BITS, ING_ADDRESS_V6_BITS);
        return px_net_fmt(&net, out);
    case ING_ADDRESS_FULL:
        return px_addr_fmt(addr, out);
    case ING_ADDRESS_HASHED:
        return address_hash(a, addr, out);
    case ING_ADDRESS_NONE:
        break;
    }
    return 0;
}

struct px_str ing_address_kept(struct ing_address *a, const struct px_addr *addr) {
    size_t i = address_place(addr) % ING_ADDRESS_SEEN;

    if (a->mode == ING_ADDRESS_NONE) {
        return (struct px_str){.n = 0};
    }
    if (a->seen[i].n == 0 || !px_addr_eq(&a->seen[i].addr, addr)) {
        a->seen[i].n = (uint8_t)address_text(a, addr, a->seen[i].text);
        a->seen[i].addr = *addr;
    }
    return (struct px_str){.p = a->seen[i].text, .n = a->seen[i].n};
}
