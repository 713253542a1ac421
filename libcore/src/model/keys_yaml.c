/* keys.yaml -> struct px_keys. As with the catalog: libcyaml gives strings, each is parsed strictly
 * here and each complaint names its row. A hash is never part of a message. */
#include "keys_impl.h"
#include "yaml.h"

#include <px/hmac.h>
#include <px/mem.h>
#include <px/num.h>

#include <stdio.h>

#define KEYS_MEMORY  ((size_t)4 << 20)
#define ROWS_MAX     4096
#define ORIGINS_MAX  64
#define NAME_BYTES   64
#define SITE_KEY_MIN 8
#define RATE_MAX     1000000
#define BURST_MAX    10000000
#define LIVE_MAX     2 /* keys of a client that work: the old one and the new one */

struct y_rate {
    char *name, *rate, *burst;
};
struct y_site {
    char *key, *site, *rate;
    char **origins;
    uint32_t origins_count;
};
struct y_key {
    char *client, *id, *hash, *rate, *not_before, *expires, *disabled;
    char **scopes;
    uint32_t scopes_count;
};
struct y_keys {
    struct y_rate *rates;
    struct y_site *sites;
    struct y_key *keys;
    uint32_t rates_count, sites_count, keys_count;
};

static const cyaml_schema_value_t word_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 256),
};
static const cyaml_schema_field_t rate_fields[] = {
    PX_YAML_TEXT("name", struct y_rate, name),
    PX_YAML_TEXT("rate", struct y_rate, rate),
    PX_YAML_TEXT("burst", struct y_rate, burst),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rate_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_rate, rate_fields),
};
static const cyaml_schema_field_t site_fields[] = {
    PX_YAML_TEXT("key", struct y_site, key),
    PX_YAML_TEXT("site", struct y_site, site),
    PX_YAML_OPT_TEXT("rate", struct y_site, rate),
    CYAML_FIELD_SEQUENCE("origins", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_site,
                         origins, &word_schema, 1, ORIGINS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t site_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_site, site_fields),
};
static const cyaml_schema_field_t key_fields[] = {
    PX_YAML_TEXT("client", struct y_key, client),
    PX_YAML_TEXT("id", struct y_key, id),
    PX_YAML_TEXT("hash", struct y_key, hash),
    PX_YAML_OPT_TEXT("rate", struct y_key, rate),
    PX_YAML_OPT_TEXT("not_before", struct y_key, not_before),
    PX_YAML_OPT_TEXT("expires", struct y_key, expires),
    PX_YAML_OPT_TEXT("disabled", struct y_key, disabled),
    CYAML_FIELD_SEQUENCE("scopes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_key, scopes,
                         &word_schema, 0, PX_SCOPES),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t key_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_key, key_fields),
};
/* A list whose last row was taken out stands there with nothing below it. */
#define LIST (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL)
static const cyaml_schema_field_t keys_fields[] = {
    CYAML_FIELD_SEQUENCE("rates", LIST, struct y_keys, rates, &rate_schema, 0, ROWS_MAX),
    CYAML_FIELD_SEQUENCE("sites", LIST, struct y_keys, sites, &site_schema, 0, ROWS_MAX),
    CYAML_FIELD_SEQUENCE("keys", LIST, struct y_keys, keys, &key_schema, 0, ROWS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t keys_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_keys, keys_fields),
};

bool px_key_client_ok(const char *s) {
    return px_yaml_name_ok(s, "_-.", NAME_BYTES);
}

bool px_key_rate_ok(const char *s) {
    return px_yaml_name_ok(s, "_-", NAME_BYTES);
}

/* Where the loader is, for messages. */
struct place {
    struct px_keys *k;
    const char *file, *list;
    size_t row;
    const char *row_name;
    struct px_err *reterr;
};

static enum px_code bad(const struct place *at, const char *member, const char *why) {
    return PX_FAIL(at->reterr, PX_CONFIG, "%s: %s[%zu] (%.48s): %s: %s", at->file, at->list,
                   at->row, at->row_name, member, why);
}

static enum px_code no_memory(const struct place *at) {
    return PX_FAIL(at->reterr, PX_NOMEM, "%s: no memory", at->file);
}

static enum px_code keep(const struct place *at, const char *s, const char **ret) {
    *ret = px_arena_dup(&at->k->mem, px_str_c(s)).p;
    return *ret ? PX_OK : no_memory(at);
}

static enum px_code rate_of(const struct place *at, const char *name,
                            const struct px_key_rate **ret) {
    for (size_t i = 0; name && i < at->k->nrates; i++) {
        if (strcmp(at->k->rates[i].name, name) == 0) {
            *ret = &at->k->rates[i];
            return PX_OK;
        }
    }
    return name ? bad(at, "rate", "is not the name of a row of rates") : PX_OK;
}

/* --- rates --------------------------------------------------------------------------------------
 */

