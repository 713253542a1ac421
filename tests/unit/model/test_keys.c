/* The key file: what it may hold, every way in which it can be wrong, and the shape of a key. */
#include <px/keys.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model_fixture.h"
#include "torture.h"
#include "unit.h"

#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0"
#define FILE_TEXT                                                                                  \
    "rates:\n"                                                                                     \
    "  - {name: partner, rate: 500, burst: 5000}\n"                                                \
    "sites:\n"                                                                                     \
    "  - {key: shop-7f3a, site: shop, rate: partner, origins: [\"https://shop.example\"]}\n"       \
    "  - {key: blog-1234, site: blog}\n"                                                           \
    "keys:\n"                                                                                      \
    "  - client: billing\n"                                                                        \
    "    id: abcdefgh\n"                                                                           \
    "    hash: " HASH "1\n"                                                                        \
    "    scopes: [ip, timestamp]\n"                                                                \
    "    rate: partner\n"                                                                          \
    "    not_before: 2026-11-01T00:00:00Z\n"                                                       \
    "    expires: 2027-11-01T00:00:00Z\n"                                                          \
    "  - {client: billing, id: ijklmnop, hash: " HASH "2}\n"                                       \
    "  - {client: billing, id: qrstuvwx, hash: " HASH "3, disabled: true}\n"

static enum px_code load(const char *text, struct px_keys **ret, struct px_err *reterr) {
    struct model_file f;

    model_file_text(&f, "keys.yaml", px_str_c(text));
    enum px_code rc = px_keys_load(f.path, ret, reterr);
    model_file_fini(&f);
    return rc;
}

static struct px_keys *loaded(void) {
    struct px_keys *k = NULL;
    struct px_err err = PX_ERR_INIT;

    if (load(FILE_TEXT, &k, &err)) {
        fail_msg("%s", err.msg);
    }
    return k;
}

static void test_keys_are_read_as_they_stand(void **state PX_UNUSED) {
    struct px_keys *k = loaded();
    const struct px_site_key *shop = px_keys_site(k, PX_S("shop-7f3a"));
    const struct px_server_key *old = px_keys_server(k, PX_S("abcdefgh"));
    px_us from = 0, to = 0;

    assert_int_equal(px_keys_sites(k), 2);
    assert_int_equal(px_keys_servers(k), 3);
    assert_string_equal(shop->site, "shop");
    assert_true(shop->norigins == 1 && shop->rate->rate == 500 && shop->rate->burst == 5000);
    assert_string_equal(shop->origins[0], "https://shop.example");
    assert_true(!px_keys_site(k, PX_S("blog-1234"))->rate);
    assert_null(px_keys_site(k, PX_S("blog-123")));
    assert_string_equal(old->client, "billing");
    assert_int_equal(old->scopes, PX_SCOPE_IP | PX_SCOPE_TIMESTAMP);
    assert_ptr_equal(old, px_keys_server_at(k, 0));
    assert_null(px_keys_server(k, PX_S("abcdefgi")));
    assert_null(px_keys_server(NULL, PX_S("abcdefgh")));
    assert_true(px_parse_instant(PX_S("2026-11-01T00:00:00Z"), &from));
    assert_true(px_parse_instant(PX_S("2027-11-01T00:00:00Z"), &to));
    assert_int_equal(px_key_state(old, from - 1), PX_KEY_NOT_YET);
    assert_int_equal(px_key_state(old, from), PX_KEY_VALID);
    assert_int_equal(px_key_state(old, to - 1), PX_KEY_VALID);
    assert_int_equal(px_key_state(old, to), PX_KEY_EXPIRED);
    assert_int_equal(px_key_state(px_keys_server(k, PX_S("ijklmnop")), 0), PX_KEY_VALID);
    assert_int_equal(px_key_state(px_keys_server(k, PX_S("qrstuvwx")), from), PX_KEY_DISABLED);
    px_keys_free(k);
}

