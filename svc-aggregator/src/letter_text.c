/* Dead letters for people: see the header. Whatever is printed here may come from anybody who can
 * write to the topic: no value without being asked for, no control character ever. */
#include "letter_text.h"

#include <px/column.h>
#include <px/jsonw.h>
#include <px/num.h>
#include <px/validate.h>

#include <stdio.h>
#include <string.h>

#define TEXT_CLASS 64

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

static struct px_str word(struct px_str s, struct px_str absent) {
    return s.n == 0 ? absent : is_name(s) ? s : PX_S("?");
}

struct px_str agg_letter_type(const struct agg_letter *l) {
    return word(l->type, PX_S("-"));
}

struct px_str agg_letter_reason(const struct agg_letter *l) {
    return word(l->d.reason, PX_S("-"));
}

static void class_of(struct px_str s, char out[TEXT_CLASS]) {
    const char *what = !px_utf8_valid(s)        ? "bytes, not UTF-8"
                       : px_looks_like_email(s) ? "text, looks like an e-mail address"
                       : px_looks_like_card(s)  ? "text, looks like a card number"
                       : px_str_has_control(s)  ? "text with control characters"
                                                : "text";
    if (s.n == 0) {
        snprintf(out, TEXT_CLASS, "empty");
    } else {
        snprintf(out, TEXT_CLASS, "%s (%zu)", what, s.n);
    }
}

