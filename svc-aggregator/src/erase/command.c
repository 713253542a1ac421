/* --erase-player, --erase-pending, --erase-verify. They print what was done, never an id; SIGTERM
 * and Ctrl-C are looked at between transactions. */
#include "erase.h"

#include "agg.h"
#include "receipt.h"
#include "stop.h"

#include <px/event.h>
#include <px/log.h>

#include <errno.h>
#include <stdio.h>

#define ID_MAX   128 /* as svc-ingest takes it */
#define FILE_MAX (64 << 10)

typedef enum px_code work_fn(struct agg_eraser *r, const char *arg, struct px_err *reterr);

static enum px_code with_eraser(struct agg *a, enum px_sql_use use, work_fn *work, const char *arg,
                                struct px_err *reterr) {
    struct agg_stop stop;
    struct agg_eraser r;
    enum px_code rc = agg_stop_begin(&stop, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = agg_eraser_open(a, use, &r, reterr);
    r.unlink.beside.pause = agg_stop_pause;
    r.unlink.beside.arg = &stop;
    rc = rc == PX_OK ? work(&r, arg, reterr) : rc;
    agg_eraser_close(&r);
    agg_stop_end(&stop);
    if (rc == PX_CANCELLED) { /* ends a service with 0; here that would read as "erased" */
        return PX_FAIL(reterr, PX_TIMEOUT,
                       "asked to stop before it was done; the next run goes on");
    }
    return rc;
}

static enum px_code print(struct px_buf *out, struct px_err *reterr) {
    enum px_code rc = px_buf_ok(out, reterr);
    return rc == PX_OK ? px_app_print(px_buf_view(out), reterr) : rc;
}

/* --- input --------------------------------------------------------------------------------------
 */
static enum px_code read_all(FILE *f, const char *what, struct px_buf *out, struct px_err *reterr) {
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0 && !out->failed) {
        px_buf_add(out, part, n);
    }
    if (ferror(f)) {
        return px_err_errno(reterr, PX_IO, PX_HERE, what);
    }
    return px_buf_ok(out, reterr);
}

/* From the command line it can be seen by everybody on this machine, and stays in shell histories:
 * "-" takes one line from the standard input instead. */
static enum px_code player_of(const char *arg, struct px_buf *out, struct px_err *reterr) {
    enum px_code rc = PX_OK;
    if (strcmp(arg, "-") == 0) {
        rc = read_all(stdin, "standard input", out, reterr);
        out->n -= rc == PX_OK && out->n > 0 && out->p[out->n - 1] == '\n' ? 1 : 0;
    } else {
        px_buf_c(out, arg);
        rc = px_buf_ok(out, reterr);
    }
    struct px_str id = px_buf_view(out);
    if (rc == PX_TOO_LARGE || (rc == PX_OK && (id.n == 0 || id.n > ID_MAX || !px_utf8_valid(id) ||
                                               px_str_has_control(id)))) {
        return PX_FAIL(reterr, PX_USAGE,
                       "--erase-player: an id is 1 to %d bytes of UTF-8 without control characters",
                       ID_MAX);
    }
    return rc;
}

/* --- erase-player -------------------------------------------------------------------------------
 */
static void put_counts(const struct agg_touched *t, const char *says, struct px_buf *out) {
    for (size_t i = 0; i < t->n; i++) {
        px_buf_printf(out, "%-24s %8lld  %s\n", t->v[i].table, (long long)t->v[i].rows, says);
    }
}

static enum px_code dry_work(struct agg_eraser *r, const char *arg, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf player = PX_BUF_INIT(ID_MAX + 2);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(FILE_MAX);
    struct agg_entry e = {.number = 0};
    struct agg_touched t = {.n = 0};
    enum px_code rc = player_of(arg, &player, reterr);
    rc = rc == PX_OK ? agg_eraser_find(r, px_buf_view(&player), &e, NULL, reterr) : rc;
    bool known = rc == PX_OK;
    rc = rc == PX_NO_ROW ? PX_OK : rc;
    rc = rc == PX_OK ? agg_unlink_count(r->unlink.beside.sql, r->unlink.rollups,
                                        px_buf_view(&player), &t, reterr)
                     : rc;
    if (rc != PX_OK) {
        return rc;
    }
    put_counts(&t, "rows would become nobody's", &out);
    px_buf_printf(&out, "dry run: nothing was changed; the player %s\n",
                  !known              ? "is not erased"
                  : e.finished_at > 0 ? "is erased already"
                                      : "is being erased: the next run goes on");
    return print(&out, reterr);
}

static enum px_code player_work(struct agg_eraser *r, const char *arg, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf player = PX_BUF_INIT(ID_MAX + 2);
    PX_DEFER(px_buf_fini) struct px_buf receipt = PX_BUF_INIT(AGG_RECEIPT_MAX);
    bool already = false;
    enum px_code rc = player_of(arg, &player, reterr);
    rc = rc == PX_OK ? agg_erase(r, px_buf_view(&player), &receipt, &already, reterr) : rc;
    px_log(rc == PX_OK ? PX_LOG_INFO : PX_LOG_WARN, "player.erased",
           PX_F_BOOL("px.already", already), PX_F_MS("px.longest_transaction", r->longest),
           PX_F_BOOL("px.complete", rc == PX_OK));
    px_buf_byte(&receipt, '\n');
    return rc == PX_OK ? print(&receipt, reterr) : rc;
}

