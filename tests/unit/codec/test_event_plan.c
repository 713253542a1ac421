/* Schemas of other writers: which are understood, which are refused by name, and that no bytes make
 * reading by them run wild. Right results are tests/golden/events/writer_*.json. */
#include <px/event_avro.h>

#include <stdio.h>
#include <stdlib.h>

#include "torture.h"
#include "unit.h"

#define MAX (1 << 16)

static const char HEAD[] = "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[";
static const char REST[] = "{\"name\":\"event_id\",\"type\":\"string\"},"
                           "{\"name\":\"event_type\",\"type\":\"string\"},"
                           "{\"name\":\"player_id\",\"type\":\"string\"},"
                           "{\"name\":\"banner_tag\",\"type\":\"string\"},"
                           "{\"name\":\"received_at\",\"type\":\"long\"}]}";

static struct px_event_plan *plan_of(const char *text, struct px_err *reterr) {
    struct px_event_plan *p = NULL;
    enum px_code rc = px_event_plan_new(px_str_c(text), &p, reterr);
    assert_true(rc == PX_OK ? p != NULL : rc == PX_SCHEMA && p == NULL);
    return p;
}

/* The least schema with ${fields} before what is required. */
static struct px_event_plan *plan_with(const char *fields, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    px_buf_c(&b, HEAD);
    px_buf_c(&b, fields);
    px_buf_c(&b, REST);
    return plan_of(px_buf_cstr(&b), reterr);
}