static enum px_code load_rate(struct place *at, const struct y_rate *y) {
    struct px_key_rate r = {.name = NULL};
    const struct px_key_rate *twin = NULL;

    if (!px_key_rate_ok(y->name)) {
        return bad(at, "name", "must be a lower-case word of letters, digits, _ and -");
    }
    for (size_t i = 0; i < at->k->nrates && !twin; i++) {
        twin = strcmp(at->k->rates[i].name, y->name) == 0 ? &at->k->rates[i] : NULL;
    }
    if (twin) {
        return bad(at, "name", "is listed twice");
    }
    if (!px_parse_i64(px_str_c(y->rate), 0, RATE_MAX, &r.rate)) {
        return bad(at, "rate", "must be events per second, 0 to 1000000 (0 = no limit)");
    }
    if (!px_parse_i64(px_str_c(y->burst), 1, BURST_MAX, &r.burst)) {
        return bad(at, "burst", "must be events at once, 1 to 10000000");
    }
    enum px_code rc = keep(at, y->name, &r.name);
    if (rc == PX_OK) {
        at->k->rates[at->k->nrates++] = r;
    }
    return rc;
}

/* --- sites --------------------------------------------------------------------------------------
 */

static bool site_key_ok(const char *s) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t n = strlen(s);

    return n >= SITE_KEY_MIN && n <= NAME_BYTES && strspn(s, letters) == n;
}

/* Browsers leave the usual port out, so an origin with it would be nobody's. */
static bool origin_ok(const char *s) {
    size_t scheme = strncmp(s, "https://", 8) == 0 ? 8 : strncmp(s, "http://", 7) == 0 ? 7 : 0;
    const char *host = s + scheme, *usual = scheme == 8 ? ":443" : ":80";
    size_t n = strlen(host), tail = strlen(usual);

    return scheme && n && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == n &&
           (n < tail || strcmp(host + n - tail, usual) != 0);
}

static enum px_code load_origins(struct place *at, const struct y_site *y, struct px_site_key *s) {
    const char **v = px_arena_zalloc(&at->k->mem, y->origins_count + 1, sizeof *v);

    if (!v) {
        return no_memory(at);
    }
    for (size_t i = 0; i < y->origins_count; i++) {
        if (!origin_ok(y->origins[i])) {
            return bad(at, "origins",
                       "must be as browsers send them: https://shop.example, in lower case, "
                       "without a path and without the usual port");
        }
        enum px_code rc = keep(at, y->origins[i], &v[i]);
        if (rc) {
            return rc;
        }
    }
    s->origins = v;
    s->norigins = y->origins_count;
    return PX_OK;
}

static enum px_code load_site(struct place *at, const struct y_site *y) {
    struct px_site_key s = {.key = NULL};
    uint64_t *place = NULL;
    bool fresh = false;

    if (!site_key_ok(y->key)) {
        return bad(at, "key", "must be 8 to 64 letters, digits and -");
    }
    if (px_keys_site(at->k, px_str_c(y->key))) {
        return bad(at, "key", "is listed twice");
    }
    if (!px_yaml_name_ok(y->site, "_-.", NAME_BYTES)) {
        return bad(at, "site", "must be a lower-case word of letters, digits, _, - and .");
    }
    enum px_code rc = rate_of(at, y->rate, &s.rate);
    rc = rc ? rc : load_origins(at, y, &s);
    rc = rc ? rc : keep(at, y->key, &s.key);
    rc = rc ? rc : keep(at, y->site, &s.site);
    if (rc) {
        return rc;
    }
    if (px_map_put(&at->k->by_site, px_str_c(s.key), at->k->nsites, &place, &fresh)) {
        return no_memory(at);
    }
    at->k->sites[at->k->nsites++] = s;
    return PX_OK;
}

/* --- server keys --------------------------------------------------------------------------------
 */

static enum px_code load_times(struct place *at, const struct y_key *y, struct px_server_key *s) {
    static const char why[] = "must be an instant as 2027-11-01T00:00:00Z";

    if (y->not_before && !px_parse_instant(px_str_c(y->not_before), &s->not_before)) {
        return bad(at, "not_before", why);
    }
    if (y->expires && !px_parse_instant(px_str_c(y->expires), &s->expires)) {
        return bad(at, "expires", why);
    }
    if (y->expires && s->expires <= s->not_before) {
        return bad(at, "expires", "is not later than not_before");
    }
    if (y->disabled && !px_parse_bool(px_str_c(y->disabled), &s->disabled)) {
        return bad(at, "disabled", "is neither true nor false");
    }
    return PX_OK;
}