/* Of bytes that are no event. */
static void class_of_bytes(const struct agg_letter *l, struct px_buf *out) {
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

struct field {
    const char *name;
    struct px_str attribute; /* the name of an attribute; n = 0 = it is none */
    struct px_str text;      /* its value, when it is one */
    char class[TEXT_CLASS];
    bool open; /* the value is nobody's data: printed always */
};

typedef void field_fn(void *arg, const struct field *f);

static void text_field(const char *name, struct px_str s, bool always, field_fn *fn, void *arg) {
    struct field f = {.name = name, .text = s};
    if (s.n == 0 && !always) {
        return;
    }
    class_of(s, f.class);
    fn(arg, &f);
}

static void time_field(const char *name, px_us t, field_fn *fn, void *arg) {
    char text[PX_TIME_TEXT];
    struct field f = {.name = name, .open = true};
    f.text = (struct px_str){.p = text, .n = px_fmt_instant(t, text)};
    if (t <= 0 || t > PX_COL_TIME_MAX) {
        snprintf(f.class, sizeof f.class, "%lld us since 1970", (long long)t);
        f.text = px_str_c(f.class);
    }
    fn(arg, &f);
}

static void attr_field(const struct px_attr *a, field_fn *fn, void *arg) {
    char number[40];
    struct field f = {.name = "attributes.",
                      .attribute = is_name(a->name) ? a->name : PX_S("?"),
                      .text = px_str_c(number)};
    switch (a->kind) {
    case PX_ATTR_TEXT:
        class_of(a->text, f.class);
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

/* Every field of the event; false: the bytes are none. */
static bool each_field(const struct agg_letter *l, struct px_arena *arena, field_fn *fn,
                       void *arg) {
    struct px_event e;
    char id[PX_UUID_TEXT];
    px_arena_reset(arena);
    if (!l->body.p || px_event_read(NULL, l->body, arena, &e, NULL) != PX_OK) {
        return false;
    }
    px_uuid_fmt(&e.id, id);
    fn(arg, &(struct field){.name = "event_id", .text = {.p = id, .n = sizeof id}, .open = true});
    text_field("client_event_id", e.client_event_id, false, fn, arg);
    fn(arg, &(struct field){.name = "event_type", .text = agg_letter_type(l), .open = true});
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
    text_field("traceparent", e.traceparent, false, fn, arg);
    return true;
}

/* --- the detail ---------------------------------------------------------------------------------
 */

struct quoting {
    struct px_str detail;
    bool found;
};

/* Short values are found in any sentence; three letters are nobody's identity. */
static void quotes_field(void *arg, const struct field *f) {
    struct quoting *q = arg;
    if (!f->open && f->text.n > 3 && f->text.n <= q->detail.n &&
        memmem(q->detail.p, q->detail.n, f->text.p, f->text.n)) {
        q->found = true;
    }
}

/* The detail of a refusal comes from a database, where a trigger may quote the row. */
static struct px_str safe_detail(const struct agg_letter *l, struct px_arena *arena) {
    struct px_str d = l->d.detail;
    struct quoting q = {.detail = d};
    q.found = px_looks_like_email(d) || px_looks_like_card(d) || px_str_has_control(d);
    if (d.n > 0) {
        (void)each_field(l, arena, quotes_field, &q);
    }
    return q.found ? PX_S("(withheld: it quotes a value)") : d;
}

/* --- one line --------------------------------------------------------------------------------- */

static void put_printable(struct px_buf *out, struct px_str s) {
    for (size_t i = 0; i < s.n;) {
        size_t n = px_utf8_char((struct px_str){.p = s.p + i, .n = s.n - i});
        struct px_str one = {.p = s.p + i, .n = n ? n : 1};
        if (n == 0 || px_str_has_control(one)) {
            px_buf_printf(out, "\\x%02x", (unsigned)(uint8_t)s.p[i]);
            one.n = 1;
        } else {
            px_buf_str(out, one);
        }
        i += one.n;
    }
}

/* Only the classes that say something: the id and the times are in the letter's own columns. */
static void line_field(void *arg, const struct field *f) {
    struct px_buf *out = arg;
    if (!f->open) {
        px_buf_printf(out, ", %s%.*s %s", f->name, PX_S_ARG(f->attribute), f->class);
    }
}

static void put_origin(const struct agg_letter *l, const struct agg_letter_names *names,
                       struct px_buf *out) {
    if (!agg_letter_of_log(l)) {
        px_buf_c(out, "request");
        return;
    }
    if (!px_str_is(l->d.topic, names->topic)) {
        put_printable(out, l->d.topic);
        px_buf_byte(out, '/');
    }
    px_buf_printf(out, "%d/%lld", l->d.partition, (long long)l->d.offset);
}

static struct px_str or_dash(struct px_str s) {
    return s.n > 0 ? s : PX_S("-");
}

static void put_content(const struct agg_letter *l, struct px_arena *arena, struct px_buf *out) {
    size_t from = out->n;
    px_buf_c(out, "event");
    if (!each_field(l, arena, line_field, out)) {
        out->n = out->failed ? out->n : from;
        class_of_bytes(l, out);
    }
}

void agg_letter_line(const struct agg_letter *l, const struct agg_letter_names *names,
                     struct px_arena *arena, struct px_buf *out) {
    char at[PX_TIME_TEXT];
    if (!l->readable) {
        px_buf_printf(out, "- unreadable %d/%lld of %s: %zu bytes that are no dead letter",
                      l->at_partition, (long long)l->at_offset, names->dlq, l->bytes.n);
        return;
    }
    px_fmt_instant(l->d.at, at);
    px_buf_printf(out, "%s ", at);
    px_buf_str(out, agg_letter_reason(l));
    px_buf_byte(out, ' ');
    put_origin(l, names, out);
    px_buf_printf(out, " %.*s ", PX_S_ARG(agg_letter_type(l)));
    px_buf_str(out, word(l->d.field, PX_S("-")));
    px_buf_c(out, " : ");
    if (l->d.detail.n > 0) {
        put_printable(out, safe_detail(l, arena));
        px_buf_c(out, "; ");
    }
    put_content(l, arena, out);
}

/* --- everything ------------------------------------------------------------------------------- */

struct shown {
    struct px_buf *out;
    bool payload;
};

static void put_label(struct px_buf *out, const char *name) {
    px_buf_printf(out, "%-16s ", name);
}

static void put_pair(struct px_buf *out, const char *name, struct px_str value) {
    put_label(out, name);
    put_printable(out, value);
    px_buf_byte(out, '\n');
}

static void show_field(void *arg, const struct field *f) {
    const struct shown *s = arg;
    char name[96];
    snprintf(name, sizeof name, "  %s%.*s", f->name, PX_S_ARG(f->attribute));
    if (f->open || s->payload) {
        put_pair(s->out, name, f->text);
    } else {
        put_pair(s->out, name, px_str_c(f->class));
    }
}

static void hex_dump(struct px_buf *out, struct px_str s) {
    for (size_t at = 0; at < s.n; at += 16) {
        px_buf_printf(out, "  %08zx ", at);
        for (size_t i = at; i < at + 16; i++) {
            if (i < s.n) {
                px_buf_printf(out, " %02x", (unsigned)(uint8_t)s.p[i]);
            } else {
                px_buf_c(out, "   ");
            }
        }
        px_buf_c(out, "  ");
        for (size_t i = at; i < s.n && i < at + 16; i++) {
            px_buf_byte(out, s.p[i] >= 0x20 && s.p[i] < 0x7f ? (uint8_t)s.p[i] : (uint8_t)'.');
        }
        px_buf_byte(out, '\n');
    }
}

static void show_origin(const struct agg_letter *l, const struct agg_letter_names *names,
                        struct px_buf *out) {
    put_label(out, "origin");
    if (!agg_letter_of_log(l)) {
        px_buf_c(out, "a request that was refused: it never got into the log\n");
        return;
    }
    put_printable(out, l->d.topic);
    px_buf_printf(out, " %d/%lld", l->d.partition, (long long)l->d.offset);
    if (l->d.log_id.n > 0) {
        px_buf_c(out, px_str_eq(l->d.log_id, names->log_id) ? " of this log, " : " of log ");
        put_printable(out, l->d.log_id);
    }
    px_buf_byte(out, '\n');
}

static void show_key(const struct agg_letter *l, bool payload, struct px_buf *out) {
    char class[TEXT_CLASS];
    class_of(l->d.key, class);
    put_pair(out, "key", payload ? l->d.key : px_str_c(class));
}

void agg_letter_show(const struct agg_letter *l, const struct agg_letter_names *names, bool payload,
                     struct px_arena *arena, struct px_buf *out) {
    char at[PX_TIME_TEXT];
    struct shown s = {.out = out, .payload = payload};
    put_label(out, "letter");
    px_buf_printf(out, "%s %d/%lld\n", names->dlq, l->at_partition, (long long)l->at_offset);
    if (!l->readable) {
        px_buf_printf(out, "%-16s %zu bytes that are no dead letter\n", "unreadable", l->bytes.n);
        if (payload) {
            hex_dump(out, l->bytes);
        }
        return;
    }
    put_pair(out, "written", (struct px_str){.p = at, .n = px_fmt_instant(l->d.at, at)});
    put_label(out, "by");
    put_printable(out, l->d.service);
    px_buf_byte(out, ' ');
    put_printable(out, l->d.version);
    px_buf_byte(out, '\n');
    put_pair(out, "reason", agg_letter_reason(l));
    put_pair(out, "field", payload ? or_dash(l->d.field) : word(l->d.field, PX_S("-")));
    put_pair(out, "detail", or_dash(payload ? l->d.detail : safe_detail(l, arena)));
    show_origin(l, names, out);
    show_key(l, payload, out);
    put_label(out, "payload");
    class_of_bytes(l, out);
    px_buf_c(out, payload ? "\n" : "; --show-payload prints the values and the bytes\n");
    (void)each_field(l, arena, show_field, &s);
    if (payload) {
        hex_dump(out, l->d.payload);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_common(const struct agg_letter *l, bool payload, struct px_arena *arena,
                        struct px_jsonw *w) {
    char at[PX_TIME_TEXT];
    px_jw_ki64(w, "dlqPartition", l->at_partition);
    px_jw_ki64(w, "dlqOffset", l->at_offset);
    px_jw_kbool(w, "readable", l->readable);
    if (!l->readable) {
        return;
    }
    px_jw_kstr(w, "at", (struct px_str){.p = at, .n = px_fmt_instant(l->d.at, at)});
    px_jw_kstr(w, "reason", agg_letter_reason(l));
    px_jw_kstr(w, "field", payload ? l->d.field : word(l->d.field, PX_S("")));
    px_jw_kstr(w, "detail", payload ? l->d.detail : safe_detail(l, arena));
    px_jw_kstr(w, "service", l->d.service);
    px_jw_kstr(w, "version", l->d.version);
    px_jw_kstr(w, "type", agg_letter_type(l));
    if (agg_letter_of_log(l)) {
        px_jw_kstr(w, "topic", l->d.topic);
        px_jw_ki64(w, "partition", l->d.partition);
        px_jw_ki64(w, "offset", l->d.offset);
        px_jw_kstr(w, "logId", l->d.log_id);
    }
    px_jw_ki64(w, "payloadBytes",
               l->d.payload_bytes > 0 ? l->d.payload_bytes : (int64_t)l->d.payload.n);
    px_jw_kbool(w, "whole", agg_letter_whole(l));
}

struct json_fields {
    struct px_jsonw *w;
    bool payload;
};

static void json_field(void *arg, const struct field *f) {
    const struct json_fields *j = arg;
    char name[96];
    snprintf(name, sizeof name, "%s%.*s", f->name, PX_S_ARG(f->attribute));
    px_jw_kstr(j->w, name, f->open || j->payload ? f->text : px_str_c(f->class));
}

static void json_content(const struct agg_letter *l, bool payload, struct px_arena *arena,
                         struct px_jsonw *w) {
    struct json_fields j = {.w = w, .payload = payload};
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(256);
    class_of_bytes(l, &text);
    px_jw_kstr(w, "payload", px_buf_view(&text));
    px_jw_key(w, "fields");
    px_jw_obj(w);
    (void)each_field(l, arena, json_field, &j);
    px_jw_obj_end(w);
}

void agg_letter_json(const struct agg_letter *l, struct px_arena *arena, struct px_jsonw *w) {
    json_common(l, false, arena, w);
    if (l->readable) {
        json_content(l, false, arena, w);
    }
}

static void json_hex(struct px_jsonw *w, const char *key, struct px_str s) {
    PX_DEFER(px_buf_fini) struct px_buf hex = PX_BUF_INIT(2 * s.n);
    for (size_t i = 0; i < s.n; i++) {
        px_buf_printf(&hex, "%02x", (unsigned)(uint8_t)s.p[i]);
    }
    px_jw_kstr(w, key, px_buf_view(&hex));
}

void agg_letter_show_json(const struct agg_letter *l, bool payload, struct px_arena *arena,
                          struct px_jsonw *w) {
    json_common(l, payload, arena, w);
    if (l->readable) {
        json_content(l, payload, arena, w);
    }
    if (payload) {
        json_hex(w, "key", l->d.key);
        json_hex(w, "bytes", l->readable ? l->d.payload : l->bytes);
    }
}