static void put_rest(struct px_buf *b) {
    px_avro_put_bytes(b, PX_S("0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
    px_avro_put_bytes(b, PX_S("visit"));
    px_avro_put_bytes(b, PX_S("p"));
    px_avro_put_bytes(b, PX_S("b"));
    px_avro_put_long(b, 7);
}

static enum px_code read_by(const struct px_event_plan *p, struct px_str body) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    struct px_event e;
    px_arena_init(&arena, MAX);
    return px_event_read(p, body, &arena, &e, NULL);
}

static void read_file(const char *path, struct px_buf *b) {
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    b->n = fread(px_buf_reserve(b, MAX - 1), 1, MAX - 1, f);
    fclose(f);
}

static void test_event_plan_our_own_schema_is_the_same(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(MAX);
    read_file("schemas/avro/event.avsc", &text);
    struct px_event_plan *p = plan_of(px_buf_cstr(&text), NULL);
    assert_true(px_event_plan_same(p));
    px_event_plan_free(p);

    p = plan_with("", NULL);
    assert_false(px_event_plan_same(p));
    px_event_plan_free(p);
}

static void test_event_plan_refuses_by_name(void **state PX_UNUSED) {
    static const struct {
        const char *fields, *says;
    } rows[] = {
        {"{\"name\":\"occurred_at\",\"type\":\"string\"},", "field occurred_at"},
        {"{\"name\":\"session_id\",\"type\":[\"int\",\"boolean\"]},", "field session_id"},
        {"{\"name\":\"attributes\",\"type\":\"string\"},", "field attributes"},
        {"{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":\"null\"}},",
         "field attributes"},
        {"{\"name\":\"occurred_at\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":"
         "\"timestamp-millis\"}]},",
         "timestamp-micros"},
        {"{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"x\",\"type\":\"int\"},", "x stands twice"},
        {"{\"name\":\"x\",\"type\":\"Strange\"},", "Strange is no type"},
        {"{\"name\":\"x\",\"type\":[\"null\",[\"int\",\"null\"]]},", "union in a union"},
        {"{\"name\":\"x\",\"type\":{\"type\":\"array\"}},", "without items"},
        {"{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\"}},", "without a size"},
        {"{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"1\",\"symbols\":[]}},",
         "not a name"},
        {"{\"name\":\"x\",\"type\":7},", "a word, a list or an object"},
        {"{\"name\":\"x\"},", "without a name or a type"},
        {"{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"R\"}},", "without fields"},
        {"{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"Event\",\"fields\":[]}},",
         "Event is defined twice"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err err = PX_ERR_INIT;
        struct px_event_plan *p = plan_with(rows[i].fields, &err);
        if (p || !strstr(err.msg, rows[i].says)) {
            fail_msg("%s: said \"%s\", not \"%s\"", rows[i].fields, err.msg, rows[i].says);
        }
    }
}

static void test_event_plan_refuses_what_is_no_event(void **state PX_UNUSED) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", ""},
        {"nonsense", ""},
        {"\"string\"", "not the record Event"},
        {"{\"type\":\"record\",\"name\":\"DeadLetter\",\"fields\":[]}", "DeadLetter"},
        {"{\"type\":\"record\",\"name\":\"Event\",\"fields\":[]}", "field event_id is missing"},
        {"{\"type\":\"record\",\"name\":\"Event\"}", "without fields"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[\"int\"]]]]]]]]]]]]]]]]]]]]]]]]", ""},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err err = PX_ERR_INIT;
        assert_null(plan_of(rows[i].text, &err));
        assert_non_null(strstr(err.msg, rows[i].says));
    }
}

static void test_event_plan_sizes_are_bounded(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    struct px_err err = PX_ERR_INIT;
    for (int i = 0; i < 600; i++) {
        px_buf_printf(&b, "{\"name\":\"f%d\",\"type\":\"int\"},", i);
    }
    assert_null(plan_with(px_buf_cstr(&b), &err));
    assert_non_null(strstr(err.msg, "more than 512 types"));
    px_buf_reset(&b);
    for (int i = 0; i < 65; i++) {
        px_buf_printf(
            &b, "{\"name\":\"f%d\",\"type\":{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}},", i,
            i);
    }
    assert_null(plan_with(px_buf_cstr(&b), &err));
    assert_non_null(strstr(err.msg, "more than 64 named types"));
}

static void test_event_plan_null_is_no_required_value(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(MAX);
    px_buf_c(&b, HEAD);
    px_buf_c(&b, REST);
    char *at = strstr(px_buf_cstr(&b), "\"player_id\",\"type\":\"string\"");
    assert_non_null(at);
    memcpy(strstr(at, "\"string\""), "[\"null\"]", 8); /* of the same length */
    assert_null(plan_of(px_buf_cstr(&b), NULL));       /* never a text */

    px_buf_reset(&b);
    px_buf_c(&b, HEAD);
    px_buf_c(&b, "{\"name\":\"event_id\",\"type\":\"string\"},"
                 "{\"name\":\"event_type\",\"type\":\"string\"},"
                 "{\"name\":\"player_id\",\"type\":[\"null\",\"string\"]},"
                 "{\"name\":\"banner_tag\",\"type\":\"string\"},"
                 "{\"name\":\"received_at\",\"type\":\"long\"}]}");
    struct px_event_plan *p = plan_of(px_buf_cstr(&b), NULL);
    px_avro_put_bytes(&body, PX_S("0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
    px_avro_put_bytes(&body, PX_S("visit"));
    px_avro_put_long(&body, 0);
    px_avro_put_bytes(&body, PX_S("b"));
    px_avro_put_long(&body, 7);
    assert_int_equal(read_by(p, px_buf_view(&body)), PX_POISON);
    px_event_plan_free(p);
}

/* A few bytes that ask for endless work, or for endless depth. */
static void test_event_plan_work_is_bounded(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(MAX);
    struct px_event_plan *p =
        plan_with("{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},", NULL);
    px_avro_put_long(&body, INT64_MAX);
    px_avro_put_long(&body, 0);
    put_rest(&body);
    assert_int_equal(read_by(p, px_buf_view(&body)), PX_POISON);
    px_buf_reset(&body);
    px_avro_put_long(&body, 100); /* within reason */
    px_avro_put_long(&body, 0);
    put_rest(&body);
    assert_int_equal(read_by(p, px_buf_view(&body)), PX_OK);
    px_event_plan_free(p);

    p = plan_with("{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                  "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}},",
                  NULL);
    px_buf_reset(&body);
    for (int i = 0; i < 30000; i++) {
        px_avro_put_long(&body, 1);
    }
    assert_int_equal(read_by(p, px_buf_view(&body)), PX_POISON);
    px_event_plan_free(p);
}

static const char MANY[] =
    "{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"double\","
    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}]}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"float\"}},"
    "{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":[\"int\",\"string\"]}},"
    "{\"name\":\"q\",\"type\":{\"type\":\"fixed\",\"name\":\"Q\",\"size\":2}},"
    "{\"name\":\"session_id\",\"type\":[\"string\",\"null\"]},";

static void put_many(struct px_buf *b) {
    px_avro_put_long(b, -2); /* a block that tells its size */
    px_avro_put_long(b, 11);
    px_avro_put_long(b, 1);
    px_avro_put_double(b, 1.5);
    px_avro_put_long(b, 2);
    px_avro_put_long(b, 1);
    px_avro_put_long(b, 0);
    px_avro_put_long(b, 1);
    px_avro_put_bytes(b, PX_S("k"));
    px_buf_c(b, "1234");
    px_avro_put_long(b, 0);
    px_avro_put_long(b, 1);
    px_avro_put_bytes(b, PX_S("a"));
    px_avro_put_long(b, 1);
    px_avro_put_bytes(b, PX_S("v"));
    px_avro_put_long(b, 0);
    px_buf_c(b, "qq");
    px_avro_put_long(b, 0);
    px_avro_put_bytes(b, PX_S("s"));
    put_rest(b);
}

/* Every prefix is refused, and no change of bytes does more than that. */
static void test_event_plan_hostile_bodies(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf good = PX_BUF_INIT(MAX);
    struct px_event_plan *p = plan_with(MANY, NULL);
    put_many(&good);
    assert_int_equal(read_by(p, px_buf_view(&good)), PX_OK);
    for (size_t n = 0; n < good.n; n++) {
        char *cut = malloc(n ? n : 1); /* of its own, so that a read behind it is seen */
        assert_non_null(cut);
        memcpy(cut, good.p, n);
        assert_int_equal(read_by(p, (struct px_str){.p = cut, .n = n}), PX_POISON);
        free(cut);
    }
    uint32_t seed = 1;
    char *other = malloc(good.n);
    assert_non_null(other);
    for (int i = 0; i < 20000; i++) {
        memcpy(other, good.p, good.n);
        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525U + 1013904223U;
            other[(seed >> 8) % good.n] = (char)(seed >> 24);
        }
        enum px_code rc = read_by(p, (struct px_str){.p = other, .n = good.n});
        assert_true(rc == PX_OK || rc == PX_POISON);
    }
    free(other);
    px_event_plan_free(p);
}

static enum px_code plan_once(void *arg PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(MAX);
    struct px_event_plan *p = NULL;
    px_buf_c(&b, HEAD);
    px_buf_c(&b, MANY);
    px_buf_c(&b, REST);
    enum px_code rc = px_buf_ok(&b, NULL);
    rc = rc ? rc : px_event_plan_new(px_buf_view(&b), &p, NULL);
    px_event_plan_free(p);
    return rc;
}

static void test_event_plan_torture(void **state PX_UNUSED) {
    assert_true(torture(plan_once, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_plan_our_own_schema_is_the_same),
        cmocka_unit_test(test_event_plan_refuses_by_name),
        cmocka_unit_test(test_event_plan_refuses_what_is_no_event),
        cmocka_unit_test(test_event_plan_sizes_are_bounded),
        cmocka_unit_test(test_event_plan_null_is_no_required_value),
        cmocka_unit_test(test_event_plan_work_is_bounded),
        cmocka_unit_test(test_event_plan_hostile_bodies),
        cmocka_unit_test(test_event_plan_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
