/* Events and Avro: random round trips, every prefix and hostile bytes as clean errors. */
#include <px/event_avro.h>

#include <stdio.h>

#include <px/validate.h>

#include "hex.h"
#include "torture.h"
#include "unit.h"

#define MAX (1 << 20)

static struct px_event sample(void) {
    static const struct px_attr attrs[] = {
        {.name = PX_S_INIT("a"), .kind = PX_ATTR_TEXT, .text = PX_S_INIT("x\xc3\xa9")},
        {.name = PX_S_INIT("b"), .kind = PX_ATTR_INT, .i = -9},
        {.name = PX_S_INIT("c"), .kind = PX_ATTR_NUMBER, .number = 2.5},
        {.name = PX_S_INIT("d"), .kind = PX_ATTR_BOOL, .i = 1},
    };
    return (struct px_event){
        .id = {{1, 2, 3}},
        .client_event_id = PX_S("c-1"),
        .event_type = PX_S("visit"),
        .player_id = PX_S("player"),
        .banner_tag = PX_S("spring"),
        .occurred_at = 5,
        .received_at = 6,
        .attrs = attrs,
        .nattrs = PX_ARRAY_LEN(attrs),
        .user_agent = PX_S("ua"),
    };
}

static enum px_code decode(struct px_str bytes, int *ret_reason) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    struct px_event e;
    px_arena_init(&arena, MAX);
    *ret_reason = -1;
    return px_event_from_avro(bytes, &arena, &e, ret_reason, NULL);
}

/* --- random events --- */

static uint64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static struct px_str random_text(uint64_t *seed, struct px_arena *arena, size_t max) {
    static const char *const letters[] = {
        "a", "Z", "0", " ", "\"", "\\", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    size_t n = next(seed) % (max + 1);
    char *p = px_arena_alloc(arena, n * 4 + 1);
    size_t at = 0;
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        const char *c = letters[next(seed) % PX_ARRAY_LEN(letters)];
        memcpy(p + at, c, strlen(c));
        at += strlen(c);
    }
    return (struct px_str){.p = p, .n = at};
}

static struct px_event random_event(uint64_t *seed, struct px_arena *arena) {
    struct px_event e = {
        .client_event_id = random_text(seed, arena, 20),
        .event_type = random_text(seed, arena, 20),
        .player_id = random_text(seed, arena, 130),
        .banner_tag = random_text(seed, arena, 20),
        .session_id = random_text(seed, arena, 3),
        .occurred_at = next(seed) % 2 ? (px_us)next(seed) << (next(seed) % 32) : 0,
        .received_at = (px_us)next(seed) << (next(seed) % 32),
        .source_ip = random_text(seed, arena, 2),
        .user_agent = random_text(seed, arena, 200),
        .traffic_class = random_text(seed, arena, 2),
        .traffic_reason = random_text(seed, arena, 3),
        .traceparent = random_text(seed, arena, 2),
    };
    for (size_t i = 0; i < sizeof e.id.b; i++) {
        e.id.b[i] = (uint8_t)next(seed);
    }
    size_t n = next(seed) % (PX_EVENT_MAX_ATTRS + 1);
    struct px_attr *attrs = px_arena_zalloc(arena, n, sizeof *attrs);
    assert_non_null(attrs);
    for (size_t i = 0; i < n; i++) {
        char name[16];
        int len = snprintf(name, sizeof name, "k%02zu", i);
        attrs[i].name = px_arena_dup(arena, (struct px_str){.p = name, .n = (size_t)len});
        attrs[i].kind = (enum px_attr_kind)(next(seed) % 4);
        if (attrs[i].kind == PX_ATTR_TEXT) {
            attrs[i].text = random_text(seed, arena, 40);
        } else if (attrs[i].kind == PX_ATTR_NUMBER) {
            attrs[i].number = (double)next(seed) / 7.0;
        } else {
            attrs[i].i = attrs[i].kind == PX_ATTR_BOOL ? (int64_t)(next(seed) % 2)
                                                       : (int64_t)(next(seed) * next(seed));
        }
    }
    e.attrs = attrs;
    e.nattrs = n;
    return e;
}

