/* Local days: known changes of clocks, libc as the oracle over 130 years, hostile files. */
#include <px/zone.h>

#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "torture.h"
#include "unit.h"

static void free_zone(struct px_zone **z) {
    px_zone_free(*z);
}

static struct px_zone *load(const char *name) {
    struct px_zone *z = NULL;
    struct px_err err = PX_ERR_INIT;
    if (px_zone_load(name, &z, &err) != PX_OK) {
        fail_msg("%s", err.msg);
    }
    return z;
}

static px_us instant(const char *text) {
    px_us t = -1;
    assert_true(px_parse_instant(px_str_c(text), &t));
    return t;
}

struct start_row {
    const char *zone, *day, *start;
};

static void test_zone_day_starts(void **state PX_UNUSED) {
    static const struct start_row rows[] = {
        {"UTC", "2026-03-29", "2026-03-29T00:00:00Z"},
        /* 23 and 25 hours */
        {"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"},
        {"Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z"},
        {"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z"},
        {"Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00Z"},
        {"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"},
        {"America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"},
        {"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z"},
        {"America/New_York", "2026-11-02", "2026-11-02T05:00:00Z"},
        /* past the listed changes, by the rule */
        {"Europe/Berlin", "2060-03-28", "2060-03-27T23:00:00Z"},
        {"Europe/Berlin", "2060-03-29", "2060-03-28T22:00:00Z"},
        {"America/New_York", "2060-11-08", "2060-11-08T05:00:00Z"},
        {"America/New_York", "2060-11-07", "2060-11-07T04:00:00Z"},
        /* clocks go from 00:00 to 01:00: the day begins at 01:00 */
        {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
        {"Asia/Beirut", "2060-03-28", "2060-03-27T22:00:00Z"},
        /* a day that never was */
        {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
        {"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
        /* quarter hours, far east, half-hour saving */
        {"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"},
        {"Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"},
        {"Australia/Lord_Howe", "2026-10-05", "2026-10-04T13:00:00Z"},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        PX_DEFER(free_zone) struct px_zone *z = load(rows[i].zone);
        px_day d = 0;
        char text[PX_TIME_TEXT];
        assert_true(px_parse_date(px_str_c(rows[i].day), &d));
        px_us start = px_zone_day_start(z, d);
        px_fmt_instant(start, text);
        if (start != instant(rows[i].start)) {
            fail_msg("%s %s starts at %s", rows[i].zone, rows[i].day, text);
        }
    }
}

static void test_zone_day_turns_at_midnight(void **state PX_UNUSED) {
    PX_DEFER(free_zone) struct px_zone *berlin = load("Europe/Berlin");
    PX_DEFER(free_zone) struct px_zone *york = load("America/New_York");
    px_day d = 0;
    assert_true(px_parse_date(PX_S("2026-10-25"), &d));

    assert_int_equal(px_zone_day(berlin, instant("2026-10-24T21:59:59.999999Z")), d - 1);
    assert_int_equal(px_zone_day(berlin, instant("2026-10-24T22:00:00Z")), d);
    assert_int_equal(px_zone_day(berlin, instant("2026-10-25T22:59:59.999999Z")), d);
    assert_int_equal(px_zone_day(berlin, instant("2026-10-25T23:00:00Z")), d + 1);
    assert_int_equal(px_zone_day(york, instant("2026-10-26T03:59:59Z")), d);
    assert_int_equal(px_zone_day(NULL, instant("2026-10-25T23:59:59Z")), d);
    assert_int_equal(px_zone_day_start(NULL, d), d * PX_US_PER_DAY);
    assert_string_equal(px_zone_name(berlin), "Europe/Berlin");
    assert_string_equal(px_zone_name(NULL), "UTC");
    assert_int_equal(px_zone_day(berlin, -1), 0); /* one in the morning of 1970-01-01 */
}

/* Every eight hours and a bit from 1970 to 2100, against libc's reading of the same file. */
static void agrees_with_libc(const char *name) {
    PX_DEFER(free_zone) struct px_zone *z = load(name);
    setenv("TZ", name, 1);
    tzset();
    px_day last = INT32_MIN;
    for (int64_t s = 0; s < INT64_C(4102444800); s += 30011) {
        struct tm tm;
        time_t t = (time_t)s;
        assert_non_null(localtime_r(&t, &tm));
        px_day want = px_day_of_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        px_day day = px_zone_day(z, s * PX_US_PER_S + 999999);
        if (day != want) {
            fail_msg("%s: %lld is day %d, not %d", name, (long long)s, want, day);
        }
        if (day != last) { /* what the start says must hold at the start and not just before */
            px_us start = px_zone_day_start(z, day);
            assert_int_equal(px_zone_day(z, start), day);
            assert_true(px_zone_day(z, start - 1) < day);
            last = day;
        }
    }
}

static void test_zone_agrees_with_libc(void **state PX_UNUSED) {
    static const char *const names[] = {
        "UTC",          "Europe/Berlin",     "America/New_York",    "Europe/Dublin",
        "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia",
        "Africa/Cairo", "America/Santiago",  "Asia/Gaza",           "Pacific/Chatham",
        "Etc/GMT+12",   "Africa/Casablanca", "America/Nuuk",        "Antarctica/Troll",
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(names); i++) {
        agrees_with_libc(names[i]);
    }
    unsetenv("TZ");
    tzset();
}

static void test_zone_names_are_checked(void **state PX_UNUSED) {
    static const char *const bad[] = {
        "",
        "Europe/Nowhere",
        "/etc/passwd",
        "../../../etc/passwd",
        "Europe/../Europe/Berlin",
        "Europe",
        "Europe/Berlin ",
        "CET\n",
        "tzdata.zi",
        "%s%s%s",
        "utc\x01",
        "zone.tab",
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(bad); i++) {
        struct px_zone *z = NULL;
        struct px_err err = PX_ERR_INIT;
        assert_int_equal(px_zone_load(bad[i], &z, &err), PX_CONFIG);
        assert_null(z);
        assert_true(err.msg[0] != '\0');
    }
}

/* --- files made here ------------------------------------------------------------------------ */

struct file {
    unsigned char p[512];
    size_t n;
};

static void put(struct file *f, const void *p, size_t n) {
    assert_true(f->n + n <= sizeof f->p);
    memcpy(f->p + f->n, p, n);
    f->n += n;
}

static void put_be(struct file *f, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        put(f, &(unsigned char){(unsigned char)(v >> (8 * i))}, 1);
    }
}

static void put_header(struct file *f, char version, uint32_t times, uint32_t types) {
    put(f, "TZif", 4);
    put(f, &version, 1);
    put(f, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
    put_be(f, 0, 4);
    put_be(f, 0, 4);
    put_be(f, 0, 4);
    put_be(f, times, 4);
    put_be(f, types, 4);
    put_be(f, 4, 4);
}

/* One change at 1000 s from +0 to ${offset}, then ${rule}. */
static struct file make_file(int32_t offset, uint8_t type, const char *rule) {
    struct file f = {.n = 0};
    put_header(&f, '2', 0, 1);
    put(&f, "\0\0\0\0\0\0XYZ\0", 10);
    put_header(&f, '2', 1, 2);
    put_be(&f, 1000, 8);
    put(&f, &type, 1);
    put(&f, "\0\0\0\0\0\0", 6);
    put_be(&f, (uint32_t)offset, 4);
    put(&f, "\0\0XYZ\0", 6);
    put(&f, "\n", 1);
    put(&f, rule, strlen(rule));
    put(&f, "\n", 1);
    return f;
}

static enum px_code parse(const struct file *f, size_t n, struct px_zone **ret) {
    return px_zone_parse("Test/Zone", (struct px_str){.p = (const char *)f->p, .n = n}, ret, NULL);
}

struct rule_row {
    const char *rule, *in, *day; /* day NULL: the file is refused */
};

static void test_zone_rules(void **state PX_UNUSED) {
    static const struct rule_row rows[] = {
        {"", "2026-01-01T00:00:00Z", "2026-01-01"},
        {"<+05>-5", "2026-01-01T19:00:00Z", "2026-01-02"},
        {"<+05>-5", "2026-01-01T18:59:59Z", "2026-01-01"},
        {"ABC5:30:15", "2026-01-01T05:30:14Z", "2025-12-31"},
        {"ABC5:30:15", "2026-01-01T05:30:15Z", "2026-01-01"},
        /* J60 is always 1 March; plain 59 is 29 February of a leap year */
        {"AAA0BBB,J60/0,J61/1", "2024-03-01T23:00:00Z", "2024-03-02"},
        {"AAA0BBB,J60/0,J61/1", "2024-02-29T23:30:00Z", "2024-02-29"},
        {"AAA0BBB,59/0,60/1", "2024-02-29T23:00:00Z", "2024-03-01"},
        {"AAA0BBB,59/0,60/1", "2024-03-01T23:00:00Z", "2024-03-01"},
        /* summer over the turn of the year */
        {"AAA0BBB,M10.1.0,M3.3.0", "2026-01-10T23:00:00Z", "2026-01-11"},
        {"AAA0BBB,M10.1.0,M3.3.0", "2026-07-10T23:00:00Z", "2026-07-10"},
        /* negative saving, and hours past a day */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T23:00:00Z", "2026-07-02"},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-12-01T23:00:00Z", "2026-12-01"},
        {"AAA2BBB,M3.5.0/-2,M10.5.0/-1", "2026-03-28T23:59:59Z", "2026-03-28"},
        {"AAA0BBB,J100/167,J200/-167", "2026-04-16T22:59:59Z", "2026-04-16"},
        {"AAA0BBB,J100/167,J200/-167", "2026-04-16T23:00:00Z", "2026-04-17"},
        {"A", NULL, NULL},
        {"AA0", NULL, NULL},
        {"ABC", NULL, NULL},
        {"ABC25", NULL, NULL},
        {"ABC+", NULL, NULL},
        {"ABC0DEF", NULL, NULL},
        {"ABC0DEF,M3.5.0", NULL, NULL},
        {"ABC0DEF,M13.1.0,M10.5.0", NULL, NULL},
        {"ABC0DEF,M3.0.0,M10.5.0", NULL, NULL},
        {"ABC0DEF,M3.6.0,M10.5.0", NULL, NULL},
        {"ABC0DEF,M3.5.7,M10.5.0", NULL, NULL},
        {"ABC0DEF,J0,J9", NULL, NULL},
        {"ABC0DEF,J366,J9", NULL, NULL},
        {"ABC0DEF,366,9", NULL, NULL},
        {"ABC0DEF,M3.5.0/168,M10.5.0", NULL, NULL},
        {"ABC0DEF,M3.5.0,M10.5.0,", NULL, NULL},
        {"ABC99999999999999999999", NULL, NULL},
        {"<ABC0", NULL, NULL},
        {"ABC0 ", NULL, NULL},
    };
    for (size_t i = 0; i < PX_ARRAY_LEN(rows); i++) {
        struct file f = make_file(0, 1, rows[i].rule);
        PX_DEFER(free_zone) struct px_zone *z = NULL;
        enum px_code rc = parse(&f, f.n, &z);
        if (rc != (rows[i].day ? PX_OK : PX_CONFIG)) {
            fail_msg("'%s' is %s", rows[i].rule, px_code_name(rc));
        }
        if (rows[i].day) {
            char text[PX_TIME_TEXT];
            px_fmt_date(px_zone_day(z, instant(rows[i].in)), text);
            if (strcmp(text, rows[i].day) != 0) {
                fail_msg("'%s': %s is %s", rows[i].rule, rows[i].in, text);
            }
        }
    }
}

static void test_zone_damaged_files(void **state PX_UNUSED) {
    struct file good = make_file(3600, 1, "XYZ-1");
    PX_DEFER(free_zone) struct px_zone *z = NULL;
    assert_int_equal(parse(&good, good.n, &z), PX_OK);
    for (size_t n = 0; n < good.n; n++) {
        struct px_zone *none = NULL;
        assert_int_equal(parse(&good, n, &none), PX_CONFIG);
        assert_null(none);
    }
    /* any byte may be wrong: an error or a zone, never a crash */
    for (size_t i = 0; i < good.n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct file bad = good;
            bad.p[i] = (unsigned char)(bad.p[i] ^ 1u << bit);
            PX_DEFER(free_zone) struct px_zone *maybe = NULL;
            if (parse(&bad, bad.n, &maybe) == PX_OK) {
                (void)px_zone_day(maybe, PX_US_PER_DAY);
                (void)px_zone_day_start(maybe, 20000);
            }
        }
    }
    struct file wrong_type = make_file(0, 2, "XYZ0"), far = make_file(26 * 3600, 1, "XYZ0");
    struct px_zone *none = NULL;
    assert_int_equal(parse(&wrong_type, wrong_type.n, &none), PX_CONFIG);
    assert_int_equal(parse(&far, far.n, &none), PX_CONFIG);
}

static enum px_code load_and_free(void *arg) {
    struct px_zone *z = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_zone_load(arg, &z, &err);
    px_zone_free(z);
    return rc == err.code ? rc : PX_INTERNAL;
}

static void test_zone_torture(void **state PX_UNUSED) {
    char berlin[] = "Europe/Berlin", utc[] = "UTC";
    assert_int_equal(torture(load_and_free, berlin), 4);
    assert_int_equal(torture(load_and_free, utc), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zone_day_starts),
        cmocka_unit_test(test_zone_day_turns_at_midnight),
        cmocka_unit_test(test_zone_agrees_with_libc),
        cmocka_unit_test(test_zone_names_are_checked),
        cmocka_unit_test(test_zone_rules),
        cmocka_unit_test(test_zone_damaged_files),
        cmocka_unit_test(test_zone_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
