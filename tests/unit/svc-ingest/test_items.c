/* Bodies of POST /api/events: what the header says of them, and the walk over their events. */
#include "unit.h"

#include "body.h"
#include "dry_run.h"
#include "items.h"

#include <string.h>

static void test_body_form_by_content_type(void **state) {
    (void)state;
    static const struct {
        const char *type; /* NULL = none */
        int form;         /* -1 = refused */
    } rows[] = {
        {NULL, ING_FORM_JSON},
        {"application/json", ING_FORM_JSON},
        {"Application/JSON ; charset=utf-8", ING_FORM_JSON},
        {"text/plain;charset=UTF-8", ING_FORM_JSON},
        {"application/x-ndjson", ING_FORM_LINES},
        {"application/ndjson", ING_FORM_LINES},
        {"application/jsonl; charset=utf-8", ING_FORM_LINES},
        {"", -1},
        {";charset=utf-8", -1},
        {"application/jso", -1},
        {"application/json, text/plain", -1},
        {"application/x-www-form-urlencoded", -1},
        {"multipart/form-data; boundary=x", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        enum ing_form form = ING_FORM_JSON;
        assert_int_equal(ing_body_form(px_str_c(rows[i].type), false, &form), rows[i].form >= 0);
        assert_int_equal(form, rows[i].form >= 0 ? rows[i].form : ING_FORM_JSON);
        assert_false(ing_body_form(px_str_c(rows[i].type), true, &form));
    }
}

static void test_body_coding_is_gzip_once_or_none(void **state) {
    (void)state;
    static const struct {
        const char *coding;
        int want;
    } rows[] = {
        {NULL, ING_CODING_NONE},
        {"identity", ING_CODING_NONE},
        {"gzip", ING_CODING_GZIP},
        {"GZip", ING_CODING_GZIP},
        {"x-gzip", ING_CODING_GZIP},
        {"", -1},
        {"br", -1},
        {"deflate", -1},
        {"gzip, gzip", -1},
        {"gzip;q=1", -1},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        enum ing_coding coding = ING_CODING_NONE;
        assert_int_equal(ing_body_coding(px_str_c(rows[i].coding), false, &coding),
                         rows[i].want >= 0);
        assert_int_equal(coding, rows[i].want >= 0 ? rows[i].want : ING_CODING_NONE);
        assert_false(ing_body_coding(px_str_c(rows[i].coding), true, &coding));
    }
}

/* "o" for an event, "x" for a line that is no JSON. */
static void assert_walk(struct ing_items it, const char *want) {
    size_t n = 0;

    assert_int_equal(ing_items_count(&it, 100), strlen(want));
    assert_int_equal(ing_items_count(&it, 1), want[0] != '\0');
    for (;; n++) {
        const struct px_jnode *node = NULL;
        enum px_code rc = ing_items_next(&it, &node, NULL);
        if (rc == PX_NOT_FOUND) {
            break;
        }
        assert_int_equal(rc, want[n] == 'o' ? PX_OK : PX_INVALID);
        assert_true((node != NULL) == (rc == PX_OK));
    }
    assert_int_equal(n, strlen(want));
    ing_items_fini(&it);
}

static void test_items_are_lines(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"\n \r\n\t\n", ""},
        {"{}", "o"},
        {"{}\n", "o"},
        {"{\"a\":1}\r\n{\"b\":2}\r\n", "oo"},
        {"\n{}\n\n\n{}\n\n", "oo"},
        {"{}\nnot json\n{}", "oxo"},
        {"{}{}\n[1]\n7", "xoo"},
        {"{\"a\":\n1}", "xx"},
        {"\xef\xbb\xbf{}\n{}", "xo"}, /* no byte order mark */
        {"{}\r{}", "x"},              /* a bare CR is no end of a line */
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_walk(ing_items_lines(px_str_c(rows[i].text)), rows[i].want);
    }
}

static void test_items_of_an_array(void **state) {
    (void)state;
    static const char *const texts[] = {"[]", "[{}]", "[{},7,[]]"};
    static const char *const want[] = {"", "o", "ooo"};
    for (size_t i = 0; i < PX_ARRAY_LEN(texts); i++) {
        struct px_json *doc = NULL;
        assert_int_equal(px_json_parse(px_str_c(texts[i]), 100, &doc, NULL), PX_OK);
        assert_walk(ing_items_array(px_json_root(doc), px_str_c(texts[i])), want[i]);
        px_json_free(doc);
    }
}

static void test_dry_run_is_asked_in_so_many_words(void **state) {
    (void)state;
    static const struct {
        const char *query;
        int want; /* -1 = not understood */
    } rows[] = {
        {"", 0},
        {"a=1", 0},
        {"dryrun=1", 0},
        {"dryRun=1", 1},
        {"dryRun=true", 1},
        {"x=y&dryRun=1", 1},
        {"dryRun=0", 0},
        {"dryRun=false", 0},
        {"dryRun", -1},
        {"dryRun=", -1},
        {"dryRun=yes", -1},
        {"dryRun=TRUE", -1},
        {"dryRun=01", -1},
        {"dryRun=%31", 1},
        {"dryRun=1&dryRun=1", -1},
        {"dry%52un=1", 1},
        {"dryRun=%zz", -1},
        {"dry%52un=0&dryRun=1", -1},
        {"%64%72%79%52%75%6e=%66%61%6c%73%65", 0},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        bool dry = false;
        assert_int_equal(ing_dry_run_asked(px_str_c(rows[i].query), &dry), rows[i].want >= 0);
        assert_int_equal(dry, rows[i].want == 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_form_by_content_type),
        cmocka_unit_test(test_body_coding_is_gzip_once_or_none),
        cmocka_unit_test(test_items_are_lines),
        cmocka_unit_test(test_items_of_an_array),
        cmocka_unit_test(test_dry_run_is_asked_in_so_many_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
