/* Compressed bodies. The first byte says what the rest is: odd, a gzip stream as a peer sends it;
 * even, a text that is compressed here, in one member or in several, and must come back. A stream
 * that is taken is one that zlib, driven member by member into one large buffer, takes as well and
 * reads alike; and one that zlib takes is refused only where a bound is passed. */
#include "fuzz.h"

#include <px/gunzip.h>
#include <px/mem.h>

#include <zlib.h>

#define BODY_MAX ((size_t)64 * 1024 + 4096)
#define ALL_MAX  ((size_t)16 << 20)
#define GZIP     (MAX_WBITS + 16)

struct whole {
    Bytef *text; /* ALL_MAX bytes */
    size_t n, members;
};

/* All members, each to its end, and nothing behind; false = no such stream, or a larger one. */
static bool inflate_all(struct px_str in, struct whole *ret) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    bool ok = in.n > 0;
    ret->n = ret->members = 0;
    FUZZ_CHECK(inflateInit2(&z, GZIP) == Z_OK);
    while (ok && z.avail_in) {
        z.next_out = ret->text + ret->n;
        z.avail_out = (uInt)(ALL_MAX - ret->n);
        ok = inflate(&z, Z_FINISH) == Z_STREAM_END;
        ret->n = ALL_MAX - z.avail_out;
        ret->members++;
        ok = ok && inflateReset(&z) == Z_OK;
    }
    inflateEnd(&z);
    return ok;
}

static void check_stream(struct px_str in, struct whole *all) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(BODY_MAX);
    enum px_code rc = px_gunzip(in, &out, NULL);
    bool ok = inflate_all(in, all);
    FUZZ_CHECK(out.n <= BODY_MAX && out.cap <= 2 * BODY_MAX);
    if (rc == PX_OK) {
        FUZZ_CHECK(ok && all->members <= PX_GUNZIP_MEMBERS && all->n == out.n);
        FUZZ_CHECK(out.n == 0 || memcmp(all->text, out.p, out.n) == 0);
        return;
    }
    FUZZ_CHECK(rc == PX_TOO_LARGE || rc == PX_INVALID);
    FUZZ_CHECK(!ok || (rc == PX_INVALID ? all->members > PX_GUNZIP_MEMBERS
                                        : all->n > BODY_MAX || all->n > PX_GUNZIP_FREE));
}

static void member(struct px_str text, int level, struct px_buf *out) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)text.n};
    char *to = px_buf_reserve(out, text.n + text.n / 8 + 1024);
    FUZZ_CHECK(to);
    FUZZ_CHECK(deflateInit2(&z, level, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)(text.n + text.n / 8 + 1024);
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->n += z.total_out;
    deflateEnd(&z);
}

static void check_text(struct px_str text, uint8_t how) {
    PX_DEFER(px_buf_fini) struct px_buf in = PX_BUF_INIT(4 * ALL_MAX);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(BODY_MAX);
    size_t members = 1 + (how >> 4), each = text.n / members;
    struct px_str rest = text;
    for (size_t i = 0; i < members; i++) {
        size_t n = i + 1 < members ? each : rest.n;
        member((struct px_str){.p = rest.p, .n = n}, how >> 1 & 7, &in);
        rest = (struct px_str){.p = rest.p + n, .n = rest.n - n};
    }
    FUZZ_CHECK(px_gunzip(px_buf_view(&in), &out, NULL) == PX_OK);
    FUZZ_CHECK(px_str_eq(px_buf_view(&out), text));
    struct px_str cut = {.p = in.p, .n = in.n - 1};
    px_buf_reset(&out);
    FUZZ_CHECK(px_gunzip(cut, &out, NULL) == PX_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct whole all;
    if (size == 0) {
        return 0;
    }
    all.text = all.text ? all.text : px_alloc(ALL_MAX);
    FUZZ_CHECK(all.text);
    struct px_str rest = {.p = (const char *)data + 1, .n = size - 1};
    if (data[0] & 1) {
        check_stream(rest, &all);
    } else if (rest.n <= PX_GUNZIP_FREE) {
        check_text(rest, data[0]);
    }
    return 0;
}
