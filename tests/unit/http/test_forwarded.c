/* Walks from the peer to the client: who is believed, and where a walk ends. */
#include "unit.h"

#include <px/forwarded.h>

#include <stdio.h>
#include <string.h>

#define TRUSTED "10.0.0.0/8, 2001:db8:aa::/48, 192.0.2.7"

static struct px_fwd_policy policy_of(enum px_fwd_header header, const char *trusted) {
    struct px_fwd_policy p = {.header = header};

    assert_int_equal(px_nets_parse(px_str_c(trusted), &p.trusted, NULL), PX_OK);
    return p;
}

struct row {
    const char *peer, *fields; /* several fields between '|'; NULL = none */
    const char *client;
    enum px_fwd_end end;
    size_t hops; /* that were looked at, without the peer */
};

static void fields_of(const char *text, struct px_fwd_fields *ret) {
    struct px_str rest = px_str_c(text);

    ret->n = 0;
    while (text) {
        size_t end = px_str_find(rest, '|');
        assert_true(ret->n < PX_ARRAY_LEN(ret->v));
        ret->v[ret->n++] = px_str_trim((struct px_str){.p = rest.p, .n = end});
        if (end == rest.n) {
            return;
        }
        rest = (struct px_str){.p = rest.p + end + 1, .n = rest.n - end - 1};
    }
}

static void walk_row(const struct px_fwd_policy *policy, const struct row *r, size_t i) {
    struct px_fwd_fields fields;
    struct px_fwd_walk w;
    struct px_addr peer;
    char got[PX_ADDR_TEXT];

    assert_true(px_addr_parse(px_str_c(r->peer), &peer));
    fields_of(r->fields, &fields);
    px_fwd_walk(policy, &peer, &fields, &w);
    px_addr_fmt(&w.client, got);
    if (strcmp(got, r->client) != 0 || w.end != r->end || w.n != r->hops + 1) {
        fail_msg("row %zu (%s <- %s): %s, %s, %zu hops", i, r->peer, r->fields ? r->fields : "-",
                 got, px_fwd_end_code(w.end), w.n - 1);
    }
    /* What was found is the peer or a hop that was read, and everything to its right is trusted. */
    bool seen = false;
    for (size_t k = 0; k < w.n; k++) {
        seen = seen || (w.steps[k].readable && px_addr_eq(&w.steps[k].addr, &w.client));
        assert_true(k + 1 == w.n || w.steps[k].trusted < policy->trusted.n);
    }
    assert_true(seen);
}

static void walk_rows(enum px_fwd_header header, const char *trusted, const struct row *rows,
                      size_t n) {
    struct px_fwd_policy policy = policy_of(header, trusted);

    for (size_t i = 0; i < n; i++) {
        walk_row(&policy, &rows[i], i);
    }
}