static void test_event_avro_round_trip(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    uint64_t seed = 20261121;
    px_arena_init(&arena, MAX);
    for (int i = 0; i < 2000; i++) {
        struct px_event back;
        int reason = -1;
        px_arena_reset(&arena);
        px_buf_reset(&b);
        struct px_event e = random_event(&seed, &arena);
        px_event_to_avro(&e, &b);
        assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
        assert_int_equal(px_event_from_avro(px_buf_view(&b), &arena, &back, &reason, NULL), PX_OK);
        assert_true(px_event_equal(&e, &back));
    }
}

/* A damaged byte gives an event or a clean refusal, never a read past the end (sanitizers watch).
 */
static void test_event_avro_survives_damage(void **state PX_UNUSED) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    uint64_t seed = 7;
    px_arena_init(&arena, MAX);
    for (int i = 0; i < 3000; i++) {
        int reason;
        px_arena_reset(&arena);
        px_buf_reset(&b);
        struct px_event e = random_event(&seed, &arena);
        px_event_to_avro(&e, &b);
        for (size_t k = next(&seed) % 4 + 1; k > 0; k--) {
            b.p[next(&seed) % b.n] = (char)next(&seed);
        }
        enum px_code rc = decode(px_buf_view(&b), &reason);
        assert_true(rc == PX_OK || (rc == PX_POISON && reason >= 0));
    }
}

static void test_event_avro_refuses_every_prefix(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    struct px_event e = sample();
    px_event_to_avro(&e, &b);
    for (size_t n = 0; n < b.n; n++) {
        PX_DEFER(px_buf_fini) struct px_buf cut = PX_BUF_INIT(MAX);
        int reason;
        px_buf_add(&cut, b.p, n);
        assert_int_equal(decode(px_buf_view(&cut), &reason), PX_POISON);
        assert_int_equal(reason, n < PX_WIRE_HEADER ? PX_REASON_BAD_FRAME : PX_REASON_BAD_AVRO);
    }
    int reason;
    px_buf_byte(&b, 0);
    assert_int_equal(decode(px_buf_view(&b), &reason), PX_POISON);
    assert_int_equal(reason, PX_REASON_BAD_AVRO);
}

static void test_event_avro_names_the_reason(void **state PX_UNUSED) {
    int reason;
    assert_int_equal(decode(PX_S(""), &reason), PX_POISON);
    assert_int_equal(reason, PX_REASON_BAD_FRAME);
    assert_int_equal(decode(PX_S("{\"eventType\":\"visit\"}"), &reason), PX_POISON);
    assert_int_equal(reason, PX_REASON_BAD_FRAME);
    assert_int_equal(decode(PX_S("\0\0\0\0\2rest"), &reason), PX_POISON);
    assert_int_equal(reason, PX_REASON_UNKNOWN_SCHEMA);
    assert_int_equal(decode(PX_S("\0\0\0\0\1"), &reason), PX_POISON);
    assert_int_equal(reason, PX_REASON_BAD_AVRO);
}

/* --- hostile records, built by hand around a chosen map or id --- */

static const char ID[] = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

static void put_head(struct px_buf *b, const char *id, struct px_str player) {
    px_wire_put(b, PX_SCHEMA_EVENT);
    px_avro_put_bytes(b, px_str_c(id));
    px_avro_put_opt_string(b, PX_S(""));
    px_avro_put_bytes(b, PX_S("visit"));
    px_avro_put_bytes(b, player);
    px_avro_put_bytes(b, PX_S("b"));
    px_avro_put_opt_string(b, PX_S(""));
    px_avro_put_long(b, 0);
    px_avro_put_long(b, 1);
}

