/* Dead letters for an operator: what parameters mean, which letters match, what is printed of them,
 * and above all what is not. */
#include "dlq.h"
#include "letter_stats.h"
#include "letter_fields.h"
#include "letter_text.h"
#include "unit.h"

#include <px/jsonw.h>
#include <px/validate.h>

#include <stdio.h>
#include <string.h>

#define NOON (INT64_C(20000) * PX_US_PER_DAY + 12 * PX_US_PER_HOUR) /* 2024-10-04T12:00:00Z */

/* --- parameters ------------------------------------------------------------------------------- */

struct params { /* name, value, name, value, ... NULL */
    const char *v[12];
};

static const struct agg_letter_ids ids = {.event = PX_SCHEMA_EVENT, .letter = PX_SCHEMA_DLQ};

static const char *get(const void *arg, const char *name) {
    const struct params *p = arg;
    for (size_t i = 0; p->v[i]; i += 2) {
        if (strcmp(p->v[i], name) == 0) {
            return p->v[i + 1];
        }
    }
    return NULL;
}

static struct agg_dlq_ask parsed(const char *what, const struct params *p) {
    struct agg_dlq_ask k = {.limit = -1};
    struct px_err err = PX_ERR_INIT;
    if (agg_dlq_parse(get, p, what, NOON, &k, &err) != PX_OK) {
        fail_msg("%s", err.msg);
    }
    return k;
}

static void test_ask_takes_filters(void **state) {
    (void)state;
    struct params p = {{"reason", "bad_avro", "since", "2h", "until", "2024-10-04", NULL}};
    p.v[5] = "2024-10-04T11:30:00+01:00";
    struct agg_dlq_ask k = parsed("list", &p);
    assert_true(px_str_is(k.filter.reason, "bad_avro"));
    assert_true(k.filter.since == NOON - 2 * PX_US_PER_HOUR);
    assert_true(k.filter.until == NOON - 90 * PX_US_PER_MIN);
    assert_int_equal(k.filter.partition, -1);
    assert_int_equal(k.filter.offset, -1);
    assert_int_equal(k.limit, 0);
    assert_false(k.json || k.dry || k.payload);

    struct params q = {{"since", "2024-10-04", "partition", "3", "offset", "0", "limit", "7",
                        "dry-run", "", NULL}};
    k = parsed("replay", &q);
    assert_true(k.filter.since == NOON - 12 * PX_US_PER_HOUR);
    assert_int_equal(k.filter.partition, 3);
    assert_int_equal(k.filter.offset, 0);
    assert_int_equal(k.limit, 7);
    assert_true(k.dry);
}

