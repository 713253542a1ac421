/* The frame in front of every message of the log: magic byte 0, schema id in 4 bytes, big-endian.
 * Source: Confluent wire format. Pure. */
#include <px/avro.h>

void px_wire_put(struct px_buf *b, uint32_t schema_id) {
    const char head[PX_WIRE_HEADER] = {
        0,
        (char)(uint8_t)(schema_id >> 24),
        (char)(uint8_t)(schema_id >> 16),
        (char)(uint8_t)(schema_id >> 8),
        (char)(uint8_t)schema_id,
    };
    px_buf_add(b, head, sizeof head);
}

bool px_wire_get(struct px_str s, uint32_t *ret_id, struct px_str *ret_body) {
    if (s.n < PX_WIRE_HEADER || s.p[0] != 0) {
        return false;
    }
    uint32_t id = 0;
    for (size_t i = 1; i < PX_WIRE_HEADER; i++) {
        id = id << 8 | (uint8_t)s.p[i];
    }
    *ret_id = id;
    *ret_body = (struct px_str){.p = s.p + PX_WIRE_HEADER, .n = s.n - PX_WIRE_HEADER};
    return true;
}