static enum px_code load_scopes(struct place *at, const struct y_key *y, struct px_server_key *s) {
    for (size_t i = 0; i < y->scopes_count; i++) {
        unsigned scope = px_scope_find(px_str_c(y->scopes[i]));
        if (!scope) {
            return bad(at, "scopes", "holds a word that is none of ip, timestamp, ack");
        }
        if (s->scopes & scope) {
            return bad(at, "scopes", "holds a word twice");
        }
        s->scopes |= scope;
    }
    return PX_OK;
}

/* The two keys of a rotation and no third: a key that nobody takes back is one that nobody knows of
 * any more. A hash twice is a row that was copied and only half changed. */
static enum px_code check_others(const struct place *at, const struct px_server_key *s) {
    unsigned live = !s->disabled;

    for (size_t i = 0; i < at->k->nservers; i++) {
        const struct px_server_key *o = &at->k->servers[i];
        if (strcmp(o->id, s->id) == 0) {
            return bad(at, "id", "is listed twice");
        }
        if (px_hmac_same(o->hash, s->hash)) {
            return bad(at, "hash", "is listed twice");
        }
        live += !o->disabled && strcmp(o->client, s->client) == 0;
    }
    return live > LIVE_MAX
               ? bad(at, "client", "has more than two keys; remove the oldest, or disable it")
               : PX_OK;
}

static enum px_code load_key(struct place *at, const struct y_key *y) {
    struct px_server_key s = {.client = NULL};
    uint64_t *place = NULL;
    bool fresh = false;
    static_assert(PX_KEY_HASH == PX_HMAC_BYTES, "read and compared as one");

    if (!px_key_client_ok(y->client)) {
        return bad(at, "client", "must be a lower-case word of letters, digits, _, - and .");
    }
    if (strlen(y->id) != PX_KEY_ID ||
        strspn(y->id, "abcdefghijklmnopqrstuvwxyz0123456789") != PX_KEY_ID) {
        return bad(at, "id", "must be the 8 letters and digits between pxk_ and the secret");
    }
    memcpy(s.id, y->id, sizeof s.id);
    if (!px_hmac_unhex(px_str_c(y->hash), s.hash)) {
        return bad(at, "hash", "must be 64 hexadecimal digits in lower case (SHA-256 of the key)");
    }
    enum px_code rc = load_scopes(at, y, &s);
    rc = rc ? rc : load_times(at, y, &s);
    rc = rc ? rc : rate_of(at, y->rate, &s.rate);
    rc = rc ? rc : keep(at, y->client, &s.client);
    rc = rc ? rc : check_others(at, &s);
    if (rc) {
        return rc;
    }
    struct px_server_key *to = &at->k->servers[at->k->nservers];
    *to = s;
    if (px_map_put(&at->k->by_id, px_str_c(to->id), at->k->nservers, &place, &fresh)) {
        return no_memory(at);
    }
    at->k->nservers++;
    return PX_OK;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static enum px_code load_rows(struct place *at, const struct y_keys *y) {
    struct px_keys *k = at->k;
    enum px_code rc = PX_OK;

    k->rates = px_arena_zalloc(&k->mem, y->rates_count + 1, sizeof *k->rates);
    k->sites = px_arena_zalloc(&k->mem, y->sites_count + 1, sizeof *k->sites);
    k->servers = px_arena_zalloc(&k->mem, y->keys_count + 1, sizeof *k->servers);
    if (!k->rates || !k->sites || !k->servers) {
        return no_memory(at);
    }
    at->list = "rates";
    for (at->row = 0; rc == PX_OK && at->row < y->rates_count; at->row++) {
        at->row_name = y->rates[at->row].name;
        rc = load_rate(at, &y->rates[at->row]);
    }
    at->list = "sites";
    for (at->row = 0; rc == PX_OK && at->row < y->sites_count; at->row++) {
        at->row_name = y->sites[at->row].site;
        rc = load_site(at, &y->sites[at->row]);
    }
    at->list = "keys";
    for (at->row = 0; rc == PX_OK && at->row < y->keys_count; at->row++) {
        at->row_name = y->keys[at->row].client;
        rc = load_key(at, &y->keys[at->row]);
    }
    return rc;
}

enum px_code px_keys_load(const char *path, struct px_keys **ret, struct px_err *reterr) {
    void *data = NULL;
    enum px_code rc = px_yaml_load(path, &keys_schema, &data, reterr);

    if (rc) {
        return rc;
    }
    struct place at = {.file = px_yaml_base(path), .reterr = reterr, .k = px_alloc(sizeof *at.k)};
    if (at.k) {
        px_arena_init(&at.k->mem, KEYS_MEMORY);
        px_map_init(&at.k->by_site, ROWS_MAX);
        px_map_init(&at.k->by_id, ROWS_MAX);
    }
    rc = at.k ? load_rows(&at, data) : no_memory(&at);
    px_yaml_free(&keys_schema, data);
    if (rc) {
        px_keys_free(at.k);
        return rc;
    }
    *ret = at.k;
    return PX_OK;
}
