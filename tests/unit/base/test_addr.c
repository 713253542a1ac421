/* Addresses and networks: one form, strict reading, who is inside. */
#include <px/addr.h>

#include "unit.h"

struct addr_row {
    const char *text, *same; /* NULL: refused */
};

static void test_addr_parse_table(void **state PX_UNUSED) {
    static const struct addr_row rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one zero stays */
        {"::", "::"},
        {"::1", "::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:201", "192.0.2.1"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"}, /* an address of its own */
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"01.2.3.4", NULL},
        {"0x1.2.3.4", NULL},
        {"16909060", NULL},
        {"1.2.3.4 ", NULL},
        {" 1.2.3.4", NULL},
        {"1.2.3.4:80", NULL},
        {"[::1]", NULL},
        {":", NULL},
        {":::", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"fe80::1%eth0", NULL},
        {"fe80::1%25eth0", NULL},
        {"::1.2.3", NULL},
        {"localhost", NULL},
        {"0000:0000:0000:0000:0000:ffff:192.168.100.228x", NULL},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_addr a = {{7}}, again;
        char out[PX_ADDR_TEXT];
        bool ok = px_addr_parse(px_str_c(rows[i].text), &a);
        if (ok != (rows[i].same != NULL)) {
            fail_msg("%s: %s", rows[i].text, ok ? "accepted" : "refused");
        }
        if (!ok) {
            assert_int_equal(a.b[0], 7);
            continue;
        }
        assert_int_equal(px_addr_fmt(&a, out), strlen(rows[i].same));
        assert_string_equal(out, rows[i].same);
        assert_true(px_addr_parse(px_str_c(out), &again));
        assert_true(px_addr_eq(&a, &again));
    }
    struct px_addr a;
    assert_false(px_addr_parse(PX_S("1.2.3.4\0"), &a));
    assert_false(px_addr_parse((struct px_str){.n = 0}, &a));
}

static void test_addr_hop_table(void **state PX_UNUSED) {
    static const struct addr_row rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:0", "192.0.2.1"},
        {"192.0.2.1:65535", "192.0.2.1"},
        {"192.0.2.1:_gazonk", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:db8::1:443", "2001:db8::1:443"}, /* without brackets there is no port */
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"[::ffff:192.0.2.1]:443", "192.0.2.1"},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:-1", NULL},
        {"192.0.2.1:080", NULL},
        {"192.0.2.1:_", NULL},
        {"192.0.2.1:_a b", NULL},
        {"192.0.2.1:http", NULL},
        {":80", NULL},
        {"[", NULL},
        {"[]", NULL},
        {"[192.0.2.1]", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]443", NULL},
        {"[2001:db8::1]:", NULL},
        {"[fe80::1%eth0]:1", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_addr a;
        char out[PX_ADDR_TEXT];
        bool ok = px_addr_parse_hop(px_str_c(rows[i].text), &a);
        if (ok != (rows[i].same != NULL)) {
            fail_msg("%s: %s", rows[i].text, ok ? "accepted" : "refused");
        }
        if (ok) {
            px_addr_fmt(&a, out);
            assert_string_equal(out, rows[i].same);
        }
    }
}

static struct px_addr addr_of(const char *text) {
    struct px_addr a;

    assert_true(px_addr_parse(px_str_c(text), &a));
    return a;
}

struct net_row {
    const char *net, *addr;
    bool inside;
};

static void test_addr_network_holds(void **state PX_UNUSED) {
    static const struct net_row rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"10.0.0.0/8", "a00::", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.7/32", "192.0.2.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:0:0/96", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::2", false},
        {"fc00::/7", "fdff::1", true},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_net net;
        struct px_addr a = addr_of(rows[i].addr);
        assert_int_equal(px_net_parse(px_str_c(rows[i].net), &net, NULL), PX_OK);
        if (px_net_has(&net, &a) != rows[i].inside) {
            fail_msg("%s in %s", rows[i].addr, rows[i].net);
        }
    }
}

