/* POSIX TZ rules such as "CET-1CEST,M3.5.0,M10.5.0/3": how clocks are set in years that no table
 * lists. Pure: text to rule, rule and instant to offset. */
#include "tzrule.h"

#include <px/num.h>

#define OFFSET_MAX (25 * 3600)

struct reader {
    const char *p, *end;
    bool bad;
};

static char peek(const struct reader *r) {
    return r->p < r->end ? *r->p : '\0';
}

static bool accept(struct reader *r, char c) {
    if (r->p == r->end || *r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int take_int(struct reader *r, int min, int max) {
    int v = 0;
    r->bad = r->bad || !is_digit(peek(r));
    while (!r->bad && is_digit(peek(r))) {
        v = v * 10 + (*r->p++ - '0');
        r->bad = v > max;
    }
    r->bad = r->bad || v < min;
    return v;
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters, or anything without '>' between '<' and '>'. The name itself is of no use here. */
static void skip_name(struct reader *r) {
    const char *from = r->p;
    if (accept(r, '<')) {
        while (r->p < r->end && *r->p != '>') {
            r->p++;
        }
        r->bad = r->bad || !accept(r, '>');
        return;
    }
    while (is_letter(peek(r))) {
        r->p++;
    }
    r->bad = r->bad || r->p - from < 3;
}

static int64_t take_time(struct reader *r, int max_hours) {
    int sign = accept(r, '-') ? -1 : 1;
    if (sign > 0) {
        accept(r, '+');
    }
    int64_t s = take_int(r, 0, max_hours) * INT64_C(3600);
    if (accept(r, ':')) {
        s += take_int(r, 0, 59) * INT64_C(60);
        if (accept(r, ':')) {
            s += take_int(r, 0, 59);
        }
    }
    return sign * s;
}

static struct tzrule_date take_date(struct reader *r) {
    struct tzrule_date d = {.at = 7200};
    r->bad = r->bad || !accept(r, ',');
    if (accept(r, 'M')) {
        d.kind = TZRULE_MONTH_WEEK_DAY;
        d.month = take_int(r, 1, 12);
        r->bad = r->bad || !accept(r, '.');
        d.week = take_int(r, 1, 5);
        r->bad = r->bad || !accept(r, '.');
        d.day = take_int(r, 0, 6);
    } else if (accept(r, 'J')) {
        d.kind = TZRULE_JULIAN;
        d.day = take_int(r, 1, 365);
    } else {
        d.kind = TZRULE_ZERO_BASED;
        d.day = take_int(r, 0, 365);
    }
    if (accept(r, '/')) {
        d.at = take_time(r, 167);
    }
    return d;
}

bool px_tzrule_parse(struct px_str s, struct tzrule *ret) {
    struct reader r = {.p = s.n ? s.p : "", .end = s.n ? s.p + s.n : "", .bad = s.n == 0};
    struct tzrule rule = {0};
    skip_name(&r);
    rule.std = -take_time(&r, 24); /* POSIX counts westward */
    rule.has_dst = r.p < r.end;
    if (rule.has_dst) {
        skip_name(&r);
        rule.dst = rule.std + 3600;
        if (r.p < r.end && peek(&r) != ',') {
            rule.dst = -take_time(&r, 24);
        }
        rule.start = take_date(&r);
        rule.end = take_date(&r);
    }
    if (r.bad || r.p != r.end || rule.std > OFFSET_MAX || rule.dst > OFFSET_MAX) {
        return false;
    }
    *ret = rule;
    return true;
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Week w of the month means the w-th such weekday; 5 means the last. */
static px_day month_week_day(const struct tzrule_date *d, int year) {
    px_day first = px_day_of_civil(year, d->month, 1);
    px_day next =
        d->month == 12 ? px_day_of_civil(year + 1, 1, 1) : px_day_of_civil(year, d->month + 1, 1);
    int weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    px_day day = first + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    return day < next ? day : day - 7;
}

/* The change in ${year}, in seconds since 1970 of a clock that is ${offset} east of UTC. */
static int64_t change_in(const struct tzrule_date *d, int year, int64_t offset) {
    px_day day = 0;
    switch (d->kind) {
    case TZRULE_JULIAN: /* 29 February is never counted */
        day = px_day_of_civil(year, 1, 1) + d->day - 1 + (is_leap(year) && d->day >= 60);
        break;
    case TZRULE_ZERO_BASED:
        day = px_day_of_civil(year, 1, 1) + d->day;
        break;
    case TZRULE_MONTH_WEEK_DAY:
        day = month_week_day(d, year);
        break;
    }
    return day * INT64_C(86400) + d->at - offset;
}

/* The latest change at or before ${t} says what holds; the earliest after it, until when. A change
 * may lie outside its own year by some days, so the years beside it are looked at as well. */
int64_t px_tzrule_at(const struct tzrule *r, int64_t t, int64_t *ret_end) {
    int64_t latest = INT64_MIN, offset = r->std, end = INT64_MAX;
    if (!r->has_dst) {
        *ret_end = end;
        return offset;
    }
    int year = px_civil_of(t * PX_US_PER_S).year;
    for (int y = year - 1; y <= year + 1; y++) {
        int64_t to_dst = change_in(&r->start, y, r->std), to_std = change_in(&r->end, y, r->dst);
        if (to_dst <= t && to_dst > latest) {
            latest = to_dst;
            offset = r->dst;
        }
        if (to_std <= t && to_std >= latest) {
            latest = to_std;
            offset = r->std;
        }
        end = to_dst > t && to_dst < end ? to_dst : end;
        end = to_std > t && to_std < end ? to_std : end;
    }
    *ret_end = end;
    return offset;
}
