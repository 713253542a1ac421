/* The order of an erasure is the point of this file. The note is committed before the first row is
 * touched: batches that begin later know it, those under way are waited for, and until it is
 * finished nobody recomputes what is kept per player. The topic is told before the receipt says so.
 */
#include "erase.h"

#include "agg.h"
#include "receipt.h"

#include <px/failpoint.h>
#include <px/kafka_access.h>
#include <px/num.h>

#define LOOK         (10 * PX_US_PER_S)
#define FOUND_MAX    ((size_t)1 << 30)   /* some eight million erasures */
#define CLAIMS_SLACK (3 * PX_US_PER_DAY) /* whole days, and two more for senders' ids */

/* --- opening ---------------------------------------------------------------------------------- */
enum px_code agg_eraser_open(const struct agg *a, enum px_sql_use use, struct agg_eraser *r,
                             struct px_err *reterr) {
    char version[64];
    const struct agg_conf *c = a->conf;
    *r = (struct agg_eraser){.a = a};
    r->topic = (struct agg_erase_topic){
        .kafka = &c->kafka, .client_id = a->client_id, .topic = a->erasures};
    agg_erased_init(&r->told, &r->ring);
    if (!c->erasure_keys[0]) {
        return PX_FAIL(reterr, PX_CONFIG,
                       "Erasure:KeyFile is empty: it must name the file of keys that erased "
                       "players are known by");
    }
    struct px_sql *s = NULL;
    enum px_code rc = px_keyring_load("Erasure:KeyFile", c->erasure_keys, &r->ring, reterr);
    rc = rc == PX_OK ? px_sql_open(&c->sql, use, &s, reterr) : rc;
    r->unlink = (struct agg_unlink){.beside = {.sql = s, .clock = &px_clock_system},
                                    .rollups = a->rollups,
                                    .max_rows = c->retain_rows};
    rc = rc == PX_OK ? agg_schema_current(a, s, version, sizeof version, reterr) : rc;
    return rc == PX_OK ? px_sql_patient(s, reterr) : rc;
}

void agg_eraser_close(struct agg_eraser *r) {
    px_sql_close(r->unlink.beside.sql);
    r->unlink.beside.sql = NULL;
    agg_erased_fini(&r->told);
    px_keyring_fini(&r->ring);
}

static void name_entry(const struct px_keyring *ring, size_t key, const uint8_t f[PX_HMAC_BYTES],
                       struct agg_entry *e) {
    memcpy(e->kid, ring->v[key].kid, sizeof e->kid);
    px_hmac_hex(f, e->fingerprint);
    e->fingerprint[PX_HMAC_TEXT] = '\0';
}

enum px_code agg_eraser_find(struct agg_eraser *r, struct px_str player, struct agg_entry *ret,
                             struct px_buf *receipt, struct px_err *reterr) {
    enum px_code rc = PX_NO_ROW;
    for (size_t key = r->ring.n; rc == PX_NO_ROW && key > 0;
         key--) { /* the first is for new ones */
        uint8_t f[PX_HMAC_BYTES];
        struct agg_entry e = {.asked_at = px_wall(r->unlink.beside.clock)};
        agg_fingerprint(&r->ring, key - 1, player, f);
        name_entry(&r->ring, key - 1, f, &e);
        *ret = e;
        rc = agg_register_get(r->unlink.beside.sql, e.fingerprint, ret, receipt, reterr);
    }
    return rc;
}

/* --- until when something is left elsewhere -----------------------------------------------------
 */
/* A segment goes when its last record is old enough, and may take records for segment.ms. */
static px_us kept_until(const struct agg_eraser *r, const char *topic, px_us now) {
    static const char *const settings[] = {"retention.ms", "segment.ms"};
    px_us until = now;
    for (size_t i = 0; i < PX_ARRAY_LEN(settings); i++) {
        PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(64);
        const struct px_topic_ask ask = {.topic = topic, .setting = settings[i], .timeout = LOOK};
        int64_t ms = 0;
        if (px_kafka_topic_setting(r->topic.kafka, &ask, &text, NULL) != PX_OK ||
            !px_parse_i64(px_buf_view(&text), 0, INT64_C(36500) * 86400000, &ms)) {
            return 0; /* the brokers do not tell, or it is kept for ever: the receipt says null */
        }
        until += ms * PX_US_PER_MS;
    }
    return until;
}

