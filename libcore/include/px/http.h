/* HTTP/1.1 server on a px_loop: strict request gate, absolute deadlines, limits, deferred replies.
 * libevent moves the bytes, llhttp is the tokenizer; neither is visible here.
 *
 * One request at a time per connection; pipelined requests wait their turn and are answered in
 * order. A request that breaks the gate gets one answer and the connection is closed. Source: RFC
 * 9110, RFC 9112; ADR on px_http. */
#ifndef PX_HTTP_H
#define PX_HTTP_H

#include <px/addr.h>
#include <px/clock.h>
#include <px/http_limits.h>
#include <px/loop.h>
#include <px/str.h>
#include <px/tls.h>

struct px_http_server;
struct px_http_req;

enum px_method {
    PX_GET,
    PX_HEAD,
    PX_POST,
    PX_PUT,
    PX_DELETE,
    PX_OPTIONS,
    PX_PATCH,
    PX_METHOD_OTHER /* TRACE; while a request is read: not known yet */
};

/* One code per way a request can be refused before a handler sees it; closed set for metrics. */
enum px_http_refusal {
#define PX_REFUSAL(name, text, status, doc) PX_REFUSED_##name,
#include <px/refusal.def>
#undef PX_REFUSAL
};
#define PX_REFUSAL(name, text, status, doc) +1
enum {
    PX_REFUSALS = 0
#include <px/refusal.def>
};
#undef PX_REFUSAL
const char *px_http_refusal_code(enum px_http_refusal why); /* "bad_host" */
int px_http_refusal_status(enum px_http_refusal why);
bool px_http_refusal_retryable(enum px_http_refusal why);   /* refused for now, not for good */
const char *px_http_refusal_text(enum px_http_refusal why); /* what was wrong, one sentence */

struct px_http_conf {
    const char *address;
    uint16_t port;   /* 0 = any free one; px_http_port tells */
    bool reuse_port; /* SO_REUSEPORT: one listener per worker */
    struct px_http_limits limits;
    const struct px_nets *many; /* peers that stand for many, as proxies do: per_address is not for
                                   them; kept, NULL = none */
    const char *server;         /* value of the Server field; NULL = none */
    struct px_tls_use tls;
    /* handler(arg, req): must reply or defer before it returns. Request views live until the reply.
     */
    void (*handler)(void *arg, struct px_http_req *req);
    /* refused (may be NULL): the gate refuses this request; called once for each, to count it. It
     * may answer with px_http_reply (a GIF where px_req_accepts says "image/"); when it does not, a
     * problem document with X-Error-Code is sent. It must not defer. The connection is closed
     * either way, unless the request was read to its end (OVERLOADED). The views hold what was
     * understood before the refusal, possibly nothing (n = 0).
     */
    void (*refused)(void *arg, enum px_http_refusal why, struct px_http_req *req);
    void *arg;
};

/* px_http_open(loop, conf, ret, reterr): bind and listen; serves once the loop runs. ${conf} is
 * copied; strings are kept. Errors: PX_UNAVAILABLE with port and address named (in use), PX_CONFIG
 * (not an address, a limit out of range), PX_NOMEM.
 * Threads: call before the loop runs or on its thread. */
PX_MUST_USE enum px_code px_http_open(struct px_loop *loop, const struct px_http_conf *conf,
                                      struct px_http_server **ret, struct px_err *reterr);
/* px_http_try_bind(address, port, option, reterr): whether a port is free, without listening on it;
 * for probes. Port 0 always is. Errors: PX_UNAVAILABLE (in use, no permission; names ${option}),
 * PX_CONFIG (not an address). Threads: any. */
PX_MUST_USE enum px_code px_http_try_bind(const char *address, uint16_t port, const char *option,
                                          struct px_err *reterr);
/* px_http_private(address, option, reterr): whether only this machine reaches ${address}; for
 * probes of ports without authentication. Errors: PX_CONFIG (names ${option} and the remedy).
 * Threads: pure. */
PX_MUST_USE enum px_code px_http_private(const char *address, const char *option,
                                         struct px_err *reterr);
/* px_http_drain(s): take what already waits to be accepted, then stop listening; replies say
 * `Connection: close`; idle connections are closed. Threads: loop, outside handlers. */
void px_http_drain(struct px_http_server *s);
/* px_http_close(s): close everything at once and free; NULL is fine. Threads: loop, outside
 * handlers, or any when the loop does not run. */
void px_http_close(struct px_http_server *s);
uint16_t px_http_port(const struct px_http_server *s);
size_t px_http_connections(const struct px_http_server *s);
size_t px_http_pending(const struct px_http_server *s); /* requests read and not yet answered */
void px_http_get(const struct px_http_server *s, struct px_http_pressure *ret);

/* --- the request (views; valid until the reply) ------------------------------------------- */
enum px_method px_req_method(const struct px_http_req *r);
struct px_str px_req_path(
    const struct px_http_req *r); /* raw, before '?', without scheme and host */
