/* The request in hand: everything whose life is one request. It begins in request.c, is passed from
 * step to step, and ends when its handler returns: it was answered then, or waits for the log, and
 * what its answer needs was copied into its slot (pending.h) or batch (batch.h). */
#ifndef ING_REQUEST_H
#define ING_REQUEST_H

#include "fields.h"
#include "items.h"
#include "routes.h"
#include "sender.h"

struct ing_worker;

/* What a request asks for beside its event. */
struct ing_wishes {
    bool proof;     /* and is allowed to */
    bool dry_run;   /* judge and answer, take nothing */
    bool preferred; /* Prefer said so */
};

/* What the record of a refusal says of its request. */
struct ing_asked {
    const char *source;   /* how it was sent: "pixel", "events", "json", "batch", "ndjson" */
    px_us received;       /* wall clock */
    struct px_uuid id;    /* as its answer names it; see ing_request_id */
    bool named;           /* there is one */
    int64_t bytes, limit; /* of what the gate refused: all of it, and the limit; 0 = not known */
};

/* Views into the HTTP request and the worker. */
struct ing_request {
    struct px_http_req *req;
    struct ing_match to; /* where it goes */
    px_us now;           /* when it came into hand (mono clock) */
    struct ing_sender sender;
    struct ing_wishes wishes;
    struct ing_asked asked;

    /* The event in hand: its only one, or the item of a batch whose turn it is. The memory of these
     * two is the worker's: they are large, and each is filled anew before it is read. */
    struct ing_fields *fields;  /* what it said */
    struct px_verdict *verdict; /* what is wrong with it, or with the request as a whole */
    struct ing_items *items;    /* of a batch: ing_items_text has the bytes of the event in hand */
    struct px_str text;         /* else these are they; n = 0 = none */
};

/* ing_request_begin(w, rq, req, path): ${rq} is ${req} from now on, and nothing is known of it but
 * where ${path} leads. Whatever the memory of ${w} held of another request is gone. Threads: the
 * worker's. */
void ing_request_begin(struct ing_worker *w, struct ing_request *rq, struct px_http_req *req,
                       struct px_str path);
/* ing_request_id(w, rq): the id that its answer gives; made at the first call. */
struct px_uuid ing_request_id(struct ing_worker *w, struct ing_request *rq);
/* ing_request_text(rq): the bytes of the event in hand, for the record of a refusal. */
struct px_str ing_request_text(const struct ing_request *rq);
/* ing_request_fault(rq, why, field): this, and nothing else, is wrong. */
void ing_request_fault(struct ing_request *rq, enum px_reason why, const char *field);

#endif
