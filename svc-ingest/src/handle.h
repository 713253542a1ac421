/* The steps of one request inside a worker, in the order of the data flow. A step gets the worker
 * and the request in hand, and leaves in that what the next ones need. All run on the worker's
 * thread; none blocks. */
#ifndef ING_HANDLE_H
#define ING_HANDLE_H

#include "batch.h"
#include "request.h"
#include "worker.h"

/* ing_handle(w, req): the HTTP handler: routes, then ing_pixel or ing_collect. */
void ing_handle(struct ing_worker *w, struct px_http_req *req);
/* ing_handle_refused: the HTTP gate refused ${req}, of which only views may be looked at: count it,
 * answer it in our own form. */
void ing_handle_refused(struct ing_worker *w, enum px_http_refusal why, struct px_http_req *req);

/* ing_answer_req(w, req): the next answer is to ${req}, whose origin it may name; NULL: the client
 * has gone. */
void ing_answer_req(struct ing_worker *w, const struct px_http_req *req);

void ing_pixel(struct ing_worker *w, struct ing_request *rq);
void ing_collect(struct ing_worker *w, struct ing_request *rq);
/* ing_collect_batch(w, rq, a): ${a}: 1 to 500 events, which rq->items gives. ${a}->key: of
 * Idempotency-Key, at most ING_BATCH_KEY_MAX bytes; n = 0 = none. */
struct ing_batch_ask {
    uint32_t n;
    struct px_str key;
};
void ing_collect_batch(struct ing_worker *w, struct ing_request *rq, const struct ing_batch_ask *a);
/* ing_batch_scope(w, raw): what a sender's id is unique in: type, player and the id itself, in
 * w->scratch.arena; n = 0: no id, or no memory. */
struct px_str ing_batch_scope(struct ing_worker *w, const struct px_raw_event *raw);

/* --- admit.c -----------------------------------------------------------------------------------
 */
/* ing_admit(w, rq): may its sender send a request, which costs as much as one event? False: it was
 * answered, and counted. Finds the sender's keys. */
bool ing_admit(struct ing_worker *w, struct ing_request *rq);
/* ing_admit_batch(w, rq, n): the same of ${n} events, one of which is paid for. */
bool ing_admit_batch(struct ing_worker *w, struct ing_request *rq, unsigned n);

/* --- claims.c ----------------------------------------------------------------------------------
 */
/* ing_claims_stamp(w, rq): put the sender into rq->fields, and what they say of it themselves
 * (address, time) where its key allows that; else fields->early says why not. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code ing_claims_stamp(struct ing_worker *w, struct ing_request *rq);

/* --- accept.c: raw fields -> judged event -> message in the producer's queue --------------------
 */
enum ing_accepted {
    ING_QUEUED,  /* *ret_slot waits; the caller fills slot->w but for what accept fills */
    ING_REFUSED, /* rq->verdict says why; counted and recorded */
    ING_LATER,   /* *ret_busy says why; counted */
};
/* ing_accept(w, rq, ret_slot, ret_busy): judge rq->fields as an event of its sender, and queue it.
 * Fills slot->w.id, .received, .started, .type, .client_id, .proof, .pixel = false, .batch = NULL.
 */
enum ing_accepted ing_accept(struct ing_worker *w, struct ing_request *rq,
                             struct ing_slot **ret_slot, enum ing_busy *ret_busy);

/* ing_judge(w, rq, ev): the first half of ing_accept: rq->fields by the catalog, into *ev when they
 * are valid and into rq->verdict; counts nothing. Errors: PX_INVALID (see the verdict), PX_NOMEM.
 */
PX_MUST_USE enum px_code ing_judge(struct ing_worker *w, struct ing_request *rq,
                                   struct px_event *ev);

/* --- dry.c: judged, answered, and nothing else ---------------------------------------------------
 */