struct px_str px_req_query(const struct px_http_req *r); /* raw, after '?'; n = 0 when none */
struct px_str px_req_body(const struct px_http_req *r);
/* px_req_header(r, name): the value of the only such field (name in lower case), trimmed; .p NULL
 * when absent. A field given twice yields its first value and sets *ret_twice when not NULL. */
struct px_str px_req_header(const struct px_http_req *r, const char *name, bool *ret_twice);
/* px_req_names(r, field, word): does a comma-separated list, over all fields of that name (lower
 * case), hold exactly ${word}, whatever its case and parameters? */
bool px_req_names(const struct px_http_req *r, const char *field, const char *word);
/* px_req_headers(r, name, ret, cap): the values of all fields called ${name} (lower case), trimmed,
 * in order; of more than ${cap} the last ones. Returns how many are in ${ret}. */
size_t px_req_headers(const struct px_http_req *r, const char *name, struct px_str *ret,
                      size_t cap);
/* The socket peer as text without port: "127.0.0.1", "2001:db8::1" (v4-mapped shown as v4); and as
 * bytes. */
struct px_str px_req_peer(const struct px_http_req *r);
const struct px_addr *px_req_peer_addr(const struct px_http_req *r);
px_us px_req_received(const struct px_http_req *r); /* wall clock when its last byte was read */
/* Of a request that the gate refused, as far as it has arrived: its first line without the end of
 * line, and its body, decoded. px_req_length: what Content-Length says; 0 = nothing. */
struct px_str px_req_seen_line(const struct px_http_req *r);
struct px_str px_req_seen_body(const struct px_http_req *r);
uint64_t px_req_length(const struct px_http_req *r);
bool px_req_accepts(const struct px_http_req *r,
                    const char *type_prefix); /* "image/": named in Accept, and wanted */
/* px_weight_wants(element, ret_name): is ${element} of a list like that of Accept wanted? False:
 * its parameter q, wherever it stands, is 0. The first q counts, and one that is no weight is as
 * good as none. *ret_name: what stands before the parameters, trimmed. Threads: pure. Source: RFC
 * 9110 12.4.2, 12.5.1. */
bool px_weight_wants(struct px_str element, struct px_str *ret_name);

/* --- the reply ------------------------------------------------------------------------------ */
struct px_http_reply {
    int status;
    const char *type;     /* Content-Type; NULL = none */
    struct px_str fields; /* extra raw fields, each "Name: value\r\n" */
    struct px_str body;   /* copied; for HEAD only its length is sent */
    bool close;
};
/* px_http_reply(r, reply): answer now. ${r} is gone afterwards. */
void px_http_reply(struct px_http_req *r, const struct px_http_reply *reply);

/* A deferred answer: take a ticket in the handler and answer later on the same loop. A ticket whose
 * client has gone is still answered exactly once by the program; it just has no effect. */
struct px_http_ticket {
    uint32_t slot, generation;
};
struct px_http_ticket px_http_defer(struct px_http_req *r);
/* px_http_waiting(s, ticket): the request that waits for that answer, its views still valid; NULL
 * when its client has gone. Threads: loop. */
const struct px_http_req *px_http_waiting(const struct px_http_server *s, struct px_http_ticket t);
/* px_http_answer(s, ticket, reply): true when the client was still there. Threads: loop. */
bool px_http_answer(struct px_http_server *s, struct px_http_ticket t,
                    const struct px_http_reply *reply);

/* --- query strings --------------------------------------------------------------------------- */
/* Walks a raw form-encoded string ("a=1&b=%20x"). Pairs are returned raw; px_form_decode decodes
 * one value exactly once ('+' is a blank). Empty pieces ("&&") are skipped. Threads: pure. */
struct px_form {
    struct px_str rest;
};
bool px_form_next(struct px_form *f, struct px_str *ret_name, struct px_str *ret_value,
                  bool *ret_has_value);
enum px_form_error {
    PX_FORM_OK,
    PX_FORM_BAD_ESCAPE,
    PX_FORM_NUL
};
/* px_form_decode(raw, dst, ret): decoded view; points into ${raw} when nothing is encoded, else
 * into ${dst}, which holds at least raw.n bytes. */
enum px_form_error px_form_decode(struct px_str raw, char *dst, struct px_str *ret);
/* px_path_decode: the same for a part of a path, where '+' is itself. */
enum px_form_error px_path_decode(struct px_str raw, char *dst, struct px_str *ret);

/* --- problem documents ----------------------------------------------------------------------- */
struct px_problem_field {
    const char *field, *code;
    struct px_str message;
};
struct px_problem {
    int status;
    const char *code; /* "missing_field": also the last part of `type` */
    const char *title;
    struct px_str detail;
    struct px_str instance; /* request id */
    bool retryable;
    const struct px_problem_field *errors;
    size_t nerrors;
};
struct px_buf;
/* px_problem_write(p, out): application/problem+json. Source: RFC 9457. Threads: pure. */
void px_problem_write(const struct px_problem *p, struct px_buf *out);
const char *px_http_status_text(int status);

#endif
