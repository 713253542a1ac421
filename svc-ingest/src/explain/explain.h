/* The walk to a client, told step by step: --explain-ip for one that is given, the admin port for
 * one that is given or for the request that asks, and GET /api/explain-ip for a request that came
 * through the proxies like any other. Decides nothing: the walk is that of every request, only
 * told. */
#ifndef ING_EXPLAIN_H
#define ING_EXPLAIN_H

#include <px/app.h>

struct ing_request;
struct ing_worker;
struct px_http_req;

/* --explain-ip PEER, with its parameters. */
#define ING_EXPLAIN_PARAMS 3
extern const struct px_app_param ing_explain_params[ING_EXPLAIN_PARAMS];
PX_MUST_USE enum px_code ing_explain_ip(void *svc, const char *peer, struct px_err *reterr);

/* GET /explain-ip on the admin port: with the parameters `peer` and the field's name what is given,
 * else the request itself. GET /explain-ip/ticket: {"ticket","path","expires"}: who holds it may
 * ask for five minutes. Threads: the admin port's. */
void ing_explain_admin(void *svc, struct px_http_req *req);
void ing_explain_ticket(void *svc, struct px_http_req *req);

/* ing_explain_asked(w, rq): is this GET /api/explain-ip?ticket=... with a good ticket? To anyone
 * else the path does not exist. ing_explain_answer(w, rq): answer it. */
bool ing_explain_asked(const struct ing_worker *w, const struct ing_request *rq);
void ing_explain_answer(struct ing_worker *w, const struct ing_request *rq);

#endif
