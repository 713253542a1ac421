/* POST /api/events: the handler. One event waits for its report like a pixel; a batch waits for all
 * of its items. What is wrong with the request as a whole is answered here. */
#include "handle.h"

#include "dry_run.h"

#include <px/gunzip.h>

#define COLLECT_KEY "Idempotency-Key"

static void collect_refuse(struct ing_worker *w, struct ing_request *rq, struct ing_refusal r) {
    ing_reply_refusal(w, rq, &r);
}

/* A refusal of the request as a whole. */
struct collect_fault {
    enum px_reason reason;
    const char *field;
    const char *detail;   /* NULL: the reason's sentence */
    const char *fields;   /* more header fields; NULL = none */
    struct px_str source; /* the bytes to blame; n = 0 = none that can be read */
};

/* What the verdict says of the request as a whole; a dry run leaves no trace. */
static void collect_record(struct ing_worker *w, struct ing_request *rq, struct px_str source) {
    if (!rq->wishes.dry_run) {
        ing_reject(w, rq, NULL, source);
    }
}

static void collect_reject(struct ing_worker *w, struct ing_request *rq,
                           const struct collect_fault *f) {
    ing_request_fault(rq, f->reason, f->field);
    rq->asked.bytes = (int64_t)px_req_body(rq->req).n; /* also where they cannot be read */
    collect_record(w, rq, f->source);
    struct ing_refusal r = ing_refusal_of(rq->verdict);
    r.detail = f->detail;
    r.fields = f->fields;
    collect_refuse(w, rq, r);
}

static void collect_busy(struct ing_worker *w, struct ing_request *rq) {
    px_count(w->shard, ING_M_UNAVAILABLE, ING_BUSY_OVERLOADED, 0, 1);
    collect_refuse(w, rq, ing_refusal_busy(ING_BUSY_OVERLOADED));
}

/* --- one event ----------------------------------------------------------------------------------
 */

static void collect_one(struct ing_worker *w, struct ing_request *rq, const struct px_jnode *node,
                        struct px_str text) {
    struct ing_fields *f = rq->fields;
    struct ing_slot *slot = NULL;
    enum ing_busy busy = ING_BUSY_OVERLOADED;
    bool twice = false;

    if (ing_collect_read(w->world->catalog, node, &w->scratch.arena, f, NULL)) {
        collect_busy(w, rq);
        return;
    }
    rq->text = text;
    struct px_str key = px_req_header(rq->req, "idempotency-key", &twice);
    ing_collect_key(f, key, twice);
    if (rq->wishes.dry_run) {
        ing_dry_collect(w, rq);
        return;
    }
    struct ing_refusal r;
    switch (ing_accept(w, rq, &slot, &busy)) {
    case ING_QUEUED:
        slot->w.ticket = px_http_defer(rq->req);
        return;
    case ING_REFUSED:
        ing_collect_names(f, rq->verdict);
        r = ing_refusal_of(rq->verdict);
        break;
    case ING_LATER:
    default:
        r = ing_refusal_busy(busy);
        break;
    }
    r.client_id =
        f->raw.client_event_id.n <= ING_CLIENT_ID_MAX ? f->raw.client_event_id : (struct px_str){0};
    collect_refuse(w, rq, r);
}

/* --- a batch -------------------------------------------------------------------------------------
 */

/* The array of a batch: the document itself or its member `events`; NULL = one event. False when
 * the wrapper holds anything else; ${v} says what. */
static bool collect_find_batch(const struct px_jnode *root, const struct px_jnode **ret,
                               struct px_verdict *v) {
    *ret = px_json_type(root) == PX_JSON_ARRAY ? root : px_json_get(root, "events");
    if (!*ret || *ret == root) {
        return true;
    }
    px_verdict_clear(v);
    for (const struct px_jnode *c = px_json_first(root); c; c = px_json_next(c)) {
        if (c != *ret) {
            char field[64];
            struct px_str name = ing_fields_name(px_json_name(c), sizeof field);
            px_verdict_add(v, PX_REASON_UNKNOWN_MEMBER,
                           px_str_copy(name, field, sizeof field) ? field : "?");
        }
    }
    if (px_json_type(*ret) != PX_JSON_ARRAY) {
        px_verdict_add(v, PX_REASON_BAD_TYPE, "events");
    }
    return v->nissues == 0;
}

/* What the items of a batch cannot be judged without: its size and its key. */
static bool collect_batch_fault(const struct ing_batch_ask *a, bool keyed, bool twice,
                                struct collect_fault *ret) {
    const struct {
        bool broken;
        enum px_reason reason;
        const char *field, *detail;
    } rules[] = {
        {a->n == 0 || a->n > ING_BATCH_MAX, PX_REASON_BATCH_SIZE, "events", NULL},
        {twice, PX_REASON_DUPLICATE_PARAMETER, COLLECT_KEY, NULL},
        {keyed && a->key.n == 0, PX_REASON_EMPTY_VALUE, COLLECT_KEY, NULL},
        {a->key.n > ING_BATCH_KEY_MAX, PX_REASON_TOO_LONG, COLLECT_KEY,
         COLLECT_KEY " has at most 124 bytes with a batch: each item adds its index"},
    };

    for (size_t i = 0; i < PX_ARRAY_LEN(rules); i++) {
        if (rules[i].broken) {
            ret->reason = rules[i].reason;
            ret->field = rules[i].field;
            ret->detail = rules[i].detail;
            return true;
        }
    }
    return false;
}
static_assert(ING_BATCH_KEY_MAX == 124 && ING_BATCH_MAX == 500, "as the sentence above says");