static void test_addr_network_errors_name_the_remedy(void **state PX_UNUSED) {
    static const struct {
        const char *net, *says;
    } rows[] = {
        {"10.0.0.1/8", "the network is 10.0.0.0/8"},
        {"::ffff:10.0.0.1/104", "the network is 10.0.0.0/8"},
        {"2001:db8::1/32", "the network is 2001:db8::/32"},
        {"10.0.0.0/33", "a number from 0 to 32"},
        {"10.0.0.0/", "a number from 0 to 32"},
        {"10.0.0.0/08", "a number from 0 to 32"},
        {"2001:db8::/129", "a number from 0 to 128"},
        {"10.0.0/8", "is no network"},
        {"10.0.0.0:80", "is no network"},
        {"proxy.example", "is no network"},
        {"", "is no network"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_net net;
        struct px_err err = PX_ERR_INIT;
        assert_int_equal(px_net_parse(px_str_c(rows[i].net), &net, &err), PX_INVALID);
        if (!strstr(err.msg, rows[i].says)) {
            fail_msg("%s: %s", rows[i].net, err.msg);
        }
    }
}

static void test_addr_lists(void **state PX_UNUSED) {
    struct px_nets nets;
    struct px_err err = PX_ERR_INIT;
    struct px_addr a = addr_of("172.20.1.1"), v6 = addr_of("::1"), far = addr_of("203.0.113.9");

    assert_int_equal(px_nets_parse(PX_S(""), &nets, NULL), PX_OK);
    assert_int_equal(nets.n, 0);
    assert_int_equal(px_nets_find(&nets, &a), 0);
    assert_int_equal(px_nets_parse(PX_S(" loopback, private\t192.0.2.7,"), &nets, NULL), PX_OK);
    assert_int_equal(nets.n, 7);
    assert_int_equal(px_nets_find(&nets, &v6), 1);
    assert_int_equal(px_nets_find(&nets, &a), 3);
    assert_int_equal(px_nets_find(&nets, &far), nets.n);
    assert_int_equal(px_nets_parse(PX_S("10.0.0.0/8,everybody"), &nets, &err), PX_INVALID);
    assert_non_null(strstr(err.msg, "\"everybody\" is no network"));
    assert_int_equal(nets.n, 0);

    char many[PX_NETS_MAX * 4 + 8];
    for (size_t i = 0; i <= PX_NETS_MAX; i++) {
        memcpy(many + 4 * i, "::1,", 4);
    }
    struct px_str list = {.p = many, .n = PX_NETS_MAX * 4};
    assert_int_equal(px_nets_parse(list, &nets, NULL), PX_OK);
    list.n += 4;
    assert_int_equal(px_nets_parse(list, &nets, &err), PX_INVALID);
    assert_non_null(strstr(err.msg, "more than 256"));
}

/* The names of lists and the question by bytes mean the same networks. */
static void test_addr_private_is_what_the_names_say(void **state PX_UNUSED) {
    static const char *const rows[] = {
        "9.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "11.0.0.0",
        "126.255.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "192.169.0.0",
        "::",
        "::1",
        "::2",
        "fbff::",
        "fc00::",
        "fdff:ffff::",
        "fe00::",
        "a00::",
        "7f00::1",
    };
    struct px_nets nets;

    assert_int_equal(px_nets_parse(PX_S("loopback,private"), &nets, NULL), PX_OK);
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct px_addr a = addr_of(rows[i]);
        if (px_addr_is_private(&a) != (px_nets_find(&nets, &a) < nets.n)) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void test_addr_networks_around(void **state PX_UNUSED) {
    struct px_addr v4 = addr_of("203.0.113.77"), v6 = addr_of("2001:db8:1:2:3:4:5:6");
    char out[PX_NET_TEXT];
    struct px_net net = px_addr_net(&v4, 24, 48);

    assert_int_equal(px_net_fmt(&net, out), 14);
    assert_string_equal(out, "203.0.113.0/24");
    net = px_addr_net(&v6, 24, 48);
    px_net_fmt(&net, out);
    assert_string_equal(out, "2001:db8:1::/48");
    net = px_addr_net(&v6, 24, 0);
    px_net_fmt(&net, out);
    assert_string_equal(out, "::/0");
    net = px_addr_net(&v4, 32, 128);
    px_net_fmt(&net, out);
    assert_string_equal(out, "203.0.113.77/32");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addr_parse_table),
        cmocka_unit_test(test_addr_hop_table),
        cmocka_unit_test(test_addr_network_holds),
        cmocka_unit_test(test_addr_network_errors_name_the_remedy),
        cmocka_unit_test(test_addr_lists),
        cmocka_unit_test(test_addr_networks_around),
        cmocka_unit_test(test_addr_private_is_what_the_names_say),
    };

    return cmocka_run_group_tests_name("base/addr", tests, NULL, NULL);
}