/* The last row was taken out, in a hurry: the file must not be refused for what is left. */
static void test_keys_may_be_none(void **state PX_UNUSED) {
    static const char *const texts[] = {"keys:\n", "rates:\nsites:\nkeys:\n", "keys: []\n",
                                        "sites:\n\n# none\nkeys:\n"};

    for (size_t i = 0; i < PX_ARRAY_LEN(texts); i++) {
        struct px_keys *k = NULL;
        struct px_err err = PX_ERR_INIT;
        if (load(texts[i], &k, &err)) {
            fail_msg("%s: %s", texts[i], err.msg);
        }
        assert_true(px_keys_servers(k) == 0 && px_keys_sites(k) == 0);
        px_keys_free(k);
    }
}

/* A FIFO would keep SIGHUP, and with it the whole service, waiting for a writer. */
static void test_keys_are_in_a_file(void **state PX_UNUSED) {
    char path[] = "/tmp/px-keys-fifo.XXXXXX";
    struct px_keys *k = NULL;
    struct px_err err = PX_ERR_INIT;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10);
    enum px_code rc = px_keys_load(path, &k, &err);
    alarm(0);
    unlink(path);
    assert_int_equal(rc, PX_CONFIG);
    assert_non_null(strstr(err.msg, "is not a regular file"));
}

struct edit {
    const char *find, *put, *says;
};

static void refuse(const struct edit *e) {
    char text[sizeof FILE_TEXT + 400];
    const char *at = strstr(FILE_TEXT, e->find);
    struct px_keys *k = NULL;
    struct px_err err = PX_ERR_INIT;

    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - FILE_TEXT), FILE_TEXT, e->put,
             at + strlen(e->find));
    if (load(text, &k, &err) != PX_CONFIG || k) {
        fail_msg("\"%s\" -> \"%s\" was accepted", e->find, e->put);
    }
    if (strncmp(err.msg, "keys.yaml: ", 11) != 0 || !strstr(err.msg, e->says) ||
        strstr(err.msg, "9f86d0")) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\", or shows a hash", e->put, err.msg, e->says);
    }
}

