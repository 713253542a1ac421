/* The real svc-metrics-api on sums that are parted by class of traffic: whatever is asked, human
 * and what was left out make up all. On SQLite and, where a server can be started, on PostgreSQL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api_rig.h"
#include "postgres.h"

#define RANGE "from=2025-01-01&to=2025-02-28"

/* What is not divisible stays with the persons, so that each bucket is parted otherwise. The first
 * five days were counted before anybody classified. */
static const struct {
    const char *class, *reason, *part;
    bool person;
} parts[] = {{"bot", "ua:curl", "count / 3", false},
             {"bot", "ua:bingbot", "count / 9", false},
             {"prefetch", "x-moz", "count / 5", false},
             {"opt_out", "gpc", "count / 7", true},
             {"human", "", "count - count / 3 - count / 9 - count / 5 - count / 7", true}};

static void seed_classes(struct api_rig *f) {
    for (size_t i = 0; i < PX_ARRAY_LEN(parts); i++) {
        api_rig_exec(f,
                     "INSERT INTO class_summary SELECT event_date, event_type, banner_tag, '%s', "
                     "'%s', %s FROM event_summary WHERE event_date > '2025-01-05' AND %s > 0",
                     parts[i].class, parts[i].reason, parts[i].part, parts[i].part);
    }
    api_rig_exec(f, "INSERT INTO class_summary SELECT event_date, event_type, banner_tag, "
                    "'unclassified', '', count FROM event_summary WHERE event_date <= "
                    "'2025-01-05'");
}

static struct api_answer ask(struct api_rig *f, const char *path, const char *rest) {
    char target[512];

    snprintf(target, sizeof target, "%s?" RANGE "&limit=1000%s", path, rest);
    struct api_answer a = api_rig_ask(f, target);
    if (a.status != 200) {
        fail_msg("%s: %d %s", target, a.status, a.text);
    }
    return a;
}

/* What the answer says it left out: the sum of meta.traffic.excluded. */
static int64_t excluded(const struct api_answer *a) {
    const struct px_jnode *traffic = px_json_get(a->meta, "traffic");
    int64_t sum = 0;

    assert_true(px_str_is(px_json_text(px_json_get(traffic, "mode")), "human"));
    for (const struct px_jnode *c = px_json_first(px_json_get(traffic, "excluded")); c;
         c = px_json_next(c)) {
        int64_t n;
        assert_true(px_str_is(px_json_name(c), "bot") || px_str_is(px_json_name(c), "prefetch"));
        assert_true(px_json_int(c, &n) && n > 0);
        sum += n;
    }
    return sum;
}

static int64_t total_of(const struct px_jnode *list, const char *member) {
    int64_t sum = 0;

    for (const struct px_jnode *c = px_json_first(list); c; c = px_json_next(c)) {
        sum += json_int_of(c, member);
    }
    return sum;
}

static int64_t steps(const struct px_jnode *n) {
    return json_int_of(n, "visits") + json_int_of(n, "registrations") + json_int_of(n, "deposits");
}

static void test_traffic_of_a_funnel(void **state) {
    static const char *const paths[] = {"/api/metrics/conversion-rates",
                                        "/api/metrics/campaigns/sommer%20%C3%BC"};
    for (size_t i = 0; i < PX_ARRAY_LEN(paths); i++) {
        struct api_answer plain = ask(*state, paths[i], "");
        struct api_answer all = ask(*state, paths[i], "&traffic=all");
        struct api_answer human = ask(*state, paths[i], "&traffic=human");
        const struct px_jnode *h = px_json_first(px_json_get(human.data, "series"));
        const struct px_jnode *c = px_json_first(px_json_get(all.data, "series"));
        int64_t sum = 0;

        assert_int_equal(steps(plain.data), steps(all.data));
        assert_true(px_str_is(px_json_text(px_json_get(px_json_get(plain.meta, "traffic"), "mode")),
                              "all"));
        assert_int_equal(steps(human.data) + excluded(&human), steps(all.data));
        assert_true(excluded(&human) > 50);
        for (size_t day = 0; c; c = px_json_next(c), h = px_json_next(h), day++) {
            assert_true(steps(h) <= steps(c) && (day > 4 || steps(h) == steps(c)));
            assert_true(steps(h) >= 0);
            sum += steps(h);
        }
        assert_int_equal(sum, steps(human.data));
        const struct px_jnode *rate = px_json_get(human.data, "visitToRegistration");
        assert_int_equal(json_int_of(rate, "denominator"), json_int_of(human.data, "visits"));
        px_json_free(plain.json);
        px_json_free(all.json);
        px_json_free(human.json);
    }
}

