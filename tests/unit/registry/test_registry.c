/* The registry's client against a server that says anything: what its answers mean, and that no
 * answer, no silence and no redirect does more than fail. The API itself is tried on a real
 * registry in tests/e2e. */
#include <px/registry.h>

#include <stdio.h>
#include <string.h>

#include "fake_registry.h"
#include "torture.h"
#include "unit.h"

struct rig {
    struct fake_registry *fake;
    struct px_registry_conf conf;
    struct px_registry *r;
};

static int setup(void **state) {
    static struct rig rig;
    rig.fake = fake_registry_start();
    rig.conf = fake_registry_conf(rig.fake, 300 * PX_US_PER_MS);
    *state = &rig;
    return px_registry_open(&rig.conf, &rig.r, NULL) == PX_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    px_registry_close(rig->r);
    fake_registry_stop(rig->fake);
    return 0;
}

static enum px_code schema_7(struct rig *rig, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    return px_registry_schema(rig->r, 7, &out, reterr);
}

static void test_registry_what_answers_mean(void **state) {
    static const struct {
        int status;
        const char *body;
        enum px_code rc;
        const char *says;
    } rows[] = {
        {200, "{\"schema\":\"\\\"string\\\"\"}", PX_OK, ""},
        {200, "{\"schema\":\"x\",\"schemaType\":\"AVRO\",\"references\":[]}", PX_OK, ""},
        {200, "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}", PX_UNSUPPORTED, "schema 7"},
        {200, "{\"schema\":\"x\",\"references\":[{\"name\":\"a\"}]}", PX_UNSUPPORTED, "schema 7"},
        {200, "{\"schema\":7}", PX_PROTOCOL, "schema"},
        {200, "{}", PX_PROTOCOL, "schema"},
        {200, "<html>", PX_PROTOCOL, "no JSON"},
        {200, "", PX_PROTOCOL, "no JSON"},
        {404, "{\"error_code\":40403,\"message\":\"nowhere\"}", PX_NOT_FOUND, "nowhere"},
        {404, "{\"error_code\":404,\"message\":\"no such page\"}", PX_PROTOCOL, "Url"},
        {404, "<html>not here</html>", PX_PROTOCOL, "Url"},
        {401, "", PX_DENIED, "SchemaRegistry:User"},
        {403, "{}", PX_DENIED, "SchemaRegistry:User"},
        {409, "{\"error_code\":409,\"message\":\"field x\"}", PX_SCHEMA, "field x"},
        {422, "{\"error_code\":42201,\"message\":\"bad\"}", PX_SCHEMA, "bad"},
        {429, "", PX_UNAVAILABLE, "429"},
        {500, "{\"error_code\":50001,\"message\":\"store\"}", PX_UNAVAILABLE, "store"},
        {503, "busy", PX_UNAVAILABLE, "503"},
        {204, "", PX_PROTOCOL, "204"},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_err err = PX_ERR_INIT;
        fake_registry_say(rig->fake, rows[i].status, NULL, rows[i].body);
        enum px_code rc = schema_7(rig, &err);
        if (rc != rows[i].rc || !strstr(err.msg, rows[i].says)) {
            fail_msg("%d %s: %s \"%s\"", rows[i].status, rows[i].body, px_code_name(rc), err.msg);
        }
    }
    assert_non_null(strstr(fake_registry_heard(rig->fake), "GET /api/schemas/ids/7 HTTP/1.1\r\n"));
}