void ing_dry_pixel(struct ing_worker *w, struct ing_request *rq);
void ing_dry_collect(struct ing_worker *w, struct ing_request *rq);
void ing_dry_batch(struct ing_worker *w, struct ing_request *rq, const struct ing_batch_ask *a);
/* ing_dry_verdict: one event whose fate is in rq->verdict already. */
void ing_dry_verdict(struct ing_worker *w, struct ing_request *rq);

/* --- publish.c ---------------------------------------------------------------------------------
 */
/* ing_publish_open/close: producer and topics of all families. */
PX_MUST_USE enum px_code ing_publish_open(struct ing_worker *w, struct px_err *reterr);
void ing_publish_close(struct ing_worker *w, px_us wait);
/* ing_publish_topic(w, type): name of the topic of that type of the catalog. */
const char *ing_publish_topic(const struct ing_worker *w, unsigned type);
/* ing_publish(w, ev, family, tag, ret_busy, reterr): encode and queue; a report with ${tag} follows
 * PX_OK. Errors: PX_TOO_LARGE; any other sets *ret_busy. */
PX_MUST_USE enum px_code ing_publish(struct ing_worker *w, const struct px_event *ev,
                                     const struct px_family *family, uint64_t tag,
                                     enum ing_busy *ret_busy, struct px_err *reterr);

/* --- reject.c ----------------------------------------------------------------------------------
 */
/* What is refused, and what is known of it. */
struct ing_refused {
    const struct px_event_type *type; /* NULL: the letter goes to the first family's topic */
    const struct px_verdict *v;       /* holds an issue at least */
    struct px_str payload;            /* the bytes to blame; n = 0 = they are gone */
    int64_t bytes;                    /* how many there were; 0 = as many as in ${payload} */
    bool judged;                      /* ${payload} was fit for the log: none of it is withheld */
    struct ing_asked asked;
};
/* ing_reject_of(w, r): count a refusal by its first reason and, within the rate, record it. Of
 * ${r->payload} an excerpt is kept, and nothing where it may hold personal data.
 * ing_reject(w, rq, type, payload): of the request in hand, for what rq->verdict says. */
void ing_reject_of(struct ing_worker *w, const struct ing_refused *r);
void ing_reject(struct ing_worker *w, struct ing_request *rq, const struct px_event_type *type,
                struct px_str payload);
/* ing_reject_excerpt(n): how many of ${n} bytes are kept: a tenth, but of small payloads up to 128
 * bytes, and never more than 512. Threads: pure. */
size_t ing_reject_excerpt(size_t n);
/* ing_reject_limit(type, issue): the limit that an issue is about; 0 = none is known. Threads:
 * pure. */
int64_t ing_reject_limit(const struct px_event_type *type, const struct px_issue *issue);
/* ing_reject_shows_personal(s): might the excerpt ${s} hold an e-mail address, a card number, a
 * server key, or the address of a client (a member ip, or whatever looks like one), plain or under
 * one or two layers of escapes? Errs on the side of yes. Threads: pure. */
bool ing_reject_shows_personal(struct px_str s);

/* --- settle.c ----------------------------------------------------------------------------------
 */
/* ing_reply: answer now, and count it. */
void ing_reply(struct ing_worker *w, const struct ing_request *rq,
               const struct px_http_reply *reply);
/* ing_reply_refusal: build ${r} with the request's id, answer, count. */
void ing_reply_refusal(struct ing_worker *w, struct ing_request *rq, struct ing_refusal *r);
/* ing_settle_report(w, report): what the log says about one message; conf.report of the producer.
 */
void ing_settle_report(struct ing_worker *w, const struct px_report *report);
/* ing_settle_unstored(w): one more event that the log did not take, through no fault of its own. */
void ing_settle_unstored(struct ing_worker *w);
/* ing_settle_expired(w, now): answer everything due at ${now} (mono clock) with log_unknown. */
void ing_settle_expired(struct ing_worker *w, px_us now);
/* ing_settle_batch_done(w, b): every item of ${b} has its outcome: answer it. */
void ing_settle_batch_done(struct ing_worker *w, struct ing_batch *b);

#define ING_TAG_DLQ UINT64_MAX

#endif
