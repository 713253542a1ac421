/* Replies as bytes, the last hop of a request. The constant fields of a pixel's answer are one
 * literal; nothing is allocated once the buffers have grown. Must not send anything. */
#include "answer.h"

#include <px/jsonw.h>
#include <px/num.h>

#include <stdio.h>

/* Transparent: GIF89a, a screen of that size, a two-colour table, a graphic control extension, one
 * pixel. */
#define ANSWER_GIF(width, height)                                                                  \
    'G', 'I', 'F', '8', '9', 'a', (width), 0x00, (height), 0x00, 0x80, 0x00, 0x00, 0xff, 0xff,     \
        0xff, 0x00, 0x00, 0x00, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00,  \
        0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3b
const uint8_t ing_gif[ING_GIF_BYTES] = {ANSWER_GIF(1, 1)};

#define ANSWER_NO_STORE                                                                            \
    "Cache-Control: no-store, no-cache, must-revalidate\r\n"                                       \
    "Pragma: no-cache\r\n"                                                                         \
    "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
#define ANSWER_CORS                                                                                \
    "Cross-Origin-Resource-Policy: cross-origin\r\n"                                               \
    "Vary: Origin\r\n"                                                                             \
    "Access-Control-Expose-Headers: X-Event-Id, X-Received-At, X-Client-Event-Id, X-Event-Ack, "   \
    "X-Error-Code, X-Request-Id, Preference-Applied, Retry-After\r\n"
#define ANSWER_ORIGIN "Access-Control-Allow-Origin: "
/* What a page may send: everything that the collector reads but Authorization: a server key in a
 * page is everybody's. */
#define ANSWER_ALLOWED                                                                             \
    "Content-Type, Content-Encoding, Idempotency-Key, traceparent, X-Site-Key, X-Event-Ack, "      \
    "Prefer"

#define ANSWER_FIELDS_MAX 4096
#define ANSWER_BODY_MAX   (2 * 1024 * 1024) /* every fault of every event of a batch */

void ing_answer_init(struct ing_answer *a) {
    px_buf_init(&a->fields, ANSWER_FIELDS_MAX);
    px_buf_init(&a->body, ANSWER_BODY_MAX);
}

void ing_answer_fini(struct ing_answer *a) {
    px_buf_fini(&a->fields);
    px_buf_fini(&a->body);
}

void ing_answer_for(struct ing_answer *a, const struct ing_cors *cors) {
    a->cors = *cors;
}

/* Nearly every answer is to an <img>, which names no origin: one literal. */
static void answer_cors(struct ing_answer *a) {
    if (a->cors.origin.n == 0) {
        px_buf_str(&a->fields,
                   a->cors.any ? PX_S(ANSWER_CORS ANSWER_ORIGIN "*\r\n") : PX_S(ANSWER_CORS));
        return;
    }
    px_buf_str(&a->fields, PX_S(ANSWER_CORS ANSWER_ORIGIN));
    px_buf_str(&a->fields, a->cors.origin);
    px_buf_str(&a->fields, PX_S("\r\nAccess-Control-Allow-Credentials: true\r\n"));
}

void ing_answer_start(struct ing_answer *a) {
    px_buf_reset(&a->fields);
    px_buf_reset(&a->body);
    px_buf_str(&a->fields, PX_S(ANSWER_NO_STORE));
    answer_cors(a);
}

/* A view of what was built, or a bare 500 when it did not fit. */
static struct px_http_reply answer_reply(const struct ing_answer *a, int status, const char *type,
                                         struct px_str body) {
    if (px_buf_ok(&a->fields, NULL) || px_buf_ok(&a->body, NULL)) {
        return (struct px_http_reply){.status = 500, .close = true};
    }
    return (struct px_http_reply){
        .status = status, .type = type, .fields = px_buf_view(&a->fields), .body = body};
}

static struct px_http_reply answer_gif(const struct ing_answer *a, int status) {
    return answer_reply(a, status, "image/gif",
                        (struct px_str){.p = (const char *)ing_gif, .n = sizeof ing_gif});
}

/* A page cannot see the status of an image, but its size: a refusal is wide, one for now is high.
 * Only the screen's size differs from the GIF of a stored event. */