static void test_traffic_of_a_trend(void **state) {
    struct api_answer all =
        api_rig_ask(*state, "/api/metrics/trends/visit?from=2025-02-01&to=2025-02-28");
    struct api_answer human = api_rig_ask(
        *state, "/api/metrics/trends/visit?from=2025-02-01&to=2025-02-28&traffic=human");
    struct api_answer before = api_rig_ask(
        *state, "/api/metrics/trends/visit?from=2025-01-04&to=2025-01-31&traffic=human");

    assert_int_equal(json_int_of(human.data, "total") + excluded(&human),
                     json_int_of(all.data, "total"));
    assert_int_equal(total_of(px_json_get(human.data, "series"), "count"),
                     json_int_of(human.data, "total"));
    assert_int_equal(json_int_of(px_json_get(human.data, "change"), "previousTotal"),
                     json_int_of(before.data, "total"));
    assert_int_equal(json_int_of(px_json_get(human.meta, "traffic"), "unclassified"), 0);
    px_json_free(all.json);
    px_json_free(human.json);
    px_json_free(before.json);
}

static void test_traffic_of_the_daily_list_and_by_class(void **state) {
    struct api_answer all = ask(*state, "/api/metrics", "");
    struct api_answer human = ask(*state, "/api/metrics", "&traffic=human");
    struct api_answer traffic = ask(*state, "/api/metrics/traffic", "");
    int64_t total = total_of(all.data, "count"), persons = total_of(human.data, "count");

    assert_int_equal(persons + excluded(&human), total);
    assert_int_equal(json_int_of(traffic.data, "total"), total);
    assert_int_equal(json_int_of(traffic.data, "persons"), persons);
    assert_int_equal(total_of(px_json_get(traffic.data, "classes"), "count"), total);
    assert_int_equal(total_of(px_json_get(traffic.data, "reasons"), "count"), total);
    assert_int_equal(json_length_of(px_json_get(traffic.data, "classes")), 5);
    assert_int_equal(json_length_of(px_json_get(traffic.data, "reasons")), 6);
    const struct px_jnode *first = px_json_first(px_json_get(traffic.data, "reasons"));
    assert_true(px_str_is(px_json_text(px_json_get(first, "reason")), "ua:bingbot"));
    /* before anybody classified, everything counts, and the answer says how much that is */
    int64_t unclassified = json_int_of(px_json_get(human.meta, "traffic"), "unclassified");
    int64_t early = 0;
    for (int64_t i = 0; i < 5; i++) {
        early += api_rig_count("visit", i) + api_rig_count("registration", i) +
                 api_rig_count("deposit", i);
    }
    assert_int_equal(unclassified, early);
    px_json_free(all.json);
    px_json_free(human.json);
    px_json_free(traffic.json);
}

/* While programs that know no classes count beside those that do, and when retention has come to
 * one table before the other. */
static void test_traffic_of_days_whose_classes_do_not_add_up(void **state) {
    static const char *const undo[] = {
        "DELETE FROM class_summary WHERE event_date = '2025-02-03'",
        "INSERT INTO class_summary VALUES ('2025-02-04', 'visit', 'spring', 'bot', 'ua:x', 9000)"};
    static const char visits[] =
        "/api/metrics/trends/visit?from=2025-02-03&to=2025-02-04&limit=1000";
    struct api_answer all = api_rig_ask(*state, visits);
    char target[256];

    snprintf(target, sizeof target, "%s&traffic=human", visits);
    for (size_t i = 0; i < PX_ARRAY_LEN(undo); i++) {
        api_rig_exec(*state, "%s", undo[i]);
    }
    struct api_answer human = api_rig_ask(*state, target);
    const struct px_jnode *days[2] = {px_json_first(px_json_get(human.data, "series"))};
    days[1] = px_json_next(days[0]);
    int64_t whole = json_int_of(px_json_first(px_json_get(all.data, "series")), "count");

    assert_int_equal(json_int_of(days[0], "count"), whole);
    assert_int_equal(json_int_of(days[1], "count"), 0);
    assert_int_equal(json_int_of(human.data, "total") + excluded(&human),
                     json_int_of(all.data, "total"));
    api_rig_exec(*state, "DELETE FROM class_summary WHERE traffic_reason = 'ua:x'");
    px_json_free(human.json);
    human = api_rig_ask(*state, target);
    assert_int_equal(json_int_of(px_json_get(human.meta, "traffic"), "unclassified"), whole);
    px_json_free(all.json);
    px_json_free(human.json);
    all = ask(*state, "/api/metrics", "");
    human = ask(*state, "/api/metrics", "&traffic=human");
    struct api_answer traffic = ask(*state, "/api/metrics/traffic", "");
    assert_int_equal(json_int_of(traffic.data, "total"), total_of(all.data, "count"));
    assert_int_equal(json_int_of(traffic.data, "persons"), total_of(human.data, "count"));
    px_json_free(all.json);
    px_json_free(human.json);
    px_json_free(traffic.json);
}

