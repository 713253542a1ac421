/* A request while it is read, and the pure steps that read it: the byte gate, llhttp, the chunk
 * decoder. No sockets and no libevent here, so that tests and fuzzers can drive these steps alone.
 */
#ifndef PX_REQ_PRIV_H
#define PX_REQ_PRIV_H

#include <px/http.h>

#define PX_HTTP_FIELDS_MAX 128 /* header_count may not pass it                     */

/* Views are kept as offsets from the first byte of the request: the buffer may move until the
 * handler runs. A span of nothing is {0, 0}. */
struct px_span {
    uint32_t at, n;
};
struct px_field {
    struct px_span name, value;
};

struct px_http_req {
    struct px_http_conn *conn;
    const char *base; /* first byte of the request */
    enum px_method method;
    struct px_span target, path, query, body;
    bool http10;
    bool expects;                     /* Expect: 100-continue */
    bool says_close, says_keep;       /* Connection */
    uint64_t length;                  /* Content-Length */
    uint32_t hosts, lengths, codings; /* how often each was given */
    bool bad_host, bad_length, bad_coding, bad_expect;
    bool unknown_coding; /* framed by chunks, around a coding that is not ours */
    size_t nfields;
    px_us received;
    struct px_field fields[PX_HTTP_FIELDS_MAX];
};

/* What a step of reading a request came to. */
enum px_step {
    PX_STEP_MORE,
    PX_STEP_DONE,
    PX_STEP_REFUSED
};

/* Progress of the byte gate through the head; offsets from the first byte of the request. */
struct px_gate {
    size_t scan;       /* next byte to look at */
    size_t line;       /* first byte of the line in progress */
    size_t head;       /* length of the whole head, once found */
    size_t first_line; /* length of the request line with its CRLF; 0 = not complete */
    uint32_t fields;   /* complete field lines */
};

enum px_chunk_state {
    PX_CHUNK_SIZE,
    PX_CHUNK_DATA,
    PX_CHUNK_DATA_END,
    PX_CHUNK_LAST
};
struct px_chunks {
    enum px_chunk_state state;
    size_t left;    /* bytes of the chunk still to come */
    size_t out, in; /* offsets from the request: end of decoded bytes, next raw byte */
};

/* --- gate.c: pure ----------------------------------------------------------------------------- */
/* px_gate_scan(g, r, n, lim, ret_why): look at every byte of the head among the ${n} at r->base,
 * resuming where it stopped; notes in ${r} what the framing fields say. DONE: g->head is its
 * length. */
enum px_step px_gate_scan(struct px_gate *g, struct px_http_req *r, size_t n,
                          const struct px_http_limits *lim, enum px_http_refusal *ret_why);
/* px_gate_line(line, r, ret_why): the request line. px_gate_field: what one field means for
 * framing. px_gate_request: whether the fields together make one unambiguous request. False =
 * refused. */
bool px_gate_line(struct px_str line, struct px_http_req *r, enum px_http_refusal *ret_why);
void px_gate_field(struct px_http_req *r, struct px_str name, struct px_str raw);
bool px_gate_request(const struct px_http_req *r, const struct px_http_limits *lim,
                     enum px_http_refusal *ret_why);

/* px_gate_token(s): one or more tchar, RFC 9110 §5.6.2. px_gate_host(v): uri-host [":" port]
 * without user information. */
bool px_gate_token(struct px_str s);
bool px_gate_host(struct px_str v);

/* --- parse.c: llhttp; pure -------------------------------------------------------------------- */
/* px_parse_head(r, head, fields, ret_why): tokens of a complete head into ${r}. False when llhttp
 * refuses it or sees another target or number of fields than the gate did: two parsers must agree.
 */
bool px_parse_head(struct px_http_req *r, struct px_str head, uint32_t fields,
                   enum px_http_refusal *ret_why);

/* --- chunk.c: pure ---------------------------------------------------------------------------- */
/* px_chunks_decode(c, r, base, n, max, ret_why): decode in place what the ${n} bytes of the request
 * at
 * ${base} hold; the body begins at r->body.at. DONE: it ends at c->out, the next request is at
 * c->in. */
enum px_step px_chunks_decode(struct px_chunks *c, struct px_http_req *r, char *base, size_t n,
                              size_t max, enum px_http_refusal *ret_why);

static inline struct px_str px_req_view(const struct px_http_req *r, struct px_span s) {
    return (struct px_str){.p = r->base ? r->base + s.at : NULL, .n = s.n};
}

#endif
