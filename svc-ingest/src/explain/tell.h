/* The walk to a client as it is told: line by line for people, or as JSON. Says what was found and
 * finds nothing itself. */
#ifndef ING_TELL_H
#define ING_TELL_H

#include "address.h"

#include <px/buf.h>
#include <px/forwarded.h>

/* What there is to tell. */
struct ing_told {
    const struct px_fwd_policy *policy;
    const struct px_fwd_walk *walk; /* by that policy */
    enum ing_address_mode mode;
    struct px_str kept; /* of the client's address, by that mode; n = 0 = nothing */
};

/* ing_tell_text(t, out), ing_tell_json(t, out): append it to ${out}, with a line feed. Threads:
 * pure. */
void ing_tell_text(const struct ing_told *t, struct px_buf *out);
void ing_tell_json(const struct ing_told *t, struct px_buf *out);

#endif
