/* The receipt: written in one way only, read strictly. */
#include "receipt.h"

#include <px/json.h>
#include <px/jsonw.h>
#include <px/num.h>

#define RECEIPT_VERSION 1

static void instant(struct px_jsonw *w, const char *key, px_us t) {
    char text[PX_TIME_TEXT];
    if (t > 0) {
        size_t n = px_fmt_instant(t, text);
        px_jw_kstr(w, key, (struct px_str){.p = text, .n = n});
    } else {
        px_jw_kc(w, key, NULL);
    }
}

static void members(const struct agg_receipt *r, struct px_jsonw *w) {
    px_jw_ki64(w, "version", RECEIPT_VERSION);
    px_jw_kc(w, "kid", r->kid);
    px_jw_kc(w, "fingerprint", r->fingerprint);
    instant(w, "askedAt", r->asked_at);
    instant(w, "finishedAt", r->finished_at);
    px_jw_key(w, "rows");
    px_jw_obj(w);
    for (size_t i = 0; i < r->rows.n; i++) {
        px_jw_ki64(w, r->rows.v[i].table, r->rows.v[i].rows);
    }
    px_jw_obj_end(w);
    px_jw_kc(w, "topic", r->topic);
    instant(w, "logUntil", r->log_until);
    instant(w, "lettersUntil", r->letters_until);
    instant(w, "claimsUntil", r->claims_until);
}

void agg_receipt_render(const struct agg_receipt *r, struct px_buf *out) {
    struct px_jsonw w = px_jsonw_on(out);
    px_jw_obj(&w);
    members(r, &w);
    px_jw_obj_end(&w);
}

/* What is signed begins otherwise than what a fingerprint is made of (erased.c). */
static enum px_code sign(const struct agg_receipt *r, const struct px_keyring *ring,
                         uint8_t out[PX_HMAC_BYTES], struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(AGG_RECEIPT_MAX);
    size_t key = px_keyring_find(ring, px_str_c(r->kid));
    agg_receipt_render(r, &text);
    enum px_code rc = px_buf_ok(&text, reterr);
    if (rc == PX_OK && key == ring->n) {
        rc = PX_FAIL(reterr, PX_CONFIG, "the file of Erasure:KeyFile holds no key %s", r->kid);
    }
    if (rc == PX_OK) {
        const struct px_str parts[] = {PX_S("px-receipt-1:"), px_buf_view(&text)};
        px_hmac(ring->v[key].hmac, parts, PX_ARRAY_LEN(parts), out);
    }
    return rc;
}