static void test_keys_name_the_wrong_row(void **state PX_UNUSED) {
    static const struct edit edits[] = {
        {"name: partner", "name: Partner", "rates[0] (Partner): name: must be"},
        {"rate: 500", "rate: 500x", "rates[0] (partner): rate: must be events per second"},
        {"rate: 500", "rate: -1", "rate: must be events per second"},
        {"burst: 5000", "burst: 0", "burst: must be events at once"},
        {"burst: 5000}", "burst: 5000}\n  - {name: partner, rate: 1, burst: 1}", "listed twice"},
        {"key: shop-7f3a", "key: shop", "sites[0] (shop): key: must be 8 to 64"},
        {"key: shop-7f3a", "key: pxk_abcd_efgh", "key: must be 8 to 64 letters, digits and -"},
        {"key: blog-1234", "key: shop-7f3a", "sites[1] (blog): key: is listed twice"},
        {"site: shop", "site: Shop", "site: must be a lower-case word"},
        {"site: shop, rate: partner", "site: shop, rate: other", "rate: is not the name of a row"},
        {"https://shop.example", "https://shop.example/", "origins: must be as browsers send"},
        {"https://shop.example", "shop.example", "origins: must be as browsers send"},
        {"https://shop.example", "https://Shop.example", "origins: must be as browsers send"},
        {"https://shop.example", "https://", "origins: must be as browsers send"},
        {"https://shop.example", "https://shop.example:443", "origins: must be as browsers send"},
        {"https://shop.example", "http://shop.example:80", "without the usual port"},
        {"client: billing\n", "client: Billing\n", "keys[0] (Billing): client: must be"},
        {"id: abcdefgh", "id: abcdefg", "keys[0] (billing): id: must be the 8 letters"},
        {"id: abcdefgh", "id: abcdefgH", "id: must be the 8 letters"},
        {"id: ijklmnop", "id: abcdefgh", "keys[1] (billing): id: is listed twice"},
        {"hash: " HASH "1", "hash: " HASH, "hash: must be 64 hexadecimal"},
        {"hash: " HASH "1", "hash: " HASH "A", "hash: must be 64 hexadecimal"},
        {"hash: " HASH "2", "hash: " HASH "1", "keys[1] (billing): hash: is listed twice"},
        {"scopes: [ip,", "scopes: [ip, ack, ip,", "scopes"},
        {"scopes: [ip,", "scopes: [admin,", "scopes: holds a word that is none of"},
        {"scopes: [ip,", "scopes: [timestamp,", "scopes: holds a word twice"},
        {"not_before: 2026-11-01T00:00:00Z", "not_before: 2026-11-01", "not_before: must be an"},
        {"expires: 2027-11-01T00:00:00Z", "expires: never", "expires: must be an instant"},
        {"expires: 2027-11", "expires: 2025-11", "expires: is not later than not_before"},
        {"disabled: true", "disabled: yes", "disabled: is neither true nor false"},
        {"disabled: true", "disabled: false", "keys[2] (billing): client: has more than two"},
        {"disabled: true", "enabled: true", "Unexpected key: enabled"},
        {"    id: abcdefgh\n", "", "Missing required mapping field: id"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(edits); i++) {
        refuse(&edits[i]);
    }
}

static void test_keys_have_one_shape(void **state PX_UNUSED) {
    uint8_t random[PX_KEY_RANDOM];
    char key[PX_KEY_TEXT + 1], other[PX_KEY_TEXT + 1];
    struct px_str id = {0};

    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(255 - 7 * i);
    }
    px_key_make(random, key);
    assert_int_equal(strlen(key), PX_KEY_TEXT);
    assert_true(px_key_split(px_str_c(key), &id));
    assert_true(id.n == PX_KEY_ID && memcmp(id.p, key + 4, PX_KEY_ID) == 0);
    assert_true(
        px_key_split(PX_S("pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &id));
    memset(random, 0, sizeof random);
    px_key_make(random, other);
    assert_string_equal(other, "pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    random[PX_KEY_RANDOM - 1] = 1; /* every bit of the bytes is in the key */
    px_key_make(random, other);
    assert_string_equal(other, "pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");

    for (size_t i = 0; i < PX_KEY_TEXT; i++) {
        snprintf(other, sizeof other, "%s", key);
        other[i] = '!';
        assert_false(px_key_split(px_str_c(other), &id));
        assert_false(px_key_split((struct px_str){.p = key, .n = i}, &id));
    }
}

static void test_keys_are_seen_inside_a_text(void **state PX_UNUSED) {
    static const struct {
        const char *text;
        bool has;
    } rows[] = {
        {"", false},
        {"playerId=pxk_visitor&k=pxk_", false},
        {"k=pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true},
        {"k=pxk_pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&x=1", true},
        {"k=pxk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"k=pxk_aaaaaaaa-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        assert_int_equal(px_key_in(px_str_c(rows[i].text)), rows[i].has);
    }
}

static enum px_code torture_load(void *arg) {
    const char *path = arg;
    struct px_keys *k = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_keys_load(path, &k, &err);

    px_keys_free(k);
    return rc;
}

static void test_keys_survive_without_memory(void **state PX_UNUSED) {
    struct model_file f;

    model_file_text(&f, "keys.yaml", px_str_c(FILE_TEXT));
    assert_true(torture(torture_load, f.path) > 20);
    model_file_fini(&f);
    px_keys_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_read_as_they_stand),
        cmocka_unit_test(test_keys_may_be_none),
        cmocka_unit_test(test_keys_are_in_a_file),
        cmocka_unit_test(test_keys_name_the_wrong_row),
        cmocka_unit_test(test_keys_have_one_shape),
        cmocka_unit_test(test_keys_are_seen_inside_a_text),
        cmocka_unit_test(test_keys_survive_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
