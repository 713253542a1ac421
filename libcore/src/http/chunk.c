/* Decodes a chunked body in place, by the strict reading only: plain hex sizes, no extensions, no
 * trailers. Decoded bytes move down over the framing, so the body ends up in one piece. Pure. */
#include "req_priv.h"

#include <string.h>

#define SIZE_DIGITS 8

static enum px_step refuse(enum px_http_refusal why, enum px_http_refusal *ret_why) {
    *ret_why = why;
    return PX_STEP_REFUSED;
}

/* CR LF at ${p}, of which ${n} bytes are here. */
static enum px_step line_end(const char *p, size_t n, enum px_http_refusal *ret_why) {
    if ((n > 0 && p[0] != '\r') || (n > 1 && p[1] != '\n')) {
        return refuse(PX_REFUSED_CHUNK, ret_why);
    }
    return n < 2 ? PX_STEP_MORE : PX_STEP_DONE;
}

/* "1a" CR LF; the line is looked at again from its start until it is complete: it is short. */
static enum px_step size_line(struct px_chunks *c, const char *p, size_t n,
                              enum px_http_refusal *ret_why) {
    size_t i = 0, size = 0;
    while (i < n && px_hex_digit(p[i]) >= 0) {
        if (i == SIZE_DIGITS) {
            return refuse(PX_REFUSED_CHUNK, ret_why);
        }
        size = size * 16 + (size_t)px_hex_digit(p[i++]);
    }
    if (i == 0) {
        return n == 0 ? PX_STEP_MORE : refuse(PX_REFUSED_CHUNK, ret_why);
    }
    enum px_step step = line_end(p + i, n - i, ret_why);
    if (step == PX_STEP_DONE) {
        c->left = size;
        c->in += i + 2;
        c->state = size ? PX_CHUNK_DATA : PX_CHUNK_LAST;
    }
    return step;
}

static enum px_step data(struct px_chunks *c, char *base, size_t n) {
    size_t take = n - c->in < c->left ? n - c->in : c->left;
    memmove(base + c->out, base + c->in, take);
    c->out += take;
    c->in += take;
    c->left -= take;
    if (c->left) {
        return PX_STEP_MORE;
    }
    c->state = PX_CHUNK_DATA_END;
    return PX_STEP_DONE;
}

static enum px_step one(struct px_chunks *c, char *base, size_t n, enum px_http_refusal *ret_why) {
    switch (c->state) {
    case PX_CHUNK_SIZE:
        return size_line(c, base + c->in, n - c->in, ret_why);
    case PX_CHUNK_DATA:
        return data(c, base, n);
    case PX_CHUNK_DATA_END:
    case PX_CHUNK_LAST:
        break;
    }
    enum px_step step = line_end(base + c->in, n - c->in, ret_why);
    if (step == PX_STEP_DONE) {
        c->in += 2;
        c->state = PX_CHUNK_SIZE;
    }
    return step;
}

enum px_step px_chunks_decode(struct px_chunks *c, struct px_http_req *r, char *base, size_t n,
                              size_t max, enum px_http_refusal *ret_why) {
    while (true) {
        bool last = c->state == PX_CHUNK_LAST;
        enum px_step step = one(c, base, n, ret_why);
        if (step != PX_STEP_DONE) {
            return step;
        }
        if (c->out - r->body.at + c->left > max) {
            return refuse(PX_REFUSED_BODY_TOO_LARGE, ret_why);
        }
        if (last) {
            return PX_STEP_DONE;
        }
    }
}