static struct px_http_reply answer_refused_gif(const struct ing_answer *a,
                                               const struct ing_refusal *r) {
    static const uint8_t wide[ING_GIF_BYTES] = {ANSWER_GIF(2, 1)};
    static const uint8_t high[ING_GIF_BYTES] = {ANSWER_GIF(1, 2)};
    const uint8_t *gif = r->retryable ? high : wide;

    return answer_reply(a, r->status, "image/gif",
                        (struct px_str){.p = (const char *)gif, .n = ING_GIF_BYTES});
}

static void answer_uuid(struct px_buf *b, const struct px_uuid *id) {
    char *p = px_buf_reserve(b, PX_UUID_TEXT);
    if (p) {
        px_uuid_fmt(id, p);
        b->n += PX_UUID_TEXT;
    }
}

static void answer_instant(struct px_buf *b, px_us t) {
    char text[PX_TIME_TEXT];
    px_buf_add(b, text, px_fmt_instant(t, text));
}

/* A field value may hold visible ASCII only; ids may hold any UTF-8. */
static void answer_escaped(struct px_buf *b, struct px_str s) {
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c > 0x20 && c < 0x7f && c != '%') {
            px_buf_byte(b, c);
        } else {
            px_buf_byte(b, '%');
            px_buf_byte(b, (uint8_t)hex[c >> 4]);
            px_buf_byte(b, (uint8_t)hex[c & 15]);
        }
    }
}

static void answer_client_id(struct px_buf *b, struct px_str id) {
    if (id.n == 0) {
        return;
    }
    px_buf_str(b, PX_S("X-Client-Event-Id: "));
    answer_escaped(b, id);
    px_buf_str(b, PX_S("\r\n"));
}

static void answer_receipt(struct ing_answer *a, const struct ing_receipt *r) {
    ing_answer_start(a);
    px_buf_str(&a->fields, PX_S("X-Event-Id: "));
    answer_uuid(&a->fields, r->id);
    px_buf_str(&a->fields, PX_S("\r\nX-Received-At: "));
    answer_instant(&a->fields, r->received);
    px_buf_str(&a->fields, PX_S("\r\n"));
    answer_client_id(&a->fields, r->client_id);
    if (r->ack.topic) {
        px_buf_printf(&a->fields, "X-Event-Ack: %s/%d/%lld\r\n", r->ack.topic,
                      (int)r->ack.partition, (long long)r->ack.offset);
    }
}

void ing_answer_retimed(struct px_jsonw *w, bool retimed) {
    if (retimed) {
        px_jw_kbool(w, "timestampReplaced", true);
    }
}

void ing_answer_ack(struct px_jsonw *w, const struct ing_ack *ack) {
    if (!ack->topic) {
        return;
    }
    px_jw_key(w, "ack");
    px_jw_obj(w);
    px_jw_kc(w, "topic", ack->topic);
    px_jw_ki64(w, "partition", ack->partition);
    px_jw_ki64(w, "offset", ack->offset);
    px_jw_obj_end(w);
}

struct px_http_reply ing_answer_pixel(struct ing_answer *a, const struct ing_receipt *r) {
    answer_receipt(a, r);
    return answer_gif(a, 200);
}

struct px_http_reply ing_answer_event(struct ing_answer *a, const struct ing_receipt *r) {
    answer_receipt(a, r);
    char id[PX_UUID_TEXT], at[PX_TIME_TEXT];
    struct px_jsonw w = px_jsonw_on(&a->body);
    px_uuid_fmt(r->id, id);
    px_jw_obj(&w);
    px_jw_kstr(&w, "eventId", (struct px_str){.p = id, .n = sizeof id});
    px_jw_kc(&w, "status", "accepted");
    if (r->client_id.n) {
        px_jw_kstr(&w, "clientEventId", r->client_id);
    }
    px_jw_kstr(&w, "receivedAt", (struct px_str){.p = at, .n = px_fmt_instant(r->received, at)});
    ing_answer_retimed(&w, r->retimed);
    ing_answer_ack(&w, &r->ack);
    px_jw_obj_end(&w);
    return answer_reply(a, 200, "application/json", px_buf_view(&a->body));
}

struct px_http_reply ing_answer_head(struct ing_answer *a) {
    ing_answer_start(a);
    return answer_gif(a, 200);
}

