/* Probes: order, masks, `needs`, warnings, and the three ways of printing. */
#include <px/probe.h>

#include "unit.h"

/* What each fake probe does is in the service: a string with one letter per probe. */
static enum px_code act(void *svc, size_t i, struct px_probe_out *out, struct px_err *reterr) {
    struct px_clock_fake *clock = ((void **)svc)[1];
    const char *plan = ((void **)svc)[0];

    px_clock_fake_advance(clock, 1500);
    switch (plan[i]) {
    case 'f':
        return PX_FAIL(reterr, PX_UNAVAILABLE, "probe \"%zu\" failed; mend it", i);
    case 'm': /* fails without a word */
        return PX_TIMEOUT;
    case 's':
        out->skip = true;
        return PX_OK;
    case 'w': /* works, but not as it should */
        out->warn = true;
        memcpy(out->detail, "too much", 9);
        memcpy(out->remedy, "type this\nor that", 17);
        return PX_OK;
    case 'r': /* fails and knows what to type */
        memcpy(out->remedy, "type it;", 9);
        return PX_FAIL(reterr, PX_DENIED, "may not");
    default:
        memcpy(out->detail, "seen", 5);
        return PX_OK;
    }
}

#define PROBE(i)                                                                                   \
    static enum px_code probe_##i(void *svc, struct px_probe_out *out, struct px_err *reterr) {    \
        return act(svc, i, out, reterr);                                                           \
    }
PROBE(0)
PROBE(1)
PROBE(2)
PROBE(3)

static const struct px_probe list[] = {
    {.name = "a.one", .asks = "first?", .flags = PX_PROBE_FATAL | PX_PROBE_OFFLINE, .run = probe_0},
    {.name = "a.two",
     .asks = "second?",
     .flags = PX_PROBE_FATAL | PX_PROBE_READY,
     .needs = "a.one",
     .run = probe_1},
    {.name = "a.three",
     .asks = "third?",
     .flags = PX_PROBE_WARN | PX_PROBE_START,
     .needs = "a.two",
     .run = probe_2},
    {.name = "a.four", .asks = "fourth?", .flags = PX_PROBE_FATAL, .run = probe_3},
};
#define N PX_ARRAY_LEN(list)

struct run {
    struct px_probe_result r[N];
    size_t n;
};

static struct run run(const char *plan, unsigned mask) {
    struct px_clock_fake clock;
    char copy[N + 1];
    void *svc[] = {copy, &clock};
    struct run out = {.n = 0};

    memcpy(copy, plan, sizeof copy);
    px_clock_fake_init(&clock, 0);
    out.n = px_probes_run(list, N, mask, svc, &clock.clock, out.r);
    return out;
}

/* States as letters: o w F s. */
static const char *states(const struct run *x) {
    static char text[N + 1];

    for (size_t i = 0; i < x->n; i++) {
        text[i] = "owFs"[x->r[i].state];
    }
    text[x->n] = '\0';
    return text;
}

static const struct {
    const char *plan;
    unsigned mask;
    const char *expect;
    bool failed;
} rows[] = {
    {"oooo", 0, "oooo", false},
    {"fooo", 0, "Fsso", true}, /* a.three through a.two */
    {"ofoo", 0, "oFso", true},
    {"oofo", 0, "oowo", false}, /* a warning stops nothing */
    {"ooof", 0, "oooF", true},
    {"sooo", 0, "sooo", false}, /* not answered is not failed */
    {"osoo", 0, "osoo", false},
    {"foof", PX_PROBE_OFFLINE, "F", true},
    {"fooo", PX_PROBE_READY, "o", false}, /* what it needs is outside the mask */
    {"oofo", PX_PROBE_START, "F", true},  /* at start a warning is no excuse    */
    {"oofo", PX_PROBE_START | PX_PROBE_OFFLINE, "oF", true},
    {"wooo", 0, "wooo", false}, /* nothing that needs it is skipped */
    {"oowo", PX_PROBE_START, "w", false},
    {"rooo", 0, "Fsso", true},
    {"oooo", 1u << 20, "", false},
};