static void test_registry_questions(void **state) {
    struct rig *rig = *state;
    struct px_registry_id id;
    struct px_registry_level level;
    uint32_t n = 0;

    fake_registry_say(rig->fake, 200, NULL, "{\"id\":4294967295,\"version\":2}");
    assert_int_equal(px_registry_find(rig->r, "a b/c-value", PX_S("\"s\n\""), &id, NULL), PX_OK);
    assert_true(id.id == UINT32_MAX && id.version == 2);
    const char *heard = fake_registry_heard(rig->fake);
    assert_non_null(strstr(heard, "POST /api/subjects/a%20b%2Fc-value HTTP/1.1\r\n"));
    assert_non_null(strstr(heard, "{\"schema\":\"\\\"s\\n\\\"\"}"));

    fake_registry_say(rig->fake, 200, NULL, "{\"id\":4294967296,\"version\":2}");
    assert_int_equal(px_registry_find(rig->r, "s", PX_S("x"), &id, NULL), PX_PROTOCOL);
    fake_registry_say(rig->fake, 200, NULL, "{\"id\":3}");
    assert_int_equal(px_registry_add(rig->r, "s", PX_S("x"), &n, NULL), PX_OK);
    assert_int_equal(n, 3);
    assert_non_null(strstr(fake_registry_heard(rig->fake), "POST /api/subjects/s/versions HTTP"));

    fake_registry_say(rig->fake, 200, NULL, "{\"compatibilityLevel\":\"BACKWARD\"}");
    assert_int_equal(px_registry_level(rig->r, "s", &level, NULL), PX_OK);
    assert_false(px_registry_level_good(&level));
    fake_registry_say(rig->fake, 200, NULL, "{\"compatibility\":\"FORWARD\"}");
    assert_int_equal(px_registry_set_level(rig->r, "s", PX_REGISTRY_LEVEL, NULL), PX_OK);
    assert_non_null(strstr(fake_registry_heard(rig->fake), "PUT /api/config/s HTTP/1.1\r\n"));
}

static void test_registry_check_tells_why_not(void **state) {
    struct rig *rig = *state;
    struct px_err err = PX_ERR_INIT;

    fake_registry_say(rig->fake, 200, NULL, "{\"is_compatible\":true}");
    assert_int_equal(px_registry_check(rig->r, "s", PX_S("x"), &err), PX_OK);
    fake_registry_say(rig->fake, 200, NULL,
                      "{\"is_compatible\":false,\"messages\":[\"READER_FIELD_MISSING: brand\"]}");
    assert_int_equal(px_registry_check(rig->r, "s", PX_S("x"), &err), PX_SCHEMA);
    assert_non_null(strstr(err.msg, "brand"));
    fake_registry_say(rig->fake, 200, NULL, "{\"is_compatible\":false}");
    assert_int_equal(px_registry_check(rig->r, "s", PX_S("x"), &err), PX_SCHEMA);
    fake_registry_say(rig->fake, 200, NULL, "{\"is_compatible\":\"yes\"}");
    assert_int_equal(px_registry_check(rig->r, "s", PX_S("x"), &err), PX_PROTOCOL);
}

static void test_registry_has_an_end_to_everything(void **state) {
    struct rig *rig = *state;
    struct px_err err = PX_ERR_INIT;

    fake_registry_flood(rig->fake, 200, 64 << 20);
    assert_int_equal(schema_7(rig, &err), PX_TOO_LARGE);
    /* trouble is trouble, however long its page is: nothing final follows from it */
    fake_registry_flood(rig->fake, 502, 64 << 20);
    assert_int_equal(schema_7(rig, &err), PX_UNAVAILABLE);
    fake_registry_say(rig->fake, 503, "Content-Length: 9999999999\r\n", "busy");
    assert_int_equal(schema_7(rig, &err), PX_UNAVAILABLE);
    fake_registry_flood(rig->fake, 404, 64 << 20);
    assert_int_equal(schema_7(rig, &err), PX_PROTOCOL);
    fake_registry_say(rig->fake, 200, "Content-Length: 9999999999\r\n", "{");
    assert_int_equal(schema_7(rig, &err), PX_TOO_LARGE);
    fake_registry_mute(rig->fake);
    assert_int_equal(schema_7(rig, &err), PX_TIMEOUT);
    fake_registry_say(rig->fake, 200, "Content-Length: 100\r\n", "{"); /* and hangs up */
    assert_int_equal(schema_7(rig, &err), PX_UNAVAILABLE);
    /* the client is of use after all of that */
    fake_registry_say(rig->fake, 200, NULL, "{\"schema\":\"x\"}");
    assert_int_equal(schema_7(rig, &err), PX_OK);
}

