/* The routes that tell a walk: of the admin port, where only the operator asks, and of the event
 * port, where a ticket opens the way. */
#include "explain.h"

#include "explain_priv.h"
#include "handle.h"
#include "tell.h"
#include "ticket.h"

#include <px/jsonw.h>
#include <px/num.h>

#include <stdio.h>

#define HTTP_PATH "/api/explain-ip"

/* False: it is there, but cannot be read. Absent: ret->p is NULL. */
static bool http_param(struct px_str query, const char *name, char *buf, size_t cap,
                       struct px_str *ret) {
    struct px_form form = {.rest = query};
    struct px_str key, value;
    bool has;

    *ret = (struct px_str){.p = NULL};
    while (px_form_next(&form, &key, &value, &has)) {
        if (!px_str_is(key, name)) {
            continue;
        }
        bool ok = value.n <= cap && px_form_decode(value, buf, ret) == PX_FORM_OK;
        ret->p = ret->p ? ret->p : "";
        return ok;
    }
    return true;
}

/* --- on the admin port ---------------------------------------------------------------------------
 */

static void http_send(struct px_http_req *req, int status, struct px_str body) {
    px_http_reply(req, &(struct px_http_reply){.status = status,
                                               .type = "application/json",
                                               .fields = PX_S("Cache-Control: no-store\r\n"),
                                               .body = body});
}

static void http_fail(struct px_http_req *req, const struct px_err *err) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(4096);
    bool theirs = err->code == PX_USAGE;
    struct px_problem p = {.status = theirs ? 400 : 503,
                           .code = theirs ? "bad_parameter" : "unavailable",
                           .title = px_http_status_text(theirs ? 400 : 503),
                           .detail = px_str_c(err->msg)};

    px_problem_write(&p, &out);
    px_http_reply(req, &(struct px_http_reply){.status = p.status,
                                               .type = "application/problem+json",
                                               .body = px_buf_view(&out)});
}

void ing_explain_admin(void *arg, struct px_http_req *req) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(EXPLAIN_TEXT_MAX);
    char peer_buf[128], value_buf[2048];
    struct px_str peer, value;
    struct px_err err = PX_ERR_INIT;
    struct px_fwd_walk walk;
    const char *field = px_fwd_header_name(svc->proxies.header);
    enum px_code rc = PX_OK;

    if (!http_param(px_req_query(req), "peer", peer_buf, sizeof peer_buf, &peer) ||
        !http_param(px_req_query(req), field, value_buf, sizeof value_buf, &value)) {
        rc = PX_FAIL(&err, PX_USAGE, "peer or %s is too long, or badly percent-encoded", field);
    } else if (peer.p) {
        rc = ing_given_walk(svc, peer, value, &walk, &err);
    } else {
        ing_sender_walk(&svc->proxies, req, &walk);
    }
    rc = rc ? rc : ing_given_tell(svc, &walk, true, &out, &err);
    if (rc) {
        http_fail(req, &err);
    } else {
        http_send(req, 200, px_buf_view(&out));
    }
}

void ing_explain_ticket(void *arg, struct px_http_req *req) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1024);
    struct px_jsonw w = px_jsonw_on(&out);
    int64_t until = px_wall(svc->world.clock) / PX_US_PER_S + ING_TICKET_FOR;
    char ticket[ING_TICKET], path[ING_TICKET + 32], at[PX_TIME_TEXT];

    ing_ticket_make(svc->world.explain_key, until, ticket);
    snprintf(path, sizeof path, HTTP_PATH "?ticket=%s", ticket);
    px_jw_obj(&w);
    px_jw_kc(&w, "ticket", ticket);
    px_jw_kc(&w, "path", path);
    size_t n = px_fmt_instant(until * PX_US_PER_S, at);
    px_jw_kstr(&w, "expires", (struct px_str){.p = at, .n = n});
    px_jw_obj_end(&w);
    px_buf_byte(&out, '\n');
    http_send(req, 200, px_buf_view(&out));
}

/* --- on the event port ---------------------------------------------------------------------------
 */

bool ing_explain_asked(const struct ing_worker *w, const struct ing_request *rq) {
    char buf[ING_TICKET];
    struct px_str ticket;

    return px_req_method(rq->req) == PX_GET && px_str_is(px_req_path(rq->req), HTTP_PATH) &&
           http_param(px_req_query(rq->req), "ticket", buf, sizeof buf, &ticket) &&
           ing_ticket_ok(w->world->explain_key, ticket, rq->asked.received / PX_US_PER_S);
}

void ing_explain_answer(struct ing_worker *w, const struct ing_request *rq) {
    struct px_fwd_walk walk;
    struct ing_told t = {.policy = w->world->proxies,
                         .walk = &walk,
                         .mode = w->finder.address.mode,
                         .kept = rq->sender.address};

    ing_sender_walk(w->world->proxies, rq->req, &walk);
    ing_answer_start(&w->answer);
    ing_tell_json(&t, &w->answer.body);
    struct px_http_reply reply = ing_answer_json(&w->answer, 0);
    ing_reply(w, rq, &reply);
}
