/* Layers, precedence, values and their rules, printing. Files: test_conf_file.c, secrets:
 * test_secret.c. */
#include <px/conf.h>

#include <stdio.h>
#include <stdlib.h>

#include "conf_rig.h"
#include "proc.h"
#include "torture.h"
#include "unit.h"

static void test_conf_defaults_apply(void **state PX_UNUSED) {
    RIG r = {.in = {.dir = "/nonexistent"}};

    assert_int_equal(rig_load(&r), PX_OK);

    assert_string_equal(r.problems, "");
    assert_string_equal(r.v.region, "LOCAL");
    assert_string_equal(r.v.note, "");
    assert_string_equal(r.v.password, "");
    assert_int_equal(r.v.port, 8080);
    assert_true(r.v.store);
    assert_int_equal(r.v.delay, 250000);
    assert_int_equal(r.v.batch, 65536);
    assert_int_equal(r.v.level, 1);
}

static void test_conf_layers_override_in_order(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Kafka__Region=ENV"}, (char[]){"PX_ENVIRONMENT=Prod"}, NULL};
    const char *sets[] = {"Kafka:Region=ARGV"};
    RIG r = {.in = {.dir = proc_tmpdir(), .program = "svc-ingest"}};

    rig_write("appsettings.json",
              PX_S("{\"Kafka\":{\"Region\":\"FILE\",\"Note\":\"file\"},\"Http\":{\"Port\":1},"
                   "\"svc-ingest\":{\"Http\":{\"Port\":2}},"
                   "\"svc-aggregator\":{\"Batch\":{\"Whatever\":true}}}"));
    rig_write("appsettings.Prod.json", PX_S("{\"Kafka\":{\"Note\":\"prod\"},\"Http:Port\":3}"));

    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.region, "FILE");
    assert_int_equal(r.v.port, 2);

    r.in.envp = env;
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.region, "ENV");
    assert_string_equal(r.v.note, "prod");
    assert_int_equal(r.v.port, 3);

    r.in.sets = sets;
    r.in.nsets = 1;
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.region, "ARGV");
    assert_string_equal(r.problems, "");
}

static void test_conf_environment_name_is_found(void **state PX_UNUSED) {
    char *both[] = {(char[]){"DOTNET_ENVIRONMENT=D"}, (char[]){"PX_ENVIRONMENT=P"}, NULL};
    char *dotnet[] = {(char[]){"DOTNET_ENVIRONMENT=D"}, (char[]){"PX_ENVIRONMENT"}, NULL};
    struct px_conf_input in = {.envp = both};

    assert_string_equal(px_conf_environment(&in), "P");
    in.envp = dotnet;
    assert_string_equal(px_conf_environment(&in), "D");
    in.environment = "argv";
    assert_string_equal(px_conf_environment(&in), "argv");
    in = (struct px_conf_input){.envp = NULL};
    assert_null(px_conf_environment(&in));
}

static void test_conf_environment_ignores_case_and_foreign_names(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_KAFKA__REGION=UP"},      (char[]){"px_kafka__note=no"},
                   (char[]){"KAFKA_PORT=tcp://1.2.3.4"}, (char[]){"PX_FAILPOINTS_AT=x=kill"},
                   (char[]){"PX_http__port=99"},         NULL};
    RIG r = {.in = {.dir = "/nonexistent", .envp = env}};

    assert_int_equal(rig_load(&r), PX_OK);

    assert_string_equal(r.problems, "");
    assert_string_equal(r.v.region, "UP");
    assert_string_equal(r.v.note, "");
    assert_int_equal(r.v.port, 99);
}

