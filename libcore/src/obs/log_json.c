/* One log line as a JSON object: ECS head keys, then the typed fields with flat dotted names.
 * Called by log.c only. Must not allocate, read a clock, or let personal data through. */
#include "log_json.h"

#include <px/hash.h>
#include <px/jsonw.h>
#include <px/num.h>

#include <stdio.h>

#define LOG_ECS_VERSION "9.3.0"
/* Longest part of a string that is written; keeps one field from filling the line. */
#define LOG_STR_MAX 1024
/* Kept free for `,"log.truncated":true}` and the newline. */
#define LOG_TAIL 32

static void json_text(struct px_jsonw *w, const char *key, struct px_str s) {
    size_t n = s.n;

    if (n > LOG_STR_MAX) {
        n = LOG_STR_MAX;
        /* cut between characters, not inside one */
        while (n > LOG_STR_MAX - 4 && ((uint8_t)s.p[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    px_jw_kstr(w, key, (struct px_str){.p = s.p, .n = n});
}

static void json_ms(struct px_jsonw *w, const char *key, px_us span) {
    px_jw_key(w, key);
    px_jw_fixed(w, span, 3);
}

static void json_pii(struct px_jsonw *w, const struct px_log_head *head, const struct px_field *f) {
    char hex[17];

    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)px_siphash(head->k0, head->k1, f->s));
    px_jw_kc(w, f->key, hex);
}

static void json_err(struct px_jsonw *w, const struct px_err *err) {
    if (!err) {
        return;
    }
    px_jw_kc(w, "error.type", err->code == PX_OK ? "ok" : px_code_name(err->code));
    json_text(w, "error.message", px_str_c(err->msg));
    if (err->where) {
        px_jw_kc(w, "error.where", err->where);
    }
    if (err->sqlstate[0]) {
        px_jw_kc(w, "db.response.status_code", err->sqlstate);
    }
    if (err->native) {
        px_jw_ki64(w, "error.native", err->native);
    }
}

static void json_field(struct px_jsonw *w, const struct px_log_head *head,
                       const struct px_field *f) {
    switch (f->kind) {
    case PX_FIELD_STR:
        json_text(w, f->key, f->s);
        break;
    case PX_FIELD_INT:
        px_jw_ki64(w, f->key, f->i);
        break;
    case PX_FIELD_BOOL:
        px_jw_kbool(w, f->key, f->i != 0);
        break;
    case PX_FIELD_MS:
        json_ms(w, f->key, f->i);
        break;
    case PX_FIELD_ERR:
        json_err(w, f->err);
        break;
    case PX_FIELD_PII:
        json_pii(w, head, f);
        break;
    }
}

static void json_head(struct px_jsonw *w, const struct px_log_head *head) {
    char at[PX_TIME_TEXT];
    size_t n = px_fmt_instant(head->at, at);

    px_jw_kstr(w, "@timestamp", (struct px_str){.p = at, .n = n});
    px_jw_kc(w, "log.level", px_log_level_name(head->level));
    px_jw_kc(w, "message", head->event);
    px_jw_kc(w, "ecs.version", LOG_ECS_VERSION);
    if (head->service) {
        px_jw_kc(w, "service.name", head->service);
        px_jw_kc(w, "service.version", head->version ? head->version : "");
        json_text(w, "service.instance.id", px_str_c(head->instance ? head->instance : ""));
    }
    px_jw_kc(w, "event.name", head->event);
    if (head->suppressed) {
        px_jw_ki64(w, "log.suppressed", (int64_t)head->suppressed);
    }
    if (head->dropped) {
        px_jw_ki64(w, "log.dropped", (int64_t)head->dropped);
    }
}

void px_log_json(struct px_buf *out, const struct px_log_head *head, const struct px_field *fields,
                 size_t n) {
    struct px_jsonw w = px_jsonw_on(out);
    size_t max = out->max;
    bool cut = false;

    out->cap = out->max = max - LOG_TAIL;
    px_jw_obj(&w);
    json_head(&w, head);
    for (size_t i = 0; i < n; i++) {
        size_t before = out->n;
        json_field(&w, head, &fields[i]);
        if (out->failed) {
            /* take the half-written field back; a later, shorter one may still fit */
            out->n = before;
            out->failed = false;
            cut = true;
        }
    }
    out->cap = out->max = max;
    if (cut) {
        px_jw_kbool(&w, "log.truncated", true);
    }
    px_jw_obj_end(&w);
    px_buf_byte(out, '\n');
}
