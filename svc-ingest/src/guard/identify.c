/* Keys: what a request presents, and whether it is right. A key that is wrong costs the same work
 * as one that nobody has: one hash, one comparison. The limit on wrong keys bounds what is answered
 * to them, not what a right one may: whoever knows the id of a key must not be able to lock its
 * owner out. */
#include "guard_priv.h"

#include <px/hash.h>
#include <px/hmac.h>

#define BEARER "Bearer"

void ing_presented_of(struct ing_presented *p, const struct px_http_req *req, bool sites) {
    *p = (struct ing_presented){.query = px_req_query(req)};
    p->authorization = px_req_header(req, "authorization", &p->twice);
    if (!sites) {
        return;
    }
    p->site_key = px_req_header(req, "x-site-key", NULL);
    p->origin = px_req_header(req, "origin", NULL);
    if (!p->origin.p) {
        p->origin = px_req_header(req, "referer", NULL);
    }
}

/* --- server keys --------------------------------------------------------------------------------
 */

/* Somebody tries keys, or has a wrong one: told so a few times, and then to wait. What is no key
 * has no id (n = 0). Who waits already leaves no trace at an id: one address could make up more of
 * them than the table holds. */
static void identify_failed(struct ing_guard *g, const struct ing_moment *at,
                            const struct ing_sender *s, struct px_str id, struct ing_finding *ret) {
    const struct ing_rate *rate = &g->plan->failures;
    const struct ing_charge c = {.now = at->mono, .cost = 1};
    int64_t wait = ing_buckets_take(
        &g->buckets, ing_guard_address(g, GUARD_FAILED_ADDRESS, &s->client), rate, &c);

    if (!wait && id.n) {
        uint64_t of_key = ing_buckets_id(&g->buckets, GUARD_FAILED_KEY, id);
        wait = ing_buckets_take(&g->buckets, of_key, rate, &c);
    }
    if (wait) {
        ret->denial = ING_DENIED_KEY_FAILURES;
        ret->wait = ing_guard_seconds(wait);
    }
}

/* Is ${text} the key of ${row} (NULL: of nobody)? */
static bool identify_hash(struct ing_guard *g, struct px_str text,
                          const struct px_server_key *row) {
    static const uint8_t nobody[PX_KEY_HASH] = {0};
    uint8_t hash[PX_KEY_HASH];

    px_sha256(text, hash);
    g->hashes++;
    return px_hmac_same(hash, row ? row->hash : nobody) && row;
}

/* The row whose key ${text} is, or NULL; ret->about = the row of its id, if any. */
static const struct px_server_key *identify_row(struct ing_guard *g, struct px_str text,
                                                struct px_str id, struct ing_finding *ret) {
    uint64_t tag[2] = {px_siphash(g->tag_key[0], g->tag_key[1], text),
                       px_siphash(g->tag_key[2], g->tag_key[3], text)};
    const struct px_server_key *row = px_keys_server(g->plan->keys, id);
    struct ing_known *k = row ? &g->plan->known[row - px_keys_server_at(g->plan->keys, 0)] : NULL;

    ret->about = row;
    if (k && k->right && k->tag[0] == tag[0] && k->tag[1] == tag[1]) {
        return row;
    }
    if (!identify_hash(g, text, row)) {
        return NULL;
    }
    ret->fresh = !k->right;
    *k = (struct ing_known){.right = true, .tag = {tag[0], tag[1]}};
    return row;
}

static enum ing_denial identify_state(const struct px_server_key *k, px_us wall) {
    switch (px_key_state(k, wall)) {
    case PX_KEY_VALID:
        return ING_ADMITTED;
    case PX_KEY_DISABLED:
        return ING_DENIED_KEY_DISABLED;
    case PX_KEY_NOT_YET:
        return ING_DENIED_KEY_NOT_YET;
    case PX_KEY_EXPIRED:
        break;
    }
    return ING_DENIED_KEY_EXPIRED;
}