static void test_traffic_is_paged(void **state) {
    struct api_answer whole = ask(*state, "/api/metrics/traffic", "");
    const struct px_jnode *want = px_json_first(px_json_get(whole.data, "reasons"));
    char target[256] = "/api/metrics/traffic?" RANGE "&limit=4";

    for (bool more = true; more;) {
        struct api_answer a = api_rig_ask(*state, target);
        assert_int_equal(a.status, 200);
        assert_int_equal(json_int_of(a.data, "total"), json_int_of(whole.data, "total"));
        for (const struct px_jnode *c = px_json_first(px_json_get(a.data, "reasons")); c;
             c = px_json_next(c), want = px_json_next(want)) {
            assert_int_equal(json_int_of(c, "count"), json_int_of(want, "count"));
        }
        more = px_json_bool(px_json_get(a.page, "hasMore"));
        if (more) {
            snprintf(target, sizeof target, "/api/metrics/traffic?" RANGE "&limit=4&cursor=%.*s",
                     PX_S_ARG(px_json_text(px_json_get(a.page, "nextCursor"))));
        }
        px_json_free(a.json);
    }
    assert_null(want);
    px_json_free(whole.json);
}

static void test_traffic_refusals(void **state) {
    struct api_answer a = api_rig_ask(*state, "/api/metrics?" RANGE "&limit=1");
    char cursor[300];
    snprintf(cursor, sizeof cursor, "/api/metrics?" RANGE "&limit=1&traffic=human&cursor=%.*s",
             PX_S_ARG(px_json_text(px_json_get(a.page, "nextCursor"))));
    px_json_free(a.json);
    const struct {
        const char *target, *code;
    } rows[] = {
        {"/api/metrics?" RANGE "&traffic=bot", "bad_traffic"},
        {"/api/metrics?" RANGE "&traffic=", "bad_traffic"},
        {"/api/metrics?" RANGE "&traffic=human&traffic=all", "duplicate_parameter"},
        {"/api/metrics/trends/visit?" RANGE "&traffic=human&grain=hour", "traffic_per_day"},
        {"/api/metrics/conversion-rates?" RANGE "&grain=minute&traffic=human", "traffic_per_day"},
        {"/api/metrics/rollups/by_type?" RANGE "&traffic=human", "unknown_parameter"},
        {"/api/metrics/traffic?" RANGE "&traffic=human", "unknown_parameter"},
        {cursor, "bad_cursor"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        a = api_rig_ask(*state, rows[i].target);
        if (a.status != 400 || strcmp(a.code, rows[i].code) != 0) {
            fail_msg("%s: %d %s", rows[i].target, a.status, a.text);
        }
        px_json_free(a.json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traffic_of_a_funnel),
        cmocka_unit_test(test_traffic_of_a_trend),
        cmocka_unit_test(test_traffic_of_the_daily_list_and_by_class),
        cmocka_unit_test(test_traffic_is_paged),
        cmocka_unit_test(test_traffic_refusals),
        cmocka_unit_test(test_traffic_of_days_whose_classes_do_not_add_up),
    };
    api_rig_seed_also(seed_classes);
    int failed = cmocka_run_group_tests_name("traffic on sqlite", tests, api_rig_setup_sqlite,
                                             api_rig_teardown);
    const char *none = test_pg_start();

    if (none) {
        printf("ok - traffic on postgresql # SKIP %s\n", none);
        return failed;
    }
    return failed + cmocka_run_group_tests_name("traffic on postgresql", tests,
                                                api_rig_setup_postgres, api_rig_teardown);
}
