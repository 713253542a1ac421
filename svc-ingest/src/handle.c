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

static void handle_plain(struct ing_worker *w, struct px_http_req *req, enum ing_route route,
                         struct ing_refusal r) {
    r.image = route == ING_ROUTE_PIXEL && px_req_accepts(req, "image/");
    ing_reply_refusal(w, req, route, &r);
}

static void handle_preflight(struct ing_worker *w, struct px_http_req *req,
                             const struct ing_match *m) {
    struct px_http_reply reply = ing_answer_preflight(&w->answer, m->allow);

    ing_reply(w, req, m->route, &reply);
}

static bool handle_method_ok(enum ing_route route, enum px_method method) {
    return route == ING_ROUTE_EVENTS ? method == PX_POST : method == PX_GET || method == PX_HEAD;
}

static void handle_page(struct ing_worker *w, struct px_http_req *req, enum ing_page page) {
    const struct ing_document *d = &w->world->pages->v[page];
    struct px_http_reply reply = ing_answer_document(&w->answer, d, ing_page_held(d->etag, req));

    ing_reply(w, req, ING_ROUTE_PAGE, &reply);
}

static void handle_wishes(struct ing_worker *w, const struct px_http_req *req) {
    enum ing_proof who = (enum ing_proof)w->world->conf->ack_proof;
    bool may = who == ING_PROOF_ANY ||
               (who == ING_PROOF_KEYED && ing_sender_may(&w->sender, PX_SCOPE_ACK));

    w->wishes.preferred = w->wishes.dry_run =
        px_req_names(req, "prefer", "handling=dry-run") ||
        px_req_names(req, "prefer", "handling=\"dry-run\""); /* RFC 7240 §2: the same */
    w->wishes.proof = may && px_str_is(px_req_header(req, "x-event-ack", NULL), "1");
}

static void handle_sender(struct ing_worker *w, const struct px_http_req *req) {
    ing_sender_of(&w->sender, &w->finder, req);
    px_count(w->shard, ING_M_CLIENT, w->sender.found, 0, 1);
    if (w->sender.found == PX_FWD_IGNORED &&
        ing_sender_hint(&w->finder, &w->sender, px_mono(w->world->clock))) {
        px_log(PX_LOG_WARN, "client.proxy_not_trusted",
               PX_F_C("http.field", px_fwd_header_name(w->world->proxies->header)),
               PX_F_C("remedy", "a peer in this network forwards requests of others, and counts as "
                                "their client: name it in Proxy:Trusted if it is your proxy"));
    }
}

void ing_handle(struct ing_worker *w, struct px_http_req *req) {
    struct ing_match m = ing_route(w->world->catalog, px_req_path(req));
    enum px_method method = px_req_method(req);

    px_arena_reset(&w->arena);
    w->asked = (struct ing_asked){.source = "events", .received = px_req_received(req)};
    ing_answer_req(w, req);
    handle_sender(w, req);
    if (!ing_admit(w, req, m.route)) {
        return;
    }
    ing_sender_classify(&w->sender, req, w->classes);
    handle_wishes(w, req);
    if (m.route == ING_ROUTE_OTHER && ing_explain_asked(w, req)) {
        ing_explain_answer(w, req);
    } else if (m.route == ING_ROUTE_OTHER) {
        handle_plain(w, req, m.route,
                     (struct ing_refusal){.status = 404,
                                          .code = "not_found",
                                          .detail = "There is nothing at this path."});
    } else if (method == PX_OPTIONS) {
        handle_preflight(w, req, &m);
    } else if (!handle_method_ok(m.route, method)) {
        handle_plain(w, req, m.route,
                     (struct ing_refusal){.status = 405,
                                          .code = "method_not_allowed",
                                          .detail = "This path does not take this method.",
                                          .allow = m.allow});
    } else if (m.route == ING_ROUTE_PIXEL) {
        ing_pixel(w, req, m.type);
    } else if (m.route == ING_ROUTE_PAGE) {
        handle_page(w, req, m.page);
    } else if (m.route == ING_ROUTE_SCRIPT) {
        ing_script(w, req);
    } else {
        ing_collect(w, req);
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
static void handle_oversized(struct ing_worker *w, enum px_http_refusal why,
                             const struct px_http_req *req, const struct ing_match *m) {
    enum px_reason reason;
    struct px_str path, query;

    if ((m->route != ING_ROUTE_PIXEL && m->route != ING_ROUTE_EVENTS) ||
        !handle_reason(why, &reason)) {
        return;
    }
    bool body = reason == PX_REASON_BODY_TOO_LARGE;
    handle_seen(req, &path, &query);
    w->asked.source = m->route == ING_ROUTE_PIXEL ? "pixel" : "events";
    w->asked.bytes = body && px_req_length(req) < INT64_MAX ? (int64_t)px_req_length(req) : 0;
    if (why == PX_REFUSED_LINE_TOO_LONG) {
        w->asked.limit = (int64_t)px_http_default_limits.request_line;
    }
    w->verdict.nissues = 0;
    px_verdict_add(&w->verdict, reason, body ? "body" : "query");
    ing_reject(w, m->type, &w->verdict, handle_blame(req, body, query));
}

void ing_handle_refused(struct ing_worker *w, enum px_http_refusal why, struct px_http_req *req) {
    struct px_str path, query;
    handle_seen(req, &path, &query);
    struct ing_match m = ing_route(w->world->catalog, path);
    struct ing_refusal r = {.status = px_http_refusal_status(why),
                            .code = px_http_refusal_code(why),
                            .detail = px_http_refusal_text(why),
                            .retryable = px_http_refusal_retryable(why)};

    if (why == PX_REFUSED_OVERLOADED) {
        r.retry_after = ing_busy_retry(ING_BUSY_OVERLOADED);
    }

    w->asked = (struct ing_asked){.received = px_req_received(req)};
    ing_answer_req(w, req);
    px_count(w->shard, ING_M_HTTP_REFUSED, why, 0, 1);
    handle_oversized(w, why, req, &m);
    handle_plain(w, req, m.route, r);
}
