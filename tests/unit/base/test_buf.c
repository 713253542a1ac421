/* The byte buffer: growth, cap, the broken state, lack of memory. */
#include <px/buf.h>

#include <px/mem.h>

#include "torture.h"
#include "unit.h"

static void test_buf_appends_everything(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);

    px_buf_str(&b, PX_S("a\0b"));
    px_buf_c(&b, "cd");
    px_buf_byte(&b, 0xff);
    px_buf_i64(&b, INT64_MIN);
    px_buf_byte(&b, ' ');
    px_buf_i64(&b, -7);
    px_buf_u64(&b, 0);
    px_buf_u64(&b, UINT64_MAX);
    px_buf_printf(&b, "<%s>", "x");
    px_buf_str(&b, (struct px_str){.p = NULL, .n = 0});

    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    assert_true(px_str_eq(px_buf_view(&b),
                          PX_S("a\0bcd\xff-9223372036854775808 -7018446744073709551615<x>")));
}

static void test_buf_holds_exactly_its_cap(void **state PX_UNUSED) {
    for (size_t max = 0; max <= 300; max++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(max);
        for (size_t i = 0; i < max; i++) {
            px_buf_byte(&b, 'x');
        }
        assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
        assert_int_equal(b.n, max);
        assert_int_equal(strlen(px_buf_cstr(&b)), max); /* the NUL needs no room of the cap */

        px_buf_byte(&b, 'y');

        struct px_err err = PX_ERR_INIT;
        assert_int_equal(px_buf_ok(&b, &err), PX_TOO_LARGE);
        assert_int_equal(err.code, PX_TOO_LARGE);
        assert_int_equal(b.n, max);
    }
}

static void test_buf_stays_broken_until_reset(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(8);

    px_buf_c(&b, "1234");
    px_buf_c(&b, "56789");
    px_buf_c(&b, "5"); /* would fit, but something before it is missing */
    assert_int_equal(b.n, 4);
    assert_int_equal(px_buf_ok(&b, NULL), PX_TOO_LARGE);
    assert_string_equal(px_buf_cstr(&b), "");
    assert_null(px_buf_reserve(&b, 1));

    px_buf_reset(&b);
    px_buf_c(&b, "12345678");
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    assert_string_equal(px_buf_cstr(&b), "12345678");
}

static void test_buf_sizes_do_not_wrap(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(SIZE_MAX);

    px_buf_byte(&b, 'x');
    assert_null(px_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(px_buf_ok(&b, NULL), PX_TOO_LARGE);
    px_buf_reset(&b);
    assert_null(px_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(px_buf_ok(&b, NULL), PX_NOMEM);
}

static void test_buf_printf_of_any_length(void **state PX_UNUSED) {
    for (int n = 250; n <= 260; n++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
        px_buf_byte(&b, '>');
        px_buf_printf(&b, "%*d", n, 7);
        assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
        assert_int_equal(b.n, (size_t)n + 1);
        assert_int_equal(b.p[n], '7');
    }
    PX_DEFER(px_buf_fini) struct px_buf small = PX_BUF_INIT(300);
    px_buf_printf(&small, "%301d", 1);
    assert_int_equal(px_buf_ok(&small, NULL), PX_TOO_LARGE);
}

static void test_buf_consume(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);

    px_buf_consume(&b, 5);
    px_buf_c(&b, "hello world");
    px_buf_consume(&b, 0);
    px_buf_consume(&b, 6);
    assert_string_equal(px_buf_cstr(&b), "world");
    px_buf_consume(&b, 99);
    assert_int_equal(b.n, 0);
    assert_string_equal(px_buf_cstr(&b), "");
}

static void test_buf_is_usable_after_fini(void **state PX_UNUSED) {
    struct px_buf b;

    px_buf_init(&b, 16);
    px_buf_c(&b, "x");
    px_buf_fini(&b);
    px_buf_fini(&b);
    assert_string_equal(px_buf_cstr(&b), "");
    px_buf_c(&b, "y");
    assert_string_equal(px_buf_cstr(&b), "y");
    px_buf_fini(&b);
}

static void test_buf_keeps_its_memory_over_a_reset(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    px_buf_printf(&b, "%5000d", 1);
    px_buf_reset(&b);

    px_mem_fail_at(1);
    px_buf_printf(&b, "%5000d", 2);

    assert_int_equal(px_mem_fail_left(), 1);
    px_mem_fail_at(0);
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
}

static enum px_code build(void *arg PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    for (int i = 0; i < 1000; i++) {
        px_buf_printf(&b, "%d", i);
        px_buf_byte(&b, ',');
        px_buf_u64(&b, 3);
    }
    px_buf_printf(&b, "%3000d", 1);
    return px_buf_ok(&b, NULL);
}

static void test_buf_torture(void **state PX_UNUSED) {
    assert_true(torture(build, NULL) >= 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_appends_everything),
        cmocka_unit_test(test_buf_holds_exactly_its_cap),
        cmocka_unit_test(test_buf_stays_broken_until_reset),
        cmocka_unit_test(test_buf_sizes_do_not_wrap),
        cmocka_unit_test(test_buf_printf_of_any_length),
        cmocka_unit_test(test_buf_consume),
        cmocka_unit_test(test_buf_is_usable_after_fini),
        cmocka_unit_test(test_buf_keeps_its_memory_over_a_reset),
        cmocka_unit_test(test_buf_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
