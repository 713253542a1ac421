/* gzip: whole streams only, and never more work or memory than the bounds say. */
#include "torture.h"
#include "unit.h"

#include <px/gunzip.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX ((size_t)256 * 1024)

/* Appends one member that holds ${text}; ${bits}: 31 = gzip, 15 = zlib, -15 = bare. */
static void deflate_as(int bits, struct px_str text, struct px_buf *out) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)text.n};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n) + 64;
    z.next_out = (Bytef *)px_buf_reserve(out, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += room - z.avail_out;
    deflateEnd(&z);
}

static enum px_code inflated(struct px_str in, const char *want) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MAX);
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_gunzip(in, &out, &err);
    if (rc == PX_OK) {
        assert_true(px_str_is(px_buf_view(&out), want));
    } else {
        assert_true(err.msg[0]);
    }
    return rc;
}

static void test_gunzip_takes_members_one_after_another(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    deflate_as(31, PX_S("[1,"), &b);
    assert_int_equal(inflated(px_buf_view(&b), "[1,"), PX_OK);
    deflate_as(31, PX_S(""), &b);
    deflate_as(31, PX_S("2]"), &b);
    assert_int_equal(inflated(px_buf_view(&b), "[1,2]"), PX_OK);
}

static void test_gunzip_takes_every_field_of_a_header(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf plain = PX_BUF_INIT(1024), b = PX_BUF_INIT(1024);
    deflate_as(31, PX_S("{}"), &plain);
    px_buf_add(&b, "\x1f\x8b\x08\x1c\0\0\0\0\0\x03", 10); /* FEXTRA, FNAME, FCOMMENT */
    px_buf_add(&b, "\x02\0xx", 4);
    px_buf_add(&b, "name", 5);
    px_buf_add(&b, "comment", 8);
    px_buf_add(&b, plain.p + 10, plain.n - 10);
    assert_int_equal(inflated(px_buf_view(&b), "{}"), PX_OK);
}

static void test_gunzip_refuses_what_is_not_whole(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    deflate_as(31, PX_S("{\"playerId\":\"p\"}"), &b);

    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(inflated((struct px_str){.p = b.p, .n = n}, NULL), PX_INVALID);
    }
    for (size_t i = b.n - 8; i < b.n; i++) { /* checksum and length */
        b.p[i] ^= 1;
        assert_int_equal(inflated(px_buf_view(&b), NULL), PX_INVALID);
        b.p[i] ^= 1;
    }
    px_buf_byte(&b, 0);
    assert_int_equal(inflated(px_buf_view(&b), NULL), PX_INVALID);
}

static void test_gunzip_refuses_other_wrappers(void **state PX_UNUSED) {
    static const int bits[] = {15, -15};
    for (size_t i = 0; i < PX_ARRAY_LEN(bits); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1024);
        deflate_as(bits[i], PX_S("{}"), &b);
        assert_int_equal(inflated(px_buf_view(&b), NULL), PX_INVALID);
    }
    assert_int_equal(inflated(PX_S("{}"), NULL), PX_INVALID);
}

static void test_gunzip_refuses_too_many_members(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    for (int i = 0; i < PX_GUNZIP_MEMBERS; i++) {
        deflate_as(31, PX_S(""), &b);
    }
    assert_int_equal(inflated(px_buf_view(&b), ""), PX_OK);
    deflate_as(31, PX_S(""), &b);
    assert_int_equal(inflated(px_buf_view(&b), NULL), PX_INVALID);
}

/* ${n} bytes that do not repeat themselves, or that do nothing else. */
static char *text_of(size_t n, bool random) {
    char *p = malloc(n);
    uint32_t x = 1;
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = random ? (char)(x >> 24) : 'a';
    }
    return p;
}

static void test_gunzip_stops_at_the_bounds(void **state PX_UNUSED) {
    static const struct {
        size_t n;
        bool random;
        enum px_code want;
    } rows[] = {
        {MAX, true, PX_OK},
        {MAX + 1, true, PX_TOO_LARGE},
        {PX_GUNZIP_FREE, false, PX_OK}, /* 600 times its size, but little */
        {MAX, false, PX_TOO_LARGE},     /* 1000 times */
        {(size_t)64 << 20, false, PX_TOO_LARGE},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT((size_t)80 << 20);
        PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MAX);
        char *p = text_of(rows[i].n, rows[i].random);
        deflate_as(31, (struct px_str){.p = p, .n = rows[i].n}, &b);
        assert_int_equal(px_gunzip(px_buf_view(&b), &out, NULL), rows[i].want);
        assert_true(out.n <= MAX);
        if (rows[i].want == PX_OK) {
            assert_int_equal(out.n, rows[i].n);
            assert_memory_equal(out.p, p, out.n);
        }
        free(p);
    }
}

static enum px_code gunzip_once(void *arg) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(MAX);
    return px_gunzip(px_buf_view(arg), &out, NULL);
}

static void test_gunzip_torture(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    char *p = text_of(20000, true);
    deflate_as(31, (struct px_str){.p = p, .n = 20000}, &b);
    assert_true(torture(gunzip_once, &b) >= 2);
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gunzip_takes_members_one_after_another),
        cmocka_unit_test(test_gunzip_takes_every_field_of_a_header),
        cmocka_unit_test(test_gunzip_refuses_what_is_not_whole),
        cmocka_unit_test(test_gunzip_refuses_other_wrappers),
        cmocka_unit_test(test_gunzip_refuses_too_many_members),
        cmocka_unit_test(test_gunzip_stops_at_the_bounds),
        cmocka_unit_test(test_gunzip_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
