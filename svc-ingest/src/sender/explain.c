/* Walks for people. Must not decide anything: the walk is that of every request, only told. */
#include "explain.h"

#include "schemas.h"

#include <px/hash.h>
#include <px/jsonw.h>
#include <px/num.h>

#include <stdio.h>
#include <string.h>

#define EXPLAIN_TEXT_MAX   (64 * 1024)
#define EXPLAIN_TICKET_FOR 300 /* seconds */

/* What there is to tell. */
struct explain {
    const struct px_fwd_policy *policy;
    const struct px_fwd_walk *walk;
    enum ing_address_mode mode;
    struct px_str kept;
};

static bool explain_is_trusted(const struct explain *x, const struct px_fwd_step *s) {
    return s->readable && s->trusted < x->policy->trusted.n;
}

/* --- as text ------------------------------------------------------------------------------------
 */

/* A field may hold any byte above 0x20. */
static void explain_put(struct px_buf *out, struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        px_buf_byte(out, s.p[i] >= ' ' && s.p[i] < 0x7f ? (uint8_t)s.p[i] : '?');
    }
}

static void explain_step(const struct explain *x, size_t i, struct px_buf *out) {
    const struct px_fwd_step *s = &x->walk->steps[i];
    char addr[PX_ADDR_TEXT] = "-", net[PX_NET_TEXT], name[32] = "peer";

    if (i > 0) {
        snprintf(name, sizeof name, "hop %zu", i);
    }
    if (s->readable) {
        px_addr_fmt(&s->addr, addr);
    }
    px_buf_printf(out, "%-8s %-39s ", name, addr);
    if (explain_is_trusted(x, s)) {
        px_net_fmt(&x->policy->trusted.v[s->trusted], net);
        px_buf_printf(out, "trusted by %s", net);
    } else {
        px_buf_c(out, s->readable ? "not trusted" : "not an address");
    }
    if (i > 0 && !px_str_is(s->text, addr)) {
        px_buf_c(out, ", written as \"");
        explain_put(out, s->text);
        px_buf_byte(out, '"');
    }
    px_buf_byte(out, '\n');
}

