/* HTTP in, calls out to the database threads, answers back. Runs on the loop thread only. */
#include <px/hash.h>
#include <px/log.h>

#include "params.h"
#include "respond.h"
#include "service.h"

/* Fields of every answer: numbers move, so nobody may keep them; the type is what it says. */
#define COMMON "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

enum {
    STATUS_2XX,
    STATUS_4XX,
    STATUS_5XX
};

static void account(struct api_service *svc, size_t route, int status, px_us received) {
    size_t class = status < 400 ? STATUS_2XX : status < 500 ? STATUS_4XX : STATUS_5XX;

    px_count(svc->shard, API_M_REQUESTS, route, class, 1);
    px_observe(svc->shard, API_M_SECONDS, route, 0, px_wall(svc->clock) - received, 1);
}

static size_t other_route(void) {
    size_t n;

    (void)api_endpoints(&n);
    return n;
}

/* The id by which an answer is found in the log. */
static void new_instance(struct api_service *svc, char ret_text[PX_UUID_TEXT]) {
    struct px_uuid id = px_uuid_next(&svc->uuids, px_wall(svc->clock));

    px_uuid_fmt(&id, ret_text);
}

static void reply_faults(struct api_service *svc, struct px_http_req *req, size_t route,
                         const struct api_faults *f, struct px_str extra) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(16384);
    PX_DEFER(px_buf_fini) struct px_buf fields = PX_BUF_INIT(1024);
    char instance[PX_UUID_TEXT];

    new_instance(svc, instance);
    api_problem(f, (struct px_str){.p = instance, .n = sizeof(instance)}, &body);
    px_buf_c(&fields, COMMON);
    px_buf_printf(&fields, "X-Error-Code: %s\r\n", f->v[0].code);
    if (f->status == 503) {
        px_buf_c(&fields, "Retry-After: 1\r\n");
    }
    px_buf_str(&fields, extra);
    struct px_http_reply reply = {.status = f->status,
                                  .type = "application/problem+json",
                                  .fields = px_buf_view(&fields),
                                  .body = px_buf_view(&body)};
    px_us received = px_req_received(req);
    px_http_reply(req, &reply);
    account(svc, route, f->status, received);
}

static void reply_json(struct api_service *svc, struct px_http_req *req, struct px_str body) {
    struct px_http_reply reply = {
        .status = 200, .type = "application/json", .fields = PX_S(COMMON), .body = body};
    px_us received = px_req_received(req);

    px_http_reply(req, &reply);
    account(svc, other_route(), 200, received);
}

/* GET /: what there is, for people who come with curl. */
static void reply_index(struct api_service *svc, struct px_http_req *req) {
    PX_DEFER(px_buf_fini) struct px_buf body = PX_BUF_INIT(16384);
    struct px_jsonw w = px_jsonw_on(&body);
    size_t n;
    const struct api_endpoint *list = api_endpoints(&n);

    px_jw_obj(&w);
    px_jw_kc(&w, "service", "svc-metrics-api");
    px_jw_kc(&w, "version", px_version());
    px_jw_kc(&w, "description", "/openapi.json");
    px_jw_key(&w, "endpoints");
    px_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        px_jw_obj(&w);
        px_jw_kc(&w, "path", list[i].path);
        px_jw_kc(&w, "summary", list[i].summary);
        px_jw_obj_end(&w);
    }
    px_jw_arr_end(&w);
    px_jw_obj_end(&w);
    px_buf_byte(&body, '\n');
    reply_json(svc, req, px_buf_view(&body));
}

static struct api_param_rules rules_of(const struct api_service *svc) {
    const struct api_conf *c = svc->conf;

    return (struct api_param_rules){
        .range = {.zone = svc->zone,
                  .now = px_wall(svc->clock),
                  .max_days = c->max_days,
                  .minute_retention = c->minute_retention},
        .page_default = c->page_default,
        .page_max = c->page_max,
    };
}

/* The job outlives the request: what it needs of it is copied into the job's arena. */
static bool job_fill(struct api_service *svc, struct px_http_req *req, struct api_job *j,
                     struct px_str part) {
    size_t n;

    new_instance(svc, j->instance);
    j->path = px_arena_dup(&j->arena, px_req_path(req));
    j->query = px_arena_dup(&j->arena, px_req_query(req));
    j->call.name = px_arena_dup(&j->arena, part);
    j->route = (size_t)(j->call.ep - api_endpoints(&n));
    j->received = px_req_received(req);
    j->deadline = px_mono(svc->clock) + svc->conf->request_timeout;
    j->call.catalog = svc->catalog;
    j->call.rollups = svc->rollups;
    j->call.zone = svc->zone;
    return j->path.p && j->query.p && j->call.name.p;
}

static void fault_of(struct api_faults *f, enum px_code code) {
    if (code == PX_BUSY) {
        api_fault(f, 503, "", "overloaded", "too many requests are waiting; try again shortly");
    } else {
        api_fault(f, 503, "", "no_memory", "not enough memory; try again shortly");
    }
}

static void open_add(struct api_service *svc, struct api_job *j) {
    j->later = NULL;
    j->link = svc->open_tail;
    *j->link = j;
    svc->open_tail = &j->later;
}

