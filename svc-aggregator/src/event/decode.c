/* One record: frame, Avro, catalog, times; then the keys of its claims, computed once so that a
 * redo sees the same. Between consume.c and claim.c. */
#include "decode.h"

#include <px/column.h>
#include <px/defect.h>
#include <px/event_avro.h>

static void condemn(struct agg_item *it, enum px_reason reason, struct px_str field,
                    struct px_str detail) {
    it->dead = true;
    it->reason = reason;
    it->field = field;
    it->detail = detail;
}

/* px_event_check knows what is a time at all; what a database stores is less. The field that is
 * not, or nothing. */
static struct px_str unstorable(const struct px_event *e) {
    return e->received_at > PX_COL_TIME_MAX   ? PX_S("received_at")
           : e->occurred_at > PX_COL_TIME_MAX ? PX_S("occurred_at")
                                              : PX_S("");
}

static void keys(const struct agg_decoder *d, struct agg_item *it) {
    it->day = px_zone_day(d->zone, px_event_time(&it->event));
    it->natural = px_dedupe_natural_key(&it->event, it->type, it->day);
    if (it->event.client_event_id.n > 0) {
        it->client = px_dedupe_client_key(&it->event);
        it->fingerprint = px_dedupe_fingerprint(&it->event);
    }
}

/* By our own schema or by that of another writer. */
static enum px_code read_event(const struct agg_decoder *d, struct agg_item *it,
                               struct px_arena *arena, struct px_err *reterr) {
    uint32_t id = 0;
    struct px_str body;
    if (!px_wire_get(it->value, &id, &body)) {
        it->reason = PX_REASON_BAD_FRAME;
        return PX_FAIL(reterr, PX_POISON, "%zu bytes without a frame of Avro", it->value.n);
    }
    struct agg_schema schema = agg_schemas_get(d->schemas, id);
    switch (schema.state) {
    case AGG_SCHEMA_KNOWN:
        it->reason = PX_REASON_BAD_AVRO;
        return px_event_read(schema.plan, body, arena, &it->event, reterr);
    case AGG_SCHEMA_REFUSED:
        it->reason = schema.reason;
        return PX_FAIL(reterr, PX_POISON, "schema id %u: %s", id, schema.why);
    case AGG_SCHEMA_AWAITED:
        break;
    }
    return PX_FAIL(reterr, PX_BUSY, "schema %u is awaited", id);
}

enum px_code agg_decode(const struct agg_decoder *d, struct agg_item *it, struct px_arena *arena,
                        struct px_err *reterr) {
    if (!it->value.p) {
        condemn(it, PX_REASON_NULL_MESSAGE, PX_S(""), PX_S(""));
        return PX_OK;
    }
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = read_event(d, it, arena, &err);
    if (rc == PX_POISON) {
        struct px_str detail = px_arena_dup(arena, px_str_c(err.msg));
        condemn(it, it->reason, PX_S(""), detail.p ? detail : PX_S(""));
        return PX_OK;
    }
    if (rc != PX_OK) {
        if (reterr) {
            *reterr = err;
        }
        return rc;
    }
    struct px_issue issue = {.reason = PX_REASON_BAD_AVRO};
    if (!px_event_check(d->catalog, &it->event, &it->type, &issue)) {
        struct px_str field = px_arena_dup(arena, px_str_c(issue.field));
        condemn(it, issue.reason, field.p ? field : PX_S(""), PX_S(""));
        return PX_OK;
    }
    if (it->offset % 50 == 49 && PX_DEFECT("agg.condemn_good")) {
        condemn(it, PX_REASON_UNKNOWN_TYPE, PX_S("event_type"), PX_S(""));
        return PX_OK;
    }
    struct px_str late = unstorable(&it->event);
    if (late.n > 0) {
        condemn(it, PX_REASON_OUT_OF_RANGE, late, PX_S(""));
        return PX_OK;
    }
    keys(d, it);
    return PX_OK;
}
