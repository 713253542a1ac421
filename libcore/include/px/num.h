/* Strict parsing and formatting of numbers, durations, sizes, dates and times: the whole string or
 * an error; no blanks, no sign where none belongs, no leading zero, no overflow. Threads: pure. */
#ifndef PX_NUM_H
#define PX_NUM_H

#include <px/err.h>
#include <px/str.h>

/* Each stores ${ret_v} and returns true, or leaves it alone and returns false.
 * px_parse_i64: decimal digits, a minus sign before them if below zero, within ${min}..${max}. */
PX_MUST_USE bool px_parse_i64(struct px_str s, int64_t min, int64_t max, int64_t *ret_v);
PX_MUST_USE bool px_parse_bool(struct px_str s, bool *ret_v);        /* true|false only        */
PX_MUST_USE bool px_parse_duration(struct px_str s, px_us *ret_v);   /* 250ms 5s 10m 24h 3d    */
PX_MUST_USE bool px_parse_size(struct px_str s, int64_t *ret_bytes); /* 512 4KiB 16MiB 1GiB    */

/* px_parse_date: YYYY-MM-DD, a real day from 1970-01-01 to 9999-12-31. */
PX_MUST_USE bool px_parse_date(struct px_str s, px_day *ret_v);

/* px_parse_instant: RFC 3339 with zone ("2026-11-21T10:00:00.123456Z", "+01:00"), upper or lower
 * case T and Z, up to nine fraction digits (cut to microseconds). A leap second (:60) is refused.
 * From 1970 to 9999. Source: RFC 3339 §5.6. */
PX_MUST_USE bool px_parse_instant(struct px_str s, px_us *ret_v);

struct px_civil {
    int year, month, day, hour, minute, second, us;
};
/* Proleptic Gregorian calendar, UTC. Valid for all instants from 1970 to 9999. */
struct px_civil px_civil_of(px_us t);
px_day px_day_of_civil(int year, int month, int day);
px_day px_day_of(px_us t); /* UTC day: floor(t / 86400 s) */

/* Formatters write at most PX_TIME_TEXT bytes including a NUL and return the length. What lies
 * outside the years 0 to 9999 is written as the nearest bound. */
#define PX_TIME_TEXT 32
size_t px_fmt_date(px_day d, char out[PX_TIME_TEXT]);   /* 2026-11-21                  */
size_t px_fmt_instant(px_us t, char out[PX_TIME_TEXT]); /* 2026-11-21T10:00:00.123456Z */

#endif
