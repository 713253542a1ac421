/* Avro primitives: zigzag varints, length-prefixed bytes, doubles, unions with null. Every read is
 * checked against the end of the input; after the first failure all reads give nothing. Pure. */
#include <px/avro.h>

#define VARINT_MAX 10

void px_avro_put_long(struct px_buf *b, int64_t v) {
    uint64_t z = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
    char *to = px_buf_reserve(b, VARINT_MAX);
    if (!to) {
        return;
    }
    size_t n = 0;
    while (z > 0x7f) {
        to[n++] = (char)(uint8_t)(z | 0x80);
        z >>= 7;
    }
    to[n++] = (char)(uint8_t)z;
    b->n += n;
}

void px_avro_put_bytes(struct px_buf *b, struct px_str s) {
    px_avro_put_long(b, (int64_t)s.n);
    px_buf_str(b, s);
}

void px_avro_put_double(struct px_buf *b, double v) {
    static_assert(sizeof v == 8, "IEEE 754 binary64");
    uint64_t bits;
    char le[8];
    memcpy(&bits, &v, sizeof bits);
    for (size_t i = 0; i < sizeof le; i++) {
        le[i] = (char)(uint8_t)(bits >> (8 * i));
    }
    px_buf_add(b, le, sizeof le);
}

void px_avro_put_bool(struct px_buf *b, bool v) {
    px_buf_byte(b, v ? 1 : 0);
}

void px_avro_put_opt_string(struct px_buf *b, struct px_str s) {
    px_avro_put_long(b, s.n ? 1 : 0);
    if (s.n) {
        px_avro_put_bytes(b, s);
    }
}

/* --- reading --- */

int64_t px_avro_long(struct px_avro_in *in) {
    uint64_t z = 0;
    for (unsigned i = 0; !in->failed && i < VARINT_MAX; i++) {
        if (in->p == in->end) {
            break;
        }
        uint8_t c = *in->p++;
        if (i == VARINT_MAX - 1 && c > 1) {
            break; /* more than 64 bits */
        }
        z |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c < 0x80) {
            return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
        }
    }
    in->failed = true;
    return 0;
}

struct px_str px_avro_bytes(struct px_avro_in *in) {
    int64_t n = px_avro_long(in);
    if (in->failed || n < 0 || (uint64_t)n > (uint64_t)(in->end - in->p)) {
        in->failed = true;
        return (struct px_str){.p = NULL, .n = 0};
    }
    struct px_str s = {.p = (const char *)in->p, .n = (size_t)n};
    in->p += n;
    return s;
}

double px_avro_double(struct px_avro_in *in) {
    if (in->failed || in->end - in->p < 8) {
        in->failed = true;
        return 0;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++) {
        bits |= (uint64_t)in->p[i] << (8 * i);
    }
    in->p += 8;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

bool px_avro_bool(struct px_avro_in *in) {
    if (in->failed || in->p == in->end || *in->p > 1) {
        in->failed = true;
        return false;
    }
    return *in->p++ == 1;
}

struct px_str px_avro_opt_string(struct px_avro_in *in) {
    int64_t branch = px_avro_long(in);
    if (branch == 1) {
        return px_avro_bytes(in);
    }
    if (branch != 0) {
        in->failed = true;
    }
    return (struct px_str){.p = NULL, .n = 0};
}
