/* Who may send what: the file of keys as data, and what a key looks like. Site keys are public and
 * name a site; server keys are secret, and only their hashes are here. Threads: pure, but for
 * loading. */
#ifndef PX_KEYS_H
#define PX_KEYS_H

#include <px/err.h>
#include <px/str.h>

/* What a server key may do beyond sending. A closed set. */
enum px_scope {
    PX_SCOPE_IP = 1 << 0,        /* give the client's address in an event  */
    PX_SCOPE_TIMESTAMP = 1 << 1, /* give the time of an event              */
    PX_SCOPE_ACK = 1 << 2,       /* be told where in the log its events are */
};
#define PX_SCOPES 3
/* px_scope_name(i): "ip" of scope 1 << 0, and so on. px_scope_find(s): the scope, or 0. */
const char *px_scope_name(unsigned i);
unsigned px_scope_find(struct px_str s);

struct px_key_rate {
    const char *name;
    int64_t rate, burst; /* events per second, and at once */
};

struct px_site_key {
    const char *key, *site;
    const struct px_key_rate *rate; /* NULL: the default */
    const char *const *origins;     /* "https://shop.example"; none: from anywhere */
    size_t norigins;
};

#define PX_KEY_ID     8
#define PX_KEY_SECRET 43                                  /* base64url of 32 bytes */
#define PX_KEY_TEXT   (4 + PX_KEY_ID + 1 + PX_KEY_SECRET) /* pxk_<id>_<secret> */
#define PX_KEY_HASH   32
#define PX_KEY_RANDOM 37 /* bytes that a key is made of */

struct px_server_key {
    const char *client;
    char id[PX_KEY_ID + 1];
    uint8_t hash[PX_KEY_HASH]; /* SHA-256 of the whole key as it is sent */
    unsigned scopes;
    const struct px_key_rate *rate; /* NULL: the default */
    px_us not_before, expires;      /* wall clock; 0 = no bound */
    bool disabled;
};

enum px_key_state {
    PX_KEY_VALID,
    PX_KEY_DISABLED,
    PX_KEY_NOT_YET,
    PX_KEY_EXPIRED
};
/* px_key_state(k, now): may it be used at ${now}? That it is disabled goes before its times. */
enum px_key_state px_key_state(const struct px_server_key *k, px_us now);

/* px_key_split(text, ret_id): has ${text} the shape of a server key? Its id is a view of it. */
PX_MUST_USE bool px_key_split(struct px_str text, struct px_str *ret_id);
/* px_key_in(text): does a server key stand somewhere in ${text}? */
bool px_key_in(struct px_str text);
/* px_key_make(random, out): the key that those bytes make, with a NUL. */
void px_key_make(const uint8_t random[PX_KEY_RANDOM], char out[PX_KEY_TEXT + 1]);

/* px_key_client_ok(s), px_key_rate_ok(s): may a row have such a client, such a rate? Lower-case
 * words of at most 64 letters, digits, _ and -; of a client also dots. Threads: pure. */
bool px_key_client_ok(const char *s);
bool px_key_rate_ok(const char *s);

struct px_keys;
/* px_keys_load(path, ret, reterr): read and check the file: names, shapes, nothing twice, at most
 * two keys of a client that are not disabled. Gives: free with px_keys_free; NULL is fine.
 * Errors: PX_CONFIG (file, row and member named; never a hash), PX_NOMEM. */
PX_MUST_USE enum px_code px_keys_load(const char *path, struct px_keys **ret,
                                      struct px_err *reterr);
void px_keys_free(struct px_keys *k);

/* px_keys_site, px_keys_server: the row, or NULL. ${k} NULL: an empty file. */
const struct px_site_key *px_keys_site(const struct px_keys *k, struct px_str key);
const struct px_server_key *px_keys_server(const struct px_keys *k, struct px_str id);
size_t px_keys_sites(const struct px_keys *k);
size_t px_keys_servers(const struct px_keys *k);
/* px_keys_server_at(k, i): the i-th row of the file. */
const struct px_server_key *px_keys_server_at(const struct px_keys *k, size_t i);

#endif
