/* What can be done with an event whole: its metadata as JSON, comparison, a deep copy.
 * Pure. How an event comes to be is validate.c (from a sender) and codec/event_avro.c (from the
 * log). */
#include <px/event.h>

#include <px/jsonw.h>

void px_event_metadata(const struct px_event *e, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    for (size_t i = 0; i < e->nattrs; i++) {
        const struct px_attr *a = &e->attrs[i];
        px_jw_key_s(&w, a->name);
        switch (a->kind) {
        case PX_ATTR_TEXT:
            px_jw_str(&w, a->text);
            break;
        case PX_ATTR_INT:
            px_jw_i64(&w, a->i);
            break;
        case PX_ATTR_NUMBER:
            px_jw_double(&w, a->number);
            break;
        case PX_ATTR_BOOL:
            px_jw_bool(&w, a->i != 0);
            break;
        }
    }
    px_jw_obj_end(&w);
}

static bool attr_equal(const struct px_attr *a, const struct px_attr *b) {
    if (a->kind != b->kind || !px_str_eq(a->name, b->name)) {
        return false;
    }
    switch (a->kind) {
    case PX_ATTR_TEXT:
        return px_str_eq(a->text, b->text);
    case PX_ATTR_INT:
    case PX_ATTR_BOOL:
        return a->i == b->i;
    case PX_ATTR_NUMBER:
        /* By value: no tolerance is meant here. */
        return !(a->number < b->number) && !(a->number > b->number);
    }
    return false;
}

/* The text fields of the envelope, once, for compare and copy. */
#define TEXTS 10
static void texts_of(const struct px_event *e, const struct px_str *ret[TEXTS]) {
    const struct px_str *v[TEXTS] = {
        &e->client_event_id, &e->event_type, &e->player_id,     &e->banner_tag,     &e->session_id,
        &e->source_ip,       &e->user_agent, &e->traffic_class, &e->traffic_reason, &e->traceparent,
    };
    memcpy(ret, v, sizeof v);
}

bool px_event_equal(const struct px_event *a, const struct px_event *b) {
    if (memcmp(a->id.b, b->id.b, sizeof a->id.b) != 0 || a->occurred_at != b->occurred_at ||
        a->received_at != b->received_at || a->nattrs != b->nattrs) {
        return false;
    }
    const struct px_str *ta[TEXTS];
    const struct px_str *tb[TEXTS];
    texts_of(a, ta);
    texts_of(b, tb);
    for (size_t i = 0; i < TEXTS; i++) {
        if (!px_str_eq(*ta[i], *tb[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->nattrs; i++) {
        if (!attr_equal(&a->attrs[i], &b->attrs[i])) {
            return false;
        }
    }
    return true;
}

static struct px_str move_text(char **to, struct px_str s) {
    if (s.n == 0) {
        return s.p ? (struct px_str){.p = "", .n = 0} : s;
    }
    struct px_str copy = {.p = memcpy(*to, s.p, s.n), .n = s.n};
    *to += s.n;
    return copy;
}

/* Two allocations, however many fields: one for the attributes, one for all text. */
enum px_code px_event_copy(const struct px_event *e, struct px_arena *arena, struct px_event *ret) {
    const struct px_str *texts[TEXTS];
    texts_of(e, texts);
    size_t bytes = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        bytes += texts[i]->n;
    }
    for (size_t i = 0; i < e->nattrs; i++) {
        bytes += e->attrs[i].name.n + e->attrs[i].text.n;
    }
    struct px_attr *attrs = NULL;
    char *to = px_arena_alloc(arena, bytes);
    if (e->nattrs) {
        attrs = px_arena_zalloc(arena, e->nattrs, sizeof *attrs);
    }
    if (!to || (e->nattrs && !attrs)) {
        return PX_NOMEM;
    }
    struct px_event c = *e;
    c.client_event_id = move_text(&to, e->client_event_id);
    c.event_type = move_text(&to, e->event_type);
    c.player_id = move_text(&to, e->player_id);
    c.banner_tag = move_text(&to, e->banner_tag);
    c.session_id = move_text(&to, e->session_id);
    c.source_ip = move_text(&to, e->source_ip);
    c.user_agent = move_text(&to, e->user_agent);
    c.traffic_class = move_text(&to, e->traffic_class);
    c.traffic_reason = move_text(&to, e->traffic_reason);
    c.traceparent = move_text(&to, e->traceparent);
    for (size_t i = 0; i < e->nattrs; i++) {
        attrs[i] = e->attrs[i];
        attrs[i].name = move_text(&to, e->attrs[i].name);
        attrs[i].text = move_text(&to, e->attrs[i].text);
    }
    c.attrs = attrs;
    *ret = c;
    return PX_OK;
}