static void open_remove(struct api_service *svc, struct api_job *j) {
    *j->link = j->later;
    if (j->later) {
        j->later->link = j->link;
    } else {
        svc->open_tail = j->link;
    }
}

static void handle_endpoint(struct api_service *svc, struct px_http_req *req,
                            const struct api_endpoint *ep, struct px_str part) {
    struct api_job *j = api_job_new();
    struct api_faults f = {.status = 0};
    size_t n;
    size_t route = (size_t)(ep - api_endpoints(&n));

    if (j) {
        j->call.ep = ep;
    }
    if (!j || !job_fill(svc, req, j, part)) {
        fault_of(&f, PX_NOMEM);
    } else {
        struct api_param_rules rules = rules_of(svc);
        struct api_param_text text = {.query = j->query, .part = j->call.name};

        if (api_params(&rules, &text, &j->call, &f)) {
            enum px_code code = api_query_submit(svc->pool, j);

            if (!code) {
                /* completions arrive on this thread, so the ticket is in place before any of them
                 */
                j->ticket = px_http_defer(req);
                open_add(svc, j);
                return;
            }
            fault_of(&f, code);
        }
    }
    api_job_free(j);
    reply_faults(svc, req, route, &f, (struct px_str){.p = NULL});
}

void api_handle(void *arg, struct px_http_req *req) {
    struct api_service *svc = arg;
    struct px_str path = px_req_path(req);
    enum px_method method = px_req_method(req);
    struct px_str part;
    struct api_faults f = {.status = 0};
    const struct api_endpoint *ep = api_match(path, &part);
    bool index = px_str_is(path, "/");
    bool openapi = px_str_is(path, "/openapi.json");

    if (!ep && !index && !openapi) {
        api_fault(&f, 404, "path", "not_found", "no such path; GET / lists the endpoints");
        reply_faults(svc, req, other_route(), &f, (struct px_str){.p = NULL});
        return;
    }
    if (method != PX_GET && method != PX_HEAD) {
        api_fault(&f, 405, "method", "method_not_allowed", "only GET and HEAD");
        reply_faults(svc, req, other_route(), &f, PX_S("Allow: GET, HEAD\r\n"));
        return;
    }
    if (index) {
        reply_index(svc, req);
    } else if (openapi) {
        reply_json(svc, req, px_buf_view(&svc->openapi));
    } else {
        handle_endpoint(svc, req, ep, part);
    }
}

void api_refused(void *arg, enum px_http_refusal why, struct px_http_req *req) {
    struct api_service *svc = arg;

    (void)why;
    (void)req;
    px_count(svc->shard, API_M_REFUSED, 0, 0, 1);
}

/* A problem document into ${body}; fields of its own go behind ${fields}. */
static void fill_problem(const struct api_job *j, const struct px_err *err, struct px_buf *body,
                         struct px_buf *fields, struct px_http_reply *reply) {
    px_log(PX_LOG_WARN, "query.failed", PX_F_C("http.route", j->call.ep->path),
           PX_F_C("request.id", j->instance), PX_F_ERR(err));
    reply->status = api_problem_of(err, px_str_c(j->instance), body);
    reply->type = "application/problem+json";
    reply->body = px_buf_view(body);
    if (reply->status == 503 || reply->status == 504) {
        px_buf_c(fields, "Retry-After: 1\r\n");
    }
}

/* Back from a database thread. */
void api_done(void *arg, struct api_job *j) {
    struct api_service *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf problem = PX_BUF_INIT(16384);
    struct px_http_reply reply = {.status = 200, .type = "application/json"};

    if (j->answered) {
        api_job_free(j);
        return;
    }
    open_remove(svc, j);
    px_buf_c(&j->fields, COMMON);
    reply.body = px_buf_view(&j->body);
    if (j->err.code) {
        fill_problem(j, &j->err, &problem, &j->fields, &reply);
    }
    reply.fields = px_buf_view(&j->fields);
    PX_IGNORE(!px_http_answer(svc->http, j->ticket, &reply)); /* the client may have gone */
    account(svc, j->route, reply.status, j->received);
    api_job_free(j);
}

/* The database thread may still work on the job: only what the loop owns of it is touched. */
static void answer_overdue(struct api_service *svc, struct api_job *j) {
    PX_DEFER(px_buf_fini) struct px_buf problem = PX_BUF_INIT(16384);
    PX_DEFER(px_buf_fini) struct px_buf fields = PX_BUF_INIT(1024);
    struct px_http_reply reply = {.status = 504};
    struct px_err late = PX_ERR_INIT;

    PX_IGNORE(PX_FAIL(&late, PX_TIMEOUT, "not answered within Api:RequestTimeout"));
    px_buf_c(&fields, COMMON);
    fill_problem(j, &late, &problem, &fields, &reply);
    reply.fields = px_buf_view(&fields);
    PX_IGNORE(!px_http_answer(svc->http, j->ticket, &reply)); /* the client may have gone */
    account(svc, j->route, reply.status, j->received);
    open_remove(svc, j);
    j->answered = true;
}

void api_overdue(struct api_service *svc) {
    px_us now = px_mono(svc->clock);

    while (svc->open && svc->open->deadline < now) {
        answer_overdue(svc, svc->open);
    }
}
