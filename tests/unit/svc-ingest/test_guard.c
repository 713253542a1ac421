/* Who is let in: keys right and wrong, how much work they cost, and whose bucket pays. */
#include "unit.h"

#include "guard.h"
#include "model_fixture.h"

#include <px/clock.h>
#include <px/hash.h>
#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define GOOD "pxk_abcdefgh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OLD  "pxk_ijklmnop_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define GONE "pxk_qrstuvwx_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA"
#define SOON "pxk_yzabcdef_DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDA"
#define NOW  (INT64_C(1790000000) * PX_US_PER_S) /* in September 2026 */

struct guarded {
    struct ing_guard g;
    struct ing_sender s;
    struct ing_finding f;
    struct ing_moment at;
};

static void row(struct px_buf *b, const char *client, const char *key, const char *more) {
    uint8_t hash[PX_KEY_HASH];

    px_sha256(px_str_c(key), hash);
    px_buf_printf(b, "  - {client: %s, id: %.8s, hash: ", client, key + 4);
    for (size_t i = 0; i < sizeof hash; i++) {
        px_buf_printf(b, "%02x", hash[i]);
    }
    px_buf_printf(b, "%s}\n", more);
}

/* A plan with the file ${text}. */
static struct ing_plan *plan_of(struct px_str text, const char *require_site) {
    struct model_file f;
    struct ing_plan *p = NULL;
    struct px_err err = PX_ERR_INIT;

    model_file_text(&f, "keys.yaml", text);
    struct ing_conf c = {.address_rate = 1,
                         .address_burst = 5,
                         .key_burst = 1,
                         .key_failures = 10,
                         .route_burst = 1,
                         .limit_exempt = "10.0.0.0/8",
                         .keys_file = f.path,
                         .keys_require = require_site ? ING_REQUIRE_SITE : ING_REQUIRE_NONE};
    if (ing_plan_new(&c, 1, &p, &err)) {
        fail_msg("%s", err.msg);
    }
    model_file_fini(&f);
    return p;
}

static struct ing_plan *plan(const char *require_site, bool with_good) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(8192);

    px_buf_c(&b, "rates:\n  - {name: slow, rate: 1, burst: 3}\nsites:\n"
                 "  - {key: shop-7f3a, site: shop, origins: [\"https://shop.example\"]}\n"
                 "  - {key: blog-1234, site: blog, rate: slow}\nkeys:\n");
    row(&b, "other", OLD, ", expires: 2026-01-01T00:00:00Z");
    row(&b, "other", GONE, ", disabled: true");
    row(&b, "other", SOON, ", not_before: 2027-01-01T00:00:00Z");
    if (with_good) {
        row(&b, "billing", GOOD, ", scopes: [ip, ack], rate: slow");
    }
    return plan_of(px_buf_view(&b), require_site);
}

static void open_guard(struct guarded *x, const char *require_site) {
    memset(x, 0, sizeof *x);
    x->at = (struct ing_moment){.mono = 1000 * PX_US_PER_S, .wall = NOW};
    assert_int_equal(ing_guard_open(&x->g, plan(require_site, true), NULL), PX_OK);
}

static void from(struct guarded *x, const char *address) {
    x->s = (struct ing_sender){.key = NULL};
    assert_true(px_addr_parse(px_str_c(address), &x->s.client));
}

static enum ing_denial present(struct guarded *x, const struct ing_presented *p) {
    x->s.key = NULL;
    x->s.site = NULL;
    ing_guard_identify(&x->g, p, &x->at, &x->s, &x->f);
    assert_true(x->f.denial == ING_ADMITTED || !x->s.key);
    return x->f.denial;
}

static enum ing_denial bearer(struct guarded *x, const char *key) {
    char text[200];

    snprintf(text, sizeof text, "Bearer %s", key);
    return present(x, &(struct ing_presented){.authorization = px_str_c(text)});
}

static void test_guard_knows_a_key_after_one_hash(void **state PX_UNUSED) {
    struct guarded x;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED);
    assert_true(x.f.fresh && strcmp(x.s.key->client, "billing") == 0);
    assert_true(ing_sender_may(&x.s, PX_SCOPE_IP) && !ing_sender_may(&x.s, PX_SCOPE_TIMESTAMP));
    assert_int_equal(x.g.hashes, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(bearer(&x, GOOD), ING_ADMITTED);
        assert_true(!x.f.fresh && x.s.key && ing_sender_may(&x.s, PX_SCOPE_ACK));
    }
    assert_int_equal(x.g.hashes, 1);
    ing_guard_close(&x.g);
}

