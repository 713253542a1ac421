/* The query of a pixel. The first byte chooses the type, the rest is the raw query. Decoding is
 * compared with a slow twin; what is decoded has no NUL and comes back after encoding; what is
 * accepted as an event is accepted again, and as the same event, when it is written out as a query.
 */
#include "catalog.h"
#include "fuzz.h"

#include <px/buf.h>
#include <px/http.h>
#include <px/mem.h>

#define MAX (1 << 20)

static void encode(struct px_str s, struct px_buf *out) {
    for (size_t i = 0; i < s.n; i++) {
        px_buf_printf(out, "%%%02x", (uint8_t)s.p[i]);
    }
}

static int slow_digit(struct px_str s, size_t at) {
    static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
    for (size_t i = 0; at < s.n && i + 1 < sizeof digits; i++) {
        if (digits[i] == s.p[at]) {
            return (int)(i / 2);
        }
    }
    return -1;
}

/* WHATWG URL §5.1, one character at a time; false = a bad escape or a NUL. */
static bool slow_decode(struct px_str raw, bool plus, struct px_buf *out) {
    for (size_t i = 0; i < raw.n; i++) {
        int c = raw.p[i];
        if (c == '%') {
            int high = slow_digit(raw, i + 1), low = slow_digit(raw, i + 2);
            if (high < 0 || low < 0) {
                return false;
            }
            c = high * 16 + low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0') {
            return false;
        }
        px_buf_byte(out, (uint8_t)c);
    }
    return true;
}

static void check_decode(struct px_str raw, bool plus) {
    PX_DEFER(px_buf_fini) struct px_buf slow = PX_BUF_INIT(MAX);
    PX_DEFER(px_buf_fini) struct px_buf again = PX_BUF_INIT(4 * MAX);
    char *dst = px_alloc(raw.n + 1), *dst2 = px_alloc(raw.n * 3 + 1);
    struct px_str got, twice;
    FUZZ_CHECK(dst && dst2);
    enum px_form_error e = plus ? px_form_decode(raw, dst, &got) : px_path_decode(raw, dst, &got);
    bool ok = slow_decode(raw, plus, &slow);
    FUZZ_CHECK((e == PX_FORM_OK) == ok);
    if (ok) {
        FUZZ_CHECK(px_str_eq(got, px_buf_view(&slow)));
        FUZZ_CHECK(got.n == 0 || !memchr(got.p, '\0', got.n));
        encode(got, &again);
        FUZZ_CHECK(px_form_decode(px_buf_view(&again), dst2, &twice) == PX_FORM_OK);
        FUZZ_CHECK(px_str_eq(got, twice));
    }
    px_free(dst);
    px_free(dst2);
}

/* Every byte of the query but '&' and the first '=' of a piece is in a name or a value. */
static void check_pairs(struct px_str query) {
    struct px_form form = {.rest = query};
    struct px_str name, value;
    bool has;
    size_t seen = 0, ands = 0;
    while (px_form_next(&form, &name, &value, &has)) {
        FUZZ_CHECK(name.p >= query.p && value.p + value.n <= query.p + query.n);
        FUZZ_CHECK(has || value.n == 0);
        seen += name.n + value.n + has;
        check_decode(name, true);
        check_decode(value, true);
        check_decode(value, false);
    }
    for (size_t i = 0; i < query.n; i++) {
        ands += query.p[i] == '&';
    }
    FUZZ_CHECK(seen + ands == query.n);
}

static void put(struct px_buf *out, const char *name, struct px_str value) {
    if (value.p) {
        px_buf_printf(out, "%s%s=", out->n ? "&" : "", name);
        encode(value, out);
    }
}

static void write_query(const struct ing_fields *f, struct px_buf *out) {
    put(out, "playerId", f->raw.player_id);
    put(out, "bannerTag", f->raw.banner_tag);
    put(out, "eid", f->raw.client_event_id);
    put(out, "sid", f->raw.session_id);
    for (size_t i = 0; i < f->raw.nattrs; i++) {
        char name[128];
        FUZZ_CHECK(px_str_copy(f->raw.attrs[i].name, name, sizeof name));
        put(out, name, f->raw.attrs[i].text);
    }
}

static void check_event(const struct px_event_type *type, struct px_str query) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_arena_fini) struct px_arena arena2;
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(4 * MAX);
    struct ing_fields f, f2;
    struct px_event e, e2;
    px_arena_init(&arena, MAX);
    px_arena_init(&arena2, 4 * MAX);
    if (ing_pixel_read(type, query, &arena, &f, NULL) == PX_OK && fuzz_judge(&f, &arena, &e)) {
        write_query(&f, &text);
        FUZZ_CHECK(ing_pixel_read(type, px_buf_view(&text), &arena2, &f2, NULL) == PX_OK);
        FUZZ_CHECK(f2.dropped == 0 && fuzz_judge(&f2, &arena2, &e2) && px_event_equal(&e, &e2));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const struct px_catalog *cat = fuzz_catalog();
    struct px_str query = {.p = (const char *)data + 1, .n = size - 1};
    check_pairs(query);
    check_event(px_catalog_type(cat, data[0] % px_catalog_count(cat)), query);
    return 0;
}
