/* Dates and times between text, calendar and microseconds since 1970. The day of an instant decides
 * where an event is counted, so nothing here depends on the locale, on TZ or on libc's time code.
 */
#include <px/num.h>

#define INSTANT_MAX INT64_C(253402300799999999)   /* 9999-12-31T23:59:59.999999Z */
#define INSTANT_MIN (-INT64_C(62167219200000000)) /* 0000-01-01T00:00:00Z        */
#define DAY_MAX     ((px_day)2932896)             /* 9999-12-31                  */
#define DAY_MIN     ((px_day)-719528)             /* 0000-01-01                  */

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Days in eras of 400 years that begin on 1 March, so that the leap day is the last of its year. */
px_day px_day_of_civil(int year, int month, int day) {
    int y = year - (month <= 2);
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_of_day(px_day d, struct px_civil *c) {
    int64_t z = (int64_t)d + 719468;
    int64_t era = floor_div(z, 146097);
    int doe = (int)(z - era * 146097);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    c->day = doy - (153 * mp + 2) / 5 + 1;
    c->month = mp < 10 ? mp + 3 : mp - 9;
    c->year = (int)(yoe + era * 400) + (c->month <= 2);
}

px_day px_day_of(px_us t) {
    return (px_day)floor_div(t, PX_US_PER_DAY);
}

struct px_civil px_civil_of(px_us t) {
    struct px_civil c = {0};
    px_day d = px_day_of(t);
    civil_of_day(d, &c);
    int64_t in_day = t - d * PX_US_PER_DAY;
    int s = (int)(in_day / PX_US_PER_S);
    c.us = (int)(in_day % PX_US_PER_S);
    c.hour = s / 3600;
    c.minute = s / 60 % 60;
    c.second = s % 60;
    return c;
}

/* A reader that walks over the text; one failure sticks, so that callers ask once. */
struct reader {
    const char *p, *end;
    bool bad;
};

static int take_digits(struct reader *r, int n) {
    int v = 0;
    if (r->end - r->p < n) {
        r->bad = true;
        return 0;
    }
    for (int i = 0; i < n; i++) {
        char c = *r->p++;
        r->bad = r->bad || c < '0' || c > '9';
        v = v * 10 + (c - '0');
    }
    return v;
}

static char take(struct reader *r) {
    if (r->p == r->end) {
        r->bad = true;
        return '\0';
    }
    return *r->p++;
}

static void expect(struct reader *r, char upper, char lower) {
    char c = take(r);
    r->bad = r->bad || (c != upper && c != lower);
}

static bool real_day(int year, int month, int day) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

static px_day take_date(struct reader *r) {
    int year = take_digits(r, 4);
    expect(r, '-', '-');
    int month = take_digits(r, 2);
    expect(r, '-', '-');
    int day = take_digits(r, 2);
    if (r->bad || !real_day(year, month, day)) {
        r->bad = true;
        return 0;
    }
    return px_day_of_civil(year, month, day);
}

static struct reader reader_of(struct px_str s) {
    return (struct reader){.p = s.n ? s.p : "", .end = s.n ? s.p + s.n : "", .bad = s.n == 0};
}

bool px_parse_date(struct px_str s, px_day *ret_v) {
    struct reader r = reader_of(s);
    px_day d = take_date(&r);
    if (r.bad || r.p != r.end || d < 0) {
        return false;
    }
    *ret_v = d;
    return true;
}

/* One to nine digits behind the point, cut to microseconds. */
static px_us take_fraction(struct reader *r) {
    px_us us = 0;
    int n = 0;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        us = n < 6 ? us * 10 + (*r->p - '0') : us;
        r->p++;
        n++;
    }
    r->bad = r->bad || n == 0 || n > 9;
    for (; n < 6; n++) {
        us *= 10;
    }
    return us;
}

static px_us take_hour_minute(struct reader *r) {
    int hour = take_digits(r, 2);
    expect(r, ':', ':');
    int minute = take_digits(r, 2);
    r->bad = r->bad || hour > 23 || minute > 59;
    return hour * PX_US_PER_HOUR + minute * PX_US_PER_MIN;
}

static px_us take_offset(struct reader *r) {
    char sign = take(r);
    if (sign == 'Z' || sign == 'z') {
        return 0;
    }
    r->bad = r->bad || (sign != '+' && sign != '-');
    px_us offset = take_hour_minute(r);
    return sign == '-' ? -offset : offset;
}

bool px_parse_instant(struct px_str s, px_us *ret_v) {
    struct reader r = reader_of(s);
    px_day day = take_date(&r);
    expect(&r, 'T', 't');
    px_us t = day * PX_US_PER_DAY + take_hour_minute(&r);
    expect(&r, ':', ':');
    int second = take_digits(&r, 2);
    r.bad = r.bad || second > 59;
    t += second * PX_US_PER_S;
    if (r.p < r.end && *r.p == '.') {
        r.p++;
        t += take_fraction(&r);
    }
    t -= take_offset(&r);
    if (r.bad || r.p != r.end || t < 0 || t > INSTANT_MAX) {
        return false;
    }
    *ret_v = t;
    return true;
}

static char *put_digits(char *to, int v, int n) {
    for (int i = n - 1; i >= 0; i--) {
        to[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return to + n;
}

static char *put_date(char *to, const struct px_civil *c) {
    to = put_digits(to, c->year, 4);
    *to++ = '-';
    to = put_digits(to, c->month, 2);
    *to++ = '-';
    return put_digits(to, c->day, 2);
}

size_t px_fmt_date(px_day d, char out[PX_TIME_TEXT]) {
    struct px_civil c = {0};
    civil_of_day(d > DAY_MAX ? DAY_MAX : d < DAY_MIN ? DAY_MIN : d, &c);
    char *end = put_date(out, &c);
    *end = '\0';
    return (size_t)(end - out);
}

size_t px_fmt_instant(px_us t, char out[PX_TIME_TEXT]) {
    struct px_civil c = px_civil_of(t > INSTANT_MAX   ? INSTANT_MAX
                                    : t < INSTANT_MIN ? INSTANT_MIN
                                                      : t);
    char *to = put_date(out, &c);
    *to++ = 'T';
    to = put_digits(to, c.hour, 2);
    *to++ = ':';
    to = put_digits(to, c.minute, 2);
    *to++ = ':';
    to = put_digits(to, c.second, 2);
    *to++ = '.';
    to = put_digits(to, c.us, 6);
    *to++ = 'Z';
    *to = '\0';
    return (size_t)(to - out);
}
