/* Every request passes here first: route, method, handler. */
#include "handle.h"

#include "explain.h"
#include "script.h"

#include <px/log.h>

void ing_answer_req(struct ing_worker *w, const struct px_http_req *req) {
    bool twice = false;
    struct px_str origin = {.p = NULL};

    if (req) {
        origin = px_req_header(req, "origin", &twice);
    }
    struct ing_cors cors = ing_cors_of(w->world->conf->cors_origins, origin, twice);
    ing_answer_for(&w->answer, &cors);
}

static void handle_plain(struct ing_worker *w, struct ing_request *rq, struct ing_refusal r) {
    r.image = rq->to.route == ING_ROUTE_PIXEL && px_req_accepts(rq->req, "image/");
    ing_reply_refusal(w, rq, &r);
}

static void handle_preflight(struct ing_worker *w, struct ing_request *rq) {
    struct px_http_reply reply = ing_answer_preflight(&w->answer, rq->to.allow);

    ing_reply(w, rq, &reply);
}

static bool handle_method_ok(enum ing_route route, enum px_method method) {
    return route == ING_ROUTE_EVENTS ? method == PX_POST : method == PX_GET || method == PX_HEAD;
}

static void handle_page(struct ing_worker *w, struct ing_request *rq) {
    const struct ing_document *d = &w->world->pages->v[rq->to.page];
    struct px_http_reply reply =
        ing_answer_document(&w->answer, d, ing_page_held(d->etag, rq->req));

    ing_reply(w, rq, &reply);
}

static struct ing_wishes handle_wishes(const struct ing_worker *w, const struct ing_request *rq) {
    enum ing_proof who = (enum ing_proof)w->world->conf->ack_proof;
    bool may = who == ING_PROOF_ANY ||
               (who == ING_PROOF_KEYED && ing_sender_may(&rq->sender, PX_SCOPE_ACK));
    bool dry = px_req_names(rq->req, "prefer", "handling=dry-run") ||
               px_req_names(rq->req, "prefer", "handling=\"dry-run\""); /* RFC 7240 §2: the same */

    return (struct ing_wishes){
        .preferred = dry,
        .dry_run = dry,
        .proof = may && px_str_is(px_req_header(rq->req, "x-event-ack", NULL), "1")};
}

static void handle_sender(struct ing_worker *w, struct ing_request *rq) {
    ing_sender_of(&rq->sender, &w->finder, rq->req);
    px_count(w->shard, ING_M_CLIENT, rq->sender.found, 0, 1);
    if (ing_sender_hint(&w->finder, &rq->sender, rq->now)) {
        px_log(PX_LOG_WARN, "client.proxy_not_trusted",
               PX_F_C("http.field", px_fwd_header_name(w->world->proxies->header)),
               PX_F_C("remedy", "a peer in this network forwards requests of others, and counts as "
                                "their client: name it in Proxy:Trusted if it is your proxy"));
    }
}

void ing_handle(struct ing_worker *w, struct px_http_req *req) {
    PX_UNSET struct ing_request rq;
    enum px_method method = px_req_method(req);

    ing_request_begin(w, &rq, req, px_req_path(req));
    handle_sender(w, &rq);
    if (!ing_admit(w, &rq)) {
        return;
    }
    ing_sender_classify(&rq.sender, req, w->classes);
    rq.wishes = handle_wishes(w, &rq);
    if (rq.to.route == ING_ROUTE_OTHER && ing_explain_asked(w, &rq)) {
        ing_explain_answer(w, &rq);
    } else if (rq.to.route == ING_ROUTE_OTHER) {
        handle_plain(w, &rq,
                     (struct ing_refusal){.status = 404,
                                          .code = "not_found",
                                          .detail = "There is nothing at this path."});
    } else if (method == PX_OPTIONS) {
        handle_preflight(w, &rq);
    } else if (!handle_method_ok(rq.to.route, method)) {
        handle_plain(w, &rq,
                     (struct ing_refusal){.status = 405,
                                          .code = "method_not_allowed",
                                          .detail = "This path does not take this method.",
                                          .allow = rq.to.allow});
    } else if (rq.to.route == ING_ROUTE_PIXEL) {
        ing_pixel(w, &rq);
    } else if (rq.to.route == ING_ROUTE_PAGE) {
        handle_page(w, &rq);
    } else if (rq.to.route == ING_ROUTE_SCRIPT) {
        ing_script(w, &rq);
    } else {
        ing_collect(w, &rq);
    }
}