/* Wrong from the first letter of the secret, wrong in the last one, no such id: the same work. */
static void test_guard_does_the_same_work_for_every_wrong_key(void **state PX_UNUSED) {
    static const char *const keys[] = {
        "pxk_abcdefgh_ZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "pxk_abcdefgh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE",
        "pxk_nobodyis_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "pxk_abcdefgh_ZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct guarded x;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    for (size_t i = 0; i < PX_ARRAY_LEN(keys); i++) {
        assert_int_equal(bearer(&x, keys[i]), ING_DENIED_WRONG_KEY);
        assert_int_equal(x.g.hashes, i + 1);
        assert_true((x.f.about != NULL) == (i != 2) && !x.s.key);
    }
    ing_guard_close(&x.g);
}

static void guess(uint32_t i, char out[PX_KEY_TEXT + 1]) {
    uint8_t random[PX_KEY_RANDOM] = {1, 2, 3, 4, 5};

    memcpy(random, &i, sizeof i); /* in the id, and in the secret */
    memcpy(random + 10, &i, sizeof i);
    random[9] = 1;
    px_key_make(random, out);
}

static void test_guard_bounds_ten_thousand_tries_from_one_address(void **state PX_UNUSED) {
    struct guarded x;
    char key[PX_KEY_TEXT + 1];
    unsigned told = 0;
    open_guard(&x, NULL);
    from(&x, "2001:db8:1:2::1");

    for (uint32_t i = 0; i < 10000; i++) {
        guess(i, key);
        enum ing_denial d = bearer(&x, key);
        told += d == ING_DENIED_WRONG_KEY;
        assert_true(d == ING_DENIED_WRONG_KEY || (d == ING_DENIED_KEY_FAILURES && x.f.wait > 0));
        x.at.mono += 5990; /* all of them in one minute */
    }
    assert_in_range(told, 10, 20); /* ten at once, and ten that came back in that minute */
    from(&x, "2001:db8:1:2::2");   /* the same /64 */
    assert_int_equal(bearer(&x, "pxk_zzzzzzzz_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                     ING_DENIED_KEY_FAILURES);
    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED); /* and the right one passes */
    from(&x, "2001:db8:1:3::1");
    assert_int_equal(bearer(&x, "pxk_zzzzzzzz_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                     ING_DENIED_WRONG_KEY);
    ing_guard_close(&x.g);
}

/* However many keys there are, each is hashed once and said once: they do not share places. */
static void test_guard_knows_all_keys_at_one_time(void **state PX_UNUSED) {
    enum {
        KEYS = 300
    };
    static char key[KEYS][PX_KEY_TEXT + 1];
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);
    char client[16];
    struct guarded x;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    px_buf_c(&b, "keys:\n");
    for (uint32_t i = 0; i < KEYS; i++) {
        guess(i * 31, key[i]);
        snprintf(client, sizeof client, "client-%u", i);
        row(&b, client, key[i], "");
    }
    ing_guard_follow(&x.g, plan_of(px_buf_view(&b), NULL));
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < KEYS; i++) {
            assert_int_equal(bearer(&x, key[i]), ING_ADMITTED);
            assert_int_equal(x.f.fresh, round == 0);
        }
    }
    assert_int_equal(x.g.hashes, KEYS);
    ing_guard_close(&x.g);
}

/* What is no key is nobody's: others who send such a thing are still told what is wrong with it. */
static void test_guard_bounds_what_is_no_key_by_address_only(void **state PX_UNUSED) {
    struct guarded x;
    open_guard(&x, NULL);

    from(&x, "192.0.2.1");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bearer(&x, "eyJhbGciOi"), ING_DENIED_BAD_KEY);
    }
    assert_int_equal(bearer(&x, "eyJhbGciOi"), ING_DENIED_KEY_FAILURES);
    from(&x, "192.0.2.2");
    assert_int_equal(bearer(&x, "eyJhbGciOi"), ING_DENIED_BAD_KEY);
    ing_guard_close(&x.g);
}

