/* Time as a parameter: nothing below the programs reads a clock by itself. */
#ifndef PX_CLOCK_H
#define PX_CLOCK_H

#include <px/base.h>

struct px_clock {
    px_us (*wall)(const struct px_clock *self); /* since 1970 UTC; may jump      */
    px_us (*mono)(const struct px_clock *self); /* only ever forward; for spans  */
};

/* The machine's clocks. */
extern const struct px_clock px_clock_system;

/* A clock that stands still until told otherwise: for tests. Its mono begins at one hour. */
struct px_clock_fake {
    struct px_clock clock; /* first member: pass &fake.clock */
    px_us wall_now, mono_now;
};
void px_clock_fake_init(struct px_clock_fake *f, px_us wall);
void px_clock_fake_advance(struct px_clock_fake *f, px_us span);

static inline px_us px_wall(const struct px_clock *c) {
    return c->wall(c);
}
static inline px_us px_mono(const struct px_clock *c) {
    return c->mono(c);
}

#endif
