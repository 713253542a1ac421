/* The file of keys: read, checked line by line, wiped. Keys leave it as HMAC contexts only. */
#include "conf_priv.h"

#include <px/keyring.h>

#include <string.h>

#define KEYRING_FILE_MAX (8 << 10)

struct line {
    struct px_str kid, key;
    size_t no;
};

static enum px_code kid_of(const struct line *l, const struct px_keyring *ring,
                           struct px_err *reterr) {
    if (l->kid.n > PX_KID_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "line %zu: the name has more than %d letters", l->no,
                       PX_KID_MAX);
    }
    for (size_t i = 0; i < l->kid.n; i++) {
        char c = l->kid.p[i], low = (char)(c | 0x20);
        if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-') {
            return PX_FAIL(reterr, PX_CONFIG,
                           "line %zu: a name holds letters, digits, dot, underscore and minus only",
                           l->no);
        }
    }
    if (px_keyring_find(ring, l->kid) < ring->n) {
        return PX_FAIL(reterr, PX_CONFIG, "line %zu: its name stands on an earlier line too",
                       l->no);
    }
    return PX_OK;
}

static enum px_code key_of(const struct line *l, uint8_t *key, size_t *ret_n,
                           struct px_err *reterr) {
    if (l->key.n % 2 || l->key.n / 2 < PX_KEY_MIN_BYTES || l->key.n / 2 > PX_KEY_MAX_BYTES) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "line %zu: a key is %d to %d bytes, two hexadecimal digits each: make one "
                       "with openssl rand -hex 32",
                       l->no, PX_KEY_MIN_BYTES, PX_KEY_MAX_BYTES);
    }
    for (size_t i = 0; i < l->key.n / 2; i++) {
        int hi = px_hex_digit(l->key.p[2 * i]), lo = px_hex_digit(l->key.p[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return PX_FAIL(reterr, PX_CONFIG, "line %zu: a key is hexadecimal digits", l->no);
        }
        key[i] = (uint8_t)(hi * 16 + lo);
    }
    *ret_n = l->key.n / 2;
    return PX_OK;
}

static enum px_code add(struct px_keyring *ring, const struct line *l, struct px_err *reterr) {
    uint8_t key[PX_KEY_MAX_BYTES];
    size_t n = 0;
    if (ring->n == PX_KEYRING_MAX) {
        return PX_FAIL(reterr, PX_CONFIG, "line %zu: more than %d keys", l->no, PX_KEYRING_MAX);
    }
    enum px_code rc = kid_of(l, ring, reterr);
    rc = rc == PX_OK ? key_of(l, key, &n, reterr) : rc;
    if (rc == PX_OK) {
        rc = px_hmac_new((struct px_str){.p = (const char *)key, .n = n}, &ring->v[ring->n].hmac,
                         reterr);
    }
    explicit_bzero(key, sizeof key);
    if (rc == PX_OK) {
        bool fits = px_str_copy(l->kid, ring->v[ring->n].kid, sizeof ring->v[0].kid);
        px_assert(fits);
        ring->n++;
    }
    return rc;
}

/* The next line that says something; false at the end. */
static bool next_line(struct px_str *rest, struct line *l) {
    while (rest->n > 0) {
        struct px_str one = px_str_part(rest, '\n');
        l->no++;
        one.n -= one.n > 0 && one.p[one.n - 1] == '\r';
        one = px_str_trim(one);
        if (one.n > 0 && one.p[0] != '#') {
            l->kid = (struct px_str){.p = one.p, .n = px_str_find(one, ' ')};
            l->key = px_str_trim((struct px_str){.p = one.p + l->kid.n, .n = one.n - l->kid.n});
            return true;
        }
    }
    return false;
}

enum px_code px_keyring_parse(struct px_str text, struct px_keyring *ret, struct px_err *reterr) {
    struct px_keyring ring = {.n = 0};
    struct line l = {.no = 0};
    enum px_code rc = PX_OK;
    while (rc == PX_OK && next_line(&text, &l)) {
        rc = add(&ring, &l, reterr);
    }
    if (rc == PX_OK && ring.n == 0) {
        rc = PX_FAIL(reterr, PX_CONFIG, "line 1: there is no key: a line is NAME HEXADECIMAL");
    }
    if (rc != PX_OK) {
        px_keyring_fini(&ring);
        return rc;
    }
    *ret = ring;
    return PX_OK;
}

enum px_code px_keyring_load(const char *option, const char *path, struct px_keyring *ret,
                             struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(KEYRING_FILE_MAX);
    struct px_err err = PX_ERR_INIT;
    unsigned mode = 0;
    /* all room at once: growing would leave a copy behind */
    (void)px_buf_reserve(&b, KEYRING_FILE_MAX);
    enum px_code rc = px_conf_read(path, &b, &mode, &err);
    rc = rc == PX_OK ? px_keyring_parse(px_buf_view(&b), ret, &err) : rc;
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    if (rc == PX_OK) {
        ret->exposed = (mode & 07) != 0;
        return PX_OK;
    }
    if (rc == PX_NOMEM) {
        return PX_FAIL(reterr, rc, "no memory for the keys of %s", option);
    }
    return PX_FAIL(reterr, PX_CONFIG, "%s: the file %.80s: %s", option, path, err.msg);
}

void px_keyring_fini(struct px_keyring *k) {
    for (size_t i = 0; i < k->n; i++) {
        px_hmac_free(k->v[i].hmac);
    }
    *k = (struct px_keyring){.n = 0};
}

size_t px_keyring_find(const struct px_keyring *k, struct px_str kid) {
    size_t i = 0;
    while (i < k->n && !px_str_is(kid, k->v[i].kid)) {
        i++;
    }
    return i;
}
