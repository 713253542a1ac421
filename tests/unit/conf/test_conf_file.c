/* appsettings files: what is accepted, and a table of hostile ones. */
#include <px/conf.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_rig.h"
#include "proc.h"
#include "unit.h"

static enum px_code load_text(struct rig *r, struct px_str text) {
    r->in.file = rig_write("f.json", text);
    r->in.program = "svc-ingest";
    return rig_load(r);
}

/* The problem of the only file, without its folder. */
static bool problem_has(const struct rig *r, const char *expect) {
    return strncmp(r->problems, "error: ", 7) == 0 && strstr(r->problems, "f.json: ") &&
           strstr(r->problems, expect);
}

static void test_conf_file_takes_both_notations(void **state PX_UNUSED) {
    RIG r = {.code = PX_OK};

    assert_int_equal(
        load_text(&r, PX_S("\xef\xbb\xbf \t\r\n{ \"kafka\" : { \"REGION\" : \"EU\\u00e9\", "
                           "\"Note\": [\"a\", 2, true] },\r\n"
                           "\"Http:Port\": 80, \"Raw\": {\"Store\": false}, "
                           "\"Kafka:BatchBytes\": \"2KiB\" }\n")),
        PX_OK);

    assert_string_equal(r.v.region, "EU\xc3\xa9");
    assert_string_equal(r.v.note, "a,2,true");
    assert_int_equal(r.v.port, 80);
    assert_false(r.v.store);
    assert_int_equal(r.v.batch, 2048);
}

static void test_conf_file_may_be_an_empty_object(void **state PX_UNUSED) {
    RIG r = {.code = PX_OK};
    assert_int_equal(load_text(&r, PX_S("{}")), PX_OK);
}

