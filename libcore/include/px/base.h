/* Attributes and small helpers that every file may use. No dependency but libc.
 * Part of the contract of libcore: everything here is usable from any layer. */
#ifndef PX_BASE_H
#define PX_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef NDEBUG
#error "asserts stay on in production: do not define NDEBUG"
#endif

#define PX_MUST_USE          __attribute__((warn_unused_result))
#define PX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PX_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define PX_UNUSED            __attribute__((unused))

/* PX_UNSET: this array is written before it is read; do not clear it first, as the build does with
 * every automatic variable. For buffers on a hot path only. */
#if __has_attribute(uninitialized)
#define PX_UNSET __attribute__((uninitialized))
#else
#define PX_UNSET
#endif

/* PX_DEFER(fini): run `fini(&variable)` when the variable leaves its scope.
 *     PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096); */
#define PX_DEFER(fini) __attribute__((cleanup(fini)))

/* PX_IGNORE(call): drop a PX_MUST_USE result on purpose; say why beside it. */
#define PX_IGNORE(call)                                                                            \
    do {                                                                                           \
        if (call) {                                                                                \
        }                                                                                          \
    } while (0)

/* px_assert(cond): our own bugs only, never input. Stays on in production. */
#define px_assert(cond) assert(cond)

/* Microseconds: since 1970-01-01T00:00:00Z for instants, plain for spans. */
typedef int64_t px_us;
/* Days since 1970-01-01. */
typedef int32_t px_day;

#define PX_US_PER_MS   INT64_C(1000)
#define PX_US_PER_S    INT64_C(1000000)
#define PX_US_PER_MIN  (60 * PX_US_PER_S)
#define PX_US_PER_HOUR (3600 * PX_US_PER_S)
#define PX_US_PER_DAY  (86400 * PX_US_PER_S)

#endif
