/* The machine's clocks, and one that tests move by hand. Everything else gets its time through a
 * struct px_clock and reads no clock of its own. */
#include <px/clock.h>

#include <time.h>

static px_us read_clock(clockid_t id) {
    struct timespec ts;
    int rc = clock_gettime(id, &ts);
    px_assert(rc == 0);
    return (px_us)ts.tv_sec * PX_US_PER_S + ts.tv_nsec / 1000;
}

static px_us system_wall(const struct px_clock *self PX_UNUSED) {
    return read_clock(CLOCK_REALTIME);
}

static px_us system_mono(const struct px_clock *self PX_UNUSED) {
    return read_clock(CLOCK_MONOTONIC);
}

const struct px_clock px_clock_system = {.wall = system_wall, .mono = system_mono};

static px_us fake_wall(const struct px_clock *self) {
    return ((const struct px_clock_fake *)self)->wall_now;
}

static px_us fake_mono(const struct px_clock *self) {
    return ((const struct px_clock_fake *)self)->mono_now;
}

void px_clock_fake_init(struct px_clock_fake *f, px_us wall) {
    *f = (struct px_clock_fake){
        .clock = {.wall = fake_wall, .mono = fake_mono},
        .wall_now = wall,
        .mono_now = PX_US_PER_HOUR,
    };
}

void px_clock_fake_advance(struct px_clock_fake *f, px_us span) {
    f->wall_now += span;
    f->mono_now += span;
}
