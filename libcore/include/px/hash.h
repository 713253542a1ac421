/* Hashes, each for its purpose: SipHash for tables keyed by peers, SHA-256 for dedupe keys chosen
 * by senders, murmur2 as Kafka's partitioner. Threads: pure but for px_random (any). */
#ifndef PX_HASH_H
#define PX_HASH_H

#include <px/str.h>

/* px_siphash(k0, k1, s): SipHash-2-4. Source: Aumasson and Bernstein 2012, appendix A vectors. */
uint64_t px_siphash(uint64_t k0, uint64_t k1, struct px_str s);

/* px_sha256(s, out): OpenSSL's SHA-256 of one buffer, without allocation after the first call of a
 * thread. Asserts on failure of the library (it only fails without memory at start). */
void px_sha256(struct px_str s, uint8_t out[32]);

/* px_murmur2(s): the 32-bit hash of Kafka's Java partitioner (seed 0x9747b28c); the partition is
 * (hash & 0x7fffffff) % partitions. */
uint32_t px_murmur2(struct px_str s);

/* px_random(p, n): ${n} bytes from the kernel; asserts that they came. */
void px_random(void *p, size_t n);

/* UUIDv7: 48 bits of milliseconds, then a random start that only grows within a millisecond.
 * Source: RFC 9562 §5.7, method 2 of §6.2. One generator per thread, owned by the caller. */
struct px_uuid {
    uint8_t b[16];
};
struct px_uuid_gen {
    int64_t last_ms;
    uint64_t hi, lo; /* random part, kept growing within last_ms */
};
#define PX_UUID_TEXT 36
struct px_uuid px_uuid_next(struct px_uuid_gen *g, px_us wall);
void px_uuid_fmt(const struct px_uuid *u, char out[PX_UUID_TEXT]); /* lower case, no NUL */
/* px_uuid_parse(s, ret): 8-4-4-4-12 hex digits of either case. */
PX_MUST_USE bool px_uuid_parse(struct px_str s, struct px_uuid *ret);

#endif