static void test_probe_states(void **state PX_UNUSED) {
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct run x = run(rows[i].plan, rows[i].mask);
        assert_string_equal(states(&x), rows[i].expect);
        assert_int_equal(px_probes_failed(x.r, x.n), rows[i].failed);
    }
}

static void test_probe_results_keep_code_and_detail(void **state PX_UNUSED) {
    struct run x = run("fmoo", 0), y = run("omoo", 0);

    assert_int_equal(x.r[0].code, PX_UNAVAILABLE);
    assert_string_equal(x.r[0].detail, "probe \"0\" failed; mend it");
    assert_int_equal(x.r[1].code, PX_OK);
    assert_string_equal(x.r[1].detail, "needs a.one");
    assert_string_equal(x.r[2].detail, "needs a.one");
    assert_string_equal(x.r[3].detail, "seen");
    assert_int_equal(x.r[3].took, 1500);
    assert_int_equal(y.r[1].code, PX_TIMEOUT);
    assert_string_equal(y.r[1].detail, px_code_doc(PX_TIMEOUT));
}

static void test_probe_prints_a_table(void **state PX_UNUSED) {
    struct run x = run("ofoo", 0);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_probes_text(x.r, x.n, &b);

    assert_string_equal(px_buf_cstr(&b),
                        "ok    a.one             1 ms  seen\n"
                        "FAIL  a.two             1 ms  probe \"1\" failed; mend it\n"
                        "skip  a.three           0 ms  needs a.two\n"
                        "ok    a.four            1 ms  seen\n"
                        "2 ok, 0 warn, 1 failed, 1 skipped\n");
}

static void test_probe_prints_remedies(void **state PX_UNUSED) {
    struct run x = run("wrso", 0);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_probes_text(x.r, 2, &b);
    assert_string_equal(px_buf_cstr(&b), "warn  a.one             1 ms  too much\n"
                                         "                               type this\n"
                                         "                               or that\n"
                                         "FAIL  a.two             1 ms  may not\n"
                                         "                               type it;\n"
                                         "0 ok, 1 warn, 1 failed, 0 skipped\n");
    px_buf_reset(&b);
    px_probes_json(x.r, 1, &b);
    assert_string_equal(
        px_buf_cstr(&b),
        "{\"probe\":\"a.one\",\"state\":\"warn\",\"ms\":1.500,\"asks\":"
        "\"first?\",\"detail\":\"too much\",\"remedy\":\"type this\\nor "
        "that\"}\n{\"summary\":{\"ok\":0,\"warn\":1,\"failed\":0,\"skipped\":0}}\n");
}

static void test_probe_prints_json_lines(void **state PX_UNUSED) {
    struct run x = run("ofos", PX_PROBE_FATAL);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_probes_json(x.r, x.n, &b);

    assert_string_equal(
        px_buf_cstr(&b),
        "{\"probe\":\"a.one\",\"state\":\"ok\",\"ms\":1.500,\"asks\":\"first?\",\"detail\":"
        "\"seen\"}\n"
        "{\"probe\":\"a.two\",\"state\":\"failed\",\"ms\":1.500,\"asks\":\"second?\","
        "\"detail\":\"probe \\\"1\\\" failed; mend it\"}\n"
        "{\"probe\":\"a.four\",\"state\":\"skipped\",\"ms\":1.500,\"asks\":\"fourth?\","
        "\"detail\":\"\"}\n"
        "{\"summary\":{\"ok\":1,\"warn\":0,\"failed\":1,\"skipped\":1}}\n");
}

static void test_probe_lists_questions(void **state PX_UNUSED) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(65536);

    px_probes_list(list, 2, &b);

    assert_string_equal(px_buf_cstr(&b), "a.one                    first? (offline)\n"
                                         "a.two                    second?\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_states),
        cmocka_unit_test(test_probe_results_keep_code_and_detail),
        cmocka_unit_test(test_probe_prints_a_table),
        cmocka_unit_test(test_probe_prints_remedies),
        cmocka_unit_test(test_probe_prints_json_lines),
        cmocka_unit_test(test_probe_lists_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