static enum px_code finish(struct px_buf *b, struct px_event *ret, struct px_arena *arena) {
    int reason = -1;
    for (int i = 0; i < 4; i++) {
        px_avro_put_long(b, 0);
    }
    enum px_code rc = px_event_from_avro(px_buf_view(b), arena, ret, &reason, NULL);
    assert_int_equal(reason, rc ? PX_REASON_BAD_AVRO : -1);
    return rc;
}

static enum px_code with_map(struct px_str map, struct px_event *ret, struct px_arena *arena) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    put_head(&b, ID, PX_S("p"));
    px_buf_str(&b, map);
    enum px_code rc = finish(&b, ret, arena);
    /* The texts of the event were views of ${b}: only the count is of interest to callers. */
    for (size_t k = 1; rc == PX_OK && k < ret->nattrs; k++) {
        assert_true(px_str_cmp(ret->attrs[k - 1].name, ret->attrs[k].name) < 0);
    }
    return rc;
}

static void test_event_avro_maps_in_blocks(void **state PX_UNUSED) {
    static const struct {
        const char *hex, *what; /* 02 61 02 02: "a", branch 1 (long), 1 */
        int nattrs;             /* -1: refused */
    } rows[] = {
        {"00", "empty", 0},
        {"020261020200", "one", 1},
        {"0202620202020261020400", "two blocks, unsorted", 2},
        {"01080261020200", "count -1 with its size of 4 bytes", 1},
        {"01060261020200", "a wrong size", -1},
        {"01010261020200", "a negative size", -1},
        {"01feff030261020200", "a size past the end", -1},
        {"0202610202020261020400", "a name twice", -1},
        {"020261080200", "branch 4 of four", -1},
        {"020261010200", "branch -1", -1},
        {"020261060200", "a boolean of 2", -1},
        {"0202ff020200", "a name that is not UTF-8", -1},
        {"020200020200", "a NUL in a name", -1},
        {"0202610004610000", "a NUL in a value", -1},
        {"feffffffffffffffff0100", "INT64_MAX entries", -1},
        {"ffffffffffffffffff010000", "INT64_MIN entries", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_arena_fini) struct px_arena arena;
        PX_DEFER(px_buf_fini) struct px_buf map = PX_BUF_INIT(MAX);
        struct px_event e = {.nattrs = 0};
        px_arena_init(&arena, MAX);
        assert_true(hex_decode(px_str_c(rows[i].hex), &map));
        enum px_code rc = with_map(px_buf_view(&map), &e, &arena);
        size_t want = rows[i].nattrs < 0 ? 0 : (size_t)rows[i].nattrs;
        if (rc != (rows[i].nattrs < 0 ? PX_POISON : PX_OK) || e.nattrs != want) {
            fail_msg("%s: %d, %zu attributes", rows[i].what, rc, e.nattrs);
        }
    }
}

static void test_event_avro_counts_are_bounded(void **state PX_UNUSED) {
    for (size_t n = PX_EVENT_MAX_ATTRS; n <= PX_EVENT_MAX_ATTRS + 1; n++) {
        PX_DEFER(px_arena_fini) struct px_arena arena;
        PX_DEFER(px_buf_fini) struct px_buf map = PX_BUF_INIT(MAX);
        struct px_event e = {.nattrs = 0};
        px_arena_init(&arena, MAX);
        for (size_t i = 0; i < n; i++) { /* a block for each: no single count is large */
            px_avro_put_long(&map, 1);
            char name[2] = {(char)('a' + i / 16), (char)('a' + i % 16)};
            px_avro_put_bytes(&map, (struct px_str){.p = name, .n = 2});
            px_avro_put_long(&map, 1);
            px_avro_put_long(&map, 5);
        }
        px_avro_put_long(&map, 0);
        enum px_code rc = with_map(px_buf_view(&map), &e, &arena);
        assert_int_equal(rc, n <= PX_EVENT_MAX_ATTRS ? PX_OK : PX_POISON);
    }
}

