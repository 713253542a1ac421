/* A token bucket kept in microseconds, so that a rate needs no fractions. Pure. */
#include "worker.h"

void ing_bucket_init(struct ing_bucket *b, int64_t rate, px_us now) {
    *b = (struct ing_bucket){.rate = rate, .tokens_us = PX_US_PER_S, .last = now};
}

bool ing_bucket_take(struct ing_bucket *b, px_us now) {
    if (b->rate <= 0) {
        return false;
    }
    px_us passed = now > b->last ? now - b->last : 0;
    b->last = now;
    b->tokens_us = passed >= PX_US_PER_S - b->tokens_us ? PX_US_PER_S : b->tokens_us + passed;

    px_us price = PX_US_PER_S / b->rate > 0 ? PX_US_PER_S / b->rate : 1;
    if (b->tokens_us < price) {
        return false;
    }
    b->tokens_us -= price;
    return true;
}
