/* Event <-> Avro bytes (schemas/avro/event.avsc), and the dead-letter record (dlq.avsc). Pure. */
#ifndef PX_EVENT_AVRO_H
#define PX_EVENT_AVRO_H

#include <px/avro.h>
#include <px/event.h>

/* px_event_to_avro(e, out): append frame and body. Check px_buf_ok afterwards. */
void px_event_to_avro(const struct px_event *e, struct px_buf *out);

/* px_event_from_avro(message, arena, ret, reterr): decode one framed message; text fields are views
 * into
 * ${message}, attributes live in ${arena}. Every text is checked to be UTF-8 without NUL.
 * Errors: PX_POISON; *ret_reason says which kind (enum px_reason); PX_NOMEM. */
PX_MUST_USE enum px_code px_event_from_avro(struct px_str message, struct px_arena *arena,
                                            struct px_event *ret, int *ret_reason,
                                            struct px_err *reterr);

/* A dead letter: self-describing, holds the original bytes. Letters of the earlier schema
 * (dlq-1.avsc) are read, too: what they do not say is 0. */
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
};
void px_dead_letter_to_avro(const struct px_dead_letter *d, struct px_buf *out);
PX_MUST_USE enum px_code px_dead_letter_from_avro(struct px_str message, struct px_dead_letter *ret,
                                                  struct px_err *reterr);

#endif
