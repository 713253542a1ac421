/* The outcome of a batch, item by item, until all are known. Owned by the slots of its items and by
 * the handler that builds it: freed with the last of them. */
#ifndef ING_BATCH_H
#define ING_BATCH_H

#include "answer.h"
#include "pending.h"

#define ING_BATCH_MAX 500

enum ing_item_status {
    ING_ITEM_WAITING,
    ING_ITEM_ACCEPTED,
    ING_ITEM_DUPLICATE, /* same as an earlier item of this request */
    ING_ITEM_REJECTED,
    ING_ITEM_RETRY,
};

struct ing_item {
    enum ing_item_status status;
    const char *code;    /* REJECTED, RETRY */
    const char *message; /* REJECTED: what is wrong with the field */
    char field[64];      /* REJECTED */
    struct px_uuid id;
    struct ing_ack ack; /* ACCEPTED */
    bool retimed;       /* ACCEPTED: its own time was replaced by that of receipt */
    uint32_t first;     /* DUPLICATE: index of the earlier item */
    uint8_t client_n;
    char client_id[ING_CLIENT_ID_MAX];
};

struct ing_batch {
    struct px_http_ticket ticket;
    uint32_t n;
    uint32_t waiting; /* items without an outcome             */
    uint32_t refs;    /* slots that point here, and the handler */
    bool deferred;    /* ticket is valid                      */
    unsigned retry_after;
    px_us received;
    const char *source; /* how it was sent, for records of refusals */
    struct ing_item items[];
};

/* ing_batch_new(n): all items WAITING, one reference held by the caller; NULL without memory. */
struct ing_batch *ing_batch_new(uint32_t n, px_us received);
/* ing_batch_unref(b): drop one reference. */
void ing_batch_unref(struct ing_batch *b);
/* Outcomes; each item gets exactly one. True when it was the last one missing. */
bool ing_batch_accept(struct ing_batch *b, uint32_t i, const struct ing_ack *ack);
bool ing_batch_retry(struct ing_batch *b, uint32_t i, enum ing_busy why);
bool ing_batch_reject(struct ing_batch *b, uint32_t i, enum px_reason why, const char *field);
bool ing_batch_duplicate(struct ing_batch *b, uint32_t i, uint32_t first);

/* ing_batch_answer(b, a): 200 {"accepted","rejected","results":[{"index","eventId","status","code",
 * "field","message","clientEventId","timestampReplaced","ack"}]}; a duplicate carries the id and,
 * when that one must be sent again, the fate of the item it repeats. Retry-After when an item says
 * retry. */
struct px_http_reply ing_batch_answer(const struct ing_batch *b, struct ing_answer *a);

#endif
