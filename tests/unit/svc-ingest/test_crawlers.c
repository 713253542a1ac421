/* The compiled-in list of crawlers against Python's `re` on the list itself (the golden file, made
 * by svc-ingest/crawlers/generate.py), and the classes of requests. */
#include "class.h"
#include "crawlers.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include <px/buf.h>
#include <px/num.h>

#define FILE_MAX (1 << 20)

static void read_golden(const char *name, struct px_buf *b) {
    char chunk[4096];
    FILE *f = fopen(name, "re");
    size_t n;

    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        px_buf_add(b, chunk, n);
    }
    assert_int_equal(fclose(f), 0);
    assert_false(b->failed);
}

static bool next_line(struct px_str *rest, struct px_str *ret) {
    size_t n = px_str_find(*rest, '\n');
    if (rest->n == 0) {
        return false;
    }
    *ret = (struct px_str){.p = rest->p, .n = n};
    n = n < rest->n ? n + 1 : n;
    *rest = (struct px_str){.p = rest->p + n, .n = rest->n - n};
    return true;
}

static void test_crawlers_agree_with_a_regular_expression_engine(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(FILE_MAX);
    struct px_str line;
    size_t crawlers = 0, others = 0;

    read_golden("tests/golden/agents/crawlers.tsv", &b);
    for (struct px_str rest = px_buf_view(&b); next_line(&rest, &line);) {
        size_t tab = px_str_find(line, '\t');
        struct px_str agent = {.p = line.p + tab + 1, .n = line.n - tab - 1};
        int64_t want;
        assert_true(px_parse_i64((struct px_str){.p = line.p, .n = tab}, -1, 9999, &want));
        int got = ing_crawler_find(agent);
        if (got != (int)want) {
            fail_msg("pattern %d, Python says %d: %.*s", got, (int)want, PX_S_ARG(agent));
        }
        crawlers += got >= 0;
        others += got < 0;
    }
    assert_true(crawlers > 2000 && others > 400);
}

/* Every example of the list has a pattern that finds it: no pattern was left out. */
static void test_crawlers_hold_the_whole_list(void **state PX_UNUSED) {
    assert_int_equal(ing_crawlers_beyond(), 0);
    assert_true(ing_crawlers_count() > 1000);
    for (size_t i = 0; i < ing_crawlers_count(); i++) {
        struct px_str reason = ing_crawler_reason((int)i);
        enum px_traffic t = ing_crawler_class((int)i);
        assert_true(reason.n > 3 && reason.n <= PX_TRAFFIC_MAX && memcmp(reason.p, "ua:", 3) == 0);
        assert_true(t == PX_TRAFFIC_BOT || t == PX_TRAFFIC_SCANNER);
        for (size_t k = 0; k < reason.n; k++) {
            assert_in_range(reason.p[k], ' ', '~');
        }
    }
}

static void test_class_calls_no_browser_a_program(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(FILE_MAX);
    struct px_str line;
    size_t n = 0;

    read_golden("tests/golden/agents/browsers.txt", &b);
    for (struct px_str rest = px_buf_view(&b); next_line(&rest, &line); n++) {
        struct ing_class c = ing_class_of_agent(line);
        if (c.traffic != PX_TRAFFIC_HUMAN || c.reason.n) {
            fail_msg("%s: %.*s", px_traffic_word(c.traffic), PX_S_ARG(line));
        }
    }
    assert_true(n >= 200);
}

/* Names cut off, doubled, at the end, of no length, and long ones: never a byte too far (ASan). */
static void test_crawlers_look_only_at_the_text(void **state PX_UNUSED) {
    const char *const texts[] = {"curl/8.0",
                                 "Seekbot",
                                 "GoogleAssociationService",
                                 "SSL Labs",
                                 "ContextualBot by outcomes.net",
                                 "BlogTraffic/1.42 Feed-Fetcher"};
    for (size_t i = 0; i < PX_ARRAY_LEN(texts); i++) {
        size_t n = strlen(texts[i]);
        for (size_t cut = 0; cut <= n; cut++) {
            char *p = malloc(cut ? cut : 1);
            assert_non_null(p);
            memcpy(p, texts[i], cut);
            int found = ing_crawler_find((struct px_str){.p = p, .n = cut});
            assert_true(cut < n || found >= 0);
            free(p);
        }
    }
    char big[8192];
    memset(big, 'a', sizeof big);
    assert_int_equal(ing_crawler_find((struct px_str){.p = big, .n = sizeof big}), -1);
    memcpy(big + 500, "Googlebot/2.1", 13); /* begins in what is looked at */
    assert_int_equal(ing_crawler_find((struct px_str){.p = big, .n = sizeof big}), 0);
    memset(big + 500, 'a', 13);
    memcpy(big + 600, "Googlebot/2.1", 13);
    assert_int_equal(ing_crawler_find((struct px_str){.p = big, .n = sizeof big}), -1);
}

#define BROWSER PX_S_INIT("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")

