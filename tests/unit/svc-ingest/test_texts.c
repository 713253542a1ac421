/* The bytes of each event of a batch. */
#include "unit.h"

#include "texts.h"

#include <string.h>

static void test_texts_of_each_value(void **state) {
    static const struct {
        const char *body;
        const char *want[4];
    } rows[] = {
        {"[]", {""}},
        {" [ ] ", {""}},
        {"[1]", {"1", ""}},
        {"[{\"a\":1},{\"b\":2}]", {"{\"a\":1}", "{\"b\":2}", ""}},
        {" [ {\"a\" : [1, 2]} ,\n\t\"x,]}\" , null ]",
         {"{\"a\" : [1, 2]}", "\"x,]}\"", "null", ""}},
        {"{\"events\":[{\"a\":\"}\"},[[],{}]]}", {"{\"a\":\"}\"}", "[[],{}]", ""}},
        {"{ \"ev\\\"ents\" : [ \"a\\\\\" , \"\\\",\" ] }", {"\"a\\\\\"", "\"\\\",\"", ""}},
        {"{\"events\":[]}", {""}},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_texts t = ing_texts_of(px_str_c(rows[i].body));
        for (uint32_t k = 0; k < PX_ARRAY_LEN(rows[i].want) && rows[i].want[k]; k++) {
            struct px_str got = ing_texts_at(&t, k), again = ing_texts_at(&t, k);
            if (!px_str_is(got, rows[i].want[k]) || !px_str_eq(got, again)) {
                fail_msg("%s, %u: %.*s", rows[i].body, k, PX_S_ARG(got));
            }
        }
    }
    struct ing_texts t = ing_texts_of(PX_S("[1,2,3,4]")); /* some are not asked for */
    assert_true(px_str_is(ing_texts_at(&t, 2), "3"));
    assert_true(px_str_is(ing_texts_at(&t, 3), "4"));
}

/* Whatever the text is, the walk stays inside it. */
static void test_texts_stay_inside(void **state) {
    static const char whole[] = "{\"e\":[{\"a\":\"b\\\"\"},\"c\",[]]}";
    (void)state;

    for (size_t n = 0; n < sizeof whole; n++) {
        struct ing_texts t = ing_texts_of((struct px_str){.p = whole, .n = n});
        for (uint32_t k = 0; k < 6; k++) {
            struct px_str got = ing_texts_at(&t, k);
            assert_true(got.n == 0 || (got.p >= whole && got.p + got.n <= whole + n));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_of_each_value),
        cmocka_unit_test(test_texts_stay_inside),
    };
    return cmocka_run_group_tests_name("svc-ingest/texts", tests, NULL, NULL);
}