/* Who is told to wait already leaves no more traces, whatever ids it makes up. */
static void test_guard_lets_one_address_fill_few_buckets(void **state PX_UNUSED) {
    struct guarded x;
    char key[PX_KEY_TEXT + 1];
    size_t used = 0;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    for (uint32_t i = 0; i < 1000; i++) {
        guess(i, key);
        assert_true(bearer(&x, key) != ING_ADMITTED);
    }
    for (size_t i = 0; i < ING_BUCKETS; i++) {
        used += x.g.buckets.slots[i].id != 0;
    }
    assert_int_equal(used, 11); /* its own, and of ten ids */
    ing_guard_close(&x.g);
}

static void test_guard_bounds_tries_at_one_key_from_everywhere(void **state PX_UNUSED) {
    struct guarded x;
    unsigned told = 0;
    char key[PX_KEY_TEXT + 1], address[32];
    open_guard(&x, NULL);

    for (uint32_t i = 0; i < 10000; i++) {
        guess(i, key);
        memcpy(key, "pxk_abcdefgh", 12);
        snprintf(address, sizeof address, "198.%u.%u.1", 18 + i / 250, i % 250);
        from(&x, address);
        told += bearer(&x, key) == ING_DENIED_WRONG_KEY;
    }
    assert_int_equal(told, 10);
    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED); /* nobody is locked out by that */
    ing_guard_close(&x.g);
}

static void test_guard_says_why_a_right_key_is_refused(void **state PX_UNUSED) {
    static const struct {
        const char *key;
        enum ing_denial why;
    } rows[] = {{OLD, ING_DENIED_KEY_EXPIRED},
                {GONE, ING_DENIED_KEY_DISABLED},
                {SOON, ING_DENIED_KEY_NOT_YET}};
    struct guarded x;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        for (int again = 0; again < 30; again++) { /* no guess, so no failure that is limited */
            assert_int_equal(bearer(&x, rows[i].key), rows[i].why);
            assert_string_equal(x.f.about->client, "other");
        }
    }
    x.at.wall = NOW + 200 * PX_US_PER_DAY; /* known or not, its times are asked each time */
    assert_int_equal(bearer(&x, SOON), ING_ADMITTED);
    ing_guard_close(&x.g);
}

static void test_guard_takes_keys_in_one_place_only(void **state PX_UNUSED) {
    static const struct {
        const char *authorization, *query;
        bool twice;
        enum ing_denial says;
        bool keyed;
    } rows[] = {
        {"Bearer " GOOD, "", false, ING_ADMITTED, true},
        {"bearer  " GOOD " ", "", false, ING_ADMITTED, true},
        {"Bearer " GOOD, "", true, ING_DENIED_BAD_KEY, false},
        {GOOD, "", false, ING_DENIED_BAD_KEY, false},
        {"Bearer", "", false, ING_DENIED_BAD_KEY, false}, /* whose key was never set */
        {"Bearer\t" GOOD, "", false, ING_DENIED_BAD_KEY, false},
        {"Bearers", "", false, ING_ADMITTED, false},
        {"Token " GOOD, "", false, ING_DENIED_BAD_KEY, false},
        {"Basic dXNlcjpwYXNz, Bearer " GOOD, "", false, ING_DENIED_BAD_KEY, false},
        {"Basic dXNlcjpwYXNz", "", true, ING_DENIED_BAD_KEY, false}, /* the other may be ours */
        {"Bearer eyJhbGciOi", "", false, ING_DENIED_BAD_KEY, false},
        {"Bearer " GOOD "A", "", false, ING_DENIED_BAD_KEY, false},
        {"Basic dXNlcjpwYXNz", "", false, ING_ADMITTED, false}, /* of a proxy in front */
        {NULL, "playerId=p&k=" GOOD, false, ING_DENIED_KEY_IN_QUERY, false},
        {"Bearer " GOOD, "token=" GOOD, false, ING_DENIED_KEY_IN_QUERY, false},
        {NULL, "playerId=pxk_visitor", false, ING_ADMITTED, false},
    };
    struct guarded x;

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        open_guard(&x, NULL);
        from(&x, "192.0.2.1");
        struct ing_presented p = {.authorization = px_str_c(rows[i].authorization),
                                  .query = px_str_c(rows[i].query),
                                  .twice = rows[i].twice};
        assert_int_equal(present(&x, &p), rows[i].says);
        assert_int_equal(x.s.key != NULL, rows[i].keyed);
        ing_guard_close(&x.g);
    }
}