static void explain_text(const struct explain *x, struct px_buf *out) {
    char addr[PX_ADDR_TEXT], net[PX_NET_TEXT];

    px_buf_printf(out, "%-8s %s\n%-8s", "field", px_fwd_header_name(x->policy->header), "trusted");
    for (size_t i = 0; i < x->policy->trusted.n; i++) {
        px_net_fmt(&x->policy->trusted.v[i], net);
        px_buf_printf(out, " %s", net);
    }
    px_buf_c(out, x->policy->trusted.n ? "\n" : " nobody\n");
    for (size_t i = 0; i < x->walk->n; i++) {
        explain_step(x, i, out);
    }
    px_addr_fmt(&x->walk->client, addr);
    px_buf_printf(out, "%-8s %-39s %s: %s\n", "client", addr, px_fwd_end_code(x->walk->end),
                  px_fwd_end_text(x->walk->end));
    px_buf_printf(out, "%-8s %-39.*s Privacy:ClientAddress=%s\n", "kept",
                  (int)(x->kept.n ? x->kept.n : 1), x->kept.n ? x->kept.p : "-",
                  ing_address_mode_name(x->mode));
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

static void explain_step_json(const struct explain *x, size_t i, struct px_jsonw *w) {
    const struct px_fwd_step *s = &x->walk->steps[i];
    char text[PX_NET_TEXT];

    px_jw_obj(w);
    px_jw_kc(w, "from", i == 0 ? "peer" : "field");
    if (i > 0) {
        px_jw_kstr(w, "written", s->text);
    }
    if (s->readable) {
        px_addr_fmt(&s->addr, text);
    }
    px_jw_kc(w, "address", s->readable ? text : NULL);
    px_jw_kbool(w, "trusted", explain_is_trusted(x, s));
    if (explain_is_trusted(x, s)) {
        px_net_fmt(&x->policy->trusted.v[s->trusted], text);
        px_jw_kc(w, "network", text);
    }
    px_jw_obj_end(w);
}

static void explain_json(const struct explain *x, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    char text[PX_NET_TEXT];

    px_jw_obj(&w);
    px_addr_fmt(&x->walk->client, text);
    px_jw_kc(&w, "client", text);
    px_jw_kc(&w, "found", px_fwd_end_code(x->walk->end));
    px_jw_kc(&w, "means", px_fwd_end_text(x->walk->end));
    px_jw_key(&w, "kept");
    if (x->kept.n) {
        px_jw_str(&w, x->kept);
    } else {
        px_jw_null(&w);
    }
    px_jw_kc(&w, "mode", ing_address_mode_name(x->mode));
    px_jw_kc(&w, "field", px_fwd_header_name(x->policy->header));
    px_jw_key(&w, "trusted");
    px_jw_arr(&w);
    for (size_t i = 0; i < x->policy->trusted.n; i++) {
        px_net_fmt(&x->policy->trusted.v[i], text);
        px_jw_c(&w, text);
    }
    px_jw_arr_end(&w);
    px_jw_key(&w, "steps");
    px_jw_arr(&w);
    for (size_t i = 0; i < x->walk->n; i++) {
        explain_step_json(x, i, &w);
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}

/* --- the command --------------------------------------------------------------------------------
 */

const struct px_app_param ing_explain_params[ING_EXPLAIN_PARAMS] = {
    {.name = "x-forwarded-for",
     .value = "LIST",
     .help = "Value of that field; of several, joined."},
    {.name = "forwarded", .value = "LIST", .help = "Value of that field; of several, joined."},
    {.name = "json", .help = "Print JSON."},
};

/* The walk from ${peer} with one value of the believed field (.p NULL = it is absent). */
static enum px_code explain_given(const struct ing_svc *svc, struct px_str peer,
                                  struct px_str value, struct px_fwd_walk *ret,
                                  struct px_err *reterr) {
    struct px_fwd_fields fields = {.v = {px_str_trim(value)}, .n = value.p ? 1 : 0};
    struct px_addr addr;

    if (!px_addr_parse(peer, &addr)) {
        return PX_FAIL(reterr, PX_USAGE,
                       "the peer \"%.*s\" is no address: write 10.0.0.7 or 2001:db8::7",
                       (int)(peer.n < 60 ? peer.n : 60), peer.p ? peer.p : "");
    }
    px_fwd_walk(&svc->proxies, &addr, &fields, ret);
    return PX_OK;
}

/* ${walk} in the form that is asked for. */
static enum px_code explain_walk(const struct ing_svc *svc, const struct px_fwd_walk *walk,
                                 bool json, struct px_buf *out, struct px_err *reterr) {
    struct ing_address a;
    enum px_code rc = ing_address_init(&a, svc->world.conf, reterr);

    if (rc == PX_OK) {
        struct explain x = {.policy = &svc->proxies,
                            .walk = walk,
                            .mode = a.mode,
                            .kept = ing_address_kept(&a, &walk->client)};
        if (json) {
            explain_json(&x, out);
        } else {
            explain_text(&x, out);
        }
        rc = px_buf_ok(out, reterr);
        ing_address_fini(&a);
    }
    return rc;
}

enum px_code ing_explain_ip(void *arg, const char *peer, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(EXPLAIN_TEXT_MAX);
    const char *believed = px_fwd_header_name(svc->proxies.header);
    struct px_fwd_walk walk;

    for (size_t i = 0; i < 2; i++) {
        const char *name = ing_explain_params[i].name;
        if (px_app_param(svc->app, name) && strcmp(name, believed) != 0) {
            return PX_FAIL(reterr, PX_USAGE,
                           "--%s: this field is not looked at, Proxy:Header is %s", name, believed);
        }
    }
    enum px_code rc = explain_given(svc, px_str_c(peer), px_str_c(px_app_param(svc->app, believed)),
                                    &walk, reterr);
    bool json = px_app_param(svc->app, "json") != NULL;
    rc = rc ? rc : explain_walk(svc, &walk, json, &out, reterr);
    return rc ? rc : px_app_print(px_buf_view(&out), reterr);
}

/* --- tickets ------------------------------------------------------------------------------------
 */

static uint64_t ticket_code(const uint64_t key[2], int64_t until) {
    char text[40];
    int n = snprintf(text, sizeof text, "explain-ip %lld", (long long)until);

    return px_siphash(key[0], key[1], (struct px_str){.p = text, .n = (size_t)n});
}

void ing_ticket_make(const uint64_t key[2], int64_t until, char out[ING_EXPLAIN_TICKET]) {
    snprintf(out, ING_EXPLAIN_TICKET, "%lld-%016llx", (long long)until,
             (unsigned long long)ticket_code(key, until));
}

bool ing_ticket_ok(const uint64_t key[2], struct px_str s, int64_t now) {
    char want[ING_EXPLAIN_TICKET];
    int64_t until;
    struct px_str time = {.p = s.p, .n = px_str_find(s, '-')};

    if (!px_parse_i64(time, 1, INT64_C(100000000000), &until) || now > until ||
        until > now + EXPLAIN_TICKET_FOR) {
        return false;
    }
    ing_ticket_make(key, until, want);
    size_t n = strlen(want);
    uint8_t differ = s.n != n;
    for (size_t i = 0; i < n && i < s.n; i++) {
        differ |= (uint8_t)(want[i] ^ s.p[i]);
    }
    return differ == 0;
}

/* --- HTTP ---------------------------------------------------------------------------------------
 */

/* False: it is there, but cannot be read. Absent: ret->p is NULL. */
static bool explain_param(struct px_str query, const char *name, char *buf, size_t cap,
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

static void explain_send(struct px_http_req *req, int status, struct px_str body) {
    px_http_reply(req, &(struct px_http_reply){.status = status,
                                               .type = "application/json",
                                               .fields = PX_S("Cache-Control: no-store\r\n"),
                                               .body = body});
}

static void explain_fail(struct px_http_req *req, const struct px_err *err) {
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

    if (!explain_param(px_req_query(req), "peer", peer_buf, sizeof peer_buf, &peer) ||
        !explain_param(px_req_query(req), field, value_buf, sizeof value_buf, &value)) {
        rc = PX_FAIL(&err, PX_USAGE, "peer or %s is too long, or badly percent-encoded", field);
    } else if (peer.p) {
        rc = explain_given(svc, peer, value, &walk, &err);
    } else {
        ing_sender_walk(&svc->proxies, req, &walk);
    }
    rc = rc ? rc : explain_walk(svc, &walk, true, &out, &err);
    if (rc) {
        explain_fail(req, &err);
    } else {
        explain_send(req, 200, px_buf_view(&out));
    }
}

void ing_explain_ticket(void *arg, struct px_http_req *req) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(1024);
    struct px_jsonw w = px_jsonw_on(&out);
    int64_t until = px_wall(svc->world.clock) / PX_US_PER_S + EXPLAIN_TICKET_FOR;
    char ticket[ING_EXPLAIN_TICKET], path[ING_EXPLAIN_TICKET + 32], at[PX_TIME_TEXT];

    ing_ticket_make(svc->world.explain_key, until, ticket);
    snprintf(path, sizeof path, ING_EXPLAIN_PATH "?ticket=%s", ticket);
    px_jw_obj(&w);
    px_jw_kc(&w, "ticket", ticket);
    px_jw_kc(&w, "path", path);
    size_t n = px_fmt_instant(until * PX_US_PER_S, at);
    px_jw_kstr(&w, "expires", (struct px_str){.p = at, .n = n});
    px_jw_obj_end(&w);
    px_buf_byte(&out, '\n');
    explain_send(req, 200, px_buf_view(&out));
}

bool ing_explain_asked(const struct ing_worker *w, const struct px_http_req *req) {
    char buf[ING_EXPLAIN_TICKET];
    struct px_str ticket;

    return px_req_method(req) == PX_GET && px_str_is(px_req_path(req), ING_EXPLAIN_PATH) &&
           explain_param(px_req_query(req), "ticket", buf, sizeof buf, &ticket) &&
           ing_ticket_ok(w->world->explain_key, ticket, px_req_received(req) / PX_US_PER_S);
}

void ing_explain_answer(struct ing_worker *w, const struct ing_request *rq) {
    struct px_fwd_walk walk;
    struct explain x = {.policy = w->world->proxies,
                        .walk = &walk,
                        .mode = w->finder.address.mode,
                        .kept = rq->sender.address};

    ing_sender_walk(w->world->proxies, rq->req, &walk);
    ing_answer_start(&w->answer);
    explain_json(&x, &w->answer.body);
    struct px_http_reply reply = ing_answer_json(&w->answer, 0);
    ing_reply(w, rq, &reply);
}
