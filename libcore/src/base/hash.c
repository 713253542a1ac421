/* SipHash, murmur2 and the kernel's randomness. SHA-256 is in sha256.c, identifiers in
 * uuid.c. All byte orders are read by shift, so results do not depend on the machine. */
#include <px/hash.h>

#include <errno.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t v, unsigned by) {
    return (v << by) | (v >> (64 - by));
}

static uint64_t load64(const uint8_t *p) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m) {
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

uint64_t px_siphash(uint64_t k0, uint64_t k1, struct px_str s) {
    struct sip h = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                    k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *p = (const uint8_t *)s.p;
    size_t whole = s.n / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        sip_word(&h, load64(p + i));
    }
    uint64_t last = (uint64_t)s.n << 56;
    for (size_t i = whole; i < s.n; i++) {
        last |= (uint64_t)p[i] << (8 * (i - whole));
    }
    sip_word(&h, last);
    h.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&h);
    }
    return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

/* Java's bytes are signed, but the client masks each of them: plain unsigned bytes here. */
uint32_t px_murmur2(struct px_str s) {
    const uint32_t m = 0x5bd1e995;
    const uint8_t *p = (const uint8_t *)s.p;
    uint32_t h = UINT32_C(0x9747b28c) ^ (uint32_t)s.n;
    size_t whole = s.n / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t k = (uint32_t)p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 |
                     (uint32_t)p[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = (h * m) ^ k;
    }
    if (whole < s.n) {
        for (size_t i = whole; i < s.n; i++) {
            h ^= (uint32_t)p[i] << (8 * (i - whole));
        }
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

void px_random(void *p, size_t n) {
    uint8_t *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        px_assert(got > 0);
        at += got;
        n -= (size_t)got;
    }
}