enum px_code agg_erase_player(void *svc, const char *arg, struct px_err *reterr) {
    struct agg *a = svc;
    bool dry = px_app_param(a->app, "dry-run") != NULL;
    return with_eraser(a, dry ? PX_SQL_READ : PX_SQL_WRITE, dry ? dry_work : player_work, arg,
                       reterr);
}

/* --- erase-pending ------------------------------------------------------------------------------
 */
static enum px_code pending_work(struct agg_eraser *r, const char *arg, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(FILE_MAX);
    int64_t added = 0, done = 0;
    (void)arg;
    enum px_code rc = agg_erase_import(r, &added, reterr);
    rc = rc == PX_OK ? agg_erase_open(r, &done, reterr) : rc;
    px_log(rc == PX_OK ? PX_LOG_INFO : PX_LOG_WARN, "erasures.worked_off",
           PX_F_INT("px.new", added), PX_F_INT("px.finished", done),
           PX_F_INT("px.strange_records", r->strange),
           PX_F_MS("px.longest_transaction", r->longest), PX_F_BOOL("px.complete", rc == PX_OK));
    px_buf_printf(&out, "%lld announced by others, %lld finished\n", (long long)added,
                  (long long)done);
    return rc == PX_OK ? print(&out, reterr) : rc;
}

enum px_code agg_erase_pending(void *svc, const char *arg, struct px_err *reterr) {
    return with_eraser(svc, PX_SQL_WRITE, pending_work, arg, reterr);
}

/* --- erase-verify -------------------------------------------------------------------------------
 */
struct looking {
    struct agg_eraser *r;
    size_t key;
    uint8_t f[PX_HMAC_BYTES];
    struct px_buf *out;
    int64_t players, found;
};

static enum px_code look_at(void *arg, const char *table, struct px_str player,
                            struct px_err *reterr) {
    struct looking *w = arg;
    uint8_t f[PX_HMAC_BYTES];
    (void)reterr;
    agg_fingerprint(&w->r->ring, w->key, player, f);
    w->players++;
    if (px_hmac_same(f, w->f)) {
        w->found++;
        px_buf_printf(w->out, "differs   the player is in %s\n", table);
    }
    return PX_OK;
}

static enum px_code is_told(void *arg, const struct agg_entry *e, struct px_err *reterr) {
    struct looking *w = arg;
    return agg_erased_add(&w->r->told, px_str_c(e->kid), px_str_c(e->fingerprint), reterr);
}

static enum px_code compare(struct looking *w, const struct agg_receipt *receipt,
                            struct px_err *reterr) {
    struct agg_erase_reading reading = {.each = is_told, .arg = w};
    struct agg_eraser *r = w->r;
    struct agg_entry e = {.number = 0};
    enum px_code rc =
        agg_register_get(r->unlink.beside.sql, receipt->fingerprint, &e, NULL, reterr);
    if (rc == PX_NO_ROW || (rc == PX_OK && e.finished_at == 0)) {
        w->found++;
        px_buf_printf(w->out, "differs   this database has %s\n",
                      rc == PX_OK ? "begun the erasure and not finished it"
                                  : "no erasure of that fingerprint");
        rc = PX_OK;
    }
    rc = rc == PX_OK ? agg_unlink_each(r->unlink.beside.sql, r->unlink.rollups, look_at, w, reterr)
                     : rc;
    rc = rc == PX_OK ? agg_erase_topic_read(&r->topic, &reading, reterr) : rc;
    if (rc == PX_OK && !agg_erased_knows(&r->told, w->f)) {
        w->found++;
        px_buf_printf(w->out, "differs   %s does not say it: other databases do not know\n",
                      r->topic.topic);
    }
    return rc;
}

static enum px_code read_file(const char *path, struct px_buf *out, struct px_err *reterr) {
    FILE *f = fopen(path, "re");
    if (!f) {
        return px_err_errno(reterr, PX_USAGE, PX_HERE, path);
    }
    enum px_code rc = read_all(f, path, out, reterr);
    (void)fclose(f);
    return rc;
}

static enum px_code verify_work(struct agg_eraser *r, const char *arg, struct px_err *reterr) {
    PX_DEFER(px_buf_fini) struct px_buf text = PX_BUF_INIT(FILE_MAX);
    PX_DEFER(px_buf_fini) struct px_buf out = PX_BUF_INIT(FILE_MAX);
    struct agg_receipt receipt;
    struct looking w = {.r = r, .out = &out};
    enum px_code rc = read_file(arg, &text, reterr);
    rc = rc == PX_OK ? agg_receipt_read(px_buf_view(&text), &r->ring, &receipt, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    w.key = px_keyring_find(&r->ring, px_str_c(receipt.kid));
    bool hex = px_hmac_unhex(px_str_c(receipt.fingerprint), w.f);
    px_assert(hex && w.key < r->ring.n);
    rc = compare(&w, &receipt, reterr);
    if (rc == PX_OK) {
        px_buf_printf(&out, "erasure of %.16s... with key %s: %s; %lld ids looked at\n",
                      receipt.fingerprint, receipt.kid,
                      w.found ? "NOT as the receipt says" : "verified, the player is in no table",
                      (long long)w.players);
        rc = print(&out, reterr);
    }
    return rc == PX_OK && w.found > 0 ? PX_DIFFERS : rc;
}

enum px_code agg_erase_verify(void *svc, const char *arg, struct px_err *reterr) {
    return with_eraser(svc, PX_SQL_READ, verify_work, arg, reterr);
}
