/* Requests that wait for the log: a fixed slab of slots, found again by slot and generation, with
 * their answer deadlines in order. Knows neither HTTP nor Kafka: it only keeps the books.
 *
 * Two facts about a slot are kept apart: whether the client is still owed an answer, and whether
 * the log still owes a report. A slot is given back only when its report has come, so that a late
 * report can never settle somebody else's request. */
#ifndef ING_PENDING_H
#define ING_PENDING_H

#include <px/event.h>
#include <px/http.h>

#define ING_CLIENT_ID_MAX 128

struct ing_batch;

/* What a slot remembers of its request, for the answer. Filled by the caller after take. */
struct ing_waiting {
    struct px_http_ticket ticket;
    struct px_uuid id;
    px_us received; /* wall clock */
    px_us started;  /* mono clock */
    unsigned type;  /* index in the catalog */
    bool pixel;     /* GIF, not JSON */
    bool image;     /* Accept names an image type */
    bool proof;     /* the answer says where the log has it */
    bool retimed;   /* its own time was replaced by that of receipt */
    uint32_t bytes; /* of the message */
    uint8_t client_n;
    char client_id[ING_CLIENT_ID_MAX];
    struct ing_batch *batch; /* NULL: a request of its own */
    uint32_t batch_index;
};

struct ing_slot {
    struct ing_waiting w;
    px_us deadline;      /* mono clock */
    uint32_t generation; /* grows with every release */
    uint32_t prev, next; /* owed list; `next` also chains the free slots */
    bool used, owed;
};

struct ing_pending {
    struct ing_slot *slots;
    uint32_t cap, used, owed;
    uint32_t limit;            /* so many may be taken now; the owner moves it, up to cap */
    uint32_t free, head, tail; /* ING_NONE ends a list */
};

#define ING_NONE UINT32_MAX

/* ing_pending_init(p, cap, reterr): room for ${cap} slots, allocated once. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code ing_pending_init(struct ing_pending *p, uint32_t cap,
                                          struct px_err *reterr);
void ing_pending_fini(struct ing_pending *p);

/* ing_pending_full(p): no further slot can be taken now. */
static inline bool ing_pending_full(const struct ing_pending *p) {
    return p->used >= p->limit;
}
/* ing_pending_take(p, deadline): a slot whose answer is owed until ${deadline}; NULL when all are
 * taken. Deadlines must not decrease from call to call. Only slot->w may be written. */
struct ing_slot *ing_pending_take(struct ing_pending *p, px_us deadline);
uint64_t ing_pending_tag(const struct ing_pending *p, const struct ing_slot *s);
/* ing_pending_find(p, tag): the slot that ${tag} was made for, or NULL when it was given back. */
struct ing_slot *ing_pending_find(struct ing_pending *p, uint64_t tag);

/* ing_pending_answered(p, s): the client of ${s} is owed nothing more. */
void ing_pending_answered(struct ing_pending *p, struct ing_slot *s);
/* ing_pending_release(p, s): the log owes no report for ${s}: give the slot back. */
void ing_pending_release(struct ing_pending *p, struct ing_slot *s);
/* ing_pending_expired(p, now): the earliest slot whose answer is due at ${now}, or NULL. */
struct ing_slot *ing_pending_expired(struct ing_pending *p, px_us now);

#endif
