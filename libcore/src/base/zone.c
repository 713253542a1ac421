/* Which local day an instant belongs to, from the system's compiled tz database (TZif, RFC 8536).
 * Used where events get their day; libc's TZ machinery is global state and stays out of it. */
#include <px/zone.h>

#include <px/mem.h>
#include <px/num.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tzrule.h"

#define ZONE_DIR     "/usr/share/zoneinfo/"
#define NAME_MAX_LEN 64
#define FILE_MAX     (256 * 1024)
#define HEADER_SIZE  44
#define COUNT_MAX    20000
#define OFFSET_LIMIT (26 * 3600)

struct px_zone {
    char name[NAME_MAX_LEN + 1];
    size_t n;        /* changes listed                               */
    int64_t *at;     /* seconds since 1970, ascending                */
    int32_t *offset; /* east of UTC, from at[i] on                   */
    int32_t before;  /* east of UTC before the first change          */
    bool has_rule;   /* says what holds from the last change on      */
    struct tzrule rule;
};

/* --- reading ---------------------------------------------------------------------------------- */

struct tzif {
    const uint8_t *times, *indexes, *types, *footer, *end;
    size_t n_times, n_types;
};

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p) {
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(const uint8_t *p, size_t n, struct counts *c) {
    if (n < HEADER_SIZE || memcmp(p, "TZif", 4) != 0 || p[4] < '2') {
        return false;
    }
    *c = (struct counts){be32(p + 20), be32(p + 24), be32(p + 28),
                         be32(p + 32), be32(p + 36), be32(p + 40)};
    return c->isut <= COUNT_MAX && c->isstd <= COUNT_MAX && c->leap <= COUNT_MAX &&
           c->time <= COUNT_MAX && c->type <= 256 && c->chars <= COUNT_MAX;
}

static size_t body_size(const struct counts *c, size_t time_size) {
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

/* The file holds a block with 32-bit times for old readers, then one with 64-bit times. */
static bool locate(struct px_str s, struct tzif *ret) {
    const uint8_t *p = (const uint8_t *)s.p;
    struct counts c;
    if (!read_header(p, s.n, &c)) {
        return false;
    }
    size_t skip = HEADER_SIZE + body_size(&c, 4);
    if (skip > s.n || !read_header(p + skip, s.n - skip, &c)) {
        return false;
    }
    size_t body = skip + HEADER_SIZE, size = body_size(&c, 8);
    if (size > s.n - body || c.type == 0) {
        return false;
    }
    *ret = (struct tzif){.times = p + body,
                         .indexes = p + body + c.time * 8,
                         .types = p + body + c.time * 9,
                         .footer = p + body + size,
                         .end = p + s.n,
                         .n_times = c.time,
                         .n_types = c.type};
    return true;
}

static bool offset_of_type(const struct tzif *f, size_t type, int32_t *ret) {
    if (type >= f->n_types) {
        return false;
    }
    int32_t offset = (int32_t)be32(f->types + type * 6);
    if (offset <= -OFFSET_LIMIT || offset >= OFFSET_LIMIT) {
        return false;
    }
    *ret = offset;
    return true;
}

static bool read_changes(const struct tzif *f, struct px_zone *z) {
    if (!offset_of_type(f, 0, &z->before)) {
        return false;
    }
    for (size_t i = 0; i < f->n_times; i++) {
        z->at[i] = be64(f->times + i * 8);
        if (!offset_of_type(f, f->indexes[i], &z->offset[i]) || (i && z->at[i] <= z->at[i - 1])) {
            return false;
        }
    }
    z->n = f->n_times;
    return true;
}

/* "\n" rule "\n"; an empty rule says that nothing is known about the time after the last change. */
static bool read_footer(const struct tzif *f, struct px_zone *z) {
    size_t n = (size_t)(f->end - f->footer);
    if (n < 2 || f->footer[0] != '\n') {
        return false;
    }
    const uint8_t *close = memchr(f->footer + 1, '\n', n - 1);
    if (!close) {
        return false;
    }
    struct px_str text = {.p = (const char *)f->footer + 1, .n = (size_t)(close - f->footer) - 1};
    z->has_rule = text.n > 0;
    return !z->has_rule || px_tzrule_parse(text, &z->rule);
}

enum px_code px_zone_parse(const char *name, struct px_str tzif, struct px_zone **ret,
                           struct px_err *reterr) {
    struct tzif f;
    if (!locate(tzif, &f)) {
        return PX_FAIL(reterr, PX_CONFIG, "time zone %s: not a TZif file of version 2 or later",
                       name);
    }
    struct px_zone *z = px_alloc(sizeof *z);
    if (!z) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for time zone %s", name);
    }
    snprintf(z->name, sizeof z->name, "%s", name);
    z->at = px_calloc2(f.n_times, sizeof *z->at);
    z->offset = px_calloc2(f.n_times, sizeof *z->offset);
    if (!z->at || !z->offset) {
        px_zone_free(z);
        return PX_FAIL(reterr, PX_NOMEM, "no memory for time zone %s", name);
    }
    if (!read_changes(&f, z) || !read_footer(&f, z)) {
        px_zone_free(z);
        return PX_FAIL(reterr, PX_CONFIG, "time zone %s: the TZif file is damaged", name);
    }
    *ret = z;
    return PX_OK;
}

/* Names are paths below the tz database; nothing may lead out of it. */
static bool good_name(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_LEN || name[0] == '/' || strstr(name, "..")) {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") == n;
}

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

static void free_bytes(char **p) {
    px_free(*p);
}

static enum px_code read_file(int fd, const char *name, char *bytes, size_t *ret_n,
                              struct px_err *reterr) {
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, bytes + n, FILE_MAX - n)) > 0) {
        n += (size_t)got;
    }
    if (got < 0) {
        return px_err_errno(reterr, PX_CONFIG, PX_HERE, name);
    }
    if (n == FILE_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "time zone %s: the file is too large", name);
    }
    *ret_n = n;
    return PX_OK;
}

