/* Players who were erased: the log still shows their records for a while, SQL must not. They are
 * known by the keyed fingerprints that SQL holds; the keys come from the operator's file. What was
 * counted before they were erased is nobody's in SQL, what came afterwards has no row. */
#include "ledger_report.h"
#include "ledger_sql.h"

#include <px/keyring.h>

/* A fingerprint as the key of a table. */
static struct lg_key key_of(const uint8_t f[PX_HMAC_BYTES]) {
    struct lg_key k;
    static_assert(sizeof k.v == PX_HMAC_BYTES, "it fits");
    memcpy(k.v, f, sizeof k.v);
    return k;
}

struct erased {
    struct px_keyring ring;
    bool used[PX_KEYRING_MAX];
    struct lg_table fingerprints;
    struct lg_table players; /* text -> got = 1: erased, 2: not */
};

static enum px_code take(struct ledger *l, struct erased *x, const struct px_stmt *st,
                         struct px_err *reterr) {
    uint8_t f[PX_HMAC_BYTES];
    if (!l->conf.erasure_keys) {
        return PX_FAIL(reterr, PX_USAGE,
                       "players were erased from this database: --erasure-keys names the file of "
                       "keys that they are known by (Erasure:KeyFile)");
    }
    if (px_col_null(st, 2)) {
        return PX_FAIL(reterr, PX_USAGE,
                       "an erasure is not finished: run svc-aggregator --erase-pending first");
    }
    enum px_code rc =
        x->ring.n > 0 ? PX_OK
                      : px_keyring_load("--erasure-keys", l->conf.erasure_keys, &x->ring, reterr);
    size_t key = rc == PX_OK ? px_keyring_find(&x->ring, px_col_text(st, 0)) : 0;
    if (rc == PX_OK && (key == x->ring.n || !px_hmac_unhex(px_col_text(st, 1), f))) {
        rc = PX_FAIL(reterr, PX_USAGE, "--erasure-keys: the file holds no key %.*s",
                     PX_S_ARG(px_col_text(st, 0)));
    }
    if (rc == PX_OK) {
        x->used[key] = true;
        lg_row(&x->fingerprints, key_of(f), NULL);
    }
    return rc;
}

static bool is_erased(struct ledger *l, struct erased *x, uint32_t player) {
    bool is_new = false;
    struct lg_row *row = lg_row(&x->players, (struct lg_key){.v = {player}}, &is_new);
    for (size_t key = 0; is_new && key < x->ring.n && row->got == 0; key++) {
        const struct px_str parts[] = {PX_S("px-player-1:"), lg_text_of(&l->texts, player)};
        uint8_t f[PX_HMAC_BYTES];
        px_hmac(x->ring.v[key].hmac, parts, PX_ARRAY_LEN(parts), f);
        row->got = x->used[key] && lg_row_find(&x->fingerprints, key_of(f)) ? 1 : 0;
    }
    return row->got == 1;
}

static void mark(struct ledger *l, struct erased *x) {
    int64_t events = 0;
    for (size_t i = 0; i < l->events.n; i++) {
        struct lg_event *e = lg_event_no(l, i);
        if (e->player && is_erased(l, x, e->player)) {
            e->flags |= LG_GONE;
            events++;
        }
    }
    if (x->fingerprints.rows.n > 0) {
        lg_note(l, "%zu players were erased, the log still shows %lld of their records",
                x->fingerprints.rows.n, (long long)events);
    }
}

enum px_code lg_sql_erased(struct ledger *l, struct px_err *reterr) {
    PX_DEFER(lg_stmt_free) struct px_stmt *st = NULL;
    struct erased x = {.used = {false}};
    enum px_code rc =
        lg_ask(l->db, "SELECT kid, fingerprint, finished_at FROM erasures", &st, reterr);
    while (rc == PX_OK && (rc = px_stmt_next(st, reterr)) == PX_OK) {
        rc = take(l, &x, st, reterr);
    }
    rc = rc == PX_NO_ROW ? PX_OK : rc;
    if (rc == PX_OK) {
        mark(l, &x);
    }
    px_keyring_fini(&x.ring);
    lg_table_fini(&x.fingerprints);
    lg_table_fini(&x.players);
    return rc;
}