static const struct {
    struct px_str text;
    const char *expect;
} hostile[] = {
    /* no document, too many, not an object */
    {PX_S_INIT(""), "the file is empty; write {} or remove it"},
    {PX_S_INIT(" \n\t\n"), "the file is empty"},
    {PX_S_INIT("\xef\xbb\xbf"), "the file is empty"},
    {PX_S_INIT("{} {}"), "not JSON near line 1"},
    {PX_S_INIT("{}x"), "not JSON near line 1"},
    {PX_S_INIT("{}\n}"), "not JSON near line 2"},
    {PX_S_INIT("{}\0"), "a control character"},
    {PX_S_INIT("[]"), "must hold one JSON object"},
    {PX_S_INIT("null"), "must hold one JSON object"},
    {PX_S_INIT("\"x\""), "must hold one JSON object"},
    {PX_S_INIT("{"), "not JSON"},
    {PX_S_INIT("{\"Http\":{\"Port\":1}"), "not JSON"},
    /* not JSON, but often written */
    {PX_S_INIT("{\"Http\":{\"Port\":1,}}"), "not JSON near line 1"},
    {PX_S_INIT("{\n // comment\n}"), "line 2: a comment; JSON has none"},
    {PX_S_INIT("{/* c */}"), "line 1: a comment"},
    {PX_S_INIT("{'Http':{}}"), "not JSON"},
    {PX_S_INIT("{Http:{}}"), "not JSON"},
    {PX_S_INIT("Http:\n  Port: 80\n"), "not JSON"},
    {PX_S_INIT("{\"Raw\":{\"Store\":True}}"), "not JSON"},
    {PX_S_INIT("{\"Raw\":{\"Store\":trueish}}"), "not JSON"},
    {PX_S_INIT("{\"Http\":{\"Port\":NaN}}"), "not JSON"},
    /* numbers that a parser may bend */
    {PX_S_INIT("{\n\"Http\":\n{\"Port\":80.5}}"), "line 3: 80.5 is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":010}}"), "010 is not a whole number (no leading zeros)"},
    {PX_S_INIT("{\"Http\":{\"Port\":1e3}}"), "1e3 is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":1e999}}"), "1e999 is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":-}}"), "- is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":+80}}"), "+80 is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":.5}}"), ".5 is not a whole number"},
    {PX_S_INIT("{\"Http\":{\"Port\":9007199254740993}}"), "too large a number"},
    {PX_S_INIT("{\"Http\":{\"Port\":80x}}"), "not JSON"},
    {PX_S_INIT("{\"Http\":{\"Port\":0x50}}"), "not JSON"},
    {PX_S_INIT("{\"Http\":{\"Port\":-80}}"), "Http:Port: \"-80\" is not a whole number from 1"},
    /* strings */
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a\nb\"}}"), "line 1: a raw control character"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a\\u0000b\"}}"), "a NUL character"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a\\ud800\"}}"), "not JSON"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a\\x\"}}"), "not JSON"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a"), "a string without its closing quote"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"a\\"), "a string without its closing quote"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"\xc3(\"}}"), "not valid UTF-8"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":\"\xed\xa0\x80\"}}"), "not valid UTF-8"},
    /* keys */
    {PX_S_INIT("{\"Http\":{\"Port\":1,\"Port\":2}}"), "Http:Port: duplicate key"},
    {PX_S_INIT("{\"Http\":{\"Port\":1,\"port\":2}}"), "Http:port: duplicate key"},
    {PX_S_INIT("{\"Http\":{\"Port\":1},\"Http\":{}}"), "Http: duplicate key"},
    {PX_S_INIT("{\"Http\":{\"Port\":1},\"Http:Port\":2}"), "Http:Port: given twice"},
    {PX_S_INIT("{\"svc-ingest\":{},\"svc-ingest\":{}}"), "svc-ingest: must be one object"},
    {PX_S_INIT("{\"svc-aggregator\":1}"), "svc-aggregator: must be one object"},
    {PX_S_INIT("{\"svc-ingset\":{\"Http\":{\"Port\":1}}}"), "svc-ingset: unknown section"},
    {PX_S_INIT("{\"svc-ingest\":{\"svc-ingest\":{\"Http\":{\"Port\":1}}}}"),
     "svc-ingest: unknown section"},
    {PX_S_INIT("{\"Kafka\":{\"Regoin\":\"EU\"}}"), "Kafka:Regoin: unknown option, did you mean "
                                                   "Kafka:Region?"},
    {PX_S_INIT("{\"Logging\":{\"LogLevel\":{\"Default\":\"x\",\"A\":\"y\"}}}"),
     "Logging: unknown section; there are Kafka, Sql"},
    {PX_S_INIT("{\"Http\":{\"\":1}}"), "Http:: a member without a name"},
    {PX_S_INIT("{\"Http\":80}"), "Http: unknown"},
    {PX_S_INIT("{\"Http\":{\"Port\":{\"Value\":80}}}"), "Http:Port:Value: unknown option"},
    /* values */
    {PX_S_INIT("{\"Raw\":{\"Store\":\"ture\"}}"), "Raw:Store: \"ture\" is neither true nor false"},
    {PX_S_INIT("{\"Raw\":{\"Store\":1}}"), "Raw:Store: \"1\" is neither true nor false"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":null}}"), "Kafka:Region: null is no value"},
    {PX_S_INIT("{\"Shutdown\":{\"Delay\":250}}"), "Shutdown:Delay: \"250\" is not a duration"},
    {PX_S_INIT("{\"Kafka\":{\"Note\":[\"a,b\"]}}"), "must not be empty or hold a comma"},
    {PX_S_INIT("{\"Kafka\":{\"Note\":[\"\"]}}"), "must not be empty or hold a comma"},
    {PX_S_INIT("{\"Kafka\":{\"Note\":[[1]]}}"), "an array may hold strings"},
    {PX_S_INIT("{\"Kafka\":{\"Note\":[{}]}}"), "an array may hold strings"},
    {PX_S_INIT("{\"Kafka\":{\"Region\":[]}}"), "Kafka:Region: must not be empty"},
    /* depth */
    {PX_S_INIT("{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"), "nested deeper than 16"},
};