static void collect_batch(struct ing_worker *w, struct ing_request *rq, struct ing_items *items,
                          struct px_str text) {
    bool twice = false;
    struct ing_batch_ask a = {.n = (uint32_t)ing_items_count(items, ING_BATCH_MAX + 1),
                              .key = px_req_header(rq->req, "idempotency-key", &twice)};
    struct collect_fault fault = {.source = text};

    if (collect_batch_fault(&a, a.key.p != NULL, twice, &fault)) {
        collect_reject(w, rq, &fault);
        return;
    }
    if (!ing_admit_batch(w, rq, a.n)) {
        return;
    }
    rq->items = items;
    if (rq->wishes.dry_run) {
        ing_dry_batch(w, rq, &a);
    } else {
        ing_collect_batch(w, rq, &a);
    }
    rq->items = NULL; /* the caller's */
}

/* --- the body ------------------------------------------------------------------------------------
 */

static void collect_document(struct ing_worker *w, struct ing_request *rq,
                             const struct px_jnode *root, struct px_str text) {
    const struct px_jnode *events = NULL;

    rq->asked.source = "batch";
    if (!collect_find_batch(root, &events, rq->verdict)) {
        collect_record(w, rq, text);
        collect_refuse(w, rq, ing_refusal_of(rq->verdict));
    } else if (events) {
        struct ing_items items = ing_items_array(events, text);
        collect_batch(w, rq, &items, text);
    } else {
        rq->asked.source = "json";
        collect_one(w, rq, root, text);
    }
}

static void collect_json_free(struct px_json **doc) {
    px_json_free(*doc);
}

static void collect_json(struct ing_worker *w, struct ing_request *rq, struct px_str text) {
    PX_DEFER(collect_json_free) struct px_json *doc = NULL;
    struct px_err err = PX_ERR_INIT;
    enum px_code rc = px_json_parse(text, ING_BODY_MAX, &doc, &err);

    if (rc == PX_OK) {
        collect_document(w, rq, px_json_root(doc), text);
    } else if (rc == PX_NOMEM) {
        collect_busy(w, rq);
    } else {
        collect_reject(
            w, rq,
            &(struct collect_fault){
                .reason = PX_REASON_BAD_JSON, .field = "body", .detail = err.msg, .source = text});
    }
}

static void collect_lines(struct ing_worker *w, struct ing_request *rq, struct px_str text) {
    PX_DEFER(ing_items_fini) struct ing_items items = ing_items_lines(text);

    rq->asked.source = "ndjson";
    collect_batch(w, rq, &items, text);
}

/* The text of the body; false when it has been answered. */
static bool collect_text(struct ing_worker *w, struct ing_request *rq, enum ing_coding coding,
                         struct px_str *ret) {
    struct px_err err = PX_ERR_INIT;
    struct collect_fault fault = {
        .reason = PX_REASON_BAD_COMPRESSION, .field = "body", .detail = err.msg};

    *ret = px_req_body(rq->req);
    if (coding == ING_CODING_NONE) {
        return true;
    }
    px_buf_reset(&w->scratch.inflated);
    enum px_code rc = px_gunzip(*ret, &w->scratch.inflated, &err);
    *ret = px_buf_view(&w->scratch.inflated);
    if (rc == PX_OK) {
        return true;
    }
    if (rc == PX_NOMEM) {
        collect_busy(w, rq);
        return false;
    }
    if (rc == PX_TOO_LARGE) {
        fault.reason = PX_REASON_BODY_TOO_LARGE;
    }
    collect_reject(w, rq, &fault);
    return false;
}

/* Each way a body can be read. */
static void collect_body(struct ing_worker *w, struct ing_request *rq) {
    struct collect_fault bad_type = {.reason = PX_REASON_BAD_CONTENT_TYPE,
                                     .field = "Content-Type",
                                     .fields = "Accept: " ING_BODY_TYPES "\r\n"};
    static const struct collect_fault bad_coding = {.reason = PX_REASON_BAD_CONTENT_ENCODING,
                                                    .field = "Content-Encoding",
                                                    .fields = "Accept-Encoding: " ING_BODY_CODINGS
                                                              "\r\n"};
    bool types = false, codings = false;
    enum ing_form form = ING_FORM_JSON;
    enum ing_coding coding = ING_CODING_NONE;
    struct px_str text, type = px_req_header(rq->req, "content-type", &types),
                        coded = px_req_header(rq->req, "content-encoding", &codings);

    bad_type.source = coded.p ? (struct px_str){.n = 0} : px_req_body(rq->req);
    if (!ing_body_form(type, types, &form)) {
        collect_reject(w, rq, &bad_type);
    } else if (!ing_body_coding(coded, codings, &coding)) {
        collect_reject(w, rq, &bad_coding);
    } else if (!collect_text(w, rq, coding, &text)) {
        return;
    } else if (form == ING_FORM_LINES) {
        collect_lines(w, rq, text);
    } else {
        collect_json(w, rq, text);
    }
}

void ing_collect(struct ing_worker *w, struct ing_request *rq) {
    static const struct collect_fault bad_dry = {
        .reason = PX_REASON_BAD_TYPE, .field = "dryRun", .detail = "dryRun is 1 or 0, given once"};
    bool dry = false;

    if (!ing_dry_run_asked(px_req_query(rq->req), &dry)) {
        collect_reject(w, rq, &bad_dry);
        return;
    }
    rq->wishes.dry_run = rq->wishes.dry_run || dry;
    if (!rq->wishes.dry_run && ing_pending_full(&w->pending)) {
        collect_busy(w, rq); /* before it costs anything */
        return;
    }
    collect_body(w, rq);
}
