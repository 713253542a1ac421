/* Keys by name, from one file: the first is for new work, the others are kept for what was made
 * with them. A line is a name (kid) and at least 32 bytes in hexadecimal, "k2026 9f86d0...";
 * empty lines and lines that begin with # are skipped. */
#ifndef PX_KEYRING_H
#define PX_KEYRING_H

#include <px/hmac.h>

#define PX_KEYRING_MAX   16 /* keys */
#define PX_KID_MAX       32 /* letters of a name: a-z A-Z 0-9 . _ - */
#define PX_KEY_MIN_BYTES 32
#define PX_KEY_MAX_BYTES 64

struct px_keyring {
    struct {
        char kid[PX_KID_MAX + 1];
        struct px_hmac *hmac;
    } v[PX_KEYRING_MAX];
    size_t n;
    bool exposed; /* everybody on this machine can read the file */
};

/* px_keyring_load(option, path, ret, reterr): ${option} names the file in messages, which never
 * hold its content. Free with px_keyring_fini, also a zeroed one. Errors: PX_CONFIG (missing,
 * unreadable, empty, out of shape, a key too short or too long, a name twice), PX_NOMEM.
 * px_keyring_parse(text, ret, reterr): the same of the content; messages begin with "line N". */
PX_MUST_USE enum px_code px_keyring_load(const char *option, const char *path,
                                         struct px_keyring *ret, struct px_err *reterr);
PX_MUST_USE enum px_code px_keyring_parse(struct px_str text, struct px_keyring *ret,
                                          struct px_err *reterr);
void px_keyring_fini(struct px_keyring *k); /* wipes */

/* px_keyring_find(k, kid): its place, or k->n. Threads: pure. */
size_t px_keyring_find(const struct px_keyring *k, struct px_str kid);

#endif
