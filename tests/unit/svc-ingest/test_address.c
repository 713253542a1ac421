/* What events keep of an address, and whom options trust. */
#include "unit.h"

#include "sender.h"

#include "proc.h"

#include <stdio.h>
#include <string.h>

#define K1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct px_addr addr_of(const char *text) {
    struct px_addr a;

    assert_true(px_addr_parse(px_str_c(text), &a));
    return a;
}

static const char *key_file(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/keys", proc_tmpdir());
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs("k2026 " K1 "\n", f);
    fclose(f);
    return path;
}

static void test_address_modes(void **state) {
    static const struct {
        enum ing_address_mode mode;
        const char *v4, *v6, *mapped;
    } rows[] = {
        {ING_ADDRESS_TRUNCATED, "203.0.113.0/24", "2001:db8::/48", "203.0.113.0/24"},
        {ING_ADDRESS_FULL, "203.0.113.77", "2001:db8::9", "203.0.113.77"},
        /* made with another implementation of HMAC-SHA-256 */
        {ING_ADDRESS_HASHED, "k2026:32be4105906269b7d4dc2f60", "k2026:e0ec93def02017c2db147017",
         "k2026:32be4105906269b7d4dc2f60"},
        {ING_ADDRESS_NONE, "", "", ""},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_conf conf = {.client_address = (int)rows[i].mode, .address_keys = key_file()};
        static struct ing_address a;
        struct px_addr v4 = addr_of("203.0.113.77"), v6 = addr_of("2001:db8::9"),
                       mapped = addr_of("::ffff:203.0.113.77");
        assert_int_equal(ing_address_init(&a, &conf, NULL), PX_OK);
        for (int twice = 0; twice < 2; twice++) { /* made, and remembered */
            assert_true(px_str_is(ing_address_kept(&a, &v4), rows[i].v4));
            assert_true(px_str_is(ing_address_kept(&a, &v6), rows[i].v6));
            assert_true(px_str_is(ing_address_kept(&a, &mapped), rows[i].mapped));
        }
        ing_address_fini(&a);
    }
}

/* More addresses than there are places: each is told as itself all the same. */
static void test_address_places_are_shared(void **state) {
    struct ing_conf conf = {.client_address = ING_ADDRESS_FULL};
    static struct ing_address a;
    (void)state;

    assert_int_equal(ing_address_init(&a, &conf, NULL), PX_OK);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4 * ING_ADDRESS_SEEN; i++) {
            char text[PX_ADDR_TEXT];
            snprintf(text, sizeof text, "198.51.%u.%u", i / 256, i % 256);
            struct px_addr addr = addr_of(text);
            assert_true(px_str_is(ing_address_kept(&a, &addr), text));
        }
    }
    ing_address_fini(&a);
}

static void test_address_needs_its_key(void **state) {
    struct ing_conf conf = {.client_address = ING_ADDRESS_HASHED, .address_keys = ""};
    static struct ing_address a;
    struct px_err err = PX_ERR_INIT;
    (void)state;

    assert_int_equal(ing_address_init(&a, &conf, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "needs Privacy:KeyFile"));
    conf.address_keys = "/nowhere/keys";
    assert_int_equal(ing_address_init(&a, &conf, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "Privacy:KeyFile: the file /nowhere/keys"));
}

static void test_address_trusts_by_name(void **state) {
    static const struct {
        const char *trusted, *says;
    } rows[] = {
        {"", NULL},
        {"10.0.0.0/8,2001:db8::/32", NULL},
        {"private", NULL},
        {"10.0.0.1/8", "Proxy:Trusted: \"10.0.0.1/8\" has bits set behind its prefix"},
        {"everybody", "Proxy:Trusted: \"everybody\" is no network"},
        {"0.0.0.0/0", "0.0.0.0/0 trusts everybody"},
        {"10.0.0.0/8 ::/0", "::/0 trusts everybody"},
        {"::ffff:0:0/96", "0.0.0.0/0 trusts everybody"},
    };
    (void)state;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_conf conf = {.trusted = rows[i].trusted, .proxy_header = PX_FWD_FORWARDED};
        struct px_fwd_policy p;
        struct px_err err = PX_ERR_INIT;
        enum px_code rc = ing_proxies_init(&p, &conf, &err);
        assert_int_equal(rc, rows[i].says ? PX_CONFIG : PX_OK);
        if (rows[i].says && !strstr(err.msg, rows[i].says)) {
            fail_msg("%s: %s", rows[i].trusted, err.msg);
        }
        assert_int_equal(p.header, PX_FWD_FORWARDED);
    }
}

static void test_address_hints_once_an_hour(void **state) {
    struct ing_finder f = {.hinted = 0};
    struct ing_sender near = {.client = addr_of("10.0.0.7"), .found = PX_FWD_IGNORED},
                      far = {.client = addr_of("203.0.113.9"), .found = PX_FWD_IGNORED},
                      plain = {.client = addr_of("10.0.0.7"), .found = PX_FWD_DIRECT};
    px_us now = PX_US_PER_DAY;
    (void)state;

    assert_false(ing_sender_hint(&f, &far, now));
    assert_false(ing_sender_hint(&f, &plain, now));
    assert_true(ing_sender_hint(&f, &near, now));
    assert_false(ing_sender_hint(&f, &near, now + PX_US_PER_HOUR - 1));
    assert_true(ing_sender_hint(&f, &near, now + PX_US_PER_HOUR));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_modes),
        cmocka_unit_test(test_address_places_are_shared),
        cmocka_unit_test(test_address_needs_its_key),
        cmocka_unit_test(test_address_trusts_by_name),
        cmocka_unit_test(test_address_hints_once_an_hour),
    };
    return cmocka_run_group_tests_name("svc-ingest/address", tests, NULL, NULL);
}
