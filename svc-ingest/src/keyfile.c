/* The key file from the operator's side. A key is printed once and kept nowhere; of the file only
 * clients and ids are ever shown. */
#include "keyfile.h"

#include <px/hash.h>
#include <px/hmac.h>
#include <px/num.h>

#include <stdio.h>
#include <sys/stat.h>

#define KEYS_SOON  (14 * PX_US_PER_DAY)
#define KEYS_NAMED 3

/* --- the probe ----------------------------------------------------------------------------------
 */

/* Appends "what: client (id), client (id) and 7 more" of the keys that end from ${from} to ${to}:
 * however many there are, it is one line. */
static void keys_ending(const struct px_keys *k, const char *what, px_us from, px_us to,
                        struct px_buf *out) {
    size_t n = 0;

    for (size_t i = 0; i < px_keys_servers(k); i++) {
        const struct px_server_key *s = px_keys_server_at(k, i);
        if (s->disabled || !s->expires || s->expires < from || s->expires >= to) {
            continue;
        }
        if (n++ < KEYS_NAMED) {
            px_buf_printf(out, "%s %s (%s)", n > 1 ? "," : what, s->client, s->id);
        }
    }
    if (n > KEYS_NAMED) {
        px_buf_printf(out, " and %zu more", n - KEYS_NAMED);
    }
    px_buf_c(out, n ? "; " : "");
}

/* What is worth a word although the file can be used; empty: nothing. */
static void keys_advice(const char *path, const struct px_keys *k, px_us now, struct px_buf *out) {
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & 022)) {
        px_buf_printf(out, "others may write %.80s and so give themselves keys: chmod go-w; ",
                      path);
    }
    keys_ending(k, "expired:", INT64_MIN, now, out);
    keys_ending(k, "expire within 14 days:", now, now + KEYS_SOON, out);
}

static enum px_code keys_say(const struct ing_conf *c, const struct px_keys *k, px_us now,
                             struct px_probe_out *out) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);

    keys_advice(c->keys_file, k, now, &b);
    out->warn = b.n > 0;
    px_buf_printf(&b, "%zu site keys, %zu server keys", px_keys_sites(k), px_keys_servers(k));
    snprintf(out->detail, sizeof out->detail, "%s", px_buf_cstr(&b));
    return px_buf_ok(&b, NULL);
}

enum px_code ing_probe_keys(void *arg, struct px_probe_out *out, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    const struct ing_conf *c = svc->world.conf;
    struct ing_plan *plan = NULL;
    enum px_code rc = ing_plan_new(c, svc->world.workers, &plan, reterr);

    if (rc) {
        return rc;
    }
    if (plan->keys) {
        rc = keys_say(c, plan->keys, px_wall(svc->world.clock), out);
    } else {
        out->skip = true;
        snprintf(out->detail, sizeof out->detail, "Keys:File is empty: no keys");
    }
    ing_plan_free(plan);
    return rc ? PX_FAIL(reterr, rc, "no memory for the keys") : PX_OK;
}

/* --- the command --------------------------------------------------------------------------------
 */

const struct px_app_param ing_make_key_params[ING_MAKE_KEY_PARAMS] = {
    {.name = "scopes", .value = "LIST", .help = "what it may beyond sending: ip,timestamp,ack"},
    {.name = "rate", .value = "NAME", .help = "its rate, a row of rates in the file"},
    {.name = "expires", .value = "INSTANT", .help = "when it ends: 2027-11-01T00:00:00Z"},
};

static enum px_code make_scopes(const char *list, struct px_buf *row, struct px_err *reterr) {
    struct px_str rest = px_str_c(list);
    unsigned all = 0;

    while (rest.n) {
        struct px_str word = {.p = rest.p, .n = px_str_find(rest, ',')};
        unsigned scope = px_scope_find(word);
        if (!scope || (all & scope)) {
            return PX_FAIL(reterr, PX_USAGE, "--scopes %.60s: give ip, timestamp, ack, each once",
                           list);
        }
        px_buf_printf(row, "%s%.*s", all ? ", " : "    scopes: [", PX_S_ARG(word));
        all |= scope;
        rest.p += word.n + (word.n < rest.n);
        rest.n -= word.n + (word.n < rest.n);
    }
    px_buf_c(row, all ? "]\n" : "");
    return PX_OK;
}

static enum px_code make_rest(const struct px_app *app, struct px_buf *row, struct px_err *reterr) {
    const char *scopes = px_app_param(app, "scopes"), *rate = px_app_param(app, "rate"),
               *expires = px_app_param(app, "expires");
    px_us at = 0;

    if (expires && !px_parse_instant(px_str_c(expires), &at)) {
        return PX_FAIL(reterr, PX_USAGE, "--expires %.40s: give an instant as 2027-11-01T00:00:00Z",
                       expires);
    }
    if (rate && !px_key_rate_ok(rate)) {
        return PX_FAIL(reterr, PX_USAGE, "--rate %.40s: give the name of a row of rates", rate);
    }
    enum px_code rc = scopes ? make_scopes(scopes, row, reterr) : PX_OK;
    if (rate) {
        px_buf_printf(row, "    rate: %s\n", rate);
    }
    if (expires) {
        px_buf_printf(row, "    expires: %s\n", expires);
    }
    return rc;
}

static void make_print(const char *client, const char *key, struct px_str rest,
                       struct px_buf *out) {
    uint8_t hash[PX_KEY_HASH];
    char hex[PX_HMAC_TEXT];
    struct px_str id = {0};
    bool shaped = px_key_split(px_str_c(key), &id);

    px_assert(shaped);
    px_sha256(px_str_c(key), hash);
    px_hmac_hex(hash, hex);
    px_buf_printf(out,
                  "The key, for %s and nobody else; it is shown this once and kept nowhere:\n\n"
                  "%s\n\n"
                  "Its row for the file of Keys:File, below keys: (then SIGHUP):\n\n"
                  "  - client: %s\n    id: %.*s\n    hash: %.*s\n%.*s",
                  client, key, client, PX_S_ARG(id), (int)sizeof hex, hex, PX_S_ARG(rest));
}

enum px_code ing_make_key(void *arg, const char *client, struct px_err *reterr) {
    const struct ing_svc *svc = arg;
    PX_DEFER(px_buf_fini) struct px_buf rest = PX_BUF_INIT(1024);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(4096);
    uint8_t random[PX_KEY_RANDOM];
    char key[PX_KEY_TEXT + 1];

    if (!px_key_client_ok(client)) {
        return PX_FAIL(reterr, PX_USAGE,
                       "--make-key %.40s: a client is a lower-case word of letters, digits, _, - "
                       "and .",
                       client);
    }
    enum px_code rc = make_rest(svc->app, &rest, reterr);
    if (rc) {
        return rc;
    }
    px_random(random, sizeof random);
    px_key_make(random, key);
    make_print(client, key, px_buf_view(&rest), &out);
    rc = px_buf_ok(&out, reterr);
    return rc ? rc : px_app_print(px_buf_view(&out), reterr);
}
