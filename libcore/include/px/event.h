/* One event: the envelope that every type shares. Views only: the bytes live in the arena or buffer
 * it was built from. Values are decoded exactly once and kept as sent. */
#ifndef PX_EVENT_H
#define PX_EVENT_H

#include <px/arena.h>
#include <px/buf.h>
#include <px/hash.h>

/* Most attributes of one event: a type lists no more, a decoder accepts no more. */
#define PX_EVENT_MAX_ATTRS 64
/* Integers that a double (and so JSON) holds exactly: -2^53 to 2^53. */
#define PX_EXACT_INT (INT64_C(1) << 53)

enum px_attr_kind {
    PX_ATTR_TEXT,
    PX_ATTR_INT,
    PX_ATTR_NUMBER,
    PX_ATTR_BOOL
};
struct px_attr {
    struct px_str name;
    enum px_attr_kind kind;
    struct px_str text;
    int64_t i; /* INT; BOOL as 0 or 1 */
    double number;
};

struct px_event {
    struct px_uuid id;             /* made by ingest: UUIDv7                       */
    struct px_str client_event_id; /* the sender's idempotency key; n = 0 = none   */
    struct px_str event_type;
    struct px_str player_id; /* the subject, and Kafka's key                 */
    struct px_str banner_tag;
    struct px_str session_id;    /* n = 0 = none                                 */
    px_us occurred_at;           /* the sender's time; 0 = none or not usable    */
    px_us received_at;           /* the server's time                            */
    const struct px_attr *attrs; /* sorted by name, names unique                 */
    size_t nattrs;
    /* From the server; n = 0 = none. No reason without a class; a class holds no '/'. */
    struct px_str source_ip, user_agent, traffic_class, traffic_reason, traceparent;
};

/* px_event_time(e): occurred_at when there is one, else received_at. */
static inline px_us px_event_time(const struct px_event *e) {
    return e->occurred_at ? e->occurred_at : e->received_at;
}
/* px_event_metadata(e, out): the attributes as a JSON object, names sorted: what `metadata_json`
 * holds. */
void px_event_metadata(const struct px_event *e, struct px_buf *out);

/* px_event_equal(a, b): all fields bytewise equal (numbers by value). */
bool px_event_equal(const struct px_event *a, const struct px_event *b);

/* px_event_copy(e, arena, ret): deep copy into ${arena}. Errors: PX_NOMEM. */
PX_MUST_USE enum px_code px_event_copy(const struct px_event *e, struct px_arena *arena,
                                       struct px_event *ret);

#endif
