/* Avro primitives: the specification's vectors, limits, and reads that stop at the end. */
#include <px/avro.h>

#include "unit.h"

static const struct {
    int64_t v;
    struct px_str bytes;
} longs[] = {
    /* Source: Avro 1.11 specification, "Binary encoding", and the ends of the range. */
    {0, PX_S_INIT("\x00")},
    {-1, PX_S_INIT("\x01")},
    {1, PX_S_INIT("\x02")},
    {-2, PX_S_INIT("\x03")},
    {2, PX_S_INIT("\x04")},
    {-64, PX_S_INIT("\x7f")},
    {64, PX_S_INIT("\x80\x01")},
    {-65, PX_S_INIT("\x81\x01")},
    {8192, PX_S_INIT("\x80\x80\x01")},
    {INT32_MAX, PX_S_INIT("\xfe\xff\xff\xff\x0f")},
    {INT64_MAX, PX_S_INIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
    {INT64_MIN, PX_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
};

static void test_avro_longs(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(longs); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
        px_avro_put_long(&b, longs[i].v);
        assert_true(px_str_eq(px_buf_view(&b), longs[i].bytes));
        struct px_avro_in in = px_avro_on(longs[i].bytes);
        assert_true(px_avro_long(&in) == longs[i].v);
        assert_true(!in.failed && in.p == in.end);
        /* one byte short */
        in = px_avro_on((struct px_str){.p = longs[i].bytes.p, .n = longs[i].bytes.n - 1});
        assert_true(px_avro_long(&in) == 0);
        assert_true(in.failed);
    }
}

static void test_avro_refuses_long_varints(void **state PX_UNUSED) {
    static const struct px_str bad[] = {
        PX_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* 65 bits  */
        PX_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), /* 11 bytes */
        PX_S_INIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
        PX_S_INIT(""),
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        struct px_avro_in in = px_avro_on(bad[i]);
        PX_UNUSED int64_t v = px_avro_long(&in);
        assert_true(in.failed);
    }
}

static void test_avro_bytes(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
    px_avro_put_bytes(&b, PX_S("foo"));
    assert_true(px_str_eq(px_buf_view(&b), PX_S("\x06"
                                                "foo")));
    struct px_avro_in in = px_avro_on(px_buf_view(&b));
    assert_true(px_str_is(px_avro_bytes(&in), "foo"));
    assert_false(in.failed);

    static const struct px_str bad[] = {
        PX_S_INIT("\x08"
                  "foo"), /* longer than the input */
        PX_S_INIT("\x05"
                  "foo"), /* negative              */
        PX_S_INIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                  "foo"), /* INT64_MAX             */
        PX_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                  "foo"), /* INT64_MIN             */
        PX_S_INIT(""),
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        in = px_avro_on(bad[i]);
        assert_int_equal(px_avro_bytes(&in).n, 0);
        assert_true(in.failed);
    }
}

static void test_avro_doubles(void **state PX_UNUSED) {
    static const double values[] = {0.0, -0.0, 1.5, -1e308, 5e-324};
    for (size_t i = 0; i < PX_ARRAY_LEN(values); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
        px_avro_put_double(&b, values[i]);
        assert_int_equal(b.n, 8);
        struct px_avro_in in = px_avro_on(px_buf_view(&b));
        double back = px_avro_double(&in);
        assert_memory_equal(&back, &values[i], sizeof back);
        in = px_avro_on((struct px_str){.p = b.p, .n = 7});
        PX_UNUSED double none = px_avro_double(&in);
        assert_true(in.failed);
    }
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
    px_avro_put_double(&b, 1.0);
    assert_memory_equal(b.p, "\x00\x00\x00\x00\x00\x00\xf0\x3f", 8); /* little-endian */
}

static void test_avro_booleans(void **state PX_UNUSED) {
    struct px_avro_in in = px_avro_on(PX_S("\x01\x00\x02"));
    assert_true(px_avro_bool(&in));
    assert_false(px_avro_bool(&in));
    assert_false(in.failed);
    assert_false(px_avro_bool(&in));
    assert_true(in.failed);
    in = px_avro_on(PX_S(""));
    assert_false(px_avro_bool(&in));
    assert_true(in.failed);
}

static void test_avro_optional_strings(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
    px_avro_put_opt_string(&b, PX_S("a"));
    px_avro_put_opt_string(&b, PX_S(""));
    assert_true(px_str_eq(px_buf_view(&b), PX_S("\x02\x02"
                                                "a\x00")));
    struct px_avro_in in = px_avro_on(px_buf_view(&b));
    assert_true(px_str_is(px_avro_opt_string(&in), "a"));
    assert_int_equal(px_avro_opt_string(&in).n, 0);
    assert_true(!in.failed && in.p == in.end);
    in = px_avro_on(PX_S("\x04")); /* branch 2 of two */
    assert_int_equal(px_avro_opt_string(&in).n, 0);
    assert_true(in.failed);
}

/* After the first failure nothing is read any more, so that one check at the end is enough. */
static void test_avro_failure_stays(void **state PX_UNUSED) {
    struct px_avro_in in = px_avro_on(PX_S("\x08"
                                           "ab\x02"));
    assert_int_equal(px_avro_bytes(&in).n, 0);
    const uint8_t *at = in.p;
    assert_true(px_avro_long(&in) == 0 && px_avro_bytes(&in).n == 0);
    assert_true(px_avro_double(&in) == 0.0 && !px_avro_bool(&in));
    assert_int_equal(px_avro_opt_string(&in).n, 0);
    assert_true(in.failed && in.p == at);
}

static void test_wire_frame(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64);
    uint32_t id = 0;
    struct px_str body;
    px_wire_put(&b, 0x01020304);
    px_buf_c(&b, "xy");
    assert_true(px_str_eq(px_buf_view(&b), PX_S("\x00\x01\x02\x03\x04xy")));
    assert_true(px_wire_get(px_buf_view(&b), &id, &body));
    assert_int_equal(id, 0x01020304);
    assert_true(px_str_is(body, "xy"));
    assert_true(px_wire_get(PX_S("\x00\xff\xff\xff\xff"), &id, &body));
    assert_true(id == UINT32_MAX && body.n == 0);
    assert_false(px_wire_get(PX_S("\x00\x00\x00\x00"), &id, &body));
    assert_false(px_wire_get(PX_S("\x01\x00\x00\x00\x01x"), &id, &body));
    assert_false(px_wire_get(PX_S(""), &id, &body));
    assert_false(px_wire_get((struct px_str){.p = NULL, .n = 0}, &id, &body));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_longs),         cmocka_unit_test(test_avro_refuses_long_varints),
        cmocka_unit_test(test_avro_bytes),         cmocka_unit_test(test_avro_doubles),
        cmocka_unit_test(test_avro_booleans),      cmocka_unit_test(test_avro_optional_strings),
        cmocka_unit_test(test_avro_failure_stays), cmocka_unit_test(test_wire_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