static enum px_code write_receipt(struct agg_eraser *r, struct agg_entry *e, struct px_buf *out,
                                  struct px_err *reterr) {
    struct agg_receipt receipt = {.asked_at = e->asked_at};
    px_us now = px_wall(r->unlink.beside.clock);
    e->finished_at = now;
    memcpy(receipt.kid, e->kid, sizeof receipt.kid);
    memcpy(receipt.fingerprint, e->fingerprint, sizeof receipt.fingerprint);
    px_assert(px_str_copy(px_str_c(r->topic.topic), receipt.topic, sizeof receipt.topic));
    receipt.finished_at = now;
    receipt.log_until = kept_until(r, r->a->topic, now);
    receipt.letters_until = kept_until(r, r->a->dlq, now);
    receipt.claims_until = now + r->a->conf->retain_dedupe + CLAIMS_SLACK;
    enum px_code rc = agg_register_counts(r->unlink.beside.sql, e->number, &receipt.rows, reterr);
    return rc == PX_OK ? agg_receipt_sign(&receipt, &r->ring, out, reterr) : rc;
}

/* --- the end of one -----------------------------------------------------------------------------
 */
struct ending {
    struct px_sql *sql;
    const struct agg_entry *e;
    struct px_buf *receipt;
};

/* Another one may have finished it meanwhile: its receipt may be somebody's by now and stays. */
static enum px_code finish_work(void *arg, struct px_err *reterr) {
    const struct ending *w = arg;
    PX_DEFER(px_buf_fini) struct px_buf there = PX_BUF_INIT(AGG_RECEIPT_MAX);
    struct agg_entry now = {.number = 0};
    enum px_code rc = agg_register_lock(w->sql, w->e->number, reterr);
    rc = rc == PX_OK ? agg_register_get(w->sql, w->e->fingerprint, &now, &there, reterr) : rc;
    if (rc == PX_OK && now.finished_at > 0) {
        px_buf_reset(w->receipt);
        px_buf_str(w->receipt, px_buf_view(&there));
        return px_buf_ok(w->receipt, reterr);
    }
    return rc == PX_OK ? agg_register_finish(w->sql, w->e, px_buf_view(w->receipt), reterr) : rc;
}

static enum px_code reopen_work(void *arg, struct px_err *reterr) {
    const struct ending *w = arg;
    return agg_register_reopen(w->sql, w->e->number, reterr);
}

static enum px_code finish(struct agg_eraser *r, struct agg_entry *e, bool announce,
                           struct px_buf *receipt, struct px_err *reterr) {
    const struct agg_beside *b = &r->unlink.beside;
    struct ending w = {.sql = b->sql, .e = e, .receipt = receipt};
    px_us took = 0;
    enum px_code rc = announce ? agg_erase_topic_put(&r->topic, e, reterr) : PX_OK;
    PX_FAILPOINT("agg.erase_announced");
    rc = rc == PX_OK ? write_receipt(r, e, receipt, reterr) : rc;
    rc = rc == PX_OK ? agg_beside_tx(b, finish_work, &w, &took, reterr) : rc;
    PX_FAILPOINT("agg.erase_finished");
    return rc;
}

/* --- by the player's id -------------------------------------------------------------------------
 */
static enum px_code rows_left(struct agg_eraser *r, struct px_str player, int64_t *ret,
                              struct px_err *reterr) {
    struct agg_touched t;
    enum px_code rc = agg_unlink_count(r->unlink.beside.sql, r->unlink.rollups, player, &t, reterr);
    *ret = 0;
    for (size_t i = 0; rc == PX_OK && i < t.n; i++) {
        *ret += t.v[i].rows;
    }
    return rc;
}

