/* From buffered bytes to one complete request: head through gate and llhttp, then the body by
 * length or by chunks. Works on a connection's buffer only; it does no I/O and calls no handler. */
#include "http_priv.h"

#include <string.h>

static size_t available(const struct px_http_conn *c) {
    return c->in.end - c->in.start;
}

void px_conn_begin(struct px_http_conn *c) {
    c->state = PX_CONN_HEAD;
    c->gate = (struct px_gate){0};
    c->chunks = (struct px_chunks){0};
    c->used = 0;
    c->skipped = c->deferred = c->close_after = c->linger_after = c->keeps = false;
    if (c->work) {
        px_conn_request(c);
    }
}

void px_conn_request(struct px_http_conn *c) {
    struct px_http_req *r = &c->work->req;
    memset(r, 0, offsetof(struct px_http_req, fields));
    r->conn = c;
    r->method = PX_METHOD_OTHER;
}

/* RFC 9112 §2.2: one empty line before a request is forgiven (old clients end a POST with it). */
static bool skip_empty_line(struct px_http_conn *c) {
    const char *p = c->in.p + c->in.start;
    if (c->skipped || available(c) == 0 || p[0] != '\r') {
        return available(c) > 0;
    }
    if (available(c) < 2) {
        return false;
    }
    if (p[1] == '\n') {
        c->in.start += 2;
        c->skipped = true;
    }
    return available(c) > 0;
}

static enum px_step read_body(struct px_http_conn *c, enum px_http_refusal *ret_why) {
    struct px_http_req *r = &c->work->req;
    if (r->codings == 0) {
        c->used = c->gate.head + (size_t)r->length;
        r->body.n = (uint32_t)r->length;
        return available(c) >= c->used ? PX_STEP_DONE : PX_STEP_MORE;
    }
    char *base = c->in.p + c->in.start;
    enum px_step step =
        px_chunks_decode(&c->chunks, r, base, available(c), c->server->conf.limits.body, ret_why);
    if (step == PX_STEP_DONE) {
        c->used = c->chunks.in;
        r->body.n = (uint32_t)(c->chunks.out - c->gate.head);
    } else if (step == PX_STEP_MORE) {
        /* Close the gap that the framing left, so that framing never fills the buffer. */
        size_t rest = available(c) - c->chunks.in;
        memmove(base + c->chunks.out, base + c->chunks.in, rest);
        c->in.end -= c->chunks.in - c->chunks.out;
        c->chunks.in = c->chunks.out;
    }
    return step;
}

static enum px_step read_head(struct px_http_conn *c, enum px_http_refusal *ret_why) {
    if (!skip_empty_line(c)) {
        return PX_STEP_MORE;
    }
    struct px_http_req *r = &c->work->req;
    const struct px_http_limits *lim = &c->server->conf.limits;
    r->base = c->in.p + c->in.start;
    enum px_step step = px_gate_scan(&c->gate, r, available(c), lim, ret_why);
    if (step != PX_STEP_DONE) {
        return step;
    }
    enum px_http_refusal why;
    struct px_str head = {.p = r->base, .n = c->gate.head};
    bool parsed = px_parse_head(r, head, c->gate.fields, ret_why);
    if (!px_gate_request(r, lim, &why)) {
        *ret_why = why; /* more precise than llhttp's */
        return PX_STEP_REFUSED;
    }
    if (!parsed) {
        return PX_STEP_REFUSED;
    }
    c->state = PX_CONN_BODY;
    r->body.at = (uint32_t)c->gate.head;
    c->chunks.in = c->chunks.out = c->gate.head;
    return PX_STEP_DONE;
}

enum px_step px_conn_parse(struct px_http_conn *c, enum px_http_refusal *ret_why) {
    if (c->state == PX_CONN_HEAD) {
        enum px_step step = read_head(c, ret_why);
        if (step != PX_STEP_DONE) {
            return step;
        }
    }
    c->work->req.base = c->in.p + c->in.start;
    return read_body(c, ret_why);
}