static void test_registry_follows_no_redirect(void **state) {
    struct rig *rig = *state;
    char to[128];
    struct px_err err = PX_ERR_INIT;

    snprintf(to, sizeof to, "Location: %s/elsewhere\r\n", fake_registry_url(rig->fake));
    fake_registry_say(rig->fake, 302, to, "");
    unsigned before = fake_registry_count(rig->fake);
    assert_int_equal(schema_7(rig, &err), PX_PROTOCOL);
    assert_int_equal(fake_registry_count(rig->fake), before + 1);
}

static void test_registry_says_who_asks(void **state) {
    struct rig *rig = *state;
    struct px_registry_conf conf = rig->conf;
    struct px_registry *r = NULL;

    conf.user = "ana";
    conf.password = "secret";
    assert_int_equal(px_registry_open(&conf, &r, NULL), PX_OK);
    fake_registry_say(rig->fake, 200, NULL, "[]");
    assert_int_equal(px_registry_ping(r, NULL), PX_OK);
    assert_non_null(
        strstr(fake_registry_heard(rig->fake), "Authorization: Basic YW5hOnNlY3JldA==\r\n"));
    px_registry_close(r);
    assert_int_equal(px_registry_ping(rig->r, NULL), PX_OK);
    assert_null(strstr(fake_registry_heard(rig->fake), "Authorization"));
}

static void test_registry_options(void **state PX_UNUSED) {
    static const char *const bad[] = {"registry:8081",      "ftp://a",
                                      "http://u:p@a",       "http://a/?q=1",
                                      "file:///etc/passwd", "http://"};
    struct px_registry_conf conf = {
        .url = "", .user = "", .password = "", .ca_file = "", .timeout = PX_US_PER_S};
    struct px_registry *r = NULL;

    assert_false(px_registry_used(&conf));
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        struct px_err err = PX_ERR_INIT;
        conf.url = bad[i];
        if (px_registry_open(&conf, &r, &err) != PX_CONFIG) {
            fail_msg("%s is accepted", bad[i]);
        }
        assert_non_null(strstr(err.msg, "SchemaRegistry:Url"));
    }
    conf.url = "https://127.0.0.1:1";
    conf.ca_file = "/nowhere/ca.pem";
    assert_int_equal(px_registry_open(&conf, &r, NULL), PX_OK);
    enum px_code rc = px_registry_ping(r, NULL);
    assert_true(rc == PX_UNAVAILABLE || rc == PX_CONFIG);
    px_registry_close(r);
}

static enum px_code ask_once(void *arg) {
    const struct rig *rig = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    struct px_registry *r = NULL;
    struct px_registry_id id;
    enum px_code rc = px_registry_open(&rig->conf, &r, NULL);
    rc = rc ? rc : px_registry_find(r, "s", PX_S("x"), &id, NULL);
    rc = rc ? rc : px_registry_schema(r, 7, &out, NULL);
    px_registry_close(r);
    return rc;
}

static void test_registry_torture(void **state) {
    struct rig *rig = *state;
    fake_registry_say(rig->fake, 200, NULL, "{\"id\":3,\"version\":1,\"schema\":\"x\"}");
    assert_true(torture(ask_once, rig) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_what_answers_mean),
        cmocka_unit_test(test_registry_questions),
        cmocka_unit_test(test_registry_check_tells_why_not),
        cmocka_unit_test(test_registry_has_an_end_to_everything),
        cmocka_unit_test(test_registry_follows_no_redirect),
        cmocka_unit_test(test_registry_says_who_asks),
        cmocka_unit_test(test_registry_options),
        cmocka_unit_test(test_registry_torture),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
