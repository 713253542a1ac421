/* Secrets: where they may come from, and that no message ever shows one. */
#include <px/conf.h>

#include <stdio.h>
#include <sys/stat.h>

#include "conf_rig.h"
#include "proc.h"
#include "unit.h"

#define VALUE "hunter2-geheim"

static enum px_code load_file(struct rig *r, const char *path) {
    static char set[600];
    static const char *sets[1] = {set};

    snprintf(set, sizeof set, "Sql:PasswordFile=%s", path);
    r->in = (struct px_conf_input){.dir = "/nonexistent", .sets = sets, .nsets = 1};
    return rig_load(r);
}

static void test_secret_comes_from_a_file(void **state PX_UNUSED) {
    static const struct {
        struct px_str text;
        const char *value;
    } rows[] = {
        {PX_S_INIT(VALUE), VALUE},
        {PX_S_INIT(VALUE "\n"), VALUE},
        {PX_S_INIT(VALUE "\r\n"), VALUE},
        {PX_S_INIT(" " VALUE " \n"), " " VALUE " "},
        {PX_S_INIT("a\xff\x01\n"), "a\xff\x01"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        RIG r = {.code = PX_OK};
        assert_int_equal(load_file(&r, rig_write("s", rows[i].text)), PX_OK);
        assert_string_equal(r.v.password, rows[i].value);
        assert_string_equal(r.problems, "");
    }
}

static void test_secret_refuses_files_that_hold_none(void **state PX_UNUSED) {
    static const struct {
        struct px_str text;
        const char *expect;
    } rows[] = {
        {PX_S_INIT(""), "is empty"},
        {PX_S_INIT("\n"), "is empty"},
        {PX_S_INIT("\r\n"), "is empty"},
        {PX_S_INIT(VALUE "\n\n"), "must hold one line"},
        {PX_S_INIT("a\nb"), "must hold one line"},
        {PX_S_INIT("a\0b"), "must hold one line"},
    };
    char large[4097];

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        RIG r = {.code = PX_OK};
        assert_int_equal(load_file(&r, rig_write("s", rows[i].text)), PX_CONFIG);
        assert_non_null(strstr(r.problems, "error: --set: Sql:Password: the file "));
        assert_non_null(strstr(r.problems, "that Sql:PasswordFile names"));
        assert_non_null(strstr(r.problems, rows[i].expect));
        assert_null(strstr(r.problems, VALUE));
    }
    memset(large, 'x', sizeof large);
    RIG r = {.code = PX_OK};
    assert_int_equal(load_file(&r, rig_write("s", (struct px_str){.p = large, .n = sizeof large})),
                     PX_CONFIG);
    assert_non_null(strstr(r.problems, "is larger than 4096 bytes"));
    assert_int_equal(load_file(&r, "/nonexistent/s"), PX_CONFIG);
    assert_non_null(strstr(r.problems, "No such file"));
    assert_int_equal(load_file(&r, "/"), PX_CONFIG);
    assert_non_null(strstr(r.problems, "is not a regular file"));
}

static void test_secret_readable_by_all_is_warned_about(void **state PX_UNUSED) {
    RIG r = {.code = PX_OK};
    const char *path = rig_write("s", PX_S(VALUE));

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(load_file(&r, path), PX_OK);
    assert_string_equal(r.v.password, VALUE);
    assert_int_equal(strncmp(r.problems, "warning: --set: Sql:Password: every user can read ", 50),
                     0);
    assert_non_null(strstr(r.problems, "chmod o-rwx"));
}

static void test_secret_path_may_come_from_any_layer(void **state PX_UNUSED) {
    const char *path = rig_write("s", PX_S(VALUE));
    char var[600], text[700];
    char *env[] = {var, NULL};
    RIG r = {.in = {.dir = "/nonexistent", .envp = env}};

    snprintf(var, sizeof var, "PX_SQL__PASSWORDFILE=%s", path);
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, VALUE);

    snprintf(text, sizeof text, "{\"Sql\":{\"PasswordFile\":\"%s\"}}", path);
    r.in = (struct px_conf_input){.file = rig_write("f.json", px_str_c(text))};
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, VALUE);
    assert_string_equal(r.problems, "");
}

static void test_secret_higher_layer_wins(void **state PX_UNUSED) {
    const char *path = rig_write("s", PX_S("from-file"));
    char *env[] = {(char[]){"PX_Sql__Password=" VALUE}, NULL};
    char text[700];
    RIG r = {.in = {.envp = env}};

    snprintf(text, sizeof text, "{\"Sql\":{\"PasswordFile\":\"%s\"}}", path);
    r.in.file = rig_write("f.json", px_str_c(text));
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, VALUE);
    env[0] = (char[]){"PX_Sql__PasswordFile="}; /* empty takes it back: no secret at all */
    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, "");
}