static void test_conf_file_refuses_hostile_files(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(hostile); i++) {
        RIG r = {.code = PX_OK};
        if (load_text(&r, hostile[i].text) != PX_CONFIG || !problem_has(&r, hostile[i].expect)) {
            fail_msg("row %zu: %.*s\ngot: %s", i, PX_S_ARG(hostile[i].text), r.problems);
        }
    }
}

static void test_conf_file_names_each_unknown_section_once(void **state PX_UNUSED) {
    RIG r = {.code = PX_OK};

    load_text(&r, PX_S("{\"Logging\":{\"A\":1,\"B\":{\"C\":2}}}"));
    assert_null(strchr(strchr(r.problems, '\n') + 1, '\n'));
}

static void test_conf_file_lays_the_program_over_the_shared(void **state PX_UNUSED) {
    RIG r = {.code = PX_OK};
    struct px_str text = PX_S("{\"SVC-Ingest\":{\"Http\":{\"Port\":2},\"Log:Level\":\"debug\"},"
                              "\"Http\":{\"Port\":1},"
                              "\"svc-metrics-api\":{\"Query\":{\"Rows\":null}}}");

    assert_int_equal(load_text(&r, text), PX_OK);
    assert_int_equal(r.v.port, 2);
    assert_int_equal(r.v.level, 0);

    r.in.program = "svc-aggregator";
    assert_int_equal(rig_load(&r), PX_OK);
    assert_int_equal(r.v.port, 1);
    assert_int_equal(r.v.level, 1);
}

static void test_conf_file_has_a_size_cap(void **state PX_UNUSED) {
    size_t n = 256 * 1024 + 1;
    char *text = malloc(n);
    RIG r = {.code = PX_OK};

    assert_non_null(text);
    memset(text, ' ', n);
    text[0] = '{';
    text[n - 2] = '}';
    assert_int_equal(load_text(&r, (struct px_str){.p = text, .n = n - 1}), PX_OK);
    assert_int_equal(load_text(&r, (struct px_str){.p = text, .n = n}), PX_CONFIG);
    assert_true(problem_has(&r, "is larger than 262144 bytes"));
    free(text);
}

static void test_conf_file_must_exist_when_named(void **state PX_UNUSED) {
    RIG r = {.in = {.file = "/nonexistent/f.json"}};

    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "error: /nonexistent/f.json: cannot be read"));
    assert_non_null(strstr(r.problems, "No such file"));
}

static void test_conf_file_must_be_a_regular_file(void **state PX_UNUSED) {
    char path[512];
    RIG r = {.in = {.file = proc_tmpdir()}};

    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "is not a regular file"));

    snprintf(path, sizeof path, "%s/fifo", proc_tmpdir());
    assert_int_equal(mkfifo(path, 0600), 0);
    r.in.file = path; /* must not hang */
    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "is not a regular file"));
}

static void test_conf_file_of_the_environment_lies_beside(void **state PX_UNUSED) {
    RIG r = {.in = {.environment = "Side"}};

    rig_write("appsettings.Side.json", PX_S("{\"Http\":{\"Port\":77}}"));
    assert_int_equal(load_text(&r, PX_S("{}")), PX_OK);
    assert_int_equal(r.v.port, 77);

    rig_write("appsettings.Side.json", PX_S("{\"Http\":{\"Port\":0}}"));
    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "appsettings.Side.json: Http:Port: \"0\" is not"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_file_takes_both_notations),
        cmocka_unit_test(test_conf_file_may_be_an_empty_object),
        cmocka_unit_test(test_conf_file_refuses_hostile_files),
        cmocka_unit_test(test_conf_file_names_each_unknown_section_once),
        cmocka_unit_test(test_conf_file_lays_the_program_over_the_shared),
        cmocka_unit_test(test_conf_file_has_a_size_cap),
        cmocka_unit_test(test_conf_file_must_exist_when_named),
        cmocka_unit_test(test_conf_file_must_be_a_regular_file),
        cmocka_unit_test(test_conf_file_of_the_environment_lies_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
