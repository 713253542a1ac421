/* A client's address as events keep it. The address itself is personal data: what leaves this
 * service in it is chosen here, once, for the log, for dead letters and for everything behind. */
#ifndef ING_ADDRESS_H
#define ING_ADDRESS_H

#include "conf.h"

#include <px/addr.h>
#include <px/keyring.h>

enum ing_address_mode { /* as the row Privacy:ClientAddress */
    ING_ADDRESS_TRUNCATED,
    ING_ADDRESS_FULL,
    ING_ADDRESS_HASHED,
    ING_ADDRESS_NONE
};
const char *ing_address_mode_name(enum ing_address_mode m);

#define ING_ADDRESS_V4_BITS 24
#define ING_ADDRESS_V6_BITS 48
#define ING_ADDRESS_HEX     24 /* digits of a hashed one: 96 bits of the code */
#define ING_ADDRESS_TEXT    (PX_KID_MAX + 1 + ING_ADDRESS_HEX)
#define ING_ADDRESS_SEEN    256

/* Of one worker. What was made of an address is kept for its next request: a place by its hash. */
struct ing_address {
    enum ing_address_mode mode;
    struct px_keyring ring; /* for HASHED */
    struct {
        struct px_addr addr;
        uint8_t n; /* 0 = nothing here yet */
        char text[ING_ADDRESS_TEXT];
    } seen[ING_ADDRESS_SEEN];
};

/* ing_address_init(a, conf, reterr): reads the key file if there is a need for one.
 * ing_address_fini: a zeroed one is fine. Errors: PX_CONFIG, PX_NOMEM. */
PX_MUST_USE enum px_code ing_address_init(struct ing_address *a, const struct ing_conf *conf,
                                          struct px_err *reterr);
void ing_address_fini(struct ing_address *a);

/* ing_address_kept(a, addr): ${addr} as events keep it, valid until the next call:
 * "203.0.113.0/24", "2001:db8:1::/48"; in full; "kid:0123..." (the first digits of HMAC-SHA-256,
 * key by key file, over "pixel-analytics client address 1" and the 16 bytes); n = 0 when none is
 * kept. Threads: owner. */
struct px_str ing_address_kept(struct ing_address *a, const struct px_addr *addr);

#endif