static void test_secret_given_both_ways_in_a_layer_is_an_error(void **state PX_UNUSED) {
    char *env[] = {(char[]){"PX_Sql__Password=" VALUE}, (char[]){"PX_Sql__PasswordFile=/x"}, NULL};
    RIG r = {.in = {.dir = "/nonexistent", .envp = env}};

    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "given twice (Sql:Password is set both ways); keep one"));
    assert_null(strstr(r.problems, VALUE));
}

static void test_secret_in_a_shared_file_is_warned_about(void **state PX_UNUSED) {
    RIG r = {.in = {.file = rig_write("f.json", PX_S("{\"Sql\":{\"Password\":\"" VALUE "\"}}"))}};

    assert_int_equal(rig_load(&r), PX_OK);
    assert_string_equal(r.v.password, VALUE);
    assert_non_null(strstr(r.problems, "Sql:Password: a secret in a configuration file"));
    assert_null(strstr(r.problems, VALUE));
}

/* A secret that is used more than once keeps its path and is read anew. */
static void test_secret_file_is_read_again(void **state PX_UNUSED) {
    struct values {
        const char *word, *word_file;
    } v, w;
    static const struct px_option rows[] = {
#define PX_OPTION_STRUCT struct values
#include <px/option_rows.h>
        PX_OPT_WORD(word, "Sql:Password", 0, "A secret.")
#include <px/option_end.h>
    };
    const struct px_options opts = {.v = rows, .n = 1, .conf_size = sizeof v};
    const char *path = rig_write("again", PX_S("one\n"));
    char line[600];
    char *env[] = {line, NULL};
    struct px_conf_input in = {.dir = "/nonexistent", .envp = env};
    struct px_conf *a = NULL, *b = NULL;
    struct px_err e = PX_ERR_INIT;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(64);

    snprintf(line, sizeof line, "PX_Sql__PasswordFile=%s", path);
    assert_int_equal(px_conf_load(&opts, &in, &v, &a, &e), PX_OK);
    assert_string_equal(v.word, "one");
    assert_string_equal(v.word_file, path);

    rig_write("again", PX_S("two\r\n"));
    assert_int_equal(px_conf_word(v.word_file, &out, &e), PX_OK);
    assert_string_equal(px_buf_cstr(&out), "two");
    assert_int_equal(px_conf_load(&opts, &in, &w, &b, &e), PX_OK);
    assert_true(px_conf_same(&rows[0], &v, &w)); /* nothing that needs a restart */
    px_conf_free(b);

    rig_write("again", PX_S("\n"));
    assert_int_equal(px_conf_word(v.word_file, &out, &e), PX_CONFIG);
    assert_non_null(strstr(e.msg, "again is empty"));
    assert_int_equal(px_conf_word("/nonexistent/word", &out, &e), PX_NOT_FOUND);

    snprintf(line, sizeof line, "PX_Sql__Password=three");
    assert_int_equal(px_conf_load(&opts, &in, &w, &b, &e), PX_OK);
    assert_null(w.word_file);
    assert_false(px_conf_same(&rows[0], &v, &w));
    px_conf_copy(&rows[0], &v, &w);
    assert_string_equal(w.word_file, path);
    px_conf_free(b);
    px_conf_free(a);
}

static void test_secret_misspelt_is_suggested(void **state PX_UNUSED) {
    const char *sets[] = {"Sql:PasswrdFile=/x"};
    RIG r = {.in = {.dir = "/nonexistent", .sets = sets, .nsets = 1}};

    assert_int_equal(rig_load(&r), PX_CONFIG);
    assert_non_null(strstr(r.problems, "did you mean Sql:PasswordFile?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_comes_from_a_file),
        cmocka_unit_test(test_secret_refuses_files_that_hold_none),
        cmocka_unit_test(test_secret_readable_by_all_is_warned_about),
        cmocka_unit_test(test_secret_path_may_come_from_any_layer),
        cmocka_unit_test(test_secret_higher_layer_wins),
        cmocka_unit_test(test_secret_given_both_ways_in_a_layer_is_an_error),
        cmocka_unit_test(test_secret_in_a_shared_file_is_warned_about),
        cmocka_unit_test(test_secret_misspelt_is_suggested),
        cmocka_unit_test(test_secret_file_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
