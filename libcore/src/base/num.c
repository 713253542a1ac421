/* Strict parsing of numbers, durations and sizes: query parameters, headers, options.
 * The whole string or an error; dates and times are in num_time.c. */
#include <px/num.h>

static bool parse_digits(struct px_str s, uint64_t limit, uint64_t *ret_v) {
    uint64_t v = 0;
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (limit - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    *ret_v = v;
    return true;
}

bool px_parse_i64(struct px_str s, int64_t min, int64_t max, int64_t *ret_v) {
    uint64_t magnitude = 0;
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (negative) {
        s.p++;
        s.n--;
    }
    if (!parse_digits(s, limit, &magnitude) || (negative && magnitude == 0)) {
        return false;
    }
    int64_t v = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    if (v < min || v > max) {
        return false;
    }
    *ret_v = v;
    return true;
}

bool px_parse_bool(struct px_str s, bool *ret_v) {
    bool yes = px_str_is(s, "true");
    if (!yes && !px_str_is(s, "false")) {
        return false;
    }
    *ret_v = yes;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

/* Digits, then exactly one of the units; the product must fit. */
static bool parse_with_unit(struct px_str s, const struct unit *units, size_t n, int64_t *ret_v) {
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9') {
        digits++;
    }
    struct px_str name = {.p = s.p + digits, .n = s.n - digits};
    int64_t v;
    for (size_t i = 0; i < n; i++) {
        if (!px_str_is(name, units[i].name)) {
            continue;
        }
        if (!px_parse_i64((struct px_str){.p = s.p, .n = digits}, 0, INT64_MAX / units[i].factor,
                          &v)) {
            return false;
        }
        *ret_v = v * units[i].factor;
        return true;
    }
    return false;
}

bool px_parse_duration(struct px_str s, px_us *ret_v) {
    static const struct unit units[] = {{"ms", PX_US_PER_MS},
                                        {"s", PX_US_PER_S},
                                        {"m", PX_US_PER_MIN},
                                        {"h", PX_US_PER_HOUR},
                                        {"d", PX_US_PER_DAY}};
    return s.n > 0 && parse_with_unit(s, units, PX_ARRAY_LEN(units), ret_v);
}

bool px_parse_size(struct px_str s, int64_t *ret_bytes) {
    static const struct unit units[] = {
        {"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};
    return s.n > 0 && parse_with_unit(s, units, PX_ARRAY_LEN(units), ret_bytes);
}
