/* POST /api/events: JSON -> raw fields, the first hop of a JSON event. Pure: it judges nothing
 * beyond what the document's shape shows. */
#include "fields.h"

#include <stdio.h>
#include <string.h>

/* Text members of one event. */
static const struct {
    const char *name;
    size_t offset;
} collect_texts[] = {
    {"eventType", offsetof(struct px_raw_event, event_type)},
    {"playerId", offsetof(struct px_raw_event, player_id)},
    {"bannerTag", offsetof(struct px_raw_event, banner_tag)},
    {"eventId", offsetof(struct px_raw_event, client_event_id)},
    {"timestamp", offsetof(struct px_raw_event, timestamp)},
    {"sessionId", offsetof(struct px_raw_event, session_id)},
    {"ip", offsetof(struct px_raw_event, source_ip)},
};

/* A name from the document as a NUL-terminated field name, cut where it must be. */
static void collect_issue(struct px_verdict *v, enum px_reason reason, const char *prefix,
                          struct px_str name) {
    char field[sizeof v->issues[0].field];

    name = ing_fields_name(name, sizeof field - strlen(prefix));
    snprintf(field, sizeof field, "%s%.*s", prefix, (int)name.n, name.p ? name.p : "");
    px_verdict_add(v, reason, field);
}

static struct px_str *collect_place(struct px_raw_event *raw, struct px_str name) {
    for (size_t i = 0; i < PX_ARRAY_LEN(collect_texts); i++) {
        if (px_str_is(name, collect_texts[i].name)) {
            return (struct px_str *)(void *)((char *)raw + collect_texts[i].offset);
        }
    }
    return NULL;
}

/* False when a value of this kind cannot be an attribute. */
static bool collect_attr(const struct px_jnode *node, struct px_raw_attr *ret) {
    switch (px_json_type(node)) {
    case PX_JSON_STRING:
        ret->kind = PX_ATTR_TEXT;
        ret->text = px_json_text(node);
        return true;
    case PX_JSON_NUMBER:
        ret->kind = px_json_int(node, &ret->i) ? PX_ATTR_INT : PX_ATTR_NUMBER;
        ret->number = px_json_double(node);
        return true;
    case PX_JSON_BOOL:
        ret->kind = PX_ATTR_BOOL;
        ret->i = px_json_bool(node);
        return true;
    case PX_JSON_NULL:
    case PX_JSON_ARRAY:
    case PX_JSON_OBJECT:
        break;
    }
    return false;
}

static enum px_code collect_attributes(const struct px_event_type *type,
                                       const struct px_jnode *node, struct px_arena *arena,
                                       struct ing_fields *out, struct px_err *reterr) {
    if (!type) {
        return PX_OK; /* an unknown type has no allow-list; the type itself is refused */
    }
    struct px_raw_attr *attrs = px_arena_zalloc(arena, type->nfields + 1, sizeof *attrs);
    if (!attrs) {
        return PX_FAIL(reterr, PX_NOMEM, "no memory for %zu attributes", type->nfields);
    }
    size_t n = 0;
    for (const struct px_jnode *c = px_json_first(node); c; c = px_json_next(c)) {
        struct px_str name = px_json_name(c);
        int i = ing_fields_attr(type, name);
        if (i < 0) {
            ing_fields_drop(out, name);
        } else if (px_json_type(c) == PX_JSON_NULL) {
            continue;
        } else if (!collect_attr(c, &attrs[n])) {
            collect_issue(&out->early, PX_REASON_BAD_TYPE, "attributes.", name);
        } else {
            /* Names are unique in a document, so n cannot pass nfields. */
            attrs[n++].name = px_str_c(type->fields[i].name);
        }
    }
    out->raw.attrs = attrs;
    out->raw.nattrs = n;
    return PX_OK;
}

static void collect_member(const struct px_jnode *c, struct ing_fields *out,
                           const struct px_jnode **ret_attributes) {
    struct px_str name = px_json_name(c);
    struct px_str *place = collect_place(&out->raw, name);

    if (px_json_type(c) == PX_JSON_NULL && (place || px_str_is(name, "attributes"))) {
        return;
    }
    if (place) {
        *place = px_json_text(c);
        if (!place->p) { /* seconds or milliseconds? nobody can know: a time is text */
            collect_issue(&out->early,
                          px_str_is(name, "timestamp") ? PX_REASON_BAD_TIMESTAMP
                                                       : PX_REASON_BAD_TYPE,
                          "", name);
        }
    } else if (!px_str_is(name, "attributes")) {
        collect_issue(&out->early, PX_REASON_UNKNOWN_MEMBER, "", name);
    } else if (px_json_type(c) == PX_JSON_OBJECT) {
        *ret_attributes = c;
    } else {
        collect_issue(&out->early, PX_REASON_BAD_TYPE, "", name);
    }
}

enum px_code ing_collect_read(const struct px_catalog *cat, const struct px_jnode *node,
                              struct px_arena *arena, struct ing_fields *ret,
                              struct px_err *reterr) {
    ret->raw = (struct px_raw_event){0};
    px_verdict_clear(&ret->early);
    ret->dropped = 0;
    ret->keyed = false;
    if (px_json_type(node) != PX_JSON_OBJECT) {
        px_verdict_add(&ret->early, PX_REASON_BAD_TYPE, "event");
        return PX_OK;
    }
    const struct px_jnode *attributes = NULL;
    for (const struct px_jnode *c = px_json_first(node); c; c = px_json_next(c)) {
        collect_member(c, ret, &attributes);
    }
    if (!attributes) {
        return PX_OK;
    }
    /* Read last: which attributes are allowed depends on the type, wherever it stands. */
    const struct px_event_type *type =
        ret->raw.event_type.p ? px_catalog_find(cat, ret->raw.event_type) : NULL;
    return collect_attributes(type, attributes, arena, ret, reterr);
}

void ing_collect_key(struct ing_fields *f, struct px_str key, bool twice) {
    if (!key.p) {
        return;
    }
    if (twice) {
        px_verdict_add(&f->early, PX_REASON_DUPLICATE_PARAMETER, "Idempotency-Key");
    } else if (!f->raw.client_event_id.p) {
        f->raw.client_event_id = key;
        f->keyed = true;
    } else if (!px_str_eq(f->raw.client_event_id, key)) {
        px_verdict_add(&f->early, PX_REASON_CONFLICTING_IDS, "Idempotency-Key");
    }
}

enum px_code ing_collect_item_key(struct ing_fields *f, struct px_str key, uint32_t index,
                                  struct px_arena *arena) {
    char tail[16];
    int n = snprintf(tail, sizeof tail, "/%u", index);

    px_assert(key.n <= ING_BATCH_KEY_MAX && key.n + (size_t)n <= PX_ID_MAX);
    if (f->raw.client_event_id.p) {
        return PX_OK;
    }
    char *id = px_arena_alloc(arena, key.n + (size_t)n);
    if (!id) {
        return PX_NOMEM;
    }
    memcpy(id, key.p, key.n);
    memcpy(id + key.n, tail, (size_t)n);
    f->raw.client_event_id = (struct px_str){.p = id, .n = key.n + (size_t)n};
    f->keyed = true;
    return PX_OK;
}

void ing_collect_names(const struct ing_fields *f, struct px_verdict *v) {
    for (size_t i = 0; f->keyed && i < v->nissues; i++) {
        if (strcmp(v->issues[i].field, "eventId") == 0) {
            snprintf(v->issues[i].field, sizeof v->issues[i].field, "Idempotency-Key");
        }
    }
}
