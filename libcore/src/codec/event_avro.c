/* Event <-> Avro bytes, field by field in the order of schemas/avro/event.avsc. Pure. The encoder
 * is the ingest's hot path and appends directly; the decoder trusts nothing: counts are bounded,
 * text is checked, and bytes behind the record are a fault. */
#include "event_avro_priv.h"

#include <px/traffic.h>
#include <px/validate.h>

/* Branches of the union of attribute values. */
enum {
    BRANCH_STRING,
    BRANCH_LONG,
    BRANCH_DOUBLE,
    BRANCH_BOOLEAN
};

static void put_attr(struct px_buf *b, const struct px_attr *a) {
    px_avro_put_bytes(b, a->name);
    switch (a->kind) {
    case PX_ATTR_TEXT:
        px_avro_put_long(b, BRANCH_STRING);
        px_avro_put_bytes(b, a->text);
        break;
    case PX_ATTR_INT:
        px_avro_put_long(b, BRANCH_LONG);
        px_avro_put_long(b, a->i);
        break;
    case PX_ATTR_NUMBER:
        px_avro_put_long(b, BRANCH_DOUBLE);
        px_avro_put_double(b, a->number);
        break;
    case PX_ATTR_BOOL:
        px_avro_put_long(b, BRANCH_BOOLEAN);
        px_avro_put_bool(b, a->i != 0);
        break;
    }
}

/* "class" or "class/reason" in one field: the schema is the one that earlier releases read. */
static void put_class(struct px_buf *out, const struct px_event *e) {
    if (!e->traffic_reason.n) {
        px_avro_put_opt_string(out, e->traffic_class);
        return;
    }
    px_avro_put_long(out, 1);
    px_avro_put_long(out, (int64_t)(e->traffic_class.n + 1 + e->traffic_reason.n));
    px_buf_str(out, e->traffic_class);
    px_buf_byte(out, '/');
    px_buf_str(out, e->traffic_reason);
}

void px_event_write(const struct px_event *e, uint32_t schema_id, struct px_buf *out) {
    char id[PX_UUID_TEXT];
    px_uuid_fmt(&e->id, id);
    px_wire_put(out, schema_id);
    px_avro_put_bytes(out, (struct px_str){.p = id, .n = sizeof id});
    px_avro_put_opt_string(out, e->client_event_id);
    px_avro_put_bytes(out, e->event_type);
    px_avro_put_bytes(out, e->player_id);
    px_avro_put_bytes(out, e->banner_tag);
    px_avro_put_opt_string(out, e->session_id);
    px_avro_put_long(out, e->occurred_at ? 1 : 0);
    if (e->occurred_at) {
        px_avro_put_long(out, e->occurred_at);
    }
    px_avro_put_long(out, e->received_at);
    if (e->nattrs) {
        px_avro_put_long(out, (int64_t)e->nattrs);
        for (size_t i = 0; i < e->nattrs; i++) {
            put_attr(out, &e->attrs[i]);
        }
    }
    px_avro_put_long(out, 0); /* end of the map's blocks */
    px_avro_put_opt_string(out, e->source_ip);
    px_avro_put_opt_string(out, e->user_agent);
    put_class(out, e);
    px_avro_put_opt_string(out, e->traceparent);
}

/* --- decoding --- */

struct px_str px_event_text(struct px_avro_in *in, struct px_str s) {
    if (!in->failed && s.n && (memchr(s.p, '\0', s.n) || !px_utf8_valid(s))) {
        in->failed = true;
    }
    return s;
}

static struct px_str get_text(struct px_avro_in *in) {
    return px_event_text(in, px_avro_bytes(in));
}

static struct px_str get_opt_text(struct px_avro_in *in) {
    return px_event_text(in, px_avro_opt_string(in));
}

static px_us get_opt_long(struct px_avro_in *in) {
    int64_t branch = px_avro_long(in);
    if (branch == 1) {
        return px_avro_long(in);
    }
    in->failed |= branch != 0;
    return 0;
}

static struct px_attr get_attr(struct px_avro_in *in) {
    struct px_attr a = {.name = get_text(in)};
    switch (px_avro_long(in)) {
    case BRANCH_STRING:
        a.kind = PX_ATTR_TEXT;
        a.text = get_text(in);
        break;
    case BRANCH_LONG:
        a.kind = PX_ATTR_INT;
        a.i = px_avro_long(in);
        break;
    case BRANCH_DOUBLE:
        a.kind = PX_ATTR_NUMBER;
        a.number = px_avro_double(in);
        break;
    case BRANCH_BOOLEAN:
        a.kind = PX_ATTR_BOOL;
        a.i = px_avro_bool(in) ? 1 : 0;
        break;
    default:
        in->failed = true;
    }
    return a;
}

