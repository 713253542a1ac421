/* The plan of requests: the same seed makes the same bytes, whatever came of them; the mix is
 * there. */
#include "load.h"

#include <px/mem.h>
#include <px/num.h>

#include "unit.h"

#include <stdlib.h>

#define PLANNED 50000

static struct load_conf conf_of(uint64_t seed) {
    return (struct load_conf){.targets = {{"127.0.0.1", "8080"}, {"127.0.0.2", "18080"}},
                              .ntargets = 2,
                              .prefix = "t",
                              .seed = seed,
                              .players = 10000,
                              .banners = 40,
                              .keep_alive = true};
}

/* All bytes of a plan and all that its book would say. */
static void plan(const struct load_conf *conf, struct px_buf *out) {
    struct load_gen *g = px_alloc(sizeof *g);
    struct load_texts t;
    assert_non_null(g);
    load_gen_init(g, conf);
    for (int i = 0; i < PLANNED; i++) {
        struct load_request r = load_gen_next(g);
        load_request_write(conf, &conf->targets[i % 2], &r, out);
        load_request_texts(conf, &r, &t);
        px_buf_str(out, t.want);
        px_buf_str(out, t.type);
        px_buf_str(out, t.player);
        px_buf_str(out, t.banner);
        px_buf_str(out, t.eid);
    }
    assert_int_equal(px_buf_ok(out, NULL), PX_OK);
    px_free(g);
}

static void test_gen_same_seed_same_bytes(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf a = PX_BUF_INIT(64u << 20);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(64u << 20);
    PX_DEFER(px_buf_fini) struct px_buf other = PX_BUF_INIT(64u << 20);
    struct load_conf one = conf_of(7), two = conf_of(8);
    plan(&one, &a);
    plan(&one, &b);
    plan(&two, &other);
    assert_true(a.n > (size_t)PLANNED * 100);
    assert_true(px_str_eq(px_buf_view(&a), px_buf_view(&b)));
    assert_false(px_str_eq(px_buf_view(&a), px_buf_view(&other)));
}

/* The bytes of today are the bytes of every later build, or old seeds would mean something else. */
static void test_gen_bytes_are_pinned(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    struct load_conf conf = conf_of(1);
    struct load_request r = {.player = 12, .banner = 3, .origin = 77, .type = 2, .with_id = true};
    load_request_write(&conf, &conf.targets[0], &r, &b);
    assert_string_equal(px_buf_cstr(&b),
                        "GET /api/pixel/deposit?bannerTag=t-b03&playerId=t-p12&s=v0&eid=t-e77 "
                        "HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: px-load\r\n"
                        "Accept: image/*\r\n\r\n");
    px_buf_reset(&b);
    conf.keep_alive = false;
    conf.midnight = 1700006400 * (px_us)PX_US_PER_S;
    r.json = r.stamped = r.variant = true;
    r.midnight_ms = -1;
    r.banner = 12;
    load_request_write(&conf, &conf.targets[1], &r, &b);
    assert_string_equal(
        px_buf_cstr(&b),
        "POST /api/events HTTP/1.1\r\nHost: 127.0.0.2:18080\r\nUser-Agent: px-load\r\n"
        "Connection: close\r\nContent-Type: application/json\r\n"
        "Content-Length: 146\r\n\r\n"
        "{\"eventType\":\"deposit\",\"playerId\":\"t-p12\",\"bannerTag\":\"t-b12\","
        "\"eventId\":\"t-e77\",\"timestamp\":\"2023-11-14T23:59:59.999000Z\","
        "\"attributes\":{\"s\":\"v1\"}}");
}

struct mix {
    int kinds[LOAD_INVALID + 1], faults[LOAD_FAULTS], types[LOAD_TYPES], ids, json, stamped;
    int before_midnight, hottest, near, far;
};

