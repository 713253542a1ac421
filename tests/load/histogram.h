/* Times in a log-linear histogram: a slot is at most 1/128 of its value wide, so that a percentile
 * is at most 0.8 % too great, from microseconds to hours, in constant memory and constant time. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <px/base.h>

/* Values below 256 have a slot each; every doubling above has 128, up to 2^40 us (12 days). */
#define HISTOGRAM_SLOTS (256 + 32 * 128)

struct histogram {
    uint64_t n, sum;
    px_us max;
    uint64_t slot[HISTOGRAM_SLOTS];
};

/* histogram_add(h, us): below 0 counts as 0; from 2^40 us on it counts in the last slot. */
void histogram_add(struct histogram *h, px_us us);

/* histogram_at(h, per_million): the smallest slot's upper end such that ${per_million} of the
 * values lie at or below it, never more than the maximum; 0 when empty. 500000 = median. */
px_us histogram_at(const struct histogram *h, uint32_t per_million);

/* histogram_merge(to, from): as if all values of ${from} had been added to ${to}. */
void histogram_merge(struct histogram *to, const struct histogram *from);

double histogram_mean(const struct histogram *h);

#endif