static void test_guard_asks_for_site_keys(void **state PX_UNUSED) {
    static const struct {
        const char *header, *query, *origin;
        enum ing_denial needed, free;
        const char *site;
    } rows[] = {
        {NULL, "playerId=p", NULL, ING_DENIED_NO_SITE_KEY, ING_ADMITTED, NULL},
        {NULL, "k=other-key", NULL, ING_DENIED_WRONG_SITE_KEY, ING_ADMITTED, NULL},
        {NULL, "playerId=p&k=blog-1234", NULL, ING_ADMITTED, ING_ADMITTED, "blog"},
        {"blog-1234", "k=other-key", NULL, ING_ADMITTED, ING_ADMITTED, "blog"},
        {NULL, "k=shop-7f3a", "https://shop.example", ING_ADMITTED, ING_ADMITTED, "shop"},
        {NULL, "k=shop-7f3a", "https://shop.example/a/b?c", ING_ADMITTED, ING_ADMITTED, "shop"},
        {NULL, "k=shop-7f3a", "https://shop.example:8443", ING_DENIED_WRONG_ORIGIN,
         ING_DENIED_WRONG_ORIGIN, NULL},
        {NULL, "k=shop-7f3a", "https://shop.example.evil.test/", ING_DENIED_WRONG_ORIGIN,
         ING_DENIED_WRONG_ORIGIN, NULL},
        {NULL, "k=shop-7f3a", "http://shop.example", ING_DENIED_WRONG_ORIGIN,
         ING_DENIED_WRONG_ORIGIN, NULL},
        {NULL, "k=shop-7f3a", NULL, ING_DENIED_WRONG_ORIGIN, ING_DENIED_WRONG_ORIGIN, NULL},
    };
    struct guarded must, may;
    open_guard(&must, "site");
    open_guard(&may, NULL);
    from(&must, "192.0.2.1");
    from(&may, "192.0.2.1");

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct ing_presented p = {.site_key = px_str_c(rows[i].header),
                                  .query = px_str_c(rows[i].query),
                                  .origin = px_str_c(rows[i].origin)};
        assert_int_equal(present(&must, &p), rows[i].needed);
        assert_int_equal(present(&may, &p), rows[i].free);
        if (rows[i].site) {
            assert_string_equal(must.s.site->site, rows[i].site);
        }
    }
    assert_int_equal(bearer(&must, GOOD), ING_ADMITTED); /* a server needs no site */
    ing_guard_close(&must.g);
    ing_guard_close(&may.g);
}

/* How many events pass at once. */
static unsigned passes(struct guarded *x, enum ing_denial *ret) {
    unsigned n = 0, wait = 0;
    struct ing_charge c = {.now = x->at.mono, .cost = 1};

    while (n < 1000 &&
           (*ret = ing_guard_charge(&x->g, &x->s, ING_ROUTE_PIXEL, &c, &wait)) == ING_ADMITTED) {
        n++;
    }
    return n;
}

static void test_guard_charges_the_one_who_sends(void **state PX_UNUSED) {
    struct guarded x;
    enum ing_denial d;
    open_guard(&x, NULL);

    from(&x, "2001:db8:1:2::1");
    assert_int_equal(passes(&x, &d), 5);
    assert_int_equal(d, ING_DENIED_ADDRESS_RATE);
    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED); /* pays by its key, not by its address */
    assert_int_equal(passes(&x, &d), 3);
    assert_int_equal(d, ING_DENIED_KEY_RATE);
    from(&x, "2001:db8:1:2:ffff::9");
    assert_int_equal(passes(&x, &d), 0);
    from(&x, "2001:db8:1:3::1");
    assert_int_equal(present(&x, &(struct ing_presented){.query = PX_S("k=blog-1234")}),
                     ING_ADMITTED);
    assert_int_equal(passes(&x, &d), 3); /* a site key is public: the address pays too */
    assert_int_equal(d, ING_DENIED_KEY_RATE);
    x.s.site = NULL;
    assert_int_equal(passes(&x, &d), 2); /* what its key refused has cost its address nothing */
    from(&x, "10.1.2.3");
    assert_int_equal(passes(&x, &d), 1000);
    ing_guard_close(&x.g);
}