/* A player who is erased and has rows again: a backup was put back, or a program of an older
 * release counted. */
static enum px_code again(struct agg_eraser *r, struct agg_entry *e, struct px_str player,
                          bool *ret_already, struct px_err *reterr) {
    struct ending w = {.sql = r->unlink.beside.sql, .e = e};
    int64_t left = 0;
    px_us took = 0;
    enum px_code rc = rows_left(r, player, &left, reterr);
    if (rc == PX_OK && left == 0) {
        *ret_already = true;
        return PX_OK;
    }
    return rc == PX_OK ? agg_beside_tx(&r->unlink.beside, reopen_work, &w, &took, reterr) : rc;
}

enum px_code agg_erase(struct agg_eraser *r, struct px_str player, struct px_buf *receipt,
                       bool *ret_already, struct px_err *reterr) {
    struct agg_entry e;
    *ret_already = false;
    enum px_code rc = agg_eraser_find(r, player, &e, receipt, reterr);
    if (rc == PX_NO_ROW) {
        rc = agg_register_add(&r->unlink.beside, &e, reterr);
    } else if (rc == PX_OK && e.finished_at > 0) {
        rc = again(r, &e, player, ret_already, reterr);
    }
    if (rc != PX_OK || *ret_already) {
        return rc;
    }
    PX_FAILPOINT("agg.erase_noted");
    px_buf_reset(receipt);
    rc = agg_unlink_wait(&r->unlink, reterr);
    rc = rc == PX_OK ? agg_unlink_player(&r->unlink, e.number, player, &r->longest, reterr) : rc;
    return rc == PX_OK ? finish(r, &e, true, receipt, reterr) : rc;
}

/* --- what others announced ----------------------------------------------------------------------
 */
struct importing {
    struct agg_eraser *r;
    struct agg_erased known; /* by this database */
    int64_t added;
};

static enum px_code import_one(void *arg, const struct agg_entry *e, struct px_err *reterr) {
    struct importing *w = arg;
    uint8_t f[PX_HMAC_BYTES];
    enum px_code rc =
        agg_erased_add(&w->r->told, px_str_c(e->kid), px_str_c(e->fingerprint), reterr);
    bool hex = px_hmac_unhex(px_str_c(e->fingerprint), f);
    px_assert(rc != PX_OK || hex);
    if (rc != PX_OK || agg_erased_knows(&w->known, f)) {
        return rc;
    }
    struct agg_entry mine = *e;
    rc = agg_register_add(&w->r->unlink.beside, &mine, reterr);
    rc = rc == PX_OK ? agg_erased_add(&w->known, px_str_c(e->kid), px_str_c(e->fingerprint), reterr)
                     : rc;
    w->added += rc == PX_OK ? 1 : 0;
    return rc;
}

static enum px_code fill(struct agg_eraser *r, bool open, struct agg_erased *to,
                         struct px_buf *entries, struct px_err *reterr) {
    enum px_code rc = agg_register_list(r->unlink.beside.sql, open, entries, reterr);
    const struct agg_entry *v = (const void *)entries->p;
    for (size_t i = 0; rc == PX_OK && i < entries->n / sizeof *v; i++) {
        rc = agg_erased_add(to, px_str_c(v[i].kid), px_str_c(v[i].fingerprint), reterr);
    }
    return rc;
}

enum px_code agg_erase_import(struct agg_eraser *r, int64_t *ret_new, struct px_err *reterr) {
    struct importing w = {.r = r};
    struct agg_erase_reading reading = {.each = import_one, .arg = &w};
    PX_DEFER(px_buf_fini) struct px_buf entries = PX_BUF_INIT(FOUND_MAX);
    agg_erased_init(&w.known, &r->ring);
    agg_erased_reset(&r->told);
    enum px_code rc = fill(r, false, &w.known, &entries, reterr);
    rc = rc == PX_OK ? agg_erase_topic_read(&r->topic, &reading, reterr) : rc;
    r->strange = reading.strange;
    agg_erased_fini(&w.known);
    *ret_new = w.added;
    return rc;
}