/* Into its place by name: other writers do not sort their maps. A name that is there already is a
 * fault, not a choice between two values. */
bool px_event_attr_put(struct px_attr *v, size_t *n, const struct px_attr *a) {
    size_t at = *n;
    if (at == PX_EVENT_MAX_ATTRS) {
        return false;
    }
    while (at > 0) {
        int c = px_str_cmp(v[at - 1].name, a->name);
        if (c == 0) {
            return false;
        }
        if (c < 0) {
            break;
        }
        at--;
    }
    memmove(v + at + 1, v + at, (*n - at) * sizeof *v);
    v[at] = *a;
    ++*n;
    return true;
}

/* One block of the map; a negative count is followed by the block's size in bytes, which must be
 * right although nobody here needs it. */
static void get_block(struct px_avro_in *in, int64_t count, struct px_attr *v, size_t *n) {
    int64_t size = -1;
    if (count < 0) {
        size = px_avro_long(in);
        in->failed |= size < 0 || size > in->end - in->p;
        count = count < -PX_EVENT_MAX_ATTRS ? PX_EVENT_MAX_ATTRS + 1 : -count;
    }
    in->failed |= count > PX_EVENT_MAX_ATTRS - (int64_t)*n;
    const uint8_t *start = in->p;
    for (int64_t i = 0; i < count && !in->failed; i++) {
        struct px_attr a = get_attr(in);
        in->failed = in->failed || !px_event_attr_put(v, n, &a);
    }
    in->failed |= size >= 0 && in->p - start != size;
}

enum px_code px_event_attrs_keep(const struct px_attr *v, size_t n, struct px_arena *arena,
                                 struct px_event *e) {
    if (n == 0) {
        return PX_OK;
    }
    struct px_attr *attrs = px_arena_alloc(arena, n * sizeof *attrs);
    if (!attrs) {
        return PX_NOMEM;
    }
    memcpy(attrs, v, n * sizeof *attrs);
    e->attrs = attrs;
    e->nattrs = n;
    return PX_OK;
}

static enum px_code get_attrs(struct px_avro_in *in, struct px_arena *arena, struct px_event *e) {
    struct px_attr v[PX_EVENT_MAX_ATTRS];
    size_t n = 0;
    for (int64_t count = px_avro_long(in); count != 0 && !in->failed; count = px_avro_long(in)) {
        get_block(in, count, v, &n);
    }
    return in->failed ? PX_OK : px_event_attrs_keep(v, n, arena, e);
}

enum px_code px_event_own(struct px_avro_in *in, struct px_arena *arena, struct px_event *e) {
    struct px_str id = px_avro_bytes(in);
    e->client_event_id = get_opt_text(in);
    e->event_type = get_text(in);
    e->player_id = get_text(in);
    e->banner_tag = get_text(in);
    e->session_id = get_opt_text(in);
    e->occurred_at = get_opt_long(in);
    e->received_at = px_avro_long(in);
    enum px_code rc = get_attrs(in, arena, e);
    e->source_ip = get_opt_text(in);
    e->user_agent = get_opt_text(in);
    px_traffic_split(get_opt_text(in), &e->traffic_class, &e->traffic_reason);
    e->traceparent = get_opt_text(in);
    in->failed = in->failed || !px_uuid_parse(id, &e->id);
    return rc;
}

enum px_code px_event_from_avro(struct px_str message, struct px_arena *arena, struct px_event *ret,
                                int *ret_reason, struct px_err *reterr) {
    uint32_t schema = 0;
    struct px_str body;
    if (!px_wire_get(message, &schema, &body)) {
        *ret_reason = PX_REASON_BAD_FRAME;
        return PX_FAIL(reterr, PX_POISON, "%zu bytes without a frame of Avro", message.n);
    }
    if (schema != PX_SCHEMA_EVENT) {
        *ret_reason = PX_REASON_UNKNOWN_SCHEMA;
        return PX_FAIL(reterr, PX_POISON, "schema id %u, expected %d", schema, PX_SCHEMA_EVENT);
    }
    enum px_code rc = px_event_read(NULL, body, arena, ret, reterr);
    if (rc == PX_POISON) {
        *ret_reason = PX_REASON_BAD_AVRO;
    }
    return rc;
}