/* Trying again too early makes nothing worse, whichever limit said no. */
static void test_guard_takes_nothing_for_what_it_refuses(void **state PX_UNUSED) {
    struct guarded x;
    struct ing_charge four = {.cost = 4, .paid = 1}, one = {.cost = 1};
    unsigned wait = 0;
    enum ing_denial d;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");
    four.now = one.now = x.at.mono;
    assert_int_equal(present(&x, &(struct ing_presented){.query = PX_S("k=blog-1234")}),
                     ING_ADMITTED);

    assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &one, &wait), ING_ADMITTED);
    assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &one, &wait), ING_ADMITTED);
    for (int i = 0; i < 100; i++) { /* the address has five, the key three */
        assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &four, &wait),
                         ING_DENIED_KEY_RATE);
        assert_int_equal(wait, 2); /* one of them for finding out again */
    }
    x.s.site = NULL;
    x.g.plan->route = ing_rate_of(1, PX_US_PER_S, 2, 1);
    assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &one, &wait), ING_ADMITTED);
    assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &one, &wait), ING_ADMITTED);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ing_guard_charge(&x.g, &x.s, ING_ROUTE_EVENTS, &one, &wait),
                         ING_DENIED_ROUTE_RATE);
    }
    x.g.plan->route.step = 0;
    assert_int_equal(passes(&x, &d), 1);
    assert_int_equal(d, ING_DENIED_ADDRESS_RATE);
    ing_guard_close(&x.g);
}

static void test_guard_forgets_keys_that_a_new_file_lacks(void **state PX_UNUSED) {
    struct guarded x;
    open_guard(&x, NULL);
    from(&x, "192.0.2.1");

    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED);
    ing_guard_follow(&x.g, plan(NULL, false));
    assert_int_equal(bearer(&x, GOOD), ING_DENIED_WRONG_KEY);
    ing_guard_follow(&x.g, plan(NULL, true));
    assert_int_equal(bearer(&x, GOOD), ING_ADMITTED);
    assert_true(x.f.fresh); /* said once more: who still uses which key */
    ing_guard_close(&x.g);
}

static void test_guard_needs_a_plan_that_holds_together(void **state PX_UNUSED) {
    struct ing_plan *p = NULL;
    struct px_err err = PX_ERR_INIT;
    struct ing_conf c = {.limit_exempt = "10.0.0.0/33", .keys_file = "", .key_failures = 1};

    assert_int_equal(ing_plan_new(&c, 1, &p, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "Limit:Exempt: "));
    c.limit_exempt = "";
    c.keys_require = ING_REQUIRE_SITE;
    assert_int_equal(ing_plan_new(&c, 1, &p, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "Keys:Require=site"));
    c.keys_file = "/nonexistent/keys.yaml";
    assert_int_equal(ing_plan_new(&c, 1, &p, &err), PX_CONFIG);
    assert_non_null(strstr(err.msg, "Keys:File"));
    assert_null(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_knows_a_key_after_one_hash),
        cmocka_unit_test(test_guard_knows_all_keys_at_one_time),
        cmocka_unit_test(test_guard_bounds_what_is_no_key_by_address_only),
        cmocka_unit_test(test_guard_lets_one_address_fill_few_buckets),
        cmocka_unit_test(test_guard_takes_nothing_for_what_it_refuses),
        cmocka_unit_test(test_guard_does_the_same_work_for_every_wrong_key),
        cmocka_unit_test(test_guard_bounds_ten_thousand_tries_from_one_address),
        cmocka_unit_test(test_guard_bounds_tries_at_one_key_from_everywhere),
        cmocka_unit_test(test_guard_says_why_a_right_key_is_refused),
        cmocka_unit_test(test_guard_takes_keys_in_one_place_only),
        cmocka_unit_test(test_guard_asks_for_site_keys),
        cmocka_unit_test(test_guard_charges_the_one_who_sends),
        cmocka_unit_test(test_guard_forgets_keys_that_a_new_file_lacks),
        cmocka_unit_test(test_guard_needs_a_plan_that_holds_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
