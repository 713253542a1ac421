/* Streaming JSON writer: answers of the API, log lines, statement parameters. It knows commas and
 * escapes, nothing about what is written; a buffer that overflows is noticed by px_buf_ok. */
#include <px/jsonw.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 60

static void before_value(struct px_jsonw *w) {
    uint64_t bit = UINT64_C(1) << w->depth;
    if (w->comma & bit) {
        px_buf_byte(w->out, ',');
    }
    w->comma |= bit;
}

static void open(struct px_jsonw *w, uint8_t c) {
    before_value(w);
    px_buf_byte(w->out, c);
    px_assert(w->depth < DEPTH_MAX);
    w->depth++;
    w->comma &= ~(UINT64_C(1) << w->depth);
}

static void shut(struct px_jsonw *w, uint8_t c) {
    px_assert(w->depth > 0);
    w->depth--;
    px_buf_byte(w->out, c);
}

void px_jw_obj(struct px_jsonw *w) {
    open(w, '{');
}

void px_jw_obj_end(struct px_jsonw *w) {
    shut(w, '}');
}

void px_jw_arr(struct px_jsonw *w) {
    open(w, '[');
}

void px_jw_arr_end(struct px_jsonw *w) {
    shut(w, ']');
}

/* Behind a key comes a value without a comma: the bit is cleared until that value sets it. */
void px_jw_key_s(struct px_jsonw *w, struct px_str key) {
    before_value(w);
    px_json_escape(w->out, key);
    px_buf_byte(w->out, ':');
    w->comma &= ~(UINT64_C(1) << w->depth);
}

void px_jw_key(struct px_jsonw *w, const char *key) {
    px_jw_key_s(w, px_str_c(key));
}

void px_jw_str(struct px_jsonw *w, struct px_str v) {
    before_value(w);
    px_json_escape(w->out, v);
}

void px_jw_c(struct px_jsonw *w, const char *v) {
    if (!v) {
        px_jw_null(w);
        return;
    }
    px_jw_str(w, px_str_c(v));
}

void px_jw_i64(struct px_jsonw *w, int64_t v) {
    before_value(w);
    px_buf_i64(w->out, v);
}

void px_jw_raw(struct px_jsonw *w, struct px_str json) {
    before_value(w);
    px_buf_str(w->out, json);
}

void px_jw_bool(struct px_jsonw *w, bool v) {
    px_jw_raw(w, v ? PX_S("true") : PX_S("false"));
}

void px_jw_null(struct px_jsonw *w) {
    px_jw_raw(w, PX_S("null"));
}

void px_jw_fixed(struct px_jsonw *w, int64_t num, unsigned decimals) {
    px_assert(decimals <= 18);
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++) {
        scale *= 10;
    }
    uint64_t magnitude = num < 0 ? 0 - (uint64_t)num : (uint64_t)num;
    before_value(w);
    if (num < 0) {
        px_buf_byte(w->out, '-');
    }
    px_buf_u64(w->out, magnitude / scale);
    if (decimals > 0) {
        px_buf_byte(w->out, '.');
    }
    for (uint64_t rest = magnitude % scale; scale > 1; rest %= scale) {
        scale /= 10;
        px_buf_byte(w->out, (uint8_t)('0' + rest / scale));
    }
}

/* Fifteen digits are enough for most, seventeen for all; the tiniest need fewer than fifteen. */
void px_jw_double(struct px_jsonw *w, double v) {
    char text[40];
    if (!isfinite(v)) {
        px_jw_null(w);
        return;
    }
    int digits = fabs(v) < DBL_MIN ? 1 : 15;
    int n = snprintf(text, sizeof text, "%.*g", digits, v);
    while (digits < 17 && memcmp(&(double){strtod(text, NULL)}, &v, sizeof v) != 0) {
        digits++;
        n = snprintf(text, sizeof text, "%.*g", digits, v);
    }
    px_jw_raw(w, (struct px_str){.p = text, .n = (size_t)n});
}

void px_jw_kstr(struct px_jsonw *w, const char *key, struct px_str v) {
    px_jw_key(w, key);
    px_jw_str(w, v);
}

void px_jw_kc(struct px_jsonw *w, const char *key, const char *v) {
    px_jw_key(w, key);
    px_jw_c(w, v);
}

void px_jw_ki64(struct px_jsonw *w, const char *key, int64_t v) {
    px_jw_key(w, key);
    px_jw_i64(w, v);
}

void px_jw_kbool(struct px_jsonw *w, const char *key, bool v) {
    px_jw_key(w, key);
    px_jw_bool(w, v);
}

static bool is_plain(uint8_t c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void escape_ascii(struct px_buf *b, uint8_t c) {
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        px_buf_byte(b, '\\');
        px_buf_byte(b, (uint8_t)to[at - from]);
        return;
    }
    px_buf_str(b, PX_S("\\u00"));
    px_buf_byte(b, (uint8_t)digits[c >> 4]);
    px_buf_byte(b, (uint8_t)digits[c & 15]);
}

/* Runs of plain bytes are copied at once; everything else takes a look of its own. */
void px_json_escape(struct px_buf *b, struct px_str s) {
    px_buf_byte(b, '"');
    size_t i = 0;
    while (i < s.n) {
        size_t run = i;
        while (run < s.n && is_plain((uint8_t)s.p[run])) {
            run++;
        }
        px_buf_add(b, s.p + i, run - i);
        i = run;
        if (i == s.n) {
            break;
        }
        if ((uint8_t)s.p[i] < 0x80) {
            escape_ascii(b, (uint8_t)s.p[i++]);
            continue;
        }
        struct px_str rest = {.p = s.p + i, .n = s.n - i};
        size_t len = px_utf8_char(rest);
        px_buf_str(b, len ? (struct px_str){.p = rest.p, .n = len} : PX_S("\xef\xbf\xbd"));
        i += len ? len : 1;
    }
    px_buf_byte(b, '"');
}