static enum px_code load_file(const char *name, struct px_zone **ret, struct px_err *reterr) {
    char path[sizeof ZONE_DIR + NAME_MAX_LEN];
    snprintf(path, sizeof path, "%s%s", ZONE_DIR, name);
    PX_DEFER(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "time zone %s: no %s; write a name such as UTC or Europe/Berlin, and see "
                       "that the package tzdata is installed",
                       name, path);
    }
    if (fd < 0) {
        return px_err_errno(reterr, PX_CONFIG, PX_HERE, path);
    }
    PX_DEFER(free_bytes) char *bytes = px_realloc(NULL, FILE_MAX);
    if (!bytes) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for time zone %s", name);
    }
    size_t n = 0;
    enum px_code rc = read_file(fd, path, bytes, &n, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    return px_zone_parse(name, (struct px_str){.p = bytes, .n = n}, ret, reterr);
}

enum px_code px_zone_load(const char *name, struct px_zone **ret, struct px_err *reterr) {
    if (!good_name(name)) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "'%.64s' is not the name of a time zone; write UTC or a name such as "
                       "Europe/Berlin",
                       name);
    }
    if (strcmp(name, "UTC") != 0) {
        return load_file(name, ret, reterr);
    }
    struct px_zone *z = px_alloc(sizeof *z);
    if (!z) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for time zone UTC");
    }
    snprintf(z->name, sizeof z->name, "UTC");
    *ret = z;
    return PX_OK;
}

void px_zone_free(struct px_zone *z) {
    if (z) {
        px_free(z->at);
        px_free(z->offset);
        px_free(z);
    }
}

const char *px_zone_name(const struct px_zone *z) {
    return z ? z->name : "UTC";
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Seconds east of UTC at ${t}, and the first instant from which another offset may hold. */
static int64_t offset_at(const struct px_zone *z, int64_t t, int64_t *ret_end) {
    size_t lo = 0, hi = z->n; /* the first change after t is at hi in the end */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->at[mid] <= t) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (hi == z->n && z->has_rule) {
        return px_tzrule_at(&z->rule, t, ret_end);
    }
    *ret_end = hi < z->n ? z->at[hi] : INT64_MAX;
    return hi > 0 ? z->offset[hi - 1] : z->before;
}

px_day px_zone_day(const struct px_zone *z, px_us t) {
    if (!z) {
        return px_day_of(t);
    }
    int64_t end, s = t / PX_US_PER_S - (t % PX_US_PER_S < 0);
    return px_day_of(t + offset_at(z, s, &end) * PX_US_PER_S);
}

/* Walks the spans of equal offset from well before the day: the first one in which the local clock
 * reaches midnight holds the answer, be it midnight itself or the end of a gap over it. */
px_us px_zone_day_start(const struct px_zone *z, px_day d) {
    int64_t midnight = d * INT64_C(86400), end;
    if (!z) {
        return midnight * PX_US_PER_S;
    }
    int64_t t = midnight - OFFSET_LIMIT;
    for (;;) {
        int64_t local_midnight = midnight - offset_at(z, t, &end);
        int64_t first = local_midnight > t ? local_midnight : t;
        if (first < end) {
            return first * PX_US_PER_S;
        }
        t = end;
    }
}
