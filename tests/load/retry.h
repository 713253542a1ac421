/* What is to be sent again and when: a heap by time. Waits grow with each attempt and are
 * scattered, so that those who failed together do not come back together. */
#ifndef RETRY_H
#define RETRY_H

#include "load.h"

struct retry_entry {
    px_us at;
    uint32_t request;
};
struct retry {
    struct retry_entry *v;
    size_t n, cap;
    uint64_t state; /* of the scatter */
};
#define RETRY_INIT ((struct retry){.v = NULL})

/* retry_wait(r, attempt): how long to wait after attempt ${attempt} (from 1): 250 ms, doubled up to
 * 4 s, and up to a quarter more or less. */
px_us retry_wait(struct retry *r, unsigned attempt);

/* retry_add(r, at, request): false without memory. */
PX_MUST_USE bool retry_add(struct retry *r, px_us at, uint32_t request);

/* retry_due(r, now, ret): take the earliest that is due by ${now}; false when there is none. */
PX_MUST_USE bool retry_due(struct retry *r, px_us now, struct retry_entry *ret);

/* retry_next(r): when the earliest is due; INT64_MAX = none. */
px_us retry_next(const struct retry *r);
void retry_fini(struct retry *r);

#endif
