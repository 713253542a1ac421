/* What goes back to the sender: the GIF, the JSON receipt, problem documents. Builds bytes only;
 * who sends them is worker.c's business. */
#ifndef ING_ANSWER_H
#define ING_ANSWER_H

#include "cors.h"
#include "metrics.h"

#include <px/buf.h>
#include <px/http.h>
#include <px/validate.h>

/* Room for one answer, reused from request to request. Limits hold whatever a peer sent. */
struct ing_answer {
    struct px_buf fields, body;
    struct ing_cors cors; /* of the request that is answered */
};
void ing_answer_init(struct ing_answer *a);
void ing_answer_fini(struct ing_answer *a);
/* ing_answer_for(a, cors): the next answer says that ${cors} may read it. Views ${cors} until that
 * answer is sent. */
void ing_answer_for(struct ing_answer *a, const struct ing_cors *cors);

/* Where the log has an event; topic NULL = that is not told. */
struct ing_ack {
    const char *topic;
    int32_t partition;
    int64_t offset;
};
/* What the receipt of a stored event says. */
struct ing_receipt {
    const struct px_uuid *id;
    px_us received;
    struct px_str client_id; /* n = 0 = none */
    struct ing_ack ack;
    bool retimed; /* its own time was replaced by that of receipt */
};
/* All ing_answer_*: build into ${a} and return a reply that views it, valid until the next call. A
 * body or field too large for the buffer becomes a plain 500 (a defect: every input has its limit).
 */

/* 200 and the GIF. A sender's id is echoed as X-Client-Event-Id, bytes other than visible ASCII
 * and '%' itself percent-encoded. Source: S0 5.1. */
struct px_http_reply ing_answer_pixel(struct ing_answer *a, const struct ing_receipt *r);
/* 200 and
 * {"eventId","status":"accepted","clientEventId"?,"receivedAt","timestampReplaced"?,"ack"?}.
 */
struct px_http_reply ing_answer_event(struct ing_answer *a, const struct ing_receipt *r);
/* 200 to HEAD on a pixel: the fields of the GIF without those of an event. */
struct px_http_reply ing_answer_head(struct ing_answer *a);
/* 204 to OPTIONS. ${methods}: what the path takes. */
struct px_http_reply ing_answer_preflight(struct ing_answer *a, const char *methods);

/* ing_answer_retimed(w, retimed): the member "timestampReplaced", when it was. ing_answer_ack(w,
 * ack): the member {"topic","partition","offset"}, when there is one. */
struct px_jsonw;
void ing_answer_retimed(struct px_jsonw *w, bool retimed);
void ing_answer_ack(struct px_jsonw *w, const struct ing_ack *ack);

/* A refusal. */
struct ing_refusal {
    int status;
    const char *code;   /* X-Error-Code and the document's code */
    const char *detail; /* NULL: the first issue's sentence */
    bool retryable;
    unsigned retry_after;             /* seconds, spread when it is 503; 0 = no such field */
    const char *allow;                /* value of Allow; NULL = none */
    const char *fields;               /* more of them, raw; NULL = none */
    const struct px_verdict *verdict; /* NULL = no field errors */
    const struct px_uuid *request_id;
    struct px_str client_id; /* n = 0 = none */
    bool image; /* the body is a GIF: 2 x 1, or 1 x 2 when retryable; 1 x 1 is a stored event's */
};
/* What a 401 says of how keys are sent. Source: RFC 6750 3. */
#define ING_CHALLENGE "WWW-Authenticate: Bearer realm=\"pixel-analytics\"\r\n"
struct px_http_reply ing_answer_refusal(struct ing_answer *a, const struct ing_refusal *r);
/* ing_retry_after(s, by): seconds to wait, from ${s} to twice as many, so that those who were sent
 * away together do not come back together; ${by}: an id whose last bytes are random. */
unsigned ing_retry_after(unsigned s, const struct px_uuid *by);
/* The refusal of judged fields: status and code of the first issue. */
struct ing_refusal ing_refusal_of(const struct px_verdict *v);
/* The refusal for now: 503 with Retry-After. */
struct ing_refusal ing_refusal_busy(enum ing_busy b);

/* A document that is the same for everybody, or the news that it has not changed (304). */
struct ing_document {
    int status;
    const char *type, *cache, *etag; /* NULL = none */
    struct px_str body;
};
struct px_http_reply ing_answer_document(struct ing_answer *a, const struct ing_document *d,
                                         bool fresh);

/* 200 and a JSON body that the caller wrote into a->body after ing_answer_start. */
void ing_answer_start(struct ing_answer *a);
struct px_http_reply ing_answer_json(struct ing_answer *a, unsigned retry_after);

#define ING_GIF_BYTES 43
extern const uint8_t ing_gif[ING_GIF_BYTES];

#endif