static void test_conf_unknown_variables_are_warned_about(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Kafka__Regoin=X"}, (char[]){"PX_Foo__Bar=1"},
                   (char[]){"PX_Kafka__Zzzzzzzzzzzzz=1"}, NULL};
    RIG r = {.in = {.dir = "/nonexistent", .envp = env}};

    assert_int_equal(rig_load(&r), PX_OK);

    assert_string_equal(
        r.problems,
        "warning: PX_Foo__Bar: unknown section; there are Kafka, Sql, Http, Raw, Shutdown, Log\n"
        "warning: PX_Kafka__Regoin: unknown option, did you mean PX_Kafka__Region?\n"
        "warning: PX_Kafka__Zzzzzzzzzzzzz: unknown option; --help lists them all\n");
}

static void test_conf_a_variable_in_two_cases_is_an_error(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Http__Port=1"}, (char[]){"PX_HTTP__PORT=2"}, NULL};
    RIG r = {.in = {.dir = "/nonexistent", .envp = env}};

    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_string_equal(r.problems,
                        "error: PX_HTTP__PORT: HTTP:PORT: given twice (Http:Port is set "
                        "already); keep one\n");
}

/* One hostile value each; the text must name the key, the rule and where it came from. */
static const struct {
    const char *set, *expect;
} values[] = {
    {"Http:Port=80x", "\"80x\" is not a whole number from 1 to 65535"},
    {"Http:Port=80.5", "\"80.5\" is not a whole number"},
    {"Http:Port=010", "\"010\" is not a whole number"},
    {"Http:Port=", "is empty and is not a whole number"},
    {"Http:Port= 80", "\" 80\" is not a whole number"},
    {"Http:Port=80 ", "\"80 \" is not a whole number"},
    {"Http:Port=+80", "\"+80\" is not"},
    {"Http:Port=-1", "\"-1\" is not"},
    {"Http:Port=0", "\"0\" is not a whole number from 1 to 65535"},
    {"Http:Port=65536", "\"65536\" is not"},
    {"Http:Port=0x50", "\"0x50\" is not"},
    {"Http:Port=1e3", "\"1e3\" is not"},
    {"Http:Port=99999999999999999999", "\"99999999999999999999\" is not"},
    {"Raw:Store=ture", "\"ture\" is neither true nor false"},
    {"Raw:Store=1", "\"1\" is neither true nor false"},
    {"Raw:Store=True", "\"True\" is neither"},
    {"Raw:Store=", "is empty and is neither"},
    {"Shutdown:Delay=250", "\"250\" is not a duration"},
    {"Shutdown:Delay=5 s", "\"5 s\" is not a duration"},
    {"Shutdown:Delay=-5s", "\"-5s\" is not a duration"},
    {"Shutdown:Delay=61s", "\"61s\" is outside 0s to 60s"},
    {"Kafka:BatchBytes=1kb", "\"1kb\" is not a size"},
    {"Kafka:BatchBytes=1", "\"1\" is outside 1KiB to 16MiB"},
    {"Kafka:BatchBytes=17MiB", "\"17MiB\" is outside"},
    {"Log:Level=inof", "\"inof\" is none of debug|info|warn|error"},
    {"Log:Level=INFO", "\"INFO\" is none of"},
    {"Log:Level=debug|info", "is none of"},
    {"Log:Level=", "is empty and is none of"},
    {"Kafka:Region=", "must not be empty"},
    {"Kafka:Region=a\tb", "control characters"},
    {"Kafka:Region=a\xff", "is not UTF-8 text"},
    {"Kafka:Regoin=EU", "Kafka:Regoin: unknown option, did you mean Kafka:Region?"},
    {"Logging:Level=x", "Logging:Level: unknown option, did you mean Log:Level?"},
    {"Logging:LogLevel:Default=x",
     "Logging: unknown section; there are Kafka, Sql, Http, Raw, Shutdown, Log"},
    {"Region", "write --set Section:Key=Value"},
    {"=x", "write --set Section:Key=Value"},
    {"Sql:Password=hunter2", "Sql:Password: secrets are not taken from the command line"},
};

