/* Dead letters <-> Avro bytes, in the order of schemas/avro/dlq.avsc. Pure. The record must always
 * be writable, whatever went wrong: text that is not UTF-8 is made so, bytes are kept as they are.
 */
#include <px/event_avro.h>

/* Avro strings are UTF-8, and the detail of an error may quote a sender's bytes. */
static void put_text_body(struct px_buf *b, struct px_str s) {
    px_avro_put_long(b, (int64_t)s.n);
    if (px_utf8_valid(s)) {
        px_buf_str(b, s);
        return;
    }
    char *to = px_buf_reserve(b, s.n);
    if (!to) {
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        to[i] = (uint8_t)s.p[i] < 0x80 ? s.p[i] : '?';
    }
    b->n += s.n;
}

static void put_opt_text(struct px_buf *b, struct px_str s) {
    px_avro_put_long(b, s.n ? 1 : 0);
    if (s.n) {
        put_text_body(b, s);
    }
}

static void put_opt_long(struct px_buf *b, int64_t v) {
    px_avro_put_long(b, v ? 1 : 0);
    if (v) {
        px_avro_put_long(b, v);
    }
}

void px_dead_letter_write(const struct px_dead_letter *d, uint32_t schema_id, struct px_buf *out) {
    px_wire_put(out, schema_id);
    put_text_body(out, d->reason);
    put_opt_text(out, d->field);
    put_opt_text(out, d->detail);
    px_avro_put_long(out, d->at);
    put_text_body(out, d->service);
    put_text_body(out, d->version);
    put_opt_text(out, d->topic);
    px_avro_put_long(out, d->partition);
    px_avro_put_long(out, d->offset);
    px_avro_put_opt_string(out, d->key);
    px_avro_put_bytes(out, d->payload);
    put_opt_text(out, d->log_id);
    put_opt_long(out, d->payload_bytes);
    put_opt_long(out, d->key_bytes);
    put_opt_text(out, d->event_type);
    put_opt_long(out, d->received_at);
    put_opt_text(out, d->request_id);
    put_opt_text(out, d->source);
    put_opt_long(out, d->broken_limit);
}

static struct px_str checked(struct px_avro_in *in, struct px_str s) {
    in->failed = in->failed || !px_utf8_valid(s);
    return s;
}

static int64_t get_opt_length(struct px_avro_in *in) {
    int64_t branch = px_avro_long(in);
    int64_t v = branch == 1 ? px_avro_long(in) : 0;
    in->failed = in->failed || branch < 0 || branch > 1 || v < 0;
    return v;
}

/* Each schema has the fields of the one before it and some more at the end. */
enum generation {
    FIRST,
    SECOND,
    THIRD
};

static void get_dead_letter(struct px_avro_in *in, enum generation g, struct px_dead_letter *d) {
    d->reason = checked(in, px_avro_bytes(in));
    d->field = checked(in, px_avro_opt_string(in));
    d->detail = checked(in, px_avro_opt_string(in));
    d->at = px_avro_long(in);
    d->service = checked(in, px_avro_bytes(in));
    d->version = checked(in, px_avro_bytes(in));
    d->topic = checked(in, px_avro_opt_string(in));
    int64_t partition = px_avro_long(in);
    d->offset = px_avro_long(in);
    d->key = px_avro_opt_string(in);
    d->payload = px_avro_bytes(in);
    if (g >= SECOND) {
        d->log_id = checked(in, px_avro_opt_string(in));
        d->payload_bytes = get_opt_length(in);
        d->key_bytes = get_opt_length(in);
    }
    if (g >= THIRD) {
        d->event_type = checked(in, px_avro_opt_string(in));
        d->received_at = get_opt_length(in);
        d->request_id = checked(in, px_avro_opt_string(in));
        d->source = checked(in, px_avro_opt_string(in));
        d->broken_limit = get_opt_length(in);
    }
    in->failed = in->failed || in->p != in->end || partition < INT32_MIN || partition > INT32_MAX;
    d->partition = in->failed ? -1 : (int32_t)partition;
}

static bool read_as(enum generation g, struct px_str body, struct px_dead_letter *ret) {
    struct px_avro_in in = px_avro_on(body);
    struct px_dead_letter d = {.partition = -1};
    get_dead_letter(&in, g, &d);
    if (!in.failed) {
        *ret = d;
    }
    return !in.failed;
}

enum px_code px_dead_letter_read(struct px_str message, uint32_t schema_id,
                                 struct px_dead_letter *ret, struct px_err *reterr) {
    uint32_t schema = 0;
    struct px_str body;
    if (!px_wire_get(message, &schema, &body)) {
        return PX_FAIL(reterr, PX_POISON, "%zu bytes without a frame of Avro", message.n);
    }
    if (schema == schema_id) {
        return read_as(THIRD, body, ret)
                   ? PX_OK
                   : PX_FAIL(reterr, PX_POISON, "does not decode as a dead letter");
    }
    /* Which of them the id stands for only a registry knows. One field more is one byte more at
     * least: no bytes are two of them. */
    if (read_as(FIRST, body, ret) || read_as(SECOND, body, ret)) {
        return PX_OK;
    }
    return PX_FAIL(reterr, PX_POISON, "schema id %u, expected %u", schema, schema_id);
}
