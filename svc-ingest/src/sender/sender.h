/* Who sent a request: found once for it, before its body is read, and put into every event that it
 * holds. What is known here was seen on the connection or in the header; what a body says of its
 * sender is not. */
#ifndef ING_SENDER_H
#define ING_SENDER_H

#include "address.h"
#include "class.h"

#include <px/forwarded.h>
#include <px/http.h>
#include <px/keys.h>
#include <px/validate.h>

/* Views into the request and the worker; n = 0 = not known. */
struct ing_sender {
    struct px_addr client;           /* its address: for decisions, never for a record */
    enum px_fwd_end found;           /* how it was found */
    struct px_str address;           /* of the client, as events keep it */
    struct px_str user_agent;        /* as it was sent */
    struct px_str traffic_class;     /* what kind of traffic it is: a constant */
    struct px_str traffic_reason;    /* and why: a constant */
    enum px_traffic traffic;         /* its class once more */
    struct px_str traceparent;       /* a valid one */
    const struct px_server_key *key; /* the valid server key that it came with; NULL: none */
    const struct px_site_key *site;  /* the site key; NULL: none, or not in the file */
};

/* What it takes to find out; of one worker. */
struct ing_finder {
    const struct px_fwd_policy *proxies; /* whom to believe; shared, never changed */
    struct ing_address address;
    px_us hinted; /* when a proxy that is not trusted was last spoken of; 0 = never */
};

/* ing_proxies_init(p, conf, reterr): Proxy:Trusted and Proxy:Header. Errors: PX_CONFIG (no network;
 * one of everybody's addresses). Threads: pure. */
PX_MUST_USE enum px_code ing_proxies_init(struct px_fwd_policy *p, const struct ing_conf *conf,
                                          struct px_err *reterr);
/* ing_sender_walk(p, req, ret): the walk to the client of ${req}. Threads: pure. */
void ing_sender_walk(const struct px_fwd_policy *p, const struct px_http_req *req,
                     struct px_fwd_walk *ret);
/* ing_sender_of(s, f, req): fill ${s} from what ${req} shows. Threads: owner of ${f}. */
void ing_sender_of(struct ing_sender *s, struct ing_finder *f, const struct px_http_req *req);
/* ing_sender_hint(f, s, now): is it time to say that ${s} came through what looks like a proxy that
 * is not trusted? At most once an hour. */
bool ing_sender_hint(struct ing_finder *f, const struct ing_sender *s, px_us now);
/* ing_sender_classify(s, req, classes): its class and reason, once its key is known: the user agent
 * of who has a server key is that of a program of the operator, and tells nothing of the person
 * that an event is about. Threads: owner of ${classes}. */
void ing_sender_classify(struct ing_sender *s, const struct px_http_req *req,
                         struct ing_classes *classes);
/* ing_sender_stamp(s, raw): the fields of an event that tell of its sender. Threads: pure. */
void ing_sender_stamp(const struct ing_sender *s, struct px_raw_event *raw);

/* ing_sender_may(s, scope): does its key say so? Threads: pure. */
static inline bool ing_sender_may(const struct ing_sender *s, enum px_scope scope) {
    return s->key && (s->key->scopes & scope);
}

/* ing_traceparent_ok(s): a W3C trace context of version 00. Threads: pure. */
bool ing_traceparent_ok(struct px_str s);

#endif
