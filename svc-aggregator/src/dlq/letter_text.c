/* Dead letters for people: see the header. Whatever is printed here may come from anybody who can
 * write to the topic: no value without being asked for, no control character ever. */
#include "letter_text.h"

#include "letter_fields.h"

#include <px/jsonw.h>
#include <px/num.h>
#include <px/validate.h>

#include <stdio.h>
#include <string.h>

/* --- the detail ---------------------------------------------------------------------------------
 */

struct quoting {
    struct px_str detail;
    bool found;
};

/* Short values are found in any sentence; three letters are nobody's identity. */
static void quotes_field(void *arg, const struct agg_letter_field *f) {
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
        (void)agg_letter_each_field(l, arena, quotes_field, &q);
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
static void line_field(void *arg, const struct agg_letter_field *f) {
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

/* How it was sent and which limit it broke, of a refused request. */
static void put_request(const struct agg_letter *l, struct px_buf *out) {
    if (l->d.source.n > 0) {
        px_buf_str(out, agg_letter_word(l->d.source, PX_S("-")));
        px_buf_c(out, "; ");
    }
    if (l->d.broken_limit > 0) {
        px_buf_printf(out, "limit %lld; ", (long long)l->d.broken_limit);
    }
}

static void put_content(const struct agg_letter *l, struct px_arena *arena, struct px_buf *out) {
    size_t from = out->n;
    px_buf_c(out, "event");
    if (!agg_letter_each_field(l, arena, line_field, out)) {
        out->n = out->failed ? out->n : from;
        agg_letter_class_of_bytes(l, out);
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
    px_buf_str(out, agg_letter_word(l->d.field, PX_S("-")));
    px_buf_c(out, " : ");
    put_request(l, out);
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

static void show_field(void *arg, const struct agg_letter_field *f) {
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

static void show_request(const struct agg_letter *l, struct px_buf *out) {
    char at[PX_TIME_TEXT];
    if (l->d.request_id.n > 0) {
        put_pair(out, "request", agg_letter_word(l->d.request_id, PX_S("-")));
    }
    if (l->d.received_at > 0) {
        put_pair(out, "received",
                 (struct px_str){.p = at, .n = px_fmt_instant(l->d.received_at, at)});
    }
    if (l->d.source.n > 0) {
        put_pair(out, "sent as", agg_letter_word(l->d.source, PX_S("-")));
    }
    if (l->d.event_type.n > 0) {
        put_pair(out, "type", agg_letter_type(l));
    }
    if (l->d.broken_limit > 0) {
        put_label(out, "limit");
        px_buf_printf(out, "%lld\n", (long long)l->d.broken_limit);
    }
}

static void show_key(const struct agg_letter *l, bool payload, struct px_buf *out) {
    char class[AGG_LETTER_CLASS];
    agg_letter_class_of(l->d.key, class);
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
    put_pair(out, "field", payload ? or_dash(l->d.field) : agg_letter_word(l->d.field, PX_S("-")));
    put_pair(out, "detail", or_dash(payload ? l->d.detail : safe_detail(l, arena)));
    show_origin(l, names, out);
    show_request(l, out);
    show_key(l, payload, out);
    put_label(out, "payload");
    agg_letter_class_of_bytes(l, out);
    px_buf_c(out, payload ? "\n" : "; --show-payload prints the values and the bytes\n");
    (void)agg_letter_each_field(l, arena, show_field, &s);
    if (payload) {
        hex_dump(out, l->d.payload);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_request(const struct agg_letter *l, struct px_jsonw *w) {
    char at[PX_TIME_TEXT];
    if (l->d.request_id.n > 0) {
        px_jw_kstr(w, "requestId", agg_letter_word(l->d.request_id, PX_S("-")));
    }
    if (l->d.received_at > 0) {
        size_t n = px_fmt_instant(l->d.received_at, at);
        px_jw_kstr(w, "receivedAt", (struct px_str){.p = at, .n = n});
    }
    if (l->d.source.n > 0) {
        px_jw_kstr(w, "source", agg_letter_word(l->d.source, PX_S("-")));
    }
    if (l->d.broken_limit > 0) {
        px_jw_ki64(w, "brokenLimit", l->d.broken_limit);
    }
}

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
    px_jw_kstr(w, "field", payload ? l->d.field : agg_letter_word(l->d.field, PX_S("")));
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
    json_request(l, w);
    px_jw_ki64(w, "payloadBytes",
               l->d.payload_bytes > 0 ? l->d.payload_bytes : (int64_t)l->d.payload.n);
    px_jw_kbool(w, "whole", agg_letter_whole(l));
}

struct json_fields {
    struct px_jsonw *w;
    bool payload;
};

static void json_field(void *arg, const struct agg_letter_field *f) {
    const struct json_fields *j = arg;
    char name[96];
    snprintf(name, sizeof name, "%s%.*s", f->name, PX_S_ARG(f->attribute));
    px_jw_kstr(j->w, name, f->open || j->payload ? f->text : px_str_c(f->class));
}

static void json_content(const struct agg_letter *l, bool payload, struct px_arena *arena,
                         struct px_jsonw *w) {
    struct json_fields j = {.w = w, .payload = payload};
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(256);
    agg_letter_class_of_bytes(l, &text);
    px_jw_kstr(w, "payload", px_buf_view(&text));
    px_jw_key(w, "fields");
    px_jw_obj(w);
    (void)agg_letter_each_field(l, arena, json_field, &j);
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