static void test_conf_refuses_hostile_values(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(values); i++) {
        RIG r = {.in = {.dir = "/nonexistent", .sets = &values[i].set, .nsets = 1}};
        if (rig_load(&r) != PX_CONFIG || !strstr(r.problems, values[i].expect) ||
            strncmp(r.problems, "error: --set: ", 14) != 0) {
            fail_msg("%s: got \"%s\"", values[i].set, r.problems);
        }
        assert_null(strstr(r.problems, "hunter2"));
    }
}

static void test_conf_collects_all_errors_sorted(void **state PX_UNUSED) {
    const char *sets[] = {"Raw:Store=ture", "Http:Port=x", "Kafka:Notee=1", "Log:Level=x"};
    char *env[] = {(char[]){"PX_Zzz__Y=1"}, NULL};
    RIG r = {.in = {.dir = "/nonexistent", .sets = sets, .nsets = 4, .envp = env}};

    assert_int_equal(rig_load(&r), PX_CONFIG);

    assert_string_equal(
        r.problems,
        "error: --set: Http:Port: \"x\" is not a whole number from 1 to 65535\n"
        "error: --set: Kafka:Notee: unknown option, did you mean Kafka:Note?\n"
        "error: --set: Log:Level: \"x\" is none of debug|info|warn|error\n"
        "error: --set: Raw:Store: \"ture\" is neither true nor false\n"
        "warning: PX_Zzz__Y: unknown section; there are Kafka, Sql, Http, Raw, Shutdown, Log\n");
}

static void test_conf_says_when_there_are_more_problems(void **state PX_UNUSED) {
    char text[100][32];
    const char *sets[100];
    RIG r = {.in = {.dir = "/nonexistent", .sets = sets, .nsets = 100}};
    size_t n;

    for (size_t i = 0; i < 100; i++) {
        snprintf(text[i], sizeof text[i], "Section%zu:Key=1", i);
        sets[i] = text[i];
    }
    assert_int_equal(rig_load(&r), PX_CONFIG);
    px_conf_problems(r.conf, &n);
    assert_int_equal(n, PX_CONF_MAX_PROBLEMS);
    assert_non_null(strstr(r.problems, "error: configuration: 37 more problems\n"));
}

static void test_conf_last_set_wins(void **state PX_UNUSED) {
    const char *sets[] = {"Http:Port=1", "HTTP:PORT=2"};
    RIG r = {.in = {.dir = "/nonexistent", .sets = sets, .nsets = 2}};

    assert_int_equal(rig_load(&r), PX_OK);
    assert_int_equal(r.v.port, 2);
}

static void test_conf_refuses_odd_environment_names(void **state PX_UNUSED) {
    static const char *const names[] = {"../../etc/x", "a b", "a/b", "\xff"};

    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        RIG r = {.in = {.dir = "/nonexistent", .environment = names[i]}};
        assert_int_equal(rig_load(&r), PX_CONFIG);
        assert_non_null(strstr(r.problems, "error: --environment: use letters, digits"));
    }
}

static void test_conf_prints_values_with_origin_and_no_secret(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Sql__Password=hunter2"}, (char[]){"PX_Kafka__Note=a = b # c"},
                   NULL};
    const char *sets[] = {"Http:Port=9"};
    RIG r = {.in = {.dir = "/nonexistent", .sets = sets, .nsets = 1, .envp = env}};
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, "hunter2");
    px_conf_print(r.conf, &b);

    assert_string_equal(px_buf_cstr(&b), "Http:Port = 9   # --set\n"
                                         "Kafka:BatchBytes = 64KiB   # default\n"
                                         "Kafka:Note = a = b # c   # PX_Kafka__Note\n"
                                         "Kafka:Region = LOCAL   # default\n"
                                         "Log:Level = info   # default\n"
                                         "Raw:Store = true   # default\n"
                                         "Shutdown:Delay = 250ms   # default\n"
                                         "Sql:Password = (set)   # PX_Sql__Password\n");
}