/* The reason that a refusal of the gate is recorded by, or false when it was no event yet. */
static bool handle_reason(enum px_http_refusal why, enum px_reason *ret) {
    if (why == PX_REFUSED_BODY_TOO_LARGE) {
        *ret = PX_REASON_BODY_TOO_LARGE;
        return true;
    }
    *ret = PX_REASON_QUERY_TOO_LONG;
    return why == PX_REFUSED_QUERY_TOO_LONG || why == PX_REFUSED_LINE_TOO_LONG;
}

/* What has arrived of the target: the gate may have stopped before it read any of it. */
static void handle_seen(const struct px_http_req *req, struct px_str *ret_path,
                        struct px_str *ret_query) {
    struct px_str s = px_req_seen_line(req);
    size_t at = px_str_find(s, ' ');
    at += at < s.n;
    s = (struct px_str){.p = s.p + at, .n = s.n - at};
    s.n = px_str_find(s, ' ');
    size_t mark = px_str_find(s, '?'), behind = mark < s.n ? mark + 1 : mark;
    *ret_path = (struct px_str){.p = s.p, .n = mark};
    *ret_query = (struct px_str){.p = s.p + behind, .n = s.n - behind};
}

/* The bytes to blame. Of a compressed body none: nobody can see what is in them. */
static struct px_str handle_blame(const struct px_http_req *req, bool body, struct px_str query) {
    if (body && px_req_header(req, "content-encoding", NULL).p) {
        return (struct px_str){.n = 0};
    }
    return body ? px_req_seen_body(req) : query;
}

/* An event, or several, that were too large for the gate: counted and recorded like others. */
static void handle_oversized(struct ing_worker *w, struct ing_request *rq, enum px_http_refusal why,
                             struct px_str query) {
    enum px_reason reason;
    uint64_t length = px_req_length(rq->req);

    if ((rq->to.route != ING_ROUTE_PIXEL && rq->to.route != ING_ROUTE_EVENTS) ||
        !handle_reason(why, &reason)) {
        return;
    }
    bool body = reason == PX_REASON_BODY_TOO_LARGE;
    rq->asked.bytes = body && length < INT64_MAX ? (int64_t)length : 0;
    if (why == PX_REFUSED_LINE_TOO_LONG) {
        rq->asked.limit = (int64_t)px_http_default_limits.request_line;
    }
    ing_request_fault(rq, reason, body ? "body" : "query");
    ing_reject(w, rq, rq->to.type, handle_blame(rq->req, body, query));
}

void ing_handle_refused(struct ing_worker *w, enum px_http_refusal why, struct px_http_req *req) {
    PX_UNSET struct ing_request rq;
    struct px_str path, query;
    struct ing_refusal r = {.status = px_http_refusal_status(why),
                            .code = px_http_refusal_code(why),
                            .detail = px_http_refusal_text(why),
                            .retryable = px_http_refusal_retryable(why)};

    if (why == PX_REFUSED_OVERLOADED) {
        r.retry_after = ing_busy_retry(ING_BUSY_OVERLOADED);
    }
    handle_seen(req, &path, &query);
    ing_request_begin(w, &rq, req, path);
    px_count(w->shard, ING_M_HTTP_REFUSED, why, 0, 1);
    handle_oversized(w, &rq, why, query);
    handle_plain(w, &rq, r);
}