/* The scheme by itself too: that is what a client sends whose key was never set. */
static bool identify_is_bearer(struct px_str s) {
    size_t n = sizeof BEARER - 1;

    return s.n >= n && px_str_ieq((struct px_str){.p = s.p, .n = n}, PX_S(BEARER)) &&
           (s.n == n || s.p[n] == ' ' || s.p[n] == '\t');
}

static void identify_server(struct ing_guard *g, const struct ing_presented *p,
                            const struct ing_moment *at, struct ing_sender *s,
                            struct ing_finding *ret) {
    struct px_str text = p->authorization, id = {0};
    size_t skip = sizeof BEARER - 1;
    bool bearer = identify_is_bearer(text) && text.n > skip && text.p[skip] == ' ';

    if (bearer) {
        text = px_str_trim((struct px_str){.p = text.p + skip, .n = text.n - skip});
    }
    if (p->twice || !bearer || !px_key_split(text, &id)) {
        ret->denial = ING_DENIED_BAD_KEY;
        identify_failed(g, at, s, (struct px_str){.n = 0}, ret);
        return;
    }
    const struct px_server_key *key = identify_row(g, text, id, ret);
    if (!key) {
        ret->denial = ING_DENIED_WRONG_KEY;
        identify_failed(g, at, s, id, ret);
        return;
    }
    ret->denial = identify_state(key, at->wall);
    s->key = ret->denial == ING_ADMITTED ? key : NULL;
}

/* Is the field meant for us? Other schemes are of proxies in front, who pass on what they got. But
 * a key is ours wherever it stands, and of two fields nobody knows which one counts. */
static bool identify_is_ours(const struct ing_presented *p) {
    return p->twice || identify_is_bearer(p->authorization) ||
           px_str_starts(p->authorization, PX_S("pxk_")) || px_key_in(p->authorization);
}

/* --- site keys ----------------------------------------------------------------------------------
 */

static struct px_str identify_k(struct px_str query) {
    struct px_form form = {.rest = query};
    struct px_str name, value;
    bool has_value;

    while (px_form_next(&form, &name, &value, &has_value)) {
        if (px_str_is(name, "k")) {
            return value; /* a site key needs no escape */
        }
    }
    return (struct px_str){.p = NULL};
}

/* The part of a URL that is its origin: all before the path. */
static struct px_str identify_origin(struct px_str url) {
    size_t slashes = 0, i = 0;

    for (; i < url.n; i++) {
        slashes += url.p[i] == '/';
        if (slashes == 3) {
            break;
        }
    }
    return (struct px_str){.p = url.p, .n = i};
}

static bool identify_origin_ok(const struct px_site_key *row, struct px_str url) {
    struct px_str origin = identify_origin(url);

    for (size_t i = 0; i < row->norigins; i++) {
        if (px_str_ieq(origin, px_str_c(row->origins[i]))) {
            return true;
        }
    }
    return row->norigins == 0;
}

static enum ing_denial identify_site(const struct ing_plan *plan, const struct ing_presented *p,
                                     struct ing_sender *s) {
    struct px_str text = p->site_key.p ? p->site_key : identify_k(p->query);

    if (!text.p) {
        return plan->need_site ? ING_DENIED_NO_SITE_KEY : ING_ADMITTED;
    }
    s->site = px_keys_site(plan->keys, text);
    if (!s->site) {
        return plan->need_site ? ING_DENIED_WRONG_SITE_KEY : ING_ADMITTED;
    }
    return identify_origin_ok(s->site, p->origin) ? ING_ADMITTED : ING_DENIED_WRONG_ORIGIN;
}

void ing_guard_identify(struct ing_guard *g, const struct ing_presented *p,
                        const struct ing_moment *at, struct ing_sender *s,
                        struct ing_finding *ret) {
    *ret = (struct ing_finding){.denial = ING_ADMITTED};
    if (px_key_in(p->query)) {
        ret->denial = ING_DENIED_KEY_IN_QUERY;
        ret->of_server = true;
    } else if (identify_is_ours(p)) {
        ret->of_server = true;
        identify_server(g, p, at, s, ret);
    } else if (ing_guard_knows_sites(g)) {
        ret->denial = identify_site(g->plan, p, s);
    }
}
