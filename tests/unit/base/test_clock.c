/* The system's clocks and the one that tests move. */
#include <px/clock.h>

#include <time.h>

#include "unit.h"

/* Not time(): it may lag by a tick of the kernel. */
static px_us libc_now(void) {
    struct timespec ts;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &ts), 0);
    return (px_us)ts.tv_sec * PX_US_PER_S + ts.tv_nsec / 1000;
}

static void test_clock_system_agrees_with_libc(void **state PX_UNUSED) {
    px_us before = libc_now();
    px_us wall = px_wall(&px_clock_system);
    assert_in_range(wall, before, libc_now());
    px_us a = px_mono(&px_clock_system), b = px_mono(&px_clock_system);
    assert_true(a > 0 && b >= a);
}

static void test_clock_fake_moves_when_told(void **state PX_UNUSED) {
    struct px_clock_fake f;
    px_clock_fake_init(&f, 1000);
    const struct px_clock *c = &f.clock;
    px_us mono = px_mono(c);
    assert_int_equal(px_wall(c), 1000);
    assert_int_equal(mono, PX_US_PER_HOUR);

    px_clock_fake_advance(&f, 5);

    assert_int_equal(px_wall(c), 1005);
    assert_int_equal(px_mono(c), mono + 5);
    f.wall_now = 1; /* the wall may be set back, mono stays */
    assert_int_equal(px_wall(c), 1);
    assert_int_equal(px_mono(c), mono + 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_system_agrees_with_libc),
        cmocka_unit_test(test_clock_fake_moves_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