static void test_event_avro_refuses_bad_text(void **state PX_UNUSED) {
    static const struct {
        const char *id;
        struct px_str player;
        enum px_code rc;
    } rows[] = {
        {ID, PX_S_INIT("p"), PX_OK},
        {ID, PX_S_INIT(""), PX_OK}, /* px_event_check's to judge */
        {ID, PX_S_INIT("a\0b"), PX_POISON},
        {ID, PX_S_INIT("\xff"), PX_POISON},
        {ID, PX_S_INIT("\xed\xa0\x80"), PX_POISON},
        {"", PX_S_INIT("p"), PX_POISON},
        {"not-a-uuid", PX_S_INIT("p"), PX_POISON},
        {"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5", PX_S_INIT("p"), PX_POISON},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_arena_fini) struct px_arena arena;
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
        struct px_event e = {.received_at = 77};
        px_arena_init(&arena, MAX);
        put_head(&b, rows[i].id, rows[i].player);
        px_avro_put_long(&b, 0);
        assert_int_equal(finish(&b, &e, &arena), rows[i].rc);
        assert_true(e.received_at == (rows[i].rc ? 77 : 1)); /* untouched on failure */
    }
}

static enum px_code decode_once(void *arg) {
    int reason;
    return decode(*(const struct px_str *)arg, &reason);
}

static void test_event_avro_torture(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    struct px_event e = sample();
    px_event_to_avro(&e, &b);
    struct px_str bytes = px_buf_view(&b);
    assert_true(torture(decode_once, &bytes) >= 1);
}

static void test_event_avro_full_buffer(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(40);
    struct px_event e = sample();
    px_event_to_avro(&e, &b);
    assert_int_equal(px_buf_ok(&b, NULL), PX_TOO_LARGE);
}

/* --- dead letters --- */

static void test_dead_letter_round_trip(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    const struct px_dead_letter d = {
        .reason = PX_S("bad_avro"),
        .field = PX_S("playerId"),
        .detail = PX_S("near \xff\xfe byte"),
        .at = 5,
        .service = PX_S("svc"),
        .version = PX_S("1"),
        .topic = PX_S("EVT"),
        .partition = 9,
        .offset = INT64_MAX,
        .key = PX_S("\0key"),
        .payload = PX_S("\xff\0\x01"),
        .log_id = PX_S("log-1"),
        .payload_bytes = 4097,
        .key_bytes = INT64_MAX,
        .event_type = PX_S("visit"),
        .received_at = 7,
        .request_id = PX_S("r-1"),
        .source = PX_S("pixel"),
        .broken_limit = 128,
    };
    struct px_dead_letter back;
    px_dead_letter_to_avro(&d, &b);
    assert_int_equal(px_buf_ok(&b, NULL), PX_OK);
    assert_int_equal(px_dead_letter_from_avro(px_buf_view(&b), &back, NULL), PX_OK);
    assert_true(px_str_is(back.detail, "near ?? byte")); /* Avro strings are UTF-8 */
    assert_true(px_str_eq(back.reason, d.reason) && px_str_eq(back.field, d.field));
    assert_true(px_str_eq(back.key, d.key) && px_str_eq(back.payload, d.payload));
    assert_true(px_str_eq(back.topic, d.topic) && px_str_eq(back.service, d.service));
    assert_true(px_str_eq(back.version, d.version));
    assert_true(px_str_eq(back.log_id, d.log_id));
    assert_true(back.payload_bytes == 4097 && back.key_bytes == INT64_MAX);
    assert_true(px_str_eq(back.event_type, d.event_type) && px_str_eq(back.source, d.source));
    assert_true(px_str_eq(back.request_id, d.request_id));
    assert_true(back.received_at == 7 && back.broken_limit == 128);
    assert_true(back.at == 5 && back.partition == 9 && back.offset == INT64_MAX);

    for (size_t n = 0; n < b.n; n++) {
        PX_DEFER(px_buf_fini) struct px_buf cut = PX_BUF_INIT(MAX);
        px_buf_add(&cut, b.p, n);
        assert_int_equal(px_dead_letter_from_avro(px_buf_view(&cut), &back, NULL), PX_POISON);
    }
    px_buf_byte(&b, 0);
    assert_int_equal(px_dead_letter_from_avro(px_buf_view(&b), &back, NULL), PX_POISON);
}