struct px_http_reply ing_answer_preflight(struct ing_answer *a, const char *methods) {
    ing_answer_start(a);
    px_buf_printf(&a->fields,
                  "Allow: %s\r\nAccess-Control-Allow-Methods: %s\r\n"
                  "Access-Control-Allow-Headers: " ANSWER_ALLOWED "\r\n"
                  "Access-Control-Max-Age: 600\r\n",
                  methods, methods);
    return answer_reply(a, 204, NULL, (struct px_str){0});
}

struct px_http_reply ing_answer_document(struct ing_answer *a, const struct ing_document *d,
                                         bool fresh) {
    px_buf_reset(&a->fields);
    px_buf_reset(&a->body);
    px_buf_printf(&a->fields, "Cache-Control: %s\r\n", d->cache);
    if (d->etag) {
        px_buf_printf(&a->fields, "ETag: %s\r\n", d->etag);
    }
    answer_cors(a);
    return fresh ? answer_reply(a, 304, NULL, (struct px_str){.n = 0})
                 : answer_reply(a, d->status, d->type, d->body);
}

struct px_http_reply ing_answer_json(struct ing_answer *a, unsigned retry_after) {
    if (retry_after) {
        px_buf_printf(&a->fields, "Retry-After: %u\r\n", retry_after);
    }
    return answer_reply(a, 200, "application/json", px_buf_view(&a->body));
}

struct ing_refusal ing_refusal_of(const struct px_verdict *v) {
    px_assert(v->nissues > 0);
    enum px_reason first = v->issues[0].reason;
    return (struct ing_refusal){.status = px_reason_http(first),
                                .code = px_reason_code(first),
                                .fields = px_reason_http(first) == 401 ? ING_CHALLENGE : NULL,
                                .verdict = v};
}

struct ing_refusal ing_refusal_busy(enum ing_busy b) {
    return (struct ing_refusal){.status = 503,
                                .code = ing_busy_code(b),
                                .detail = ing_busy_text(b),
                                .retryable = true,
                                .retry_after = ing_busy_retry(b)};
}

unsigned ing_retry_after(unsigned s, const struct px_uuid *by) {
    return s + (unsigned)by->b[sizeof by->b - 1] % (s + 1);
}

static void refusal_fields(struct px_buf *b, const struct ing_refusal *r, const char *request_id) {
    px_buf_printf(b, "X-Error-Code: %s\r\nX-Request-Id: %s\r\n", r->code, request_id);
    answer_client_id(b, r->client_id);
    if (r->allow) {
        px_buf_printf(b, "Allow: %s\r\n", r->allow);
    }
    if (r->fields) {
        px_buf_c(b, r->fields);
    }
    if (r->retry_after) {
        unsigned s =
            r->status == 503 ? ing_retry_after(r->retry_after, r->request_id) : r->retry_after;
        px_buf_printf(b, "Retry-After: %u\r\n", s);
    }
}

static void refusal_body(struct px_buf *b, const struct ing_refusal *r, const char *request_id) {
    struct px_problem_field errors[PX_MAX_ISSUES];
    char first[240];
    size_t n = r->verdict ? r->verdict->nissues : 0;

    for (size_t i = 0; i < n; i++) {
        const struct px_issue *issue = &r->verdict->issues[i];
        errors[i] = (struct px_problem_field){.field = issue->field,
                                              .code = px_reason_code(issue->reason),
                                              .message = px_str_c(px_reason_text(issue->reason))};
    }
    if (n) {
        snprintf(first, sizeof first, "%s %s", errors[0].field,
                 px_reason_text(r->verdict->issues[0].reason));
    }
    struct px_problem p = {.status = r->status,
                           .code = r->code,
                           .title = n ? "The event was refused" : px_http_status_text(r->status),
                           .detail = px_str_c(r->detail ? r->detail
                                              : n       ? first
                                                        : ""),
                           .instance = px_str_c(request_id),
                           .retryable = r->retryable,
                           .errors = errors,
                           .nerrors = n};
    px_problem_write(&p, b);
}

struct px_http_reply ing_answer_refusal(struct ing_answer *a, const struct ing_refusal *r) {
    char request_id[PX_UUID_TEXT + 1];

    px_uuid_fmt(r->request_id, request_id);
    request_id[PX_UUID_TEXT] = '\0';
    ing_answer_start(a);
    refusal_fields(&a->fields, r, request_id);
    if (r->image) {
        return answer_refused_gif(a, r);
    }
    refusal_body(&a->body, r, request_id);
    return answer_reply(a, r->status, "application/problem+json", px_buf_view(&a->body));
}
