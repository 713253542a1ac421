/* Token buckets of many sources in a table of a fixed size: one hash and one row of slots per
 * question, no allocation, no lock. Whoever floods it with new sources gains nothing: what is
 * thrown out first is the bucket that is the fullest, so a source that owes keeps its debt. */
#ifndef ING_BUCKETS_H
#define ING_BUCKETS_H

#include <px/err.h>
#include <px/str.h>

/* A rate as times, of one worker: nothing here needs a fraction. */
struct ing_rate {
    int64_t step;  /* ns that one token takes to come; 0 = no limit */
    int64_t depth; /* ns that a full bucket took to fill            */
};

/* ing_rate_of(n, per, burst, workers): the share of one of ${workers} in ${n} tokens in ${per}
 * and in ${burst} at once, at least one. ${n} 0: no limit. Threads: pure. */
struct ing_rate ing_rate_of(int64_t n, px_us per, int64_t burst, size_t workers);

struct ing_charge {
    px_us now;     /* mono clock */
    unsigned cost; /* tokens, in all */
    unsigned paid; /* of them, taken at the same ${now} already */
};

/* ing_rate_take(due, rate, c): take what ${c} asks for out of the bucket that is full at ${*due}
 * (ns). Returns 0, or the ns after which the same would be given, what was paid included, with
 * nothing taken. What is larger than the bucket is given when the bucket is full, and waited for
 * afterwards. Threads: pure. */
int64_t ing_rate_take(int64_t *due, const struct ing_rate *rate, const struct ing_charge *c);

#define ING_BUCKETS      65536
#define ING_BUCKETS_WAYS 8 /* a source finds its place among so many */

struct ing_bucket_slot {
    uint64_t id;
    int64_t due; /* ns: when it is full again; a past one is as good as none */
};

struct ing_buckets {
    struct ing_bucket_slot *slots;
    uint64_t k0, k1; /* of the hash, from the kernel */
    uint64_t evicted;
};

/* ing_buckets_init(b, reterr): all full. Errors: PX_NOMEM. ing_buckets_fini: also a zeroed one. */
PX_MUST_USE enum px_code ing_buckets_init(struct ing_buckets *b, struct px_err *reterr);
void ing_buckets_fini(struct ing_buckets *b);

/* ing_buckets_id(b, kind, source): names the bucket of ${source} among those of ${kind}. */
uint64_t ing_buckets_id(const struct ing_buckets *b, unsigned kind, struct px_str source);
/* ing_buckets_take(b, id, rate, c): as ing_rate_take, of the bucket ${id}. A bucket that had to go
 * before it was full again is counted in b->evicted. Threads: owner. */
int64_t ing_buckets_take(struct ing_buckets *b, uint64_t id, const struct ing_rate *rate,
                         const struct ing_charge *c);

#endif