/* --- by fingerprint -----------------------------------------------------------------------------
 */
struct found {
    uint8_t f[PX_HMAC_BYTES];
    struct px_str player;
};
struct finding {
    struct agg_eraser *r;
    struct agg_erased open;
    struct px_arena arena;
    struct px_buf v; /* struct found */
};

static enum px_code find_one(void *arg, const char *table, struct px_str player,
                             struct px_err *reterr) {
    struct finding *w = arg;
    (void)table;
    for (size_t key = 0; key < w->r->ring.n; key++) {
        struct found one = {.player = player};
        if (!w->open.used[key]) {
            continue;
        }
        agg_fingerprint(&w->r->ring, key, player, one.f);
        if (!agg_erased_knows(&w->open, one.f)) {
            continue;
        }
        one.player = px_arena_dup(&w->arena, player);
        px_buf_add(&w->v, (const char *)&one, sizeof one);
        if (!one.player.p || w->v.failed) {
            return PX_FAIL(reterr, PX_NOMEM, "no memory for players to be erased");
        }
    }
    return PX_OK;
}

static enum px_code open_one(struct finding *w, struct agg_entry *e, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf receipt = PX_BUF_INIT(AGG_RECEIPT_MAX);
    struct agg_eraser *r = w->r;
    const struct found *v = (const void *)w->v.p;
    uint8_t f[PX_HMAC_BYTES];
    enum px_code rc = px_hmac_unhex(px_str_c(e->fingerprint), f)
                          ? agg_register_get(r->unlink.beside.sql, e->fingerprint, e, NULL, reterr)
                          : PX_FAIL(reterr, PX_SCHEMA, "erasures: a fingerprint that is none");
    for (size_t i = 0; rc == PX_OK && i < w->v.n / sizeof *v; i++) {
        if (px_hmac_same(v[i].f, f)) { /* found once per table, taken out of all of them at once */
            rc = agg_unlink_player(&r->unlink, e->number, v[i].player, &r->longest, reterr);
            break;
        }
    }
    return rc == PX_OK ? finish(r, e, !agg_erased_knows(&r->told, f), &receipt, reterr) : rc;
}

static enum px_code open_all(struct finding *w, struct px_buf *entries, int64_t *ret_done,
                             struct px_err *reterr) {
    struct agg_eraser *r = w->r;
    enum px_code rc = fill(r, true, &w->open, entries, reterr);
    struct agg_entry *v = (void *)entries->p;
    size_t n = entries->n / sizeof *v;
    if (rc != PX_OK || n == 0) {
        return rc;
    }
    rc = agg_unlink_wait(&r->unlink, reterr);
    rc = rc == PX_OK ? agg_unlink_each(r->unlink.beside.sql, r->unlink.rollups, find_one, w, reterr)
                     : rc;
    for (size_t i = 0; rc == PX_OK && i < n; i++) {
        rc = open_one(w, &v[i], reterr);
        *ret_done += rc == PX_OK ? 1 : 0;
    }
    return rc;
}

enum px_code agg_erase_open(struct agg_eraser *r, int64_t *ret_done, struct px_err *reterr) {
    struct finding w = {.r = r};
    PX_DEFER(px_buf_fini) struct px_buf entries = PX_BUF_INIT(FOUND_MAX);
    agg_erased_init(&w.open, &r->ring);
    px_arena_init(&w.arena, FOUND_MAX);
    px_buf_init(&w.v, FOUND_MAX);
    *ret_done = 0;
    enum px_code rc = open_all(&w, &entries, ret_done, reterr);
    agg_erased_fini(&w.open);
    px_arena_fini(&w.arena);
    px_buf_fini(&w.v);
    return rc;
}