static void test_conf_documents_the_rows(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    const char *text;

    px_conf_markdown(&rig_options, &b);
    text = px_buf_cstr(&b);
    assert_non_null(
        strstr(text, "| `Http:Port` | `PX_Http__Port` | 1 to 65535 | `8080` |  | Port. |\n"));
    assert_non_null(strstr(text,
                           "| `Kafka:Note` | `PX_Kafka__Note` | text |  | yes | Free text, or "
                           "\\| nothing. |\n"));
    assert_non_null(strstr(text, "| `Log:Level` | `PX_Log__Level` | debug\\|info\\|warn\\|error | "
                                 "`info` | yes | Level. |\n"));
    assert_non_null(strstr(text, "secret; or `Sql:PasswordFile` with a path"));

    px_buf_reset(&b);
    px_conf_help(&rig_options, &b);
    text = px_buf_cstr(&b);
    assert_non_null(strstr(text,
                           "  Shutdown:Delay\n      Delay.\n      duration, 0s to 60s; default "
                           "250ms\n"));
    assert_non_null(strstr(text, "  Sql:PasswordFile\n"));
}

static void test_conf_compares_and_copies_fields(void **state PX_UNUSED) {
    struct rig_conf a = {.region = "x", .port = 1, .level = 2, .store = true}, b = a;
    char other[] = "x";

    b.region = other; /* the same text at another place is the same value */
    for (size_t i = 0; i < rig_options.n; i++) {
        a.note = b.note = a.password = b.password = "";
        assert_true(px_conf_same(&rig_options.v[i], &a, &b));
    }
    b = (struct rig_conf){
        .region = "y", .note = "n", .password = "p", .port = 2, .delay = 1, .batch = 1, .level = 3};
    for (size_t i = 0; i < rig_options.n; i++) {
        assert_false(px_conf_same(&rig_options.v[i], &a, &b));
        px_conf_copy(&rig_options.v[i], &b, &a);
        assert_true(px_conf_same(&rig_options.v[i], &a, &b));
    }
}

static enum px_code load_once(void *arg) {
    const struct px_conf_input *in = arg;
    struct rig_conf v;
    struct px_conf *conf = NULL;
    enum px_code code = px_conf_load(&rig_options, in, &v, &conf, NULL);

    px_conf_free(conf);
    return code;
}

static void test_conf_survives_lack_of_memory(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Http__Port=1"}, NULL};
    const char *sets[] = {"Kafka:Region=X", "Kafka:Note=y"};
    const char *secret = rig_write("secret", PX_S("s3cret\n"));
    char set[600];
    struct px_conf_input in = {.file = rig_write("t.json", PX_S("{\"Log\":{\"Level\":\"warn\"}}")),
                               .sets = sets,
                               .nsets = 2,
                               .envp = env};

    snprintf(set, sizeof set, "Sql:PasswordFile=%s", secret);
    sets[1] = set;
    assert_true(torture(load_once, &in) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_defaults_apply),
        cmocka_unit_test(test_conf_layers_override_in_order),
        cmocka_unit_test(test_conf_environment_name_is_found),
        cmocka_unit_test(test_conf_environment_ignores_case_and_foreign_names),
        cmocka_unit_test(test_conf_unknown_variables_are_warned_about),
        cmocka_unit_test(test_conf_a_variable_in_two_cases_is_an_error),
        cmocka_unit_test(test_conf_refuses_hostile_values),
        cmocka_unit_test(test_conf_collects_all_errors_sorted),
        cmocka_unit_test(test_conf_says_when_there_are_more_problems),
        cmocka_unit_test(test_conf_last_set_wins),
        cmocka_unit_test(test_conf_refuses_odd_environment_names),
        cmocka_unit_test(test_conf_prints_values_with_origin_and_no_secret),
        cmocka_unit_test(test_conf_documents_the_rows),
        cmocka_unit_test(test_conf_compares_and_copies_fields),
        cmocka_unit_test(test_conf_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
