/* What of a dead letter may be printed: values by their class, names only when they are words. */
#include "letter_fields.h"

#include <px/column.h>
#include <px/num.h>
#include <px/validate.h>

#include <stdio.h>
#include <string.h>

/* --- values by their class -------------------------------------------------------------------- */

/* Names of types, fields and attributes are words of the catalog, reasons words of a closed set;
 * anything else (a member that a sender made up) may be somebody's data. */
static bool is_name(struct px_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr("_-.[]", c));
        if (!word) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 64 && !px_looks_like_card(s);
}

struct px_str agg_letter_word(struct px_str s, struct px_str absent) {
    return s.n == 0 ? absent : is_name(s) ? s : PX_S("?");
}

struct px_str agg_letter_type(const struct agg_letter *l) {
    return agg_letter_word(l->type, PX_S("-"));
}

struct px_str agg_letter_reason(const struct agg_letter *l) {
    return agg_letter_word(l->d.reason, PX_S("-"));
}

void agg_letter_class_of(struct px_str s, char out[AGG_LETTER_CLASS]) {
    const char *what = !px_utf8_valid(s)        ? "bytes, not UTF-8"
                       : px_looks_like_email(s) ? "text, looks like an e-mail address"
                       : px_looks_like_card(s)  ? "text, looks like a card number"
                       : px_str_has_control(s)  ? "text with control characters"
                                                : "text";
    if (s.n == 0) {
        snprintf(out, AGG_LETTER_CLASS, "empty");
    } else {
        snprintf(out, AGG_LETTER_CLASS, "%s (%zu)", what, s.n);
    }
}

/* Of bytes that are no event. */
void agg_letter_class_of_bytes(const struct agg_letter *l, struct px_buf *out) {
    struct px_str s = agg_letter_value(l);
    uint32_t schema = 0;
    struct px_str body;
    bool text = s.n > 0 && px_utf8_valid(s) && s.p[0] != '\0';
    if (!s.p) {
        px_buf_c(out, "no value");
        return;
    }
    px_buf_printf(out, "%zu bytes", s.n);
    if (l->d.payload_bytes > 0) {
        px_buf_printf(out, " of %lld", (long long)l->d.payload_bytes);
    }
    if (px_wire_get(s, &schema, &body)) {
        px_buf_printf(out, ", framed with schema %u", schema);
    } else if (text) {
        px_buf_c(out, s.p[0] == '{' || s.p[0] == '[' ? ", text like JSON" : ", text");
    } else if (s.n > 0) {
        px_buf_c(out, ", binary");
    }
}

/* --- the fields of an event ------------------------------------------------------------------- */

static void text_field(const char *name, struct px_str s, bool always, agg_letter_field_fn *fn,
                       void *arg) {
    struct agg_letter_field f = {.name = name, .text = s};
    if (s.n == 0 && !always) {
        return;
    }
    agg_letter_class_of(s, f.class);
    fn(arg, &f);
}

static void time_field(const char *name, px_us t, agg_letter_field_fn *fn, void *arg) {
    char text[PX_TIME_TEXT];
    struct agg_letter_field f = {.name = name, .open = true};
    f.text = (struct px_str){.p = text, .n = px_fmt_instant(t, text)};
    if (t <= 0 || t > PX_COL_TIME_MAX) {
        snprintf(f.class, sizeof f.class, "%lld us since 1970", (long long)t);
        f.text = px_str_c(f.class);
    }
    fn(arg, &f);
}

static void attr_field(const struct px_attr *a, agg_letter_field_fn *fn, void *arg) {
    char number[40];
    struct agg_letter_field f = {.name = "attributes.",
                                 .attribute = is_name(a->name) ? a->name : PX_S("?"),
                                 .text = px_str_c(number)};
    switch (a->kind) {
    case PX_ATTR_TEXT:
        agg_letter_class_of(a->text, f.class);
        f.text = a->text;
        break;
    case PX_ATTR_INT:
        snprintf(f.class, sizeof f.class, "int");
        snprintf(number, sizeof number, "%lld", (long long)a->i);
        f.text = px_str_c(number);
        break;
    case PX_ATTR_NUMBER:
        snprintf(f.class, sizeof f.class, "number");
        snprintf(number, sizeof number, "%.17g", a->number);
        f.text = px_str_c(number);
        break;
    case PX_ATTR_BOOL:
        snprintf(f.class, sizeof f.class, "bool");
        f.text = a->i ? PX_S("true") : PX_S("false");
        break;
    }
    fn(arg, &f);
}

bool agg_letter_each_field(const struct agg_letter *l, struct px_arena *arena,
                           agg_letter_field_fn *fn, void *arg) {
    struct px_event e;
    char id[PX_UUID_TEXT];
    px_arena_reset(arena);
    if (!l->body.p || px_event_read(NULL, l->body, arena, &e, NULL) != PX_OK) {
        return false;
    }
    px_uuid_fmt(&e.id, id);
    fn(arg, &(struct agg_letter_field){
                .name = "event_id", .text = {.p = id, .n = sizeof id}, .open = true});
    text_field("client_event_id", e.client_event_id, false, fn, arg);
    fn(arg,
       &(struct agg_letter_field){.name = "event_type", .text = agg_letter_type(l), .open = true});
    text_field("player_id", e.player_id, true, fn, arg);
    text_field("banner_tag", e.banner_tag, true, fn, arg);
    text_field("session_id", e.session_id, false, fn, arg);
    if (e.occurred_at != 0) {
        time_field("occurred_at", e.occurred_at, fn, arg);
    }
    time_field("received_at", e.received_at, fn, arg);
    for (size_t i = 0; i < e.nattrs; i++) {
        attr_field(&e.attrs[i], fn, arg);
    }
    text_field("source_ip", e.source_ip, false, fn, arg);
    text_field("user_agent", e.user_agent, false, fn, arg);
    text_field("traffic_class", e.traffic_class, false, fn, arg);
    text_field("traffic_reason", e.traffic_reason, false, fn, arg);
    text_field("traceparent", e.traceparent, false, fn, arg);
    return true;
}
