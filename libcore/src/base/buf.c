/* Growable byte buffer with a hard cap: bodies, JSON text, Avro bytes, log lines are built in it.
 * Appends that fit are inlined in the header; this file grows, formats and reports. */
#include <px/buf.h>

#include <px/mem.h>

#include <stdarg.h>
#include <stdio.h>

#define FIRST_CAP ((size_t)64)

void px_buf_init(struct px_buf *b, size_t max) {
    *b = (struct px_buf)PX_BUF_INIT(max);
}

void px_buf_fini(struct px_buf *b) {
    px_free(b->p);
    b->p = NULL;
    b->n = 0;
    b->cap = 0;
}

void px_buf_reset(struct px_buf *b) {
    b->n = 0;
    b->failed = false;
    b->nomem = false;
}

static char *broken(struct px_buf *b, bool nomem) {
    b->failed = true;
    b->nomem = nomem;
    return NULL;
}

/* Doubles, so that n appends cost O(n); never past the cap. */
static bool grow(struct px_buf *b, size_t need) {
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need) {
        cap = cap > SIZE_MAX / 4 ? need : cap * 2;
    }
    if (cap > b->max) {
        cap = b->max;
    }
    char *p = cap < SIZE_MAX ? px_realloc(b->p, cap + 1) : NULL;
    if (!p) {
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

char *px_buf_reserve(struct px_buf *b, size_t n) {
    if (b->failed) {
        return NULL;
    }
    if (b->n > b->max || n > b->max - b->n) {
        return broken(b, false);
    }
    if ((!b->p || n > b->cap - b->n) && !grow(b, b->n + n)) {
        return broken(b, true);
    }
    return b->p + b->n;
}

void px_buf_u64(struct px_buf *b, uint64_t v) {
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    px_buf_add(b, text + at, sizeof text - at);
}

void px_buf_i64(struct px_buf *b, int64_t v) {
    uint64_t magnitude = (uint64_t)v;
    if (v < 0) {
        px_buf_byte(b, '-');
        magnitude = 0 - magnitude;
    }
    px_buf_u64(b, magnitude);
}

void px_buf_printf(struct px_buf *b, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        broken(b, true);
        return;
    }
    if ((size_t)n < sizeof text) {
        px_buf_add(b, text, (size_t)n);
        return;
    }
    char *to = px_buf_reserve(b, (size_t)n);
    if (!to) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void px_buf_consume(struct px_buf *b, size_t n) {
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n) {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
}

const char *px_buf_cstr(struct px_buf *b) {
    if (b->failed || !b->p) {
        return "";
    }
    b->p[b->n] = '\0';
    return b->p;
}

enum px_code px_buf_ok(const struct px_buf *b, struct px_err *reterr) {
    if (!b->failed) {
        return PX_OK;
    }
    if (b->nomem) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for a buffer of more than %zu bytes", b->cap);
    }
    return PX_FAIL(reterr, PX_TOO_LARGE, "the text passes the limit of %zu bytes", b->max);
}
