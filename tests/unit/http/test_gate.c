/* The pure steps of reading a request, driven with hostile bytes: however the bytes are cut into
 * pieces the verdict must be the same, and nothing may be read beyond what has come. */
#include "unit.h"

#include "../../../libcore/src/http/req_priv.h"

#include <px/buf.h>
#include <px/mem.h>

#include <string.h>

#define ROUNDS 20000

struct verdict {
    enum px_step step;
    enum px_http_refusal why;
    struct px_gate gate;
    bool parsed;
    size_t nfields;
};

static uint64_t seed = 42;

static size_t pick(size_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % below);
}

/* Bytes are handed over in an allocation of just their size, for the address sanitizer. */
static struct verdict judge(struct px_str head, size_t piece) {
    struct verdict v = {.step = PX_STEP_MORE};
    struct px_http_req r = {.method = PX_METHOD_OTHER};
    for (size_t n = 0; n < head.n && v.step == PX_STEP_MORE;) {
        n = n + piece < head.n ? n + piece : head.n;
        char *exact = px_alloc(n);
        assert_non_null(exact);
        memcpy(exact, head.p, n);
        r.base = exact;
        v.step = px_gate_scan(&v.gate, &r, n, &px_http_default_limits, &v.why);
        if (v.step == PX_STEP_DONE) {
            struct px_str whole = {.p = exact, .n = v.gate.head};
            v.parsed = px_parse_head(&r, whole, v.gate.fields, &v.why);
            v.nfields = r.nfields;
            if (!px_gate_request(&r, &px_http_default_limits, &v.why)) {
                v.step = PX_STEP_REFUSED;
            }
        }
        px_free(exact);
    }
    return v;
}

static bool same(const struct verdict *a, const struct verdict *b) {
    return a->step == b->step &&
           (a->step == PX_STEP_MORE || a->step == PX_STEP_DONE || a->why == b->why);
}

static const char good[] = "POST /api/events?a=b%20c HTTP/1.1\r\nHost: track.example:8080\r\n"
                           "User-Agent: Mozilla/5.0 (X11; Linux)\r\nAccept: image/*\r\n"
                           "Connection: keep-alive\r\nContent-Length: 12\r\n\r\n";

static void test_gate_verdict_does_not_depend_on_the_cut(void **state) {
    static const char hostile[] = "\r\n\t :\0,0xX+-;\x7f\x80\xff\x1b/#*?HTP1.chunked";
    size_t accepted = 0, refused = 0;
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        char head[sizeof(good)];
        memcpy(head, good, sizeof(good));
        for (size_t m = pick(3); m > 0; m--) {
            head[pick(sizeof(good) - 1)] = hostile[pick(sizeof(hostile) - 1)];
        }
        struct px_str s = {.p = head, .n = sizeof(good) - 1};
        struct verdict whole = judge(s, s.n), cut = judge(s, 1 + pick(20));
        if (!same(&whole, &cut)) {
            fail_msg("round %zu: whole %d/%d, cut %d/%d", i, (int)whole.step, (int)whole.why,
                     (int)cut.step, (int)cut.why);
        }
        accepted += whole.step == PX_STEP_DONE && whole.parsed;
        refused += whole.step == PX_STEP_REFUSED;
    }
    assert_true(accepted > ROUNDS / 10); /* the rounds reach both sides */
    assert_true(refused > ROUNDS / 10);
}

static void test_gate_every_control_byte_is_found_at_every_place(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        for (size_t at = 0; at < 24; at++) {
            char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ........................y\r\n\r\n";
            char *dots = strchr(head, '.'); /* of the version; the value's follow "X: " */
            dots = strstr(dots, "X: ") + 3;
            dots[at] = (char)c;
            struct verdict v = judge((struct px_str){.p = head, .n = sizeof(head) - 1}, 4096);
            if ((v.step == PX_STEP_REFUSED) != bad) {
                fail_msg("byte 0x%02x at %zu", (unsigned)c, at);
            }
        }
    }
}

static void test_gate_llhttp_agrees_on_what_the_gate_accepts(void **state) {
    (void)state;
    struct verdict v = judge(PX_S(good), 4096);

    assert_int_equal(v.step, PX_STEP_DONE);
    assert_true(v.parsed);
    assert_int_equal(v.nfields, 5);
    assert_int_equal(v.gate.fields, 5);
    assert_int_equal(v.gate.head, sizeof(good) - 1);
}

/* A line that is too long and holds a bad byte behind that: the length is seen first, also when all
 * of it comes at once. */
