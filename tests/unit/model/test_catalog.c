/* The catalog: what events.yaml says, and every way in which the file can be wrong. */
#include <px/catalog.h>

#include <stdio.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

static void test_catalog_of_the_product(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);

    assert_int_equal(px_catalog_families(cat), 1);
    assert_string_equal(px_catalog_family(cat, 0)->name, "pixel");
    assert_string_equal(px_catalog_family(cat, 0)->topic, "PIXEL_EVENTS");
    assert_int_equal(px_catalog_family(cat, 0)->partitions, 10);
    static const char *const names[] = {"visit", "registration", "deposit"};
    for (size_t i = 0; i < 3; i++) {
        const struct px_event_type *t = px_catalog_find(cat, px_str_c(names[i]));
        assert_non_null(t);
        assert_int_equal(t->index, i);
        assert_ptr_equal(t, px_catalog_type(cat, i));
        assert_string_equal(px_catalog_names(cat)[i], names[i]);
        assert_ptr_equal(t->family, px_catalog_family(cat, 0));
        assert_true(t->pixel);
        assert_int_equal(t->dedupe, PX_DEDUPE_DAY);
    }
    assert_null(px_catalog_find(cat, PX_S("visi")));
    assert_null(px_catalog_find(cat, PX_S("Visit")));
    assert_null(px_catalog_find(cat, PX_S("")));

    px_catalog_free(cat);
    px_catalog_free(NULL);
}

static void test_catalog_attributes_are_sorted(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    const struct px_event_type *t = px_catalog_find(cat, PX_S("deposit"));

    assert_int_equal(t->nfields, 4);
    assert_string_equal(t->fields[0].name, "amountMinor");
    assert_int_equal(t->fields[0].kind, PX_ATTR_INT);
    assert_int_equal(t->fields[0].min, 0);
    assert_int_equal(t->fields[0].max, 100000000000);
    assert_string_equal(t->fields[1].name, "b");
    assert_int_equal(t->fields[1].max_bytes, 256);
    assert_string_equal(t->fields[2].name, "currency");
    assert_string_equal(t->fields[3].name, "s");

    px_catalog_free(cat);
}

static void test_catalog_topic_names(void **state PX_UNUSED) {
    struct px_catalog *cat = model_catalog(MODEL_EVENTS);
    const struct px_topic_parts parts = {.region = "EU", .org = "ORG", .env = "DEV"};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);

    px_topic_name(&b, &parts, px_catalog_family(cat, 0), false);
    assert_string_equal(px_buf_cstr(&b), "EVT_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS");
    px_buf_reset(&b);
    px_topic_name(&b, &parts, px_catalog_family(cat, 0), true);
    assert_string_equal(px_buf_cstr(&b), "DLQ_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS");

    px_catalog_free(cat);
}

/* One edit of the product's file and a piece of the message that it must give. */
struct edit {
    const char *find, *put, *says;
};

static void refuse(const struct edit *e) {
    struct model_file f;
    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;
    model_file_copy(&f, MODEL_EVENTS, e->find, e->put);
    enum px_code rc = px_catalog_load(f.path, &cat, &err);
    model_file_fini(&f);
    if (rc != PX_CONFIG || cat) {
        fail_msg("\"%s\" -> \"%s\" was accepted (%d)", e->find ? e->find : "", e->put, rc);
    }
    if (strncmp(err.msg, "events.yaml: ", 13) != 0 || !strstr(err.msg, e->says)) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", e->put, err.msg, e->says);
    }
}

static void test_catalog_names_the_wrong_row(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        /* numbers and booleans that libcyaml would read as something else */
        {"max: 100000000000}", "max: 25x}",
         "types[2] (deposit): attributes[2].max: \"25x\" is not a number"},
        {"max: 3}", "max: 010}", "attributes[3].max: \"010\" is not a number"},
        {"max: 3}", "max: 3.5}", "attributes[3].max: \"3.5\" is not a number"},
        {"max: 3}", "max: 0x3}", "is not a number"},
        {"max: 3}", "max: 3 0}", "is not a number"},
        {"max: 3}", "max: 99999999999999999999}", "is not a number"},
        {"max: 3}", "max: 0}", "must be from 1 to 65536"},
        {"max: 3}", "max: 70000}", "must be from 1 to 65536"},
        {"max: 3}", "max: }", "is not a number"},
        {"pixel: true", "pixel: ture", "types[0] (visit): pixel: \"ture\" is neither true nor"},
        {"pixel: true", "pixel: True", "is neither true nor false"},
        {"pixel: true", "pixel: yes", "is neither true nor false"},
        {"max: 3}", "max: 3, required: 1}", "attributes[3].required: \"1\" is neither"},
        {"partitions: 10", "partitions: 0", "families[0] (pixel): partitions: must be"},
        {"partitions: 10", "partitions: 10.5", "partitions: must be a number"},
        {"partitions: 10", "partitions: 1001", "partitions: must be a number"},
        /* limits that do not belong to the kind */
        {"kind: text, max: 3}", "kind: text}", "attributes[3].max: is missing"},
        {"kind: text, max: 3}", "kind: text, max: 3, min: 1}", "min: does not apply"},
        {"kind: text, max: 3}", "kind: bool, max: 3}", "max: does not apply"},
        {"kind: int, min: 0, max", "kind: int, max", "attributes[2].min: is missing"},
        {"kind: int, min: 0, max", "kind: int, min: x, max", "min: \"x\" is not a number"},
        {"min: 0, max: 100000000000", "min: 2, max: 1", "min: \"2\" is greater than max"},
        /* names */
        {"kind: text, max: 3}", "kind: txet, max: 3}", "\"txet\" is none of text, int"},
        {"dedupe: day", "dedupe: hour", "types[0] (visit): dedupe: \"hour\" is neither"},
        {"family: pixel", "family: pixels", "\"pixels\" is not listed under families"},
        {"type: registration", "type: visit", "types[1] (visit): type: \"visit\" is listed twice"},
        {"type: registration", "type: Registration", "must be a lower-case word"},
        {"type: registration", "type: a/b", "must be a lower-case word"},
        {"type: registration", "type: ", "must be a lower-case word"},
        {"name: currency", "name: s", "attributes[3].name: \"s\" is listed twice"},
        {"name: currency", "name: playerId", "is a name of the envelope"},
        {"name: currency", "name: a b", "must be 1 to 48 letters"},
        {"topic: PIXEL_EVENTS", "topic: pixel", "families[0] (pixel): topic: must be upper-case"},
        {"  - name: pixel\n", "  - name: Pixel\n", "families[0] (Pixel): name: must be"},
        {"types:", "  - {name: pixel, topic: B, partitions: 1}\ntypes:",
         "families[1] (pixel): name: is used"},
        {"types:", "  - {name: b, topic: PIXEL_EVENTS, partitions: 1}\ntypes:",
         "families[1] (b): topic: is used"},
        /* keys: unknown, missing, twice */
        {"dedupe: day", "dedup: day", "types[0]: Unexpected key: dedup"},
        {"    dedupe: day\n", "", "types[0]: Missing required mapping field: dedupe"},
        {"dedupe: day", "dedupe: day\n    pixel: true", "already seen: pixel"},
        {"types:", "extra: 1\ntypes:", "Unexpected key: extra"},
        {"name: currency", "name: currency, name: c", "already seen: name"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        refuse(&edits[i]);
    }
}

