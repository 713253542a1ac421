/* Avro primitives for our fixed records, and the wire frame in front of them. Bounds-checked both
 * ways. Source: Avro 1.11 specification, "Binary encoding"; Confluent wire format (magic 0, 4-byte
 * id). Pure. */
#ifndef PX_AVRO_H
#define PX_AVRO_H

#include <px/buf.h>

/* --- writing (append to a px_buf) --- */
void px_avro_put_long(struct px_buf *b, int64_t v);
void px_avro_put_bytes(struct px_buf *b, struct px_str s); /* also string */
void px_avro_put_double(struct px_buf *b, double v);
void px_avro_put_bool(struct px_buf *b, bool v);
/* union ["null", X]: branch 0 when n == 0, else branch 1 and the string */
void px_avro_put_opt_string(struct px_buf *b, struct px_str s);

/* --- reading (a cursor that remembers its first failure) --- */
struct px_avro_in {
    const uint8_t *p, *end;
    bool failed;
};
static inline struct px_avro_in px_avro_on(struct px_str s) {
    const uint8_t *p = (const uint8_t *)s.p;
    return (struct px_avro_in){.p = p, .end = p ? p + s.n : p, .failed = false};
}
int64_t px_avro_long(struct px_avro_in *in);
struct px_str px_avro_bytes(struct px_avro_in *in); /* a view into the input */
double px_avro_double(struct px_avro_in *in);
bool px_avro_bool(struct px_avro_in *in);
struct px_str px_avro_opt_string(struct px_avro_in *in); /* n = 0 when null */

/* --- frame --- */
#define PX_WIRE_HEADER 5
void px_wire_put(struct px_buf *b, uint32_t schema_id);
/* px_wire_get(s, ret_id, ret_body): false when there is no frame. */
PX_MUST_USE bool px_wire_get(struct px_str s, uint32_t *ret_id, struct px_str *ret_body);

/* Schema ids without a registry; schemas/README.md documents them. */
#define PX_SCHEMA_EVENT 1
#define PX_SCHEMA_DLQ_1 2 /* dead letters before they named their log: only read */
#define PX_SCHEMA_DLQ_2 3 /* before they told of the request: only read */
#define PX_SCHEMA_DLQ   4

#endif