static void test_ask_names_what_is_wrong_and_the_remedy(void **state) {
    (void)state;
    static const struct {
        const char *what;
        struct params p;
        const char *says;
    } rows[] = {
        {"list", {{"reason", "bad_arvo", NULL}}, "did you mean bad_avro"},
        {"list", {{"since", "yesterday", NULL}}, "how long ago as 30m"},
        {"list", {{"until", "2024-13-01", NULL}}, "--until 2024-13-01: give a time"},
        {"list", {{"partition", "-1", NULL}}, "give a number from 0 to"},
        {"list", {{"partition", "1", "offset", "x", NULL}}, "--offset x: give a number"},
        {"show", {{"offset", "1", NULL}}, "--offset needs --partition"},
        {"list", {{"limit", "0", NULL}}, "give a number from 1 to"},
        {"list", {{"type", "", NULL}}, "--type is empty"},
        {"list", {{"dry-run", "", NULL}}, "--dry-run goes with --dlq=replay"},
        {"list", {{"show-payload", "", NULL}}, "--show-payload goes with --dlq=show"},
        {"stats", {{"limit", "3", NULL}}, "--limit does not go with --dlq=stats"},
        {"list", {{"since", "1h", "until", "2h", NULL}}, "--until is not after --since"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_dlq_ask k;
        struct px_err err = PX_ERR_INIT;
        assert_int_equal(agg_dlq_parse(get, &rows[i].p, rows[i].what, NOON, &k, &err), PX_USAGE);
        if (!strstr(err.msg, rows[i].says)) {
            fail_msg("row %zu: %s", i, err.msg);
        }
    }
}

/* --- letters ---------------------------------------------------------------------------------- */

#define MAIL  "somebody@example.com"
#define CARD  "4111 1111 1111 1111"
#define OTHER "Player-Q7"
static const struct px_attr attrs[] = {
    {.name = PX_S_INIT("amountMinor"), .kind = PX_ATTR_INT, .i = 987654},
    {.name = PX_S_INIT("cards"), .kind = PX_ATTR_TEXT, .text = PX_S_INIT(CARD)},
    {.name = PX_S_INIT("note " OTHER), .kind = PX_ATTR_TEXT, .text = PX_S_INIT(MAIL)},
};

static void event_bytes(struct px_buf *b, const char *type) {
    struct px_event e = {.id = {.b = {1, 2, 3}},
                         .event_type = px_str_c(type),
                         .player_id = PX_S(OTHER),
                         .banner_tag = PX_S("Tag\x1b[31mQ"),
                         .client_event_id = PX_S("cid-secret"),
                         .received_at = NOON,
                         .attrs = attrs,
                         .nattrs = PX_ARRAY_LEN(attrs),
                         .source_ip = PX_S("192.0.2.77"),
                         .user_agent = PX_S("Mozilla/99 secret")};
    px_event_to_avro(&e, b);
}

/* A letter of the log around ${payload}, as bytes in ${b}. */
static struct agg_letter letter_of(struct px_buf *b, struct px_str payload, const char *reason,
                                   const char *detail) {
    struct px_dead_letter d = {.reason = px_str_c(reason),
                               .detail = px_str_c(detail),
                               .at = NOON,
                               .service = PX_S("svc-aggregator"),
                               .version = PX_S("0.1.0"),
                               .topic = PX_S("EVT"),
                               .partition = 3,
                               .offset = 42,
                               .key = PX_S(OTHER),
                               .payload = payload,
                               .log_id = PX_S("log-1")};
    struct agg_letter l = {.at_partition = 1, .at_offset = 9};
    px_buf_reset(b);
    px_dead_letter_to_avro(&d, b);
    assert_int_equal(px_buf_ok(b, NULL), PX_OK);
    agg_letter_parse(px_buf_view(b), ids, &l);
    assert_true(l.readable);
    return l;
}

static const struct agg_letter_names names = {
    .topic = "EVT", .dlq = "DLQ", .log_id = PX_S_INIT("log-1")};

/* Everything that is printed of a letter unless --show-payload is given. */
static void print_all(const struct agg_letter *l, struct px_buf *out) {
    PX_DEFER(px_arena_fini) struct px_arena arena;
    px_arena_init(&arena, 1 << 20);
    struct px_jsonw w = px_jsonw_on(out);
    agg_letter_line(l, &names, &arena, out);
    agg_letter_show(l, &names, false, &arena, out);
    px_jw_obj(&w);
    agg_letter_json(l, &arena, &w);
    agg_letter_show_json(l, false, &arena, &w);
    px_jw_obj_end(&w);
    assert_int_equal(px_buf_ok(out, NULL), PX_OK);
}

static void must_not_hold(struct px_buf *out, const char *secret) {
    if (strstr(px_buf_cstr(out), secret)) {
        fail_msg("%s is printed: %s", secret, px_buf_cstr(out));
    }
}

static void test_text_holds_no_value_of_anybody(void **state) {
    (void)state;
    static const char *const secrets[] = {MAIL,     CARD,         OTHER,         "4111",
                                          "987654", "192.0.2.77", "Mozilla",     "cid-secret",
                                          "\x1b",   "[31m",       "506c61796572"};
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    event_bytes(&event, "visit");
    struct px_str whole = px_buf_view(&event);
    const struct {
        struct px_str payload;
        const char *detail;
    } rows[] = {
        {whole, ""},
        {{whole.p, whole.n - 3}, "near byte 100"},
        {whole, "duplicate key (" MAIL ")"},
        {whole, "no credit for " OTHER "!"},
        {PX_S("{\"player\":\"" OTHER "\"}"), "\x1b[2J"},
        {PX_S(MAIL "\x1b"), ""},
        {PX_S("\xff\xfe" OTHER), ""},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct agg_letter l = letter_of(&b, rows[i].payload, "refused_by_sql", rows[i].detail);
        px_buf_reset(&out);
        print_all(&l, &out);
        for (size_t k = 0; k < PX_ARRAY_LEN(secrets); k++) {
            must_not_hold(&out, secrets[k]);
        }
    }
    /* so may a member that a sender made up */
    struct agg_letter made_up = letter_of(&b, PX_S("{}"), "unknown_member", "");
    made_up.d.field = PX_S(MAIL);
    px_buf_reset(&out);
    print_all(&made_up, &out);
    must_not_hold(&out, MAIL);
    /* a type that is no word of a catalog may be anything */
    px_buf_reset(&event);
    event_bytes(&event, MAIL);
    struct agg_letter l = letter_of(&b, px_buf_view(&event), "unknown_event_type", "");
    px_buf_reset(&out);
    print_all(&l, &out);
    must_not_hold(&out, MAIL);
}

static void holds(struct px_buf *out, const char *text) {
    if (!strstr(px_buf_cstr(out), text)) {
        fail_msg("no \"%s\" in: %s", text, px_buf_cstr(out));
    }
}

static void test_text_says_which_field_and_which_class(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    event_bytes(&event, "visix");
    struct agg_letter l = letter_of(&b, px_buf_view(&event), "unknown_event_type", "");
    print_all(&l, &out);
    holds(&out, "2024-10-04T12:00:00.000000Z unknown_event_type 3/42 visix - : event, ");
    holds(&out, "player_id text (9)");
    holds(&out, "banner_tag text with control characters (9)");
    holds(&out, "attributes.amountMinor int");
    holds(&out, "attributes.cards text, looks like a card number (19)");
    holds(&out, "attributes.? text, looks like an e-mail address (20)");
    holds(&out, "EVT 3/42 of this log, log-1");
    holds(&out, "01020300-0000-0000-0000-000000000000");
    holds(&out, "\"whole\":true");

    /* the type is told by bytes that go wrong behind it */
    struct px_str cut = px_buf_view(&event);
    cut.n = 60;
    l = letter_of(&b, cut, "bad_avro", "near byte 60");
    assert_true(px_str_is(agg_letter_type(&l), "visix"));
    l = letter_of(&b, PX_S("text"), "bad_frame", "");
    assert_true(px_str_is(agg_letter_type(&l), "-"));
}

static void test_text_tells_of_a_refused_request(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d = {.reason = PX_S("too_long"),
                               .field = PX_S("playerId"),
                               .at = NOON,
                               .service = PX_S("svc-ingest"),
                               .version = PX_S("0.1.0"),
                               .partition = -1,
                               .offset = -1,
                               .payload = PX_S("playerId="),
                               .payload_bytes = 1041,
                               .event_type = PX_S("visit"),
                               .received_at = NOON - 7,
                               .request_id = PX_S("0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
                               .source = PX_S("pixel"),
                               .broken_limit = 128};
    struct agg_letter l = {.at_partition = 1, .at_offset = 9};
    px_dead_letter_to_avro(&d, &b);
    agg_letter_parse(px_buf_view(&b), ids, &l);
    assert_false(agg_letter_of_log(&l));
    assert_false(agg_letter_whole(&l));
    print_all(&l, &out);
    holds(&out, "too_long request visit playerId : pixel; limit 128; 9 bytes of 1041, text");
    holds(&out, "request          0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\n");
    holds(&out, "received         2024-10-04T11:59:59.999993Z\n");
    holds(&out, "sent as          pixel\n");
    holds(&out, "type             visit\n");
    holds(&out, "limit            128\n");
    holds(&out,
          "\"requestId\":\"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\",\"receivedAt\":\"2024-10-04");
    holds(&out, "\"source\":\"pixel\",\"brokenLimit\":128");

    /* found by what its sender was told, and by its type */
    struct agg_letter_filter f = {.partition = -1, .offset = -1, .type = PX_S("visit")};
    f.request = d.request_id;
    assert_true(agg_letter_matches(&f, &l));
    f.request.n--;
    assert_false(agg_letter_matches(&f, &l));

    /* whoever can write to the topic can write anything */
    d.request_id = d.source = d.event_type = PX_S(MAIL);
    px_buf_reset(&b);
    px_buf_reset(&out);
    px_dead_letter_to_avro(&d, &b);
    agg_letter_parse(px_buf_view(&b), ids, &l);
    print_all(&l, &out);
    must_not_hold(&out, MAIL);
}

static void test_text_shows_the_values_when_asked(void **state) {
    (void)state;
    PX_DEFER(px_arena_fini) struct px_arena arena;
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 16);
    px_arena_init(&arena, 1 << 20);
    event_bytes(&event, "visit");
    struct agg_letter l = letter_of(&b, px_buf_view(&event), "bad_avro", "");
    agg_letter_show(&l, &names, true, &arena, &out);
    holds(&out, OTHER);
    holds(&out, CARD);
    holds(&out, "987654");
    holds(&out, "Tag\\x1b[31mQ"); /* never a control character */
    holds(&out, "00000000  00 00 00 00 01 48 30 31");
    must_not_hold(&out, "\x1b");
}

/* --- filters ---------------------------------------------------------------------------------- */

static void test_filters_take_what_they_name(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    event_bytes(&event, "visit");
    struct agg_letter l = letter_of(&b, px_buf_view(&event), "bad_avro", "");
    const struct agg_letter_filter all = {.partition = -1, .offset = -1};
    struct agg_letter_filter f = all;
    assert_true(agg_letter_matches(&f, &l));
    f.reason = PX_S("bad_avro");
    f.type = PX_S("visit");
    f.since = NOON;
    f.until = NOON + 1;
    f.partition = 3;
    f.offset = 42;
    assert_true(agg_letter_matches(&f, &l));
    struct agg_letter_filter no[6] = {f, f, f, f, f, f};
    no[0].reason = PX_S("bad_frame");
    no[1].type = PX_S("visi");
    no[2].since = NOON + 1;
    no[3].until = NOON;
    no[4].partition = 2;
    no[5].offset = 43;
    for (size_t i = 0; i < PX_ARRAY_LEN(no); i++) {
        assert_false(agg_letter_matches(&no[i], &l));
    }
    struct agg_letter junk = {.at_partition = 0};
    agg_letter_parse(PX_S("junk"), ids, &junk);
    assert_false(junk.readable);
    assert_true(agg_letter_matches(&all, &junk));
    assert_false(agg_letter_matches(&f, &junk));
}

/* --- statistics ------------------------------------------------------------------------------- */

static void test_stats_count_and_stay_small(void **state) {
    (void)state;
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1 << 20);
    struct agg_letter_stats s;
    assert_int_equal(agg_letter_stats_init(&s, NULL), PX_OK);
    for (int i = 0; i < 1000; i++) {
        char type[32], reason[32];
        snprintf(type, sizeof type, "type%d", i);
        snprintf(reason, sizeof reason, "reason%d", i % 3);
        px_buf_reset(&event);
        event_bytes(&event, type);
        struct agg_letter l = letter_of(&b, px_buf_view(&event), reason, "");
        l.d.at = NOON + (px_us)i * PX_US_PER_HOUR;
        agg_letter_stats_add(&s, &l);
    }
    struct agg_letter junk = {.at_partition = 0};
    agg_letter_parse(PX_S("junk"), ids, &junk);
    agg_letter_stats_add(&s, &junk);

    agg_letter_stats_print(&s, &out);

    holds(&out,
          "letters                1001  1000 of records of the log, 0 of refused requests, 1 un");
    holds(&out, "first, last        2024-10-04T12:00:00.000000Z, ");
    holds(&out, "by reason               334  reason0\n");
    holds(&out, "                        744  others\n"); /* types behind the first 256 */
    holds(&out, "by time                  12  2024-10-04\n");
    holds(&out, "                         24  2024-10-05\n");
    holds(&out, "by service             1000  svc-aggregator/0.1.0\n");
    agg_letter_stats_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_takes_filters),
        cmocka_unit_test(test_ask_names_what_is_wrong_and_the_remedy),
        cmocka_unit_test(test_text_holds_no_value_of_anybody),
        cmocka_unit_test(test_text_says_which_field_and_which_class),
        cmocka_unit_test(test_text_tells_of_a_refused_request),
        cmocka_unit_test(test_text_shows_the_values_when_asked),
        cmocka_unit_test(test_filters_take_what_they_name),
        cmocka_unit_test(test_stats_count_and_stay_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