static const struct {
    struct ing_signals s;
    enum ing_opt_out opt_out;
    enum px_traffic class;
    const char *reason;
} requests[] = {
    {{.user_agent = BROWSER}, 0, PX_TRAFFIC_HUMAN, ""},
    {{.user_agent = PX_S_INIT("")}, 0, PX_TRAFFIC_UNKNOWN, "no-user-agent"},
    {{.user_agent = PX_S_INIT("curl/8.5.0")}, 0, PX_TRAFFIC_BOT, "ua:curl"},
    {{.user_agent = PX_S_INIT("sqlmap/1.2 (http://sqlmap.org)")},
     0,
     PX_TRAFFIC_SCANNER,
     "ua:sqlmap"},
    {{.user_agent = PX_S_INIT("Mozilla/5.0")}, 0, PX_TRAFFIC_EMAIL_PROXY, "ua:Mozilla/5.0"},
    {{.user_agent = PX_S_INIT("Mozilla/5.0 (via ggpht.com GoogleImageProxy)")},
     0,
     PX_TRAFFIC_EMAIL_PROXY,
     "ua:GoogleImageProxy"},
    {{.user_agent = PX_S_INIT("YahooMailProxy; https://help.yahoo.com/")},
     0,
     PX_TRAFFIC_EMAIL_PROXY,
     "ua:YahooMailProxy"},
    {{.user_agent = BROWSER, .sec_purpose = PX_S_INIT("prefetch")},
     0,
     PX_TRAFFIC_PREFETCH,
     "sec-purpose"},
    {{.user_agent = BROWSER, .sec_purpose = PX_S_INIT("Prefetch;prerender")},
     0,
     PX_TRAFFIC_PREFETCH,
     "sec-purpose"},
    {{.user_agent = BROWSER, .sec_purpose = PX_S_INIT("prefetched")}, 0, PX_TRAFFIC_HUMAN, ""},
    {{.user_agent = BROWSER, .purpose = PX_S_INIT("prefetch")}, 0, PX_TRAFFIC_PREFETCH, "purpose"},
    {{.user_agent = BROWSER, .x_purpose = PX_S_INIT("preview")},
     0,
     PX_TRAFFIC_PREFETCH,
     "x-purpose"},
    {{.user_agent = BROWSER, .x_purpose = PX_S_INIT("instant")},
     0,
     PX_TRAFFIC_PREFETCH,
     "x-purpose"},
    {{.user_agent = BROWSER, .x_moz = PX_S_INIT("prefetch")}, 0, PX_TRAFFIC_PREFETCH, "x-moz"},
    {{.user_agent = BROWSER, .sec_gpc = PX_S_INIT("1")}, 0, PX_TRAFFIC_OPT_OUT, "gpc"},
    {{.user_agent = BROWSER, .dnt = PX_S_INIT("1")}, 0, PX_TRAFFIC_OPT_OUT, "dnt"},
    {{.user_agent = BROWSER, .sec_gpc = PX_S_INIT("1"), .dnt = PX_S_INIT("1")},
     0,
     PX_TRAFFIC_OPT_OUT,
     "gpc"},
    {{.user_agent = BROWSER, .sec_gpc = PX_S_INIT("0"), .dnt = PX_S_INIT("0")},
     0,
     PX_TRAFFIC_HUMAN,
     ""},
    {{.user_agent = BROWSER, .dnt = PX_S_INIT("1")}, ING_OPT_OUT_GPC, PX_TRAFFIC_HUMAN, ""},
    {{.user_agent = BROWSER, .sec_gpc = PX_S_INIT("1")},
     ING_OPT_OUT_GPC,
     PX_TRAFFIC_OPT_OUT,
     "gpc"},
    {{.user_agent = BROWSER, .sec_gpc = PX_S_INIT("1")}, ING_OPT_OUT_NONE, PX_TRAFFIC_HUMAN, ""},
    /* which one, when several hold */
    {{.keyed = true, .user_agent = PX_S_INIT("curl/8.5.0"), .sec_gpc = PX_S_INIT("1")},
     0,
     PX_TRAFFIC_HUMAN,
     "server-key"},
    {{.user_agent = PX_S_INIT("curl/8.5.0"),
      .sec_purpose = PX_S_INIT("prefetch"),
      .sec_gpc = PX_S_INIT("1")},
     0,
     PX_TRAFFIC_BOT,
     "ua:curl"},
    {{.user_agent = BROWSER, .x_moz = PX_S_INIT("prefetch"), .sec_gpc = PX_S_INIT("1")},
     0,
     PX_TRAFFIC_PREFETCH,
     "x-moz"},
    {{.sec_gpc = PX_S_INIT("1")}, 0, PX_TRAFFIC_OPT_OUT, "gpc"},
    {{.purpose = PX_S_INIT("prefetch")}, 0, PX_TRAFFIC_PREFETCH, "purpose"},
};

static void test_class_of_requests(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(requests); i++) {
        struct ing_classes *c = NULL;
        assert_int_equal(ing_classes_new(requests[i].opt_out, &c, NULL), PX_OK);
        for (int again = 0; again < 2; again++) { /* found, and kept */
            struct ing_class got = ing_classes_get(c, &requests[i].s);
            assert_int_equal(got.traffic, requests[i].class);
            assert_true(px_str_is(got.reason, requests[i].reason));
        }
        ing_classes_free(c);
    }
}

/* Far more user agents than the table holds, some of them too long for it: never a foreign verdict.
 */
static void test_class_of_many_agents(void **state PX_UNUSED) {
    struct ing_classes *c = NULL;

    assert_int_equal(ing_classes_new(ING_OPT_OUT_BOTH, &c, NULL), PX_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            char text[400];
            bool bot = i % 3 == 0;
            int n = snprintf(text, sizeof text, "Browser/%d.%d%*s", i / 2, bot, i % 300,
                             bot ? "bingbot" : "x");
            struct ing_signals s = {.user_agent = {.p = text, .n = (size_t)n}};
            assert_int_equal(ing_classes_get(c, &s).traffic,
                             bot ? PX_TRAFFIC_BOT : PX_TRAFFIC_HUMAN);
        }
    }
    ing_classes_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crawlers_agree_with_a_regular_expression_engine),
        cmocka_unit_test(test_crawlers_hold_the_whole_list),
        cmocka_unit_test(test_class_calls_no_browser_a_program),
        cmocka_unit_test(test_crawlers_look_only_at_the_text),
        cmocka_unit_test(test_class_of_requests),
        cmocka_unit_test(test_class_of_many_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