/* What a registry's ids say nobody here knows; the bytes of each schema are no others'. */
static void test_dead_letter_of_earlier_ids(void **state PX_UNUSED) {
    static const struct {
        size_t less; /* than the fields of today, one byte each here */
        uint32_t fixed;
    } rows[] = {{8, PX_SCHEMA_DLQ_1}, {5, PX_SCHEMA_DLQ_2}, {0, PX_SCHEMA_DLQ}};
    const struct px_dead_letter d = {.reason = PX_S("bad_avro"), .at = 5, .partition = 9};
    struct px_dead_letter back;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
        px_dead_letter_write(&d, rows[i].fixed, &b);
        b.n -= rows[i].less;
        assert_int_equal(px_dead_letter_from_avro(px_buf_view(&b), &back, NULL), PX_OK);
        assert_true(px_str_eq(back.reason, d.reason) && back.partition == 9);
        /* the same bytes with an id of a registry, read by one who writes 77 */
        b.p[3] = 1;
        enum px_code want = rows[i].less ? PX_OK : PX_POISON;
        assert_int_equal(px_dead_letter_read(px_buf_view(&b), 77, &back, NULL), want);
        /* the same, where the registry gave the later schema a number that is fixed elsewhere */
        assert_int_equal(px_dead_letter_read(px_buf_view(&b), PX_SCHEMA_DLQ, &back, NULL), want);
        b.p[3] = 0;
        for (uint32_t id = PX_SCHEMA_DLQ_1; id <= PX_SCHEMA_DLQ_2; id++) {
            b.p[4] = (char)id;
            assert_int_equal(px_dead_letter_read(px_buf_view(&b), PX_SCHEMA_DLQ, &back, NULL),
                             want);
        }
        b.p[4] = 77;
        want = rows[i].less ? PX_POISON : PX_OK;
        assert_int_equal(px_dead_letter_read(px_buf_view(&b), 77, &back, NULL), want);
        /* one field more or less than its id says */
        b.p[4] = (char)rows[i].fixed;
        b.n--;
        assert_int_equal(px_dead_letter_from_avro(px_buf_view(&b), &back, NULL), PX_POISON);
    }
}

static void test_dead_letter_refuses_other_records(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    struct px_dead_letter back;
    struct px_event e = sample();
    px_event_to_avro(&e, &b);
    assert_int_equal(px_dead_letter_from_avro(px_buf_view(&b), &back, NULL), PX_POISON);
    assert_int_equal(px_dead_letter_from_avro(PX_S("x"), &back, NULL), PX_POISON);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_avro_round_trip),
        cmocka_unit_test(test_event_avro_survives_damage),
        cmocka_unit_test(test_event_avro_refuses_every_prefix),
        cmocka_unit_test(test_event_avro_names_the_reason),
        cmocka_unit_test(test_event_avro_maps_in_blocks),
        cmocka_unit_test(test_event_avro_counts_are_bounded),
        cmocka_unit_test(test_event_avro_refuses_bad_text),
        cmocka_unit_test(test_event_avro_torture),
        cmocka_unit_test(test_event_avro_full_buffer),
        cmocka_unit_test(test_dead_letter_round_trip),
        cmocka_unit_test(test_dead_letter_of_earlier_ids),
        cmocka_unit_test(test_dead_letter_refuses_other_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
