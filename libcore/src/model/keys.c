/* Questions to the keys, and the shape of a server key: pxk_<id>_<secret>. */
#include "keys_impl.h"

#include <px/mem.h>

static const char *const scope_names[PX_SCOPES] = {"ip", "timestamp", "ack"};

const char *px_scope_name(unsigned i) {
    return scope_names[i];
}

unsigned px_scope_find(struct px_str s) {
    for (unsigned i = 0; i < PX_SCOPES; i++) {
        if (px_str_is(s, scope_names[i])) {
            return 1U << i;
        }
    }
    return 0;
}

enum px_key_state px_key_state(const struct px_server_key *k, px_us now) {
    if (k->disabled) {
        return PX_KEY_DISABLED;
    }
    if (now < k->not_before) {
        return PX_KEY_NOT_YET;
    }
    return k->expires && now >= k->expires ? PX_KEY_EXPIRED : PX_KEY_VALID;
}

/* --- the shape ----------------------------------------------------------------------------------
 */

static const char key_prefix[] = "pxk_";
#define PREFIX (sizeof key_prefix - 1)
static_assert(PREFIX + PX_KEY_ID + 1 + PX_KEY_SECRET == PX_KEY_TEXT, "the parts of a key");

static bool is_id(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_secret(char c) {
    return is_id(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static bool key_at(const char *p) {
    if (memcmp(p, key_prefix, PREFIX) != 0 || p[PREFIX + PX_KEY_ID] != '_') {
        return false;
    }
    for (size_t i = 0; i < PX_KEY_ID; i++) {
        if (!is_id(p[PREFIX + i])) {
            return false;
        }
    }
    for (size_t i = PREFIX + PX_KEY_ID + 1; i < PX_KEY_TEXT; i++) {
        if (!is_secret(p[i])) {
            return false;
        }
    }
    return true;
}

bool px_key_split(struct px_str text, struct px_str *ret_id) {
    if (text.n != PX_KEY_TEXT || !key_at(text.p)) {
        return false;
    }
    *ret_id = (struct px_str){.p = text.p + PREFIX, .n = PX_KEY_ID};
    return true;
}

bool px_key_in(struct px_str text) {
    /* Asked of every query: underscores are rare in them, and looked for many bytes at a time. */
    for (size_t i = PREFIX - 1; i < text.n;) {
        const char *at = memchr(text.p + i, '_', text.n - i);
        i = at ? (size_t)(at - text.p) + 1 : text.n;
        if (at && text.n - i >= PX_KEY_TEXT - PREFIX && key_at(at + 1 - PREFIX)) {
            return true;
        }
    }
    return false;
}

/* ${n} letters of ${bits} each out of ${in}, the last one filled up with zeros. */
static void spell(const uint8_t *in, size_t n, unsigned bits, const char *letters, char *out) {
    unsigned have = 0, word = 0;

    for (size_t i = 0; i < n; i++) {
        bool more = have < bits;
        word = more ? (word << 8) | *in : word;
        have += more ? 8 : 0;
        in += more;
        have -= bits;
        out[i] = letters[(word >> have) & ((1U << bits) - 1)];
    }
}

void px_key_make(const uint8_t random[PX_KEY_RANDOM], char out[PX_KEY_TEXT + 1]) {
    uint8_t secret[33] = {0}; /* 32 bytes and the zeros that the last letter ends with */

    memcpy(secret, random + 5, 32);
    memcpy(out, key_prefix, PREFIX);
    spell(random, PX_KEY_ID, 5, "abcdefghijkmnpqrstuvwxyz23456789", out + PREFIX);
    out[PREFIX + PX_KEY_ID] = '_';
    spell(secret, PX_KEY_SECRET, 6,
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
          out + PREFIX + PX_KEY_ID + 1);
    out[PX_KEY_TEXT] = '\0';
    explicit_bzero(secret, sizeof secret);
}

/* --- the rows -----------------------------------------------------------------------------------
 */

void px_keys_free(struct px_keys *k) {
    if (k) {
        px_map_fini(&k->by_site);
        px_map_fini(&k->by_id);
        px_arena_fini(&k->mem);
        px_free(k);
    }
}

const struct px_site_key *px_keys_site(const struct px_keys *k, struct px_str key) {
    const uint64_t *i = k ? px_map_get(&k->by_site, key) : NULL;

    return i ? &k->sites[*i] : NULL;
}

const struct px_server_key *px_keys_server(const struct px_keys *k, struct px_str id) {
    const uint64_t *i = k ? px_map_get(&k->by_id, id) : NULL;

    return i ? &k->servers[*i] : NULL;
}

size_t px_keys_sites(const struct px_keys *k) {
    return k ? k->nsites : 0;
}

size_t px_keys_servers(const struct px_keys *k) {
    return k ? k->nservers : 0;
}

const struct px_server_key *px_keys_server_at(const struct px_keys *k, size_t i) {
    return &k->servers[i];
}