static void test_catalog_refuses_odd_documents(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        {NULL, "---\ntypes: []\n", "begins a second document"},
        {NULL, "--- # more\n", "begins a second document"},
        {NULL, "...\ntypes: []\n", "follows the end of the document"},
        {"families:", "%YAML 1.1\n---\nfamilies:", "is a YAML directive"},
        {"type: visit", "type: &v visit", ""}, /* an anchor alone: see below */
        {"kind: int", "kind: \"in\\x74\"", "holds a backslash"},
        {"type: visit", "type: vi\x01sit", "holds a control character"},
        {"type: visit", "type: vi\xffsit", "is not valid UTF-8"},
        {"types:", "types: [\n", "libyaml"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        if (edits[i].says[0]) {
            refuse(&edits[i]);
        }
    }
    /* An alias would let a short file grow without end. */
    refuse(&(struct edit){"type: registration\n    family: pixel",
                          "type: &t registration\n    family: *t", "alias"});
}

static void refuse_text(struct px_str text, const char *says) {
    struct model_file f;
    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;
    model_file_text(&f, "events.yaml", text);
    enum px_code rc = px_catalog_load(f.path, &cat, &err);
    model_file_fini(&f);
    assert_int_equal(rc, PX_CONFIG);
    assert_null(cat);
    if (!strstr(err.msg, says)) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
    }
}

static void test_catalog_refuses_odd_files(void **state PX_UNUSED) {
    refuse_text(PX_S(""), "events.yaml: is empty");
    refuse_text(PX_S("# only a comment\n\n"), "is empty");
    refuse_text(PX_S("---\n"), "is empty");
    refuse_text(PX_S("---\n...\n"), "is empty");
    refuse_text(PX_S("[1]\n"), "Expecting MAPPING");
    refuse_text(PX_S("families: []\ntypes: []\n"), "families");
    refuse_text(PX_S("families:\ntypes:\n"), "Expecting SEQUENCE");
    refuse_text(PX_S("types\0: []\n"), "control character");
    refuse_text(PX_S("\xef\xbb\xbf"), "");

    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;
    assert_int_equal(px_catalog_load("/nonexistent/events.yaml", &cat, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "/nonexistent/events.yaml"));
    assert_int_equal(px_catalog_load("/tmp", &cat, &err), PX_CONFIG);
}

static void test_catalog_refuses_a_large_file(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 20);
    while (b.n <= 256 * 1024) {
        px_buf_c(&b, "# a comment that goes on and on\n");
    }
    refuse_text(px_buf_view(&b), "is larger than 256 KiB");
}

/* A marker in front and a marker behind are one document still; so are CRLF line ends. */
static void test_catalog_accepts_one_framed_document(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        {"families:", "---\nfamilies:", ""},
        {NULL, "...\n# the end\n", ""},
        {"\n", "\r\n", ""},
        {"# The event", "# a backslash \\ in a comment\n# The event", ""},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        struct model_file f;
        model_file_copy(&f, MODEL_EVENTS, edits[i].find, edits[i].put);
        struct px_catalog *cat = model_catalog(f.path);
        assert_int_equal(px_catalog_count(cat), 3);
        px_catalog_free(cat);
        model_file_fini(&f);
    }
}

static enum px_code load(void *arg) {
    struct px_catalog *cat = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_catalog_load(arg, &cat, &err);
    px_catalog_free(cat);
    return rc;
}

static void test_catalog_torture(void **state PX_UNUSED) {
    char path[] = MODEL_EVENTS;
    assert_true(torture(load, path) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_of_the_product),
        cmocka_unit_test(test_catalog_attributes_are_sorted),
        cmocka_unit_test(test_catalog_topic_names),
        cmocka_unit_test(test_catalog_names_the_wrong_row),
        cmocka_unit_test(test_catalog_refuses_odd_documents),
        cmocka_unit_test(test_catalog_refuses_odd_files),
        cmocka_unit_test(test_catalog_refuses_a_large_file),
        cmocka_unit_test(test_catalog_accepts_one_framed_document),
        cmocka_unit_test(test_catalog_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