static void test_gate_judges_bytes_in_their_order(void **state) {
    static const struct px_http_limits small = {
        .request_line = 16, .query = 16, .headers = 32, .header_count = 4, .body = 16};
    static const struct {
        struct px_str bytes;
        enum px_http_refusal why;
    } rows[] = {
        {PX_S_INIT("GET /0123456789\x01\r\n"), PX_REFUSED_SYNTAX},
        {PX_S_INIT("GET /0123456789abc\x01\r\n"), PX_REFUSED_LINE_TOO_LONG},
        {PX_S_INIT("GET /0123456789abc\rx"), PX_REFUSED_LINE_TOO_LONG},
        {PX_S_INIT("GET / HTTP/1.1\r\nX: 0123456789abcdef0123456789abcdef\n"),
         PX_REFUSED_HEADERS_TOO_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_gate g = {.scan = 0};
        struct px_http_req r = {.base = rows[i].bytes.p};
        enum px_http_refusal why;

        assert_int_equal(px_gate_scan(&g, &r, rows[i].bytes.n, &small, &why), PX_STEP_REFUSED);

        assert_int_equal(why, rows[i].why);
    }
}

/* llhttp refuses some of these too; the gate must not depend on it. */
static void test_gate_refuses_doubtful_framing_by_itself(void **state) {
    static const struct {
        struct px_str fields;
        enum px_http_refusal why;
    } rows[] = {
        {PX_S_INIT("Content-Length: 1\r\nContent-Length: 2\r\n"), PX_REFUSED_LENGTH},
        {PX_S_INIT("Content-Length: 1\r\nContent-Length: 1\r\n"), PX_REFUSED_LENGTH},
        {PX_S_INIT("Content-Length: +1\r\n"), PX_REFUSED_LENGTH},
        {PX_S_INIT("Content-Length: 1000000000000000000\r\n"), PX_REFUSED_LENGTH},
        {PX_S_INIT("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: xchunked\r\n"), PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: \tchunked\r\n"), PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: gzip\r\n"), PX_REFUSED_FRAMING},
        {PX_S_INIT("Transfer-Encoding: gzip, chunked\r\n"), PX_REFUSED_CODING},
        {PX_S_INIT("Content-Length: 1\t\r\n"), PX_REFUSED_LENGTH},
        {PX_S_INIT(""), PX_REFUSED_LENGTH_REQUIRED},
        {PX_S_INIT("Host: b\r\n"), PX_REFUSED_HOST},
        {PX_S_INIT("Content-Length: 1\r\nExpect: 200-ok\r\n"), PX_REFUSED_EXPECT},
        {PX_S_INIT("Content-Length: 262145\r\n"), PX_REFUSED_BODY_TOO_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf head = PX_BUF_INIT(1024);
        struct px_gate g = {.scan = 0};
        struct px_http_req r = {.method = PX_METHOD_OTHER};
        enum px_http_refusal why;
        px_buf_c(&head, "POST / HTTP/1.1\r\nHost: a\r\n");
        px_buf_str(&head, rows[i].fields);
        px_buf_c(&head, "\r\n");
        r.base = head.p;

        assert_int_equal(px_gate_scan(&g, &r, head.n, &px_http_default_limits, &why), PX_STEP_DONE);

        assert_false(px_gate_request(&r, &px_http_default_limits, &why));
        assert_int_equal(why, rows[i].why);
    }
}

/* Feeds a chunked body in pieces, compacting between them as the connection does. */
static enum px_step unchunk(struct px_str raw, size_t piece, size_t max, struct px_buf *out) {
    struct px_chunks c = {.state = PX_CHUNK_SIZE};
    struct px_http_req r = {.body = {0, 0}};
    enum px_http_refusal why;
    enum px_step step = PX_STEP_MORE;
    size_t have = 0;
    char *buf = px_alloc(raw.n + 1);
    for (size_t n = 0; n < raw.n && step == PX_STEP_MORE;) {
        size_t take = n + piece < raw.n ? piece : raw.n - n;
        memcpy(buf + have, raw.p + n, take);
        have += take;
        n += take;
        step = px_chunks_decode(&c, &r, buf, have, max, &why);
        if (step == PX_STEP_MORE) {
            memmove(buf + c.out, buf + c.in, have - c.in);
            have -= c.in - c.out;
            c.in = c.out;
        }
    }
    px_buf_add(out, buf, c.out);
    px_free(buf);
    return step;
}

static void test_gate_chunks_decode_alike_however_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        PX_DEFER(px_buf_fini) struct px_buf raw = PX_BUF_INIT(1 << 20);
        PX_DEFER(px_buf_fini) struct px_buf plain = PX_BUF_INIT(1 << 20);
        PX_DEFER(px_buf_fini) struct px_buf got = PX_BUF_INIT(1 << 20);
        for (size_t k = pick(8); k > 0; k--) {
            size_t n = 1 + pick(60);
            px_buf_printf(&raw, "%zx\r\n", n);
            for (size_t j = 0; j < n; j++) {
                uint8_t byte = (uint8_t)pick(256);
                px_buf_byte(&raw, byte);
                px_buf_byte(&plain, byte);
            }
            px_buf_c(&raw, "\r\n");
        }
        px_buf_c(&raw, "0\r\n\r\n");

        assert_int_equal(unchunk(px_buf_view(&raw), 1 + pick(40), 1 << 20, &got), PX_STEP_DONE);

        assert_int_equal(got.n, plain.n);
        assert_true(plain.n == 0 || memcmp(got.p, plain.p, plain.n) == 0);
    }
}

static void test_gate_chunks_stop_at_the_limit(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf got = PX_BUF_INIT(64);
    struct px_str raw = PX_S("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");

    assert_int_equal(unchunk(raw, 1, 6, &got), PX_STEP_DONE);
    assert_int_equal(unchunk(raw, 1, 5, &got), PX_STEP_REFUSED);
    assert_int_equal(unchunk(raw, 100, 5, &got), PX_STEP_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate_verdict_does_not_depend_on_the_cut),
        cmocka_unit_test(test_gate_every_control_byte_is_found_at_every_place),
        cmocka_unit_test(test_gate_llhttp_agrees_on_what_the_gate_accepts),
        cmocka_unit_test(test_gate_judges_bytes_in_their_order),
        cmocka_unit_test(test_gate_refuses_doubtful_framing_by_itself),
        cmocka_unit_test(test_gate_chunks_decode_alike_however_cut),
        cmocka_unit_test(test_gate_chunks_stop_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
