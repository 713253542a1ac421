/* Which pages may read an answer: what the Fetch standard wants to see in it. Keeps nobody from
 * sending. */
#ifndef ING_CORS_H
#define ING_CORS_H

#include <px/str.h>

struct ing_cors {
    struct px_str origin; /* named in the answer, with credentials; n = 0: none */
    bool any;             /* else: everybody, without credentials */
};

/* ing_cors_of(allowed, origin, twice): ${allowed}: the option Cors:Origins. ${origin}: the value of
 * the field (.p NULL = none); ${twice}: it was given more than once. Only one well-formed origin is
 * ever named (beacons always carry credentials, and then `*` would not do); `null`, lists and
 * garbage are nobody in particular. Views ${origin}. Threads: pure. Source: Fetch, "CORS protocol";
 * RFC 6454 7. */
struct ing_cors ing_cors_of(const char *allowed, struct px_str origin, bool twice);

/* ing_cors_allowed_ok(allowed): is the option `*`, empty, or origins between blanks or commas?
 * Threads: pure. */
bool ing_cors_allowed_ok(const char *allowed);

#endif