static struct mix mix_of(const struct load_conf *conf) {
    struct mix m = {.ids = 0};
    struct load_gen *g = px_alloc(sizeof *g);
    assert_non_null(g);
    load_gen_init(g, conf);
    for (uint32_t i = 0; i < PLANNED; i++) {
        struct load_request r = load_gen_next(g);
        m.kinds[r.kind]++;
        m.faults[r.fault] += r.kind == LOAD_INVALID;
        m.types[r.type]++;
        m.ids += r.with_id;
        m.json += r.json;
        m.stamped += r.stamped;
        m.before_midnight += r.stamped && r.midnight_ms < 0;
        m.hottest += r.player == 0;
        bool back = r.kind == LOAD_SAME_ID || r.kind == LOAD_CONFLICT;
        assert_int_equal(r.origin == i, !back && r.kind != LOAD_AGAIN);
        assert_true(r.origin <= i);
        m.near += back && i - r.origin < 100;
        m.far += back && i - r.origin > 10000;
        assert_true(r.attempt == 1 && load_key(&r) < UINT64_C(1) << 40);
        assert_true(r.type != 2 || r.with_id); /* every deposit carries an id */
    }
    px_free(g);
    return m;
}

static void test_gen_mix_holds_everything(void **state PX_UNUSED) {
    struct load_conf conf = conf_of(3);
    struct mix m = mix_of(&conf);
    assert_in_range(m.kinds[LOAD_AGAIN], PLANNED * 25 / 1000, PLANNED * 35 / 1000);
    assert_in_range(m.kinds[LOAD_SAME_ID], PLANNED * 16 / 1000, PLANNED * 24 / 1000);
    assert_in_range(m.kinds[LOAD_CONFLICT], PLANNED * 3 / 1000, PLANNED * 7 / 1000);
    assert_in_range(m.kinds[LOAD_INVALID], PLANNED * 16 / 1000, PLANNED * 24 / 1000);
    for (int f = 0; f < LOAD_FAULTS; f++) {
        assert_true(m.faults[f] > PLANNED / 1000);
    }
    for (int t = 0; t < LOAD_TYPES; t++) {
        assert_true(m.types[t] > PLANNED * 3 / 100);
    }
    assert_in_range(m.ids, PLANNED * 45 / 100, PLANNED * 60 / 100);
    assert_true(m.json > PLANNED / 10);
    assert_true(m.hottest > PLANNED / 20); /* of 10,000 players */
    assert_true(m.near > 100 && m.far > 100);
    assert_int_equal(m.stamped, 0);
}

static void test_gen_times_of_the_sender_lie_on_both_sides_of_midnight(void **state PX_UNUSED) {
    struct load_conf conf = conf_of(3);
    conf.midnight = 1700006400 * (px_us)PX_US_PER_S;
    struct mix m = mix_of(&conf);
    assert_in_range(m.stamped, PLANNED * 8 / 100, PLANNED * 11 / 100);
    assert_in_range(m.before_midnight, m.stamped * 4 / 10, m.stamped * 6 / 10);
    struct load_request r = {.stamped = true, .midnight_ms = -2000, .at = 5};
    assert_true(load_event_time(&conf, &r) == conf.midnight - 2 * (px_us)PX_US_PER_S);
    r.stamped = false;
    assert_true(load_event_time(&conf, &r) == 5);
}

static void test_gen_texts_say_what_the_bytes_say(void **state PX_UNUSED) {
    struct load_conf conf = conf_of(1);
    struct load_texts t;
    struct load_request r = {.player = 12, .banner = 3, .origin = 77, .with_id = true};
    load_request_texts(&conf, &r, &t);
    assert_true(px_str_is(t.want, "ok") && px_str_is(t.type, "visit") &&
                px_str_is(t.player, "t-p12") && px_str_is(t.banner, "t-b03") &&
                px_str_is(t.eid, "t-e77"));
    r.kind = LOAD_INVALID;
    r.fault = LOAD_UNKNOWN_TYPE;
    r.with_id = false;
    load_request_texts(&conf, &r, &t);
    assert_true(px_str_is(t.want, "unknown_event_type") && px_str_is(t.type, "purchase") &&
                t.eid.n == 0);
    r.fault = LOAD_JUNK_ID;
    load_request_texts(&conf, &r, &t);
    assert_true(px_str_is(t.player, "undefined"));
    r.fault = LOAD_MISSING_FIELD;
    load_request_texts(&conf, &r, &t);
    assert_true(t.player.n == 0 && px_str_is(t.want, "missing_field"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gen_same_seed_same_bytes),
        cmocka_unit_test(test_gen_bytes_are_pinned),
        cmocka_unit_test(test_gen_mix_holds_everything),
        cmocka_unit_test(test_gen_times_of_the_sender_lie_on_both_sides_of_midnight),
        cmocka_unit_test(test_gen_texts_say_what_the_bytes_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
