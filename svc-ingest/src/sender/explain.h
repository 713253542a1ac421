/* The walk to a client, told step by step: --explain-ip for one that is given, the admin port for
 * one that is given or for the request that asks, and GET /api/explain-ip for a request that came
 * through the proxies like any other. */
#ifndef ING_EXPLAIN_H
#define ING_EXPLAIN_H

#include "handle.h"

struct px_app_param;

/* --explain-ip PEER, with its parameters. */
#define ING_EXPLAIN_PARAMS 3
extern const struct px_app_param ing_explain_params[ING_EXPLAIN_PARAMS];
PX_MUST_USE enum px_code ing_explain_ip(void *svc, const char *peer, struct px_err *reterr);

/* GET /explain-ip on the admin port: with the parameters `peer` and the field's name what is given,
 * else the request itself. GET /explain-ip/ticket: {"ticket","path","expires"}: who holds it may
 * ask for five minutes. Threads: the admin port's. */
void ing_explain_admin(void *svc, struct px_http_req *req);
void ing_explain_ticket(void *svc, struct px_http_req *req);

#define ING_EXPLAIN_PATH   "/api/explain-ip"
#define ING_EXPLAIN_TICKET 40 /* bytes of a ticket, with its NUL */

/* ing_ticket_make(key, until, out): a ticket until the second ${until}. ing_ticket_ok(key, s, now):
 * made with ${key} and still good at the second ${now}. Threads: pure. */
void ing_ticket_make(const uint64_t key[2], int64_t until, char out[ING_EXPLAIN_TICKET]);
bool ing_ticket_ok(const uint64_t key[2], struct px_str s, int64_t now);

/* ing_explain_asked(w, req): is this GET ING_EXPLAIN_PATH?ticket=... with a good ticket? To anyone
 * else the path does not exist. ing_explain_answer(w, rq): answer it. */
bool ing_explain_asked(const struct ing_worker *w, const struct px_http_req *req);
void ing_explain_answer(struct ing_worker *w, const struct ing_request *rq);

#endif
