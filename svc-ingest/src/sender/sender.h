/* Who sent a request: found once for it, before its body is read, and put into every event that it
 * holds. What is known here was seen on the connection or in the header; what a body says of its
 * sender is not. */
#ifndef ING_SENDER_H
#define ING_SENDER_H

#include <px/http.h>
#include <px/validate.h>

/* Views into the request; n = 0 = not known. */
struct ing_sender {
    struct px_str address;       /* of the client, as events keep it */
    struct px_str user_agent;    /* as it was sent */
    struct px_str traffic_class; /* what kind of traffic it is */
    struct px_str traceparent;   /* a valid one */
    bool trusted;                /* holds a valid server key with the scope for events */
};

/* ing_sender_of(s, req): fill ${s} from what ${req} shows. Threads: pure. */
void ing_sender_of(struct ing_sender *s, const struct px_http_req *req);
/* ing_sender_stamp(s, raw): the fields of an event that tell of its sender. Threads: pure. */
void ing_sender_stamp(const struct ing_sender *s, struct px_raw_event *raw);

/* ing_traceparent_ok(s): a W3C trace context of version 00. Threads: pure. */
bool ing_traceparent_ok(struct px_str s);

#endif
