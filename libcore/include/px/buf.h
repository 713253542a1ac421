/* A growable byte buffer with a hard cap: whatever a peer can fill has a limit.
 * A failed append leaves the buffer "broken": later appends do nothing and px_buf_ok() tells once
 * at the end, so that builders need no check per call. */
#ifndef PX_BUF_H
#define PX_BUF_H

#include <px/err.h>
#include <px/str.h>

struct px_buf {
    char *p;     /* owned; never NUL-terminated unless px_buf_cstr was called */
    size_t n;    /* bytes in use                                              */
    size_t cap;  /* usable bytes (one more is allocated, for px_buf_cstr)     */
    size_t max;  /* hard limit on n                                           */
    bool failed; /* an append did not fit or memory ran out                   */
    bool nomem;  /* with failed: it was memory                                */
};

#define PX_BUF_INIT(limit)                                                                         \
    { .p = NULL, .n = 0, .cap = 0, .max = (limit), .failed = false }

/* px_buf_init(b, max): what PX_BUF_INIT(max) says, for storage that is there already. */
void px_buf_init(struct px_buf *b, size_t max);
void px_buf_fini(struct px_buf *b);  /* frees; safe on a zeroed or finished buffer */
void px_buf_reset(struct px_buf *b); /* empties, keeps memory, clears failed       */

/* px_buf_reserve(b, n): make room for ${n} more bytes; NULL and failed when over the cap or out of
 * memory, else the place to write. The caller then adds what it wrote to b->n. */
char *px_buf_reserve(struct px_buf *b, size_t n);

/* Appends. The common case, room is there, is inlined. ${p} must not point into ${b}. */
static inline void px_buf_add(struct px_buf *b, const void *p, size_t n) {
    if (n == 0) {
        return;
    }
    char *to = !b->failed && n <= b->cap - b->n ? b->p + b->n : px_buf_reserve(b, n);
    if (to) {
        memcpy(to, p, n);
        b->n += n;
    }
}
static inline void px_buf_byte(struct px_buf *b, uint8_t c) {
    char *to = !b->failed && b->n < b->cap ? b->p + b->n : px_buf_reserve(b, 1);
    if (to) {
        *to = (char)c;
        b->n += 1;
    }
}
static inline void px_buf_str(struct px_buf *b, struct px_str s) {
    px_buf_add(b, s.p, s.n);
}
static inline void px_buf_c(struct px_buf *b, const char *c) {
    px_buf_add(b, c, strlen(c));
}
void px_buf_i64(struct px_buf *b, int64_t v); /* decimal digits */
void px_buf_u64(struct px_buf *b, uint64_t v);
void px_buf_printf(struct px_buf *b, const char *fmt, ...) PX_PRINTF(2, 3);

/* px_buf_consume(b, n): drop the first ${n} bytes. */
void px_buf_consume(struct px_buf *b, size_t n);

/* px_buf_cstr(b): the content with a NUL behind it (not counted in n); "" when empty or failed. */
const char *px_buf_cstr(struct px_buf *b);

static inline struct px_str px_buf_view(const struct px_buf *b) {
    return (struct px_str){.p = b->p, .n = b->n};
}
/* px_buf_ok(b, reterr): PX_OK, PX_TOO_LARGE (cap) or PX_NOMEM for everything appended so far. */
PX_MUST_USE enum px_code px_buf_ok(const struct px_buf *b, struct px_err *reterr);

#endif
