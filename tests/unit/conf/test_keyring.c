/* The ring of keys: what a file may hold, what is refused, and that no message shows a key. */
#include <px/keyring.h>

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define K1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define K2 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfefff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static void test_keyring_parses(void **state PX_UNUSED) {
    struct px_keyring k;
    struct px_err e = PX_ERR_INIT;
    const char *text = "# made today\n\n  2026-11 " K1 "\r\nold.key_1   " K2 "  \n#" K1 "\n";
    assert_int_equal(px_keyring_parse(px_str_c(text), &k, &e), PX_OK);
    assert_int_equal(k.n, 2);
    assert_string_equal(k.v[0].kid, "2026-11");
    assert_string_equal(k.v[1].kid, "old.key_1");
    assert_int_equal(px_keyring_find(&k, PX_S("old.key_1")), 1);
    assert_int_equal(px_keyring_find(&k, PX_S("old.key")), 2);

    struct px_hmac *h = NULL;
    uint8_t raw[32], a[PX_HMAC_BYTES], b[PX_HMAC_BYTES];
    for (unsigned i = 0; i < 32; i++) {
        raw[i] = (uint8_t)i;
    }
    const struct px_str part = PX_S("text");
    assert_int_equal(px_hmac_new((struct px_str){.p = (const char *)raw, .n = 32}, &h, NULL), 0);
    px_hmac(h, &part, 1, a);
    px_hmac(k.v[0].hmac, &part, 1, b);
    assert_memory_equal(a, b, sizeof a);
    px_hmac_free(h);
    px_keyring_fini(&k);
    px_keyring_fini(&k); /* again is fine */
}

static void test_keyring_refuses(void **state PX_UNUSED) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "line 1: there is no key"},
        {"# nothing\n\n", "line 1: there is no key"},
        {"k1\n", "line 1: a key is 32 to 64 bytes"},
        {"k1 0011\n", "line 1: a key is 32 to 64 bytes"},
        {"\nk1 " K1 "0\n", "line 2: a key is 32 to 64 bytes"},
        {"k1 " K1 K1 "00\n", "line 1: a key is 32 to 64 bytes"},
        {"k1 zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
         "line 1: a key is hexadecimal digits"},
        {"k1 " K1 "\nk1 " K2 "\n", "line 2: its name stands on an earlier line too"},
        {"k/1 " K1 "\n", "line 1: a name holds letters, digits"},
        {"abcdefghijklmnopqrstuvwxyz0123456 " K1 "\n", "line 1: the name has more than 32"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_keyring k = {.n = 0};
        struct px_err e = PX_ERR_INIT;
        assert_int_equal(px_keyring_parse(px_str_c(rows[i].text), &k, &e), PX_CONFIG);
        if (!strstr(e.msg, rows[i].says) || strstr(e.msg, "0102")) {
            fail_msg("row %zu: %s", i, e.msg);
        }
        assert_int_equal(k.n, 0);
    }
    struct px_keyring nul = {.n = 0};
    struct px_err why = PX_ERR_INIT;
    assert_int_equal(px_keyring_parse(PX_S("k\0001 " K1 "\n"), &nul, &why), PX_CONFIG);
    assert_non_null(strstr(why.msg, "line 1: a name holds letters, digits"));
    char many[20 * 80] = "";
    for (int i = 0; i < 17; i++) {
        snprintf(many + strlen(many), sizeof many - strlen(many), "k%d " K1 "\n", i);
    }
    struct px_keyring k = {.n = 0};
    struct px_err e = PX_ERR_INIT;
    assert_int_equal(px_keyring_parse(px_str_c(many), &k, &e), PX_CONFIG);
    assert_non_null(strstr(e.msg, "line 17: more than 16 keys"));
}

static void test_keyring_files(void **state PX_UNUSED) {
    char path[] = "/tmp/px-keyring-XXXXXX";
    struct px_keyring k = {.n = 0};
    struct px_err e = PX_ERR_INIT;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "k1 " K1 "\n", 4 + 64) == 4 + 64 && close(fd) == 0);
    assert_int_equal(px_keyring_load("Erasure:KeyFile", path, &k, &e), PX_OK);
    assert_false(k.exposed);
    px_keyring_fini(&k);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(px_keyring_load("Erasure:KeyFile", path, &k, &e), PX_OK);
    assert_true(k.exposed);
    px_keyring_fini(&k);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(px_keyring_load("Erasure:KeyFile", path, &k, &e), PX_CONFIG);
    assert_non_null(strstr(e.msg, "Erasure:KeyFile: the file /tmp/px-keyring-"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(px_keyring_load("Erasure:KeyFile", path, &k, &e), PX_CONFIG);
    assert_int_equal(px_keyring_load("Erasure:KeyFile", "/tmp", &k, &e), PX_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyring_parses),
        cmocka_unit_test(test_keyring_refuses),
        cmocka_unit_test(test_keyring_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
