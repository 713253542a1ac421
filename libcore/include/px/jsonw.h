/* Streaming JSON writer into a px_buf: commas and escapes are its business. Output only; reading
 * is <px/json.h>. Strings must be valid UTF-8 (invalid bytes become U+FFFD). Threads: owner. */
#ifndef PX_JSONW_H
#define PX_JSONW_H

#include <px/buf.h>

struct px_jsonw {
    struct px_buf *out; /* borrowed */
    uint64_t comma;     /* bit per depth: a value has been written there */
    unsigned depth;     /* at most 60 */
};

static inline struct px_jsonw px_jsonw_on(struct px_buf *out) {
    return (struct px_jsonw){.out = out, .comma = 0, .depth = 0};
}
void px_jw_obj(struct px_jsonw *w);     /* {  */
void px_jw_obj_end(struct px_jsonw *w); /* }  */
void px_jw_arr(struct px_jsonw *w);     /* [  */
void px_jw_arr_end(struct px_jsonw *w); /* ]  */
void px_jw_key(struct px_jsonw *w, const char *key);
void px_jw_key_s(struct px_jsonw *w, struct px_str key);
void px_jw_str(struct px_jsonw *w, struct px_str v);
void px_jw_c(struct px_jsonw *w, const char *v); /* NULL writes null */
void px_jw_i64(struct px_jsonw *w, int64_t v);
void px_jw_bool(struct px_jsonw *w, bool v);
void px_jw_null(struct px_jsonw *w);
/* px_jw_fixed(w, num, decimals): num / 10^decimals without float error: 123456, 6 -> 0.123456 */
void px_jw_fixed(struct px_jsonw *w, int64_t num, unsigned decimals);
/* px_jw_double: shortest text that reads back the same; NaN and infinities write null. */
void px_jw_double(struct px_jsonw *w, double v);
/* px_jw_raw: a value that is JSON already. */
void px_jw_raw(struct px_jsonw *w, struct px_str json);

/* key and value in one call */
void px_jw_kstr(struct px_jsonw *w, const char *key, struct px_str v);
void px_jw_kc(struct px_jsonw *w, const char *key, const char *v);
void px_jw_ki64(struct px_jsonw *w, const char *key, int64_t v);
void px_jw_kbool(struct px_jsonw *w, const char *key, bool v);

/* px_json_escape(b, s): ${s} with JSON escapes and surrounding quotes. */
void px_json_escape(struct px_buf *b, struct px_str s);

#endif