enum px_code agg_receipt_sign(const struct agg_receipt *r, const struct px_keyring *ring,
                              struct px_buf *out, struct px_err *reterr) {
    uint8_t mac[PX_HMAC_BYTES];
    char hex[PX_HMAC_TEXT];
    struct px_jsonw w = px_jsonw_on(out);
    enum px_code rc = sign(r, ring, mac, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    px_hmac_hex(mac, hex);
    px_jw_obj(&w);
    members(r, &w);
    px_jw_kstr(&w, "signature", (struct px_str){.p = hex, .n = sizeof hex});
    px_jw_obj_end(&w);
    return px_buf_ok(out, reterr);
}

/* --- reading -----------------------------------------------------------------------------------
 */
static bool text_of(const struct px_jnode *root, const char *name, char *out, size_t cap) {
    const struct px_jnode *n = px_json_get(root, name);
    return n && px_json_type(n) == PX_JSON_STRING && px_str_copy(px_json_text(n), out, cap);
}

/* What is written as null must come as null: an instant of 1970 would have the same signature. */
static bool instant_of(const struct px_jnode *root, const char *name, px_us *ret) {
    const struct px_jnode *n = px_json_get(root, name);
    if (n && px_json_type(n) == PX_JSON_NULL) {
        *ret = 0;
        return true;
    }
    return n && px_json_type(n) == PX_JSON_STRING && px_parse_instant(px_json_text(n), ret) &&
           *ret > 0;
}

static bool rows_of(const struct px_jnode *root, struct agg_touched *ret) {
    const struct px_jnode *rows = px_json_get(root, "rows");
    if (!rows || px_json_type(rows) != PX_JSON_OBJECT) {
        return false;
    }
    for (const struct px_jnode *n = px_json_first(rows); n; n = px_json_next(n)) {
        if (ret->n == AGG_TABLES_MAX ||
            !px_str_copy(px_json_name(n), ret->v[ret->n].table, sizeof ret->v[0].table) ||
            !px_json_int(n, &ret->v[ret->n].rows)) {
            return false;
        }
        ret->n++;
    }
    return true;
}

/* The first member that is not as it must be; NULL = all are. */
static const char *fault(const struct px_jnode *root, struct agg_receipt *r,
                         uint8_t mac[PX_HMAC_BYTES]) {
    static const char *const known[] = {"version",      "kid",         "fingerprint", "askedAt",
                                        "finishedAt",   "rows",        "topic",       "logUntil",
                                        "lettersUntil", "claimsUntil", "signature"};
    uint8_t f[PX_HMAC_BYTES];
    char hex[PX_HMAC_TEXT + 1];
    int64_t version = 0;
    size_t n = 0;
    if (px_json_type(root) != PX_JSON_OBJECT || !px_json_get(root, "version") ||
        !px_json_int(px_json_get(root, "version"), &version) || version != RECEIPT_VERSION) {
        return "version";
    }
    for (const struct px_jnode *m = px_json_first(root); m; m = px_json_next(m)) {
        n++;
    }
    if (!text_of(root, "kid", r->kid, sizeof r->kid)) {
        return "kid";
    }
    if (!text_of(root, "fingerprint", r->fingerprint, sizeof r->fingerprint) ||
        !px_hmac_unhex(px_str_c(r->fingerprint), f)) {
        return "fingerprint";
    }
    if (!rows_of(root, &r->rows)) {
        return "rows";
    }
    if (!text_of(root, "topic", r->topic, sizeof r->topic)) {
        return "topic";
    }
    const struct {
        const char *name;
        px_us *to;
    } times[] = {{"askedAt", &r->asked_at},
                 {"finishedAt", &r->finished_at},
                 {"logUntil", &r->log_until},
                 {"lettersUntil", &r->letters_until},
                 {"claimsUntil", &r->claims_until}};
    for (size_t i = 0; i < PX_ARRAY_LEN(times); i++) {
        if (!instant_of(root, times[i].name, times[i].to)) {
            return times[i].name;
        }
    }
    if (!text_of(root, "signature", hex, sizeof hex) || !px_hmac_unhex(px_str_c(hex), mac)) {
        return "signature";
    }
    return n == PX_ARRAY_LEN(known) ? NULL : "a member that no receipt has";
}

enum px_code agg_receipt_read(struct px_str text, const struct px_keyring *ring,
                              struct agg_receipt *ret, struct px_err *reterr) {
    struct agg_receipt r = {.asked_at = 0};
    uint8_t told[PX_HMAC_BYTES], own[PX_HMAC_BYTES];
    struct px_json *doc = NULL;
    enum px_code rc = px_json_parse(text, AGG_RECEIPT_MAX, &doc, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    const char *what = fault(px_json_root(doc), &r, told);
    px_json_free(doc);
    if (what) {
        return PX_FAIL(reterr, PX_INVALID, "it is no receipt of an erasure: %s", what);
    }
    rc = sign(&r, ring, own, reterr);
    if (rc == PX_OK && !px_hmac_same(told, own)) {
        rc = PX_FAIL(reterr, PX_DIFFERS, "its signature is not that of what it says");
    }
    if (rc == PX_OK) {
        *ret = r;
    }
    return rc;
}
