/* Hex text to bytes, for golden files. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <px/buf.h>

/* hex_decode(hex, out): append the bytes; false when ${hex} is not pairs of hex digits. */
static inline bool hex_decode(struct px_str hex, struct px_buf *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        const char *hi = hex.p[i] ? strchr(digits, hex.p[i]) : NULL;
        const char *lo = hex.p[i + 1] ? strchr(digits, hex.p[i + 1]) : NULL;
        if (!hi || !lo) {
            return false;
        }
        px_buf_byte(out, (uint8_t)((hi - digits) << 4 | (lo - digits)));
    }
    return hex.n % 2 == 0;
}

#endif
