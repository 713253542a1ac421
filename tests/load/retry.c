/* A binary heap of times. Whether something may be sent again is decided by the client. */
#include "retry.h"

#include <px/mem.h>

#define RETRY_FIRST    (250 * PX_US_PER_MS)
#define RETRY_DOUBLING 4 /* 4 s at most */

px_us retry_wait(struct retry *r, unsigned attempt) {
    unsigned doubled = attempt - 1 < RETRY_DOUBLING ? attempt - 1 : RETRY_DOUBLING;
    px_us wait = RETRY_FIRST << doubled;

    r->state = r->state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return wait - wait / 4 + (px_us)((r->state >> 33) % (uint64_t)(wait / 2));
}

bool retry_add(struct retry *r, px_us at, uint32_t request) {
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 256;
        struct retry_entry *v = px_realloc(r->v, cap * sizeof *v);
        if (!v) {
            return false;
        }
        r->v = v;
        r->cap = cap;
    }
    size_t i = r->n++;
    for (; i && r->v[(i - 1) / 2].at > at; i = (i - 1) / 2) {
        r->v[i] = r->v[(i - 1) / 2];
    }
    r->v[i] = (struct retry_entry){.at = at, .request = request};
    return true;
}

bool retry_due(struct retry *r, px_us now, struct retry_entry *ret) {
    if (r->n == 0 || r->v[0].at > now) {
        return false;
    }
    *ret = r->v[0];
    struct retry_entry last = r->v[--r->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < r->n; i = child) {
        if (child + 1 < r->n && r->v[child + 1].at < r->v[child].at) {
            child++;
        }
        if (r->v[child].at >= last.at) {
            break;
        }
        r->v[i] = r->v[child];
    }
    r->v[i] = last;
    return true;
}

px_us retry_next(const struct retry *r) {
    return r->n ? r->v[0].at : INT64_MAX;
}

void retry_fini(struct retry *r) {
    px_free(r->v);
    *r = RETRY_INIT;
}