static void test_forwarded_for_walks(void **state PX_UNUSED) {
    static const struct row rows[] = {
        /* nobody to believe */
        {"203.0.113.9", NULL, "203.0.113.9", PX_FWD_DIRECT, 0},
        {"2001:db8::9", NULL, "2001:db8::9", PX_FWD_DIRECT, 0},
        {"203.0.113.9", "198.51.100.1", "203.0.113.9", PX_FWD_IGNORED, 0},
        {"203.0.113.9", "10.0.0.1", "203.0.113.9", PX_FWD_IGNORED, 0},
        {"203.0.113.9", "", "203.0.113.9", PX_FWD_IGNORED, 0},
        {"11.0.0.1", "198.51.100.1", "11.0.0.1", PX_FWD_IGNORED, 0},
        {"192.0.2.8", "198.51.100.1", "192.0.2.8", PX_FWD_IGNORED, 0},
        {"a00::1", "198.51.100.1", "a00::1", PX_FWD_IGNORED, 0},
        /* one proxy */
        {"10.0.0.1", NULL, "10.0.0.1", PX_FWD_ABSENT, 0},
        {"10.0.0.1", "198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"192.0.2.7", "198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"2001:db8:aa::1", "198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "2001:DB8:0::9", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "198.51.100.1:4711", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "[2001:db8::9]", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "[2001:db8::9]:4711", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "[::ffff:198.51.100.1]:80", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", " 198.51.100.1\t", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "127.0.0.1", "127.0.0.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "192.168.1.1", "192.168.1.1", PX_FWD_FOUND, 1},
        /* what the client wrote itself */
        {"10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1,10.9.9.9,198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", ",198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "\", 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "<script>,,,198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=10.0.0.2, 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        /* several proxies */
        {"10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "198.51.100.1,10.0.0.3 ,\t10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 3},
        {"10.0.0.1", "198.51.100.1, 2001:db8:aa::2, 192.0.2.7", "198.51.100.1", PX_FWD_FOUND, 3},
        {"10.0.0.1", "198.51.100.1, 10.0.0.2:80", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "198.51.100.1, [2001:db8:aa::2]:443", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.2", "203.0.113.5", PX_FWD_FOUND, 2},
        {"10.0.0.1", "10.0.0.1, 10.0.0.1", "10.0.0.1", PX_FWD_INSIDE, 2},
        /* several fields are one list in their order */
        {"10.0.0.1", "198.51.100.1|10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "1.1.1.1|198.51.100.1|10.0.0.3, 10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 3},
        {"10.0.0.1", "1.1.1.1|198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "|198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "198.51.100.1|", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "\"|198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        /* everybody is inside */
        {"10.0.0.1", "10.0.0.2", "10.0.0.2", PX_FWD_INSIDE, 1},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", PX_FWD_INSIDE, 2},
        /* hops that say nothing: the last trusted one counts */
        {"10.0.0.1", "unknown", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "198.51.100.1, UNKNOWN", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "unknown:80, 10.0.0.2", "10.0.0.2", PX_FWD_HIDDEN, 2},
        {"10.0.0.1", "198.51.100.1, _hidden, 10.0.0.2", "10.0.0.2", PX_FWD_HIDDEN, 2},
        {"10.0.0.1", "", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "   ", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", ",", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "198.51.100.1,", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.2", PX_FWD_HIDDEN, 2},
        /* hops that cannot be read */
        {"10.0.0.1", "localhost", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.1, proxy-7", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.1 10.0.0.2", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.1;10.0.0.2", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.256", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.1:99999", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.01", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "3325256705", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "0x7f.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "fe80::1%eth0", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "[2001:db8::9", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "\"198.51.100.1\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "198.51.100.1, \xff\xfe, 10.0.0.2", "10.0.0.2", PX_FWD_UNREADABLE, 2},
    };
    walk_rows(PX_FWD_X_FORWARDED_FOR, TRUSTED, rows, PX_ARRAY_LEN(rows));
}

static void test_forwarded_rfc7239_walks(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {"203.0.113.9", "for=198.51.100.1", "203.0.113.9", PX_FWD_IGNORED, 0},
        {"10.0.0.1", NULL, "10.0.0.1", PX_FWD_ABSENT, 0},
        {"10.0.0.1", "for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "For=\"198.51.100.1\"", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"198.51.100.1:47011\"", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=198.51.100.1:47011", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "FOR=\"[2001:db8::9]\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"[2001:db8::9]:4711\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"[2001:db8::9]:_port\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=198.51.100.1;proto=http;by=203.0.113.43", "198.51.100.1", PX_FWD_FOUND,
         1},
        {"10.0.0.1", "proto=https; for=198.51.100.1 ;host=a", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "host=\"a;for=1.1.1.1\";for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        /* a comma in quotes: nobody can tell whose quotes they are */
        {"10.0.0.1", "host=\"a,for=1.1.1.1\";for=198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "host=\"a\\\",for=1.1.1.1\";for=198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE,
         1},
        {"10.0.0.1", "for=1.1.1.1;x=\", for=198.51.100.1;host=a\"", "10.0.0.1", PX_FWD_UNREADABLE,
         1},
        {"10.0.0.1", "for=1.1.1.1;x=\"a, proto=\"b", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=\"198.51.100.\\1\"", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1, for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=198.51.100.1, for=10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "for=198.51.100.1|for=\"10.0.0.2:80\"", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "for=10.0.0.3,for=10.0.0.2", "10.0.0.3", PX_FWD_INSIDE, 2},
        /* a client may open quotes; what proxies wrote behind it is read all the same */
        {"10.0.0.1", "for=\", for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"x, for=\"[2001:db8::9]\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1;x=\", for=198.51.100.1;by=\"10.0.0.9\"", "198.51.100.1",
         PX_FWD_FOUND, 1},
        {"10.0.0.1", "x=\"\\, for=\"198.51.100.1\"", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"|for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        /* nothing, and rubbish */
        {"10.0.0.1", "for=unknown", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "for=_SEVKISEK, for=10.0.0.2", "10.0.0.2", PX_FWD_HIDDEN, 2},
        {"10.0.0.1", "for=\"_gazonk:80\"", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "proto=https;by=10.0.0.9", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "for=", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "for=\"\"", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", ";;", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for = 198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1;for=1.1.1.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=\"198.51.100.1", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=\"198.51.100.1\\\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=\"a\\\\\"b\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1 proto=http", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=\"fe80::1%eth0\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=example.org", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1;x=\"", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1;x=\"a\"b", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1", "for=198.51.100.1;proto", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        {"10.0.0.1",
         "for="
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
         "10.0.0.1", PX_FWD_UNREADABLE, 1},
    };
    walk_rows(PX_FWD_FORWARDED, TRUSTED, rows, PX_ARRAY_LEN(rows));
}

/* As nginx, HAProxy and balancers really write them, behind what a client can bring along. */
static void test_forwarded_for_as_proxies_write_it(void **state PX_UNUSED) {
    static const struct row rows[] = {
        /* nginx joins the fields that came, empty ones too, and puts its peer behind them */
        {"10.0.0.1", ", 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1, ,, ,, 198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1, 2001:db8::9", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "198.51.100.1, unix:", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        /* HAProxy adds a field; a socket for both families shows IPv4 in IPv6 form */
        {"10.0.0.1", "1.1.1.1, ,|,,|2001:db8::9", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1|::ffff:198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "|198.51.100.1|10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        /* HAProxy, then nginx */
        {"10.0.0.1", "1.1.1.1, 198.51.100.1, 192.0.2.7", "198.51.100.1", PX_FWD_FOUND, 2},
        /* balancers: no blank, client ports, all groups of IPv6, brackets; a port behind an IPv6
         * address without brackets is told from it only where all groups are there */
        {"10.0.0.1", "1.1.1.1,198.51.100.1:4711", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "198.51.100.1:4711, 10.0.0.2:80", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "2001:0db8:0000:0000:0000:0000:0000:0009", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "1.1.1.1:1,[2001:db8::9]:4711", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "2001:db8:1:2:3:4:5:9:50718", "10.0.0.1", PX_FWD_UNREADABLE, 1},
        /* ones that hide who it was */
        {"10.0.0.1", "1.1.1.1, unknown", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "1.1.1.1, -", "10.0.0.1", PX_FWD_UNREADABLE, 1},
    };
    walk_rows(PX_FWD_X_FORWARDED_FOR, TRUSTED, rows, PX_ARRAY_LEN(rows));
}

static void test_forwarded_rfc7239_as_proxies_write_it(void **state PX_UNUSED) {
    static const struct row rows[] = {
        /* HAProxy's "option forwarded": behind the client's, or in a field of its own */
        {"10.0.0.1", "proto=http;for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1,proto=https;for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=\"|proto=http;for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1,|proto=http;for=\"[2001:db8::9]\"", "2001:db8::9", PX_FWD_FOUND,
         1},
        {"10.0.0.1", "proto=http;for=\"[2001:db8::9]:4711\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "proto=http;for=\"[::ffff:198.51.100.1]\"", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1",
         "proto=https;host=\"a.example:443\";by=\"10.0.0.7:443\";for=\"198.51.100.1:4711\"",
         "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=198.51.100.1,proto=http;for=10.0.0.2", "198.51.100.1", PX_FWD_FOUND, 2},
        {"10.0.0.1", "for=1.1.1.1,proto=http;for=unknown", "10.0.0.1", PX_FWD_HIDDEN, 1},
        {"10.0.0.1", "proto=http;for=\"unknown:4711\"", "10.0.0.1", PX_FWD_HIDDEN, 1},
        /* rules of one's own, as docs/ADDRESSES.md has them; and gateways */
        {"10.0.0.1", "for=1.1.1.1|for=\"[2001:db8::9]\"", "2001:db8::9", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1, ,|for=198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "for=1.1.1.1|for=::ffff:198.51.100.1", "198.51.100.1", PX_FWD_FOUND, 1},
        {"10.0.0.1", "by=203.0.113.5;for=198.51.100.1;host=a.example;proto=https", "198.51.100.1",
         PX_FWD_FOUND, 1},
    };
    walk_rows(PX_FWD_FORWARDED, TRUSTED, rows, PX_ARRAY_LEN(rows));
}

static void test_forwarded_trusts_nobody_by_default(void **state PX_UNUSED) {
    static const struct row rows[] = {
        {"127.0.0.1", "198.51.100.1", "127.0.0.1", PX_FWD_IGNORED, 0},
        {"10.0.0.1", NULL, "10.0.0.1", PX_FWD_DIRECT, 0},
    };
    walk_rows(PX_FWD_X_FORWARDED_FOR, "", rows, PX_ARRAY_LEN(rows));
}

/* ${n} hops that are all trusted, with one client in front. */
static void long_row(size_t n, struct px_fwd_walk *w) {
    char text[40 * 16] = "198.51.100.1";
    struct px_fwd_policy policy = policy_of(PX_FWD_X_FORWARDED_FOR, TRUSTED);
    struct px_fwd_fields fields = {.n = 1};
    struct px_addr peer;

    for (size_t i = 0; i < n; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), ",10.0.1.%zu", i);
    }
    fields.v[0] = px_str_c(text);
    assert_true(px_addr_parse(PX_S("10.0.0.1"), &peer));
    px_fwd_walk(&policy, &peer, &fields, w);
}

static void test_forwarded_looks_at_so_many_hops(void **state PX_UNUSED) {
    struct px_fwd_walk w;
    char got[PX_ADDR_TEXT];

    long_row(PX_FWD_HOPS - 1, &w);
    px_addr_fmt(&w.client, got);
    assert_string_equal(got, "198.51.100.1");
    assert_int_equal(w.end, PX_FWD_FOUND);
    long_row(PX_FWD_HOPS, &w);
    px_addr_fmt(&w.client, got);
    assert_string_equal(got, "10.0.1.0");
    assert_int_equal(w.end, PX_FWD_TOO_MANY);
    assert_int_equal(w.n, PX_FWD_HOPS + 1);

    /* as many fields as are kept */
    struct px_fwd_policy policy = policy_of(PX_FWD_X_FORWARDED_FOR, TRUSTED);
    struct px_fwd_fields fields = {.n = PX_FWD_HOPS + 1};
    for (size_t i = 0; i < fields.n; i++) {
        fields.v[i] = PX_S("10.0.2.1");
    }
    struct px_addr peer = w.client;
    px_fwd_walk(&policy, &peer, &fields, &w);
    assert_int_equal(w.end, PX_FWD_TOO_MANY);
}

static void test_forwarded_steps_tell_the_walk(void **state PX_UNUSED) {
    struct px_fwd_policy policy = policy_of(PX_FWD_X_FORWARDED_FOR, TRUSTED);
    struct px_fwd_fields fields = {.v = {PX_S("1.1.1.1, 198.51.100.1:80, 192.0.2.7")}, .n = 1};
    struct px_fwd_walk w;
    struct px_addr peer;

    assert_true(px_addr_parse(PX_S("10.0.0.1"), &peer));
    px_fwd_walk(&policy, &peer, &fields, &w);

    assert_int_equal(w.n, 3);
    assert_int_equal(w.steps[0].text.n, 0);
    assert_int_equal(w.steps[0].trusted, 0);
    assert_true(px_str_is(w.steps[1].text, "192.0.2.7"));
    assert_int_equal(w.steps[1].trusted, 2);
    assert_true(px_str_is(w.steps[2].text, "198.51.100.1:80"));
    assert_int_equal(w.steps[2].trusted, policy.trusted.n);
    assert_string_equal(px_fwd_end_code(w.end), "found");
    assert_string_equal(px_fwd_header_name(policy.header), "x-forwarded-for");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded_for_walks),
        cmocka_unit_test(test_forwarded_rfc7239_walks),
        cmocka_unit_test(test_forwarded_for_as_proxies_write_it),
        cmocka_unit_test(test_forwarded_rfc7239_as_proxies_write_it),
        cmocka_unit_test(test_forwarded_trusts_nobody_by_default),
        cmocka_unit_test(test_forwarded_looks_at_so_many_hops),
        cmocka_unit_test(test_forwarded_steps_tell_the_walk),
    };

    return cmocka_run_group_tests_name("http/forwarded", tests, NULL, NULL);
}
