/* Form-encoded strings ("a=1&b=%20x"): walking the pairs and decoding one value, or one part of a
 * path, exactly once.
 * Source: WHATWG URL §5.1 (but bad escapes are errors here, not text). Pure. */
#include <px/http.h>

#include <string.h>

bool px_form_next(struct px_form *f, struct px_str *ret_name, struct px_str *ret_value,
                  bool *ret_has_value) {
    while (f->rest.n) {
        struct px_str piece = px_str_part(&f->rest, '&');
        if (piece.n == 0) {
            continue;
        }
        size_t eq = px_str_find(piece, '=');
        bool has = eq < piece.n;
        *ret_name = (struct px_str){.p = piece.p, .n = eq};
        *ret_value = (struct px_str){.p = piece.p + eq + has, .n = piece.n - eq - has};
        *ret_has_value = has;
        return true;
    }
    return false;
}

/* ${blank}: what stands for a blank beside %20; '%' = nothing does. */
static size_t plain_prefix(struct px_str s, char blank) {
    size_t i = 0;
    while (i < s.n && s.p[i] != '%' && s.p[i] != blank && s.p[i] != '\0') {
        i++;
    }
    return i;
}

static enum px_form_error decode(struct px_str raw, char blank, char *dst, struct px_str *ret) {
    size_t i = plain_prefix(raw, blank);
    if (i == raw.n) {
        *ret = raw;
        return PX_FORM_OK;
    }
    size_t out = i;
    memcpy(dst, raw.p, i);
    while (i < raw.n) {
        char c = raw.p[i++];
        if (c == '%') {
            int high = i < raw.n ? px_hex_digit(raw.p[i]) : -1;
            int low = i + 1 < raw.n ? px_hex_digit(raw.p[i + 1]) : -1;
            if (high < 0 || low < 0) {
                return PX_FORM_BAD_ESCAPE;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == blank) {
            c = ' ';
        }
        if (c == '\0') {
            return PX_FORM_NUL;
        }
        dst[out++] = c;
    }
    *ret = (struct px_str){.p = dst, .n = out};
    return PX_FORM_OK;
}

enum px_form_error px_form_decode(struct px_str raw, char *dst, struct px_str *ret) {
    return decode(raw, '+', dst, ret);
}

enum px_form_error px_path_decode(struct px_str raw, char *dst, struct px_str *ret) {
    return decode(raw, '%', dst, ret);
}
