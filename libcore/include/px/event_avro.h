/* Event <-> Avro bytes (schemas/avro/event.avsc), and the dead-letter record (dlq.avsc). Pure. */
#ifndef PX_EVENT_AVRO_H
#define PX_EVENT_AVRO_H

#include <px/avro.h>
#include <px/event.h>

/* px_event_write(e, schema_id, out): append frame and body. Check px_buf_ok afterwards.
 * px_event_to_avro(e, out): with the fixed id, for logs without a registry. */
void px_event_write(const struct px_event *e, uint32_t schema_id, struct px_buf *out);
static inline void px_event_to_avro(const struct px_event *e, struct px_buf *out) {
    px_event_write(e, PX_SCHEMA_EVENT, out);
}

/* px_event_from_avro(message, arena, ret, reterr): decode one framed message; text fields are views
 * into
 * ${message}, attributes live in ${arena}. Every text is checked to be UTF-8 without NUL.
 * Errors: PX_POISON; *ret_reason says which kind (enum px_reason); PX_NOMEM. */
PX_MUST_USE enum px_code px_event_from_avro(struct px_str message, struct px_arena *arena,
                                            struct px_event *ret, int *ret_reason,
                                            struct px_err *reterr);

/* How another writer's schema is read as ours (Avro's schema resolution): its fields by name,
 * defaults for optional ones that it lacks, past those that we do not know; int as long, float as
 * double, bytes as text where they are UTF-8. */
struct px_event_plan;

/* px_event_plan_new(schema, ret, reterr): from the JSON text of the writer's schema. Gives: free
 * with px_event_plan_free. Errors: PX_SCHEMA naming the field that cannot be read as ours,
 * PX_NOMEM. px_event_plan_same(p): it writes exactly the bytes that we do: read those with plan
 * NULL, which is faster. Threads: pure. Source: Avro 1.11, "Schema Resolution". */
PX_MUST_USE enum px_code px_event_plan_new(struct px_str schema, struct px_event_plan **ret,
                                           struct px_err *reterr);
void px_event_plan_free(struct px_event_plan *p);
bool px_event_plan_same(const struct px_event_plan *p);

/* px_event_read(plan, body, arena, ret, reterr): decode one body (a message without its frame) by
 * ${plan}; NULL = our own schema. Texts, checks and memory as px_event_from_avro.
 * Errors: PX_POISON (the body is not what its schema says), PX_NOMEM. Threads: pure. */
PX_MUST_USE enum px_code px_event_read(const struct px_event_plan *plan, struct px_str body,
                                       struct px_arena *arena, struct px_event *ret,
                                       struct px_err *reterr);

/* A dead letter: self-describing, holds the original bytes. Letters of the earlier schemas
 * (dlq-1.avsc, dlq-2.avsc) are read, too: what they do not say is 0. */
struct px_dead_letter {
    struct px_str reason;        /* code of reason.def                               */
    struct px_str field, detail; /* n = 0 = none                                     */
    px_us at;
    struct px_str service, version;
    struct px_str topic;        /* origin in the log; n = 0 when it never got there */
    int32_t partition;          /* -1 then                                          */
    int64_t offset;             /* -1 then                                          */
    struct px_str key, payload; /* original bytes, or their beginning               */
    struct px_str log_id;       /* of topic, partition, offset; n = 0 = not said    */
    /* Length of the originals where only their beginning is kept; 0 = all of it is there. */
    int64_t payload_bytes, key_bytes;
    /* Of what was refused before it got into the log; n = 0, 0 = not said. */
    struct px_str event_type; /* of the catalog */
    px_us received_at;
    struct px_str request_id; /* as its answer gave it */
    struct px_str source;     /* how it was sent: "pixel" */
    int64_t broken_limit;     /* bytes; of batch_size events */
};
/* As px_event_write and px_event_from_avro; ${schema_id}: the one that dead letters have. Which ids
 * a registry gave to the earlier schemas nobody here knows: a letter with another id is read when
 * its bytes are exactly those of an earlier schema. */
void px_dead_letter_write(const struct px_dead_letter *d, uint32_t schema_id, struct px_buf *out);
PX_MUST_USE enum px_code px_dead_letter_read(struct px_str message, uint32_t schema_id,
                                             struct px_dead_letter *ret, struct px_err *reterr);
static inline void px_dead_letter_to_avro(const struct px_dead_letter *d, struct px_buf *out) {
    px_dead_letter_write(d, PX_SCHEMA_DLQ, out);
}
PX_MUST_USE static inline enum px_code px_dead_letter_from_avro(struct px_str message,
                                                                struct px_dead_letter *ret,
                                                                struct px_err *reterr) {
    return px_dead_letter_read(message, PX_SCHEMA_DLQ, ret, reterr);
}

#endif
